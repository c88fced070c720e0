"""How do the feature maps of an image look on paper?"""

from typing import TYPE_CHECKING, Literal

import numpy as np

from sadari.explain.activations import FeatureMap
from sadari.explain.look import ChannelView, Look
from sadari.models.kinds import shape_text
from sadari.report.ink.style import GREY, new_figure, shortened
from sadari.report.ink.tiles import GLOW, bare, caption, show_mosaic, show_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CHANNELS = 256  # in one grid: more cannot be told apart on paper (assumed)
ACROSS = 6


def draw_layers(look: Look) -> "Figure":
    """The image, and of each layer that still has a picture of it the channel that answers most, as in article A4."""
    shown = [each for each in look.maps if each.maps.shape[1] > 1]
    rows = -(-(len(shown) + 1) // ACROSS)
    across = min(ACROSS, len(shown) + 1)
    figure = new_figure(1.35 * max(across, 3), 0.5 + 1.7 * rows)
    figure.suptitle(f"{shortened(look.name, 40)}, layer by layer", x=0.02, ha="left", weight="bold", parse_math=False)
    panels = np.atleast_1d(figure.subplots(rows, across)).ravel()
    for axes in panels:
        bare(axes)
    show_picture(panels[0], look.pixels)
    caption(panels[0], "image", shape_text(look.pixels.shape))
    for axes, (layer, maps) in zip(panels[1:], shown, strict=False):
        channel = int(maps.max(axis=(1, 2)).argmax())
        axes.imshow(maps[channel], cmap=GLOW, interpolation="nearest", aspect="auto" if len(maps) == 1 else "equal")
        size = f"{maps.shape[1]}x{maps.shape[2]}"
        caption(axes, layer, f"{maps.shape[1]} steps" if len(maps) == 1 else f"channel {channel}, {size}")
    return figure


def draw_maps(view: FeatureMap) -> "Figure":
    """All channels of one layer."""
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
    """A sequence, its steps from top to bottom, or the only channel of a layer."""
    _, height, width = view.maps.shape
    figure = new_figure(5.0, 3.2)
    axes = figure.subplots()
    picture = axes.imshow(view.maps[0], cmap=GLOW, interpolation="nearest", aspect="auto")
    axes.tick_params(labelsize=7)
    axes.set_title(f"{view.layer}: {height}x{width}", parse_math=False)
    figure.colorbar(picture, ax=axes, pad=0.02).ax.tick_params(labelsize=7)
    return figure


def draw_channel(view: ChannelView) -> "Figure":
    """One channel large beside the image, and below it the images of the set that it answers to most."""
    large = view.plane is not None
    heights = [*([2.6] if large else []), 1.0]
    figure = new_figure(7.2, 0.5 + (3.0 if large else 0) + 1.5)
    title = f"{view.strongest.layer}, channel {view.strongest.channel}"
    figure.suptitle(title, x=0.02, ha="left", weight="bold", parse_math=False)
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False).ravel()
    if view.plane is not None and view.pixels is not None:
        left, right = parts[0].subplots(1, 2)
        show_picture(left, view.pixels)
        caption(left, view.name)
        bare(right)
        aspect: Literal["auto", "equal"] = "auto" if view.plane.shape[1] == 1 else "equal"  # a sequence is one column
        picture = right.imshow(view.plane, cmap=GLOW, interpolation="nearest", aspect=aspect)
        caption(right, title, f"{view.plane.shape[0]}x{view.plane.shape[1]}")
        parts[0].colorbar(picture, ax=right, shrink=0.8, pad=0.02).ax.tick_params(labelsize=7)
    panels = np.atleast_1d(parts[-1].subplots(1, max(1, len(view.images))))
    for axes, pixels, name, peak in zip(panels, view.images, view.ids, view.strongest.peaks, strict=True):
        show_picture(axes, pixels)
        caption(axes, f"{peak:.2f}", name)
        axes.xaxis.label.set_fontsize(5.5)
    parts[-1].suptitle("the images that it answers to most", x=0.02, ha="left", fontsize=8, color=GREY)
    return figure
