"""How is a classical model fitted as a run? Pass by pass, with the same history and checkpoints as a network."""

from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sadari.inference.device import denormals_flushed
from sadari.inference.predict import Inputs
from sadari.job import Job
from sadari.models.classical.problem import Learned, Linear, Problem, Remembered
from sadari.models.classical.registry import CLASSICAL, Classical
from sadari.models.layers.modules import Dense
from sadari.models.layers.neighbours import Neighbours
from sadari.models.network import Network
from sadari.progress import Progress, Silent, Task
from sadari.training.checkpoint import FitState
from sadari.training.fit_loop import FitLoop
from sadari.training.frozen import sides
from sadari.training.interrupt import Interruption, interruption
from sadari.training.loss import mean_log_loss
from sadari.training.randomness import seed_for
from sadari.values import ImageSet, Split, prefetch

# Seconds between two reports of new rows: each writes files anew and waits for the disk, which takes longer than a
# pass over a small set (assumed: nobody reads faster).
REPORT_SECONDS = 1.0
SCORED_AT_ONCE = 1024  # vectors; knn compares each of them with every training image (assumed: 200 MB of 48,000)


@dataclass
class ClassicalFit:
    """Everything that fitting one classical model needs; `fit` puts what it learns into the class layer of `network`.

    The model reads the output of the layers before the class layer. learner: what reads `inputs`: the network itself,
    or its layers behind the frozen ones. loop: the state of the run and its bookkeeping; it is called with new rows of
    the history every REPORT_SECONDS seconds and at the end.
    """

    classical: str
    network: Network
    learner: nn.Module
    inputs: Inputs
    images: ImageSet
    split: Split
    job: Job
    loop: FitLoop
    progress: Progress = field(default_factory=Silent)
    reported_at: float = field(init=False, default=-np.inf)  # the first pass is reported at once
    passed_at: float = field(init=False, default=0.0)
    tail: nn.Sequential = field(init=False)
    train: "_Features" = field(init=False)
    val: "_Features" = field(init=False)

    @property
    def state(self) -> FitState:
        """Return the state of fitting."""
        return self.loop.state

    def fit(self) -> FitState:
        """Fit from the state of the run to the end, and leave the chosen weights in the network.

        Raises KeyboardInterrupt after Ctrl-C (the state is stored where the model can go on from one), SadariError
        where the disk is full.
        """
        model: Classical = CLASSICAL.get(self.classical)
        self.passed_at = perf_counter()  # a backbone's features are part of what the first pass costs
        self._compute_features()
        problem = self._problem()
        with interruption() as stop, self.progress.task(self.classical, model.most_passes(problem), "passes") as task:
            task.advance(self.state.epoch)

            def after_pass(learned: Learned) -> None:
                self._finish_pass(learned, task)
                self._write_if_due(learned, stop)

            if self.state.epoch < model.most_passes(problem):
                with denormals_flushed():
                    model.fit(problem, after_pass)
                self.loop.after_epoch(self.state)
        return self.loop.end()

    def _compute_features(self) -> None:
        """Compute what the class layer reads of the training and validation images, and cut that layer off."""
        body, self.tail = _cut(self.learner)
        splits, views = (self.split.train, self.split.val), 2 if self.network.mirrored else 1
        progress = self.progress if any(True for _ in body.parameters()) else Silent()  # only a backbone takes long
        with progress.task("features", views * sum(map(len, splits)), "images") as task:
            self.train, val = (self._features(body, positions, task) for positions in splits)
        # The class layer is linear: the mean of its answers to two views is its answer to their mean.
        means = val.vectors.view(views, len(splits[1]), -1).mean(0) if len(splits[1]) else val.vectors
        self.val = _Features(means, self.images.labels[splits[1]])

    def _features(self, body: nn.Module, positions: NDArray[np.int64], task: Task) -> "_Features":
        of_each = sides(self.network, self.learner, self.inputs)
        vectors = torch.cat([_vectors(body, each, positions, task) for each in of_each])
        labels = self.images.labels[positions]
        return _Features(vectors, np.resize(labels, len(vectors)))  # one view after the other

    def _problem(self) -> Problem:
        return Problem(
            pixels=self.train.vectors.numpy(),
            labels=self.train.labels,
            classes=len(self.images.classes),
            variables=self.job.variables,
            epochs=self.job.settings.epochs,
            seed=seed_for(self.job.seed, "passes"),
            from_pass=self.state.epoch,
            state={key: each.numpy() for key, each in self.loop.stored.group("passes").items()},
        )

    def _finish_pass(self, learned: Learned, task: Task) -> None:
        """Score the class layer as it is now, add the row of this pass, and copy the weights if they are the best."""
        _assign(self.tail[0], learned)
        state = self.state
        row: dict[str, float] = {"epoch": state.epoch + 1}
        row["train_loss"], row["train_accuracy"] = learned.scored or _scores(self.tail, self.train)
        if len(self.val.labels):
            row["val_loss"], row["val_accuracy"] = _scores(self.tail, self.val)
        now = perf_counter()
        row["seconds"] = now - self.passed_at
        self.loop.add_epoch(row)
        task.advance(1, f"loss {row['train_loss']:.4f}")
        if now - self.reported_at >= REPORT_SECONDS:
            self.loop.after_epoch(state)
            self.reported_at = perf_counter()

    def _write_if_due(self, learned: Learned, stop: Interruption) -> None:
        """Write a checkpoint where one is due, and stop where the user wants it.

        A model without a state between passes starts over, as L-BFGS must.
        """
        if learned.state and self.loop.is_due(stop):
            self.loop.write({"passes": {key: torch.from_numpy(np.array(each)) for key, each in learned.state.items()}})
        if stop.requested:
            self.loop.after_epoch(self.state)
            raise KeyboardInterrupt
        self.passed_at = perf_counter()  # the next pass includes neither reports nor checkpoints


