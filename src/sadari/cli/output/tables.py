"""Which columns do the tables of a comparison have? One for the arms, one for corrupted images, as lines of text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sadari.cli.output.console import duration

if TYPE_CHECKING:
    from sadari.comparison.analysis.robustness import CorruptionAccuracy, Robustness
    from sadari.comparison.arm_result import ArmResult

GAP = "  "
LEAST_NAME = 20  # columns of a terminal that a name gets, however narrow that is (assumed)


@dataclass(frozen=True)
class Column:
    """One column of the table: its heading and a cell for each arm.

    rank: where there is little room, the column with the highest rank is left out first; 0 always stays.
    """

    heading: str
    cell: Callable[["ArmResult"], str]
    rank: int = 0


def _figure(value: float | None, style: str = ".3f") -> str:
    return "-" if value is None else format(value, style)


def _interval(arm: "ArmResult") -> str:
    return "-" if arm.accuracy is None else arm.accuracy.span


def _ends(figure: str, rank: int) -> Column:
    """Return the column of the interval of a figure other than accuracy; the first to go where there is little room."""

    def cell(arm: "ArmResult") -> str:
        found = arm.intervals.get(figure)
        return "-" if found is None else found.span

    return Column("95 % interval", cell, rank)


COLUMNS = (
    Column("model", lambda arm: arm.name),
    Column("accuracy", lambda arm: _figure(arm.accuracy.mean if arm.accuracy else None)),
    Column("95 % interval", _interval),
    Column("sd", lambda arm: _figure(arm.accuracy.sd if arm.accuracy and len(arm.seeds) > 1 else None), 5),
    Column("train", lambda arm: _figure(arm.train_accuracy), 3),
    Column("val", lambda arm: _figure(arm.val_accuracy), 4),
    Column("gap", lambda arm: _figure(arm.gap)),
    _ends("gap", 19),
    Column("macro F1", lambda arm: _figure(arm.macro_f1), 7),
    _ends("macro_f1", 15),
    Column("balanced", lambda arm: _figure(arm.scores.get("balanced_accuracy")), 13),
    _ends("balanced_accuracy", 18),
    Column("top 5", lambda arm: _figure(arm.scores.get("top_5")), 10),
    _ends("top_5", 17),
    Column("loss", lambda arm: _figure(arm.loss), 6),
    _ends("loss", 14),
    Column("calibration", lambda arm: _figure(arm.scores.get("calibration_error")), 11),
    _ends("calibration_error", 16),
    Column("params", lambda arm: _figure(arm.params, ","), 1),
    Column("time", lambda arm: "-" if arm.seconds is None else duration(arm.seconds)),
    Column("s/epoch", lambda arm: _figure(arm.seconds_per_epoch, ".3g"), 12),
    Column("images/s", lambda arm: _figure(arm.images_per_second, ",.0f"), 2),
)
LETTERS = Column("letters", lambda arm: arm.letters or "-", 1)
OF_PLUGIN, INTERVAL_OF_PLUGIN = 2, 13  # ranks: whoever has installed a metric wants to see it
BESIDE = 3  # columns before those of the images without copies: the accuracy and its interval
WITHOUT_COPIES = (
    Column("no copies", lambda arm: _figure(arm.without_copies.mean if arm.without_copies else None)),
    Column("95 % interval", lambda arm: "-" if arm.without_copies is None else arm.without_copies.span, 8),
)
PUBLISHED = (
    Column("published", lambda arm: _figure(arm.published.get("accuracy"), ".4f")),
    Column("difference", lambda arm: _difference(arm, "accuracy", arm.accuracy.mean if arm.accuracy else None)),
    Column("published loss", lambda arm: _figure(arm.published.get("loss"), ".4f"), 8),
    Column("difference", lambda arm: _difference(arm, "loss", arm.loss), 9),
)


def _difference(arm: "ArmResult", metric: str, ours: float | None) -> str:
    return "-" if ours is None or metric not in arm.published else f"{ours - arm.published[metric]:+.4f}"


def arm_table(arms: Sequence["ArmResult"], width: int | None) -> list[str]:
    """Return the heading and a line per arm, with the reason of a failed one.

    width: columns of the terminal; table columns with the highest ranks are left out to fit it, and long names are cut
    in their middle. None for no limit.
    """
    apart = WITHOUT_COPIES if any(arm.without_copies for arm in arms) else ()
    published = PUBLISHED if any(arm.published for arm in arms) else ()
    lettered = (LETTERS,) if any(arm.letters for arm in arms) else ()
    columns = [*COLUMNS[:BESIDE], *lettered, *apart, *_of_plugins(arms), *COLUMNS[BESIDE:], *published]
    names = [arm.name for arm in arms]
    least = None if width is None else max(LEAST_NAME, width // 3)
    lines = _arm_lines(columns, arms, least)
    while width is not None and _widest(lines) > width and any(column.rank for column in columns):
        columns.remove(max(columns, key=lambda column: column.rank))
        lines = _arm_lines(columns, arms, least)
    if width is not None and least is not None:
        left = width - _widest(lines) + _widest(cut_names(names, least))
        lines = _arm_lines(columns, arms, max(left, LEAST_NAME))
    shown = [lines[0]]
    for arm, line in zip(arms, lines[1:], strict=True):
        if arm.seeds:
            shown.append(line)
        if arm.reason:
            shown.append(f"{GAP}{arm.name}  {arm.status}: {arm.reason}")
    return shown


def _of_plugins(arms: Sequence["ArmResult"]) -> list[Column]:
    """Return two columns for each metric of a plug-in that some arm has: the figure and its interval."""
    from sadari.evaluation.metrics import METRICS

    names = dict.fromkeys(name for arm in arms for name in arm.scores if name not in METRICS.own())
    return [column for name in names for column in (_scored(name), _ends(name, INTERVAL_OF_PLUGIN))]


def _scored(figure: str) -> Column:
    return Column(figure, lambda arm: _figure(arm.scores.get(figure)), OF_PLUGIN)


def _arm_lines(columns: Sequence[Column], arms: Sequence["ArmResult"], room: int | None) -> list[str]:
    """Return the heading and a line per arm; room: columns of the terminal for the longest name."""
    headings = [column.heading for column in columns]
    names = cut_names([arm.name for arm in arms], room)
    figures = ([column.cell(arm) for column in columns[1:]] for arm in arms)
    return aligned([headings, *([name, *cells] for name, cells in zip(names, figures, strict=True))])


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows as lines of equal width: the first cell to the left, the others to the right.

    Widths are those on a terminal, where a letter of Hangul, Kana or Han takes two columns.
    """
    from rich.cells import cell_len

    widths = [_widest(cells) for cells in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        spaces = [" " * (width - cell_len(cell)) for cell, width in zip((first, *rest), widths, strict=True)]
        cells = [first + spaces[0], *(space + cell for cell, space in zip(rest, spaces[1:], strict=True))]
        lines.append(GAP + GAP.join(cells))
    return lines


def _widest(texts: Sequence[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, texts), default=0)


def cut_names(names: Sequence[str], room: int | None) -> list[str]:
    """Return `names`, those that are wider than `room` columns cut in their middle; all of them whole without `room`.

    Where two would look alike, more is left of all, so that each row still says which one it is.
    """
    while room is not None and room < _widest(names):
        cut = [_cut_middle(name, room) for name in names]
        if len(set(cut)) == len(set(names)):
            return cut
        room += 4
    return list(names)


def _cut_middle(name: str, room: int) -> str:
    from rich.cells import cell_len, set_cell_size

    if cell_len(name) <= room:
        return name
    half = room // 2
    first, last = set_cell_size(name, half).rstrip(), set_cell_size(name[::-1], room - half - 1)[::-1].lstrip()
    return f"{first}…{last}"


def robustness_table(robustness: "Robustness", arms: Sequence[str], width: int | None = None) -> list[str]:
    """Return a heading, a line per arm in the order of `arms`, and what could not be judged.

    The cells are changes of accuracy in points, at the middle level of each corruption. width: columns of the terminal;
    the last corruptions are left out to fit it. None for no limit.
    """
    room = None if width is None else max(LEAST_NAME, width // 3)
    shown, judged = list(robustness.corrupted), [arm for arm in arms if arm in robustness.arms]
    lines = _corruption_lines(judged, shown, room)
    while width is not None and len(shown) > 1 and _widest(lines) > width:
        shown.pop()
        lines = _corruption_lines(judged, shown, room)
    return [*lines, *(f"{GAP}{note}" for note in robustness.notes)]


def _corruption_lines(arms: Sequence[str], shown: "Sequence[CorruptionAccuracy]", room: int | None) -> list[str]:
    if not shown:
        return []
    headings = [f"{each.corruption} {_number(each.labels[_middle(each)])}" for each in shown]
    rows = [["corrupted, in points", "uncorrupted", *headings]]
    for arm, name in zip(arms, cut_names(arms, room), strict=True):
        plain = [f"{each.rows[arm][0].mean:.3f}" for each in shown if arm in each.rows]
        rows.append([name, (plain or ["-"])[0], *(_change(each, arm) for each in shown)])
    return aligned(rows)


def _change(corrupted: "CorruptionAccuracy", arm: str) -> str:
    if arm not in corrupted.rows:
        return "-"
    row = corrupted.rows[arm]
    return f"{100 * (row[_middle(corrupted)].mean - row[0].mean):+.1f}"


def _middle(corrupted: "CorruptionAccuracy") -> int:
    """Return the place of the middle one among the levels above 0."""
    return len(corrupted.levels) // 2


def _number(label: str) -> str:
    """Return the number of a level with its unit, without the words: "10 %" of "10 % of the side"."""
    number, space, unit = label.partition(" ")
    return number + space + unit[:1]
