"""How does one job become one run? The table of contents of training:

    images -> split -> preprocessing -> network -> fit -> predictions -> scores -> files

Starting, resuming and finding a run finished are the same call: whatever is there already is not done again.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sadari.data.load import load
from sadari.data.split import draw_split
from sadari.errors import SadariError
from sadari.evaluation.metrics import score
from sadari.files import remove_parts, write_json
from sadari.inference.device import PRECISIONS, resolve_machine
from sadari.inference.model import write_model
from sadari.inference.predict import Inputs, predict
from sadari.job import Job
from sadari.models.catalog import find_rung
from sadari.progress import Progress, Silent
from sadari.run import RunRecord, read_split, write_history, write_predictions
from sadari.training.batches import Batches
from sadari.training.checkpoint import FitState
from sadari.training.classical import Passes
from sadari.training.engine import DivergedError, Engine
from sadari.training.log import Log
from sadari.training.loss import CrossEntropy
from sadari.training.optim.build import make_optimizer
from sadari.training.run_folder import only_one, require_same_job, require_same_network
from sadari.training.setup import Workshop, bring_weights, checkpoint_of, set_up
from sadari.training.tensorboard import Events
from sadari.values import PARTS, ImageSet, Predictions, Split

TIMED_IMAGES = 32  # assumed: a second's work for a backbone on a processor


def train(
    job: Job,
    out: Path,
    *,
    images: ImageSet | None = None,
    split: Split | None = None,
    progress: Progress | None = None,
    threads: int = 0,
) -> RunRecord:
    """Train what `job` says in the folder `out`, or go on with what was started there; returns the finished run.

    images, split: the job's data where they are loaded already; a split stored in `out` has precedence. threads: what
    the setting of that name means where it leaves the choice to us and the run has not begun; 0: as `threads_for` says.
    Raises UsageError where `out` holds another job or something that is no run, SadariError where training
    cannot go on (the last good state is kept), KeyboardInterrupt after Ctrl-C (likewise).
    """
    progress = progress or Silent()
    job = resolve_machine(job)
    rung = find_rung(job.model)
    require_same_job(job, out)
    with only_one(out):
        require_same_network(out, rung.layers, job.model)
        run = RunRecord(out.resolve())
        remove_parts(out)
        if run.finished:
            checkpoint_of(out).remove()  # a kill may have come between the last two steps
            return run
        started = perf_counter()
        bring_weights(job, rung, out)
        images = images if images is not None else load(job.data, job.settings, progress)
        if (out / "split.npz").is_file():
            split = read_split(out / "split.npz")
        workshop = set_up(job, rung, images, split or draw_split(images, job.settings), out, progress, threads)
        with _noted(workshop.log):
            state = _fit(workshop)
            try:
                _finish(workshop, state, started)
            except KeyboardInterrupt:
                workshop.checkpoint.write(replace(state, fitted=True), {"network": workshop.network.state_dict()})
                raise
        return run


def resume(path: Path, progress: Progress | None = None) -> RunRecord:
    """Go on with the run in the folder `path`; raises UsageError where there is none."""
    run = RunRecord.open(path)
    return train(run.job, run.path, progress=progress)


@contextmanager
def _noted(log: Log) -> Iterator[None]:
    """How work under way ends, in the log too."""
    try:
        yield
    except BaseException as error:
        with suppress(SadariError):  # a full disk holds no word about itself
            log.note("interrupted" if isinstance(error, KeyboardInterrupt) else f"ended with: {error}")
        raise
    log.note("finished")


def _fit(workshop: Workshop) -> FitState:
    """Train the network, telling every epoch to history.csv, TensorBoard and the log."""
    out, told = workshop.out, 0
    events = Events(out, workshop.job.settings.tensorboard, workshop.network, workshop.images, workshop.split)

    def after_epoch(state: FitState) -> None:
        nonlocal told
        write_history(out / "history.csv", state.history)
        rows = state.history[told:]
        events.tell(rows)
        workshop.log.note(*map(_sentence, rows if told else rows[-1:]))  # at first, older rows are in the log already
        told = len(state.history)

    kept = workshop.checkpoint.read()
    if kept and kept[0].fitted:
        state = kept[0]  # `set_up` has given the network its weights
    elif workshop.architecture.classical:
        state = _passes(workshop, after_epoch).fit()
    else:
        state = _fit_network(workshop, after_epoch)
    if told < len(state.history):  # stopped behind its last epoch: there was none left to tell with
        after_epoch(state)
    return state


def _sentence(row: dict[str, float]) -> str:
    """One row of the history as the log has it."""
    parts = [f"epoch {row['epoch']:g}: train loss {row['train_loss']:.4f}, accuracy {row['train_accuracy']:.4f}"]
    if "val_loss" in row:
        parts.append(f"val loss {row['val_loss']:.4f}, accuracy {row['val_accuracy']:.4f}")
    return "; ".join(parts)


def _fit_network(workshop: Workshop, after_epoch: Callable[[FitState], None]) -> FitState:
    """Train step by step; a loss that is no longer a number still leaves the best weights as a model."""
    out, engine = workshop.out, _engine(workshop, after_epoch)
    try:
        return engine.fit()
    except DivergedError as error:
        if not engine.best:
            raise
        workshop.network.load_state_dict(engine.best)
        write_model(out / "model.safetensors", workshop.network, workshop.architecture)
        raise DivergedError(f"{error}; the best epoch, {engine.state.best_epoch}, is kept as {out}") from None


def _passes(workshop: Workshop, after_epoch: Callable[[FitState], None]) -> Passes:
    return Passes(
        classical=workshop.architecture.classical,
        network=workshop.network,
        learner=workshop.learning.learner,
        inputs=workshop.learning.inputs,
        images=workshop.images,
        split=workshop.split,
        job=workshop.job,
        checkpoint=workshop.checkpoint,
        progress=workshop.log,
        after_epoch=after_epoch,
    )


def _engine(workshop: Workshop, after_epoch: Callable[[FitState], None]) -> Engine:
    job, images, split = workshop.job, workshop.images, workshop.split
    settings, (learner, inputs, views) = job.settings, workshop.learning
    device = torch.device(settings.device)
    weights = None
    if settings.class_weights == "balanced":
        weights = _balanced(images.labels[split.train], len(images.classes)).to(device)
    loss = CrossEntropy(len(images.classes), settings.label_smoothing, weights)
    batches = Batches(
        inputs, images, split.train, settings.batch_size, job.seed, device, loss, workshop.augmentation, views
    )
    return Engine(
        network=workshop.network,
        learner=learner,
        optimizer=make_optimizer(workshop.network, settings),
        inputs=inputs,
        batches=batches,
        labels=images.labels,
        validation=split.val,
        settings=settings,
        seed=job.seed,
        checkpoint=workshop.checkpoint,
        precision=PRECISIONS[settings.precision],
        progress=workshop.log,
        after_epoch=after_epoch,
    )


def _balanced(labels: NDArray[np.int64], classes: int) -> torch.Tensor:
    """N / (K * N_k) for each class k, as scikit-learn's class_weight="balanced"."""
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    return torch.from_numpy((len(labels) / (classes * counts)).astype(np.float32))


