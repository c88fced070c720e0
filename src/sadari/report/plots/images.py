"""Draws pictures and tables of numbers: a grid of samples, panels without axes, grids of many small maps."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sadari.report.plots.names import cut_middle, wrapped
from sadari.report.plots.style import GREY, new_figure, set_heading

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sadari.report.figures import SampleGrid

Floats = NDArray[np.floating[Any]]
MARK = "#D55E00"
DIFFERENCES = "RdBu_r"  # red above 0, blue below
WIDTH = 6.4  # inches of a grid of samples
GLOW = "inferno"  # as in article A4: black is nothing, yellow is much


def draw_samples(grid: "SampleGrid") -> "Figure":
    """Draw five columns of images, each under its class name."""
    rows = -(-len(grid.names) // 5)
    names = [wrapped(name, WIDTH / 5 - 0.15, 8) for name in grid.names]
    tall = 0.13 * any("\n" in name for name in names)
    figure = new_figure(WIDTH, 0.4 + (1.45 + tall) * rows)
    set_heading(figure, grid.title)
    axes = np.atleast_1d(figure.subplots(rows, 5)).ravel()
    for each in axes:
        each.axis("off")
    for each, image, name in zip(axes, grid.images, names, strict=False):
        pixels = image[:, :, 0] if image.shape[2] == 1 else image
        each.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        each.set_title(name, loc="center", weight="normal", fontsize=8, pad=3, parse_math=False)
    return figure


def show_picture(axes: "Axes", pixels: NDArray[np.uint8], faded: bool = False) -> None:
    """Show uint8 (H, W, C) as it is; faded: as light grey, to be under something."""
    bare(axes)
    if faded:
        axes.imshow(255 - (255 - pixels.mean(axis=2)) * 0.28, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    elif pixels.shape[2] == 1:
        axes.imshow(pixels[:, :, 0], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    else:
        axes.imshow(pixels, interpolation="nearest")


def bare(axes: "Axes") -> None:
    """Take ticks and frame away."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def caption(axes: "Axes", name: str, below: str = "", room: float = 1.7) -> None:
    """Write a name over a panel and, in grey, what it is below it. room: inches that a panel may take for them."""
    axes.set_title(wrapped(name, room, 8, bold=True), loc="center", fontsize=8, pad=4, parse_math=False)
    axes.set_xlabel(cut_middle(below, 1.25 * room, 6.5), fontsize=6.5, color=GREY, labelpad=4, parse_math=False)


def show_numbers(axes: "Axes", numbers: NDArray[np.int64], colours: str, low: float, high: float) -> None:
    """Show a small table of whole numbers, each on a square coloured by its value."""
    bare(axes)
    axes.imshow(numbers, cmap=colours, vmin=low, vmax=high)
    axes.spines[:].set(visible=True, color="#cccccc")
    rows, columns = numbers.shape
    axes.set_xticks(np.arange(columns - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(rows - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)
    from matplotlib import colormaps

    for (row, column), number in np.ndenumerate(numbers):
        red, green, blue, _ = colormaps[colours]((number - low) / (high - low))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        axes.text(column, row, f"{number}", ha="center", va="center", fontsize=8, color="white" if dark else "black")


def mark_window(axes: "Axes", row: float, column: float, side: float) -> None:
    """Draw a square frame around `side` pixels from (row, column) on."""
    from matplotlib.patches import Rectangle

    corner = (column - 0.5, row - 0.5)
    axes.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=MARK, linewidth=1.8, clip_on=False, zorder=5))


def zero_anchored(maps: Floats) -> dict[str, Any]:
    """Return the colours of feature maps, as arguments of `imshow`: 0 has one colour, whatever the other values are.

    Black is 0 where nothing is below it, also where all values are 0; otherwise white is 0, red above and blue below.
    """
    most = float(np.abs(maps).max(initial=0.0)) or 1.0
    if float(maps.min(initial=0.0)) < 0:
        return {"cmap": DIFFERENCES, "vmin": -most, "vmax": most}
    return {"cmap": GLOW, "vmin": 0.0, "vmax": most}


def show_mosaic(axes: "Axes", maps: Floats, columns: int) -> Any:
    """Show (C, H, W) as a grid of maps on one colour scale; row and column add up to a channel's number.

    Returns what a colour bar needs.
    """
    count, height, width = maps.shape
    gap = max(1, round(max(height, width) / 14)) if height > 1 else 0
    picture = axes.imshow(_mosaic(maps, columns, gap), interpolation="nearest", **zero_anchored(maps))
    axes.spines[:].set_visible(False)
    across, down = range(columns), range(-(-count // columns))
    axes.set_xticks([(width + gap) * each + (width - 1) / 2 for each in across], [f"+{each}" for each in across])
    axes.set_yticks([(height + gap) * each + (height - 1) / 2 for each in down], [f"{columns * each}" for each in down])
    axes.tick_params(length=0, labelsize=7, labelcolor=GREY)
    axes.xaxis.tick_top()
    return picture


def _mosaic(maps: Floats, columns: int, gap: int) -> Floats:
    count, height, width = maps.shape
    rows = -(-count // columns)
    laid = np.full((rows * (height + gap), columns * (width + gap)), np.nan)
    for place, each in enumerate(maps):
        top, left = place // columns * (height + gap), place % columns * (width + gap)
        laid[top : top + height, left : left + width] = each
    return laid[: laid.shape[0] - gap, : laid.shape[1] - gap]
