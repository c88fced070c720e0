"""How does the result of a comparison read on a terminal? Lines of text first; Rich only decides on colour."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from sadari.cli.output.tables import arm_table, robustness_table
from sadari.models.own.reference import naming_option

if TYPE_CHECKING:
    from sadari.comparison.arm_result import ArmResult
    from sadari.comparison.claims.verdict import ClaimVerdict
    from sadari.comparison.result import ComparisonResult

MOST_VERDICTS = 6
MOST_SENTENCES = 5
AUGMENT = "shift 0.1"  # what is tried first: unlike a mirror image, a moved one is still of its class (digits, letters)
SHARED_LETTERS = "  letters: arms that share one are not shown to differ in accuracy (p corrected by Holm's method)"
STYLES = {"supported": "bold green", "refuted": "bold red", "not shown": "bold yellow"}
VERDICT_WIDTH = max(map(len, STYLES))


def show_comparison(
    result: "ComparisonResult",
    console: Console,
    data: str,
    plots: Sequence[Path],
    notes: Sequence[str],
    report: Path | None = None,
) -> None:
    """Print the images, the table, the verdicts, what over-fits, where everything is stored and what can be done next.

    data: as the user typed it, for the commands. plots, report: the files that were written.
    """
    from sadari.comparison.analysis.learning_curve import learning_curves  # loads SciPy

    if result.title:
        _line(console, result.title, "bold")
    _line(console, heading(result))
    _line(console, f"  {result.data.origin}", "dim")
    for sentence in _some(result.data.sentences, MOST_SENTENCES, f"all of them: sadari data check {shlex.quote(data)}"):
        _line(console, f"  {sentence}", "yellow")
    _line(console, "")
    width = console.width if console.is_terminal else None
    chosen = 1 + result.arms.index(result.chosen) if result.chosen else -1
    for number, line in enumerate(arm_table(result.arms, width)):
        _line(console, line, "dim" if number == 0 else "bold" if number == chosen else "")
    _line(console, "")
    if result.robustness:
        for number, line in enumerate(robustness_table(result.robustness, [arm.name for arm in result.arms], width)):
            _line(console, line, "dim" if number == 0 else "")
        _line(console, "")
    if any(arm.letters for arm in result.arms):
        _line(console, SHARED_LETTERS, "dim")
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
    _line(console, f"winner  {shown_path(run)}   (of the chosen model's runs the one most often right on validation)")


def show_claims(claims: Sequence["ClaimVerdict"], console: Console) -> None:
    """Print each claim with its verdict, and below it the numbers; nothing where there are none."""
    if not claims:
        return
    console.print()
    console.print(Text("claims"), soft_wrap=True)
    for each in claims:
        verdict = each.verdict.ljust(VERDICT_WIDTH), STYLES[each.verdict]
        words = f"  {each.words}" if each.words else "", "dim"
        console.print(Text.assemble("  ", verdict, f"  {each.claim}", words), soft_wrap=True)
        console.print(Text(f"  {' ' * VERDICT_WIDTH}  {each.sentence}"), soft_wrap=True)
    if any(each.findings for each in claims):
        console.print(
            Text(
                "  (every p is corrected by Holm's method over all claims, so a pair may count above and not here; each"
                " interval is 95 %, on its own. Figures of images speak of other seeds and images, seconds and what the"
                " validation loss does over the epochs of other seeds only)",
                style="dim",
            ),
            soft_wrap=True,
        )


def heading(result: "ComparisonResult") -> str:
    """Return the images in one line, as "digits   1,150 train · 288 val · 359 test   8x8 grey   10 classes ..."."""
    facts = result.data
    counts = " · ".join(f"{count:,} {split_name}" for split_name, count in facts.counts.items() if count)
    leaks = "no leaks found" if not facts.leaks else f"{facts.leaks:,} leak{'s' if facts.leaks > 1 else ''} found"
    judged = "" if facts.judged_on == "test" else f"   judged on {facts.judged_on}"
    judged += f"   judged by {facts.groups:,} group{'' if facts.groups == 1 else 's'} of images" if facts.groups else ""
    kind = "grey" if facts.shape[2] == 1 else "colour"
    return f"{facts.name}   {counts}   {facts.pixels} {kind}   {len(facts.classes)} classes   {leaks}{judged}"


def conclusions(result: "ComparisonResult") -> list[str]:
    """Say what the best arm beats, which arm validation chooses, how that learned and what is worth trying."""
    best = result.best
    if best is None:
        return ["no model is done, so there is nothing to compare"]
    about = [verdict.sentence for verdict in result.verdicts if best.name in (verdict.a, verdict.b)]
    lines = _some(about, MOST_VERDICTS, f"all of them: {shown_path(result.out / 'comparison.json')}")
    if len(result.verdicts) > 1:
        corrected = f"every p is corrected by Holm's method for {len(result.verdicts)} comparisons"
        lines.append(f"({corrected}; each interval is that of its pair alone)")
    lines += result.about_seeds
    chosen = result.chosen
    assert chosen is not None  # as `best`
    if len(result.arms) > 1:
        lines += [each for each in (result.contest, result.choice, result.flattery, result.borrowed) if each]
    lines += [arm.mixture for arm in result.arms if arm.mixture]
    return [*lines, " ".join(chosen.diagnosis.sentences)] if chosen.diagnosis else lines


def places(
    result: "ComparisonResult", data: str, plots: Sequence[Path], report: Path | None = None
) -> list[tuple[str, str]]:
    """Return pairs of a label and a text: where everything is stored, and the commands to go on with."""
    rows = [("runs", shown_path(result.out))]
    if plots:
        rows.append(("plots", f"{shown_path(plots[0].parent)} ({len(plots)}, as PNG and SVG)"))
    if report is not None:
        rows.append(("report", shown_path(report)))
    best = result.chosen
    if best is not None:
        other = "val" if result.data.counts["val"] else "train"
        evaluate = f"sadari evaluate {shown_path(Path(best.runs[0]))} --split {other}{_naming(result, best)}"
        commands = [evaluate, _further(result, best, data)]
        if result.redraw:
            commands = [_final(result, best, data)]
        rows += [("next", " · ".join(filter(None, commands)))] if any(commands) else []
    return rows


def _naming(result: "ComparisonResult", best: "ArmResult") -> str:
    """Return the options that name the code of the networks of `best`, those of an ensemble's members too."""
    arms = [best.name, *(name for name in best.members if name in result.records)]
    return "".join(dict.fromkeys(naming_option(record.job.model) for arm in arms for record in result.records[arm]))


