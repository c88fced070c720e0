"""Which arms may be the best, and how good is the one that came out first? Both count that the winner was chosen.

The errors of the arms are taken as normal, and correlated as the images that they share make them (`error_covariance`);
half-widths and p are those of `crossed.SamplingError`, so that seeds and images are counted as everywhere.
docs/statistics.md has the coverage in a simulation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sadari.evaluation.crossed import SamplingError
from sadari.evaluation.selection import error_covariance
from sadari.evaluation.sentences import LEVEL
from sadari.evaluation.statistics import (
    Bools,
    Numbers,
    accuracy_error,
    difference_error,
    difference_p,
    interval,
    wilson,
)
from sadari.values import Verdict

NAMED = 3  # arms that a sentence names before it counts the others
DRAWS = 8_000  # of the errors of all arms; a tail of 5 % is then sure to 0.24 % (its standard error)
# Of the level, the most that the lower end may miss. Chosen by simulation (docs/statistics.md): with all of it, four
# arms whose seeds matter more than images cover 90 to 95 %, with half of it up to 99 %.
BELOW = 0.75
LEAST = 1e-9  # of a half-width, so that it divides
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Winner:
    """The arm with the highest accuracy, and those that may be the best in truth.

    low, high: its accuracy in 95 of 100 comparisons, counting that it was chosen as the highest of `arms`, the best
    first. may_be_best: those that are not excluded; the best one is among them in 95 of 100 comparisons at least.
    """

    arm: str
    mean: float
    low: float
    high: float
    arms: tuple[str, ...]
    may_be_best: tuple[str, ...]

    def contest(self, judged: Sequence[Verdict]) -> str:
        """Say which arms may be the best; "" for fewer than three, and where the verdicts `judged` say it already."""
        beaten = [each for each in judged if self.arm in (each.a, each.b) and each.shown]
        may, others = self.may_be_best, [name for name in self.arms if name not in self.may_be_best]
        if len(self.arms) < 3 or len(beaten) == len(self.arms) - 1:
            return ""
        if not others:
            return f"Any of the {len(self.arms)} may be the best."
        if len(may) == 1:
            return f"Tested all at once, only {may[0]} may be the best."
        shown = {name for each in beaten for name in (each.a, each.b)}
        how = "" if shown.issuperset(others) else "Tested all at once, "  # of which the pairs show less
        return f"{how}{listed(may)} may be the best; {listed(others)} {'is' if len(others) == 1 else 'are'} not."

    def counted(self, best: str) -> str:
        """Say the interval of `best` that counts that it was chosen; "" where another arm was."""
        return f"; counting that, its true accuracy is in {self.low:.3f} - {self.high:.3f}" if best == self.arm else ""


def listed(names: Sequence[str]) -> str:
    """Return "a", "a and b", "a, b and c", "a, b, c and 4 others"."""
    shown = list(names[:NAMED]) if len(names) > NAMED + 1 else list(names)
    if len(shown) < len(names):
        shown.append(f"{len(names) - len(shown)} others")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def find_winner(
    arms: Mapping[str, Bools], judged: Sequence[Verdict] = (), level: float = LEVEL, groups: Numbers | None = None
) -> Winner | None:
    """Return the winner of `arms`, by name, the best first: bool (S, N) each, on the same images. None without any.

    judged: the verdicts of all pairs; an arm that is shown there to be worse than another is not among the best. level:
    one minus the coverage, where looks share the 5 %. groups: of the images, int64 (N,).
    """
    if not arms:
        return None
    names = list(arms)
    race = Race(tuple(arms.values()), level, groups)
    found = race.winner_interval()
    worse = {each.a if each.verdict == "worse" else each.b for each in judged if each.shown}
    best = tuple(name for place, name in enumerate(names) if name not in worse and race.may_be_best(place))
    return Winner(names[0], found[0], found[1], found[2], tuple(names), best or (names[0],))


@dataclass(frozen=True, eq=False)
class Race:
    """Several arms on the same images, the best first; bool (S, N) each.

    level: one minus the coverage. groups: of the images, int64 (N,); None where each is by itself.
    """

    arms: tuple[Bools, ...]
    level: float = LEVEL
    groups: Numbers | None = None

    @cached_property
    def _means(self) -> Floats:
        return np.array([each.mean() for each in self.arms])

    @cached_property
    def _covariance(self) -> Floats:
        return error_covariance(self.arms, self.groups)

    def winner_interval(self) -> tuple[float, float, float]:
        """Return the mean of the first arm, and the ends of the 95 % interval of its true accuracy.

        The upper end is that of its own interval: a chosen arm had luck rather than bad luck. The lower end is further
        away by what choosing costs. For arms that are as far behind the winner as their intervals let them be at least,
        comparisons are drawn, errors and estimated variances, and the lower half-width is stretched so that the chosen
        arm's truth is missed in 5 of 100 at both ends together, in 3.75 at the lower one at most (Fuentes, Casella &
        Wells, Electronic Journal of Statistics 12, 2018, for arms of known variances). Arms that stand apart cost
        next to nothing.
        """
        own = interval(self.arms[0], self.level, self.groups)
        if len(self.arms) < 2 or self.arms[0].shape[1] < 2 or not own.exists:
            return own.mean, own.low, own.high
        factor = self.stretch()
        if factor == 1.0:
            return own.mean, own.low, own.high
        score = _score(own.mean, own.low) * factor**2
        return own.mean, wilson(own.mean, score)[0], own.high

    def stretch(self) -> float:
        """Return by how much the lower half of the winner's interval is longer than its own, 1 at least."""
        errors = _draw(self._covariance)
        behind = np.minimum(self._nearest(), 0.0)
        chosen = (errors + behind).argmax(axis=1)
        draws = np.arange(len(errors))
        each_error = [accuracy_error(each, self.groups) for each in self.arms]
        halves = np.stack([_half_widths(each, place, self.level) for place, each in enumerate(each_error)], axis=1)
        missed = errors[draws, chosen] / halves[draws, chosen]
        above = float((missed < -1).mean())
        below = min(max(self.level - above, self.level / 2), BELOW * self.level)
        return max(float(np.quantile(missed, 1 - below)), 1.0)

    def _nearest(self) -> Floats:
        """Return the upper end of the 95 % interval of each arm's lead over the first."""
        widths = [difference_error(self.arms[0], each, self.groups).half_width(self.level) for each in self.arms[1:]]
        return np.asarray(self._means - self._means[0] + np.array([0.0, *widths]))

    def may_be_best(self, place: int) -> bool:
        """Return whether the arm may be the best: no other is shown to be better, all others tested at once.

        One-sided tests against all others (Hsu, Annals of Statistics 12, 1984; Dunnett, JASA 50, 1955) at half the
        level, so that of two arms one is excluded exactly where the verdict finds a difference.
        """
        others = [each for each in range(len(self.arms)) if each != place]
        if not others:
            return True
        means = self._means
        ahead = [each for each in others if means[each] > means[place]]
        if not ahead:
            return True
        least = min(difference_p(self.arms[each], self.arms[place], 0.0, self.groups) for each in ahead) / 2
        if len(others) == 1 or least >= self.level / 2:
            return least >= self.level / 2
        return self._at_once(place, others, least) >= self.level / 2

    def _at_once(self, place: int, others: Sequence[int], p: float) -> float:
        """Return the chance that one of the others has a one-sided p this small, were all as good as this arm."""
        contrast = np.delete(np.eye(len(self.arms)), place, axis=0)
        contrast[:, place] = -1.0
        covariance = contrast @ self._covariance @ contrast.T
        sizes = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
        largest = (_draw(covariance) / sizes).max(axis=1)
        found = float((largest > -float(special.ndtri(p))).mean())
        return min(max(found, p), len(others) * p)


