"""Which models are worth the time of a search? The most promising ones, as many as the budget lets begin well.

The accuracy after the first steps says little about the accuracy at the end: on `shapes`, `sprint` classifies 13 % of
the images correctly after one pass, where logistic regression classifies 24 %, and nearly all of them after fifty
(docs/best.md). So a shorter budget has a shorter list, down to a single model that is trained without rounds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import NamedTuple

from sadari.comparison.best.candidates import AUGMENTED, are_photographs
from sadari.comparison.best.cost_model import Counts, length_setting
from sadari.comparison.best.halving import SEARCH_SHARE, least_seconds, share_out, time_of_round
from sadari.comparison.best.state import SearchState
from sadari.comparison.request import Comparison
from sadari.comparison.variants import Arm
from sadari.models.spec import FittedBy

# The most promising first. Assumed, after what the articles publish of their networks; `sprint` is ahead of
# `sprint-wide` because it takes half as long, and what was learnt from a million photographs helps on photographs; of
# those, the ones that read each image once are ahead. An augmented arm is behind its model.
PRE_TRAINED = ("linear-probe", "knn", "photo-probe", "photo", "fine-tune", "vgg16")
CONVOLUTIONAL = (
    "sprint", "sprint-wide", "sprint-colour", "cnn2", "cnn2-lstm", "cnn-lstm", "a4-cnn", "a4-first", "cnn", "a2-cnn",
    "a1-cnn", "a3-cnn",
)  # fmt: skip
OTHERS = ("lstm3", "lstm", "a4-dnn", "mlp", "softmax", "logistic", "sgd", "dnn")
# A model has begun well when it has seen all training images once, in at least so many steps (assumed).
STEPS_TO_BEGIN = 50
# A budget is long enough for a model that has time for so many of these beginnings in its final run (assumed).
BEGINNINGS = 2


class Shortlist(NamedTuple):
    """The models to try. first: in the first round; a single one needs no rounds. later: other models for which the
    budget is long enough, to be trained at its end if time is left, the most promising first. begins_well: whether
    those of `first` have time for a good beginning."""

    first: Sequence[str]
    later: Sequence[str]
    begins_well: bool

    def sentence(self, measured: int) -> str:
        """Return a sentence that names the models of the first round, out of so many `measured` ones."""
        names = ", ".join(self.first)
        if not self.begins_well and len(self.first) == 1:
            return (
                f"the budget is too short to begin well with any of {measured} models: {names}, which comes nearest to "
                "that, has what is left"
            )
        if not self.begins_well:
            return (
                f"the budget is too short to begin well with any of {measured} models: the fastest are tried, {names}"
            )
        if len(self.first) == 1:
            return f"one model has the budget, the most promising of {measured} that were measured: {names}"
        return f"the budget is long enough to begin well with {len(self.first)} of {measured} measured models: {names}"


def most_promising_first(names: Iterable[str], shape: tuple[int, int, int]) -> list[str]:
    """Sort `names` for images of `shape` (H, W, C); names without a place in the order come last."""
    first = [*PRE_TRAINED, *CONVOLUTIONAL] if are_photographs(shape) else [*CONVOLUTIONAL, *PRE_TRAINED]
    place = {name: number for number, name in enumerate([*first, *OTHERS])}
    return sorted(
        names, key=lambda name: (place.get(name.removesuffix(AUGMENTED), len(place)), name.endswith(AUGMENTED))
    )


def passes_to_begin(request: Comparison, counts: Counts) -> dict[str, int]:
    """Return the number of passes that make a good beginning, by arm."""
    return {arm.name: ceil(STEPS_TO_BEGIN / min(_steps(request, arm, counts), STEPS_TO_BEGIN)) for arm in request.arms}


def _steps(request: Comparison, arm: Arm, counts: Counts) -> int:
    """Count the steps of a pass: one for an iteration that fits all images, else one for each image, or batch."""
    if length_setting(arm.model) != "epochs":
        return 1
    if arm.model.fitted_by is not FittedBy.GRADIENT:
        return counts.train
    return ceil(counts.train / request.job(arm, request.seeds[0]).settings.batch_size)


def choose_shortlist(request: Comparison, state: SearchState, counts: Counts, shape: tuple[int, int, int]) -> Shortlist:
    """Choose the models to try on images of `shape` (H, W, C), by the costs in `state`.

    Where the budget is too short for a good beginning of any model, those for which a round has time at all, if there
    are two: then no model is promising. Where measuring has left no time for a round, the model alone that comes
    nearest to a good beginning.
    """
    rounds, begins = replace(counts, test=0), passes_to_begin(request, counts)
    searching = max(SEARCH_SHARE * state.budget - state.measuring, 0.0)
    left = state.budget - max(SEARCH_SHARE * state.budget, state.measuring)
    costs = state.costs
    well = {name: costs[name].seconds(BEGINNINGS * begins[name], counts) for name in costs}
    promising = [name for name in most_promising_first(costs, shape) if well[name] <= left]
    if promising:
        least = {name: costs[name].seconds(begins[name], rounds) for name in promising}
        first = first_round(least, searching)
        return Shortlist(first, [name for name in promising if name not in first], begins_well=True)
    fast = [*share_out(costs, rounds, time_of_round(searching, len(costs)))[0]]
    if len(fast) >= min(2, len(costs)):
        return Shortlist(fast, [], begins_well=False)
    possible = [name for name in costs if least_seconds(costs[name], counts) <= state.budget - state.measuring]
    return Shortlist(sorted(possible, key=well.__getitem__)[:1], [], begins_well=False)


def least_budget(request: Comparison, state: SearchState, counts: Counts) -> float:
    """Return the seconds in which the fastest of the models measured in `state` begins well."""
    begins = passes_to_begin(request, counts)
    fastest = min(cost.seconds(BEGINNINGS * begins[name], counts) for name, cost in state.costs.items())
    return max(state.measuring + fastest, fastest / (1 - SEARCH_SHARE))


def first_round(least: Mapping[str, float], searching: float) -> list[str]:
    """Choose the models of the first round, where all rounds have `searching` seconds.

    least: seconds of each model's good beginning, the most promising model first. That one is chosen, and then each
    next one with which all chosen models still begin well.
    """
    first: list[str] = []
    for name in least:
        wider = [*first, name]
        share = time_of_round(searching, len(wider)) / len(wider)
        if not first or all(least[each] <= share for each in wider):
            first = wider
    return first