def _final(result: "ComparisonResult", best: "ArmResult", data: str) -> str:
    """Return the command that trains `best` on all images, judged by this comparison; "" where it used a part only."""
    if result.records[best.name][0].job.settings.train_fraction < 1:
        return ""  # all images are no fraction, and runs with a fraction do not judge a run without one
    words = ["sadari", "train", data, "--model", best.model, "--all-images", "--judged-by", shown_path(result.out)]
    requested = next(arm for arm in result.arms_asked if arm.name == best.name)
    return shlex.join(words) + "".join(
        f" --set {shlex.quote(f'{key}={value}')}" for key, value in requested.overrides.items()
    )


def _further(result: "ComparisonResult", best: "ArmResult", data: str) -> str:
    """Return the command that tries what the diagnosis of `best` suggests: twice as many epochs, else augmentation.

    Twice as many epochs also where no curve shows whether it still gains. "" for a classical model, and where neither
    promises anything.
    """
    found = best.diagnosis
    if found is None or not found.by_gradient:
        return ""
    longer = found.more_epochs or found.turn is None
    if not longer and (found.augmented or not found.more_data):
        return ""
    requested = next(arm for arm in result.arms_asked if arm.name == best.name)
    epochs = max(result.records[best.name][0].job.settings.epochs, found.epochs)  # few images may have had more
    words = ["sadari", "train", data, "--model", best.model, "--epochs", str(2 * epochs if longer else epochs)]
    chosen = {key: value for key, value in requested.overrides.items() if key != "epochs"}
    for key, value in (chosen if longer else {**chosen, "augment": AUGMENT}).items():
        words += ["--set", f"{key}={value}"]
    return shlex.join(words)


def shown_path(path: Path) -> str:
    """Return a path as a shell takes it, relative to the working folder where it is inside of that."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def _some(sentences: Sequence[str], most: int, rest: str) -> list[str]:
    shown = list(sentences[:most])
    if len(sentences) > most:
        shown.append(f"... and {len(sentences) - most} more; {rest}")
    return shown


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style=style), soft_wrap=True)
