"""How does a learning curve over the number of training images look on paper?"""

from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from sadari.report.figures import Fit, Learning, SweepPoint
from sadari.report.ink.style import (
    GREY,
    MARKS,
    add_legend,
    legend_height,
    new_figure,
    pick_colours,
    plain_numbers,
    shortened,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_SENTENCES = 6
LETTERS = 110  # of a line of text above the axes
SIDE_BY_SIDE = 1.025  # between the points of two lines at one size


def draw_learning(data: Learning) -> "Figure":
    """Points with their 95 % intervals over a logarithmic axis, the fitted law with its band, dashed beyond them."""
    from matplotlib.lines import Line2D

    words = [line for sentence in data.sentences[:MOST_SENTENCES] for line in wrap(sentence, LETTERS)]
    figure = new_figure(8.6, legend_height(4.6 + 0.16 * len(words), len(data.lines) + 2))
    figure.suptitle(shortened(data.title, 80), x=0.01, ha="left", weight="bold", parse_math=False)
    axes = figure.subplots()
    axes.set_title("\n".join(words), weight="normal", fontsize=8.5, color=GREY, parse_math=False, linespacing=1.35)
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
    _limit(axes, data)
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
    """Points with their intervals, moved from their sizes by the factor `apart`, so that lines do not cover another."""
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
    axes.fill_between(fit.images, fit.low, fit.high, color=colour, alpha=0.13, linewidth=0)
    within, beyond = fit.images <= largest * 1.0001, fit.images >= largest * 0.9999
    beyond[max(int(within.sum()) - 1, 0)] = True  # the dashed part begins where the solid one ends
    axes.plot(fit.images[within], fit.accuracy[within], color=colour, linewidth=1.4)
    axes.plot(fit.images[beyond], fit.accuracy[beyond], color=colour, linewidth=1.4, linestyle=(0, (4, 2)))
    last = fit.accuracy[-1]
    reach = [[max(last - fit.low[-1], 0.0)], [max(fit.high[-1] - last, 0.0)]]
    look: dict[str, Any] = {"markerfacecolor": "white", "markeredgewidth": 1.3, "markersize": 6, "elinewidth": 1.1}
    axes.errorbar(apart * fit.images[-1], last, reach, fmt="o", color=colour, capsize=3, zorder=4, **look)


def _limit(axes: "Axes", data: Learning) -> None:
    """Room for the points: the band of a law may reach far below the smallest size."""
    lows = [point.accuracy.low for points in data.lines.values() for point in points]
    highs = [point.accuracy.high for points in data.lines.values() for point in points]
    highs += [float(fit.high[-1]) for fit in data.fits.values()]
    room = 0.06 * (max(highs) - min(lows))
    axes.set_ylim(max(min(lows) - room, -0.01), min(max(highs) + room, 1.005))
