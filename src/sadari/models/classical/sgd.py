"""How does logistic regression learn one image at a time, at the speed of matrix products?

The steps are those of scikit-learn's SGDClassifier with log loss and its rate "optimal", one class against the rest.
With T = t0 + t for step t (from 0), signs y = +1 or -1 and c = y sigmoid(-y (w.x + b)), a step is

    w <- w (1 - 1 / T) + c x / (alpha T)        b <- b + c / (alpha T)

so that s = alpha (T - 1) w, the sum of all c x so far, grows by c x in each step (Shalev-Shwartz et al. 2011, Pegasos,
doi:10.1007/s10107-010-0420-4). The margins of a block of images follow from s before it and from the products of its
images with each other: image i needs the c of those before it and of no other. Repeating c -> margins -> c therefore
gives exactly these steps after as many rounds as the block has images, and mostly after five.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from sadari.models.classical.problem import AfterPass, Floats, Linear, Problem

Doubles = NDArray[np.float64]

# Images per block. Measured on 60,000 x 784 with two threads: a pass takes 0.21 s in blocks of 64, 0.23 in 96 and 128.
BLOCK = 64
GATHERED = 1 << 20  # pixels gathered at once, unless a block has more: 4 MiB (assumed: stays in the cache)
CLOSE = 1e-6  # a change of c (in -1..1) that makes no difference to float32 margins (assumed)


def sgd(problem: Problem, after_pass: AfterPass) -> None:
    """Fit logistic regression with an L2 penalty, one step per image; a pass takes every image once, in a new order.

    The variable `average` says whether the model is the mean of the weights after all steps so far (Polyak and
    Juditsky 1992; scikit-learn's average=True) or the last ones.
    """
    steps = _Steps(problem)
    for number in range(problem.from_pass, problem.epochs):
        order = np.random.default_rng([problem.seed, number]).permutation(len(problem.labels))
        # The products are too small to share between threads; where a large margin makes exp overflow, c is 0.
        with threadpool_limits(1, "blas"), np.errstate(over="ignore"):
            for blocks in _groups(order, problem.pixels.shape[1]):
                steps.take(blocks)
        after_pass(steps.learned())


def _groups(order: NDArray[np.int64], width: int) -> Iterator[NDArray[np.int64]]:
    """Yield `order` as (m, BLOCK) positions, m blocks at a time; the rest comes last, as one shorter block."""
    whole = len(order) // BLOCK
    at_once = max(1, GATHERED // (BLOCK * width))
    blocks = order[: whole * BLOCK].reshape(whole, BLOCK)
    for start in range(0, whole, at_once):
        yield blocks[start : start + at_once]
    if len(order) > whole * BLOCK:
        yield order[None, whole * BLOCK :]


class _Steps:
    """The state of the fit.

    sum: s, float64 (K, D). bias: (K,). weights, biases: the sums of w and b after each step, for their means. count:
    steps taken.
    """

    def __init__(self, problem: Problem) -> None:
        self.pixels, self.labels = torch.from_numpy(problem.pixels), problem.labels
        self.classes = np.arange(problem.classes)[:, None]
        self.alpha, self.average = float(problem.variables["alpha"]), bool(problem.variables["average"])
        # Bottou's heuristic, as in scikit-learn: the first step is as large as a typical weight.
        self.begin = 1 / (np.sqrt(1 / np.sqrt(self.alpha)) * self.alpha)
        if problem.from_pass:
            self.sum, self.bias, self.weights, self.biases = (
                problem.state[name].copy() for name in ("sum", "bias", "weights", "biases")
            )
        else:
            shape = (problem.classes, problem.pixels.shape[1])
            self.sum, self.bias, self.weights, self.biases = (
                np.zeros(shape), np.zeros(shape[0]), np.zeros(shape), np.zeros(shape[0])
            )  # fmt: skip
        self.count = problem.from_pass * len(problem.labels)

    def take(self, blocks: NDArray[np.int64]) -> None:
        """Take the steps of the images at `blocks` (m, n), in this order."""
        pixels = self.pixels[torch.from_numpy(blocks.ravel())].view(*blocks.shape, -1)
        count = self.count + np.arange(blocks.size).reshape(blocks.shape)
        clock = self.begin + count
        before = np.where(count, clock - 1, 1.0)  # T - 1; before the first step w is zero, and any divisor of s will do
        gains = _gains(pixels, clock, self.alpha * before, before)
        signs = np.where(self.labels[blocks][:, None] == self.classes, np.float32(1), np.float32(-1))
        for block in zip(pixels.numpy(), clock, self.alpha * before, gains, signs, strict=True):
            self._take_block(*block)

    def _take_block(self, pixels: Floats, clock: Doubles, divisor: Doubles, gains: Floats, signs: Floats) -> None:
        """Take the steps of one block. pixels: (n, D). clock: T. divisor: alpha (T - 1). signs: y, (K, n)."""
        scale = divisor[0]
        margins = (self.sum / scale).astype(np.float32) @ pixels.T
        margins *= (scale / divisor).astype(np.float32)
        margins += self.bias[:, None].astype(np.float32)
        pulls = _pulls(margins, gains, signs)
        biases = self.bias[:, None] + np.cumsum(pulls / (self.alpha * clock), axis=1)
        if self.average:
            left = np.cumsum((1 / clock)[::-1])[::-1]  # how often each c x counts in the sum of all later weights
            moved = np.concatenate([pulls, pulls * left.astype(np.float32)]) @ pixels
            self.weights += (self.sum * left[0] + moved[len(pulls) :]) / self.alpha
            self.biases += biases.sum(axis=1)
            self.sum += moved[: len(pulls)]
        else:
            self.sum += pulls @ pixels
        self.bias = biases[:, -1]
        self.count += len(pixels)

    def learned(self) -> Linear:
        """Return the model after the steps so far, with all that the next pass needs."""
        state: dict[str, NDArray[Any]] = {
            "sum": self.sum, "bias": self.bias, "weights": self.weights, "biases": self.biases
        }  # fmt: skip
        if self.average:
            weight, bias = self.weights / self.count, self.biases / self.count
        else:
            weight, bias = self.sum / (self.alpha * (self.begin + self.count - 1)), self.bias
        return Linear(weight.astype(np.float32), bias.astype(np.float32), state)


def _gains(pixels: Tensor, clock: Doubles, divisor: Doubles, before: Doubles) -> Floats:
    """Return what the c of each image of a block adds to the margin of each later one: (m, n, n), the later one last.

    pixels: (m, n, D). The others are (m, n).
    """
    inverse, later, divided = (torch.from_numpy(each).float() for each in (1 / clock, before, 1 / divisor))
    gains = torch.baddbmm(inverse[:, :, None] * later[:, None, :], pixels, pixels.mT)
    gains *= divided[:, None, :]
    return gains.triu_(1).numpy()


def _pulls(margins: Floats, gains: Floats, signs: Floats) -> Floats:
    """Return the c of each image for each class, (K, n); `margins` are those before the steps of the block."""
    pulls = np.zeros_like(margins)
    for _ in range(margins.shape[1] + 1):
        scores = pulls @ gains
        scores += margins
        scores *= signs
        np.exp(scores, out=scores)
        scores += 1
        np.divide(signs, scores, out=scores)
        change = np.abs(scores - pulls).max()
        pulls = scores
        if change <= CLOSE:
            break
    return pulls
