"""How much do the seeds of an arm vary, if those of the others may say something about it? A Bayesian hierarchy.

The spread of a few seeds hardly tells their variance. Where several arms were trained, their variances together say
more: each is taken as drawn from one distribution, whose centre and width are themselves unknown (the moderated
variances of Smyth, Statistical Applications in Genetics and Molecular Biology 3:3, 2004). Smyth's own estimates of
centre and width cover 91 to 94 % for two to four arms (docs/statistics.md): too few to estimate a width. So both are
integrated over here (Gelman, Bayesian Analysis 1, 2006, 515-534).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sadari.evaluation.roots import brentq

Floats = NDArray[np.float64]
# Of the natural logarithm of a variance over the pooled one (assumed: e^10 is a factor of 22,000).
GRID = np.linspace(-10.0, 10.0, 61)
# Scale of the half-normal prior of the standard deviation of log variances over arms. Chosen by simulation of scales
# 0.5, 1 and 2 (docs/statistics.md): variances of two arms then differ by a factor of 2 to 3 as a rule.
WIDTH = 1.0
WIDTHS = np.maximum(WIDTH * special.ndtri((1 + (np.arange(8) + 0.5) / 8) / 2), 0.2)  # equally likely; as fine as GRID
BINS = 400  # of the logarithm of a sum of two variances, a twentieth wide


@cache
def _kernel() -> Floats:
    """Return the chance of each log variance, (widths * centres, GRID), for every centre and width of the arms."""
    distance = (GRID[:, None] - GRID[None]) / WIDTHS[:, None, None]
    chance = np.exp(-(distance**2) / 2)
    return np.asarray((chance / chance.sum(axis=2, keepdims=True)).reshape(-1, len(GRID)))


@dataclass(frozen=True, eq=False)
class Mixture:
    """An error that is normal with one of several variances. weights: their chances, which sum to 1; variances > 0."""

    weights: Floats
    variances: Floats

    def below(self, value: float) -> float:
        """Return the chance of an error below `value`."""
        return float((self.weights * special.ndtr(value / np.sqrt(self.variances))).sum())

    def half_width(self, level: float) -> float:
        """Return the half-width of the symmetric interval that holds an error with the chance 1 - level."""
        if len(self.weights) == 1:
            return -float(special.ndtri(level / 2)) * sqrt(float(self.variances[0]))
        top = sqrt(float(self.variances.max())) * 10
        return float(brentq(lambda half: 2 * self.below(-half) - level, 0.0, top, xtol=1e-9))


@dataclass(frozen=True, eq=False)
class SeedVariances:
    """What the seeds of all arms together say of the variance of each. Flat prior for the common centre.

    variances: float (A,), each that of the accuracies of an arm's networks, above 0. freedom: seeds - 1 of each.
    """

    variances: Floats
    freedom: Floats

    @cached_property
    def pooled(self) -> float:
        """Return the mean variance, each counted by its degrees of freedom."""
        return float((self.freedom * self.variances).sum() / self.freedom.sum())

    @cached_property
    def _likelihood(self) -> Floats:
        """Return the likelihood of each log variance, (A, GRID), its largest being 1."""
        left = np.log(self.variances / self.pooled)[:, None] - GRID[None]
        found = self.freedom[:, None] / 2 * (left - np.exp(left))
        return np.asarray(np.exp(found - found.max(axis=1, keepdims=True)))

    @cached_property
    def _evidence(self) -> Floats:
        """Return the logarithm of the evidence of each arm for each centre and width, (A, widths * centres)."""
        return np.asarray(np.log(np.maximum(self._likelihood @ _kernel().T, 1e-300)))

    def _without(self, arms: Sequence[int]) -> Floats:
        """Return the chance of each centre and width, as the arms beside these have it; not scaled."""
        of_others = self._evidence.sum(axis=0) - self._evidence[list(arms)].sum(axis=0)
        return np.asarray(np.exp(of_others - of_others.max()))

    def of(self, arm: int) -> tuple[Floats, Floats]:
        """Return (weights, variances), (GRID,) each, of the variance of one arm."""
        weights = self._likelihood[arm] * (self._without([arm]) @ _kernel())
        return weights / weights.sum(), self.pooled * np.exp(GRID)

    def of_two(self, first: int, second: int, shares: tuple[float, float]) -> tuple[Floats, Floats]:
        """Return (weights, variances), at most BINS of each, of the sum of two arms' variances, by their shares."""
        kernel = _kernel()
        common = (self._without([first, second])[:, None] * kernel).T @ kernel
        weights = self._likelihood[first][:, None] * common * self._likelihood[second][None]
        each = self.pooled * np.exp(GRID)
        total = each[:, None] * shares[0] + each[None] * shares[1]
        place = np.log(total).ravel()
        place = ((place - place.min()) / (place.max() - place.min()) * (BINS - 1)).astype(np.int64)
        in_bin = np.bincount(place, weights.ravel(), BINS)
        variance = np.bincount(place, (weights * total).ravel(), BINS)
        likely = in_bin > 1e-9 * in_bin.max()
        return in_bin[likely] / in_bin.sum(), variance[likely] / in_bin[likely]
