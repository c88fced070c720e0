"""How does a sweep over one setting look on paper?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sadari.report.figures import Sweep, SweepPoint
from sadari.report.ink.style import MARKS, add_legend, legend_height, new_figure, pick_colours, plain_numbers, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_sweep(data: Sweep) -> "Figure":
    """Accuracy beside loss over the values of one setting."""
    figure = new_figure(9.6, legend_height(4.0, len(data.lines)))
    figure.suptitle(shortened(data.title, 80), x=0.01, ha="left", weight="bold", parse_math=False)
    left, right = figure.subplots(1, 2)
    colours = pick_colours(len(data.lines))
    named: dict[str, Any] = {}
    for number, ((name, points), colour) in enumerate(zip(data.lines.items(), colours, strict=True)):
        values = [point.value for point in points]
        look: dict[str, Any] = {
            "color": colour,
            "marker": MARKS[number % len(MARKS)],
            "markersize": 4,
            "linewidth": 1.4,
        }
        (named[name],) = left.plot(values, [point.accuracy.mean for point in points], **look)
        low, high = [point.accuracy.low for point in points], [point.accuracy.high for point in points]
        left.fill_between(values, low, high, color=colour, alpha=0.15, linewidth=0)
        right.plot(values, [point.loss for point in points], **look)
        low, high = [point.loss_low for point in points], [point.loss_high for point in points]
        right.fill_between(values, low, high, color=colour, alpha=0.15, linewidth=0)
        _mark_best(left, points, data.best)
    left.set_title("accuracy, with its 95 % interval")
    right.set_title("loss (nats), with the range of the seeds")
    for axes in (left, right):
        axes.set_xlabel(data.key, parse_math=False)
        axes.grid(True)
        if _spans_decades([point.value for points in data.lines.values() for point in points]):
            axes.set_xscale("log")
            plain_numbers(axes.xaxis)
    add_legend(figure, named)
    return figure


def _mark_best(axes: "Axes", points: Sequence[SweepPoint], best: str) -> None:
    """A ring around the arm that is shown to be best, and its value; nothing where none is."""
    for point in points:
        if best and point.arm == best:
            ring: dict[str, Any] = {"markersize": 13, "markerfacecolor": "none", "markeredgewidth": 1.4}
            axes.plot(point.value, point.accuracy.mean, "o", color="black", zorder=5, **ring)
            axes.annotate(
                "shown to be best",
                (point.value, point.accuracy.mean),
                xytext=(0, 10),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )


def _spans_decades(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) >= 100 * min(values)
