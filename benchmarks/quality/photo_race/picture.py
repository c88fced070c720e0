"""How does the record look? Accuracy over seconds, a panel for each set and size, a line for each entrant."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from photo_race.entrants import ENTRANTS
from photo_race.record import Record
from photo_race.standing import PANELS, Standing, standings
from sadari.files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS, WIDTH, HEIGHT = 3, 11.0, 3.0  # panels in a row; inches of the picture, and of a row
MOST = 1.003  # where the axis of the accuracy ends at most; a mark at 1 is seen whole


def draw_picture(record: Record, path: Path) -> None:
    """Draw the panels that have figures into the file `path`; nothing where there are none."""
    from sadari.report.plots.style import DPI, add_legend, new_figure, styled

    finished = record.finished()
    panels = {panel: found for panel in PANELS if (found := standings(finished, *panel))}
    if not panels:
        return
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    with styled():
        figure = new_figure(WIDTH * (columns + 0.5) / (COLUMNS + 0.5), HEIGHT * rows)
        named: dict[str, Any] = {}
        grid = figure.subplots(rows, columns, squeeze=False).flatten()
        for axes, ((data, size), found) in zip(grid, panels.items(), strict=False):
            _panel(axes, found, named)
            axes.set_title(f"{data}, {f'{size} of a class' if size.isdecimal() else 'all'}")
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        figure.supxlabel("seconds of the whole process (median)", size=9)
        figure.supylabel("accuracy (mean over turns)", size=9)
        add_legend(figure, {name: named[name] for name in ENTRANTS if name in named})
        write_whole(path, lambda file: figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None}))


def _panel(axes: "Axes", found: list[Standing], named: dict[str, Any]) -> None:
    from sadari.report.plots.style import COLOURS, MARKS, plain_numbers

    for number, name in enumerate(ENTRANTS):
        some = [each for each in found if each.entrant == name]
        if not some:
            continue
        again = number // len(COLOURS)  # a colour that comes again has another mark
        colour, mark = COLOURS[number % len(COLOURS)], MARKS[(number + again) % len(MARKS)]
        seconds, means = [each.median for each in some], [each.accuracy for each in some]
        (named[name],) = axes.plot(seconds, means, color=colour, marker=mark, lw=2 if some[0].own else 1, ms=5)
        for each in some:
            axes.vlines(each.median, min(each.accuracies), max(each.accuracies), color=colour, lw=0.8)
    axes.set_xscale("log")
    plain_numbers(axes.xaxis)
    axes.set_ylim(top=min(axes.get_ylim()[1], MOST))
    axes.grid(True)
