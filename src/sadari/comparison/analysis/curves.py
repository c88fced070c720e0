"""Which change of a learning curve is more than noise? What the seeds do not share between epochs is noise."""

from collections.abc import Mapping, Sequence
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05  # probability of calling noise a change (the usual one)
RISE = 0.05  # relative rise of the loss above its least value from which it has turned (assumed)
# Relative fall of the loss over the last quarter of the epochs from which more of them are worth it (assumed).
FALL = 0.03
LEAST_NATS = 0.01  # a smaller change of the loss is nothing: probabilities change by a hundredth (assumed)
FEWEST_EPOCHS = 5  # of a single seed, from which its noise can be estimated (assumed)

History = Sequence[Mapping[str, float]]
Floats = NDArray[np.float64]


def shared_curves(histories: Sequence[History], column: str) -> Floats:
    """Return `column` of every seed, float64 (seeds, epochs), for the epochs that all seeds have."""
    curves = [[row[column] for row in history if column in row] for history in histories]
    length = min((len(curve) for curve in curves), default=0)
    return np.array([curve[:length] for curve in curves], dtype=np.float64).reshape(len(curves), length)


class Course:
    """The course of the mean validation loss over the seeds: where it turned, and whether it still falls.

    loss: float64 (seeds, epochs), at least one seed and two epochs. Positions count from 0.
    """

    def __init__(self, loss: Floats) -> None:
        self.loss, self.mean = loss, loss.mean(axis=0)
        self.turn, self.last = int(np.argmin(self.mean)), loss.shape[1] - 1
        self.quarter = max(1, loss.shape[1] // 4)  # the fall is measured over so many epochs
        # From here on, the noise of the epochs is that of the end.
        self.tail = min(self.turn, loss.shape[1] // 2, self.last - 1)

    @property
    def rise(self) -> float:
        """The loss at the end / its least - 1."""
        return part_above(self.mean[-1], self.mean[self.turn])

    @property
    def fall(self) -> float:
        """The relative fall of the loss over the last quarter of the epochs; negative where it rose."""
        return -part_above(self.mean[-1], self.mean[self.last - self.quarter])

    @property
    def turned(self) -> bool:
        """Whether the rise is more than noise, and large enough to matter; Bonferroni, as the turn was searched."""
        risen = float(self.mean[-1] - self.mean[self.turn])
        beyond = risen > _noise(self.loss[:, self.tail :], LEVEL / self.last)
        return beyond and risen >= LEAST_NATS and self.rise >= RISE

    @property
    def known(self) -> bool:
        """Whether the noise can be estimated, which a few epochs of a single seed do not allow."""
        return _noise(self.loss[:, self.tail :], LEVEL) < inf

    @property
    def falling(self) -> bool:
        """Whether the fall is more than noise, and large enough for more epochs to be worth their time.

        Where noise is unknown, the last epoch must be the best one, and by as much as a rise must be.
        """
        noise = _noise(self.loss[:, self.tail :], LEVEL)
        if noise == inf:
            return self.turn == self.last and self.fall >= RISE
        fallen = float(self.mean[self.last - self.quarter] - self.mean[-1])
        return fallen > noise and fallen >= LEAST_NATS and self.fall >= FALL

    def gain(self, accuracy: Floats) -> tuple[float, bool]:
        """Return the gain of accuracy after the turn, and whether it is more than noise; accuracy: (seeds, epochs)."""
        mean = accuracy.mean(axis=0)
        gained = float(mean[-1] - mean[self.turn])
        return gained, abs(gained) > _noise(accuracy[:, self.tail :], LEVEL / 2)


def part_above(value: float, base: float) -> float:
    """Return value / base - 1; 0 where both are equal, even at 0."""
    return float(value) / max(float(base), float(np.finfo(np.float32).tiny)) - 1.0 if value != base else 0.0


def _noise(curves: Floats, level: float) -> float:
    """Return how far noise lifts one epoch of the mean of `curves` (seeds, epochs) above another, at `level`.

    The noise is that of other seeds on the same images. With several seeds, it is the residual after subtracting each
    seed's and each epoch's mean; seeds that are all equal (a model without chance) are one curve. Of a single curve it
    is estimated by `_alone`; where that has fewer than FEWEST_EPOCHS, the noise is unknown, and infinite.
    """
    from scipy import special

    curves = curves[:1] if (curves == curves[0]).all() else curves
    seeds, epochs = curves.shape
    if seeds > 1:
        left = curves - curves.mean(axis=0) - curves.mean(axis=1, keepdims=True) + curves.mean()
        freedom = (seeds - 1) * (epochs - 1)
        variance = float((left**2).sum()) / freedom
    elif epochs >= FEWEST_EPOCHS:
        variance, freedom = _alone(curves[0]), epochs - 2
    else:
        return inf
    return float(special.stdtrit(freedom, 1 - level)) * sqrt(2 * variance / seeds)


def _alone(curve: Floats) -> float:
    """Return the variance of the noise of one curve, float64 (epochs,), at least three of them.

    Each epoch is compared with the straight line through its neighbours (Gasser, Sroka & Jennen-Steinmetz, Biometrika
    1986), which shows little of a noise that lasts over epochs, and with the straight line through all, which shows
    most of it. The larger variance counts.
    """
    bends = curve[2:] - 2 * curve[1:-1] + curve[:-2]
    places = np.arange(len(curve)) - (len(curve) - 1) / 2
    left = curve - curve.mean() - places * (places @ curve) / (places @ places)
    # The variance of a bend is 1 + 4 + 1 times that of a point.
    return max(float((bends**2).mean()) / 6, float((left**2).sum()) / (len(curve) - 2))
