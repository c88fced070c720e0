"""How far may a mean over seeds and images be from the truth, when both are drawn?

Model: whether the network of seed s classifies image i correctly is x[s, i] = mean + seed[s] + image[i] + both[s, i],
two crossed random effects (Searle, Casella & McCulloch, Variance Components, 1992, ch. 4). The variance of a mean over
S seeds and N images is var(seed)/S + var(image)/N + var(both)/(S N). The spread of the S per-seed means estimates the
first and third term (`between`), with S - 1 degrees of freedom only; the spread of the N per-image means the second
and third; the mean square of the residuals / (S N) the third alone (`residual`), which is counted once.

docs/statistics.md derives the half-width and shows its coverage in a simulation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, inf, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sadari.evaluation.roots import brentq

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

    per_image: variance of the mean of one value per image, residuals included. spreads: one per arm. freedom: degrees
    of freedom of `per_image`; so many that it counts as known, but where the images come in few groups.

    The half-width joins x = z * error of the images and y = t * error of the seeds as (x^p + y^p)^(1/p). With p = 2 it
    covers at least 1 - level for independent normal terms (Banerjee 1960), and 99 % where t has few degrees of freedom;
    p = 2 + 1 / (freedom - 1) stays near the level. With one degree of freedom p is infinite: the larger of x and y.
    Arms with equally many seeds share one t with Welch's (1947) degrees of freedom, and p takes those of one arm;
    others have one t each, joined by the root of the squares, and p takes Welch's: the arm that varies most decides.
    """

    per_image: float
    spreads: tuple[Spread, ...]
    freedom: float = inf

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
        return ((total, _welch(pairs)),) if total else ()

    @cached_property
    def power(self) -> float:
        """Return the exponent p that joins the error of the images and that of the seeds; infinite for one degree."""
        pairs = [(each.between, each.seeds - 1.0) for each in self.spreads if each.seeds > 1]
        fewest = min((freedom for _, freedom in pairs), default=1.0)
        uneven = any(freedom > fewest for _, freedom in pairs) and any(variance for variance, _ in pairs)
        freedom = max(_welch(pairs), fewest) if uneven else fewest
        return 2 + 1 / (freedom - 1) if freedom > 1 else inf

    @property
    def variance(self) -> float:
        """Return the variance of the estimate, each component counted once."""
        return self.image_variance + sum(variance for variance, _ in self.seed_variances)

    def half_width(self, level: float) -> float:
        """Return half the width of the estimate's 1 - level interval, which is symmetric."""
        of_images = special.ndtri(level / 2) if self.freedom == inf else special.stdtrit(self.freedom, level / 2)
        images = -float(of_images) * sqrt(self.image_variance)
        squares = [float(special.stdtrit(freedom, level / 2)) ** 2 * each for each, freedom in self.seed_variances]
        seeds = sqrt(sum(squares))
        largest = max(images, seeds)
        if not largest or self.power == inf:
            return largest
        power = self.power
        return float(largest * ((images / largest) ** power + (seeds / largest) ** power) ** (1 / power))

    def tail(self, distance: float) -> float:
        """Return the two-sided p of an estimate `distance` from the hypothesis: the level with that half-width."""
        if distance == 0 or self.variance == 0:
            return 1.0 if distance == 0 else 0.0
        if self.half_width(LEAST_P) <= distance:
            return LEAST_P
        return exp(brentq(lambda power: self.half_width(exp(power)) - distance, log(LEAST_P), 0.0, rtol=1e-12))


def _welch(pairs: Sequence[tuple[float, float]]) -> float:
    """Return the degrees of freedom of a sum of variances (Welch 1947). pairs: (variance, freedom), not all 0."""
    total = sum(variance for variance, _ in pairs)
    return 1 / sum((variance / total) ** 2 / freedom for variance, freedom in pairs)
