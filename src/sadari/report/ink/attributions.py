"""How do attributions look on paper? Over the faded image: red speaks for the class, blue against it."""

from typing import TYPE_CHECKING

import numpy as np

from sadari.explain.activations import Maps
from sadari.explain.attribution import ATTRIBUTIONS
from sadari.explain.look import Attributed
from sadari.report.ink.style import new_figure, shortened
from sadari.report.ink.tiles import caption, show_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FULL = 99.0  # percentile of the absolute values that gets the full colour: single pixels would else pale all others


def draw_attributions(view: Attributed) -> "Figure":
    """The image, then one panel for each method."""
    figure = new_figure(0.3 + 2.0 * (len(view.maps) + 1), 2.75)
    title = f"What speaks for {shortened(view.label, 40)}?"
    figure.suptitle(title, x=0.02, ha="left", weight="bold", parse_math=False)
    first, *panels = np.atleast_1d(figure.subplots(1, len(view.maps) + 1))
    show_picture(first, view.pixels)
    caption(first, "image")
    for axes, (name, values) in zip(panels, view.maps.items(), strict=True):
        show_picture(axes, view.pixels, faded=True)
        _lay_over(axes, values, ATTRIBUTIONS.get(name).signed)
        caption(axes, name, ATTRIBUTIONS.get(name).summary)
    return figure


def _lay_over(axes: "Axes", values: Maps, signed: bool) -> None:
    """The colours of `values`, opaque where they are large."""
    full = float(np.percentile(np.abs(values), FULL)) or float(np.abs(values).max()) or 1.0
    share = np.clip(values / full, -1, 1)
    axes.imshow(
        share,
        cmap="RdBu_r" if signed else "YlOrRd",
        vmin=-1 if signed else 0,
        vmax=1,
        alpha=np.clip(np.abs(share) ** 0.7, 0, 0.9),
        interpolation="nearest",
    )
