"""Is the arithmetic of the lessons right, step by step?"""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sadari.errors import UsageError
from sadari.explain.lessons import LINES, filter_lesson, pool_lesson


def lined(vertical: bool) -> NDArray[np.uint8]:
    """A white line, one pixel wide, on black."""
    pixels = np.zeros((9, 9, 1), np.uint8)
    pixels[:, 4] = 255
    return pixels if vertical else np.ascontiguousarray(pixels.transpose(1, 0, 2))


@pytest.mark.parametrize("vertical", [True, False])
def test_a_filter_keeps_its_own_lines_and_drops_the_others(vertical: bool) -> None:
    own, other = ("vertical", "horizontal") if vertical else ("horizontal", "vertical")
    lesson = filter_lesson(lined(vertical), own)
    assert lesson.total == lesson.result.max() == 6 * 255
    assert lesson.result.shape == (7, 7)
    assert filter_lesson(lined(vertical), other).result.max() == 0


def test_every_step_follows_from_the_one_before() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 10, 1), dtype=np.uint8)
    for lines, kernel in LINES.items():
        lesson = filter_lesson(pixels, lines)
        assert np.array_equal(lesson.window, pixels[lesson.row : lesson.row + 3, lesson.column : lesson.column + 3, 0])
        assert np.array_equal(lesson.products, lesson.window * kernel)
        assert lesson.total == lesson.products.sum() == lesson.result[lesson.row, lesson.column] == lesson.result.max()
        picture, weight = (torch.from_numpy(each).double()[None, None] for each in (lesson.picture, kernel))
        assert np.array_equal(lesson.result, torch.nn.functional.conv2d(picture, weight)[0, 0].numpy())


@pytest.mark.parametrize("shape", [(12, 10, 1), (9, 7, 1), (4, 4, 1), (5, 4, 1)])
def test_pooling_keeps_the_largest_of_each_two_by_two(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    lesson = pool_lesson(pixels)
    row, column = lesson.row, lesson.column
    assert np.array_equal(lesson.window, pixels[row : row + 4, column : column + 4, 0])
    assert lesson.pooled.tolist() == [
        [lesson.window[:2, :2].max(), lesson.window[:2, 2:].max()],
        [lesson.window[2:, :2].max(), lesson.window[2:, 2:].max()],
    ]
    assert np.array_equal(lesson.result[row // 2 : row // 2 + 2, column // 2 : column // 2 + 2], lesson.pooled)
    pooled = torch.nn.functional.max_pool2d(torch.from_numpy(lesson.picture).double()[None, None], 2)
    assert np.array_equal(lesson.result, pooled[0, 0].numpy())


def test_pooling_is_shown_where_it_drops_most() -> None:
    pixels = np.full((12, 12, 1), 90, np.uint8)
    pixels[4:8:2, 6:10:2] = 255
    lesson = pool_lesson(pixels)
    assert (lesson.row, lesson.column) == (4, 6)
    assert lesson.pooled.tolist() == [[255, 255], [255, 255]]


def test_colour_is_taken_as_grey() -> None:
    pixels = np.zeros((6, 6, 3), np.uint8)
    pixels[..., 0] = 100
    assert np.unique(filter_lesson(pixels, "vertical").picture).tolist() == [30]


def test_tiny_images_are_refused_with_their_size() -> None:
    with pytest.raises(UsageError, match="the image has 5x3 pixels, too few for a window of 4x4"):
        pool_lesson(np.zeros((3, 5, 1), np.uint8))
    with pytest.raises(UsageError, match="2x2"):
        filter_lesson(np.zeros((2, 2, 1), np.uint8), "vertical")
