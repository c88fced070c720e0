"""What should a user know of a set before training? Notes on white, dark and 16-bit images, and on small classes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sadari.data.image_file import has_deep_colours, has_more_pages
from sadari.data.levels import FULL_RANGE
from sadari.errors import SadariError

# Assumed: a set whose brightest pixel is at most this was saved with another range, such as 0..1 or 0..16.
DARK = 31
# Assumed: a 16-bit set whose pixels differ by fewer of the 256 levels than this has lost what was in them.
FEW_LEVELS = 32
NAMED, NAMED_CLASSES = 3, 5


class Appearance:
    """A record of what `count` decoded images look like, for the notes that a user needs before training."""

    def __init__(self, count: int) -> None:
        self._brightest = np.zeros(count, dtype=np.uint8)
        self._dark = True  # no image so far is brighter than DARK; then no further one is looked at for it
        self._white = np.zeros(count, dtype=np.bool_)
        self._deep = np.zeros(count, dtype=np.bool_)
        self._pages = np.zeros(count, dtype=np.bool_)
        self._narrow = True  # no image so far has FEW_LEVELS; then no further one is looked at for it
        self._between = np.tile(np.array([255, 0], dtype=np.uint8), (count, 1))  # the least and the highest value

    def look(self, position: int, image: NDArray[np.uint8], content: bytes = b"") -> None:
        """Record uint8 (H, W, C) `image` as number `position`, from any thread. content: of its file."""
        self._deep[position] = has_deep_colours(content)
        self._pages[position] = has_more_pages(content)
        if self._narrow:
            self._between[position] = least, most = image.min(), image.max()
            self._narrow = int(most) - int(least) < FEW_LEVELS
        if self._dark:
            self._brightest[position] = highest = image.max()
            if highest > DARK:
                self._dark = False
        if image[0, 0, 0] == 255:
            self._white[position] = image.min() == 255

    def keep(self, positions: Sequence[int]) -> None:
        """Forget all images but those at `positions`."""
        self._white = self._white[list(positions)]
        self._deep = self._deep[list(positions)]
        self._pages = self._pages[list(positions)]

    def notes(self, ids: Sequence[str], white_level: int, *, chosen: bool) -> tuple[str, ...]:
        """Return the notes. white_level: of 16-bit images, 0 where there are none; chosen: whether the user set it."""
        found = []
        if white_level and not chosen:
            found.append(_of_range(white_level))
        least, most = int(self._between[:, 0].min(initial=255)), int(self._between[:, 1].max(initial=0))
        if white_level and self._narrow and 0 < least < most < least + FEW_LEVELS:
            found.append(_of_few_levels(least, most))
        pages = [ids[int(at)] for at in np.flatnonzero(self._pages)]
        if pages:
            found.append(_of_pages(pages))
        deep = [ids[int(at)] for at in np.flatnonzero(self._deep)]
        if deep:
            found.append(_of_deep(deep))
        white = [ids[int(at)] for at in np.flatnonzero(self._white)]
        if white:
            found.append(_of_white(white))
        brightest = int(self._brightest.max(initial=0))
        if self._dark and brightest:
            found.append(
                f"all images are nearly black: their brightest value is {brightest} of 255; if they were saved with "
                f"values of 0..{brightest}, multiply these by {255 // brightest} first"
            )
        return tuple(found)


def _of_range(white_level: int) -> str:
    if white_level == FULL_RANGE:
        return "16-bit images were scaled to 8 bits by their full range, 0..65535; set white_level if it is smaller"
    return (
        f"16-bit images hold values up to {white_level} at most, so {white_level} became white (255) in all of them; "
        "set another white_level if that is wrong"
    )


def _of_few_levels(least: int, most: int) -> str:
    return (
        f"the 16-bit images have only {most - least + 1} of 256 grey levels left ({least} to {most}), since their "
        "values are close together and far from 0; stretch them to the whole range before they are saved"
    )


def _of_pages(ids: Sequence[str]) -> str:
    have = "image has" if len(ids) == 1 else "images have"
    return f"{len(ids):,} {have} several pages ({_first(ids)}), of which only the first is read"


def _of_deep(ids: Sequence[str]) -> str:
    have = "image has" if len(ids) == 1 else "images have"
    return (
        f"{len(ids):,} {have} colours of 16 bits ({_first(ids)}), of which only the upper 8 are read: values of "
        "0..65535 become 0..255, and those of a smaller range, such as 0..4095, become dark; save these with 8 bits"
    )


def _first(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - NAMED:,} more" if len(ids) > NAMED else ""
    return f"{', '.join(ids[:NAMED])}{more}"


def _of_white(ids: Sequence[str]) -> str:
    are = "image is" if len(ids) == 1 else "images are"
    return (
        f"{len(ids):,} {are} wholly white ({_first(ids)}); transparent pixels become white, and a "
        "white drawing on them is lost"
    )


def check_classes(labels: NDArray[np.int64], classes: Sequence[str], where: str) -> tuple[str, ...]:
    """Return sentences on the classes that have one image or none.

    labels: int64 (N,), positions in `classes`. where: what the user called the data. Raises SadariError where there are
    no images. Whether a classifier can be trained on them is for `split.draw_split` to say: images of one class can
    still be judged.
    """
    if not len(labels):
        raise SadariError(f"{where} holds no images; a classifier needs images of at least two classes")
    counts = np.bincount(labels, minlength=len(classes))
    return (
        *_of_classes([name for name, count in zip(classes, counts, strict=True) if count == 1], "has one image only"),
        *_of_classes([name for name, count in zip(classes, counts, strict=True) if count == 0], "has no images"),
    )


def _of_classes(names: Sequence[str], what: str) -> tuple[str, ...]:
    if not names:
        return ()
    if len(names) == 1:
        return (f"the class '{names[0]}' {what}",)
    more = f" and {len(names) - NAMED_CLASSES:,} more" if len(names) > NAMED_CLASSES else ""
    return (f"each of the classes {', '.join(names[:NAMED_CLASSES])}{more} {what}",)
