"""Which arms differ in their ranks over data sets? Friedman's test with Nemenyi's critical difference, or Wilcoxon's.

Demsar (Journal of Machine Learning Research 7, 2006, 1-30): ranks need no differences of accuracies that can be
compared from set to set, and say nothing of how large a difference is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from math import ceil, exp, lgamma, log, sqrt

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation.sentences import LEVEL, p_text

FEWEST_WILCOXON = 6  # sets with which Wilcoxon's exact two-sided p can be below 0.05: 2 / 2^6
MOST_ORDERS = 20_000  # that are counted for an exact p (assumed: milliseconds)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ranks:
    """The mean ranks of arms over sets, 1 the best. p: of the test that all are alike.

    critical: the difference of mean ranks from which on two arms differ (Nemenyi); None for two arms, which Wilcoxon's
    signed-rank test compares. needed: the least number of sets with which any two of so many arms could differ. ahead:
    of two arms, the one for which the signed ranks speak, which need not have the better mean rank: small wins on many
    sets against large losses on few.
    """

    test: str
    mean: dict[str, float]
    sets: int
    p: float
    critical: float | None
    needed: int
    ahead: str = ""

    @property
    def apart(self) -> tuple[tuple[str, str], ...]:
        """Return the pairs (better, worse) that differ."""
        names = sorted(self.mean, key=lambda name: (name != self.ahead, self.mean[name]))
        pairs = [(a, b) for place, a in enumerate(names) for b in names[place + 1 :]]
        if self.p >= LEVEL:
            return ()
        if self.critical is None:
            return tuple(pairs)
        return tuple((a, b) for a, b in pairs if self.mean[b] - self.mean[a] > self.critical)

    @property
    def sentence(self) -> str:
        """Say what the ranks show, or that so few sets cannot show anything."""
        if self.sets < self.needed:
            return (
                f"Ranks: {self.sets} sets cannot show that {len(self.mean)} models differ in rank, whatever they are; "
                f"{self.needed} could at best ({self.test})."
            )
        shown = ", ".join(f"{a} before {b}" for a, b in self.apart) or "no pair is shown to differ"
        away = f"; critical difference {self.critical:.2f} (Nemenyi)" if self.critical is not None else ""
        return f"Ranks: {self.test}, {p_text(self.p)}{away}: {shown}."


def rank(accuracies: Sequence[Sequence[float]], names: Sequence[str]) -> Ranks:
    """Return the ranks of arms from their accuracies, one row a set and one column an arm.

    Friedman's test (1937), exact for few sets and arms and in the form of Iman & Davenport (1980) for more, and
    Nemenyi's critical difference (1963); two arms: Wilcoxon's (1945). Raises ValueError for fewer than two arms
    or sets.
    """
    from scipy import stats

    values = np.asarray(accuracies, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < 2:
        raise ValueError(f"needs two sets and two arms or more, not {values.shape}")
    sets, arms = values.shape
    of_sets = stats.rankdata(-values, axis=1)
    mean = {name: float(each) for name, each in zip(names, of_sets.mean(axis=0), strict=True)}
    if arms == 2:
        gained = values[:, 0] - values[:, 1]
        p = float(stats.wilcoxon(gained).pvalue) if gained.any() else 1.0
        unequal = gained[gained != 0]
        signed = float((np.sign(unequal) * stats.rankdata(np.abs(unequal))).sum())
        ahead = names[0] if signed > 0 else names[1] if signed < 0 else ""
        return Ranks("Wilcoxon's signed ranks", mean, sets, p, None, FEWEST_WILCOXON, ahead)
    studentized = _studentized(arms)
    critical = studentized * sqrt(arms * (arms + 1) / (6 * sets))
    needed = ceil(studentized**2 * arms * (arms + 1) / 6 / (arms - 1) ** 2)
    return Ranks("Friedman", mean, sets, _friedman(-values), critical, max(needed, 2))


@cache
def _studentized(arms: int) -> float:
    """Return the 95 % point of the studentized range of so many arms, over the root of two."""
    from scipy import stats

    return float(stats.studentized_range.ppf(1 - LEVEL, arms, np.inf)) / sqrt(2)


def _friedman(values: Floats) -> float:
    """Return the p of Friedman's test on accuracies (sets, arms), ties taken into account.

    Exact where all orders of the arms on all sets but one can be counted; else by Iman & Davenport's F, which for few
    sets and arms is far too small (docs/statistics.md).
    """
    from scipy import stats

    sets, arms = values.shape
    if (values == values[:, :1]).all():
        return 1.0
    orders = (sets - 1) * lgamma(arms + 1)
    if orders <= log(MOST_ORDERS):
        return _exact(stats.rankdata(values, axis=1))
    statistic = float(stats.friedmanchisquare(*values.T).statistic)
    left = max(sets * (arms - 1) - statistic, 1e-9)
    found = float(stats.f.sf((sets - 1) * statistic / left, arms - 1, (arms - 1) * (sets - 1)))
    return max(found, exp(-orders))  # no test of ranks can have a smaller p than one order on all sets


def _exact(of_sets: Floats) -> float:
    """Return the share of all orders within sets whose rank sums are as far apart as those of `of_sets`, or further."""
    sums = of_sets[:1]
    for row in of_sets[1:]:
        each = np.array(list(permutations(row)))
        sums = (sums[:, None, :] + each).reshape(-1, of_sets.shape[1])
    apart = float((of_sets.sum(axis=0) ** 2).sum())
    return float(((sums**2).sum(axis=1) >= apart - 1e-9).mean())
