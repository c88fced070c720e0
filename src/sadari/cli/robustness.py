"""How does robustness read on a terminal? The change of each arm's accuracy, in points, at every middle level."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sadari.comparison.robustness import CorruptionAccuracy, Robustness

GAP = "  "


def robustness_table(robustness: "Robustness", arms: Sequence[str], width: int | None = None) -> list[str]:
    """A heading, a line per arm in the order of `arms`, and what could not be judged; the last columns go to fit
    `width`.
    """
    shown, judged = list(robustness.corrupted), [arm for arm in arms if arm in robustness.arms]
    lines = _lines(judged, shown)
    while width is not None and len(shown) > 1 and max(map(len, lines)) > width:
        shown.pop()
        lines = _lines(judged, shown)
    return [*lines, *(f"{GAP}{note}" for note in robustness.notes)]


def _lines(arms: Sequence[str], shown: "Sequence[CorruptionAccuracy]") -> list[str]:
    if not shown:
        return []
    headings = [f"{each.corruption} {_number(each.labels[_middle(each)])}" for each in shown]
    rows = [["disturbed, in points", "uncorrupted", *headings]]
    for arm in arms:
        plain = [f"{each.rows[arm][0].mean:.3f}" for each in shown if arm in each.rows]
        rows.append([arm, (plain or ["-"])[0], *(_change(each, arm) for each in shown)])
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        GAP
        + GAP.join(
            [row[0].ljust(widths[0]), *(cell.rjust(size) for cell, size in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]


def _change(corrupted: "CorruptionAccuracy", arm: str) -> str:
    if arm not in corrupted.rows:
        return "-"
    row = corrupted.rows[arm]
    return f"{100 * (row[_middle(corrupted)].mean - row[0].mean):+.1f}"


def _middle(corrupted: "CorruptionAccuracy") -> int:
    """Which of the levels above 0 is shown?"""
    return len(corrupted.levels) // 2


def _number(label: str) -> str:
    """The number of a level with its sign, without the words: "10 %" of "10 % of the side"."""
    number, space, unit = label.partition(" ")
    return number + space + unit[:1]
