"""How does a comparison read on a terminal? Lines of text first; Rich only decides on colour."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from sadari.cli.robustness import robustness_table
from sadari.cli.terminal import duration

if TYPE_CHECKING:
    from sadari.comparison.result import ArmResult, ComparisonResult

MOST_VERDICTS = 6
MOST_SENTENCES = 5
GAP = "  "
AUGMENT = "shift 0.1"  # what is tried first: unlike a mirror image, a moved one is still of its class (digits, letters)


@dataclass(frozen=True)
class Column:
    """One column of the table: its heading, a cell for each arm, and when it goes where there is little room.

    rank: the column with the highest one goes first; 0 stays.
    """

    heading: str
    cell: Callable[["ArmResult"], str]
    rank: int = 0


def _figure(value: float | None, style: str = ".3f") -> str:
    return "-" if value is None else format(value, style)


def _interval(arm: "ArmResult") -> str:
    return "-" if arm.accuracy is None else f"{arm.accuracy.low:.3f} - {arm.accuracy.high:.3f}"


COLUMNS = (
    Column("model", lambda arm: arm.name),
    Column("accuracy", lambda arm: _figure(arm.accuracy.mean if arm.accuracy else None)),
    Column("95 % interval", _interval),
    Column("sd", lambda arm: _figure(arm.accuracy.sd if arm.accuracy and len(arm.seeds) > 1 else None), 5),
    Column("train", lambda arm: _figure(arm.train_accuracy), 3),
    Column("val", lambda arm: _figure(arm.val_accuracy), 4),
    Column("gap", lambda arm: _figure(arm.gap)),
    Column("macro F1", lambda arm: _figure(arm.macro_f1), 7),
    Column("balanced", lambda arm: _figure(arm.scores.get("balanced_accuracy")), 13),
    Column("top 5", lambda arm: _figure(arm.scores.get("top_5")), 10),
    Column("loss", lambda arm: _figure(arm.loss), 6),
    Column("calibration", lambda arm: _figure(arm.scores.get("calibration_error")), 11),
    Column("params", lambda arm: _figure(arm.params, ","), 1),
    Column("time", lambda arm: "-" if arm.seconds is None else duration(arm.seconds)),
    Column("s/epoch", lambda arm: _figure(arm.seconds_per_epoch, ".3g"), 12),
    Column("images/s", lambda arm: _figure(arm.images_per_second, ",.0f"), 2),
)
PUBLISHED = (
    Column("published", lambda arm: _figure(arm.published.get("accuracy"), ".4f")),
    Column("difference", lambda arm: _difference(arm, "accuracy", arm.accuracy.mean if arm.accuracy else None)),
    Column("published loss", lambda arm: _figure(arm.published.get("loss"), ".4f"), 8),
    Column("difference", lambda arm: _difference(arm, "loss", arm.loss), 9),
)


def _difference(arm: "ArmResult", metric: str, ours: float | None) -> str:
    return "-" if ours is None or metric not in arm.published else f"{ours - arm.published[metric]:+.4f}"


def show(
    result: "ComparisonResult",
    console: Console,
    data: str,
    plots: Sequence[Path],
    notes: Sequence[str],
    report: Path | None = None,
) -> None:
    """Print the images, the table, the verdicts, what over-fits, where everything lies and what can be done next.

    data: as it was typed, for the commands. report: where the page about it lies.
    """
    from sadari.comparison.learning_curve import learning_curves  # loads SciPy

    if result.title:
        _line(console, result.title, "bold")
    _line(console, heading(result))
    _line(console, f"  {result.data.origin}", "dim")
    for sentence in _some(result.data.sentences, MOST_SENTENCES, f"all of them: sadari data check {shlex.quote(data)}"):
        _line(console, f"  {sentence}", "yellow")
    _line(console, "")
    width = console.width if console.is_terminal else None
    for number, line in enumerate(table(result.arms, width)):
        _line(console, line, "dim" if number == 0 else "bold" if number == 1 and result.best else "")
    _line(console, "")
    if result.robustness:
        for number, line in enumerate(robustness_table(result.robustness, [arm.name for arm in result.arms], width)):
            _line(console, line, "dim" if number == 0 else "")
        _line(console, "")
    for line in conclusions(result):
        _line(console, line)
    for curve in learning_curves(result):
        _line(console, curve.sentence)
    for note in notes:
        _line(console, f"note: {note}")
    _line(console, "")
    for label, text in places(result, data, plots, report):
        _line(console, f"{label:7} {text}")


def show_winner(run: Path, console: Console) -> None:
    """Print which run to predict with, export or serve."""
    _line(console, f"winner  {_shown(run)}   (of these runs the one most often right on validation)")


def heading(result: "ComparisonResult") -> str:
    """The images in one line, such as "digits   1,150 train · 288 val · 359 test   8x8 grey   10 classes ..."."""
    facts = result.data
    counts = " · ".join(f"{count:,} {split_name}" for split_name, count in facts.counts.items() if count)
    height, width, channels = facts.shape
    leaks = "no leaks found" if not facts.leaks else f"{facts.leaks:,} leak{'s' if facts.leaks > 1 else ''} found"
    judged = "" if facts.judged_on == "test" else f"   judged on {facts.judged_on}"
    kind = "grey" if channels == 1 else "colour"
    return f"{facts.name}   {counts}   {width}x{height} {kind}   {len(facts.classes)} classes   {leaks}{judged}"


def table(arms: Sequence["ArmResult"], width: int | None) -> list[str]:
    """The heading and a line per arm; a failed one says why. Columns go, the least wanted first, to fit `width`."""
    columns = [*COLUMNS, *(PUBLISHED if any(arm.published for arm in arms) else ())]
    lines = _lines(columns, arms)
    while width is not None and max(map(len, lines)) > width and any(column.rank for column in columns):
        columns.remove(max(columns, key=lambda column: column.rank))
        lines = _lines(columns, arms)
    shown = [lines[0]]
    for arm, line in zip(arms, lines[1:], strict=True):
        if arm.seeds:
            shown.append(line)
        if arm.reason:
            shown.append(f"{GAP}{arm.name}  {arm.status}: {arm.reason}")
    return shown


def _lines(columns: Sequence[Column], arms: Sequence["ArmResult"]) -> list[str]:
    rows = [[column.heading for column in columns], *([column.cell(arm) for column in columns] for arm in arms)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(columns))]
    lines = []
    for first, *rest in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]
        lines.append(GAP + GAP.join(cells))
    return lines


def conclusions(result: "ComparisonResult") -> list[str]:
    """What the best arm beats, how it learned and what is worth trying, in sentences."""
    best = result.best
    if best is None:
        return ["no model is done, so there is nothing to compare"]
    about = [verdict.sentence for verdict in result.verdicts if best.name in (verdict.a, verdict.b)]
    lines = _some(about, MOST_VERDICTS, f"all of them: {_shown(result.out / 'comparison.json')}")
    if len(result.verdicts) > 1:
        corrected = f"every p is corrected by Holm's method for {len(result.verdicts)} comparisons"
        lines.append(f"({corrected}; each interval is that of its pair alone)")
    return [*lines, " ".join(best.diagnosis.sentences)] if best.diagnosis else lines


def places(
    result: "ComparisonResult", data: str, plots: Sequence[Path], report: Path | None = None
) -> list[tuple[str, str]]:
    """Where everything lies, and commands to go on with."""
    rows = [("runs", _shown(result.out))]
    if plots:
        rows.append(("plots", f"{_shown(plots[0].parent)} ({len(plots)}, as PNG and SVG)"))
    if report is not None:
        rows.append(("report", _shown(report)))
    best = result.best
    if best is not None:
        other = "val" if result.data.counts["val"] else "train"
        commands = [f"sadari evaluate {_shown(Path(best.runs[0]))} --split {other}", _further(result, best, data)]
        rows.append(("next", " · ".join(filter(None, commands))))
    return rows


def _further(result: "ComparisonResult", best: "ArmResult", data: str) -> str:
    """The command that tries what its diagnosis asks for: twice as many epochs, else augmentation.

    Twice as many epochs also where no curve shows whether it still gains. "" for a classical model, and where neither
    promises anything.
    """
    found = best.diagnosis
    if found is None or not found.by_gradient:
        return ""
    longer = found.more_epochs or found.turn is None
    if not longer and (found.augmented or not found.more_data):
        return ""
    asked = next(arm for arm in result.arms_asked if arm.name == best.name)
    epochs = result.records[best.name][0].job.settings.epochs
    words = ["sadari", "train", data, "--model", best.model, "--epochs", str(2 * epochs if longer else epochs)]
    chosen = {key: value for key, value in asked.overrides.items() if key != "epochs"}
    for key, value in (chosen if longer else {**chosen, "augment": AUGMENT}).items():
        words += ["--set", f"{key}={value}"]
    return shlex.join(words)


def _shown(path: Path) -> str:
    """A path as a shell takes it, relative to here where it lies below."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def _some(sentences: Sequence[str], most: int, rest: str) -> list[str]:
    shown = list(sentences[:most])
    if len(sentences) > most:
        shown.append(f"... and {len(sentences) - most} more; {rest}")
    return shown


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style=style), soft_wrap=True)
