"""`sadari train`, `sadari resume` and `sadari evaluate`: one run, from its start to its scores."""

import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sadari.cli.completion import data_names, model_names, split_names
from sadari.cli.options import (
    KEPT,
    AsJson,
    Data,
    Epochs,
    Keep,
    Overrides,
    Run,
    UnknownScore,
    out_option,
    overrides_of,
    seed_option,
)
from sadari.cli.output.console import duration, echo, print_json
from sadari.cli.output.progress import TerminalProgress
from sadari.cli.output.unknown import evaluate_unknown_images
from sadari.errors import SadariError, UsageError
from sadari.settings import ALL_IMAGES
from sadari.training.interrupt import interrupted_status

if TYPE_CHECKING:
    from sadari.inference.evaluate import Evaluation
    from sadari.job import Job
    from sadari.run import RunRecord

# The scores of a split in one line; those in the table of classes below `sadari evaluate` are not printed twice.
HEADLINE = ("accuracy", "loss", "macro_f1")
IN_TABLE = ("macro_precision", "macro_recall", "weighted_f1")
IN_LINE = 3  # further scores in a line of 80 characters

LONGEST = 80  # letters of the data's and of the model's name in the name of a folder (assumed; disks hold 255)


def train(
    data: Data,
    model: Annotated[
        str, typer.Option(help="A model of the ladder, or a TOML file with a network.", autocompletion=model_names)
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
    as_json: AsJson = False,
) -> None:
    """Train one model and judge it."""
    from sadari.job import make_job
    from sadari.models.catalog import find_model

    every = ALL_IMAGES if all_images else None
    job = make_job(data, find_model(model), seed, overrides_of(set_, epochs=epochs, split=every))
    judges = _judges(job, all_images, judged_by)
    folder = out or _free_folder(job)
    try:
        _run(job, folder, as_json, judges)
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


def resume(run: Run, as_json: AsJson = False) -> None:
    """Go on with an interrupted run; a finished one is shown again."""
    from sadari.job import find_job
    from sadari.run import RunRecord

    record = RunRecord.open(_to_resume(run))
    if record.is_average:  # made whole or not at all, by its comparison
        print_json(record.summary) if as_json else _show(record)
        return
    _require_images(record)
    _run(find_job(record.job, record.layers), record.path, as_json)


def evaluate(
    run: Run,
    data: Annotated[
        str | None,
        typer.Argument(help="Other images with the same classes.", show_default=False, autocompletion=data_names),
    ] = None,
    split: Annotated[str, typer.Option(help="train, val or test.", autocompletion=split_names)] = "test",
    unknown: Annotated[
        str | None,
        typer.Option(
            metavar="IMAGES",
            help="Images of none of its classes: how well it tells them.",
            show_default=False,
            autocompletion=data_names,
        ),
    ] = None,
    keep: Keep = KEPT,
    unknown_score: UnknownScore = "",
    as_json: AsJson = False,
) -> None:
    """Score a run's model again, on its own images or on others."""
    if unknown is not None:
        if data is not None or split != "test":
            raise UsageError("--unknown stands beside the run's own test images; leave out other images and --split")
        evaluate_unknown_images(run, unknown, keep, unknown_score, as_json)
        return
    if keep != KEPT or unknown_score:
        raise UsageError("--keep and --unknown-score say how --unknown decides; add --unknown IMAGES")
    from sadari.evaluation.metrics import score
    from sadari.evaluation.per_class import per_class, text_table
    from sadari.inference import evaluate as evaluation
    from sadari.run import RunRecord
    from sadari.run_lookup import find_run

    progress = TerminalProgress()
    record = RunRecord.open(find_run(run, progress))
    judged = evaluation.judge(record, data, split, progress)
    predictions, unseen = judged.predictions, judged.unseen
    scores = dict(score(predictions).values)
    classes = per_class([predictions])
    document = {
        "run": str(record.path),
        "data": data or record.job.data,
        "split": split,
        "images": len(predictions),
        "images_per_second": len(predictions) / predictions.seconds,
        "scores": scores,
        "training_images": int(judged.seen.sum()) if judged.seen is not None else None,
        "scores_without_training_images": dict(score(unseen).values) if unseen is not None else None,
        "per_class": [asdict(row) for row in classes],
    }
    if as_json:
        if judged.note:
            echo(judged.note, err=True)
        print_json(document)
        return
    echo(f"{document['data']} {split}   {len(predictions):,} images   {_printed(scores, HEADLINE)}")
    others = [name for name in scores if name not in (*HEADLINE, *IN_TABLE)]
    for start in range(0, len(others), IN_LINE):
        echo(f"  {_printed(scores, others[start : start + IN_LINE])}")
    for line in _about_training_images(judged):
        echo(f"  {line}")
    echo()
    for line in text_table(classes):
        echo(line)


def _about_training_images(judged: "Evaluation") -> list[str]:
    """Say how many of the judged images trained the model, and what the scores are without them."""
    from sadari.evaluation.metrics import score

    if judged.seen is None or not judged.seen.any():
        return [judged.note] if judged.note else []
    count, total, unseen = int(judged.seen.sum()), len(judged.predictions), judged.unseen
    if unseen is None:
        return [f"all {total:,} images are training images of this run: the scores say nothing about other images"]
    are = "is a training image" if count == 1 else "are training images"
    without = f"without {'it' if count == 1 else 'them'}: {_printed(dict(score(unseen).values), HEADLINE)}"
    return [f"{count:,} of {total:,} images {are} of this run; {without}"]


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


def _printed(scores: Mapping[str, float], names: Sequence[str]) -> str:
    return "   ".join(f"{name} {scores[name]:.4f}" for name in names if name in scores)


def _free_folder(job: "Job") -> Path:
    """Return the first of runs/DATA-MODEL-seedN, -2, -3 ... that does not exist or holds this very job.

    A run of images, weights or a network that have changed since is another one; that is said.
    """
    from sadari.comparison.request import data_name
    from sadari.comparison.variants import folder_name
    from sadari.inference.device import resolve_machine
    from sadari.run import RunRecord
    from sadari.training.run_folder import as_begun, other_content

    name = folder_name(f"{data_name(job.data)[:LONGEST]}-{Path(job.model.reference).stem[:LONGEST]}", job.seed)
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
            have = "has" if changed in ("network", "teacher") else "have"
            TerminalProgress().say(f"the {changed} {have} changed since {folder}; a new run is begun beside it")
        number += 1


def _run(job: "Job", out: Path, as_json: bool, judged_by: Mapping[str, Any] | None = None) -> None:
    from sadari.training.train import train

    progress = TerminalProgress()
    try:
        record = train(job, out, progress=progress, judged_by=judged_by)
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
    return f"{kept} with: sadari resume {shlex.quote(str(out))}"


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
            echo(f"  {split_name:5}  {summary['images'][split_name]:>7,} images   {_printed(scores, HEADLINE)}")
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
        echo(f"next  sadari {command}")
