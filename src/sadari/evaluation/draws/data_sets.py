"""Is one arm better than another on data sets like these? The sets are drawn too, and there are few of them.

On each set an arm is ahead by a true difference of its own, estimated with that set's error. The question is about the
mean of these differences over all sets of which these are as good as a sample, and about the next one. A random-effects
meta-analysis answers both, as the hierarchical test of Corani, Benavoli, Demsar, Mangili & Zaffalon (Machine Learning
106, 2017, 1817-1837) does with a prior and a sampler.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sadari.evaluation.roots import brentq
from sadari.evaluation.sentences import LEVEL

LEAST_ERROR = 1e-6  # of a difference on one set: two arms that answer alike have none (assumed)
# Deviations between sets for which the next set is looked at: of accuracies, so that none is above 1.
DEVIATIONS = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, 120)])
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OverSets:
    """A mean difference over sets, with its 95 % interval and the two-sided p of none.

    error: standard error of the mean. between: standard deviation of the true differences over sets. freedom: of t.
    chances, means, scales: float (GRID,), how likely each deviation between sets is, with the mean and the standard
    deviation of the next set's true difference if it is that one.
    """

    mean: float
    low: float
    high: float
    p: float
    error: float
    between: float
    freedom: int
    chances: Floats
    means: Floats
    scales: Floats

    def next_above(self, bound: float) -> float:
        """Return the probability that the true difference on the next such set is above `bound`.

        By Student's t with the variance of the mean and that between sets, for every deviation between sets that the
        differences allow (Nagashima, Noma & Furukawa, Statistical Methods in Medical Research 28, 2019, 1689-1702).
        """
        return float((self.chances * special.stdtr(self.freedom, (self.means - bound) / self.scales)).sum())


def over_sets(differences: Sequence[float], errors: Sequence[float]) -> OverSets:
    """Return what the differences on several sets say of their mean over sets.

    errors: the standard error of each. The variance between sets is that of Paule & Mandel (Journal of Research of the
    National Bureau of Standards 87, 1982); the interval that of Hartung & Knapp (Statistics in Medicine 20, 2001) and
    Sidik & Jonkman (2002), never narrower than with the errors as they are (Rover, Knapp & Friede, BMC Medical Research
    Methodology 15:99, 2015). Raises ValueError for fewer than two sets.
    """
    if len(differences) < 2 or len(differences) != len(errors):
        raise ValueError(f"needs the differences of two sets or more, not {len(differences)}")
    found = np.asarray(differences, dtype=np.float64)
    variances = np.maximum(np.asarray(errors, dtype=np.float64), LEAST_ERROR) ** 2
    between = _between(found, variances)
    freedom = len(found) - 1
    mean, error, _ = (float(each[0]) for each in _fitted(found, variances, np.array([between])))
    half = -float(special.stdtrit(freedom, LEVEL / 2)) * error
    p = 2 * float(special.stdtr(freedom, -abs(mean) / error))
    low, high = max(mean - half, -1.0), min(mean + half, 1.0)
    means, errors_of_means, squares = _fitted(found, variances, DEVIATIONS**2)
    below = special.chdtrc(freedom, squares)  # the confidence that the deviation is no larger
    chances = np.diff(below, prepend=0.0, append=1.0)
    chances[-2] += chances[-1]
    scales = np.sqrt(errors_of_means**2 + DEVIATIONS**2)
    return OverSets(mean, low, high, p, error, sqrt(between), freedom, chances[:-1], means, scales)


def _fitted(found: Floats, variances: Floats, between: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the mean, its error, and the weighted squares around it, for each variance `between` sets."""
    weights = 1 / (variances + between[:, None])
    total = weights.sum(axis=1)
    means = (weights * found).sum(axis=1) / total
    squares = (weights * (found - means[:, None]) ** 2).sum(axis=1)
    return means, np.sqrt(np.maximum(squares / (len(found) - 1), 1.0) / total), squares


def _between(found: Floats, variances: Floats) -> float:
    """Return the variance between sets for which the weighted squares are as many as their degrees of freedom."""

    def excess(between: float) -> float:
        return float(_fitted(found, variances, np.array([between]))[2][0]) - (len(found) - 1)

    if excess(0.0) <= 0:
        return 0.0
    top = float(found.var(ddof=1)) * len(found) + float(variances.max())
    return float(brentq(excess, 0.0, top, xtol=1e-12))
