"""Who stays, and who gets how much time? Successive halving, as arithmetic.

Source: Jamieson & Talwalkar 2016 (arXiv:1502.07943): rounds, in each of which every arm that is still in gets an equal
share of the time, and the better part of them goes on. Theirs are of equal length; here the first is the longest.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sadari.comparison.best.cost_model import JUDGED, Counts, Pace

# One of so many goes on. Cited: 3 or 4 is what Li et al. 2018 (Hyperband, arXiv:1603.06560, section 2.6) advise; with 2
# a search among 18 has five rounds instead of three, and the first share, on which most depends, is 0.6 times as long.
ONE_OF = 3
SEARCHED = 0.25  # part of the budget for the rounds; the rest trains the winner (assumed)
# Part of what is left for the rounds that each takes, but for the last one (assumed): in the first round the shares are
# shortest, and who has hardly begun to learn drops out by chance.
OF_THE_REST = 0.5
LEAST_FRACTION = 0.05  # of the training images; what less of them teaches says little about all (assumed)


@dataclass(frozen=True)
class Plan:
    """What does a model do with its share? So many passes over a fraction of the training images."""

    passes: int
    fraction: float = 1.0

    def __str__(self) -> str:
        passes = f"{self.passes:,} {'pass' if self.passes == 1 else 'passes'}"
        return passes if self.fraction == 1 else f"{passes} over {100 * self.fraction:.3g} % of the training images"


def rounds_for(entrants: int) -> int:
    """How many rounds until one of `entrants` is left?"""
    rounds = 0
    while entrants > 1:
        entrants, rounds = stay(entrants), rounds + 1
    return rounds


def time_of_round(left: float, entrants: int) -> float:
    """How long is a round of so many, with `left` seconds for all rounds to come?"""
    return left * OF_THE_REST if rounds_for(entrants) > 1 else left


def stay(entrants: int) -> int:
    """How many of `entrants` go on?"""
    return math.ceil(entrants / ONE_OF)


def least_seconds(pace: Pace, counts: Counts) -> float:
    """What does the shortest training cost that says anything?"""
    return pace.seconds(1, counts.thinned(LEAST_FRACTION))


def plan(pace: Pace, counts: Counts, seconds: float) -> Plan | None:
    """What fits into `seconds`? As many passes as possible, part of one where a whole one is too long, else None."""
    affordable = (seconds - pace.start) / pace.image  # in images learnt from
    passes = math.floor((affordable - counts.of_judging) / counts.of_pass)
    if passes >= 1:
        return Plan(passes)
    beside_train = JUDGED * (2 * counts.val + counts.test)
    fraction = (affordable - beside_train) / ((1 + JUDGED) * counts.train)
    if fraction < LEAST_FRACTION:
        return None
    return Plan(1, math.floor(1000 * fraction) / 1000)


def share_out(paces: Mapping[str, Pace], counts: Counts, seconds: float) -> tuple[dict[str, Plan], float]:
    """What does each model do with an equal share of `seconds`, and how long is that share?

    Models that are too slow for it leave theirs to the others, the slowest first; they have no plan.
    """
    slowest_last = sorted(paces, key=lambda name: least_seconds(paces[name], counts))
    while slowest_last:
        share = seconds / len(slowest_last)
        plans = {name: plan(paces[name], counts, share) for name in paces if name in slowest_last}
        fitting = {name: each for name, each in plans.items() if each is not None}
        if len(fitting) == len(slowest_last):
            return fitting, share
        slowest_last.pop()
    return {}, seconds


def needed(paces: Mapping[str, Pace], counts: Counts, spent: float) -> float:
    """Which budget lets the two fastest models be tried, where `spent` seconds are gone already?"""
    least = sorted(least_seconds(pace, counts) for pace in paces.values())
    first_round = 2 * least[:2][-1]
    return (spent + first_round / time_of_round(1.0, len(paces))) / SEARCHED


def best_first(scores: Mapping[str, tuple[float, float]]) -> Sequence[str]:
    """The names by (accuracy, loss) on the validation images: highest accuracy first, of equal ones the lowest loss."""
    return sorted(scores, key=lambda name: (-scores[name][0], scores[name][1]))
