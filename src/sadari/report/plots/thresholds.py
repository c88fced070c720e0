"""Draws how well each class stands out from the rest: its ROC curve beside its precision-recall curve."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sadari.report.figures import Thresholds
from sadari.report.plots.style import add_legend, legend_height, new_figure, pick_colours, set_heading
from sadari.report.thresholds import ThresholdCurve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BETWEEN = 12  # places on a straight piece of the ROC curve, which is bent over recall (assumed: the eye sees no corner)
CHANCE = "#9a9a9a"


def draw_thresholds(data: Thresholds) -> "Figure":
    """Draw a line per class in both plots; dashed what a model has that knows nothing."""
    figure = new_figure(9.6, legend_height(4.6, len(data.curves)))
    set_heading(figure, data.title, name=data.arm)
    roc, precise = figure.subplots(1, 2)
    named: dict[str, Any] = {}
    for curve, colour in zip(data.curves, pick_colours(len(data.curves)), strict=True):
        hits, alarms = np.array(curve.hits), np.array(curve.alarms)
        label = f"{curve.name}: AUC {curve.auc.mean:.3f}, AP {curve.average_precision.mean:.3f}"
        (named[label],) = roc.plot(alarms / curve.others, hits / curve.images, color=colour, linewidth=1.4)
        precise.plot(*recall_and_precision(curve), color=colour, linewidth=1.4)
    roc.plot([0, 1], [0, 1], "--", color=CHANCE, linewidth=0.8)
    for axes, x, y in ((roc, "1 - specificity", "sensitivity (recall)"), (precise, "recall", "precision")):
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(-0.01, 1.01)
        axes.grid(True)
    roc.set_title("ROC")
    precise.set_title("precision and recall")
    add_legend(figure, named)
    return figure


def recall_and_precision(curve: ThresholdCurve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return recall and precision along `curve`: between its corners both counts grow evenly."""
    steps = np.linspace(0, len(curve.hits) - 1, (len(curve.hits) - 1) * BETWEEN + 1)
    places = np.arange(len(curve.hits))
    hits, alarms = (np.interp(steps, places, each) for each in (curve.hits, curve.alarms))
    said = hits + alarms
    return hits[said > 0] / curve.images, hits[said > 0] / said[said > 0]
