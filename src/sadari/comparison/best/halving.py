"""Which models go on, and how much time does each get? Successive halving, as arithmetic.

Source: Jamieson & Talwalkar 2016 (arXiv:1502.07943): rounds in which every remaining arm gets an equal share of the
time, and the better part of the arms goes on. Their rounds are of equal length; here the first one is the longest.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sadari.comparison.best.cost_model import EVALUATION_COST, CostModel, Counts

# One of so many goes on. Cited: 3 or 4 is what Li et al. 2018 (Hyperband, arXiv:1603.06560, section 2.6) advise; with 2
# a search among 18 has five rounds instead of three, and the first share, on which most depends, is 0.6 times as long.
REDUCTION_FACTOR = 3
SEARCH_SHARE = 0.25  # of the budget, for the rounds; the rest trains the winner (assumed)
# Share of the time left that each round takes, except the last one (assumed): the shares of the first round are the
# shortest, and a model that has hardly begun to learn may be dropped by chance.
ROUND_SHARE = 0.5
LEAST_FRACTION = 0.05  # of the training images; what fewer of them teach says little about all (assumed)


@dataclass(frozen=True)
class TrainingPlan:
    """The training of a model in its share of the time: so many passes over a fraction of the training images."""

    passes: int
    fraction: float = 1.0

    def __str__(self) -> str:
        passes = f"{self.passes:,} {'pass' if self.passes == 1 else 'passes'}"
        return passes if self.fraction == 1 else f"{passes} over {100 * self.fraction:.3g} % of the training images"


def rounds_for(models: int) -> int:
    """Return the number of rounds after which one of `models` is left."""
    rounds = 0
    while models > 1:
        models, rounds = survivors(models), rounds + 1
    return rounds


def time_of_round(left: float, models: int) -> float:
    """Return the seconds of a round of so many models, where all rounds to come have `left` seconds."""
    return left * ROUND_SHARE if rounds_for(models) > 1 else left


def survivors(models: int) -> int:
    """Return how many of `models` go on to the next round."""
    return math.ceil(models / REDUCTION_FACTOR)


def least_seconds(cost: CostModel, counts: Counts) -> float:
    """Return the seconds of the shortest training whose result means anything."""
    return cost.seconds(1, counts.with_train_fraction(LEAST_FRACTION))


def plan_training(cost: CostModel, counts: Counts, seconds: float) -> TrainingPlan | None:
    """Plan as many passes as fit into `seconds`, or part of one where a whole one does not fit; None for less."""
    affordable = (seconds - cost.start) / cost.image  # in images learnt from
    passes = math.floor((affordable - counts.evaluation) / counts.per_pass)
    if passes >= 1:
        return TrainingPlan(passes)
    evaluations = EVALUATION_COST * (2 * counts.val + counts.test)
    fraction = (affordable - evaluations) / ((1 + EVALUATION_COST) * counts.train)
    if fraction < LEAST_FRACTION:
        return None
    return TrainingPlan(1, math.floor(1000 * fraction) / 1000)


def share_out(costs: Mapping[str, CostModel], counts: Counts, seconds: float) -> tuple[dict[str, TrainingPlan], float]:
    """Plan the training of each model in an equal share of `seconds`; returns the plans and that share in seconds.

    Models that are too slow for their share leave it to the others, the slowest first; they have no plan.
    """
    slowest_last = sorted(costs, key=lambda name: least_seconds(costs[name], counts))
    while slowest_last:
        share = seconds / len(slowest_last)
        plans = {name: plan_training(costs[name], counts, share) for name in costs if name in slowest_last}
        fitting = {name: each for name, each in plans.items() if each is not None}
        if len(fitting) == len(slowest_last):
            return fitting, share
        slowest_last.pop()
    return {}, seconds


def best_first(scores: Mapping[str, tuple[float, float]]) -> Sequence[str]:
    """Sort the names by (accuracy, loss) on the validation images: highest accuracy first, then the lowest loss."""
    return sorted(scores, key=lambda name: (-scores[name][0], scores[name][1]))
