"""How do filters and weights look on paper?"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sadari.explain.weights import ClassWeights, FirstFilters
from sadari.report.ink.style import new_figure
from sadari.report.ink.tiles import caption, show_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float32]
MOST = 128  # filters or classes in one picture (assumed: more cannot be told apart)


def draw_filters(filters: FirstFilters) -> "Figure":
    """The filters that meet the image first: of grey images red is above 0, blue below; of colour as a colour."""
    colour = filters.values.shape[-1] == 3
    what = "each in the colours it answers to" if colour else "red adds, blue takes away"
    title = f"{filters.layer}: {len(filters.values)} filters, {what}"
    return _draw(filters.values, [f"{place}" for place in range(len(filters.values))], title, across=12, side=0.62)


def draw_weights(weights: ClassWeights) -> "Figure":
    """The weights of each class as an image."""
    colour = weights.values.shape[-1] == 3
    what = "grey is 0, a bright colour speaks for the class" if colour else "red speaks for the class, blue against it"
    return _draw(weights.values, list(weights.classes), f"the weight of every pixel: {what}", across=5, side=1.4)


def _draw(values: Floats, names: list[str], title: str, across: int, side: float) -> "Figure":
    shown = values[:MOST]
    columns = min(across, len(shown))
    rows = -(-len(shown) // columns)
    figure = new_figure(max(4.6, 0.4 + side * columns), 0.5 + (side + 0.24) * rows)
    more = f" (the first {MOST})" if len(values) > MOST else ""
    figure.suptitle(title + more, x=0.02, ha="left", weight="bold", fontsize=9, parse_math=False)
    panels = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axes in panels:
        axes.axis("off")
    full = float(np.percentile(np.abs(shown), 99.5)) or 1.0
    for axes, each, name in zip(panels, shown, names, strict=False):
        _draw_one(axes, each, full)
        caption(axes, name)
        axes.title.set_fontweight("normal")
    return figure


def _draw_one(axes: "Axes", values: Floats, full: float) -> None:
    """(H, W, C): grey ones in red and blue, of colour around a middle grey; each filter of colour on its own scale."""
    if values.shape[-1] == 1:
        axes.imshow(values[:, :, 0], cmap="RdBu_r", vmin=-full, vmax=full, interpolation="nearest")
        return
    most = float(np.percentile(np.abs(values), 99)) or 1.0
    show_picture(axes, np.rint(127.5 + 127.5 * np.clip(values / most, -1, 1)).astype(np.uint8))
