"""How do the curves over the epochs look on paper?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sadari.report.figures import Curve, Curves
from sadari.report.ink.style import GREY, add_legend, legend_height, new_figure, pick_colours, plain_numbers, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_curves(data: Curves) -> "Figure":
    """Loss beside accuracy; train dashed, val solid, thin lines for seeds, a ring at the best epoch."""
    arms = list(dict.fromkeys(curve.arm for curve in data.loss))
    figure = new_figure(10.5, legend_height(4.4, len(arms) + 3))
    figure.suptitle(shortened(data.title, 80), x=0.01, ha="left", weight="bold", parse_math=False)
    left, right = figure.subplots(1, 2)
    colours = dict(zip(arms, pick_colours(len(arms)), strict=True))
    for axes, drawn, label in ((left, data.loss, "loss (nats)"), (right, data.accuracy, "accuracy")):
        for curve in drawn:
            _draw_curve(axes, curve, colours[curve.arm])
        axes.set_xlabel("epoch")
        axes.set_title(label)
        axes.grid(True)
        _scale_epochs(axes, drawn)
    _limit_losses(left, data.loss)
    _limit_accuracies(right, data.accuracy)
    _legend_of_arms(figure, colours)
    return figure


def _draw_curve(axes: "Axes", curve: Curve, colour: str) -> None:
    dashes = "--" if curve.part == "train" else "-"
    for line in curve.seeds:
        axes.plot(np.arange(1, len(line) + 1), line, dashes, color=colour, linewidth=0.6, alpha=0.35)
    epochs = np.arange(1, len(curve.mean) + 1)
    alone = "." if len(epochs) == 1 else None  # one pass makes no line
    axes.plot(epochs, curve.mean, dashes, color=colour, linewidth=1.6 if curve.part == "val" else 1.1, marker=alone)
    if curve.part == "val" and curve.best is not None and curve.best < len(curve.mean):
        ring: dict[str, Any] = {"marker": "o", "markersize": 6, "markerfacecolor": "white", "markeredgewidth": 1.5}
        axes.plot(curve.best + 1, curve.mean[curve.best], color=colour, zorder=5, **ring)


def _scale_epochs(axes: "Axes", drawn: Sequence[Curve]) -> None:
    """A logarithmic axis where one arm has many times the epochs of another, as L-BFGS's passes beside ten epochs."""
    from matplotlib.ticker import MaxNLocator

    lengths = [len(curve.mean) for curve in drawn if len(curve.mean) > 1]
    if lengths and max(lengths) >= 4 * min(lengths):
        axes.set_xscale("log")
        plain_numbers(axes.xaxis)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _limit_losses(axes: "Axes", drawn: Sequence[Curve]) -> None:
    """A logarithmic axis where the losses span more than a factor of ten."""
    values = np.concatenate([curve.mean[np.isfinite(curve.mean)] for curve in drawn] or [np.ones(1)])
    if len(values) and values.min() > 0 and values.max() > 10 * values.min():
        axes.set_yscale("log")
        plain_numbers(axes.yaxis)


def _limit_accuracies(axes: "Axes", drawn: Sequence[Curve]) -> None:
    """Room for what the learning arms reach: their lower half and the arms that learn in one pass may lie below."""
    reached = [float(curve.mean.min()) for curve in drawn if len(curve.mean) > 1]
    if reached:
        axes.set_ylim(bottom=max(0.0, min(reached) - 0.03), top=1.005)


def _legend_of_arms(figure: "Figure", colours: dict[str, str]) -> None:
    from matplotlib.lines import Line2D

    arms = {name: Line2D([], [], color=colour, linewidth=2) for name, colour in colours.items()}
    ways = [
        Line2D([], [], color=GREY, linestyle="-", label="val"),
        Line2D([], [], color=GREY, linestyle="--", label="train"),
        Line2D([], [], color=GREY, marker="o", markerfacecolor="white", linestyle="", label="least val loss"),
    ]
    add_legend(figure, arms, ways)
