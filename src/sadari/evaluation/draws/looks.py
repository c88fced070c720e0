"""How often may a comparison be judged while seeds are added, and how sure is it then? Looks spend the level.

Judging after 3 seeds, then after 5, then after 10, each at 5 %, calls equal models different in more than 5 %. Here the
looks share the 5 %. Of 3, 5 and 10 seeds they have the levels 0.010, 0.015 and 0.040: those of the test, and of the
interval, of each look alone. What these spend after a share of the seeds is the spending function from which the levels
of all other looks follow (Lan & DeMets, Biometrika 70, 1983, 659-663). All of it is computed as if seeds alone were
drawn, where the looks together reach 5.4 %. The images stay the same at all looks, which ties the looks together: with
them it is 4 to 5 % (docs/statistics.md).

`overall` turns the p of a look into the one to compare with 0.05 overall (the repeated p value, Jennison & Turnbull,
JRSS B 51, 1989, 305-361): below 0.05 exactly where the look's p is below its level. The interval with the look's level
is their repeated interval: all looks together cover the truth in 95 %, whatever the reason to stop.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sadari.evaluation.roots import brentq
from sadari.evaluation.sentences import LEVEL

THREE = (0.3, 0.5, 1.0), (0.01, 0.015, 0.04)  # shares of the seeds at three looks, and their levels (chosen, simulated)
NODES = 64  # of the integration at each look: levels are sure to 1e-8 (measured)
LEAST = 1e-9  # below that level overall, p and overall p keep their ratio
STEPS = 128  # of the table from which `overall` reads, sure to a thousandth of p (measured)
FIRST = (3, 5, 10, 20, 40)  # seeds after which there is a look, where there may be clearly more (assumed)
NEXT = 4 / 3  # how many times more seeds the last look has than the one before, at least (assumed)
LEAST_MOST, MOST = 4, 100  # of the seeds that there may be at most

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """One of several planned looks: the seeds of all of them, and which one it is, from 0."""

    seeds: tuple[int, ...]
    number: int

    def overall(self, p: float) -> float:
        """Return the least level overall at which this look rejects a hypothesis with this p."""
        if p <= 0 or self.first_and_last:
            return p
        alphas, found = _table(self.seeds)
        of_look = found[:, self.number]
        if p <= of_look[0]:
            return p * float(alphas[0] / of_look[0])
        if p >= of_look[-1]:
            return 1.0
        return float(np.exp(np.interp(log(p), np.log(of_look), np.log(alphas))))

    @property
    def first_and_last(self) -> bool:
        """Whether it is the only look, which has all of the level."""
        return len(self.seeds) == 1

    @property
    def name(self) -> str:
        """Return "first of 3 looks"."""
        ordinals = "first", "second", "third", "fourth", "fifth", "sixth"
        return f"{ordinals[self.number]} of {len(self.seeds)} looks"

    @property
    def level(self) -> float:
        """Return the level of this look alone, at which the looks together have LEVEL."""
        return LEVEL if self.first_and_last else levels(self.seeds, LEVEL)[self.number]


@dataclass(frozen=True)
class Looks:
    """Planned looks after these numbers of seeds, ascending; a single one is no plan, and changes nothing."""

    seeds: tuple[int, ...]

    @classmethod
    def up_to(cls, most: int) -> "Looks":
        """Return the looks of a comparison with up to `most` seeds: those of FIRST that are clearly fewer, and `most`.

        Raises ValueError where that is outside of LEAST_MOST to MOST.
        """
        if not LEAST_MOST <= most <= MOST:
            raise ValueError(f"seeds are added until all is decided up to {LEAST_MOST} to {MOST} of them, not {most}")
        return cls((*(each for each in FIRST if NEXT * each <= most), most))

    @property
    def levels(self) -> tuple[float, ...]:
        """Return the level of each look."""
        return levels(self.seeds, LEVEL)

    def after(self, seeds: int) -> Look:
        """Return the look after so many seeds; raises ValueError where none is planned then."""
        return Look(self.seeds, self.seeds.index(seeds))


@cache
def levels(seeds: tuple[int, ...], alpha: float) -> tuple[float, ...]:
    """Return the two-sided level of each look, which together have `alpha`, by Lan and DeMets's method.

    seeds: at each look, ascending; at the last one all of alpha is spent.
    """
    found: list[float] = []
    walk, spent, total = _Walk(), 0.0, min(alpha * sum(_spent_by_three()) / LEVEL, 1.0)
    for count in seeds:
        share = count / seeds[-1]
        spend = total * _spending(share)
        found.append(walk.level_for(spend - spent, share))
        walk.look(found[-1], share)
        spent = spend
    return tuple(found)


def _spending(share: float) -> float:
    """Return which share of the level is spent after this share of the seeds: a power of it between two of THREE."""
    at, spent = np.log(THREE[0]), np.log(np.cumsum(_spent_by_three()) / sum(_spent_by_three()))
    if share < THREE[0][0]:
        return exp(spent[0] + (log(share) - at[0]) * (spent[1] - spent[0]) / (at[1] - at[0]))
    return float(np.exp(np.interp(log(share), at, spent)))


@cache
def _spent_by_three() -> tuple[float, ...]:
    walk = _Walk()
    return tuple(walk.look(level, share) for share, level in zip(*THREE, strict=True))


@cache
def _table(seeds: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Return ascending levels overall, float64 (A,), and those of each look for them, float64 (A, looks)."""
    alphas = np.unique(np.append(np.geomspace(LEAST, 1.0, STEPS), LEVEL))
    return alphas, np.array([levels(seeds, float(alpha)) for alpha in alphas])


def chance_of_any(seeds: Sequence[int], at: Sequence[float]) -> float:
    """Return how often equal models are called different by some of these looks, were seeds alone drawn.

    seeds: at each look, ascending. at: the two-sided level of each.
    """
    walk = _Walk()
    return sum(walk.look(level, count / seeds[-1]) for count, level in zip(seeds, at, strict=True))


class _Walk:
    """The sum over seeds as a walk that no look has stopped yet, by numerical integration.

    Armitage, McPherson & Rowe, JRSS A 132, 1969, 235-244. The walk has variance t after the share t of the seeds.
    """

    def __init__(self) -> None:
        self._share = 0.0
        self._at, self._mass = np.zeros(1), np.ones(1)  # places, and the probability of each

    def look(self, level: float, share: float) -> float:
        """Stop all walks that reach the two-sided `level` now, and return how many of all walks these are."""
        bound = -float(special.ndtri(level / 2)) * sqrt(share) if level < 1 else 0.0
        stopped, step = self._beyond(bound, share), sqrt(share - self._share)
        nodes, weights = _legendre()
        places = bound * nodes
        density = np.exp(-(((places[:, None] - self._at) / step) ** 2) / 2) / (step * sqrt(2 * np.pi))
        self._at, self._mass, self._share = places, bound * weights * (density @ self._mass), share
        return stopped

    def level_for(self, probability: float, share: float) -> float:
        """Return the two-sided level at which a look now stops the share `probability` of all walks."""
        left = float(self._mass.sum())
        if probability >= left:
            return 1.0
        low = 40.0 * sqrt(share)
        bound = brentq(lambda each: self._beyond(each, share) - probability, 0.0, low, xtol=1e-13)
        return float(2 * special.ndtr(-bound / sqrt(share)))

    def _beyond(self, bound: float, share: float) -> float:
        step = sqrt(share - self._share)
        outside = special.ndtr((-bound - self._at) / step) + special.ndtr((self._at - bound) / step)
        return float(self._mass @ outside)


@cache
def _legendre() -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return nodes, weights