def _half_widths(error: SamplingError, place: int, level: float = LEVEL) -> Floats:
    """Return half-widths of an arm's 95 % interval, (DRAWS,), over the chance in which its seeds' spread is estimated.

    As `SamplingError.half_width` computes them. place: of the arm, so that each has draws of its own.
    """
    of_images = special.ndtri(level / 2) if error.freedom == inf else special.stdtrit(error.freedom, level / 2)
    images = -float(of_images) * sqrt(error.image_variance)
    if not error.seed_variances:
        return np.full(DRAWS, max(images, LEAST))
    [(variance, freedom)] = error.seed_variances
    chance = np.random.default_rng([1, place]).chisquare(freedom, DRAWS) / freedom
    seeds = -float(special.stdtrit(freedom, level / 2)) * np.sqrt(variance * chance)
    if error.power == inf:
        return np.asarray(np.maximum(seeds, max(images, LEAST)))
    return np.asarray((images**error.power + seeds**error.power) ** (1 / error.power)).clip(LEAST)


def _score(mean: float, low: float) -> float:
    """Return the score for which Wilson's interval begins at `low`."""
    return (mean - low) ** 2 / (low * (1 - low)) if 0 < low < 1 else 0.0


def _draw(covariance: Floats) -> Floats:
    """Return DRAWS errors, (DRAWS, A), each with its mirror image; the same for the same covariance."""
    values, axes = np.linalg.eigh(covariance)
    half = np.random.default_rng(0).standard_normal((DRAWS // 2, len(covariance)))
    errors = half @ (axes * np.sqrt(values.clip(0))).T
    return np.concatenate([errors, -errors])
