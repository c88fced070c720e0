"""What is the mean of a figure with one number per seed, such as seconds, and do two arms differ in it?

Only the draw of the seeds is counted: the intervals are about other seeds on the same images. For accuracy `statistics`
counts the draw of the images, too, and for every other figure of the images `figures`.
"""

from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sadari.evaluation.statistics import LEVEL
from sadari.values import Interval


class MeanDifference(NamedTuple):
    """The mean of one arm minus that of another, with the 95 % interval (low, high) and the two-sided p."""

    difference: float
    low: float
    high: float
    p: float


def mean_interval(values: NDArray[np.float64], step: float = 0.0) -> Interval:
    """Return the mean, its standard deviation over seeds, and Student's 95 % t interval (1908).

    values: float (S,), one number per seed, S >= 2: one seed says nothing about others. step: the least by which two
    values can differ, such as 1 for an epoch. A few seeds can agree on such a figure by luck, so its variance counts as
    at least that of rounding to a step. Raises ValueError for fewer than two values, for other shapes, and for values
    that are not finite.
    """
    _require_seeds(values)
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    half = float(special.stdtrit(len(values) - 1, 1 - LEVEL / 2)) * sqrt(mean_variance(values, step))
    return Interval(mean, sd, mean - half, mean + half)


def mean_variance(values: NDArray[np.float64], step: float = 0.0) -> float:
    """Return the variance of the mean of float (S,) values, at least that of rounding to `step` (Sheppard 1898)."""
    return max(float(values.var(ddof=1)), step**2 / 12) / len(values)


def mean_difference(a_values: NDArray[np.float64], b_values: NDArray[np.float64], step: float = 0.0) -> MeanDifference:
    """Return the mean of a minus that of b, its 95 % interval, and p by Welch's t test (1947).

    a_values: float (S_a,); b_values: float (S_b,); at least two each. step: as in `mean_interval`. Where neither
    varies, the interval is the difference itself, and p is 1 for no difference, else 0. Raises ValueError as
    `mean_interval` does.
    """
    _require_seeds(a_values)
    _require_seeds(b_values)
    difference = float(a_values.mean() - b_values.mean())
    squares = [mean_variance(values, step) for values in (a_values, b_values)]
    variance = sum(squares)
    if variance == 0:
        return MeanDifference(difference, difference, difference, 1.0 if difference == 0 else 0.0)
    shares = [square / variance for square in squares]
    freedom = 1 / sum(share**2 / (len(values) - 1) for share, values in zip(shares, (a_values, b_values), strict=True))
    half = float(special.stdtrit(freedom, 1 - LEVEL / 2)) * sqrt(variance)
    p = float(2 * special.stdtr(freedom, -abs(difference) / sqrt(variance)))
    return MeanDifference(difference, difference - half, difference + half, p)


def _require_seeds(values: NDArray[np.float64]) -> None:
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"needs one value from each of at least two seeds, not an array of shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("needs finite values; leave out the seeds that have none")
