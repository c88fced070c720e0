"""`sadari train` and `sadari resume`: one run, from its start to its scores."""

import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sadari.cli.completion import model_names
from sadari.cli.evaluate import HEADLINE, printed_scores
from sadari.cli.options import (
    AsJson,
    Data,
    Epochs,
    LogTo,
    ModelCode,
    Overrides,
    Run,
    out_option,
    overrides_of,
    seed_option,
)
from sadari.cli.output.console import duration, echo, print_json
from sadari.cli.output.progress import TerminalProgress
from sadari.errors import SadariError, UsageError
from sadari.models.own.reference import naming_option
from sadari.settings import ALL_IMAGES
from sadari.training.interrupt import interrupted_status

if TYPE_CHECKING:
    from sadari.job import Job
    from sadari.loggers.targets import Target
    from sadari.run import RunRecord

LONGEST = 80  # letters of the data's and of the model's name in the name of a folder (assumed; disks hold 255)


def train(
    data: Data,
    model: Annotated[
        str,
        typer.Option(
            help="A model of the ladder, a TOML file with a network, or code that makes one, MODULE:NAME.",
            autocompletion=model_names,
        ),
    ],
    seed: Annotated[int, seed_option("Decides initial weights, order and dropout.")] = 0,
    epochs: Epochs = None,
    set_: Overrides = None,
    out: Annotated[Path | None, out_option("Folder of the run; runs/DATA-MODEL-seedN by default.")] = None,
    all_images: Annotated[
        bool, typer.Option("--all-images", help="Train on every image; --judged-by says how good such models are.")
    ] = False,
    judged_by: Annotated[
        Path | None,
        typer.Option(
            metavar="COMPARISON",
            help="Its --folds judge the model; the newest in runs by default.",
            show_default=False,
        ),
    ] = None,
    model_code: ModelCode = None,
    log_to: LogTo = None,
    as_json: AsJson = False,
) -> None:
    """Train one model and judge it."""
    from sadari.job import make_job
    from sadari.loggers.targets import parse_targets
    from sadari.models.catalog import find_model
    from sadari.models.own.named import let_run

    let_run(model_code)
    targets = parse_targets(log_to or "")
    every = ALL_IMAGES if all_images else None
    job = make_job(data, find_model(model), seed, overrides_of(set_, epochs=epochs, split=every))
    judges = _judges(job, all_images, judged_by)
    folder = out or _free_folder(job)
    try:
        _run(job, folder, as_json, judges, targets)
    finally:
        if out is None:
            for each in (folder, folder.parent):
                with suppress(OSError):  # something is stored in it
                    each.rmdir()


def _judges(job: "Job", all_images: bool, judged_by: Path | None) -> dict[str, Any] | None:
    """Return what judges a model that is trained on all images; None for every other one."""
    if not all_images:
        if judged_by is not None:
            raise UsageError(
                "--judged-by names what judges a model of --all-images; others are judged by their test part"
            )
        return None
    from sadari.comparison.splits.judges import judges_of

    return judges_of(job, judged_by, Path("runs"), TerminalProgress())


def resume(run: Run, model_code: ModelCode = None, as_json: AsJson = False) -> None:
    """Go on with an interrupted run; a finished one is shown again."""
    from sadari.job import find_job
    from sadari.models.own.named import let_run
    from sadari.run import RunRecord

    let_run(model_code)
    record = RunRecord.open(_to_resume(run))
    if record.is_average:  # made whole or not at all, by its comparison
        print_json(record.summary) if as_json else _show(record)
        return
    _require_images(record)
    _run(find_job(record.job, record.layers, record.plugins), record.path, as_json)


def _to_resume(path: Path) -> Path:
    """Return the run to go on with; UsageError for a comparison that is not finished, of which a run is only a part."""
    from sadari.run import RunRecord
    from sadari.run_lookup import find_run, is_comparison, runs_in

    unfinished = [run for run in runs_in(path) if not RunRecord(run).finished]
    if not RunRecord.is_run(path) and is_comparison(path) and unfinished:
        raise UsageError(
            f"'{path}' is a comparison with unfinished runs; go on with the command that began it and --out {path}, "
            f"or with one run: sadari resume {shlex.quote(str(unfinished[0]))}"
        )
    return find_run(path, TerminalProgress())


