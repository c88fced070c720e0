"""How does a filter find lines, and what does pooling keep? The two lessons of article A4, on any image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sadari.data.decode import to_channels
from sadari.errors import UsageError
from sadari.explain.activations import Pixels

Whole = NDArray[np.int64]

# A line one pixel wide, against what lies on both sides of it.
LINES = {
    "vertical": np.array([[-1, 2, -1]] * 3, dtype=np.int64),
    "horizontal": np.array([[-1, 2, -1]] * 3, dtype=np.int64).T,
}
POOL, POOLED_WINDOW = 2, 4


@dataclass(frozen=True, eq=False)
class FilterLesson:
    """How does one value of the result come about? total = sum(window * kernel), for the window at (row, column).

    picture: int64 (H, W), grey levels. kernel, window, products: int64 (3, 3). result: int64 (H - 2, W - 2).
    """

    lines: str
    picture: Whole
    kernel: Whole
    row: int
    column: int
    window: Whole
    products: Whole
    total: int
    result: Whole


@dataclass(frozen=True, eq=False)
class PoolLesson:
    """What is left of 4x4 pixels? pooled: the largest of each 2x2, for the window at (row, column).

    picture: int64 (H, W), grey levels. window: int64 (4, 4). pooled: int64 (2, 2). result: int64 (H // 2, W // 2).
    """

    picture: Whole
    row: int
    column: int
    window: Whole
    pooled: Whole
    result: Whole


def filter_lesson(pixels: Pixels, lines: str) -> FilterLesson:
    """How does the filter for "vertical" or "horizontal" lines go over uint8 (H, W, C)? Shown where it answers most.

    Colour is taken as grey. Raises UsageError for an image smaller than the filter.
    """
    kernel, picture = LINES[lines], _grey(pixels, len(LINES[lines]))
    windows = np.lib.stride_tricks.sliding_window_view(picture, kernel.shape)
    result = (windows * kernel).sum(axis=(2, 3))
    row, column = (int(place) for place in np.unravel_index(np.argmax(result), result.shape))
    window = windows[row, column].copy()
    products = window * kernel
    return FilterLesson(lines, picture, kernel, row, column, window, products, int(products.sum()), result)


def pool_lesson(pixels: Pixels) -> PoolLesson:
    """What does 2x2 max pooling keep of uint8 (H, W, C)? Shown on the 4x4 pixels where most is dropped.

    Colour is taken as grey. Raises UsageError for an image smaller than 4x4.
    """
    picture = _grey(pixels, POOLED_WINDOW)
    result = _pooled(picture)
    windows = np.lib.stride_tricks.sliding_window_view(picture, (POOLED_WINDOW, POOLED_WINDOW))[::POOL, ::POOL]
    height, width = (side - 1 for side in result.shape)
    largest = sum(result[down : down + height, right : right + width] for down in (0, 1) for right in (0, 1))
    dropped = POOL * POOL * largest - windows.sum(axis=(2, 3))
    row, column = (int(place) for place in np.unravel_index(np.argmax(dropped), dropped.shape))
    window = windows[row, column].copy()
    return PoolLesson(picture, POOL * row, POOL * column, window, _pooled(window), result)


def _pooled(picture: Whole) -> Whole:
    height, width = (side // POOL for side in picture.shape)
    blocks = picture[: POOL * height, : POOL * width].reshape(height, POOL, width, POOL)
    return np.asarray(blocks.max(axis=(1, 3)), dtype=np.int64)


def _grey(pixels: Pixels, least: int) -> Whole:
    if min(pixels.shape[:2]) < least:
        height, width = pixels.shape[:2]
        raise UsageError(f"the image has {width}x{height} pixels, too few for a window of {least}x{least}")
    return to_channels(pixels, 1)[..., 0].astype(np.int64)
