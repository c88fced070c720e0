"""How does one job become one run? The table of contents of training:

    images -> split -> preprocessing -> network -> fit -> predictions -> scores -> files

Starting, resuming and returning a finished run are the same call: what was done before is not done again.
"""

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any
from weakref import ref

import numpy as np
import torch
from numpy.typing import NDArray

from sadari.data.load import load
from sadari.data.look import look
from sadari.data.split import draw_split
from sadari.errors import SadariError
from sadari.files import names_in
from sadari.inference.device import PRECISIONS, resolve_machine, use_machine
from sadari.inference.model import write_model
from sadari.inference.predict import Inputs
from sadari.job import Job, find_job
from sadari.loggers.live import LiveLog
from sadari.loggers.of_run import Draw, end_of, logged_live
from sadari.loggers.targets import Target
from sadari.models.layers.batchnorm import learning_norms
from sadari.models.own.module import notes_of
from sadari.progress import Progress, Silent
from sadari.run import HISTORY, MODEL, SCORES, SPLIT, RunRecord
from sadari.run_files import read_split, write_history
from sadari.training.batches import Batches
from sadari.training.checkpoint import FitState
from sadari.training.classical import ClassicalFit
from sadari.training.devices.check import require_devices, require_enough_images
from sadari.training.devices.crew import team_of
from sadari.training.devices.team import Team
from sadari.training.engine import DivergedError, Engine
from sadari.training.fine_tuning.class_layer import start_class_layer
from sadari.training.fine_tuning.whitening import start_whitening
from sadari.training.fit_loop import FitLoop, Watch
from sadari.training.log import Log, require_there
from sadari.training.loss import Distillation, loss_of, softened
from sadari.training.optim.build import make_optimizer
from sadari.training.results import write_results
from sadari.training.run_folder import (
    as_begun,
    moved,
    only_one,
    require_same_content,
    require_same_data,
    require_same_job,
    require_same_network,
    require_same_plugins,
)
from sadari.training.setup import Setup, bring_weights, checkpoint_of, set_up, threads_of
from sadari.training.tensorboard import Events
from sadari.unfinished import remove_unfinished
from sadari.values import ImageSet, Split

ENLARGED_FROM = 4  # times the side, from which enlarging is worth a sentence (assumed: photographs are above it)


def train(
    job: Job,
    out: Path,
    *,
    images: ImageSet | None = None,
    split: Split | None = None,
    progress: Progress | None = None,
    threads: int = 0,
    judged_by: Mapping[str, Any] | None = None,
    watch: Watch | None = None,
    log_to: Sequence[Target] = (),
    draw: Draw | None = None,
) -> RunRecord:
    """Train `job` in the folder `out`, or go on with what was started there, and return the finished run.

    images, split: the job's data where they are loaded already; a split stored in `out` has precedence. threads: the
    number of threads where the setting of that name leaves it open and the run has not begun; 0: what `threads_for`
    returns. judged_by: what judges a model that is trained on all images, stored with a run that begins. watch: sees
    each epoch of gradient steps, and may end the run with it; its scores say why then. log_to: trackers that get the
    run while it trains, without any those that it began with, or those of its comparison; draw: its pictures for them.
    Raises UsageError where `out` holds another job or something that is no run, SadariError where training
    cannot go on (the last good state stays stored), KeyboardInterrupt after Ctrl-C (likewise).
    """
    progress = progress or Silent()
    here, job = job, as_begun(job, out)
    # A finished run needs no device: it may be one of another machine.
    job = replace(job, settings=job.settings if SCORES in names_in(out) else resolve_machine(job.settings))
    require_same_job(job, out)
    with only_one(out):
        require_same_network(out, job.model)
        run = RunRecord(out.resolve())
        if not run.finished:
            require_same_plugins(out)
        remove_unfinished(out)
        _say_backbone(job, here, out, progress)
        if run.finished:
            require_same_content(job, run, images, progress)
            checkpoint_of(out).remove()  # a kill may have come between the last two steps
            if log_to:
                progress.say(f"the run is finished, so nothing is logged; sadari log {run.path} sends finished runs")
            return run
        started = perf_counter()
        require_devices(job)
        bring_weights(job, out)
        if images is None:
            images = load(job.data, job.settings, progress)
            _say_what_enlarging_costs(job, progress)
        if RunRecord.is_run(out) and run.job.data != job.data:
            progress.say(moved(run.job.data, job.data))
        require_same_data(out, images)  # what is stored in `out` may not fit other images
        if (out / SPLIT).is_file():
            split = read_split(out / SPLIT, len(images))
        split = split or draw_split(images, job.settings, progress)
        require_enough_images(job, len(split.train))
        threads = threads_of(job, images, out, threads)
        with use_machine(job.settings, threads) as device:
            setup = set_up(job, images, split, out, progress, device, threads, judged_by)
            with _logged_end(setup.log), logged_live(run.path, log_to, setup.log.say) as live:
                state = _fit(setup, watch, live)
                require_there(out)
                try:
                    write_results(setup, state, started)
                except KeyboardInterrupt:
                    setup.checkpoint.write(replace(state, fitted=True), {"network": setup.network.state_dict()})
                    raise
                live.end(lambda: end_of(RunRecord(run.path), draw))
            weights = [ref(each) for each in setup.network.parameters()]
            del setup, state  # so that `use_machine` gives their memory back
            if any(each() is not None for each in weights):  # the graph of a backbone refers to itself
                gc.collect()
        return run


