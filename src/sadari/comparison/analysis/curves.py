"""Which movement of a learning curve is more than noise? What the seeds do not share between epochs is noise."""

from collections.abc import Mapping, Sequence
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05  # chance to call a wiggle a movement (the usual one)
RISE = 0.05  # by which part of its least value the loss must rise to have turned (assumed)
FALL = 0.01  # by which part the loss must fall over the last quarter of the epochs to be falling still (assumed)
LEAST_NATS = (
    0.01  # a smaller movement of the loss is nothing: probabilities move by a hundredth of themselves (assumed)
)
FEWEST_EPOCHS = 5  # in which the wiggles of a single seed can be told from its course (assumed)

History = Sequence[Mapping[str, float]]
Floats = NDArray[np.float64]


def shared_curves(histories: Sequence[History], column: str) -> Floats:
    """`column` of every seed, float64 (seeds, epochs), for the epochs that all seeds have."""
    curves = [[row[column] for row in history if column in row] for history in histories]
    length = min((len(curve) for curve in curves), default=0)
    return np.array([curve[:length] for curve in curves], dtype=np.float64).reshape(len(curves), length)


class Course:
    """Where did the validation loss turn, and does it still fall? Of the mean over the seeds, noise aside.

    loss: float64 (seeds, epochs), at least one seed and two epochs. Positions count from 0.
    """

    def __init__(self, loss: Floats) -> None:
        self.loss, self.mean = loss, loss.mean(axis=0)
        self.turn, self.last = int(np.argmin(self.mean)), loss.shape[1] - 1
        self.quarter = max(1, loss.shape[1] // 4)  # epochs behind which the end is held, for the fall
        self.tail = min(self.turn, loss.shape[1] // 2, self.last - 1)  # from here on noise is as it is at the end

    @property
    def rise(self) -> float:
        """The loss at the end / its least - 1."""
        return part_above(self.mean[-1], self.mean[self.turn])

    @property
    def fall(self) -> float:
        """The part of the loss that went over the last quarter of the epochs; negative where it rose."""
        return -part_above(self.mean[-1], self.mean[self.last - self.quarter])

    @property
    def turned(self) -> bool:
        """Is the rise more than noise, and by enough to matter? The turn was chosen among the epochs: Bonferroni."""
        risen = float(self.mean[-1] - self.mean[self.turn])
        beyond = risen > _noise(self.loss[:, self.tail :], LEVEL / self.last)
        return beyond and risen >= LEAST_NATS and self.rise >= RISE

    @property
    def known(self) -> bool:
        """Is there enough to tell the course from noise? Not in a few epochs of a single seed."""
        return _noise(self.loss[:, self.tail :], LEVEL) < inf

    @property
    def falling(self) -> bool:
        """Is the fall more than noise, and by enough to matter?

        Where noise is unknown, the last epoch must be the best one, and by as much as a rise must be.
        """
        noise = _noise(self.loss[:, self.tail :], LEVEL)
        if noise == inf:
            return self.turn == self.last and self.fall >= RISE
        fallen = float(self.mean[self.last - self.quarter] - self.mean[-1])
        return fallen > noise and self.fall >= FALL

    def gain(self, accuracy: Floats) -> tuple[float, bool]:
        """How much accuracy came after the turn, and is it more than noise? accuracy: (seeds, epochs)."""
        mean = accuracy.mean(axis=0)
        gained = float(mean[-1] - mean[self.turn])
        return gained, abs(gained) > _noise(accuracy[:, self.tail :], LEVEL / 2)


def part_above(value: float, base: float) -> float:
    """By which part of `base` does `value` exceed it? 0 where both are equal, even at 0."""
    return float(value) / max(float(base), float(np.finfo(np.float32).tiny)) - 1.0 if value != base else 0.0


def _noise(curves: Floats, level: float) -> float:
    """How far does one epoch of the mean of `curves` (seeds, epochs) rise above another by chance, but for `level`?

    Of other seeds, that is, on the same images. With several seeds, noise is what is left when each seed's and each
    epoch's mean are taken off; seeds that all say the same (a model without chance) are one curve. A single curve is
    held against the straight line through its neighbours instead (Gasser, Sroka & Jennen-Steinmetz, Biometrika 1986);
    where it has fewer than FEWEST_EPOCHS, noise is unknown, and infinite.
    """
    from scipy.stats import t

    curves = curves[:1] if (curves == curves[0]).all() else curves
    seeds, epochs = curves.shape
    if seeds > 1:
        left = curves - curves.mean(axis=0) - curves.mean(axis=1, keepdims=True) + curves.mean()
        freedom = (seeds - 1) * (epochs - 1)
        variance = float((left**2).sum()) / freedom
    elif epochs >= FEWEST_EPOCHS:
        bends = curves[0, 2:] - 2 * curves[0, 1:-1] + curves[0, :-2]
        freedom = epochs - 2
        variance = float((bends**2).mean()) / 6  # the variance of a bend is 1 + 4 + 1 times that of a point
    else:
        return inf
    return float(t.ppf(1 - level, freedom)) * sqrt(2 * variance / seeds)