class _Features(NamedTuple):
    """The features of the images of one split, as the class layer reads them: float32 (N, D), and labels int64 (N,)."""

    vectors: Tensor
    labels: NDArray[np.int64]


def _cut(learner: nn.Module) -> tuple[nn.Sequential, nn.Sequential]:
    """Return the layers before the class layer, and the class layer with what follows it."""
    layers = [*learner.features, *learner.head] if isinstance(learner, Network) else [*learner.layers]  # type: ignore[misc]
    at = max(index for index, layer in enumerate(layers) if isinstance(layer, Dense | Neighbours))
    return nn.Sequential(*layers[:at]), nn.Sequential(*layers[at:])


@torch.inference_mode()
def _vectors(body: nn.Module, inputs: Inputs, positions: NDArray[np.int64], task: Task) -> Tensor:
    """Compute what the class layer reads of the images at `positions`, float32 (N, D)."""
    body.eval()
    vectors = torch.empty(0, 0)
    prefetch(inputs.rows, positions)
    for start in range(0, len(positions), inputs.at_once):
        rows = torch.from_numpy(inputs.rows[positions[start : start + inputs.at_once]])
        block = body(inputs.prepare(rows))
        if start == 0:
            vectors = torch.empty(len(positions), block.shape[1])
        vectors[start : start + len(block)] = block
        task.advance(len(block))
    return vectors


@torch.no_grad()
def _assign(layer: Any, learned: Learned) -> None:
    """Give the class layer what was learned."""
    match learned:
        case Linear():
            layer.weight.copy_(torch.from_numpy(learned.weight))
            layer.bias.copy_(torch.from_numpy(learned.bias))
        case Remembered():
            layer.remember(torch.from_numpy(learned.vectors), torch.from_numpy(learned.labels))


@torch.inference_mode()
def _scores(tail: nn.Module, of: _Features) -> tuple[float, float]:
    """Return mean log loss and accuracy of the class layer as it is now."""
    logits = torch.cat([tail(each) for each in torch.split(of.vectors, SCORED_AT_ONCE)])
    labels = torch.from_numpy(of.labels)
    return mean_log_loss(logits, labels), (logits.argmax(1) == labels).double().mean().item()
