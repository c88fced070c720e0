"""How is an average of runs stored as a run beside them? Whole or not at all, and only where it is not there yet."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from sadari.errors import SadariError
from sadari.evaluation.metrics import score
from sadari.evaluation.ranking import areas_in_short
from sadari.files import write_json, write_text
from sadari.inference.device import device_here, threads_for, use_machine
from sadari.inference.members import Candidate, Ensemble
from sadari.inference.model import TrainedModel
from sadari.inference.predict import Judgement, judge
from sadari.job_record import JobRecord
from sadari.progress import Progress
from sadari.run import CORRECT, ENVIRONMENT, PREDICTIONS, PREPROCESS, SCORES, SETTINGS, SPLIT, VALIDATED, RunRecord
from sadari.run_files import write_correct, write_predictions, write_validated
from sadari.training.frozen import split_inputs
from sadari.unfinished import UnfinishedFolder
from sadari.values import SPLITS, ImageSet, Predictions


def is_there(out: Path, candidates: tuple[Candidate, ...], job: JobRecord) -> bool:
    """Return whether `out` holds the average of `job`, chosen from these very runs.

    Raises SadariError where `out` holds a run that was trained.
    """
    stored = RunRecord(out)
    if not stored.is_average and RunRecord.is_run(out):
        raise SadariError(f"'{out}' holds another run; choose another --out")
    try:
        held = Ensemble.read(stored).candidates if stored.finished else ()
        same = tuple(replace(each, count=0) for each in held) == candidates and stored.job == job
        return same and bool(stored.summary)
    except SadariError:  # damaged: made anew
        return False


def store(
    out: Path,
    job: JobRecord,
    like: RunRecord,
    environment: dict[str, Any],
    val: Predictions,
    judged: Predictions,
    summary: dict[str, Any],
    write_rest: Callable[[Path], None],
) -> None:
    """Write the folder of an average, whole or not at all; raises SadariError where it cannot be written.

    like: the run that has its split and its preprocessing. write_rest: writes what is the average's own.
    """
    try:
        with UnfinishedFolder(out.parent, out.name) as unfinished:
            into = unfinished.path
            write_text(into / SETTINGS, job.to_toml())
            write_json(into / ENVIRONMENT, environment)
            for name in (SPLIT, PREPROCESS):
                shutil.copyfile(like.path / name, into / name)
            write_rest(into)
            write_predictions(into / PREDICTIONS, judged)
            write_validated(into / VALIDATED, val)
            write_correct(into / CORRECT, {"val": val.predicted == val.labels})
            write_json(into / SCORES, summary)
            unfinished.release()
            shutil.rmtree(out, ignore_errors=True)
            into.replace(out)
    except OSError as error:
        raise SadariError(f"cannot write {out}: {error.strerror or error}; choose another --out") from None


def summary_of(
    out: Path, job: JobRecord, model: str, runs: Sequence[RunRecord], members: Sequence[RunRecord],
    val: Predictions, judged: Predictions, started: float,
) -> dict[str, Any]:  # fmt: skip
    """Return `scores.json` of the average of `members`, chosen from `runs`; the seconds are those of all `runs`.

    Its parameters and its rate are those of one network: an ensemble has others.
    """
    first = members[0].summary
    scores: dict[str, Any] = dict.fromkeys(SPLITS) | {"val": dict(score(val).values)}
    scores[first["judged_on"]] = dict(score(judged).values)
    spent = {name: sum(each.summary["seconds"][name] for each in runs) for name in ("train", "total")}
    return {
        "run": str(out),
        "model": model,
        "data": job.data,
        "seed": job.seed,
        "params": first["params"],
        "epochs": 0,
        "best_epoch": None,
        "seconds": {**spent, "total": spent["total"] + perf_counter() - started},
        "images_per_second": first["images_per_second"],
        "judged_on": first["judged_on"],
        "images": first["images"],
        "split": first["split"],
        "scores": scores,
        "areas": areas_in_short(judged),
    }


@contextmanager
def judging(
    run: RunRecord, images: ImageSet, progress: Progress
) -> Iterator[tuple[TrainedModel, Callable[[str], Judgement]]]:
    """Give the model of `run`, and what judges it on a split; frozen layers are read from the cache, as in training.

    Its logits are as the network gives them, without the temperature of the run.
    """
    model, split = TrainedModel.load(run, progress), run.split_of(images)
    settings = replace(run.job.settings, device=device_here(run.job.settings.device))
    drawn_anew = settings.augment and not settings.views
    cached = replace(settings, cache="none") if drawn_anew else settings
    with use_machine(settings, threads_for(settings, images.shape)) as device:
        network = model.network if model.architecture.classical else model.network.to(device)
        read = split_inputs(network, model.preprocess, images, split.train, None, cached, progress)
        yield model, lambda split_name: judge(read.learner, read.inputs, images, split.positions(split_name))
