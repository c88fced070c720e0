"""How is multinomial logistic regression fitted? scikit-learn's objective, by the SciPy solver that scikit-learn calls.

It reports what every iteration found, which scikit-learn does not; a test compares it with
`sklearn.linear_model.LogisticRegression`.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from sadari.models.classical.problem import AfterPass, Linear, Problem

Doubles = NDArray[np.float64]

# Images per block: what both products read of it stays in the processor's cache, float32 sums stay short, and scores
# need little memory. Measured on 60,000 x 784 with two threads: both products take 19 ms in blocks of 256 to 1024, and
# 25 ms as a whole.
BLOCK = 1024
# Pixels that are bytes times one of these (the scalings "none" and "unit") are stored as bytes and become floats block
# by block, with the same values: reading four times as much from memory took longer. Both products, measured as above:
# 13.7 ms instead of 17.1.
SCALES = (1.0, float(np.float32(1 / 255)))


def logistic(problem: Problem, after_pass: AfterPass) -> None:
    """Fit multinomial logistic regression with an L2 penalty by L-BFGS; a pass is one iteration.

    Starts from zero, and minimises mean cross-entropy + |weight|^2 / (2 C N), scikit-learn's objective (C is the
    inverse strength of the penalty), with its tolerances. Of two classes scikit-learn
    penalises one row w, which is the rows -w / 2 and w / 2 here: they are penalised twice as much, so that it is the
    same model. Sums are float32 within blocks and float64 across them.
    """
    from scipy.optimize import minimize

    objective = _Objective(problem)
    passes = 0

    def report(flat: Doubles) -> None:
        nonlocal passes
        passes += 1
        found = objective.at(flat)
        weight, bias = objective.rows(flat)
        after_pass(Linear(weight.astype(np.float32), bias.astype(np.float32), scored=(found.loss, found.accuracy)))

    with threadpool_limits(1, "blas"):  # SciPy's threads would wait busily on torch's cores
        found = minimize(
            objective,
            np.zeros(problem.classes * (problem.pixels.shape[1] + 1)),
            jac=True,
            method="L-BFGS-B",
            callback=lambda flat: report(flat),
            # scikit-learn 1.6's call: tol=1e-4 on the gradient, 50 line-search steps, ftol of 64 machine epsilons.
            options={
                "maxiter": int(problem.variables["max_iter"]),
                "maxls": 50,
                "gtol": 1e-4,
                "ftol": 64 * np.finfo(float).eps,
            },
        )
    if not passes:  # zero was the best already, as for black images
        report(found.x)


@dataclass(frozen=True, eq=False)
class _Found:
    """The objective at one point `flat`. loss: mean cross-entropy, with its gradients for weight (K, D) and bias (K,).

    accuracy: the share of images whose label has the greatest probability; of equal ones, the first counts.
    """

    flat: Doubles
    loss: float
    accuracy: float
    weight_grad: Doubles
    bias_grad: Doubles


class _Objective:
    """The function that L-BFGS minimises: given weight and bias as one flat vector, its value and its gradient."""

    def __init__(self, problem: Problem) -> None:
        self.classes, (count, self.width) = problem.classes, problem.pixels.shape
        self.penalty = (2.0 if self.classes == 2 else 1.0) / (float(problem.variables["C"]) * count)
        self.labels = torch.from_numpy(problem.labels)[None]
        self.pixels, self.scale = _compact(torch.from_numpy(problem.pixels))
        self.block = torch.empty(BLOCK, self.width)
        self.last: _Found | None = None

    def __call__(self, flat: Doubles) -> tuple[float, Doubles]:
        found, (weight, _) = self.at(flat), self.rows(flat)
        grad = found.weight_grad + self.penalty * weight
        value = found.loss + 0.5 * self.penalty * float(np.square(weight).sum())
        return value, np.concatenate([grad.ravel(), found.bias_grad])

    def rows(self, flat: Doubles) -> tuple[Doubles, Doubles]:
        """Return the weight (K, D) and then the bias (K,) that `flat` consists of."""
        return flat[: self.classes * self.width].reshape(self.classes, self.width), flat[self.classes * self.width :]

    def at(self, flat: Doubles) -> _Found:
        """Return loss, gradients and accuracy at `flat`; the last ones are stored, since an iteration ends there."""
        if self.last is None or not np.array_equal(self.last.flat, flat):
            self.last = self._evaluate(flat.copy())
        return self.last

    @torch.inference_mode()
    def _evaluate(self, flat: Doubles) -> _Found:
        # Block by block. Scores are (K, images): rows of ten numbers are too short for the processor's vectors.
        weight, bias = (torch.from_numpy(each.astype(np.float32)) for each in self.rows(flat))
        grad, bias_grad = (torch.zeros(each.shape, dtype=torch.float64) for each in (weight, bias))
        minus_one = torch.full((1, BLOCK), -1.0)
        loss, correct, count = 0.0, 0, self.labels.numel()
        for start in range(0, count, BLOCK):
            pixels, labels = self._pixels(start), self.labels[:, start : start + BLOCK]
            logs = torch.addmm(bias[:, None], weight, pixels.T).log_softmax(0)
            own = logs.gather(0, labels)
            loss -= float(own.sum(dtype=torch.float64))
            correct += _count_correct(logs, own, labels)
            wrong = logs.exp_().scatter_add_(0, labels, minus_one[:, : labels.shape[1]])
            grad += wrong @ pixels
            bias_grad += wrong.sum(1)
        return _Found(flat, loss / count, correct / count, grad.numpy() / count, bias_grad.numpy() / count)

    def _pixels(self, start: int) -> Tensor:
        """Return the floats of the block from `start`; the next call overwrites them."""
        stored = self.pixels[start : start + BLOCK]
        if stored.dtype == torch.float32:
            return stored
        block = self.block[: len(stored)].copy_(stored)
        return block if self.scale == 1 else block.mul_(self.scale)


def _count_correct(logs: Tensor, own: Tensor, labels: Tensor) -> int:
    """Count the images whose label has the greatest of `logs` (K, N), the first of equals; own: (1, N), the label's."""
    greatest = logs.amax(0, keepdim=True)
    if int((logs == greatest).sum()) > greatest.numel():  # ties; argmax takes six times as long as amax
        return int((logs.argmax(0) == labels[0]).sum())
    return int((own == greatest).sum())


def _compact(pixels: Tensor) -> tuple[Tensor, float]:
    """Return bytes and a scale that give exactly `pixels` (float32, (N, D)); or `pixels` and 1 where none do."""
    for scale in SCALES:
        stored = torch.empty(pixels.shape, dtype=torch.uint8)
        for some, packed in zip(torch.split(pixels, BLOCK), torch.split(stored, BLOCK), strict=True):
            whole = (some / scale).round_().clamp_(0, 255)
            if not torch.equal(whole * scale, some):
                break
            packed.copy_(whole)
        else:
            return stored, scale
    return pixels, 1.0
