"""What do the p values of two arms allow to say? The word and the sentence of a verdict."""

from dataclasses import dataclass, replace

from sadari.evaluation.crossed import SamplingError
from sadari.evaluation.power import MOST_SEEDS, Plan, plan_for
from sadari.values import Verdict


@dataclass(frozen=True)
class Compared:
    """The size of a comparison of two arms: error of the difference, seeds of both arms, images, and pairs compared.

    level: a difference is shown where the corrected p is below it.
    """

    error: SamplingError
    seeds_a: int
    seeds_b: int
    images: int
    pairs: int
    level: float


def with_sentence(found: Verdict, compared: Compared) -> Verdict:
    """Return `found` with its word and its sentence.

    The word is "better" or "worse" where a difference is shown, else "equal within M" where equality is shown, else
    "no difference shown". Where both are shown, the sentence adds that the difference is less than the margin.
    """
    equal = found.margin is not None and found.equal_p is not None and found.equal_p < compared.level
    if found.p < compared.level:
        return _difference(found, compared, equal)
    if equal:
        return _equality(found, compared)
    points = _points(found.difference, found.low, found.high)
    numbers = f"{points}; {_p(found.p)}; {_evidence(found, compared)}"
    held_back = compared.pairs > 1 and (found.low > 0 or found.high < 0)
    advice = (
        f"alone it would count, among {compared.pairs} comparisons it does not: more seeds would settle it"
        if held_back
        else _advice(compared)
    )
    sentence = f"{found.a} and {found.b}: no difference shown ({numbers}); {advice}."
    return replace(found, verdict="no difference shown", sentence=sentence)


def _difference(found: Verdict, compared: Compared, small: bool) -> Verdict:
    winner, loser, word = found.a, found.b, "better"
    difference, low, high = found.difference, found.low, found.high
    if difference < 0:
        winner, loser, word = found.b, found.a, "worse"
        difference, low, high = -difference, -high, -low
    numbers = f"{100 * low:z.1f} to {100 * high:z.1f}; {_p(found.p)}; {_evidence(found, compared)}"
    less = f", less than the margin of {_margin(found)}" if small else ""
    sentence = f"{winner} beats {loser} by {100 * difference:z.1f} points ({numbers}){less}."
    return replace(found, verdict=word, sentence=sentence)


def _equality(found: Verdict, compared: Compared) -> Verdict:
    points = _points(found.difference, found.low, found.high)
    numbers = f"{points}; equivalence {_p(found.equal_p or 0.0)}; {_evidence(found, compared)}"
    sentence = f"{found.a} and {found.b} are equal within {_margin(found)} ({numbers})."
    return replace(found, verdict=f"equal within {found.margin:g}", sentence=sentence)


def _margin(found: Verdict) -> str:
    points = f"{100 * (found.margin or 0.0):g}"
    return f"{points} point{'' if points == '1' else 's'}"


def _points(difference: float, low: float, high: float) -> str:
    return f"{100 * difference:z.1f}, {100 * low:z.1f} to {100 * high:z.1f}"


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _evidence(found: Verdict, compared: Compared) -> str:
    images = f"the same {compared.images:,} images"
    if compared.seeds_a == compared.seeds_b:
        return f"{images}, {f'{compared.seeds_a} seeds' if compared.seeds_a > 1 else 'one trained network each'}"
    each = [(found.a, compared.seeds_a), (found.b, compared.seeds_b)]
    return ", ".join([images, *(f"{f'{n} seeds' if n > 1 else 'one trained network'} of {name}" for name, n in each)])


def _advice(compared: Compared) -> str:
    """Say what would show half a point, at the level that Holm's method requires of the first of these pairs."""
    now = Plan(max(compared.seeds_a, compared.seeds_b), compared.images)
    several = min(compared.seeds_a, compared.seeds_b) > 1
    plan = plan_for(compared.error, now, compared.level / compared.pairs, several)
    if plan is None:
        needed = f"more than {MOST_SEEDS} seeds" if several else "more seeds"
        return f"it would take {needed} to show half a point"
    if plan == now:
        return "half a point would have shown"
    wanted = [f"{plan.seeds} seeds"] if plan.seeds != now.seeds else []
    wanted += [f"about {plan.images:,} images"] if plan.images != now.images else []
    return f"{' and '.join(wanted)} would show half a point"
