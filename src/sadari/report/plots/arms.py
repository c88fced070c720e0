"""Draws what arms are compared by: confusion matrices, accuracy against cost, accuracy on corrupted images."""

from typing import TYPE_CHECKING, Any

import numpy as np

from sadari.comparison.analysis.robustness import CorruptionAccuracy
from sadari.report.figures import ConfusionTable, Cost, RobustnessPlot
from sadari.report.plots.names import cut_middle, text_width
from sadari.report.plots.style import (
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

CELLS_WITH_COUNTS = 12
WIDEST_TABLE = 18.0  # inches of a confusion matrix: a thousand classes would otherwise take gigabytes to draw (assumed)
NAME_ROOM = 1.5  # inches of a class name beside a confusion matrix
MOST_COLUMNS = 3  # of plots of corruptions


def draw_confusion(table: ConfusionTable) -> "Figure":
    """Draw the matrix: rows are the truth, shaded by the share of the row; counts in the cells of small tables."""
    from matplotlib.colors import PowerNorm

    count = len(table.classes)
    small = count <= CELLS_WITH_COUNTS
    side = 2.2 + NAME_ROOM - 0.9 + min((0.5 if small else 0.09) * count, WIDEST_TABLE)
    figure = new_figure(side + 0.9, side)
    axes = figure.subplots()
    # The square root of the share: a confusion of 5 % is to be seen beside a diagonal of 90 %.
    shown = axes.imshow(table.rows, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1), interpolation="nearest")
    step = 1 if count <= 40 else -(-count // 40)
    size = 8 if small else 6
    names = [cut_middle(name, NAME_ROOM, size) for name in table.classes[::step]]
    turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    level = small and max(text_width(name, size) for name in names) <= 0.4
    axes.set_xticks(range(0, count, step), names, parse_math=False, **({} if level else turned))
    axes.set_yticks(range(0, count, step), names, parse_math=False)
    axes.tick_params(length=0, labelsize=size)
    axes.set_xlabel("prediction")
    axes.set_ylabel("truth")
    over = f", mean of {table.seeds} seeds" if table.seeds > 1 else ""
    set_heading(figure, f"{table.arm}: images{over}", size=10, name=table.arm)
    axes.spines[:].set_visible(False)
    if small:
        _write_counts(axes, table)
    figure.colorbar(shown, ax=axes, shrink=0.8, label="share of the true class")
    return figure


def _write_counts(axes: "Axes", table: ConfusionTable) -> None:
    for row, column in np.argwhere(table.counts > 0):
        value = table.counts[row, column]
        text = f"{value:.0f}" if value >= 10 or value == round(value) else f"{value:.1f}"
        colour = "white" if table.rows[row, column] > 0.4 else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)


def draw_cost(data: Cost) -> "Figure":
    """Draw a point with its 95 % interval per arm, over the seconds on a logarithmic axis.

    Arms with less than half of the best accuracy are drawn on the lower edge, so that the others stand apart.
    """
    figure = new_figure(7.2, legend_height(4.2, len(data.points)))
    axes = figure.subplots()
    colours = pick_colours(len(data.points))
    best = max(accuracy.mean for _, _, accuracy in data.points)
    floor = min(accuracy.low for _, _, accuracy in data.points if accuracy.mean >= best / 2)
    axes.set_ylim(bottom=max(floor - 0.15 * (1.0 - floor), 0.0), top=min(1.0, best + 0.4 * (1.0 - floor)))
    bottom = axes.get_ylim()[0]
    named: dict[str, Any] = {}
    for number, ((name, seconds, accuracy), colour) in enumerate(zip(data.points, colours, strict=True)):
        place, mark = max(seconds, 1e-3), MARKS[number % len(MARKS)]
        if accuracy.mean < bottom:
            below = f"{cut_middle(name, 1.3, 9)} (far below: {accuracy.mean:.3f})"
            (named[below],) = axes.plot(place, bottom, mark, color=colour, clip_on=False)
            continue
        reach = [[accuracy.mean - accuracy.low], [accuracy.high - accuracy.mean]]
        named[name] = axes.errorbar(place, accuracy.mean, reach, fmt=mark, color=colour, capsize=3)
    axes.set_xscale("log")
    plain_numbers(axes.xaxis)
    axes.set_xlabel("seconds of training, mean over seeds")
    axes.set_ylabel("accuracy")
    axes.set_title(cut_middle(data.title, 5.5, 10, bold=True), parse_math=False)
    axes.grid(True)
    add_legend(figure, named)
    return figure


def draw_robustness(data: RobustnessPlot) -> "Figure":
    """Draw a line per arm over the levels, uncorrupted at the left, with the 95 % intervals as bands."""
    from matplotlib.ticker import MaxNLocator

    columns = min(MOST_COLUMNS, len(data.corrupted))
    rows = -(-len(data.corrupted) // columns)
    figure = new_figure(2.2 + 2.75 * columns, legend_height(0.5 + 2.45 * rows, len(data.arms)))
    set_heading(figure, data.title)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    colours = dict(zip(data.arms, pick_colours(len(data.arms)), strict=True))
    named: dict[str, Any] = {}
    for axes, each in zip(grid.ravel(), data.corrupted, strict=False):
        for number, arm in enumerate(data.arms):
            if arm in each.rows:
                named[arm] = _draw_arm(axes, each, arm, MARKS[number % len(MARKS)], colours[arm])
        _name_levels(axes, each)
    for axes in grid.ravel()[len(data.corrupted) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy")
        axes.yaxis.set_major_locator(MaxNLocator(5))
    levels = [level for each in data.corrupted for row in each.rows.values() for level in row]
    lowest, highest = min(level.low for level in levels), max(level.high for level in levels)
    grid[0, 0].set_ylim(max(lowest - 0.03, -0.01), min(highest + 0.03, 1.01))
    add_legend(figure, named)
    return figure


def _draw_arm(axes: "Axes", corrupted: CorruptionAccuracy, arm: str, mark: str, colour: str) -> Any:
    row, places = corrupted.rows[arm], range(len(corrupted.levels))
    (line,) = axes.plot(places, [level.mean for level in row], f"{mark}-", color=colour, markersize=4, linewidth=1.4)
    low, high = [level.low for level in row], [level.high for level in row]
    axes.fill_between(places, low, high, color=colour, alpha=0.12, linewidth=0)
    return line


def _name_levels(axes: "Axes", corrupted: CorruptionAccuracy) -> None:
    """Name the levels, all equally far apart: they are steps from mild to severe."""
    numbers, units = zip(*(_number_and_unit(label) for label in corrupted.labels[1:]), strict=True)
    axes.set_xticks(range(len(corrupted.levels)), ["none", *numbers])
    axes.set_xlim(-0.2, len(corrupted.levels) - 0.8)
    axes.set_xlabel(units[0])
    axes.set_title(corrupted.corruption)
    axes.grid(True)


def _number_and_unit(label: str) -> tuple[str, str]:
    """Return a level's number and its unit: "10" and "% of the side", "20" and "degrees"."""
    if label.endswith("°"):
        return label.removesuffix("°"), "degrees"
    number, _, unit = label.partition(" ")
    return number, unit
