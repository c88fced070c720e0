"""How is multinomial logistic regression fitted? scikit-learn's objective, by the SciPy solver that scikit-learn calls.

It keeps what every iteration found, which scikit-learn does not tell; a test holds it against
`sklearn.linear_model.LogisticRegression`.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from sadari.models.problem import AfterPass, Linear, Problem

Doubles = NDArray[np.float64]

# Images a block: what both products read of it stays in the processor's cache, float32 sums stay short, and scores
# need little memory. Measured on 60,000 x 784 with two threads: both products take 19 ms in blocks of 256 to 1024, and
# 25 ms as a whole.
BLOCK = 1024
# Pixels that are bytes, or bytes divided by this, are kept as bytes and become floats block by block, to the same
# values: reading four times as much from memory took longer. Both products, measured as above: 13.7 ms instead of 17.1.
WHITE = 255


def logistic(problem: Problem, after_pass: AfterPass) -> None:
    """Multinomial logistic regression with an L2 penalty, by L-BFGS; a pass is one iteration.

    Minimises mean cross-entropy + |weight|^2 / (2 C N), scikit-learn's objective (C its inverse strength), from
    zero, with its tolerances. Of two classes scikit-learn penalises one row w, which stands for the rows -w / 2
    and w / 2 here: they are penalised twice as much, so that it is the same model. Sums run in float32 over
    blocks and in float64 across them.
    """
    from scipy.optimize import minimize

    objective = _Objective(problem)
    passes = 0

    def tell(flat: Doubles) -> None:
        nonlocal passes
        passes += 1
        found = objective.at(flat)
        weight, bias = objective.rows(flat)
        after_pass(Linear(weight.astype(np.float32), bias.astype(np.float32), scored=(found.loss, found.accuracy())))

    with threadpool_limits(1, "blas"):  # SciPy's threads would wait for vectors while torch's want the cores
        found = minimize(
            objective,
            np.zeros(problem.classes * (problem.pixels.shape[1] + 1)),
            jac=True,
            method="L-BFGS-B",
            callback=lambda flat: tell(flat),
            # scikit-learn 1.6's call: tol=1e-4 on the gradient, 50 line-search steps, ftol of 64 machine epsilons.
            options={
                "maxiter": int(problem.variables["max_iter"]),
                "maxls": 50,
                "gtol": 1e-4,
                "ftol": 64 * np.finfo(float).eps,
            },
        )
    if not passes:  # zero was the best already, as for black images
        tell(found.x)


@dataclass(frozen=True, eq=False)
class _Found:
    """What is known at one point `flat`? loss: mean cross-entropy; slopes: those of weight (K, D) and bias (K,).

    logs: float32 (K, N), the logarithms of the probabilities. labels: int64 (1, N).
    """

    flat: Doubles
    loss: float
    weight_slope: Doubles
    bias_slope: Doubles
    logs: Tensor
    labels: Tensor

    def accuracy(self) -> float:
        """The part of the images whose label has the greatest probability, the first one where there are several."""
        greatest = self.logs.amax(0, keepdim=True)
        right = self.logs.gather(0, self.labels) == greatest
        if int((self.logs == greatest).sum()) > len(right[0]):  # ties; argmax takes six times as long as amax
            right = self.logs.argmax(0) == self.labels
        return int(right.sum()) / self.labels.numel()


class _Objective:
    """What does L-BFGS minimise? Called with weight and bias, flat behind each other: the value and its gradient."""

    def __init__(self, problem: Problem) -> None:
        self.classes, (count, self.width) = problem.classes, problem.pixels.shape
        self.penalty = (2.0 if self.classes == 2 else 1.0) / (float(problem.variables["C"]) * count)
        self.labels = torch.from_numpy(problem.labels)[None]
        self.pixels, self.divisor = _compact(torch.from_numpy(problem.pixels))
        self.block = torch.empty(BLOCK, self.width)
        self.last: _Found | None = None

    def __call__(self, flat: Doubles) -> tuple[float, Doubles]:
        found, (weight, _) = self.at(flat), self.rows(flat)
        slope = found.weight_slope + self.penalty * weight
        value = found.loss + 0.5 * self.penalty * float(np.square(weight).sum())
        return value, np.concatenate([slope.ravel(), found.bias_slope])

    def rows(self, flat: Doubles) -> tuple[Doubles, Doubles]:
        """The weight (K, D) and bias (K,) that lie behind each other in `flat`."""
        return flat[: self.classes * self.width].reshape(self.classes, self.width), flat[self.classes * self.width :]

    def at(self, flat: Doubles) -> _Found:
        """All that the images say of `flat`; an iteration ends where the line search has looked last."""
        if self.last is None or not np.array_equal(self.last.flat, flat):
            self.last = self._look(flat.copy())
        return self.last

    @torch.inference_mode()
    def _look(self, flat: Doubles) -> _Found:
        """Block by block. Scores lie as (K, images): ten numbers in a row are too few for the processor's vectors."""
        weight, bias = (torch.from_numpy(each.astype(np.float32)) for each in self.rows(flat))
        slope, bias_slope = (torch.zeros(each.shape, dtype=torch.float64) for each in (weight, bias))
        minus_one, logs = torch.full((1, BLOCK), -1.0), []
        for start in range(0, self.labels.numel(), BLOCK):
            pixels, labels = self._pixels(start), self.labels[:, start : start + BLOCK]
            logs.append(torch.addmm(bias[:, None], weight, pixels.T).log_softmax(0))
            wrong = logs[-1].exp().scatter_add_(0, labels, minus_one[:, : labels.shape[1]])
            slope += wrong @ pixels
            bias_slope += wrong.sum(1)
        whole, count = torch.cat(logs, dim=1), self.labels.numel()
        loss = -float(whole.gather(0, self.labels).sum(dtype=torch.float64)) / count
        return _Found(flat, loss, slope.numpy() / count, bias_slope.numpy() / count, whole, self.labels)

    def _pixels(self, start: int) -> Tensor:
        """The floats of the block from `start`; the next call overwrites them."""
        stored = self.pixels[start : start + BLOCK]
        if stored.dtype == torch.float32:
            return stored
        block = self.block[: len(stored)].copy_(stored)
        return block if self.divisor == 1 else block.div_(self.divisor)


def _compact(pixels: Tensor) -> tuple[Tensor, int]:
    """Bytes and a divisor that give exactly `pixels` (N, D), float32; or themselves and 1 where there are none."""
    for divisor in (1, WHITE):
        stored = torch.empty(pixels.shape, dtype=torch.uint8)
        for some, kept in zip(torch.split(pixels, BLOCK), torch.split(stored, BLOCK), strict=True):
            whole = (some * divisor).round_().clamp_(0, WHITE)
            if not torch.equal(whole / divisor, some):
                break
            kept.copy_(whole)
        else:
            return stored, divisor
    return pixels, 1
