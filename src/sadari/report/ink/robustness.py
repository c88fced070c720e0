"""How does accuracy on disturbed images look on paper? One small plot per disturbance, all on one scale."""

from typing import TYPE_CHECKING, Any

from sadari.comparison.robustness import Disturbed
from sadari.report.figures import RobustnessPlot
from sadari.report.ink.style import MARKS, add_legend, legend_height, new_figure, pick_colours, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_COLUMNS = 3


def draw_robustness(data: RobustnessPlot) -> "Figure":
    """A line per arm over the levels, undisturbed at the left, with the 95 % intervals as bands."""
    from matplotlib.ticker import MaxNLocator

    columns = min(MOST_COLUMNS, len(data.disturbed))
    rows = -(-len(data.disturbed) // columns)
    figure = new_figure(2.2 + 2.75 * columns, legend_height(0.5 + 2.45 * rows, len(data.arms)))
    figure.suptitle(shortened(data.title, 80), x=0.01, ha="left", weight="bold", parse_math=False)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    colours = dict(zip(data.arms, pick_colours(len(data.arms)), strict=True))
    named: dict[str, Any] = {}
    for axes, each in zip(grid.ravel(), data.disturbed, strict=False):
        for number, arm in enumerate(data.arms):
            if arm in each.rows:
                named[arm] = _draw_arm(axes, each, arm, MARKS[number % len(MARKS)], colours[arm])
        _name_levels(axes, each)
    for axes in grid.ravel()[len(data.disturbed) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy")
        axes.yaxis.set_major_locator(MaxNLocator(5))
    levels = [level for each in data.disturbed for row in each.rows.values() for level in row]
    lowest, highest = min(level.low for level in levels), max(level.high for level in levels)
    grid[0, 0].set_ylim(max(lowest - 0.03, -0.01), min(highest + 0.03, 1.01))
    add_legend(figure, named)
    return figure


def _draw_arm(axes: "Axes", disturbed: Disturbed, arm: str, mark: str, colour: str) -> Any:
    row, places = disturbed.rows[arm], range(len(disturbed.levels))
    (line,) = axes.plot(places, [level.mean for level in row], f"{mark}-", color=colour, markersize=4, linewidth=1.4)
    low, high = [level.low for level in row], [level.high for level in row]
    axes.fill_between(places, low, high, color=colour, alpha=0.12, linewidth=0)
    return line


def _name_levels(axes: "Axes", disturbed: Disturbed) -> None:
    """Levels stand side by side, as far apart as one another: they are steps from mild to severe."""
    numbers, units = zip(*(_parted(label) for label in disturbed.labels[1:]), strict=True)
    axes.set_xticks(range(len(disturbed.levels)), ["none", *numbers])
    axes.set_xlim(-0.2, len(disturbed.levels) - 0.8)
    axes.set_xlabel(units[0])
    axes.set_title(disturbed.disturbance)
    axes.grid(True)


def _parted(label: str) -> tuple[str, str]:
    """A level's number and its unit: "10" and "% of the side", "20" and "degrees"."""
    if label.endswith("°"):
        return label.removesuffix("°"), "degrees"
    number, _, unit = label.partition(" ")
    return number, unit
