"""Which image does the user mean: a file, or one of the images that the run was trained on?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sadari.data.image_file import UnreadableImageError
from sadari.errors import SadariError, UsageError
from sadari.explain.activations import Pixels
from sadari.values import ImageSet


@dataclass(frozen=True, eq=False)
class NamedImage:
    """One image that the user named: its name, uint8 (H, W, C) as the model needs it, and its class where known."""

    name: str
    pixels: Pixels
    label: int | None = None


def find_images(
    names: Sequence[str], decode: Callable[[bytes], Pixels], own: Callable[[], ImageSet]
) -> list[NamedImage]:
    """Return the images called `names`: a file where there is one of that name, else an id such as test/00042.

    decode: makes pixels of the bytes of a file as the model needs them. own: loads the images that the run was trained
    on; called only where an id is named. Raises SadariError for a file that is no image, UsageError for what is neither
    file nor id.
    """
    images: ImageSet | None = None
    found = []
    for name in names:
        if _is_file(Path(name)):
            found.append(NamedImage(name, _read(Path(name), decode)))
            continue
        images = images or own()
        found.append(_by_id(images, name))
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # longer than any file name may be
        return False


def _read(path: Path, decode: Callable[[bytes], Pixels]) -> Pixels:
    try:
        return decode(path.read_bytes())
    except OSError as error:
        raise SadariError(f"cannot read {path}: {error.strerror}") from None
    except UnreadableImageError as error:
        raise SadariError(f"{path} cannot be explained: {error}") from None


def _by_id(images: ImageSet, name: str) -> NamedImage:
    places = np.flatnonzero(images.ids == name)
    if not len(places):
        raise UsageError(
            f"'{name}' is neither a file nor an image of {images.name}, whose images are called like {images.ids[-1]}"
        )
    place = int(places[0])
    return NamedImage(name, np.array(images.images[place]), int(images.labels[place]))
