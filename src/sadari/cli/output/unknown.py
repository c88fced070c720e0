"""How does it read how well a run tells unknown images? One table of all scores, and what its figures are."""

from pathlib import Path
from typing import Annotated

import typer

from sadari.cli.completion import data_names
from sadari.cli.options import KEPT
from sadari.cli.output.console import echo, print_json
from sadari.cli.output.progress import TerminalProgress
from sadari.errors import UsageError

UnknownImages = Annotated[
    str | None,
    typer.Option(
        "--unknown",
        metavar="IMAGES",
        help="Images of none of its classes: how well it tells them from its test images.",
        show_default=False,
        autocompletion=data_names,
    ),
]


def require_unknown(unknown: str | None, others: bool, keep: float, score: str) -> None:
    """Raise UsageError where what goes with --unknown stands without it, or what does not go with it stands beside it.

    others: whether the command asks for anything else.
    """
    if unknown is None and (keep != KEPT or score):
        raise UsageError("--keep and --unknown-score say how --unknown decides; add --unknown IMAGES")
    if unknown is not None and others:
        raise UsageError("--unknown stands beside the run's own test images; leave out other images and options")


def evaluate_unknown_images(run: Path, unknown: str, keep: float, score: str, as_json: bool) -> None:
    """Judge the run in the folder `run` on `unknown` images, and print the figures of all its scores."""
    from sadari.deploy.unknown.judge import evaluate_unknown
    from sadari.evaluation.unknown.figures import text_table
    from sadari.run import RunRecord
    from sadari.run_lookup import find_run

    progress = TerminalProgress()
    record = RunRecord.open(find_run(run, progress))
    found = evaluate_unknown(record, unknown, keep, score, progress)
    if as_json:
        print_json(found.document())
        return
    failed = f" ({found.unreadable:,} more cannot be read)" if found.unreadable else ""
    echo(f"known    {found.known:,} test images of {record.job.data}")
    echo(f"unknown  {found.images:,} images of {found.unknown}{failed}")
    echo()
    for line in text_table(found.rows, found.used):
        echo(line)
    echo()
    echo("auroc     of a known and an unknown image, how often the known one has the higher score")
    echo("accepted  share of the unknown images that are taken for known ones")
    echo(f"kept      share of the known images that are; the threshold promises {100 * keep:g} %")
    echo("*         decides in `sadari predict --abstain`; --unknown-score takes another one")
