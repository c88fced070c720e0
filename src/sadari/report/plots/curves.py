"""Draws what moves over an axis: learning curves over epochs, accuracy over training images, sweeps over a setting."""

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from sadari.comparison.analysis.sweep_point import SweepPoint
from sadari.report.figures import Curve, Curves, Fit, Sweep
from sadari.report.plots.style import (
    GREY,
    MARKS,
    add_legend,
    legend_height,
    new_figure,
    pick_colours,
    plain_numbers,
    set_heading,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_SENTENCES = 6  # above the learning curves
PALE = "#c9c9c9"  # of the curves of arms that are not among the best of many
LETTERS = 110  # of a line of text above the axes
SIDE_BY_SIDE = 1.025  # between the points of two lines at one size


def draw_curves(data: Curves) -> "Figure":
    """Draw loss beside accuracy: train dashed, val solid, thin lines for seeds, a ring at the best epoch.

    Of many arms the best have colours; of the others one pale line each stands behind them, the mean on val.
    """
    all_arms = dict.fromkeys(curve.arm for curve in data.loss)
    arms = [arm for arm in data.leading if arm in all_arms] or list(all_arms)
    figure = new_figure(10.5, legend_height(4.4, len(arms) + 3))
    set_heading(figure, data.title)
    left, right = figure.subplots(1, 2)
    colours = dict(zip(arms, pick_colours(len(arms)), strict=True))
    for axes, drawn, label in ((left, data.loss, "loss (nats)"), (right, data.accuracy, "accuracy")):
        for curve in drawn:
            if curve.arm in colours:
                _draw_curve(axes, curve, colours[curve.arm])
            elif curve.split == "val":
                axes.plot(np.arange(1, len(curve.mean) + 1), curve.mean, color=PALE, linewidth=0.8, zorder=1)
        axes.set_xlabel("epoch")
        axes.set_title(label)
        axes.grid(True)
        _scale_epochs(axes, drawn)
    _limit_losses(left, data.loss)
    _limit_accuracies(right, data.accuracy)
    _legend_of_arms(figure, colours, len(all_arms) - len(arms))
    return figure


def _draw_curve(axes: "Axes", curve: Curve, colour: str) -> None:
    dashes = "--" if curve.split == "train" else "-"
    for line in curve.seeds:
        axes.plot(np.arange(1, len(line) + 1), line, dashes, color=colour, linewidth=0.6, alpha=0.35)
    epochs = np.arange(1, len(curve.mean) + 1)
    alone = "." if len(epochs) == 1 else None  # one pass makes no line
    axes.plot(epochs, curve.mean, dashes, color=colour, linewidth=1.6 if curve.split == "val" else 1.1, marker=alone)
    if curve.split == "val" and curve.best is not None and curve.best < len(curve.mean):
        ring: dict[str, Any] = {"marker": "o", "markersize": 6, "markerfacecolor": "white", "markeredgewidth": 1.5}
        axes.plot(curve.best + 1, curve.mean[curve.best], color=colour, zorder=5, **ring)


def _scale_epochs(axes: "Axes", drawn: Sequence[Curve]) -> None:
    """Take a logarithmic axis where one arm has many times the epochs of another, such as the passes of L-BFGS."""
    from matplotlib.ticker import MaxNLocator

    lengths = [len(curve.mean) for curve in drawn if len(curve.mean) > 1]
    if lengths and max(lengths) >= 4 * min(lengths):
        axes.set_xscale("log")
        plain_numbers(axes.xaxis)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _limit_losses(axes: "Axes", drawn: Sequence[Curve]) -> None:
    """Take a logarithmic axis where the losses span more than a factor of ten."""
    values = np.concatenate([curve.mean[np.isfinite(curve.mean)] for curve in drawn] or [np.ones(1)])
    if len(values) and values.min() > 0 and values.max() > 10 * values.min():
        axes.set_yscale("log")
        plain_numbers(axes.yaxis)


def _limit_accuracies(axes: "Axes", drawn: Sequence[Curve]) -> None:
    """Show what the learning arms reach: their lower half and the arms that learn in one pass may be below the axes."""
    reached = [float(curve.mean.min()) for curve in drawn if len(curve.mean) > 1]
    if reached:
        axes.set_ylim(bottom=max(0.0, min(reached) - 0.03), top=1.005)


def _legend_of_arms(figure: "Figure", colours: dict[str, str], others: int) -> None:
    from matplotlib.lines import Line2D

    arms = {name: Line2D([], [], color=colour, linewidth=2) for name, colour in colours.items()}
    rest = [Line2D([], [], color=PALE, linewidth=1, label=f"{others} others, val")] if others else []
    ways = [
        *rest,
        Line2D([], [], color=GREY, linestyle="-", label="val"),
        Line2D([], [], color=GREY, linestyle="--", label="train"),
        Line2D([], [], color=GREY, marker="o", markerfacecolor="white", linestyle="", label="least val loss"),
    ]
    add_legend(figure, arms, ways)


def draw_learning(data: Sweep) -> "Figure":
    """Draw points with their intervals over a logarithmic axis, and the fitted law with its band."""
    from matplotlib.lines import Line2D

    above = [line for sentence in data.sentences[:MOST_SENTENCES] for line in wrap(sentence, LETTERS)]
    figure = new_figure(8.6, legend_height(4.6 + 0.16 * len(above), len(data.lines) + 2))
    set_heading(figure, data.title)
    axes = figure.subplots()
    axes.set_title("\n".join(above), weight="normal", fontsize=8.5, color=GREY, parse_math=False, linespacing=1.35)
    named: dict[str, Any] = {}
    for number, ((name, points), colour) in enumerate(
        zip(data.lines.items(), pick_colours(len(data.lines)), strict=True)
    ):
        apart = SIDE_BY_SIDE ** (number - (len(data.lines) - 1) / 2)
        mark = MARKS[number % len(MARKS)]
        if name in data.fits:
            _draw_fit(axes, data.fits[name], points[-1].value, colour, apart)
        named[name] = _draw_points(axes, points, mark, colour, apart, joined=name not in data.fits)
    axes.set_xscale("log")
    plain_numbers(axes.xaxis)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("training images")
    axes.set_ylabel("accuracy, with its 95 % interval")
    _limit_to_points(axes, data)
    axes.grid(True)
    laws = [
        Line2D([], [], color=GREY, linewidth=1.4, label="power law"),
        Line2D([], [], color=GREY, linewidth=1.4, linestyle=(0, (4, 2)), label="if it goes on"),
    ]
    add_legend(figure, named, laws if data.fits else ())
    return figure


def _draw_points(
    axes: "Axes", points: tuple[SweepPoint, ...], mark: str, colour: str, apart: float, *, joined: bool
) -> Any:
    """Draw points with their intervals, moved by the factor `apart`, so that lines do not cover each other."""
    means = np.array([point.accuracy.mean for point in points])
    reach = np.abs([[point.accuracy.low, point.accuracy.high] for point in points] - means[:, None]).T
    return axes.errorbar(
        [apart * point.value for point in points],
        means,
        reach,
        fmt=f"{mark}-" if joined else mark,
        color=colour,
        capsize=3,
        markersize=5,
        linewidth=1.4 if joined else 0,
        elinewidth=1.1,
        zorder=4,
    )


def _draw_fit(axes: "Axes", fit: Fit, largest: float, colour: str, apart: float) -> None:
    """Draw the law with its band, solid up to the `largest` size that was trained, dashed from there on."""
    axes.fill_between(fit.images, fit.low, fit.high, color=colour, alpha=0.13, linewidth=0)
    images, accuracy = np.array(fit.images), np.array(fit.accuracy)
    within, beyond = images <= largest * 1.0001, images >= largest * 0.9999
    beyond[max(int(within.sum()) - 1, 0)] = True  # the dashed part begins where the solid one ends
    axes.plot(images[within], accuracy[within], color=colour, linewidth=1.4)
    axes.plot(images[beyond], accuracy[beyond], color=colour, linewidth=1.4, linestyle=(0, (4, 2)))
    last = fit.accuracy[-1]
    reach = [[max(last - fit.low[-1], 0.0)], [max(fit.high[-1] - last, 0.0)]]
    look: dict[str, Any] = {"markerfacecolor": "white", "markeredgewidth": 1.3, "markersize": 6, "elinewidth": 1.1}
    axes.errorbar(apart * fit.images[-1], last, reach, fmt="o", color=colour, capsize=3, zorder=4, **look)


def _limit_to_points(axes: "Axes", data: Sweep) -> None:
    """Show the points: the band of a law may reach far below the smallest size."""
    lows = [point.accuracy.low for points in data.lines.values() for point in points]
    highs = [point.accuracy.high for points in data.lines.values() for point in points]
    highs += [fit.high[-1] for fit in data.fits.values()]
    room = 0.06 * (max(highs) - min(lows))
    axes.set_ylim(max(min(lows) - room, -0.01), min(max(highs) + room, 1.005))


def draw_sweep(data: Sweep) -> "Figure":
    """Draw accuracy beside loss over the values of one setting."""
    figure = new_figure(9.6, legend_height(4.0, len(data.lines)))
    set_heading(figure, data.title)
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
    """Draw a ring around the arm that is shown to be best; nothing where none is."""
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
