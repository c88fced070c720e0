"""Draws what is inside a model: feature maps, attributions, weights and filters, and the lessons on what layers do."""

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from sadari.explain.activations import FeatureMap, Maps
from sadari.explain.attribution import ATTRIBUTIONS
from sadari.explain.lessons import FilterLesson, PoolLesson
from sadari.explain.look import Attributed, ChannelView, Look
from sadari.explain.weights import ClassWeights, FirstFilters
from sadari.models.layers.specs import shape_text
from sadari.report.plots.images import (
    DIFFERENCES,
    bare,
    caption,
    mark_window,
    show_mosaic,
    show_numbers,
    show_picture,
    zero_anchored,
)
from sadari.report.plots.style import GREY, new_figure, set_heading

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

ACROSS = 6  # panels in a row of layers
MOST_CHANNELS = 256  # in one grid: more cannot be distinguished on paper (assumed)
MOST_PANELS = 128  # filters or classes in one figure (assumed: more cannot be distinguished)
INSET = 0.07  # of a pixel, between its border and the frame around it
FULL = 99.0  # percentile of the absolute values that gets the full colour: single pixels would else pale all others


def draw_layers(look: Look) -> "Figure":
    """Draw the image, and its strongest channel in each layer that still has a picture of it, as in article A4."""
    shown = [each for each in look.maps if each.maps.shape[1] > 1]
    rows = -(-(len(shown) + 1) // ACROSS)
    across = min(ACROSS, len(shown) + 1)
    figure = new_figure(1.35 * max(across, 3), 0.5 + 1.7 * rows)
    set_heading(figure, f"{look.name}, layer by layer", name=look.name)
    panels = np.atleast_1d(figure.subplots(rows, across)).ravel()
    for axes in panels:
        bare(axes)
    show_picture(panels[0], look.pixels)
    caption(panels[0], "image", shape_text(look.pixels.shape))
    for axes, (layer, maps) in zip(panels[1:], shown, strict=False):
        channel = int(maps.max(axis=(1, 2)).argmax())
        shape: Literal["auto", "equal"] = "auto" if len(maps) == 1 else "equal"
        axes.imshow(maps[channel], interpolation="nearest", aspect=shape, **zero_anchored(maps[channel]))
        size = f"{maps.shape[1]}x{maps.shape[2]}"
        caption(axes, layer, f"{maps.shape[1]} steps" if len(maps) == 1 else f"channel {channel}, {size}")
    return figure


def draw_maps(view: FeatureMap) -> "Figure":
    """Draw all channels of one layer."""
    maps = view.maps
    if maps.shape[:2] == (1, 1):  # a vector: every unit is a square of its own
        maps = maps.reshape(-1, 1, 1)
    if len(maps) == 1:
        return _draw_single(view)
    count = min(len(maps), MOST_CHANNELS)
    columns = min(count, 8 if count <= 64 else 16)
    rows = -(-count // columns)
    cell = 0.5 if maps.shape[1] > 1 else 0.25
    figure = new_figure(max(3.6, 1.2 + cell * columns), 0.9 + cell * rows * maps.shape[1] / maps.shape[2])
    axes = figure.subplots()
    picture = show_mosaic(axes, maps[:count], columns)
    what = "units" if maps.shape[1] == 1 else f"channels of {maps.shape[2]}x{maps.shape[1]}"
    more = f", the first {count}" if count < len(maps) else ""
    title = f"{view.layer}: {len(maps)} {what}{more}"
    figure.suptitle(title, x=0.02, ha="left", weight="bold", parse_math=False)
    figure.colorbar(picture, ax=axes, shrink=0.7, pad=0.02).ax.tick_params(labelsize=7)
    return figure


def _draw_single(view: FeatureMap) -> "Figure":
    """Draw a sequence, its steps from top to bottom, or the only channel of a layer."""
    _, height, width = view.maps.shape
    figure = new_figure(5.0, 3.2)
    axes = figure.subplots()
    picture = axes.imshow(view.maps[0], interpolation="nearest", aspect="auto", **zero_anchored(view.maps[0]))
    axes.tick_params(labelsize=7)
    axes.set_title(f"{view.layer}: {height}x{width}", parse_math=False)
    figure.colorbar(picture, ax=axes, pad=0.02).ax.tick_params(labelsize=7)
    return figure


def draw_channel(view: ChannelView) -> "Figure":
    """Draw one channel large beside the image, and below it the images of the set that it answers to most."""
    large = view.plane is not None
    heights = [*([2.6] if large else []), 1.0]
    figure = new_figure(7.2, 0.5 + (3.0 if large else 0) + 1.5)
    title = f"{view.strongest.layer}, channel {view.strongest.channel}"
    figure.suptitle(title, x=0.02, ha="left", weight="bold", parse_math=False)
    rows = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False).ravel()
    if view.plane is not None and view.pixels is not None:
        left, right = rows[0].subplots(1, 2)
        show_picture(left, view.pixels)
        caption(left, view.name)
        bare(right)
        aspect: Literal["auto", "equal"] = "auto" if view.plane.shape[1] == 1 else "equal"  # a sequence is one column
        picture = right.imshow(view.plane, interpolation="nearest", aspect=aspect, **zero_anchored(view.plane))
        caption(right, title, f"{view.plane.shape[0]}x{view.plane.shape[1]}")
        rows[0].colorbar(picture, ax=right, shrink=0.8, pad=0.02).ax.tick_params(labelsize=7)
    panels = np.atleast_1d(rows[-1].subplots(1, max(1, len(view.images))))
    for axes, pixels, name, peak in zip(panels, view.images, view.ids, view.strongest.peaks, strict=True):
        show_picture(axes, pixels)
        caption(axes, f"{peak:.2f}", name)
        axes.xaxis.label.set_fontsize(5.5)
    rows[-1].suptitle("the images that it answers to most", x=0.02, ha="left", fontsize=8, color=GREY)
    return figure


def draw_attributions(view: Attributed) -> "Figure":
    """Draw the image, then one panel for each method."""
    figure = new_figure(0.3 + 2.0 * (len(view.maps) + 1), 2.75)
    set_heading(figure, f"What speaks for {view.label}?", name=view.label)
    first, *panels = np.atleast_1d(figure.subplots(1, len(view.maps) + 1))
    show_picture(first, view.pixels)
    caption(first, "image")
    for axes, (name, values) in zip(panels, view.maps.items(), strict=True):
        show_picture(axes, view.pixels, faded=True)
        _lay_over(axes, values, ATTRIBUTIONS.get(name).signed)
        caption(axes, name, ATTRIBUTIONS.get(name).summary)
    return figure


def _lay_over(axes: "Axes", values: Maps, signed: bool) -> None:
    """Draw the colours of `values` over a picture, opaque where they are large."""
    full = float(np.percentile(np.abs(values), FULL)) or float(np.abs(values).max()) or 1.0
    share = np.clip(values / full, -1, 1)
    axes.imshow(
        share,
        cmap=DIFFERENCES if signed else "YlOrRd",
        vmin=-1 if signed else 0,
        vmax=1,
        alpha=np.clip(np.abs(share) ** 0.7, 0, 0.9),
        interpolation="nearest",
    )


def draw_filters(filters: FirstFilters) -> "Figure":
    """Draw the first filters: for grey images red is above 0 and blue below; for colour images as colours."""
    colour = filters.values.shape[-1] == 3
    what = "each in the colours it answers to" if colour else "red adds, blue takes away"
    title = f"{filters.layer}: {len(filters.values)} filters, {what}"
    return _draw_panels(
        filters.values, [f"{place}" for place in range(len(filters.values))], title, across=12, side=0.62
    )


def draw_weights(weights: ClassWeights) -> "Figure":
    """Draw the weights of each class as an image."""
    colour = weights.values.shape[-1] == 3
    what = "grey is 0, a bright colour speaks for the class" if colour else "red speaks for the class, blue against it"
    return _draw_panels(weights.values, list(weights.classes), f"the weight of every pixel: {what}", across=5, side=1.4)


def _draw_panels(values: Floats, names: list[str], title: str, across: int, side: float) -> "Figure":
    shown = values[:MOST_PANELS]
    columns = min(across, len(shown))
    rows = -(-len(shown) // columns)
    figure = new_figure(max(4.6, 0.4 + side * columns), 0.5 + (side + 0.24) * rows)
    more = f" (the first {MOST_PANELS})" if len(values) > MOST_PANELS else ""
    figure.suptitle(title + more, x=0.02, ha="left", weight="bold", fontsize=9, parse_math=False)
    panels = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axes in panels:
        axes.axis("off")
    full = float(np.percentile(np.abs(shown), 99.5)) or 1.0
    for axes, each, name in zip(panels, shown, names, strict=False):
        _draw_kernel(axes, each, full)
        caption(axes, name)
        axes.title.set_fontweight("normal")
    return figure


def _draw_kernel(axes: "Axes", values: Floats, full: float) -> None:
    """Draw float (H, W, C): grey in red and blue; colour around a middle grey, each filter on its own scale."""
    if values.shape[-1] == 1:
        axes.imshow(values[:, :, 0], cmap=DIFFERENCES, vmin=-full, vmax=full, interpolation="nearest")
        return
    most = float(np.percentile(np.abs(values), 99)) or 1.0
    show_picture(axes, np.rint(127.5 + 127.5 * np.clip(values / most, -1, 1)).astype(np.uint8))


def draw_filter_lesson(lesson: FilterLesson) -> "Figure":
    """Draw the image with a window, window times filter, the products, their sum, and its place in the result."""
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
    """Draw the image with 4x4 pixels marked, these, the largest of each 2x2, and the image pooled."""
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


def _show_grey(axes: "Axes", picture: Integers) -> None:
    bare(axes)
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")


def _frame_largest(axes: "Axes", window: Integers) -> None:
    axes.axhline(1.5, color=GREY, linewidth=2.5)
    axes.axvline(1.5, color=GREY, linewidth=2.5)
    for row in (0, 2):
        for column in (0, 2):
            block = window[row : row + 2, column : column + 2]
            down, right = np.unravel_index(int(np.argmax(block)), block.shape)
            # Inside of its pixel: on the border it would be half hidden by the lines between the pixels.
            mark_window(axes, row + int(down) + INSET, column + int(right) + INSET, 1 - 2 * INSET)


def _sign(axes: "Axes", text: str) -> None:
    bare(axes)
    axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=15, color=GREY, transform=axes.transAxes)


def _size(picture: Integers) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"
