"""How does one job become one run? The table of contents of training:

    images -> split -> preprocessing -> network -> fit -> predictions -> scores -> files

Starting, resuming and finding a run finished are the same call: whatever is there already is not done again.
"""

import math
from collections.abc import Iterator
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
from sadari.files import write_json
from sadari.inference.device import PRECISIONS, resolve_machine, use_machine
from sadari.inference.model import write_model
from sadari.inference.predict import Inputs, predict
from sadari.job import Job, find_job
from sadari.progress import Progress, Silent
from sadari.run import (
    HISTORY,
    MODEL,
    PREDICTIONS,
    SCORES,
    SPLIT,
    RunRecord,
    read_split,
    write_history,
    write_predictions,
)
from sadari.training.batches import Batches
from sadari.training.checkpoint import FitState
from sadari.training.classical import ClassicalFit
from sadari.training.engine import DivergedError, Engine
from sadari.training.fit_loop import FitLoop
from sadari.training.log import Log
from sadari.training.loss import CrossEntropy
from sadari.training.optim.build import make_optimizer
from sadari.training.run_folder import only_one, require_same_job, require_same_network
from sadari.training.setup import Setup, bring_weights, checkpoint_of, set_up, threads_of
from sadari.training.tensorboard import Events
from sadari.unfinished import remove_unfinished
from sadari.values import SPLITS, ImageSet, Predictions, Split

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
    job = replace(job, settings=resolve_machine(job.settings))
    require_same_job(job, out)
    with only_one(out):
        require_same_network(out, job.model)
        run = RunRecord(out.resolve())
        remove_unfinished(out)
        if run.finished:
            checkpoint_of(out).remove()  # a kill may have come between the last two steps
            return run
        started = perf_counter()
        bring_weights(job, out)
        images = images if images is not None else load(job.data, job.settings, progress)
        if (out / SPLIT).is_file():
            split = read_split(out / SPLIT)
        split = split or draw_split(images, job.settings)
        threads = threads_of(job, images, out, threads)
        with use_machine(job.settings, threads) as device:
            setup = set_up(job, images, split, out, progress, device, threads)
            with _noted(setup.log):
                state = _fit(setup)
                try:
                    _finish(setup, state, started)
                except KeyboardInterrupt:
                    setup.checkpoint.write(replace(state, fitted=True), {"network": setup.network.state_dict()})
                    raise
        return run


def resume(path: Path, progress: Progress | None = None) -> RunRecord:
    """Go on with the run in the folder `path`; raises UsageError where there is none."""
    run = RunRecord.open(path)
    return train(find_job(run.job), run.path, progress=progress)


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


def _fit(setup: Setup) -> FitState:
    """Train the network, telling every epoch to history.csv, TensorBoard and the log."""
    out, told = setup.out, 0
    events = Events(out, setup.job.settings.tensorboard, setup.network, setup.images, setup.split)

    def after_epoch(state: FitState) -> None:
        nonlocal told
        write_history(out / HISTORY, state.history)
        rows = state.history[told:]
        events.tell(rows)
        setup.log.note(*map(_sentence, rows if told else rows[-1:]))  # at first, older rows are in the log already
        told = len(state.history)

    loop = FitLoop(setup.network, setup.checkpoint, setup.job.settings, setup.stored, after_epoch)
    if loop.state.fitted:
        state = loop.state  # `set_up` has given the network its weights
    elif setup.architecture.classical:
        state = _classical_fit(setup, loop).fit()
    else:
        state = _fit_network(setup, loop)
    if told < len(state.history):  # stopped behind its last epoch: there was none left to tell with
        after_epoch(state)
    return state


def _sentence(row: dict[str, float]) -> str:
    """One row of the history as the log has it."""
    parts = [f"epoch {row['epoch']:g}: train loss {row['train_loss']:.4f}, accuracy {row['train_accuracy']:.4f}"]
    if "val_loss" in row:
        parts.append(f"val loss {row['val_loss']:.4f}, accuracy {row['val_accuracy']:.4f}")
    return "; ".join(parts)


