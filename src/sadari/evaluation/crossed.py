"""How far may a mean over seeds and images be from the truth, when both are drawn?

Model: whether the network of seed s gets image i right is x[s, i] = mean + seed[s] + image[i] + both[s, i], two
crossed random effects (Searle, Casella & McCulloch, Variance Components, 1992, ch. 4). The variance of a mean over
S seeds and N images is var(seed)/S + var(image)/N + var(both)/(S N). The spread of the S per-seed means estimates the
first and third term (`between`), with S - 1 degrees of freedom only; the spread of the N per-image means the second
and third; the mean square of the residuals / (S N) the third alone (`residual`), which is counted once.

docs/statistics.md derives the half-width and shows what simulation says of it.
"""

from dataclasses import dataclass
from functools import cached_property
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.optimize import brentq

# Share of the residual that stays with the images though the seeds hold it already. Chosen by integrating coverage
# (docs/statistics.md): with 0, seeds that agree by luck would look like certainty; with 0.25, 2 seeds cover 98.1 %.
KEPT = 0.1
LEAST_P = 1e-15  # smaller ones are not told apart


@dataclass(frozen=True)
class Spread:
    """How far do the seeds of one arm lie apart? Variances of the mean over its seeds; 0 for a single network.

    between: variance of the per-seed means / seeds. residual: the part of it that is chance on single images.
    """

    between: float
    residual: float
    seeds: int

    @property
    def beyond_images(self) -> float:
        """Variance of the mean that the seeds would have on endlessly many images."""
        return max(self.between - self.residual, 0.0)


SINGLE = Spread(0.0, 0.0, 1)


def spread(correct: NDArray[np.float64]) -> Spread:
    """The spread of float (S, N), one row per network."""
    seeds, images = correct.shape
    if seeds == 1:
        return SINGLE
    of_seed, of_image = correct.mean(axis=1, keepdims=True), correct.mean(axis=0, keepdims=True)
    left = correct - of_seed - of_image + correct.mean()
    residual = float((left**2).sum()) / ((seeds - 1) * max(images - 1, 1))
    return Spread(float(of_seed.var(ddof=1)) / seeds, residual / (seeds * images), seeds)


@dataclass(frozen=True)
class SamplingError:
    """How far may an estimate be from the truth? From the images, and from the seeds of one or two arms.

    per_image: variance of the mean of one value per image, residuals included. spreads: one per arm.

    The half-width joins z x error of the images and t x error of the seeds as (x^p + y^p)^(1/p). With p = 2 it covers
    at least 1 - level of independent normal parts (Banerjee 1960), and 99 % where t has few degrees of freedom;
    p = 2 + 1 / (seeds - 2) keeps it near the level, and is the larger of the two for two seeds. Arms with equally many
    seeds share one t with Welch's (1947) degrees of freedom; others have one each, joined by the root of the squares.
    """

    per_image: float
    spreads: tuple[Spread, ...]

    @property
    def image_variance(self) -> float:
        """Variance by the draw of the images, with the kept share of the residuals."""
        residual = sum(each.residual for each in self.spreads)
        return max(self.per_image - residual, 0.0) + KEPT * residual

    @cached_property
    def seed_variances(self) -> tuple[tuple[float, float], ...]:
        """(variance, degrees of freedom) by the draw of the seeds, residuals included."""
        parts = [(each.between, each.seeds - 1.0) for each in self.spreads if each.seeds > 1]
        if len({freedom for _, freedom in parts}) > 1:
            return tuple(parts)
        total = sum(variance for variance, _ in parts)
        if not total:
            return ()
        return ((total, 1 / sum((variance / total) ** 2 / freedom for variance, freedom in parts)),)

    @property
    def variance(self) -> float:
        """Variance of the estimate, each part counted once."""
        return self.image_variance + sum(variance for variance, _ in self.seed_variances)

    def half_width(self, level: float) -> float:
        """The estimate's 1 - level interval reaches that far to both sides."""
        images = -float(special.ndtri(level / 2)) * sqrt(self.image_variance)
        parts = [float(special.stdtrit(freedom, level / 2)) ** 2 * part for part, freedom in self.seed_variances]
        seeds = sqrt(sum(parts))
        fewest = min((each.seeds for each in self.spreads if each.seeds > 1), default=2)
        if fewest == 2:
            return max(images, seeds)
        power = 2 + 1 / (fewest - 2)
        return float((images**power + seeds**power) ** (1 / power))

    def tail(self, distance: float) -> float:
        """The two-sided p of an estimate `distance` from what is supposed: the level whose half-width it is."""
        if distance == 0 or self.variance == 0:
            return 1.0 if distance == 0 else 0.0
        if self.half_width(LEAST_P) <= distance:
            return LEAST_P
        return exp(brentq(lambda power: self.half_width(exp(power)) - distance, log(LEAST_P), 0.0, rtol=1e-12))
