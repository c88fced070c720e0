"""How wrong are a network's answers, and which way are better ones? Cross-entropy and its slope, written out.

Autograd finds the same slope, but keeps books on the way, and the loss itself is only wanted when somebody looks.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class CrossEntropy:
    """The cross-entropy between answers and targets, of `classes` K.

    smoothing: the part of each label that all classes share (Szegedy et al. 2015, arXiv:1512.00567). class_weights: how
    much each class counts, float32 (K,) on the device of the answers; None where all count as one.
    """

    classes: int
    smoothing: float = 0.0
    class_weights: Tensor | None = None

    def targets(self, labels: Tensor) -> Tensor:
        """What would be right: float32 (N, K), of labels int64 (N,), or of mixed ones (N, K) whose rows sum to 1."""
        shares = labels
        if labels.ndim == 1:
            shares = torch.zeros(len(labels), self.classes, device=labels.device)
            shares.scatter_(1, labels.unsqueeze(1), 1.0)
        if self.smoothing:
            shares = shares * (1 - self.smoothing) + self.smoothing / self.classes
        return shares if self.class_weights is None else shares * self.class_weights

    def count(self, labels: Tensor) -> float:
        """As how many images do these count? A mixed label counts as what it is made of."""
        if self.class_weights is None:
            return float(len(labels))
        return float((self.class_weights[labels] if labels.ndim == 1 else labels @ self.class_weights).sum())

    def grad(self, logits: Tensor, targets: Tensor) -> Tensor:
        """How does the sum of the losses change with each logit? float32 (N, K), of logits and targets like it."""
        answers = logits.softmax(1)
        if self.class_weights is not None:
            answers *= targets.sum(1, keepdim=True)
        return answers.sub_(targets)

    @staticmethod
    def losses(logits: Tensor, targets: Tensor) -> Tensor:
        """The loss of each image, float32 (N,)."""
        below = logits - logits.amax(1, keepdim=True)  # torch's log_softmax takes few classes one by one
        return below.exp().sum(1).log_() * targets.sum(1) - (targets * below).sum(1)


def are_correct(logits: Tensor, labels: Tensor) -> Tensor:
    """How right is each answer? float32 (N,): 1 or 0; of a mixed label the share of the class that is answered."""
    answers = logits.argmax(1)
    return (answers == labels).float() if labels.ndim == 1 else labels.gather(1, answers.unsqueeze(1)).squeeze(1)