def _fit_network(setup: Setup, loop: FitLoop) -> FitState:
    """Train step by step; a loss that is no longer a number still leaves the best weights as a model."""
    out, engine = setup.out, _engine(setup, loop)
    try:
        return engine.fit()
    except DivergedError as error:
        if not loop.best:
            raise
        setup.network.load_state_dict(dict(loop.best))
        write_model(out / MODEL, setup.network, setup.architecture)
        raise DivergedError(f"{error}; the best epoch, {loop.state.best_epoch}, is kept as {out}") from None


def _classical_fit(setup: Setup, loop: FitLoop) -> ClassicalFit:
    return ClassicalFit(
        classical=setup.architecture.classical,
        network=setup.network,
        learner=setup.learning.learner,
        inputs=setup.learning.inputs,
        images=setup.images,
        split=setup.split,
        job=setup.job,
        loop=loop,
        progress=setup.log,
    )


def _engine(setup: Setup, loop: FitLoop) -> Engine:
    job, images, split = setup.job, setup.images, setup.split
    settings, (learner, inputs, views) = job.settings, setup.learning
    device = torch.device(settings.device)
    weights = None
    if settings.class_weights == "balanced":
        weights = _balanced(images.labels[split.train], len(images.classes)).to(device)
    loss = CrossEntropy(len(images.classes), settings.label_smoothing, weights)
    batches = Batches(
        inputs, images, split.train, settings.batch_size, job.seed, device, loss, setup.augmentation, views
    )
    return Engine(
        network=setup.network,
        learner=learner,
        optimizer=make_optimizer(setup.network, settings),
        inputs=inputs,
        batches=batches,
        labels=images.labels,
        validation=split.val,
        settings=settings,
        seed=job.seed,
        loop=loop,
        precision=PRECISIONS[settings.precision],
        progress=setup.log,
    )


def _balanced(labels: NDArray[np.int64], classes: int) -> torch.Tensor:
    """N / (K * N_k) for each class k, as scikit-learn's class_weight="balanced"."""
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    return torch.from_numpy((len(labels) / (classes * counts)).astype(np.float32))


def _finish(setup: Setup, state: FitState, started: float) -> None:
    """Judge the network, test last, and write what the run leaves; `scores.json` comes last and says it is done."""
    out, job = setup.out, setup.job
    parts = {name: _judge(setup, name) for name in SPLITS}
    judged_on = "test" if parts["test"] is not None else "val" if parts["val"] is not None else "train"
    judged = parts[judged_on]
    assert judged is not None  # the train split is never empty: draw_split refuses that
    scores = {name: None if each is None else dict(score(each).values) for name, each in parts.items()}
    if any(each and not math.isfinite(each["loss"]) for each in scores.values()):
        raise DivergedError("the trained model's probabilities are no numbers; lower learning_rate, or change scaling")
    write_model(out / MODEL, setup.network, setup.architecture)
    write_predictions(out / PREDICTIONS, judged)
    rows = setup.architecture.rows() if setup.job.model.layers else ()
    summary: dict[str, Any] = {
        "run": str(out.resolve()),
        "model": setup.job.model.name,
        "data": job.data,
        "seed": job.seed,
        "params": {"total": sum(row.total for row in rows), "trainable": sum(row.trainable for row in rows)},
        "epochs": len(state.history),
        "best_epoch": state.best_epoch or None,
        "seconds": {"train": state.seconds, "total": state.earlier + perf_counter() - started},
        "images_per_second": _images_per_second(setup, judged, judged_on),
        "judged_on": judged_on,
        "images": {name: len(setup.split.positions(name)) for name in SPLITS},
        "split": setup.split.origin,
        "scores": scores,
    }
    write_json(out / SCORES, summary)
    setup.checkpoint.remove()


def _judge(setup: Setup, split_name: str) -> Predictions | None:
    positions = setup.split.positions(split_name)
    if not len(positions):
        return None
    return predict(setup.learning.learner, setup.learning.inputs, setup.images, positions)


def _images_per_second(setup: Setup, judged: Predictions, split_name: str) -> float:
    """How many images a second does the whole network judge? Timed on some where it began behind its frozen layers."""
    if setup.learning.learner is setup.network:
        return len(judged) / judged.seconds
    positions = setup.split.positions(split_name)[:TIMED_IMAGES]
    pixels = Inputs.pixels(setup.images.images, setup.preprocess)
    return len(positions) / predict(setup.network, pixels, setup.images, positions).seconds
