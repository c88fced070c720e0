"""How does a network learn? The loop, in the order in which things happen:

for each epoch:
    for each step:
        batch -> learning rate -> forward -> slope of the loss -> backward -> optimiser step      (fit -> _step)
        a checkpoint where one is due or somebody asks to stop
    validate -> a row of history -> remember the best -> stop where patience ran out
"""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from time import perf_counter
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from sadari.errors import SadariError
from sadari.inference.device import denormals_flushed
from sadari.inference.memory import is_out_of_memory, smaller_micro_batch
from sadari.inference.predict import Inputs, predict_logits
from sadari.models.layers.dropout import Dropout
from sadari.models.layers.modules import BATCHNORM_MOMENTUM, BATCHNORM_RECENT, BatchNorm
from sadari.progress import Progress, Silent, Task
from sadari.settings import Settings
from sadari.training.batches import Batch, Batches
from sadari.training.checkpoint import FitState
from sadari.training.dense import DenseStack
from sadari.training.fit_loop import FitLoop
from sadari.training.interrupt import Interruption, interruption
from sadari.training.loss import are_correct
from sadari.training.optim.build import learning_rate_at, load_optimizer_tensors, optimizer_tensors, set_learning_rate
from sadari.training.randomness import seed_for

# The bar moves and the loss is looked at every so many steps (assumed: often enough to see, too rarely to cost
# a graphics processor its queue), or sooner where that would keep more logits than this (assumed: 16 MiB).
LOOK_EVERY, LOOK_VALUES = 16, 1 << 22


class StepOutput(NamedTuple):
    """What a micro-batch answered, and what would have been right, to be looked at later.

    logits, targets: float32 (N, K). labels: int64 (N,) or float32 (N, K). share: by what the loss of an image is
    multiplied, so that class weights leave the mean over all images what it is.
    """

    logits: Tensor
    targets: Tensor
    labels: Tensor
    share: float


class DivergedError(SadariError):
    """The loss became infinite or NaN; the last good state is kept."""


