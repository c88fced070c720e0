"""Is one model better than another, and how sure is an accuracy? Seeds and test images are both drawn.

`crossed` says how far an estimate may be from the truth. This module has the interval of one arm and the comparison of
two arms and of all pairs. docs/statistics.md has the sources of the method and its coverage in a simulation.

One seed says nothing about other seeds: its interval and test are about that one trained network.

Images may come in groups, int64 (N,), that are right or wrong together, such as those of one patient. Then groups are
what is drawn (`draws/groups.py`). Where each image is a group of its own, all is as without groups.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import combinations
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation.arms.networks import Arm as _Arm
from sadari.evaluation.arms.networks import Bools as Bools
from sadari.evaluation.arms.networks import arm_of as _arm
from sadari.evaluation.arms.networks import error_between as _difference_error
from sadari.evaluation.crossed import SamplingError
from sadari.evaluation.draws.groups import Groups
from sadari.evaluation.draws.looks import Look
from sadari.evaluation.sentences import LEVEL as LEVEL
from sadari.evaluation.sentences import Compared, with_sentence
from sadari.values import Interval, Verdict

Numbers = NDArray[np.int64]


def interval(correct: Bools, level: float = LEVEL, groups: Numbers | None = None) -> Interval:
    """Return the mean accuracy and its 95 % interval over other seeds and other test images of the same kind.

    level: one minus the coverage, where looks share the 5 %.

    correct: bool (S, N), whether the network of each seed classified each image correctly. Wilson's score interval
    (1927) at the effective number of images, mean (1 - mean) / variance (Korn & Graubard 1998), so that it stays
    inside [0, 1] and is open at 0 and 1. One seed: that one network, on other images. level: 1 minus the coverage.
    groups: of the images. Raises ValueError for no images.
    """
    arm = _arm("", correct, groups=Groups.of(groups))
    std = float(correct.mean(axis=1).std(ddof=1)) if len(correct) > 1 else 0.0
    low, high = wilson(arm.mean, arm.score(level))
    return Interval(arm.mean, std, low, high)


def against(correct: Bools, value: float, groups: Numbers | None = None) -> tuple[float, Interval]:
    """Return the two-sided p of the accuracy being `value`, and the arm's `interval`.

    correct: bool (S, N). value: in [0, 1]. This is the score test that `interval` inverts, so they never disagree:
    p < 0.05 exactly where `value` is outside the interval. A one-sided question ("at least value") has half that p
    where the mean is on the other side of `value`. Raises ValueError for no images or another value.
    """
    found = interval(correct, groups=groups)
    if not 0 <= value <= 1:
        raise ValueError(f"an accuracy is in 0..1, not {value}")
    if value == found.mean:
        return 1.0, found
    if value in (0.0, 1.0):
        return 0.0, found  # a single error proves that 1 is not the accuracy
    return _arm("", correct, groups=Groups.of(groups)).tail((found.mean - value) ** 2 / (value * (1 - value))), found


def verdict(
    name_a: str,
    correct_a: Bools,
    name_b: str,
    correct_b: Bools,
    margin: float | None = None,
    groups: Numbers | None = None,
) -> Verdict:
    """Compare arm a with arm b on the same images: the two-sided p, and the 95 % interval of a minus b.

    correct_a: bool (S_a, N); correct_b: bool (S_b, N), the same images in the same order. One network each (one
    seed, or seeds that all predict the same): McNemar's test (1947) with the mid-p value (Fagerland, Lydersen & Laake
    2013), which may disagree with the interval at the edge. Otherwise a t test, p < 0.05 exactly where the interval
    excludes 0. margin, in (0, 1): also tests whether both are equal within it, by two one-sided tests (Schuirmann
    1987); `equal_p` < 0.05 exactly where the 90 % interval is inside the margin. groups: of the images; with them it is
    always the t test. Raises ValueError for other shapes and margins.
    """
    return _verdicts([(name_a, correct_a), (name_b, correct_b)], margin, groups=groups)[0]


def difference_p(correct_a: Bools, correct_b: Bools, bound: float, groups: Numbers | None = None) -> float:
    """Return the two-sided p of the accuracy of a minus that of b being `bound`; for 0 it is the p of `verdict`.

    correct_a: bool (S_a, N); correct_b: bool (S_b, N), as in `verdict`.
    """
    grouped = Groups.of(groups)
    a, b = _arm("a", correct_a, groups=grouped), _arm("b", correct_b, groups=grouped)
    error = _difference_error(a, b)
    return _p(a, b, error) if bound == 0 else error.tail(abs(a.mean - b.mean - bound))


def difference_error(correct_a: Bools, correct_b: Bools, groups: Numbers | None = None) -> SamplingError:
    """Return the sampling error of the accuracy of a minus that of b, both bool (S, N), as `verdict` has it."""
    grouped = Groups.of(groups)
    return _difference_error(_arm("a", correct_a, groups=grouped), _arm("b", correct_b, groups=grouped))


def accuracy_error(correct: Bools, groups: Numbers | None = None) -> SamplingError:
    """Return the sampling error of the accuracy of bool (S, N), from which `interval` follows for several networks."""
    return _arm("", correct, groups=Groups.of(groups)).error


def verdicts(
    arms: Sequence[tuple[str, Bools]],
    margin: float | None = None,
    alike: Collection[str] | None = None,
    groups: Numbers | None = None,
) -> list[Verdict]:
    """Compare all pairs of arms; each `p` is corrected by Holm's step-down method (1979).

    The p of equality within `margin` are corrected in the same way, among themselves. Each interval is the pair's own,
    uncorrected one. In the order of `arms`: the first against all after it, then the second, and so on. alike: the arms
    whose seeds are known to be one network, for the sentences; without it those whose seeds are all right on the same
    images. An arm of a single seed in `alike` is a model that no seed changes. groups: of the images. Raises ValueError
    as `verdict` does.
    """
    return _verdicts(arms, margin, alike, groups)


@dataclass(frozen=True, eq=False)
class AtLook:
    """Two arms at one of several looks. a, b: name and correctness, bool (seeds, N), of the seeds there are then."""

    a: tuple[str, Bools]
    b: tuple[str, Bools]
    look: Look | None = None


def looked_verdicts(
    pairs: Sequence[AtLook],
    margin: float | None = None,
    alike: Collection[str] | None = None,
    groups: Numbers | None = None,
) -> list[Verdict]:
    """Compare pairs of arms, each at its own look; otherwise as `verdicts`.

    Each p is the one overall (`Look.overall`), then corrected by Holm's method; each interval has the level of its
    look. A pair of two arms in `alike` has no looks: no seed changes it.
    """
    grouped = Groups.of(groups)
    return _judged([_Pair.of(each, alike, grouped) for each in pairs], margin)


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values by Holm's step-down method (1979), in the same order.

    With corrected p below the level, the chance of any false alarm among them is below the level too.
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two arms with the error of their difference, and the look at which they are compared."""

    a: _Arm
    b: _Arm
    error: SamplingError
    look: Look | None = None

    @classmethod
    def of(cls, looked: AtLook, alike: Collection[str] | None, groups: Groups | None) -> "_Pair":
        a, b = _arm(*looked.a, alike, groups), _arm(*looked.b, alike, groups)
        return cls(a, b, _difference_error(a, b), None if a.alike and b.alike else looked.look)

    @property
    def difference(self) -> float:
        return self.a.mean - self.b.mean

    @property
    def level(self) -> float:
        return self.look.level if self.look else LEVEL

    @property
    def p(self) -> float:
        p = _p(self.a, self.b, self.error)
        return self.look.overall(p) if self.look else p

    def equal_p(self, margin: float) -> float:
        """Return the p of equality: both of its tests are one-sided, so that looks have twice the level for them."""
        p = _equal_p(self.difference, self.error, margin)
        return self.look.overall(min(2 * p, 1.0)) / 2 if self.look and p < 0.5 else p

    def compared(self, pairs: int, alone: float) -> Compared:
        look = self.look.name if self.look else ""
        images = len(self.a.per_image)
        groups = self.a.groups.count if self.a.groups else 0
        return Compared(self.error, self.a.sample, self.b.sample, images, pairs, alone, look=look, groups=groups)


