"""How do the lessons about filters and pooling look on paper?"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sadari.explain.lessons import FilterLesson, PoolLesson
from sadari.report.ink.style import GREY, new_figure
from sadari.report.ink.tiles import bare, caption, mark_window, show_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Whole = NDArray[np.int64]
DIFFERENCES = "RdBu_r"


def draw_filter_lesson(lesson: FilterLesson) -> "Figure":
    """The image with a window, window times filter, the products and their sum, and where that stands in the result."""
    figure = new_figure(10.4, 2.75)
    title = f"How a filter for {lesson.lines} lines goes over an image: multiply, add up, move on"
    figure.suptitle(title, x=0.02, ha="left", weight="bold")
    widths = [1.7, 1.2, 0.12, 1.2, 0.12, 1.2, 0.12, 1.7]
    image, window, times, kernel, equals, products, adds, result = figure.subplots(1, 8, width_ratios=widths)
    _show_grey(image, lesson.picture)
    mark_window(image, lesson.row, lesson.column, len(lesson.kernel))
    caption(image, "image", f"the window at row {lesson.row}, column {lesson.column}")
    show_numbers(window, lesson.window, "gray", 0, 255)
    caption(window, "window", "grey levels, 0 to 255")
    _sign(times, "\N{MULTIPLICATION SIGN}")
    show_numbers(kernel, lesson.kernel, DIFFERENCES, -4, 4)
    caption(kernel, "filter", f"{lesson.lines} lines")
    _sign(equals, "=")
    most = max(1, int(np.abs(lesson.products).max()))
    show_numbers(products, lesson.products, DIFFERENCES, -2 * most, 2 * most)
    caption(products, "products", f"their sum is {lesson.total:,}")
    _sign(adds, "→")
    most = max(1, int(np.abs(lesson.result).max()))
    bare(result)
    result.imshow(lesson.result, cmap=DIFFERENCES, vmin=-most, vmax=most, interpolation="nearest")
    mark_window(result, lesson.row, lesson.column, 1)
    caption(result, f"result, {_size(lesson.result)}", f"{lesson.picture.shape[1]} - 3 + 1 = {lesson.result.shape[1]}")
    return figure


def draw_pool_lesson(lesson: PoolLesson) -> "Figure":
    """The image with 4x4 pixels marked, these, the largest of each 2x2, and the image pooled."""
    figure = new_figure(8.6, 2.75)
    title = "How max pooling makes an image smaller: of every 2x2 pixels the largest stays"
    figure.suptitle(title, x=0.02, ha="left", weight="bold")
    image, window, becomes, pooled, result = figure.subplots(1, 5, width_ratios=[1.7, 1.5, 0.15, 0.8, 1.7])
    _show_grey(image, lesson.picture)
    mark_window(image, lesson.row, lesson.column, len(lesson.window))
    caption(image, f"image, {_size(lesson.picture)}", f"the window at row {lesson.row}, column {lesson.column}")
    show_numbers(window, lesson.window, "gray", 0, 255)
    _frame_largest(window, lesson.window)
    caption(window, "4x4 pixels", "framed: the largest of each 2x2")
    _sign(becomes, "→")
    show_numbers(pooled, lesson.pooled, "gray", 0, 255)
    caption(pooled, "2x2 pixels")
    _show_grey(result, lesson.result)
    mark_window(result, lesson.row // 2, lesson.column // 2, 2)
    caption(result, f"result, {_size(lesson.result)}", f"{lesson.picture.shape[1]} / 2 = {lesson.result.shape[1]}")
    return figure


def _show_grey(axes: "Axes", picture: Whole) -> None:
    bare(axes)
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")


def _frame_largest(axes: "Axes", window: Whole) -> None:
    axes.axhline(1.5, color=GREY, linewidth=2.5)
    axes.axvline(1.5, color=GREY, linewidth=2.5)
    for row in (0, 2):
        for column in (0, 2):
            block = window[row : row + 2, column : column + 2]
            down, right = np.unravel_index(int(np.argmax(block)), block.shape)
            mark_window(axes, row + int(down), column + int(right), 1)


def _sign(axes: "Axes", text: str) -> None:
    bare(axes)
    axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=15, color=GREY, transform=axes.transAxes)


def _size(picture: Whole) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"
