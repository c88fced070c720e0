"""Draws the mean ranks of arms over data sets: a critical-difference diagram (Demsar 2006)."""

from typing import TYPE_CHECKING, Any

from sadari.evaluation.draws.ranks import Ranks
from sadari.report.plots.names import cut_middle, text_width
from sadari.report.plots.style import GREY, new_figure, set_heading

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 9.0  # inches of the figure
NAME_ROOM = 1.7  # inches of a name beside the axis; with 1.8 that of 25 is cut at the edge (measured)
STEP = 0.5  # of the height between two names
BAR = 0.16  # likewise between two bars
FIRST = 0.8  # likewise from the axis to the first name; more below many bars
INCHES = 0.52  # of one such unit
OUTSIDE = 0.45  # of the axis, to its left and right
TICKS = (1, 2, 5, 10, 20, 50)  # each tick has its number, or every second ... one, as there is room
APART = 1.4  # widths of the longest number from one to the next


def draw_ranks(ranks: Ranks) -> "Figure":
    """Draw the axis of mean ranks, the best to the left, the arms on it, and bars over those not shown to differ."""
    names = sorted(ranks.mean, key=lambda name: ranks.mean[name])
    left = (len(names) + 1) // 2
    width = max(len(names) - 1, 1)
    bars = _in_rows(_not_apart(ranks, names), 0.04 * width)
    first = max(FIRST, BAR * (len(bars) + 2))
    figure = new_figure(WIDTH, 2.1 + INCHES * (STEP * left + first - FIRST))
    heading = f"mean ranks over {ranks.sets} data sets"
    away = f", critical difference {ranks.critical:.2f}" if ranks.critical is not None else ""
    away = ", too few to show a difference" if ranks.sets < ranks.needed else away
    set_heading(figure, f"{heading}{away} ({ranks.test})")
    axes = figure.subplots()
    axes.set_xlim(1 - OUTSIDE * width, len(names) + OUTSIDE * width)
    axes.set_ylim(-first - STEP * (left + 0.4), 1.2)
    axes.axis("off")
    axes.plot([1, len(names)], [0, 0], color="black", linewidth=1)
    shown = {name: f"{cut_middle(name, NAME_ROOM, 9.0)}  {ranks.mean[name]:.2f}" for name in names}
    every = _every(len(names), max(text_width(text, 9.0) for text in shown.values()))
    for tick in range(1, len(names) + 1):
        axes.plot([tick, tick], [0, 0.12], color="black", linewidth=1)
        if tick == 1 or (tick % every == 0 and tick > every) or every == 1:
            axes.text(tick, 0.2, str(tick), ha="center", va="bottom", fontsize=8)
    if ranks.critical is not None and ranks.critical <= width:
        axes.plot([1, 1 + ranks.critical], [0.85, 0.85], color=GREY, linewidth=1.4, marker="|")
        axes.text(1 + ranks.critical / 2, 0.92, "critical difference", ha="center", va="bottom", fontsize=8, color=GREY)
    for number, row in enumerate(bars, start=1):
        for begin, end in row:
            places = [begin - 0.02 * width, end + 0.02 * width]
            axes.plot(places, [-BAR * number] * 2, color="black", linewidth=3.2)
    for number, name in enumerate(names):
        at_left = number < left
        row_of = number if at_left else len(names) - 1 - number
        _name(axes, ranks.mean[name], shown[name], -first - STEP * row_of, at_left, len(names))
    return figure


def _every(arms: int, widest: float) -> int:
    """Return which ticks have a number: every one, or every second, fifth ... one. widest: inches of the names."""
    line = min(WIDTH / (1 + 2 * OUTSIDE), (WIDTH - 2 * widest) / 1.2)  # names begin at a tenth of it beside its ends
    inches = line / max(arms - 1, 1)
    return next((each for each in TICKS if each * inches >= APART * text_width(str(arms), 8.0)), TICKS[-1])


def _name(axes: "Axes", place: float, shown: str, height: float, at_left: bool, arms: int) -> None:
    """Write an arm beside the axis, the better half to the left, with a line to its place."""
    width = max(arms - 1, 1)
    side = 1 - 0.08 * width if at_left else arms + 0.08 * width
    axes.plot([place, place, side], [0, height, height], color="black", linewidth=0.8)
    text: dict[str, Any] = {"ha": "right" if at_left else "left", "va": "center", "parse_math": False}
    axes.text(side + (-0.02 if at_left else 0.02) * width, height, shown, **text)


def _in_rows(spans: list[tuple[float, float]], gap: float) -> list[list[tuple[float, float]]]:
    """Return the bars row by row: each in the first row in which it begins more than `gap` behind the last one."""
    rows: list[list[tuple[float, float]]] = []
    for span in spans:
        free = next((row for row in rows if row[-1][1] + gap < span[0]), None)
        if free is None:
            rows.append([span])
        else:
            free.append(span)
    return rows


def _not_apart(ranks: Ranks, names: list[str]) -> list[tuple[float, float]]:
    """Return the spans of ranks in which no two arms are shown to differ, those within another one left out."""
    apart = set(ranks.apart)
    spans: list[tuple[int, int]] = []
    for first in range(len(names)):
        last = max(at for at in range(first, len(names)) if (names[first], names[at]) not in apart)
        if last > first and not any(one <= first and last <= other for one, other in spans):
            spans.append((first, last))
    return [(ranks.mean[names[first]], ranks.mean[names[last]]) for first, last in spans]