def _verdicts(
    arms: Sequence[tuple[str, Bools]],
    margin: float | None,
    alike: Collection[str] | None = None,
    groups: Numbers | None = None,
) -> list[Verdict]:
    grouped = Groups.of(groups)
    ready = combinations([_arm(name, correct, alike, grouped) for name, correct in arms], 2)
    return _judged([_Pair(a, b, _difference_error(a, b)) for a, b in ready], margin)


def _judged(pairs: Sequence[_Pair], margin: float | None) -> list[Verdict]:
    if margin is not None and not 0 < margin < 1:
        raise ValueError(f"a margin of accuracy is between 0 and 1, not {margin}; half a point is 0.005")
    alone = [each.p for each in pairs]
    found = [_verdict(pair, p) for pair, p in zip(pairs, holm(alone), strict=True)]
    if margin is not None:
        equal = holm([each.equal_p(margin) for each in pairs])
        found = [replace(each, margin=margin, equal_p=p) for each, p in zip(found, equal, strict=True)]
    return [
        with_sentence(each, pair.compared(len(pairs), p)) for each, pair, p in zip(found, pairs, alone, strict=True)
    ]


def _verdict(pair: _Pair, p: float) -> Verdict:
    half, difference = pair.error.half_width(pair.level), pair.difference
    low, high = max(difference - half, -1.0), min(difference + half, 1.0)
    return Verdict(pair.a.name, pair.b.name, difference, low, high, p, "")


