"""How does a filter find lines, and what does pooling keep? The two lessons of article A4, on any image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sadari.data.levels import to_channels
from sadari.errors import UsageError
from sadari.explain.activations import Pixels

Integers = NDArray[np.int64]

# A line one pixel wide, compared with both sides of it.
LINES = {
    "vertical": np.array([[-1, 2, -1]] * 3, dtype=np.int64),
    "horizontal": np.array([[-1, 2, -1]] * 3, dtype=np.int64).T,
}
POOL, POOLED_WINDOW = 2, 4


@dataclass(frozen=True, eq=False)
class FilterLesson:
    """How one value of the result comes about: total = sum(window * kernel), for the window at (row, column).

    picture: int64 (H, W), grey levels. kernel, window, products: int64 (3, 3). result: int64 (H - 2, W - 2).
    """

    lines: str
    picture: Integers
    kernel: Integers
    row: int
    column: int
    window: Integers
    products: Integers
    total: int
    result: Integers


@dataclass(frozen=True, eq=False)
class PoolLesson:
    """What pooling leaves of 4x4 pixels. pooled: the largest of each 2x2, for the window at (row, column).

    picture: int64 (H, W), grey levels. window: int64 (4, 4). pooled: int64 (2, 2). result: int64 (H // 2, W // 2).
    """

    picture: Integers
    row: int
    column: int
    window: Integers
    pooled: Integers
    result: Integers


def filter_lesson(pixels: Pixels, lines: str) -> FilterLesson:
    """Apply the filter for "vertical" or "horizontal" lines to uint8 (H, W, C); shown where it responds most.

    Colour is converted to grey. Raises UsageError for an image smaller than the filter.
    """
    kernel, picture = LINES[lines], _grey(pixels, len(LINES[lines]))
    windows = np.lib.stride_tricks.sliding_window_view(picture, kernel.shape)
    result = (windows * kernel).sum(axis=(2, 3))
    row, column = (int(place) for place in np.unravel_index(np.argmax(result), result.shape))
    window = windows[row, column].copy()
    products = window * kernel
    return FilterLesson(lines, picture, kernel, row, column, window, products, int(products.sum()), result)


def pool_lesson(pixels: Pixels) -> PoolLesson:
    """Apply 2x2 max pooling to uint8 (H, W, C); shown on the 4x4 pixels where most is dropped.

    Colour is converted to grey. Raises UsageError for an image smaller than 4x4.
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


def _pooled(picture: Integers) -> Integers:
    height, width = (side // POOL for side in picture.shape)
    blocks = picture[: POOL * height, : POOL * width].reshape(height, POOL, width, POOL)
    return np.asarray(blocks.max(axis=(1, 3)), dtype=np.int64)


def _grey(pixels: Pixels, least: int) -> Integers:
    if min(pixels.shape[:2]) < least:
        height, width = pixels.shape[:2]
        raise UsageError(f"the image has {width}x{height} pixels, too few for a window of {least}x{least}")
    return to_channels(pixels, 1)[..., 0].astype(np.int64)
