"""How does one job become one run? The table of contents of training:

    images -> split -> preprocessing -> network -> fit -> predictions -> scores -> files

Starting, resuming and finding a run finished are the same call: whatever is there already is not done again.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sadari.data.augment import parse_augmentation
from sadari.data.load import load
from sadari.data.prepare import Preprocess
from sadari.data.split import draw_split
from sadari.errors import SadariError
from sadari.evaluation.metrics import score
from sadari.evaluation.predict import predict
from sadari.models.classical import check_variables
from sadari.models.ladder import find_rung
from sadari.models.rung import Rung
from sadari.models.sequential import Network
from sadari.progress import Progress, Silent
from sadari.run import (
    RunRecord,
    environment,
    read_json,
    read_split,
    remove_parts,
    write_history,
    write_json,
    write_predictions,
    write_split,
    write_text,
)
from sadari.settings import Job
from sadari.training.batches import Batches
from sadari.training.checkpoint import Checkpoint, FitState
from sadari.training.engine import DivergedError, Engine
from sadari.training.events import Events
from sadari.training.folder import only_one, require_same_data, require_same_job, require_same_network
from sadari.training.log import Log
from sadari.training.machine import PRECISIONS, resolve_machine, threads_for, use_machine
from sadari.training.optim import make_optimizer
from sadari.training.passes import Passes
from sadari.training.randomness import seed_for
from sadari.training.start import architecture_of, bring_weights, start_weights
from sadari.training.trained import Architecture, write_model
from sadari.values import PARTS, ImageSet, Predictions, Split


def train(
    job: Job,
    out: Path,
    *,
    images: ImageSet | None = None,
    split: Split | None = None,
    progress: Progress | None = None,
) -> RunRecord:
    """Train what `job` says in the folder `out`, or go on with what was started there; returns the finished run.

    images, split: the job's data where they are loaded already; a split stored in `out` has precedence.
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
            _checkpoint(out).remove()  # a kill may have come between the last two steps
            return run
        started = perf_counter()
        bring_weights(job, rung, out)
        images = images if images is not None else load(job.data, job.settings, progress)
        if (out / "split.npz").is_file():
            split = read_split(out / "split.npz")
        workshop = _prepare(job, rung, images, split or draw_split(images, job.settings), out, progress)
        with _noted(workshop.log):
            state = _fit(workshop)
            _finish(workshop, state, started)
        return run


def resume(path: Path, progress: Progress | None = None) -> RunRecord:
    """Go on with the run in the folder `path`; raises UsageError where there is none."""
    run = RunRecord.open(path)
    return train(run.job, run.path, progress=progress)


@dataclass(frozen=True, eq=False)
class _Workshop:
    """Everything that training one job needs, laid out."""

    job: Job
    rung: Rung
    images: ImageSet
    split: Split
    preprocess: Preprocess
    architecture: Architecture
    network: Network
    out: Path
    log: Log

    @property
    def checkpoint(self) -> Checkpoint:
        return _checkpoint(self.out)


def _checkpoint(out: Path) -> Checkpoint:
    return Checkpoint(out / "checkpoint" / "state.safetensors")


def _prepare(job: Job, rung: Rung, images: ImageSet, split: Split, out: Path, progress: Progress) -> _Workshop:
    """Lay out the job, and the files that say what it is. A network that does not fit leaves nothing behind."""
    settings = job.settings
    stamped = out / "environment.json"
    architecture = architecture_of(job, rung, images, out)
    # As many threads as the run began with: another number would add up in another order.
    threads = read_json(stamped)["threads"] if stamped.is_file() else threads_for(settings, images.shape)
    device = use_machine(settings, threads)
    network = architecture.build(seed_for(job.seed, "weights"))
    digest = "" if _checkpoint(out).path.is_file() else start_weights(network, architecture, out)
    if not architecture.classical:  # scikit-learn's rungs stay on the processor
        network.to(device)
    parse_augmentation(settings.augment, *images.shape[:2])
    check_variables(job.variables if architecture.classical else {})
    preprocess = Preprocess.fitted(
        images, split.train, settings.scaling, settings.fit, architecture.scaling, settings.interpolation
    )
    require_same_data(out, images)
    write_text(out / "settings.toml", job.to_toml())
    if not stamped.is_file():
        data = {"name": images.name, "fingerprint": images.fingerprint, "notes": images.notes}
        document = {**environment(), "threads": threads, "data": data, "layers": rung.layers}
        if architecture.pretrained:
            document |= {"pretrained": architecture.pretrained.to_json(), "weights_sha256": digest}
        write_json(stamped, document)
    write_json(out / "preprocess.json", preprocess.to_json())
    write_split(out / "split.npz", split)
    log = Log(out / "log.txt", progress)
    log.note(f"{rung.name} on {images.name}, seed {job.seed}: {split.origin}")
    return _Workshop(job, rung, images, split, preprocess, architecture, network, out, log)


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


