"""How does a network learn? The loop, in the order in which things happen:

for each epoch:
    for each step:
        batch -> learning rate -> forward -> gradient of the loss -> backward -> optimiser step      (fit -> _step)
        a checkpoint where one is due or the user wants to stop
    validate -> a row of history -> remember the best -> stop where patience ran out, or `watch` says so
"""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from sadari.errors import SadariError
from sadari.inference.device import denormals_flushed
from sadari.inference.memory import is_out_of_memory, smaller_micro_batch
from sadari.inference.predict import Inputs, predict_logits
from sadari.progress import Progress, Silent, Task
from sadari.settings import Settings
from sadari.training.batches import Batch, Batches
from sadari.training.checkpoint import FitState
from sadari.training.dense import DenseStack
from sadari.training.devices.team import Team
from sadari.training.fine_tuning.end_weights import MEAN, START, EndWeights
from sadari.training.fit_loop import FitLoop
from sadari.training.interrupt import Interruption, interruption
from sadari.training.loss import StepOutput, mean_log_loss
from sadari.training.optim.build import learning_rate_at, load_optimizer_tensors, optimizer_tensors, set_learning_rate
from sadari.training.randomness import Varying, begin_step, varying_layers

# The bar moves and the loss is added up every so many steps (assumed: often enough to see), or sooner where that would
# hold more logits than this (assumed: 16 MiB).
LOOK_EVERY, LOOK_VALUES = 16, 1 << 22
# A look at what a graphics processor has computed waits until all steps are done that it was given, and leaves it
# without work for a while. There, so many seconds lie between two looks, however many steps that are (assumed: four a
# second are enough to see).
LOOK_SECONDS = 0.25


class DivergedError(SadariError):
    """An infinite loss, or one that is NaN; the last good state is still stored."""


