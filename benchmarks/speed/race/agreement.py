"""Do two programs that claim to compute the same reach the same accuracy? By Welch's interval over seeds."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

from scipy import stats

MARGIN = 0.01  # accuracies this near to each other count as equal: a point (assumed)
MARKS = {"equal": "", "unclear": " ?", "higher": " ▲", "lower": " ▼"}


@dataclass(frozen=True)
class Agreement:
    """Own accuracy minus the other's, with its 95 % interval.

    word: "equal" where the interval is within MARGIN of zero; "higher" or "lower" where it does not and leaves zero
    out; "unclear" where it is too wide to say.
    """

    difference: float
    low: float
    high: float
    word: str

    @property
    def mark(self) -> str:
        """Return what follows a ratio of speeds: nothing where the accuracies are equal."""
        return MARKS[self.word]


def agreement(own: Sequence[float], other: Sequence[float]) -> Agreement:
    """Compare accuracies, one of each seed. Fewer than two of each give "unclear", without an interval."""
    if min(len(own), len(other)) < 2:
        return Agreement(nan, nan, nan, "unclear")
    difference = statistics.mean(own) - statistics.mean(other)
    low, high = _interval(own, other, difference)
    return Agreement(difference, low, high, _word(low, high))


def _interval(own: Sequence[float], other: Sequence[float], difference: float) -> tuple[float, float]:
    """Return Welch's 95 % interval; a point where no seed makes a difference, as for solvers without chance."""
    first, second = (statistics.variance(each) / len(each) for each in (own, other))
    if not first + second:
        return difference, difference
    freedom = (first + second) ** 2 / (first**2 / (len(own) - 1) + second**2 / (len(other) - 1))
    half = float(stats.t.ppf(0.975, freedom)) * (first + second) ** 0.5
    return difference - half, difference + half


def _word(low: float, high: float) -> str:
    if low >= -MARGIN and high <= MARGIN:
        return "equal"
    if low <= 0 <= high:
        return "unclear"
    return "higher" if low > 0 else "lower"
