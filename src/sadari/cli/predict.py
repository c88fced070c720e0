"""`sadari predict`: what a run's model says about images that the user names."""

import io
import re
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sadari.cli.options import (
    KEPT,
    Abstain,
    Classwise,
    CoverageOption,
    Keep,
    MaxMegapixels,
    ModelCode,
    RunOrFile,
    UnknownScore,
    require_coverage,
)
from sadari.cli.output.console import json_text, printable
from sadari.cli.output.progress import TerminalProgress
from sadari.errors import UsageError

if TYPE_CHECKING:
    from sadari.deploy.predict import Answer, Model
    from sadari.evaluation.probabilities.conformal import Coverage

WIDEST = 60  # letters of a file's name that the other columns make room for (assumed: the rest fits a wide terminal)
MORE, BETWEEN = "then", " | "
NONE_OF_THESE = "none of these"  # in place of the class of an image that is not known
DECISION = ("known", "score", "threshold")
# Cited: how cells begin that spreadsheets compute (OWASP, CSV injection); the last four are = + - @ of double width.
FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
ESCAPED = "in the CSV, texts that a spreadsheet would compute begin with an apostrophe; --json has them as they are"


def predict(
    run: RunOrFile,
    images: Annotated[
        list[str], typer.Argument(help="Image files, folders and archives.", metavar="IMAGE...", show_default=False)
    ],
    top: Annotated[int, typer.Option(min=1, help="How many classes are printed for each image.")] = 3,
    coverage: CoverageOption = None,
    classwise: Classwise = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values with a heading.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document per line and image.")] = False,
    max_megapixels: MaxMegapixels = None,
    abstain: Abstain = False,
    keep: Keep = KEPT,
    unknown_score: UnknownScore = "",
    model_code: ModelCode = None,
) -> None:
    """Say what is on images: the most probable class of each, and how sure the model is."""
    if as_csv and as_json:
        raise UsageError("--csv and --json exclude each other; choose one")
    require_coverage(coverage, classwise)
    if not abstain and (keep != KEPT or unknown_score):
        raise UsageError("--keep and --unknown-score say how --abstain decides; add --abstain")
    from sadari.deploy.files import find_files
    from sadari.deploy.predict import open_model, predict_files
    from sadari.models.own.named import let_run

    let_run(model_code)
    classifier = open_model(run, max_megapixels, TerminalProgress())
    wanted = _sets(classifier, coverage, classwise)
    if abstain:
        classifier = classifier.abstaining(keep, unknown_score, TerminalProgress())
    if as_csv and any(_as_text(name) != name for name in classifier.classes):
        TerminalProgress().say(ESCAPED)
    groups = find_files(images)
    count = min(top, len(classifier.classes))
    if as_json:
        heading, line = None, _json_line(count)
    elif as_csv:
        heading, line = _csv_heading(count, wanted is not None, abstain), _csv_line(count, abstain)
    else:
        names = [name for group in groups for name in group.names]
        heading, line = _table(names, classifier.classes, count, wanted, abstain)
    # Lines that come one by one show by themselves that work goes on; a bar between them would tear them apart.
    progress = None if sys.stdout.isatty() else TerminalProgress()
    failed = _print(heading, predict_files(classifier, groups, progress, wanted), line)
    if failed:
        raise typer.Exit(1)


def _sets(classifier: "Model", coverage: float | None, classwise: bool) -> "Coverage | None":
    """Return the sets that are asked for, and say what they promise and what was seen of that; None without any."""
    found = classifier.coverage(coverage, classwise)
    for said in classifier.about_coverage(found) if found else ():
        TerminalProgress().say(said)
    return found


