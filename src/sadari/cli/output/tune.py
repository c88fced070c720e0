"""How does a search for settings read on a terminal? The best trials, the final comparison, and what they show."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from sadari.cli.output.comparison import show_comparison, shown_path

if TYPE_CHECKING:
    from sadari.tuning.result import TuneResult
    from sadari.tuning.trials import Trial

MOST_TRIALS = 5  # in the table; the report has all


def show_tuning(
    result: "TuneResult", console: Console, data: str, report: Path | None = None, plots: Sequence[Path] = ()
) -> None:
    """Print the best trials, the comparison with the default, what both show, and what can be done next.

    data: as the user typed it, for the commands. report: the page that was written; plots: those of the comparison.
    """
    _line(console, f"{result.request.model.name} tuned on {result.request.data}: {result.counts}", "bold")
    for number, line in enumerate(trial_table(result)):
        _line(console, f"  {line}", "dim" if number == 0 else "")
    if result.importances:
        weights = ", ".join(f"{key} {share:.2f}" for key, share in result.importances.items())
        _line(console, f"  importance of each setting for the accuracy (fANOVA): {weights}", "dim")
    _line(console, "")
    if result.final is not None:
        show_comparison(result.final, console, data, plots, ())
        _line(console, "")
    for sentence in result.sentences:
        _line(console, sentence, "bold" if sentence == result.gain else "")
    _line(console, "")
    if report is not None:
        _line(console, f"report  {shown_path(report)}")
    if result.tuned is not None:
        _line(console, f"tuned   {command(result, data, result.tuned)}")


def trial_table(result: "TuneResult") -> list[str]:
    """Return the best trials as lines of a table, and the default one where it is not among them."""
    from sadari.tuning.space import shown
    from sadari.tuning.trials import finished

    ranked = list(result.front) or finished(result.trials)
    best = ranked[:MOST_TRIALS]
    best += [trial for trial in ranked[MOST_TRIALS:] if trial.default]
    keys = list(result.request.space)
    speed = bool(result.front)
    heading = ["trial", "validation", "log loss", *(["images/s"] if speed else []), *keys]
    rows = [
        [
            f"{trial.number}{' default' if trial.default else ''}",
            f"{trial.accuracy:.4f}",
            f"{trial.loss:.4f}",
            *([f"{trial.images_per_second:,.0f}"] if speed else []),
            *(shown(trial.params[key]) for key in keys),
        ]
        for trial in best
    ]
    widths = [max(len(row[place]) for row in [heading, *rows]) for place in range(len(heading))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in [heading, *rows]]


def command(result: "TuneResult", data: str, trial: "Trial") -> str:
    """Return the command that trains the model with the settings of `trial`."""
    sets = {**result.request.overrides, **trial.params}
    words = [word for key, value in sets.items() for word in ("--set", f"{key}={_text(value)}")]
    return shlex.join(["sadari", "train", data, "--model", result.request.model.reference, *words, "--out", "FOLDER"])


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style=style), soft_wrap=True)
