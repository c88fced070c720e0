"""How far may a mean over seeds and images be from the truth, when both are drawn?

Model: whether the network of seed s classifies image i correctly is x[s, i] = mean + seed[s] + image[i] + both[s, i],
two crossed random effects (Searle, Casella & McCulloch, Variance Components, 1992, ch. 4). The variance of a mean over
S seeds and N images is var(seed)/S + var(image)/N + var(both)/(S N). The spread of the S per-seed means estimates the
first and third term (`between`), with S - 1 degrees of freedom only; the spread of the N per-image means the second
and third; the mean square of the residuals / (S N) the third alone (`residual`), which is counted once.

docs/statistics.md derives the half-width and shows its coverage in a simulation.
"""

from dataclasses import dataclass
from functools import cached_property
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.optimize import brentq

# Share of the residual that is counted with the images, although the seeds' variance contains it already. Measured by
# integrating coverage (docs/statistics.md): with 0, seeds that agree by luck would look like certainty; with 0.25,
# 2 seeds cover 98.1 %.
RESIDUAL_SHARE = 0.1
LEAST_P = 1e-15  # smaller p values are not distinguished (assumed)


@dataclass(frozen=True)
class Spread:
    """The variances of one arm's mean over its seeds; 0 for a single network.

    between: variance of the per-seed means / seeds. residual: the share of `between` that is chance on single images.
    """

    between: float
    residual: float
    seeds: int

    @property
    def beyond_images(self) -> float:
        """Return the variance that the mean over seeds would have on infinitely many images."""
        return max(self.between - self.residual, 0.0)


SINGLE = Spread(0.0, 0.0, 1)


def spread(correct: NDArray[np.float64]) -> Spread:
    """Return the spread of `correct`, float (S, N), one row per network."""
    seeds, images = correct.shape
    if seeds == 1:
        return SINGLE
    of_seed, of_image = correct.mean(axis=1, keepdims=True), correct.mean(axis=0, keepdims=True)
    left = correct - of_seed - of_image + correct.mean()
    residual = float((left**2).sum()) / ((seeds - 1) * max(images - 1, 1))
    return Spread(float(of_seed.var(ddof=1)) / seeds, residual / (seeds * images), seeds)


@dataclass(frozen=True)
class SamplingError:
    """The sampling error of an estimate, from the draw of the images and of the seeds of one or two arms.

    per_image: variance of the mean of one value per image, residuals included. spreads: one per arm.

    The half-width joins x = z * error of the images and y = t * error of the seeds as (x^p + y^p)^(1/p). With p = 2 it
    covers at least 1 - level for independent normal terms (Banerjee 1960), and 99 % where t has few degrees of freedom;
    p = 2 + 1 / (seeds - 2) stays near the level. For two seeds p is infinite: the larger of x and y. Arms with equally
    many seeds share one t with Welch's (1947) degrees of freedom; others have one each, joined by the root of the
    squares.
    """

    per_image: float
    spreads: tuple[Spread, ...]

    @property
    def image_variance(self) -> float:
        """Return the variance by the draw of the images, RESIDUAL_SHARE of the residuals included."""
        residual = sum(each.residual for each in self.spreads)
        return max(self.per_image - residual, 0.0) + RESIDUAL_SHARE * residual

    @cached_property
    def seed_variances(self) -> tuple[tuple[float, float], ...]:
        """Return (variance, degrees of freedom) pairs by the draw of the seeds, residuals included."""
        pairs = [(each.between, each.seeds - 1.0) for each in self.spreads if each.seeds > 1]
        if len({freedom for _, freedom in pairs}) > 1:
            return tuple(pairs)
        total = sum(variance for variance, _ in pairs)
        if not total:
            return ()
        return ((total, 1 / sum((variance / total) ** 2 / freedom for variance, freedom in pairs)),)

    @property
    def variance(self) -> float:
        """Return the variance of the estimate, each component counted once."""
        return self.image_variance + sum(variance for variance, _ in self.seed_variances)

    def half_width(self, level: float) -> float:
        """Return half the width of the estimate's 1 - level interval, which is symmetric."""
        images = -float(special.ndtri(level / 2)) * sqrt(self.image_variance)
        squares = [float(special.stdtrit(freedom, level / 2)) ** 2 * each for each, freedom in self.seed_variances]
        seeds = sqrt(sum(squares))
        fewest = min((each.seeds for each in self.spreads if each.seeds > 1), default=2)
        if fewest == 2:
            return max(images, seeds)
        power = 2 + 1 / (fewest - 2)
        return float((images**power + seeds**power) ** (1 / power))

    def tail(self, distance: float) -> float:
        """Return the two-sided p of an estimate `distance` from the hypothesis: the level with that half-width."""
        if distance == 0 or self.variance == 0:
            return 1.0 if distance == 0 else 0.0
        if self.half_width(LEAST_P) <= distance:
            return LEAST_P
        return exp(brentq(lambda power: self.half_width(exp(power)) - distance, log(LEAST_P), 0.0, rtol=1e-12))
