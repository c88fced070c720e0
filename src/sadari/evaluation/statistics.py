"""Is one model really better than another, and how sure is an accuracy? Seeds and test images are both drawn.

Model: whether the network of seed s gets image i right is x[s, i] = mean + seed[s] + image[i] + both[s, i], two
crossed random effects (Searle, Casella & McCulloch, Variance Components, 1992, ch. 4). The variance of a mean over
S seeds and N images is then var(seed)/S + var(image)/N + var(both)/(S N). The spread of the N per-image means
estimates the second and third term, the spread of the S per-seed means the first and third; their sum holds the
third twice, so it is taken off once (mean square of the residuals / (S N)), never below what the images show.

One seed says nothing about other seeds: its interval and test speak of that one trained network.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from sadari.values import Interval, Verdict

LEVEL = 0.05  # intervals cover with 1 - LEVEL; a verdict needs p < LEVEL after Holm's correction
POWER = 0.8  # chance to show a real half point with the seeds that a sentence advises (Cohen's usual 80 %)
HALF_POINT = 0.005
MOST_SEEDS = 50  # what a sentence still advises (assumed: more is not done in practice)

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class _Spread:
    """How far do the seeds of one arm lie apart? Variances of the mean over seeds, 0 for one network.

    between: var of the per-seed means / S. residual: the part of `between` that the images show already.
    """

    between: float
    residual: float
    seeds: int

    @property
    def beyond_images(self) -> float:
        return max(self.between - self.residual, 0.0)


def interval(correct: Bools) -> Interval:
    """Which accuracy would other seeds and other test images of the same kind give? Mean and 95 % interval.

    correct: bool (S, N), whether the network of each seed classified each image rightly. Wilson's score interval
    (1927) at the effective number of images, mean (1 - mean) / variance (Korn & Graubard 1998), so that it stays
    inside [0, 1] and is open at 0 and 1. One seed: that one network, on other images. Raises ValueError for no images.
    """
    _require_images(correct)
    networks = _distinct(correct)
    images = correct.shape[1]
    mean = float(correct.mean())
    sd = float(correct.mean(axis=1).std(ddof=1)) if len(correct) > 1 else 0.0
    error = _Error(_image_variance(networks.mean(axis=0)), (_spread(networks),), images)
    effective, critical = float(images), _normal_quantile(LEVEL)
    if len(networks) > 1:
        critical = error.critical(LEVEL)
        if error.variance > 0:
            effective = mean * (1.0 - mean) / error.variance
    low, high = _wilson(mean, effective, critical)
    return Interval(mean, sd, low, high)


def verdict(name_a: str, correct_a: Bools, name_b: str, correct_b: Bools) -> Verdict:
    """Does arm a beat arm b on the same images? The two-sided p, and the 95 % interval of a minus b.

    correct_a: bool (S_a, N); correct_b: bool (S_b, N), the same images in the same order. One network each (one
    seed, or seeds that all say the same): McNemar's exact test (1947). Otherwise a t test of the difference, whose
    variance is the module's, summed over both arms. Raises ValueError for other shapes.
    """
    _require_images(correct_a)
    if correct_b.shape[1] != correct_a.shape[1]:
        raise ValueError(f"{name_a} has {correct_a.shape[1]} images and {name_b} {correct_b.shape[1]}")
    error = _difference_error(_distinct(correct_a), _distinct(correct_b))
    difference = float(correct_a.mean() - correct_b.mean())
    half = error.critical(LEVEL) * sqrt(error.variance)
    p = error.tail(abs(difference))
    if len(_distinct(correct_a)) == len(_distinct(correct_b)) == 1:
        p = _mcnemar(correct_a[0], correct_b[0])
    found = Verdict(
        a=name_a,
        b=name_b,
        difference=difference,
        low=max(difference - half, -1.0),
        high=min(difference + half, 1.0),
        p=p,
        verdict="",
    )
    return _judged(found, correct_a, correct_b)


def verdicts(arms: Sequence[tuple[str, Bools]]) -> list[Verdict]:
    """Which arm beats which, over all pairs? `p` is corrected by Holm's step-down method (1979).

    Each interval is the pair's own, uncorrected one. In the order of `arms`, first against all behind it.
    """
    pairs = [(*first, *second) for first, second in combinations(arms, 2)]
    single = [verdict(*pair) for pair in pairs]
    adjusted = holm([each.p for each in single])
    return [
        _judged(replace(each, p=p), pair[1], pair[3]) for each, p, pair in zip(single, adjusted, pairs, strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Which p keep the chance of any false alarm below the level? Holm's step-down correction, in the same order."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


@dataclass(frozen=True)
class _Error:
    """How far may an estimate be from the truth? From the images, and from the seeds of one or two arms.

    The critical value is t with Satterthwaite's degrees of freedom (1946). Where a single pair of seeds is all
    there is, his approximation covers too little (87 % in simulation where seeds differ much: one lucky pair of
    seeds that agree makes both the variance and the quantile small); then it is Cochran & Cox's (1950) weighted
    mean of the quantiles, which covers 93 % and more.
    """

    image: float
    spreads: tuple[_Spread, ...]
    images: int

    @property
    def variance(self) -> float:
        return self.image + sum(spread.beyond_images for spread in self.spreads)

    @property
    def _varying(self) -> list[_Spread]:
        return [spread for spread in self.spreads if spread.seeds > 1]

    @property
    def _pair_of_seeds(self) -> bool:
        return sum(spread.seeds - 1 for spread in self._varying) == 1

    def critical(self, level: float) -> float:
        """The two-sided critical value, in standard errors."""
        from scipy.stats import t

        if self._pair_of_seeds:
            between = sum(spread.between for spread in self._varying)
            share = between / (self.image + between) if between else 0.0
            wide, narrow = (float(t.ppf(1 - level / 2, freedom)) for freedom in (1, max(self.images - 1, 1)))
            return share * wide + (1 - share) * narrow
        return float(t.ppf(1 - level / 2, self._degrees_of_freedom()))

    def tail(self, distance: float) -> float:
        """The two-sided p of an estimate `distance` from what is supposed."""
        from scipy.optimize import brentq
        from scipy.stats import t

        if distance == 0 or self.variance == 0:
            return 1.0 if distance == 0 else 0.0
        errors = distance / sqrt(self.variance)
        if not self._pair_of_seeds:
            return float(2 * t.sf(errors, self._degrees_of_freedom()))
        least = 1e-12
        if self.critical(least) <= errors:
            return least
        return float(brentq(lambda level: self.critical(level) - errors, least, 1.0))

    def _degrees_of_freedom(self) -> float:
        squares = self.image**2 / max(self.images - 1, 1)
        squares += sum(spread.between**2 / (spread.seeds - 1) for spread in self._varying)
        least = max(min([self.images - 1, *(spread.seeds - 1 for spread in self._varying)]), 1)
        return max(self.variance**2 / squares, least) if squares else float(max(self.images - 1, 1))


def _require_images(correct: Bools) -> None:
    if correct.ndim != 2 or not correct.size:
        raise ValueError(f"needs bool (seeds, images) with at least one of each, not {correct.shape}")


def _distinct(correct: Bools) -> NDArray[np.float64]:
    """One row per network as float: seeds that all say the same (a model without chance) are one network."""
    rows = correct[:1] if (correct == correct[0]).all() else correct
    return rows.astype(np.float64)


def _spread(correct: NDArray[np.float64]) -> _Spread:
    seeds, images = correct.shape
    if seeds == 1:
        return _Spread(0.0, 0.0, 1)
    of_seed, of_image = correct.mean(axis=1, keepdims=True), correct.mean(axis=0, keepdims=True)
    left = correct - of_seed - of_image + correct.mean()
    residual = float((left**2).sum()) / ((seeds - 1) * max(images - 1, 1))
    return _Spread(float(of_seed.var(ddof=1)) / seeds, residual / (seeds * images), seeds)


def _image_variance(values: NDArray[np.float64]) -> float:
    """Variance of the mean of one value per image."""
    return float(values.var(ddof=1)) / len(values) if len(values) > 1 else float(values[0] * (1 - values[0]))


def _difference_error(a: NDArray[np.float64], b: NDArray[np.float64]) -> _Error:
    """The error of mean(a) - mean(b), from one difference per image.

    Half an image that only a gets right and half one that only b gets right are added, and one on which they
    agree (Agresti & Min 2005), so that few images without a contradiction do not look like certainty.
    """
    differences = a.mean(axis=0) - b.mean(axis=0)
    count = len(differences) + 2
    image = (float((differences**2).sum()) + 1.0 - float(differences.sum()) ** 2 / count) / count**2
    return _Error(image, (_spread(a), _spread(b)), len(differences))


def _mcnemar(a: Bools, b: Bools) -> float:
    from scipy.stats import binomtest

    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def _wilson(mean: float, images: float, critical: float) -> tuple[float, float]:
    scale = 1.0 + critical**2 / images
    centre = (mean + critical**2 / (2 * images)) / scale
    half = critical / scale * sqrt(mean * (1 - mean) / images + critical**2 / (4 * images**2))
    return max(min(centre - half, mean), 0.0), min(max(centre + half, mean), 1.0)


def _normal_quantile(level: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf(1 - level / 2))


def _judged(found: Verdict, a: Bools, b: Bools) -> Verdict:
    """`found` with its word and its sentence, from its p."""
    evidence = _evidence(a, b)
    p = "p < 0.001" if found.p < 0.001 else f"p = {found.p:.3f}"
    points = [100 * each for each in (found.difference, found.low, found.high)]
    if found.p >= LEVEL:
        numbers = f"{points[0]:.1f}, {points[1]:.1f} to {points[2]:.1f}; {p}; {evidence}"
        sentence = f"{found.a} and {found.b}: no difference shown ({numbers}){_advice(a, b)}."
        return replace(found, verdict="no difference shown", sentence=sentence)
    winner, loser, word = found.a, found.b, "better"
    if found.difference < 0:
        winner, loser, word = found.b, found.a, "worse"
        points = [-points[0], -points[2], -points[1]]
    numbers = f"{points[1]:.1f} to {points[2]:.1f}; {p}; {evidence}"
    return replace(found, verdict=word, sentence=f"{winner} beats {loser} by {points[0]:.1f} points ({numbers}).")


def _evidence(a: Bools, b: Bools) -> str:
    seeds = sorted({len(a), len(b)})
    if seeds == [1]:
        return f"the same {a.shape[1]:,} images, one trained network each"
    return f"the same {a.shape[1]:,} images, {' and '.join(str(each) for each in seeds)} seeds"


def _advice(a: Bools, b: Bools) -> str:
    """How many seeds would show half a point? Empty where only one seed was run or it would take too many."""
    from scipy.stats import norm, t

    networks = [_distinct(a), _distinct(b)]
    spreads = [_spread(each) for each in networks]
    if len(a) == 1 or len(b) == 1:
        return ""
    image = max(_difference_error(*networks).image - sum(spread.residual for spread in spreads), 0.0)
    of_one_seed = sum(spread.between * spread.seeds for spread in spreads)
    seeds = np.arange(max(len(a), len(b)) + 1, MOST_SEEDS + 1)
    quantiles = t.ppf(1 - LEVEL / 2, seeds - 1) + norm.ppf(POWER)
    enough = seeds[quantiles * np.sqrt(image + of_one_seed / seeds) <= HALF_POINT]
    if len(enough):
        return f"; {enough[0]} seeds would show half a point"
    return "; more test images would have to show half a point" if image > of_one_seed / MOST_SEEDS else ""