def _require_images(record: "RunRecord") -> None:
    """Raise SadariError, with the command that goes on where they are now, if a run that goes on has lost its images.

    A finished run needs none.
    """
    from sadari.comparison.command import command_to_go_on
    from sadari.data.load import is_there

    if record.finished or is_there(record.job.data):
        return
    raise SadariError(
        f"the images of the run, '{record.job.data}', are not there any more; put them back, or name where they are "
        f"now: {command_to_go_on(record, 'NEW_PLACE', record.path)}"
    )


def _free_folder(job: "Job") -> Path:
    """Return the first of runs/DATA-MODEL-seedN, -2, -3 ... that does not exist or holds this very job.

    A run of images, weights or a network that have changed since is another one; that is said.
    """
    from sadari.comparison.request import data_name
    from sadari.comparison.variants import folder_name
    from sadari.inference.device import resolve_machine
    from sadari.models.catalog import short_reference
    from sadari.run import RunRecord
    from sadari.training.run_folder import as_begun, other_content

    name = folder_name(f"{data_name(job.data)[:LONGEST]}-{short_reference(job.model.reference)[:LONGEST]}", job.seed)
    number = 1
    while True:
        folder = Path("runs") / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)  # which decides between two commands that begin together
            return folder
        except FileExistsError:
            pass
        except OSError:
            return folder  # training says what is wrong with it
        begun = as_begun(job, folder) if RunRecord.is_run(folder) else None
        if begun and RunRecord(folder).job == replace(begun.record, settings=resolve_machine(begun.settings)):
            changed = other_content(job, RunRecord(folder))
            if not changed:
                return folder
            have = "has" if changed in ("network", "teacher", "plug-in") else "have"
            TerminalProgress().say(f"the {changed} {have} changed since {folder}; a new run is begun beside it")
        number += 1


def _run(
    job: "Job",
    out: Path,
    as_json: bool,
    judged_by: Mapping[str, Any] | None = None,
    log_to: "Sequence[Target]" = (),
) -> None:
    from sadari.report.plots.of_run import write_run_plots
    from sadari.training.train import train

    progress = TerminalProgress()
    try:
        record = train(job, out, progress=progress, judged_by=judged_by, log_to=log_to, draw=write_run_plots)
    except KeyboardInterrupt:
        echo(f"interrupted; {_what_is_kept(out)}", err=True)
        raise typer.Exit(interrupted_status()) from None
    if as_json:
        for note in record.notes:
            progress.say(note)
        print_json(record.summary)
    else:
        _show(record)


def _what_is_kept(out: Path) -> str:
    """Say what is left of an interrupted run. A classical model without a state between its passes starts over."""
    from sadari.run import RunRecord

    if not RunRecord.is_run(out):
        return "nothing was begun"
    kept = "the work is kept, go on" if (out / "checkpoint").is_dir() else "it starts over"
    naming = naming_option(RunRecord(out).job.model)
    return f"{kept} with: sadari resume {shlex.quote(str(out))}{naming}"


def _show(record: "RunRecord") -> None:
    """Print the notes on the images, the scores of the three splits, the cost, and what can be done next."""
    summary: dict[str, Any] = record.summary
    params = summary["params"]
    echo(
        f"{summary['model']} on {summary['data']}   seed {summary['seed']}   {params['total']:,} params   "
        f"{summary['epochs']} {'epoch' if summary['epochs'] == 1 else 'epochs'}   "
        f"trained {duration(summary['seconds']['train'])}"
    )
    for note in record.notes:
        echo(f"  {note}")
    for split_name, scores in summary["scores"].items():
        if scores:
            echo(f"  {split_name:5}  {summary['images'][split_name]:>7,} images   {printed_scores(scores, HEADLINE)}")
    echo(f"run   {record.path}")
    other = next(
        (
            split_name
            for split_name in ("val", "train")
            if summary["scores"][split_name] and split_name != summary["judged_on"]
        ),
        "",
    )
    run = shlex.quote(str(record.path))
    commands = [f"report {run}", f"explain {run}", *([f"evaluate {run} --split {other}"] if other else [])]
    for command in commands:
        naming = "" if command.startswith("report") else naming_option(record.job.model)
        echo(f"next  sadari {command}{naming}")
