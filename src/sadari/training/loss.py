"""How wrong are a network's answers, and which way are better ones? Cross-entropy and its gradient, written out.

Autograd finds the same gradient, but keeps books on the way, and the loss itself is only needed every few steps.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from sadari.errors import SadariError
from sadari.evaluation.metrics import LEAST_PROBABILITY
from sadari.plugins.calls import calling
from sadari.registry import Registry
from sadari.settings import CROSS_ENTROPY

MOST_LOSS = -math.log(LEAST_PROBABILITY)  # of one image, in history.csv as in scores.json


class StepOutput(NamedTuple):
    """The answers to a micro-batch, and what would have been right, to be summed up later.

    logits: float32 (N, K). targets: as the loss made them. labels: int64 (N,) or float32 (N, K). images: in the whole
    batch; counted: as how many they count, a number or, by class weights, float32 () on their device. Their ratio is
    the factor on the loss of each image, so that class weights leave the mean over all images what it is.
    """

    logits: Tensor
    targets: Tensor
    labels: Tensor
    images: int
    counted: float | Tensor


@dataclass(frozen=True, eq=False)
class CrossEntropy:
    """The cross-entropy between answers and targets, of `classes` K.

    smoothing: the share of each label that is spread over all classes (Szegedy et al. 2015, arXiv:1512.00567).
    class_weights: how much each class counts, float32 (K,) on the device of the answers; None where all count as one.
    """

    classes: int
    smoothing: float = 0.0
    class_weights: Tensor | None = None

    def targets(self, labels: Tensor, soft: Tensor | None = None) -> Tensor:  # noqa: ARG002 - see `Distillation`
        """Return the right answers, float32 (N, K), for labels int64 (N,), or mixed ones (N, K) whose rows sum to 1.

        soft: a teacher's probabilities, which only `Distillation` compares with.
        """
        shares = labels
        if labels.ndim == 1:
            shares = torch.zeros(len(labels), self.classes, device=labels.device)
            shares.scatter_(1, labels.unsqueeze(1), 1.0)
        if self.smoothing:
            shares = shares * (1 - self.smoothing) + self.smoothing / self.classes
        return shares if self.class_weights is None else shares * self.class_weights

    def count(self, labels: Tensor) -> float | Tensor:
        """Return the number of images that `labels` count as; a mixed label counts as what it is made of.

        With class weights it is float32 () on the device of the labels: to read it there would be to wait for it.
        """
        if self.class_weights is None:
            return float(len(labels))
        return (self.class_weights[labels] if labels.ndim == 1 else labels @ self.class_weights).sum()

    def grad(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the gradient of the sum of the losses by each logit, float32 (N, K) as logits and targets are."""
        answers = logits.softmax(1)
        if self.class_weights is not None:
            answers *= targets.sum(1, keepdim=True)
        return answers.sub_(targets)

    def losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each image, float32 (N,)."""
        below = logits - logits.amax(1, keepdim=True)  # torch's log_softmax takes few classes one by one
        return below.exp().sum(1).log_() * targets.sum(1) - (targets * below).sum(1)

    def sums(self, outputs: Sequence[StepOutput]) -> NDArray[np.float64]:
        """Return the loss of each of `outputs`, its share taken in, and its number of right answers, float64 (n, 2).

        They are computed together. Added up one output after the other, they do not depend on how many come at once.
        """
        logits = torch.cat([each.logits for each in outputs])
        losses = self.losses(logits, torch.cat([each.targets for each in outputs]))
        right = are_correct(logits, torch.cat([each.labels for each in outputs]))
        starts = np.cumsum([0, *(len(each.logits) for each in outputs[:-1])])
        of_each = np.add.reduceat(torch.stack([losses, right]).cpu().double().numpy(), starts, axis=1)
        return np.stack([of_each[0] * _shares(outputs), of_each[1]], 1)


def _shares(outputs: Sequence[StepOutput]) -> NDArray[np.float64]:
    """Return the factor on the losses of each of `outputs`, float64 (n,)."""
    images = np.array([each.images for each in outputs], dtype=np.float64)
    counts = [each.counted for each in outputs]
    on_device = [each for each in counts if isinstance(each, Tensor)]
    known = torch.stack(on_device).cpu().numpy() if on_device else counts  # read together: once
    return images / np.asarray(known, dtype=np.float64)


# Maps logits, float32 (N, K), and targets, float32 (N, K) whose rows sum to 1, to the loss of each image, (N,).
LossFunction = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class PluginLoss(CrossEntropy):
    """A loss that a plug-in offers, whose gradient torch finds.

    Class weights count the loss of an image, and label smoothing spreads its target, as those of the cross-entropy do.
    name: for sentences.
    """

    function: LossFunction = field(kw_only=True)
    name: str = field(kw_only=True)

    def grad(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the gradient of the sum of the losses by each logit, float32 (N, K)."""
        leaf = logits.detach().clone().requires_grad_()
        with torch.enable_grad(), calling("loss", self.name, self.function):
            (found,) = torch.autograd.grad(self.losses(leaf, targets).sum(), leaf)
        return found

    def losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each image, float32 (N,). Raises SadariError for anything else of the plug-in."""
        weights = targets.sum(1)
        with calling("loss", self.name, self.function):
            found = self.function(logits, targets / weights.unsqueeze(1))
        if not isinstance(found, Tensor) or found.shape != weights.shape:
            raise SadariError(f"the loss '{self.name}' returns no tensor with a number for each image, (N,)")
        return found if self.class_weights is None else found * weights


def as_loss(name: str, made: Any, _: Mapping[str, Any]) -> LossFunction:
    """Return the function that a plug-in offers as a loss. Raises TypeError for anything else."""
    if not callable(made) or isinstance(made, type):
        raise TypeError(f"'{name}' is no function of (logits, targets)")
    function: LossFunction = made
    return function


def plain(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of each image, float32 (N,)."""
    return CrossEntropy(logits.shape[1]).losses(logits, targets)