@dataclass
class Engine:
    """Everything that one fit needs; `fit` trains `network` in place.

    learner: what reads `inputs`: the network itself, or its layers behind the frozen ones. batches: the training
    images, and the loss of an answer about them. labels: int64 (N,), of the whole set. validation: the positions that
    choose the best epoch (possibly none). loop: the state of the run and its bookkeeping. precision: dtype of the
    arithmetic in a training step. team: the processes that train this network together, each with its share of the
    batches; one alone unless the run takes several devices. All of them do the same steps, and only the first one has a
    `loop` that writes.
    """

    network: nn.Module
    learner: nn.Module
    optimizer: Optimizer
    inputs: Inputs
    batches: Batches
    labels: NDArray[np.int64]
    validation: NDArray[np.int64]
    settings: Settings
    seed: int
    loop: FitLoop
    precision: torch.dtype
    progress: Progress = field(default_factory=Silent)
    team: Team = field(default_factory=Team)
    shared: nn.Module = field(init=False)
    stack: DenseStack | None = field(init=False)
    varying: Sequence[tuple[int, Varying]] = field(init=False)
    look_every: int = field(init=False)
    by_clock: bool = field(init=False)
    end_weights: EndWeights | None = field(init=False)

    def __post_init__(self) -> None:
        self.shared = self.team.shared(self.learner)  # all processes begin with the weights of the first one
        self.stack = DenseStack.of(self.learner) if self.team.share.count == 1 else None
        self.varying = varying_layers(self.network)
        # The processes of a team look after the same step; what is added up is the same after whichever it is.
        self.by_clock = self._device.type != "cpu" and self.team.share.count == 1
        at_most = LOOK_VALUES // (self.settings.batch_size * self.batches.loss.classes)
        self.look_every = max(1, at_most if self.by_clock else min(LOOK_EVERY, at_most))
        kept = {group: self.loop.stored.group(group) for group in (MEAN, START)}
        others = self.settings.weights_average or self.settings.start_share
        self.end_weights = EndWeights(self.network, self.settings, kept) if others else None
        if self.loop.stored.groups:
            load_optimizer_tensors(self.optimizer, self.loop.stored.group("optimizer"))

    @property
    def state(self) -> FitState:
        """Return the state of training."""
        return self.loop.state

    def fit(self) -> FitState:
        """Train from the state of the run to the end, and leave the chosen weights in the network.

        Raises DivergedError where the loss is no longer a finite number, KeyboardInterrupt after Ctrl-C (the state
        is stored), SadariError where memory does not hold a batch as the network reads it, or not a single image with
        all that the network makes of it, and where the disk is full.
        """
        self.network.train()
        # Of several processes the first alone stops for signals; the others end with it, or at once by a signal of
        # their own.
        alone: AbstractContextManager[Interruption] = nullcontext(Interruption())
        heeded = alone if self.team.share.rank else interruption()
        with heeded as stop, denormals_flushed(), self.team.single_values(self.learner):
            while self.state.epoch < self.settings.epochs and not self._out_of_patience() and not self.state.stopped:
                with self.progress.task(self._label(), len(self.batches), "images") as task:
                    self._train_epoch(task, stop)
                self._finish_epoch()
                self._write_if_due(stop)
        if self.end_weights:
            self.end_weights.apply()
        return self.loop.end()

    def _train_epoch(self, task: Task, stop: Interruption) -> None:
        state, steps = self.state, self.batches.steps_per_epoch
        outputs: list[StepOutput] = []
        shown, looked = 0, perf_counter()
        while state.step < steps:
            started = perf_counter()
            batch = self._next_batch()
            outputs += self._step(batch)
            state.seen += self.batches.images_in(state.step)
            state.step += 1
            del batch  # the next one needs its room
            due = self.team.agreed(self.loop.is_due(stop))
            waited = self.by_clock and started - looked >= LOOK_SECONDS
            look = due or waited or state.step % self.look_every == 0 or state.step == steps
            if look:
                self._look(outputs)
                outputs, looked = [], perf_counter()
            state.epoch_seconds += perf_counter() - started
            if look:
                task.advance(state.seen - shown, f"loss {state.loss_sum / state.seen:.4f}")
                shown = state.seen
                self._write_if_due(stop)

    def _next_batch(self) -> Batch:
        """Return what the next step learns from; raise SadariError where memory does not even hold that."""
        try:
            return self.batches.batch(self.state.epoch, self.state.step)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            size = min(self.settings.batch_size, len(self.batches))
            smaller = f"set batch_size={size // 2}" if size > 1 else "use smaller images"
            raise SadariError(f"memory does not hold a batch of {size} images; {smaller} and train again") from error

    def _step(self, batch: Batch) -> list[StepOutput]:
        """Take one optimiser step, and return the outputs of its micro-batches."""
        step = self.state.epoch * self.batches.steps_per_epoch + self.state.step
        set_learning_rate(self.optimizer, self._learning_rate(step))
        while True:
            try:
                outputs = self._gradients(batch, step)
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self.team.require_one(len(batch.x))
                self.optimizer.zero_grad(set_to_none=True)
                self.state.micro_batch = smaller_micro_batch(self.network, self.state.micro_batch, len(batch.x))
                self.progress.say(
                    f"memory ran out: each step now goes through the network {self.state.micro_batch} images at a time"
                )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.end_weights:
            self.end_weights.add(step)
        return outputs

    def _gradients(self, batch: Batch, step: int) -> list[StepOutput]:
        """Go forward and backward over the whole batch, in micro-batches where memory demands it."""
        begin_step(self.varying, self.seed, step, self.team.share.rank)
        images, size = self.batches.images_in(self.state.step), self.state.micro_batch
        count = self._count(batch, images)
        pieces = batch.split(size) if size else [batch]
        logits = [self._learn(piece, count / self.team.share.count) for piece in pieces]  # the team takes the mean
        self.team.require_gradients(self.learner)
        answers = zip(logits, pieces, strict=True)
        return [StepOutput(of, piece.targets, piece.labels, images, count) for of, piece in answers]

    def _count(self, batch: Batch, images: int) -> float | Tensor:
        """Return the number of images that the whole batch, of which `batch` is the share here, counts as."""
        if self.batches.loss.class_weights is None:
            return float(images)
        mine = self.batches.loss.count(batch.labels)
        return mine if self.team.share.count == 1 else float(self.team.summed(np.array([float(mine)]))[0])

    def _learn(self, batch: Batch, normaliser: float | Tensor) -> Tensor:
        """Add the gradients of one micro-batch, and return its logits, float32 (N, K)."""
        if self.stack:
            return self.stack.learn(batch, self.batches.loss, normaliser, self.precision)
        with self._autocast():
            answers: Tensor = self.shared(batch.x)
        logits = answers.detach().float()
        grad = self.batches.loss.grad(logits, batch.targets).div_(normaliser)
        # Given a gradient, torch's `backward` would load its compiler first: 0.2 s, and 1.4 s without bytecode.
        torch.dot(answers.flatten(), grad.to(answers.dtype).flatten()).backward()  # type: ignore[no-untyped-call]
        return logits

    def _look(self, outputs: list[StepOutput]) -> None:
        """Add up the `outputs` since the last look; raise DivergedError where their loss is not finite."""
        loss_sum, correct = self.state.loss_sum, self.state.correct
        for loss, hits in self.team.summed(self.batches.loss.sums(outputs)).tolist():
            loss_sum += loss
            correct += hits
        if not math.isfinite(loss_sum):
            rate = self.optimizer.param_groups[0]["lr"]
            raise DivergedError(
                f"the loss is no longer a number in epoch {self.state.epoch + 1}, step {self.state.step};"
                f" lower learning_rate, which was {rate:g} there"
            )
        self.state.loss_sum, self.state.correct = loss_sum, correct

    def _finish_epoch(self) -> None:
        """Validate, add the row of this epoch, remember the weights if they are the best so far."""
        state, steps = self.state, self.batches.steps_per_epoch
        row: dict[str, float] = {
            "epoch": state.epoch + 1,
            "train_loss": state.loss_sum / state.seen,
            "train_accuracy": state.correct / state.seen,
            "learning_rate": self._learning_rate(state.epoch * steps + steps - 1),
        }
        with self.end_weights.applied() if self.end_weights else nullcontext():
            self._judge(row)
            self.loop.add_epoch(row)
        state.step, state.seen = 0, 0
        state.loss_sum = state.correct = state.epoch_seconds = 0.0
        self.loop.after_epoch(state)
        self.loop.look(row)
        if self.team.agreed(bool(state.stopped)) and not state.stopped:
            state.stopped = "by the first process"

    def _judge(self, row: dict[str, float]) -> None:
        """Add to the row of an epoch what the validation images say, and its seconds."""
        started = perf_counter()
        if len(self.validation):
            row["val_loss"], row["val_accuracy"] = self._validate()
            if not math.isfinite(row["val_loss"]):
                raise DivergedError(
                    f"the validation loss is no longer a number after epoch {row['epoch']};"
                    f" lower learning_rate, which was {row['learning_rate']:g} there"
                )
        row["seconds"] = self.state.epoch_seconds + perf_counter() - started

    def _validate(self) -> tuple[float, float]:
        """Return loss and accuracy on the validation images, computed in the precision of training."""
        mine = self.validation[self.team.share.of(len(self.validation))]
        logits = predict_logits(self.learner, self.inputs, mine, self.precision)
        logits = self.team.gathered(logits, len(self.validation), self.batches.loss.classes)
        labels = torch.from_numpy(self.labels[self.validation])
        loss, accuracy = mean_log_loss(logits, labels), (logits.argmax(1) == labels).double().mean().item()
        return self.team.of_first(loss), self.team.of_first(accuracy)

    def _write_if_due(self, stop: Interruption) -> None:
        if self.loop.is_due(stop):
            kept = self.end_weights.groups if self.end_weights else {}
            self.loop.write({"optimizer": optimizer_tensors(self.optimizer), **kept})
            if stop.requested:
                raise KeyboardInterrupt

    def _out_of_patience(self) -> bool:
        since_best = self.state.epoch - self.state.best_epoch
        return bool(self.settings.patience and len(self.validation) and since_best >= self.settings.patience)

    def _learning_rate(self, step: int) -> float:
        return learning_rate_at(self.settings, step, self.batches.steps_per_epoch)

    def _autocast(self) -> AbstractContextManager[object]:
        if self.precision == torch.float32:
            return nullcontext()
        return torch.autocast(self._device.type, self.precision)

    def _label(self) -> str:
        return f"epoch {self.state.epoch + 1}/{self.settings.epochs}"

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device
