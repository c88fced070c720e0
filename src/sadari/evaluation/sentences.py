"""What do the p values of two arms allow to say? The word and the sentence of a verdict."""

from dataclasses import dataclass, replace

from sadari.evaluation.crossed import SamplingError
from sadari.evaluation.draws.groups import FEW
from sadari.evaluation.power import HALF_POINT, MOST_SEEDS, Plan, narrowed, plan_for
from sadari.values import Verdict

LEVEL = 0.05  # intervals cover with 1 - LEVEL; a verdict needs a corrected p below it (assumed: the usual one)
# What a verdict speaks of: models on other seeds and images; networks on other images; models trained on other images.
THIS_SET, THESE_NETWORKS = "these models, this training set", "these networks"
SUCH_SETS = "models trained on such sets"
EVERY = 0.99  # an interval from minus this to this holds nearly every difference (assumed)


@dataclass(frozen=True)
class Sample:
    """How many seeds an arm has. alike: several that are one network, as those of a model without chance.

    A single one that is alike is that of a model of which it is known that no seed changes it.
    """

    name: str
    seeds: int
    alike: bool = False

    @property
    def networks(self) -> int:
        """Return the number of different networks, as far as the comparison counts them."""
        return 1 if self.alike else self.seeds


@dataclass(frozen=True)
class Compared:
    """The size of a comparison of two arms: error of the difference, the seeds of both, images, and pairs compared.

    alone: p of this pair before the correction for `pairs`. level: a difference is shown where the corrected p is
    below it. basis: on what the comparison rests, in place of images and seeds. more: more of what would tell, where
    none of that can be planned. look: which of several looks this is, as "first of 3 looks"; "" for a single one.
    groups: of images that belong together; 0 where each image is by itself.
    """

    error: SamplingError
    a: Sample
    b: Sample
    images: int
    pairs: int
    alone: float
    level: float = LEVEL
    basis: str = ""
    more: str = ""
    look: str = ""
    groups: int = 0

    @property
    def drawn(self) -> int:
        """Return how many things are drawn from the world, groups or images."""
        return self.groups or self.images

    @property
    def estimand(self) -> str:
        """Return what the verdict speaks of: of what is drawn here, and of what stays as it is."""
        if self.basis:
            return SUCH_SETS
        single = any(each.seeds == 1 and not each.alike for each in (self.a, self.b))
        return THESE_NETWORKS if single else THIS_SET


def p_text(p: float) -> str:
    """Write p with three digits, or with as many as show on which side of LEVEL it is."""
    if p < 0.001:
        return "p < 0.001"
    digits = next((each for each in range(3, 17) if (float(f"{p:.{each}f}") < LEVEL) == (p < LEVEL)), 17)
    return f"p = {p:.{digits}f}"


def with_sentence(found: Verdict, compared: Compared) -> Verdict:
    """Return `found` with its word and its sentence.

    The word is "better" or "worse" where a difference is shown, else "equal within M" where equality is shown, else
    "no difference shown". Where both are shown, the sentence adds that the difference is less than the margin.
    """
    equal = found.margin is not None and found.equal_p is not None and found.equal_p < compared.level
    found = replace(found, estimand=compared.estimand)
    if found.p < compared.level:
        return _difference(found, compared, equal)
    if equal:
        return _equality(found, compared)
    points = _points(found.difference, found.low, found.high)
    numbers = f"{points}; {p_text(found.p)}; {_evidence(compared)}"
    advice = _held_back(found, compared) if compared.alone < compared.level else _advice(found, compared)
    sentence = f"{found.a} and {found.b}: no difference shown ({numbers}); {advice}."
    return replace(found, verdict="no difference shown", sentence=sentence)


def _difference(found: Verdict, compared: Compared, small: bool) -> Verdict:
    winner, loser, word = found.a, found.b, "better"
    difference, low, high = found.difference, found.low, found.high
    if difference < 0:
        winner, loser, word = found.b, found.a, "worse"
        difference, low, high = -difference, -high, -low
    numbers = f"{100 * low:z.1f} to {100 * high:z.1f}; {p_text(found.p)}; {_evidence(compared)}"
    less = f", less than the margin of {amount_text(found.margin or 0.0)}" if small else ""
    sentence = f"{winner} beats {loser} by {100 * difference:z.1f} points ({numbers}){less}."
    return replace(found, verdict=word, sentence=sentence)


def _equality(found: Verdict, compared: Compared) -> Verdict:
    points = _points(found.difference, found.low, found.high)
    numbers = f"{points}; equivalence {p_text(found.equal_p or 0.0)}; {_evidence(compared)}"
    sentence = f"{found.a} and {found.b} are equal within {amount_text(found.margin or 0.0)} ({numbers})."
    return replace(found, verdict=f"equal within {found.margin:g}", sentence=sentence)


def amount_text(share: float) -> str:
    """Write a difference of accuracies in points."""
    points = f"{100 * share:g}"
    return f"{points} point{'' if points == '1' else 's'}"


def _points(difference: float, low: float, high: float) -> str:
    if low <= -EVERY and high >= EVERY:
        return f"{100 * difference:z.1f}, and any other difference is possible"
    return f"{100 * difference:z.1f}, {100 * low:z.1f} to {100 * high:z.1f}"