@dataclass
class Engine:
    """Everything that one fit needs; `fit` trains `network` in place.

    learner: what reads `inputs`: the network itself, or the part of it behind its frozen layers. batches: the training
    images, and the loss of an answer about them. labels: int64 (N,), of the whole set. validation: the positions that
    choose the best epoch (possibly none). loop: where the run stands. precision: dtype of the training step's
    arithmetic.
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
    stack: DenseStack | None = field(init=False)
    varying: Sequence[tuple[int, Dropout | BatchNorm]] = field(init=False)
    look_every: int = field(init=False)

    def __post_init__(self) -> None:
        self.stack = DenseStack.of(self.learner)
        self.varying = varying_layers(self.network)
        self.look_every = max(1, min(LOOK_EVERY, LOOK_VALUES // (self.settings.batch_size * self.batches.loss.classes)))
        if self.loop.stored.groups:
            load_optimizer_tensors(self.optimizer, self.loop.stored.group("optimizer"))

    @property
    def state(self) -> FitState:
        """Where training stands."""
        return self.loop.state

    def fit(self) -> FitState:
        """Train from where the run stands to the end; the chosen weights end up in the network.

        Raises DivergedError where the loss is no longer a finite number, KeyboardInterrupt after Ctrl-C (the state
        is stored), SadariError where memory does not hold a batch as the network reads it, or not a single image with
        all that the network makes of it, or the disk is full.
        """
        self.network.train()
        with interruption() as wanted, denormals_flushed():
            while self.state.epoch < self.settings.epochs and not self._out_of_patience():
                with self.progress.task(self._label(), len(self.batches), "images") as task:
                    self._train_epoch(task, wanted)
                self._finish_epoch()
                self._write_if_due(wanted)
        return self.loop.end()

    def _train_epoch(self, task: Task, wanted: Interruption) -> None:
        state, steps = self.state, self.batches.steps_per_epoch
        found: list[StepOutput] = []
        shown = 0
        while state.step < steps:
            started = perf_counter()
            batch = self._next_batch()
            found += self._step(batch)
            state.step += 1
            state.seen += len(batch.x)
            del batch  # the next one needs its room
            look = state.step % self.look_every == 0 or state.step == steps or self.loop.is_due(wanted)
            if look:
                self._look(found)
                found = []
            state.epoch_seconds += perf_counter() - started
            if look:
                task.advance(state.seen - shown, f"loss {state.loss_sum / state.seen:.4f}")
                shown = state.seen
                self._write_if_due(wanted)

    def _next_batch(self) -> Batch:
        """What the next step learns from; SadariError where memory does not even hold that."""
        try:
            return self.batches.batch(self.state.epoch, self.state.step)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            size = min(self.settings.batch_size, len(self.batches))
            smaller = f"set batch_size={size // 2}" if size > 1 else "use smaller images"
            raise SadariError(f"memory does not hold a batch of {size} images; {smaller} and train again") from error

    def _step(self, batch: Batch) -> list[StepOutput]:
        """One optimiser step; returns what its micro-batches found."""
        step = self.state.epoch * self.batches.steps_per_epoch + self.state.step
        set_learning_rate(self.optimizer, self._learning_rate(step))
        while True:
            try:
                found = self._gradients(batch, step)
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self.optimizer.zero_grad(set_to_none=True)
                self.state.micro_batch = smaller_micro_batch(self.network, self.state.micro_batch, len(batch.x))
                self.progress.say(
                    f"memory ran out: each step now goes through the network {self.state.micro_batch} images at a time"
                )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return found

    def _gradients(self, batch: Batch, step: int) -> list[StepOutput]:
        """Forward and backward over the whole batch, in micro-batches where memory demands it."""
        begin_step(self.varying, self.seed, step)
        count, size = self.batches.loss.count(batch.labels), self.state.micro_batch
        share = len(batch.x) / count
        pieces = batch.split(size) if size else [batch]
        return [StepOutput(self._learn(piece, count), piece.targets, piece.labels, share) for piece in pieces]

    def _learn(self, batch: Batch, normaliser: float) -> Tensor:
        """Add the gradients of one micro-batch; returns its logits, float32 (N, K)."""
        if self.stack:
            return self.stack.learn(batch, self.batches.loss, normaliser, self.precision)
        with self._autocast():
            answered: Tensor = self.learner(batch.x)
        logits = answered.detach().float()
        grad = self.batches.loss.grad(logits, batch.targets).div_(normaliser)
        # Given a slope, torch's `backward` would load its compiler first: 0.2 s, and 1.4 s without bytecode.
        torch.dot(answered.flatten(), grad.to(answered.dtype).flatten()).backward()  # type: ignore[no-untyped-call]
        return logits

    def _look(self, found: list[StepOutput]) -> None:
        """Bring what was `found` since the last look to the processor; a loss that is not finite ends the run.

        Added micro-batch by micro-batch, so that the sums do not depend on when somebody looks.
        """
        logits = torch.cat([each.logits for each in found])
        losses = self.batches.loss.losses(logits, torch.cat([each.targets for each in found]))
        right = are_correct(logits, torch.cat([each.labels for each in found]))
        starts = np.cumsum([0, *(len(each.logits) for each in found[:-1])])
        of_each = np.add.reduceat(torch.stack([losses, right]).cpu().double().numpy(), starts, axis=1)
        loss_sum, correct = self.state.loss_sum, self.state.correct
        for each, loss, hits in zip(found, *of_each.tolist(), strict=True):
            loss_sum += loss * each.share
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
        started = perf_counter()
        if len(self.validation):
            row["val_loss"], row["val_accuracy"] = self._validate()
            if not math.isfinite(row["val_loss"]):
                raise DivergedError(
                    f"the validation loss is no longer a number after epoch {row['epoch']};"
                    f" lower learning_rate, which was {row['learning_rate']:g} there"
                )
        row["seconds"] = state.epoch_seconds + perf_counter() - started
        self.loop.add_epoch(row)
        state.step, state.seen = 0, 0
        state.loss_sum = state.correct = state.epoch_seconds = 0.0
        self.loop.after_epoch(state)

    def _validate(self) -> tuple[float, float]:
        """Loss and accuracy on the validation images, in the precision of training."""
        logits = predict_logits(self.learner, self.inputs, self.validation, self.precision)
        labels = torch.from_numpy(self.labels[self.validation])
        loss = F.cross_entropy(logits, labels).item()
        return loss, (logits.argmax(1) == labels).double().mean().item()

    def _write_if_due(self, wanted: Interruption) -> None:
        if self.loop.is_due(wanted):
            self.loop.write({"optimizer": optimizer_tensors(self.optimizer)})
            if wanted.asked:
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


def varying_layers(network: nn.Module) -> list[tuple[int, Dropout | BatchNorm]]:
    """Which layers compute otherwise in each step, and which number has each among all modules?"""
    numbered = enumerate(network.modules())
    return [(number, module) for number, module in numbered if isinstance(module, Dropout | BatchNorm)]


def begin_step(varying: Sequence[tuple[int, Dropout | BatchNorm]], seed: int, step: int) -> None:
    """Tell the layers which step of the run this is, so that they need no memory of their own.

    Dropout gets the random stream of this step. Batch normalisation weighs the statistics of this step with
    max(10 / (10 + step), 0.01): a mean that leans to the newest (polynomial-decay averaging: Shamir and Zhang 2013),
    and Keras's momentum of 0.99 from the 991st step on. With 0.99 throughout, a small set is judged by statistics
    that still remember their arbitrary start.
    """
    for number, module in varying:
        if isinstance(module, Dropout):
            module.generator.manual_seed(seed_for(seed, "dropout", number, step))
        else:
            module.momentum = max(BATCHNORM_RECENT / (BATCHNORM_RECENT + step), BATCHNORM_MOMENTUM)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed(seed_for(seed, "dropout", step))
