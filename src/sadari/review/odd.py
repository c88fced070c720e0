"""Which pictures are odd? Blurred, nearly black or white, tiny or very long, and those unlike all others.

What is odd is judged against the set itself, by medians and median deviations, which odd pictures do not move.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sadari.data.image_file import MAX_PIXELS, open_image, quiet_pillow
from sadari.data.look import PHOTOGRAPHS_FROM
from sadari.data.sources.base import FileContent
from sadari.review.neighbours import nearest
from sadari.values import RowAccess, prefetch

if TYPE_CHECKING:
    from sadari.review.suspects import Review

DEVIATIONS = 3.5  # robust deviations from the median that are odd (Iglewicz & Hoaglin 1993)
SCALE = 1.4826  # of a median absolute deviation, which makes it a standard deviation of normal values
DARK, BRIGHT = 40, 215  # grey levels that nearly all pixels of a black or white picture stay below or above (assumed)
NEARLY = 0.98  # of the pixels (assumed)
ELONGATED = 3.0  # times as long as wide, or as wide as long (assumed: panoramas and strips)
TINY = 0.25  # of the median shorter side of the set (assumed)
NEIGHBOURS = 5  # whose mean distance says how unlike all others a picture is (assumed)
MOST = 20_000  # pictures that are compared with each other: a minute of products (assumed)
AT_ONCE = 64  # images or rows

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Odd:
    """An odd picture: its position, how odd it is (more is odder), and why, for the user."""

    position: int
    how: float
    about: str


def find_odd(review: "Review") -> list[Odd]:
    """Return the odd pictures of a set, of each reason the oddest first; a picture may be odd for several reasons."""
    images = review.images.images
    sharpness, dark, bright = looks(images)
    found = [Odd(at, 1.0, "nearly black") for at in np.flatnonzero(dark).tolist()]
    found += [Odd(at, 1.0, "nearly white") for at in np.flatnonzero(bright).tolist()]
    if min(images.shape[1:3]) >= PHOTOGRAPHS_FROM:  # smaller images have hardly any fine detail to miss
        blurred = deviations(-np.log(sharpness + 1e-3))
        found += [
            Odd(at, float(blurred[at]), "blurred, compared with the others of the set")
            for at in _above(blurred)
            if not dark[at] and not bright[at]
        ]
    found += sizes(review)
    if len(review.rows) <= MOST:
        unlike = deviations(distances(review.rows))
        found += [Odd(at, float(unlike[at]), "unlike all other pictures of the set") for at in _above(unlike)]
    return found


def _above(values: Floats) -> list[int]:
    """Return the positions above DEVIATIONS, the highest first."""
    order = np.argsort(-values, kind="stable")
    return [int(at) for at in order if values[at] > DEVIATIONS]


def deviations(values: Floats) -> Floats:
    """Return by how many robust standard deviations each value is above the median; 0 where nothing varies."""
    if not len(values):
        return values
    away = values - np.median(values)
    spread = SCALE * float(np.median(np.abs(away)))
    return np.asarray(away / spread if spread > 0 else np.zeros_like(away))


def looks(images: RowAccess) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the sharpness of each image, and whether it is nearly black or white.

    Sharpness is the variance of the Laplacian of its grey levels (Pech-Pacheco et al. 2000, *Diatom autofocusing in
    brightfield microscopy*, ICPR).
    """
    count = len(images)
    sharpness = np.zeros(count)
    dark, bright = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
    prefetch(images, np.arange(count, dtype=np.int64))
    for start in range(0, count, AT_ONCE):
        grey = np.asarray(images[start : start + AT_ONCE], dtype=np.float32).mean(axis=3)
        block = slice(start, start + len(grey))
        if min(grey.shape[1:]) > 2:
            inner = grey[:, 1:-1, 1:-1]
            around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
            sharpness[block] = (around - 4 * inner).var(axis=(1, 2))
        dark[block] = (grey < DARK).mean(axis=(1, 2)) >= NEARLY
        bright[block] = (grey > BRIGHT).mean(axis=(1, 2)) >= NEARLY
    if (dark | bright).mean() > 0.5:  # digits on black, drawings on white: that is how the set is
        dark[:], bright[:] = False, False
    return sharpness, dark, bright


def sizes(review: "Review") -> list[Odd]:
    """Return the pictures that are tiny or very long, by the sizes of their files; none of arrays, which have one."""
    found: list[Odd] = []
    measured = dict(_sizes(review))
    if not measured:
        return found
    usual = float(np.median([min(each) for each in measured.values()]))
    for at, (width, height) in measured.items():
        shorter, longer = sorted((width, height))
        if longer > ELONGATED * shorter:
            found.append(Odd(at, longer / shorter, f"very long: {width} x {height} pixels"))
        if shorter < TINY * usual:
            found.append(Odd(at, usual / shorter, f"tiny: {width} x {height} pixels, usual are {usual:.0f}"))
    return sorted(found, key=lambda each: -each.how)


def _sizes(review: "Review") -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield the position and the size of each picture in a file that can be read by itself; only heads are read."""
    content = review.source.content()
    if not isinstance(content, FileContent) or content.fetch is None:
        return
    quiet_pillow()
    for at, name in enumerate(review.images.ids.tolist()):
        with suppress(Exception):  # Pillow raises many kinds; what cannot be read is not measured
            yield at, open_image(content.fetch(str(name)), MAX_PIXELS).size


def distances(rows: NDArray[np.float32]) -> Floats:
    """Return the mean distance of each row to its nearest other ones, (N,)."""
    count = len(rows)
    if count < 2:
        return np.zeros(count)
    near = nearest(rows, NEIGHBOURS)
    found = np.empty(count)
    for start in range(0, count, AT_ONCE):
        block = slice(start, start + AT_ONCE)
        found[block] = np.linalg.norm(rows[near[block]] - rows[block, None], axis=2).mean(axis=1)
    return found
