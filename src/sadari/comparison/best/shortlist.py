"""Which models are worth the time of a search? The most promising ones, as many as it gives time to begin well.

What a model knows after its first steps says little of what it has learnt in the end: on `shapes`, `sprint` is right
about 13 % of the images after one pass, where logistic regression is right about 24 %, and about all of them after
fifty (docs/best.md). So the field is as small as the time is short, down to one model that is trained without rounds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import NamedTuple

from sadari.comparison.best.cost_model import Counts, length_setting
from sadari.comparison.best.halving import SEARCHED, needed, share_out, time_of_round
from sadari.comparison.best.state import Diary
from sadari.comparison.request import Comparison
from sadari.comparison.variants import Arm
from sadari.models.spec import FittedBy

# From the most promising down. Assumed, after what the articles publish of their networks; `sprint` is ahead of
# `sprint-wide` because it takes half as long, and what was learnt from a million photographs helps on photographs.
PRE_TRAINED = ("linear-probe", "fine-tune", "vgg16", "knn")
CONVOLUTIONAL = (
    "sprint", "sprint-wide", "cnn2", "cnn2-lstm", "cnn-lstm", "a4-cnn", "a4-first", "cnn", "a2-cnn", "a1-cnn", "a3-cnn",
)  # fmt: skip
OTHERS = ("lstm3", "lstm", "a4-dnn", "mlp", "softmax", "logistic", "sgd", "dnn")
# Pixels on a side from which images count as photographs (assumed: those of CIFAR and of digits are smaller).
PHOTOGRAPHS_FROM = 48
# A model has begun well when it has seen all training images once, in so many steps at least (assumed).
BEGUN = 50
# The budget is long enough for a model that gets so many times as far at its end (assumed).
ENOUGH = 2


class Field(NamedTuple):
    """Who is tried? first: in the first round, or the only one, which needs none. later: other models for which the
    budget is long enough, where time is left at its end, the most promising first. well: whether they begin well."""

    first: Sequence[str]
    later: Sequence[str]
    well: bool

    def in_words(self, measured: int) -> str:
        """Who is tried of so many `measured` models, as a sentence."""
        names = ", ".join(self.first)
        if not self.well:
            return (
                f"the budget is too short to begin well with any of {measured} models: the fastest are tried, {names}"
            )
        if len(self.first) == 1:
            return f"one model has the budget, the most promising of {measured} that were measured: {names}"
        return f"the budget is long enough to begin well with {len(self.first)} of {measured} measured models: {names}"


def by_promise(names: Iterable[str], shape: tuple[int, int, int]) -> list[str]:
    """The most promising first, on images of `shape` (H, W, C); who has no place in the order comes last."""
    photographs = min(shape[:2]) >= PHOTOGRAPHS_FROM
    order = [*PRE_TRAINED, *CONVOLUTIONAL, *OTHERS] if photographs else [*CONVOLUTIONAL, *PRE_TRAINED, *OTHERS]
    place = {name: number for number, name in enumerate(order)}
    return sorted(names, key=lambda name: place.get(name, len(place)))


def passes_to_begin(request: Comparison, counts: Counts) -> dict[str, int]:
    """How many passes is each arm's good beginning?"""
    return {arm.name: ceil(BEGUN / min(_steps(request, arm, counts), BEGUN)) for arm in request.arms}


def _steps(request: Comparison, arm: Arm, counts: Counts) -> int:
    """How many steps are in a pass? An iteration of a fit of all images is one; else an image, or a batch of them."""
    if length_setting(arm.model) != "epochs":
        return 1
    if arm.model.fitted_by is not FittedBy.GRADIENT:
        return counts.train
    return ceil(counts.train / request.job(arm, request.seeds[0]).settings.batch_size)


def choose_field(request: Comparison, diary: Diary, counts: Counts, shape: tuple[int, int, int]) -> Field:
    """Who is tried, on images of `shape` (H, W, C), at the paces that `diary` has?

    Where the budget is too short for a good beginning of anybody, those for which a round has time at all, if there
    are two: then nobody is promising.
    """
    rounds, begins = replace(counts, test=0), passes_to_begin(request, counts)
    searching = max(SEARCHED * diary.budget - diary.measuring, 0.0)
    left = diary.budget - max(SEARCHED * diary.budget, diary.measuring)
    paces = diary.paces
    promising = [
        name for name in by_promise(paces, shape) if paces[name].seconds(ENOUGH * begins[name], counts) <= left
    ]
    if promising:
        least = {name: paces[name].seconds(begins[name], rounds) for name in promising}
        first = first_field(least, searching)
        return Field(first, [name for name in promising if name not in first], well=True)
    fast = [*share_out(paces, rounds, time_of_round(searching, len(paces)))[0]]
    return Field(fast if len(fast) >= min(2, len(paces)) else [], [], well=False)


def least_budget(request: Comparison, diary: Diary, counts: Counts) -> float:
    """Seconds from which there is a field, at the paces that `diary` has."""
    begins = passes_to_begin(request, counts)
    fastest = min(pace.seconds(ENOUGH * begins[name], counts) for name, pace in diary.paces.items())
    for_one = max(diary.measuring + fastest, fastest / (1 - SEARCHED))
    return min(for_one, needed(diary.paces, replace(counts, test=0), diary.measuring))


def first_field(least: Mapping[str, float], searching: float) -> list[str]:
    """Who is in the first round, where all rounds have `searching` seconds? least: seconds of everybody's good
    beginning, the most promising first. That one, and one after the other all beside whom everybody begins well.
    """
    first: list[str] = []
    for name in least:
        wider = [*first, name]
        share = time_of_round(searching, len(wider)) / len(wider)
        if not first or all(least[each] <= share for each in wider):
            first = wider
    return first