def _print(heading: str | None, answers: Iterable["Answer"], line: Callable[["Answer"], str]) -> int:
    """Print a line per answer, and return the number of files that could not be judged."""
    failed = 0
    try:
        if heading is not None:
            sys.stdout.write(heading + "\n")
        for answer in answers:
            failed += answer.probabilities is None
            sys.stdout.write(line(answer) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, such as `head`
        return 0
    return failed


def _json_line(count: int) -> Callable[["Answer"], str]:
    def line(answer: "Answer") -> str:
        document: dict[str, Any] = {"file": answer.file}
        if answer.probabilities is None:
            document["error"] = answer.reason
        else:
            top = [{"label": label, "probability": float(_figure(share))} for label, share in answer.top(count)]
            document |= {**top[0], **_decision(answer), "top": top}
            document |= {} if answer.set is None else {"set": list(answer.set)}
        return json_text(document)

    return line


def _decision(answer: "Answer") -> dict[str, Any]:
    """Return whether the image is known, by which figures; nothing where that was not decided."""
    if answer.score is None or answer.threshold is None:
        return {}
    return {
        "known": answer.known,
        "score": float(_figure(answer.score)),
        "threshold": float(_figure(answer.threshold)),
    }


def _csv_heading(count: int, with_sets: bool = False, abstain: bool = False) -> str:
    more = [f"{name}_{rank}" for rank in range(2, count + 1) for name in ("label", "probability")]
    more += [*(DECISION if abstain else ()), *(["set"] if with_sets else [])]
    return _csv(["file", "label", "probability", *more, "error"])


def _csv_line(count: int, abstain: bool = False) -> Callable[["Answer"], str]:
    def line(answer: "Answer") -> str:
        cells = [cell for label, share in answer.top(count) for cell in (_as_text(label), _figure(share))]
        decided = [json_text(each) for each in _decision(answer).values()] or [""] * len(DECISION)
        sets = [] if answer.set is None else [_as_text(BETWEEN.join(answer.set))]
        more = [*(decided if abstain else []), *sets]
        return _csv([_as_path(answer.file), *(cells or [""] * (2 * count)), *more, _as_text(answer.reason)])

    return line


def _as_text(text: str) -> str:
    """Return `text` so that no spreadsheet takes it for a formula; a number, such as -1, may stay one."""
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def _as_path(name: str) -> str:
    """Return another name of the same file that no spreadsheet takes for a formula."""
    return f"./{name}" if FORMULA.match(name) else name


def _csv(cells: list[str]) -> str:
    """Return the cells as one row. Which line breaks are quoted depends on the line's own end in older Pythons."""
    from sadari.files import csv_writer

    text = io.StringIO()
    csv_writer(text).writerow(cells)
    return text.getvalue().removesuffix("\n")


def _figure(probability: float) -> str:
    return format(probability, ".9g")  # as in predictions.csv: different float32 stay different


def _table(
    names: list[str], classes: tuple[str, ...], count: int, wanted: "Coverage | None" = None, abstain: bool = False
) -> tuple[str, Callable[["Answer"], str]]:
    """Return the heading and what makes a line of an answer, with columns that fit all names and classes.

    With a coverage, the classes of the set are printed in place of the next ones. abstain: an image may be of none.
    """
    from rich.cells import cell_len  # a Korean letter takes two columns

    def padded(text: str, width: int) -> str:
        return text + " " * max(0, width - cell_len(text))

    file_width = min(WIDEST, max(cell_len(printable(name)) for name in ("file", *names)))
    label_width = max(cell_len(printable(name)) for name in ("label", *([NONE_OF_THESE] if abstain else []), *classes))

    def row(file: str, label: str, probability: str, more: str) -> str:
        file, label, more = printable(file), printable(label), printable(more)
        return f"{padded(file, file_width)}  {padded(label, label_width)}  {probability:>11}  {more}".rstrip()

    def line(answer: "Answer") -> str:
        if answer.probabilities is None:
            return row(answer.file, "-", "-", answer.reason)
        (label, share), *others = answer.top(count if answer.set is None else len(classes))
        others = [each for each in others if answer.set is None or each[0] in answer.set]
        if answer.known is False:
            nearest = " · ".join(f"{name} {each:.3f}" for name, each in [(label, share), *others])
            return row(answer.file, NONE_OF_THESE, "-", f"nearest: {nearest}")
        return row(answer.file, label, f"{share:.3f}", " · ".join(f"{name} {each:.3f}" for name, each in others))

    more = f"also in the set of {100 * wanted.wanted:.3g} %" if wanted else MORE if count > 1 else ""
    return row("file", "label", "probability", more), line