FUNCTIONS: Registry[LossFunction] = Registry("loss", adapt=as_loss)
FUNCTIONS.add(CROSS_ENTROPY, plain)


def loss_of(name: str, classes: int, smoothing: float, class_weights: Tensor | None) -> CrossEntropy:
    """Return the loss called `name`. Raises UsageError for a name that nothing offers."""
    if name == CROSS_ENTROPY:
        return CrossEntropy(classes, smoothing, class_weights)
    return PluginLoss(classes, smoothing, class_weights, function=FUNCTIONS.get(name), name=name)


@dataclass(frozen=True, eq=False)
class Distillation(CrossEntropy):
    """The loss of a student: its distance to a teacher's probabilities, and the cross-entropy to the labels.

    For logits z, labels y and a teacher's logits v, both at the `temperature` T (Hinton et al. 2015,
    https://arxiv.org/abs/1503.02531):

        weight * T^2 * KL(softmax(v / T) || softmax(z / T)) + (1 - weight) * cross-entropy(y, softmax(z))

    Label smoothing is that of the labels alone; class weights count the whole loss of an image. Targets are float32
    (N, 2, K): those of the cross-entropy, then the teacher's probabilities at T.
    """

    weight: float = 1.0
    temperature: float = 1.0

    def targets(self, labels: Tensor, soft: Tensor | None = None) -> Tensor:
        """Return what both parts of the loss compare with, float32 (N, 2, K). soft: the teacher's part, (N, K)."""
        assert soft is not None
        return torch.stack([super().targets(labels), soft], 1)

    def grad(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the gradient of the sum of the losses by each logit, float32 (N, K)."""
        hard, soft = targets.unbind(1)
        apart = (logits / self.temperature).softmax(1).sub_(soft)
        if self.class_weights is not None:
            apart *= hard.sum(1, keepdim=True)
        return super().grad(logits, hard).mul_(1 - self.weight).add_(apart, alpha=self.weight * self.temperature)

    def losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each image, float32 (N,)."""
        hard, soft = targets.unbind(1)
        surprise = torch.xlogy(soft, soft).sum(1) + super().losses(logits / self.temperature, soft)
        if self.class_weights is not None:
            surprise *= hard.sum(1)
        return torch.lerp(super().losses(logits, hard), surprise * self.temperature**2, self.weight)


def softened(logits: NDArray[np.float32], temperature: float) -> Tensor:
    """Return the probabilities of a teacher's logits (N, K) at `temperature`, float32 (N, K), rows sum to 1."""
    return (torch.from_numpy(logits.astype(np.float64)) / temperature).softmax(1).float()


def mean_log_loss(logits: Tensor, labels: Tensor) -> float:
    """Return the mean loss of answers (N, K) to labels int64 (N,), clipped as `evaluation.metrics.loss` clips it.

    Without an image beyond that, it is torch's cross-entropy to the last bit; not a number stays what it is.
    """
    loss = F.cross_entropy(logits, labels).item()
    if math.isfinite(loss) and loss * len(labels) > MOST_LOSS:
        each = F.cross_entropy(logits, labels, reduction="none")
        if each.max() > MOST_LOSS:
            return each.clamp(max=MOST_LOSS).mean().item()
    return loss


def are_correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Return how right each answer is, float32 (N,): 1 or 0; of a mixed label the share of the class answered."""
    answers = logits.argmax(1)
    return (answers == labels).float() if labels.ndim == 1 else labels.gather(1, answers.unsqueeze(1)).squeeze(1)
