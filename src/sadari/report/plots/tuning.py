"""Draws a search for settings: its history, the importance of settings, parallel coordinates, slices, a front."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sadari.report.plots.names import cut_middle
from sadari.report.plots.style import COLOURS, GREY, new_figure, plain_numbers, set_heading
from sadari.report.tuned.figures import MOST_AXES, Axis, Point, TrialsPlot
from sadari.tuning.trials import STOPPED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABEL = "accuracy on validation images"
SLICES_IN_A_ROW = 4


def draw_history(data: TrialsPlot) -> "Figure":
    """Draw the accuracy of each trial in their order, and the best so far as steps."""
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(8.6, 4.2)
    set_heading(figure, data.title)
    axes = figure.subplots()
    stopped = [point for point in data.points if point.state == STOPPED and point.accuracy is not None]
    open_mark: dict[str, Any] = {"facecolors": "none", "edgecolors": GREY, "linewidths": 1.0}
    axes.scatter([p.number for p in stopped], _accuracies(stopped), s=22, label="stopped early", **open_mark)
    axes.scatter([p.number for p in data.done], _accuracies(data.done), s=22, color=COLOURS[0], label="done")
    best = {p.number: p.best for p in data.points if p.best is not None}
    axes.step(list(best), list(best.values()), where="post", color=COLOURS[1], label="best so far")
    for point in data.points:
        if point.default and point.accuracy is not None:
            axes.axhline(point.accuracy, color=GREY, linestyle=":", linewidth=1.0, label="default")
    axes.set_xlabel("trial")
    axes.set_ylabel(LABEL)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(True)
    figure.legend(loc="outside right upper")
    return figure


def draw_importances(data: TrialsPlot) -> "Figure":
    """Draw the share of each setting in how the accuracy of the trials varies, as bars."""
    known = [axis for axis in data.axes if axis.importance is not None][::-1]
    figure = new_figure(7.0, 1.2 + 0.32 * max(len(known), 1))
    set_heading(figure, "importance of each setting (fANOVA)")
    axes = figure.subplots()
    shares = [axis.importance or 0.0 for axis in known]
    axes.barh([cut_middle(axis.key, 2.0, 9.0) for axis in known], shares, color=COLOURS[0], height=0.6)
    for row, share in enumerate(shares):
        axes.text(share + 0.01, row, f"{share:.2f}", va="center", fontsize=8, color=GREY)
    axes.set_xlim(0, 1.1)
    axes.set_xlabel("share of the variation of the accuracy")
    return figure


def draw_parallel(data: TrialsPlot) -> "Figure":
    """Draw each finished trial as a line over the settings, darker the more accurate it is; the best ones last."""
    from matplotlib import colormaps

    shown = data.axes[:MOST_AXES]
    figure = new_figure(max(6.0, 1.6 * (len(shown) + 1)), 4.4)
    set_heading(figure, f"settings of {len(data.done)} trials, the more accurate the darker")
    axes = figure.subplots()
    order = np.argsort(_accuracies(data.done), kind="stable")
    ranks = np.argsort(order)
    for place in order.tolist():
        point = data.done[place]
        heights = [_share(axis, value) for axis, value in zip(shown, point.places, strict=False)]
        share = float(ranks[place]) / max(len(order) - 1, 1)
        colour = colormaps["cividis_r"](0.15 + 0.85 * share)
        axes.plot(range(len(shown)), heights, color=colour, linewidth=0.7 + 1.3 * share, alpha=0.35 + 0.65 * share)
    for number, axis in enumerate(shown):
        axes.axvline(number, color=GREY, linewidth=0.8)
        for label, height in _ends(axis):
            axes.annotate(label, (number, height), (4, 0), textcoords="offset points", va="center", fontsize=7.5)
    axes.set_xticks(range(len(shown)), [cut_middle(axis.key, 1.5, 8.5) for axis in shown], fontsize=8.5)
    axes.set_yticks([])
    axes.set_xlim(-0.2, len(shown) - 0.3)
    axes.spines["left"].set_visible(False)
    return figure


def draw_slices(data: TrialsPlot) -> "Figure":
    """Draw the accuracy of the finished trials against each setting."""
    rows = -(-len(data.axes) // SLICES_IN_A_ROW)
    columns = min(len(data.axes), SLICES_IN_A_ROW)
    figure = new_figure(2.7 * columns + 0.6, 2.6 * rows + 0.5)
    set_heading(figure, f"{LABEL}, by each setting")
    every = np.atleast_1d(figure.subplots(rows, columns, sharey=True)).ravel()
    numbers = [point.number for point in data.done]
    for place, (axis, axes) in enumerate(zip(data.axes, every, strict=False)):
        values = [point.places[place] for point in data.done]
        axes.scatter(values, _accuracies(data.done), c=numbers, cmap="cividis_r", s=18)
        axes.set_xlabel(axis.key, parse_math=False)
        axes.grid(True)
        _scale(axes, axis)
        if place % SLICES_IN_A_ROW == 0:
            axes.set_ylabel("accuracy")
    for axes in every[len(data.axes) :]:
        axes.set_visible(False)
    return figure


def draw_front(data: TrialsPlot) -> "Figure":
    """Draw accuracy against images per second, and the trials that no other one beats in both."""
    figure = new_figure(7.6, 4.4)
    set_heading(figure, "accuracy against speed: the front")
    axes = figure.subplots()
    axes.scatter(_speeds(data.done), _accuracies(data.done), s=20, color="#b9b9b9")
    front = sorted((p for p in data.done if p.front), key=lambda p: p.images_per_second or 0.0)
    axes.plot(_speeds(front), _accuracies(front), "o-", color=COLOURS[0])
    for point in front:
        where = (point.images_per_second or 0.0, point.accuracy or 0.0)
        axes.annotate(f"trial {point.number}", where, (5, 5), textcoords="offset points", fontsize=8)
    speeds = _speeds(data.done)
    if speeds.max() > 5 * speeds.min():
        axes.set_xscale("log")
        plain_numbers(axes.xaxis)
    axes.set_xlabel("images per second")
    axes.set_ylabel(LABEL)
    axes.grid(True)
    return figure


def _accuracies(points: Sequence[Point]) -> NDArray[np.float64]:
    return np.array([point.accuracy for point in points], dtype=np.float64)


def _speeds(points: Sequence[Point]) -> NDArray[np.float64]:
    return np.array([point.images_per_second for point in points], dtype=np.float64)


def _share(axis: Axis, value: float) -> float:
    """Return where a place is between the ends of its axis, in [0, 1]."""
    if axis.log:
        return float(np.log(value / axis.low) / np.log(axis.high / axis.low))
    return (value - axis.low) / ((axis.high - axis.low) or 1.0)


def _ends(axis: Axis) -> list[tuple[str, float]]:
    if axis.values:
        return [(label, _share(axis, float(place))) for place, label in enumerate(axis.values)]
    return [(f"{axis.low:g}", 0.0), (f"{axis.high:g}", 1.0)]


def _scale(axes: "Axes", axis: Axis) -> None:
    if axis.values:
        axes.set_xticks(range(len(axis.values)), [cut_middle(each, 0.8, 7.5) for each in axis.values], fontsize=7.5)
        axes.set_xlim(-0.5, len(axis.values) - 0.5)
    elif axis.log:
        axes.set_xscale("log")
        plain_numbers(axes.xaxis)
        axes.tick_params(axis="x", labelsize=7.5)
