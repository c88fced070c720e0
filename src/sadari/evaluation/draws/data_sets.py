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
from scipy.optimize import brentq

from sadari.evaluation.sentences import LEVEL

LEAST_ERROR = 1e-6  # of a difference on one set: two arms that answer alike have none (assumed)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OverSets:
    """A mean difference over sets, with its 95 % interval and the two-sided p of none.

    error: standard error of the mean. between: standard deviation of the true differences over sets. freedom: of t.
    """

    mean: float
    low: float
    high: float
    p: float
    error: float
    between: float
    freedom: int

    def next_above(self, bound: float) -> float:
        """Return the probability that the true difference on the next such set is above `bound`.

        By Student's t with the variance of the mean and that between sets (Higgins, Thompson & Spiegelhalter, Journal
        of the Royal Statistical Society A 172, 2009, 137-159).
        """
        scale = sqrt(self.error**2 + self.between**2)
        return float(special.stdtr(self.freedom, (self.mean - bound) / scale))


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
    weights = 1 / (variances + between)
    mean = float((weights * found).sum() / weights.sum())
    freedom = len(found) - 1
    scatter = float((weights * (found - mean) ** 2).sum()) / freedom
    error = sqrt(max(scatter, 1.0) / float(weights.sum()))
    half = -float(special.stdtrit(freedom, LEVEL / 2)) * error
    p = 2 * float(special.stdtr(freedom, -abs(mean) / error))
    low, high = max(mean - half, -1.0), min(mean + half, 1.0)
    return OverSets(mean, low, high, p, error, sqrt(between), freedom)


def _between(found: Floats, variances: Floats) -> float:
    """Return the variance between sets for which the weighted squares are as many as their degrees of freedom."""

    def excess(between: float) -> float:
        weights = 1 / (variances + between)
        mean = (weights * found).sum() / weights.sum()
        return float((weights * (found - mean) ** 2).sum()) - (len(found) - 1)

    if excess(0.0) <= 0:
        return 0.0
    top = float(found.var(ddof=1)) * len(found) + float(variances.max())
    return float(brentq(excess, 0.0, top, xtol=1e-12))
