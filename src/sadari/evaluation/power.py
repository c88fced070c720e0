"""How many seeds, or how many test images, would show a difference of half a point?

The planned comparison has the interval of `crossed`, with the variances that the present one found. It shows a
difference, with the chance `POWER`, that is as large as the half-width and the normal quantile of that chance in
standard errors together (Cohen, Statistical Power Analysis, 1988, ch. 2).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, log10, sqrt

from scipy import special

from sadari.evaluation.crossed import SamplingError, Spread

POWER = 0.8  # Cohen's usual chance to show what is there
HALF_POINT = 0.005
MOST_SEEDS = 50  # what a sentence still advises (assumed: more is not done in practice)
MOST_IMAGES = 1_000_000  # likewise


@dataclass(frozen=True)
class Plan:
    """So many seeds of each arm that varies, on so many test images."""

    seeds: int
    images: int


def plan_for(error: SamplingError, now: Plan, level: float, more_seeds: bool) -> Plan | None:
    """Which comparison would show half a point at `level`, if it were there? None where no advisable one would.

    error: of the difference that `now` found. more_seeds: whether seeds may be advised; not where an arm is a single
    network, of which nobody knows how its seeds differ. More seeds come first, then more images (rounded up to two
    digits), then both. The answer is `now` itself where it would have shown half a point.
    """
    if _shows(error, now, now, level):
        return now
    most_seeds = MOST_SEEDS if more_seeds and error.seed_variances else now.seeds
    seeds = _fewest(now.seeds, most_seeds, lambda count: _shows(error, now, Plan(count, now.images), level))
    if seeds is not None:
        return Plan(seeds, now.images)
    for count in (now.seeds, most_seeds):
        images = _fewest_images(error, now, count, level)
        if images is not None:
            return Plan(count, images)
    return None


def _fewest_images(error: SamplingError, now: Plan, seeds: int, level: float) -> int | None:
    images = _fewest(now.images, MOST_IMAGES, lambda count: _shows(error, now, Plan(seeds, count), level))
    if images is None:
        return None
    digit = int(10 ** max(floor(log10(images)) - 1, 0))
    return ceil(images / digit) * digit


def _fewest(too_few: int, most: int, enough: Callable[[int], bool]) -> int | None:
    """The smallest number above `too_few` that is enough, where all above it are too; None where `most` is not."""
    if most <= too_few or not enough(most):
        return None
    low, high = too_few, most
    while high > low + 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _shows(error: SamplingError, now: Plan, then: Plan, level: float) -> bool:
    planned = _planned(error, now, then)
    return planned.half_width(level) + float(special.ndtri(POWER)) * sqrt(planned.variance) <= HALF_POINT


def _planned(error: SamplingError, now: Plan, then: Plan) -> SamplingError:
    """The error that `then` would have: every component of variance shrinks with what it is drawn over."""
    more_images = then.images / now.images
    spreads = tuple(_planned_spread(each, then.seeds, more_images) for each in error.spreads)
    images_only = max(error.per_image - sum(each.residual for each in error.spreads), 0.0)
    return SamplingError(images_only / more_images + sum(each.residual for each in spreads), spreads)


def _planned_spread(now: Spread, seeds: int, more_images: float) -> Spread:
    if now.seeds == 1:
        return now
    more_seeds = seeds / now.seeds
    residual = now.residual / (more_seeds * more_images)
    return Spread(now.beyond_images / more_seeds + residual, residual, seeds)
