"""Draws the mean ranks of arms over data sets: a critical-difference diagram (Demsar 2006)."""

from typing import TYPE_CHECKING, Any

from sadari.evaluation.draws.ranks import Ranks
from sadari.report.plots.names import cut_middle
from sadari.report.plots.style import GREY, new_figure, set_heading

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME_ROOM = 1.7  # inches of a name beside the axis; with 1.8 that of 25 is cut at the edge (measured)
STEP = 0.5  # of the height between two names


def draw_ranks(ranks: Ranks) -> "Figure":
    """Draw the axis of mean ranks, the best to the left, the arms on it, and bars over those not shown to differ."""
    names = sorted(ranks.mean, key=lambda name: ranks.mean[name])
    left = (len(names) + 1) // 2
    figure = new_figure(9.0, 2.1 + 0.26 * left)
    heading = f"mean ranks over {ranks.sets} data sets"
    away = f", critical difference {ranks.critical:.2f}" if ranks.critical is not None else ""
    away = ", too few to show a difference" if ranks.sets < ranks.needed else away
    set_heading(figure, f"{heading}{away} ({ranks.test})")
    axes = figure.subplots()
    width = max(len(names) - 1, 1)
    axes.set_xlim(1 - 0.45 * width, len(names) + 0.45 * width)
    axes.set_ylim(-STEP * (left + 2), 1.2)
    axes.axis("off")
    axes.plot([1, len(names)], [0, 0], color="black", linewidth=1)
    for tick in range(1, len(names) + 1):
        axes.plot([tick, tick], [0, 0.12], color="black", linewidth=1)
        axes.text(tick, 0.2, str(tick), ha="center", va="bottom", fontsize=8)
    if ranks.critical is not None and ranks.critical <= width:
        axes.plot([1, 1 + ranks.critical], [0.85, 0.85], color=GREY, linewidth=1.4, marker="|")
        axes.text(1 + ranks.critical / 2, 0.92, "critical difference", ha="center", va="bottom", fontsize=8, color=GREY)
    bars = _not_apart(ranks, names)
    for number, (first, last) in enumerate(bars):
        height = -0.16 - 0.16 * number
        axes.plot([first - 0.02 * width, last + 0.02 * width], [height, height], color="black", linewidth=3.2)
    _name(axes, ranks, names, left, width)
    return figure


def _name(axes: "Axes", ranks: Ranks, names: list[str], left: int, width: int) -> None:
    """Write each arm beside the axis, the better half to the left, with a line to its place."""
    for number, name in enumerate(names):
        at_left = number < left
        row = number if at_left else len(names) - 1 - number
        height = -STEP * (row + 1.6)
        side = 1 - 0.08 * width if at_left else len(names) + 0.08 * width
        place = ranks.mean[name]
        axes.plot([place, place, side], [0, height, height], color="black", linewidth=0.8)
        shown = f"{cut_middle(name, NAME_ROOM, 9.0)}  {place:.2f}"
        text: dict[str, Any] = {"ha": "right" if at_left else "left", "va": "center", "parse_math": False}
        axes.text(side + (-0.02 if at_left else 0.02) * width, height, shown, **text)


def _not_apart(ranks: Ranks, names: list[str]) -> list[tuple[float, float]]:
    """Return the spans of ranks in which no two arms are shown to differ, those within another one left out."""
    apart = set(ranks.apart)
    spans: list[tuple[int, int]] = []
    for first in range(len(names)):
        last = max(at for at in range(first, len(names)) if (names[first], names[at]) not in apart)
        if last > first and not any(one <= first and last <= other for one, other in spans):
            spans.append((first, last))
    return [(ranks.mean[names[first]], ranks.mean[names[last]]) for first, last in spans]