def _fit(workshop: _Workshop) -> FitState:
    """Train the network, telling every epoch to history.csv, TensorBoard and the log."""
    out, told = workshop.out, 0
    events = Events(out, workshop.job.settings.tensorboard, workshop.network, workshop.images, workshop.split)

    def after_epoch(state: FitState) -> None:
        nonlocal told
        write_history(out / "history.csv", state.history)
        events.tell(state.history[told:])
        told = len(state.history)
        workshop.log.note(_sentence(state.history[-1]))

    if workshop.architecture.classical:
        state = _passes(workshop, after_epoch).fit()
    else:
        state = _fit_network(workshop, after_epoch)
    if told < len(state.history):  # killed behind its last epoch: there was none left to tell with
        after_epoch(state)
    return state


def _sentence(row: dict[str, float]) -> str:
    """One row of the history as the log has it."""
    parts = [f"epoch {row['epoch']:g}: train loss {row['train_loss']:.4f}, accuracy {row['train_accuracy']:.4f}"]
    if "val_loss" in row:
        parts.append(f"val loss {row['val_loss']:.4f}, accuracy {row['val_accuracy']:.4f}")
    return "; ".join(parts)


def _fit_network(workshop: _Workshop, after_epoch: Callable[[FitState], None]) -> FitState:
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


def _passes(workshop: _Workshop, after_epoch: Callable[[FitState], None]) -> Passes:
    return Passes(
        classical=workshop.architecture.classical,
        network=workshop.network,
        preprocess=workshop.preprocess,
        images=workshop.images,
        split=workshop.split,
        job=workshop.job,
        checkpoint=workshop.checkpoint,
        progress=workshop.log,
        after_epoch=after_epoch,
    )


def _engine(workshop: _Workshop, after_epoch: Callable[[FitState], None]) -> Engine:
    job, images, split = workshop.job, workshop.images, workshop.split
    settings = job.settings
    device = torch.device(settings.device)
    augmentation = parse_augmentation(settings.augment, *images.shape[:2])
    weights = None
    if settings.class_weights == "balanced":
        weights = _balanced(images.labels[split.train], len(images.classes)).to(device)
    return Engine(
        network=workshop.network,
        optimizer=make_optimizer(workshop.network, settings),
        preprocess=workshop.preprocess,
        batches=Batches(images, split.train, settings.batch_size, job.seed, device, augmentation),
        images=images,
        validation=split.val,
        settings=settings,
        seed=job.seed,
        checkpoint=workshop.checkpoint,
        precision=PRECISIONS[settings.precision],
        class_weights=weights,
        progress=workshop.log,
        after_epoch=after_epoch,
    )


def _balanced(labels: NDArray[np.int64], classes: int) -> torch.Tensor:
    """N / (K * N_k) for each class k, as scikit-learn's class_weight="balanced"."""
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    return torch.from_numpy((len(labels) / (classes * counts)).astype(np.float32))


def _finish(workshop: _Workshop, state: FitState, started: float) -> None:
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
        "images_per_second": len(judged) / judged.seconds,
        "judged_on": judged_on,
        "images": {name: len(workshop.split.part(name)) for name in PARTS},
        "split": workshop.split.origin,
        "scores": scores,
    }
    write_json(out / "scores.json", summary)
    workshop.checkpoint.remove()


def _judge(workshop: _Workshop, part: str) -> Predictions | None:
    positions = workshop.split.part(part)
    if not len(positions):
        return None
    return predict(workshop.network, workshop.preprocess, workshop.images, positions)
