"""How many seeds, or how many test images, would show a difference, such as one of half a point?

The planned comparison has the interval of `crossed`, with the variances that the present comparison found. With
probability `POWER` it shows a difference of (half-width + normal quantile of POWER * standard error) or more (Cohen,
Statistical Power Analysis, 1988, ch. 2).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, log10, sqrt

from scipy import special

from sadari.evaluation.crossed import SamplingError, Spread

POWER = 0.8  # Cohen's usual probability to show a difference that exists (cited)
HALF_POINT = 0.005  # of accuracy (assumed: the least that matters)
MOST_SEEDS = 50  # the most that a sentence advises (assumed: more is not done in practice)
MOST_IMAGES = 1_000_000  # likewise


@dataclass(frozen=True)
class Plan:
    """The size of a comparison: test images, and the seeds that each arm that varies has at least.

    Where images come in groups, `images` counts the groups.
    """

    seeds: int
    images: int


def plan_for(
    error: SamplingError, now: Plan, level: float, more_seeds: bool, effect: float = HALF_POINT
) -> Plan | None:
    """Return the comparison that would show an existing difference of `effect` at `level`; None where none would.

    error: of the difference that `now` found. more_seeds: whether seeds may be advised; False where an arm is a single
    network, because it is unknown how its seeds differ. More seeds are tried first, then more images (rounded up to two
    digits), then both. Returns `now` itself where its power suffices; the interval says whether it showed anything.
    """
    if _shows(error, now, now, level, effect):
        return now
    most_seeds = MOST_SEEDS if more_seeds and error.seed_variances else now.seeds
    seeds = _fewest(now.seeds, most_seeds, lambda count: _shows(error, now, Plan(count, now.images), level, effect))
    if seeds is not None:
        return Plan(seeds, now.images)
    for count in (now.seeds, most_seeds):
        images = _fewest_images(error, now, count, level, effect)
        if images is not None:
            return Plan(count, images)
    return None


def narrowed(error: SamplingError, seeds: int, level: float) -> float:
    """Return the half-width that the interval would have if each arm that varies had at least `seeds` seeds."""
    return _planned(error, Plan(1, 1), Plan(seeds, 1)).half_width(level)


def _fewest_images(error: SamplingError, now: Plan, seeds: int, level: float, effect: float) -> int | None:
    images = _fewest(now.images, MOST_IMAGES, lambda count: _shows(error, now, Plan(seeds, count), level, effect))
    if images is None:
        return None
    digit = int(10 ** max(floor(log10(images)) - 1, 0))
    return ceil(images / digit) * digit


def _fewest(too_few: int, most: int, enough: Callable[[int], bool]) -> int | None:
    """Return the smallest number above `too_few` that is enough, by bisection; None where `most` is not enough."""
    if most <= too_few or not enough(most):
        return None
    low, high = too_few, most
    while high > low + 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _shows(error: SamplingError, now: Plan, then: Plan, level: float, effect: float) -> bool:
    planned = _planned(error, now, then)
    return planned.half_width(level) + float(special.ndtri(POWER)) * sqrt(planned.variance) <= effect


def _planned(error: SamplingError, now: Plan, then: Plan) -> SamplingError:
    """Return the error that `then` would have: each variance shrinks with the number of its draws."""
    more_images = then.images / now.images
    spreads = tuple(_planned_spread(each, then.seeds, more_images) for each in error.spreads)
    images_only = max(error.per_image - sum(each.residual for each in error.spreads), 0.0)
    per_image = images_only / more_images + sum(each.residual for each in spreads)
    return SamplingError(per_image, spreads, error.freedom * more_images)


def _planned_spread(now: Spread, seeds: int, more_images: float) -> Spread:
    if now.seeds == 1:
        return now
    seeds = max(seeds, now.seeds)  # an arm that has more already keeps them
    more_seeds = seeds / now.seeds
    residual = now.residual / (more_seeds * more_images)
    return Spread(now.beyond_images / more_seeds + residual, residual, seeds)