def _p(a: _Arm, b: _Arm, error: SamplingError) -> float:
    if not (a.single and b.single) or a.groups is not None:
        return error.tail(abs(a.mean - b.mean))
    first, second = a.correct[0], b.correct[0]
    only_a, only_b = int((first & ~second).sum()), int((second & ~first).sum())
    return mid_p(only_a, only_b)


def mid_p(only_a: int, only_b: int) -> float:
    """Return the two-sided mid-p value of McNemar's test.

    Fagerland, Lydersen & Laake, BMC Medical Research Methodology 13:91, 2013.
    only_a, only_b: images that only a, or only b, gets right. The exact p less the probability of what was seen: the
    exact test counts that fully and so raises fewer alarms than it may.
    """
    least, count = min(only_a, only_b), only_a + only_b
    below = _binomial(least - 1, count) if least else 0.0
    at = _binomial(least, count, of_one=True) if count else 1.0
    return min(2 * below + at, 1.0)


def _binomial(successes: int, count: int, *, of_one: bool = False) -> float:
    """Return the probability of at most so many successes, or of just as many (of_one), at one half each.

    By the functions that `scipy.stats.binom` calls: its package takes longer to load than all else that is needed here.
    """
    functions: Any = import_module("scipy.special._ufuncs")
    if hasattr(functions, "_binom_cdf") and hasattr(functions, "_binom_pmf"):
        found = functions._binom_pmf if of_one else functions._binom_cdf
        return float(found(successes, count, 0.5))
    from scipy import stats

    return float((stats.binom.pmf if of_one else stats.binom.cdf)(successes, count, 0.5))


def _equal_p(difference: float, error: SamplingError, margin: float) -> float:
    """Return the larger p of the two one-sided tests that the difference is above -margin and below margin."""
    distance = margin - abs(difference)
    return error.tail(distance) / 2 if distance > 0 else 1.0 - error.tail(-distance) / 2


def wilson(mean: float, score: float) -> tuple[float, float]:
    """Return Wilson's score interval (1927) of a share. score: the squared critical value per effective image."""
    centre = (mean + score / 2) / (1 + score)
    half = sqrt(score * (mean * (1 - mean) + score / 4)) / (1 + score)
    return max(min(centre - half, mean), 0.0), min(max(centre + half, mean), 1.0)