def _finish(workshop: Workshop, state: FitState, started: float) -> None:
    """Judge the network, test last, and write what the run leaves; `scores.json` comes last and says it is done."""
    out, job = workshop.out, workshop.job
    parts = {name: _judge(workshop, name) for name in PARTS}
    judged_on = "test" if parts["test"] is not None else "val" if parts["val"] is not None else "train"
    judged = parts[judged_on]
    assert judged is not None  # the train part is never empty: draw_split refuses that
    scores = {name: None if each is None else dict(score(each).values) for name, each in parts.items()}
    if any(each and not math.isfinite(each["loss"]) for each in scores.values()):
        raise DivergedError("the trained model's probabilities are no numbers; lower learning_rate, or change scaling")
    write_model(out / "model.safetensors", workshop.network, workshop.architecture)
    write_predictions(out / "predictions.csv", judged)
    rows = workshop.architecture.rows() if workshop.rung.layers else ()
    summary: dict[str, Any] = {
        "run": str(out.resolve()),
        "model": workshop.rung.name,
        "data": job.data,
        "seed": job.seed,
        "params": {"total": sum(row.total for row in rows), "trainable": sum(row.trainable for row in rows)},
        "epochs": len(state.history),
        "best_epoch": state.best_epoch or None,
        "seconds": {"train": state.seconds, "total": state.earlier + perf_counter() - started},
        "images_per_second": _images_per_second(workshop, judged, judged_on),
        "judged_on": judged_on,
        "images": {name: len(workshop.split.part(name)) for name in PARTS},
        "split": workshop.split.origin,
        "scores": scores,
    }
    write_json(out / "scores.json", summary)
    workshop.checkpoint.remove()


def _judge(workshop: Workshop, part: str) -> Predictions | None:
    positions = workshop.split.part(part)
    if not len(positions):
        return None
    return predict(workshop.learning.learner, workshop.learning.inputs, workshop.images, positions)


def _images_per_second(workshop: Workshop, judged: Predictions, part: str) -> float:
    """How many images a second does the whole network judge? Timed on some where it began behind its frozen layers."""
    if workshop.learning.learner is workshop.network:
        return len(judged) / judged.seconds
    positions = workshop.split.part(part)[:TIMED_IMAGES]
    pixels = Inputs.pixels(workshop.images.images, workshop.preprocess)
    return len(positions) / predict(workshop.network, pixels, workshop.images, positions).seconds