def _evidence(compared: Compared) -> str:
    """Return on what the comparison rests and, unless that says it already, what it speaks of."""
    if compared.basis:
        return f"{compared.basis}; {compared.estimand}"
    drawn = f"{_drawn(compared)}, {compared.look}" if compared.look else _drawn(compared)
    return drawn if compared.estimand == THESE_NETWORKS else f"{drawn}; {compared.estimand}"


def _drawn(compared: Compared) -> str:
    images, a, b = f"the same {_judges(compared)}", compared.a, compared.b
    if (a.seeds, a.alike) != (b.seeds, b.alike):
        only = ", so of that network only" if any(each.seeds == 1 and not each.alike for each in (a, b)) else ""
        return f"{images}, {_seeds(a)}, {_seeds(b)}{only}"
    if a.seeds == 1:
        known = "which no seed changes" if a.alike else "so of these networks only"
        return f"{images}, one trained network each, {known}"
    return f"{images}, {a.seeds} seeds{' that answer alike' if a.alike else ''}"


def _judges(compared: Compared) -> str:
    if not compared.groups:
        return f"{compared.images:,} images"
    few = ", which are few" if compared.groups < FEW else ""
    return f"{compared.images:,} images in {compared.groups:,} group{'' if compared.groups == 1 else 's'}{few}"


def _seeds(sample: Sample) -> str:
    if sample.seeds == 1:
        return f"one trained network of {sample.name}{', which no seed changes' if sample.alike else ''}"
    return f"{sample.seeds} seeds{' that answer alike' if sample.alike else ''} of {sample.name}"


def _held_back(found: Verdict, compared: Compared) -> str:
    """Say that only the correction holds the difference back, and what would show one as large as this."""
    said = f"alone it would count, among {compared.pairs} comparisons it does not"
    if compared.more:
        return f"{said}; {compared.more} would tell"
    plan, now = _plan(compared, abs(found.difference))
    if plan is None or plan == now:
        return f"{said}; {_more(compared)} would tell"
    return f"{said}; {_wanted(plan, now, compared)} would show a difference as large as this"


def _advice(found: Verdict, compared: Compared) -> str:
    """Say what the interval excludes, or what would show a difference of the margin, half a point without one.

    Planned at the level that Holm's method requires of the first of these pairs.
    """
    effect = found.margin or HALF_POINT
    amount = "half a point" if effect == HALF_POINT else amount_text(effect)
    if -effect < found.low and found.high < effect:
        if found.margin and compared.pairs > 1:
            return f"alone they would be equal within {amount}, among {compared.pairs} comparisons that is not shown"
        return f"a difference of {amount} is ruled out"
    if compared.more:
        return f"a difference of {amount} is not ruled out; {compared.more} would tell"
    if compared.groups == 1:  # whatever the seeds
        return "one group of images says nothing of others; more groups would tell"
    plan, now = _plan(compared, effect)
    if now.seeds == 2 and _varies(compared):
        return _third_seed(found, compared)
    if plan is None:
        needed = f"more than {MOST_SEEDS} seeds" if _varies(compared) else _more(compared)
        return f"it would take {needed} to show {amount}"
    if plan == now:
        return f"a difference of {amount} is not ruled out; {_more(compared)} would tell"
    return f"{_wanted(plan, now, compared)} would show {amount}"


def _third_seed(found: Verdict, compared: Compared) -> str:
    """Say how far a third seed would narrow the interval, and how many would show the margin, or what was seen.

    Two seeds hardly tell how far seeds differ. A plan for half a point would mostly repeat their luck.
    """
    half = narrowed(compared.error, 3, LEVEL)
    to = f"about {100 * half:.1f} points either way"
    said = f"two seeds hardly show how seeds differ: a third would narrow this to {to}"
    effect = found.margin or abs(found.difference)
    plan, now = _plan(compared, effect)
    if plan is None or plan.images != now.images or plan.seeds <= 3:
        return said
    return f"{said}, and about {plan.seeds} would show {'the margin' if found.margin else 'a difference as seen'}"


def _plan(compared: Compared, effect: float) -> tuple[Plan | None, Plan]:
    """Return the plan that would show `effect`, and the present one, whose seeds are those of the arm with fewest."""
    varying = [each.seeds for each in (compared.a, compared.b) if each.networks > 1]
    now = Plan(min(varying, default=1), compared.drawn)
    return plan_for(compared.error, now, compared.level / compared.pairs, _varies(compared), effect), now


def _varies(compared: Compared) -> bool:
    """Return whether more seeds may be advised: not where no seed changes anything, or one arm has a single seed."""
    samples = compared.a, compared.b
    return all(each.seeds > 1 or each.alike for each in samples) and max(each.networks for each in samples) > 1


def _more(compared: Compared) -> str:
    images = "groups of images" if compared.groups else "images"
    if all(each.alike for each in (compared.a, compared.b)):
        return f"more {images}"
    return f"more seeds or {images}"


def _wanted(plan: Plan, now: Plan, compared: Compared) -> str:
    images = "groups of images" if compared.groups else "images"
    wanted = [f"{plan.seeds} seeds"] if plan.seeds != now.seeds else []
    wanted += [f"about {plan.images:,} {images}"] if plan.images != now.images else []
    return " and ".join(wanted)