def _say_backbone(job: Job, here: Job, out: Path, progress: Progress) -> None:
    """Say what backbone=auto takes. here: the job as it would begin on this machine now."""
    if job.variables != here.variables:
        then, now = (each.variables["backbone"] for each in (job, here))
        progress.say(f"backbone={then}, as this run began; auto would be {now} here")
    elif job.note and not RunRecord.is_run(out):
        progress.say(job.note)


def _say_what_enlarging_costs(job: Job, progress: Progress) -> None:
    """Report that the images are smaller than what a pre-trained network reads, where they are."""
    wanted = job.settings.image_size
    side = look(job.data, replace(job.settings, image_size=0), Silent()).side if job.backbone and wanted else 0
    if 0 < side <= wanted // ENLARGED_FROM:
        progress.say(
            f"images of {side} pixels are enlarged to {wanted} for the pre-trained network: that takes "
            f"{(wanted / side) ** 2:,.0f} times the computing and shows no more of them; image_size=N takes fewer, and "
            "models such as sprint read them as they are"
        )


def resume(path: Path, progress: Progress | None = None, draw: Draw | None = None) -> RunRecord:
    """Go on with the run in the folder `path`; raise UsageError where there is none. draw: as in `train`."""
    run = RunRecord.open(path)
    return train(find_job(run.job, run.layers, run.plugins), run.path, progress=progress, draw=draw)


@contextmanager
def _logged_end(log: Log) -> Iterator[None]:
    """Note in the log how the work inside ends."""
    try:
        yield
    except BaseException as error:
        with suppress(SadariError):  # where the disk is full, so is the log
            log.note("interrupted" if isinstance(error, KeyboardInterrupt) else f"ended with: {error}")
        raise
    log.note("finished")


def _fit(setup: Setup, watch: Watch | None, live: LiveLog) -> FitState:
    """Train the network, and report every epoch to history.csv, TensorBoard, the log and trackers."""
    out, reported = setup.out, 0
    events = Events(out, setup.job.settings.tensorboard, setup.network, setup.images, setup.split)

    def after_epoch(state: FitState) -> None:
        nonlocal reported
        require_there(out)
        write_history(out / HISTORY, state.history)
        rows = state.history[reported:]
        events.write(rows)
        live.rows(state.history)
        setup.log.note(*map(_sentence, rows if reported else rows[-1:]))  # at first, older rows are in the log already
        reported = len(state.history)

    loop = FitLoop(setup.network, setup.checkpoint, setup.job.settings, setup.stored, after_epoch, watch)
    if loop.state.fitted:
        state = loop.state  # `set_up` has given the network its weights
    elif setup.architecture.classical:
        state = _classical_fit(setup, loop).fit()
    else:
        state = _fit_network(setup, loop)
    if reported < len(state.history):  # stopped behind its last epoch: no later one reported it
        after_epoch(state)
    return state


def _sentence(row: dict[str, float]) -> str:
    """Return one row of the history as the log has it."""
    parts = [f"epoch {row['epoch']:g}: train loss {row['train_loss']:.4f}, accuracy {row['train_accuracy']:.4f}"]
    if "val_loss" in row:
        parts.append(f"val loss {row['val_loss']:.4f}, accuracy {row['val_accuracy']:.4f}")
    return "; ".join(parts)


def _fit_network(setup: Setup, loop: FitLoop) -> FitState:
    """Train step by step; where the loss is no longer a number, write the best weights as the model, then raise."""
    out = setup.out
    if not setup.stored.groups:
        learner, inputs, _ = setup.fit_inputs
        start_whitening(setup.network, inputs, setup.split.train)
        settings, train = setup.job.settings, setup.split.train
        start_class_layer(setup.network, learner, inputs, setup.images, train, settings, setup.log)
    if min(setup.job.settings.batch_size, len(setup.split.train)) == 1 and learning_norms(setup.network):
        setup.log.say(
            "batches of one image: batch normalisation learns from the positions of one map, and where that has only "
            "one it takes its stored mean and variance; batch_size=2 or more lets it learn"
        )
    for note in notes_of(setup.network):
        setup.log.say(note)
    try:
        with team_of(setup) as team:
            return make_engine(setup, loop, team).fit()
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
        learner=setup.fit_inputs.learner,
        inputs=setup.fit_inputs.inputs,
        images=setup.images,
        split=setup.split,
        job=setup.job,
        loop=loop,
        progress=setup.log,
    )


def make_engine(setup: Setup, loop: FitLoop, team: Team) -> Engine:
    """Return what trains the network of `setup` step by step, as one of `team`."""
    job, images, split = setup.job, setup.images, setup.split
    settings, (learner, inputs, views) = job.settings, setup.fit_inputs
    device = torch.device(settings.device)
    weights = None
    if settings.class_weights == "balanced":
        weights = _balanced(images.labels[split.train], len(images.classes)).to(device)
    loss, soft = loss_of(settings.loss, len(images.classes), settings.label_smoothing, weights), None
    if setup.answers is not None:
        loss = Distillation(
            len(images.classes), settings.label_smoothing, weights, settings.teacher_weight, settings.temperature
        )
        soft = softened(setup.answers, settings.temperature)
    side = settings.train_size
    drawn = Inputs(inputs.rows, setup.preprocess.for_side(side).apply) if side else inputs
    batches = Batches(
        drawn,
        images,
        split.train,
        settings.batch_size,
        job.seed,
        device,
        loss,
        setup.augmentation,
        views,
        soft,
        side,
        team.share,
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
        team=team,
    )


def _balanced(labels: NDArray[np.int64], classes: int) -> torch.Tensor:
    """Return N / (K * N_k) for each class k, as scikit-learn's class_weight="balanced" does; float32 (K,)."""
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    return torch.from_numpy((len(labels) / (classes * counts)).astype(np.float32))
