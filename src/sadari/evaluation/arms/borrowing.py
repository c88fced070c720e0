"""What would the seeds show, if those of all arms vary about equally much? A second line, which decides on nothing.

Three seeds hardly tell how far seeds differ, so that the interval of an arm is wide. Several arms together tell it
better, if their seeds vary about equally much. That is an assumption, and it is said wherever its figures are. "Equally
much" is meant beside what one image adds, sqrt(p (1 - p)): an arm that is right in 60 % varies more than one in 98 %.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sadari.evaluation.arms.seed_variance import Mixture, SeedVariances
from sadari.evaluation.crossed import SamplingError
from sadari.evaluation.power import HALF_POINT
from sadari.evaluation.sentences import LEVEL, amount_text
from sadari.evaluation.statistics import Bools, accuracy_error, difference_error, interval, wilson
from sadari.values import Verdict

ASSUMPTION = "if the seeds of these models vary about equally much for their accuracy"
CHANGE = 0.1  # of the width of an interval: with less, the line would repeat what stands above it (assumed)
MANY = 10  # arms; of more only the pairs of the first one are borrowed for (assumed)
NAMED = 3  # pairs in the sentence (assumed: more cannot be read in one line)


@dataclass(frozen=True)
class BorrowedInterval:
    """The accuracy of an arm with its 95 % interval, narrower or wider than its `own` by what the others' seeds say."""

    arm: str
    mean: float
    low: float
    high: float
    own_low: float
    own_high: float


@dataclass(frozen=True)
class BorrowedPair:
    """Arm `a` minus arm `b` with its 95 % interval. better: the probability that a is the better one.

    by_more, less: the probabilities that it is better by more than `amount`, and that it is worse by more than that.
    """

    a: str
    b: str
    difference: float
    low: float
    high: float
    better: float
    amount: float
    by_more: float
    less: float

    def turned(self) -> "BorrowedPair":
        """Return the same pair as b minus a."""
        low, high = -self.high, -self.low
        return BorrowedPair(
            self.b, self.a, -self.difference, low, high, 1 - self.better, self.amount, self.less, self.by_more
        )


@dataclass(frozen=True)
class Borrowing:
    """The second line. pool: the arms whose seeds vary, which lend and borrow; sd: root of their mean variance.

    arms: those of the pool. pairs: all pairs in which one of them is, arms in their given order; where there are MANY,
    those of the first arm. worth_saying: whether
    an interval changes by a tenth or more.
    """

    pool: tuple[str, ...]
    sd: float
    arms: tuple[BorrowedInterval, ...]
    pairs: tuple[BorrowedPair, ...]
    worth_saying: bool = True

    def about(self, best: str, judged: Sequence[Verdict]) -> str:
        """Say the interval of `best` and the probabilities against the arms that are not shown to be worse.

        judged: the verdicts; where all others are shown to be worse, the first of them is named. "" where no pair of
        `best` borrows, or where nothing changes.
        """
        found = [each if each.a == best else each.turned() for each in self.pairs if best in (each.a, each.b)]
        shown = {frozenset((each.a, each.b)) for each in judged if each.shown}
        open_ = [each for each in found if frozenset((best, each.b)) not in shown] or found[:1]
        if not open_ or not self.worth_saying:
            return ""
        arm = next((each for each in self.arms if each.arm == best), None)
        said = [f"{best} {arm.low:.3f} - {arm.high:.3f}"] if arm else []
        said += [_probabilities(each, first=number == 0) for number, each in enumerate(open_[:NAMED])]
        return f"Borrowing, which decides on nothing: {ASSUMPTION}, {'; '.join(said)}."

    def document(self) -> dict[str, Any]:
        """Return the second line as plain values, for JSON."""
        return {"assumption": ASSUMPTION, **asdict(self)}


def _probabilities(pair: BorrowedPair, first: bool) -> str:
    amount = "half a point" if pair.amount == HALF_POINT else amount_text(pair.amount)
    more = f"by more than {amount}" if first else "by more"
    return f"{probability(f'{pair.a} better than {pair.b}', pair.better)}, {more} {chance_text(pair.by_more)}"


def probability(of: str, chance: float) -> str:
    """Write "P(a better) = 0.97", or "> 0.99" where it is nearly certain."""
    text = chance_text(chance)
    return f"P({of}) {text if text[0] in '<>' else f'= {text}'}"


def chance_text(chance: float) -> str:
    """Write a probability with two digits, never as certain: "0.97", "> 0.99"."""
    if chance > 0.995:
        return "> 0.99"
    return "< 0.01" if chance < 0.005 else f"{chance:.2f}"


def borrow(arms: Sequence[tuple[str, Bools]], margin: float | None = None, every: bool = True) -> Borrowing | None:
    """Return what the arms show if their seeds vary about equally much; None where fewer than two arms vary.

    arms: names with bool (S, N), as in `statistics.verdicts`; those without chance and those of one seed neither lend
    nor borrow. margin: of accuracy, the amount of which the probabilities speak besides; half a point without one.
    every: whether other pairs than those of the first arm are wanted.
    """
    pool = [(name, correct) for name, correct in arms if _varies(correct)]
    if len(pool) < 2:
        return None
    errors = {name: accuracy_error(correct) for name, correct in pool}
    least = (1 / pool[0][1].shape[1]) ** 2 / 12  # accuracies are multiples of 1/N: what agrees is not certain to agree
    seeds = np.array([len(correct) for _, correct in pool], dtype=np.float64)
    variances = np.maximum([each.seeds * each.between for each in (errors[name].spreads[0] for name, _ in pool)], least)
    hierarchy = SeedVariances(variances / np.array([_unevenness(correct) for _, correct in pool]), seeds - 1)
    places = {name: place for place, (name, _) in enumerate(pool)}
    found = tuple(_interval(*each, errors[each[0]], hierarchy, place) for place, each in enumerate(pool))
    firsts = range(len(arms) if every and len(arms) <= MANY else 1)
    pairs = tuple(
        _pair(arms[i], arms[j], hierarchy, places, margin or HALF_POINT)
        for i in firsts
        for j in range(i + 1, len(arms))
        if arms[i][0] in places or arms[j][0] in places
    )
    changed = any(
        abs((each.high - each.low) / (each.own_high - each.own_low) - 1) >= CHANGE
        for each in found
        if each.own_high > each.own_low
    )
    return Borrowing(tuple(places), float(np.sqrt(variances.mean())), found, pairs, changed)


def _varies(correct: Bools) -> bool:
    return len(correct) > 1 and not bool((correct == correct[0]).all())


def _unevenness(correct: Bools) -> float:
    """Return the variance of right and wrong on one image."""
    mean = float(correct.mean())
    return mean * (1 - mean)


def _share(correct: Bools) -> float:
    """Return what one unit of the hierarchy's variances adds to the variance of the arm's mean over its seeds."""
    return _unevenness(correct) / len(correct)


def _interval(
    name: str, correct: Bools, error: SamplingError, hierarchy: SeedVariances, place: int
) -> BorrowedInterval:
    weights, variances = hierarchy.of(place)
    half = Mixture(weights, error.image_variance + _share(correct) * variances).half_width(LEVEL)
    own = interval(correct)
    low, high = wilson(own.mean, half**2 / (own.mean * (1 - own.mean)))
    return BorrowedInterval(name, own.mean, low, high, own.low, own.high)


def _pair(
    a: tuple[str, Bools],
    b: tuple[str, Bools],
    hierarchy: SeedVariances,
    places: dict[str, int],
    amount: float,
) -> BorrowedPair:
    (name_a, correct_a), (name_b, correct_b) = a, b
    error = difference_error(correct_a, correct_b)
    if name_a in places and name_b in places:
        shares = _share(correct_a), _share(correct_b)
        weights, variances = hierarchy.of_two(places[name_a], places[name_b], shares)
    else:
        name, correct = a if name_a in places else b
        weights, variances = hierarchy.of(places[name])
        variances = _share(correct) * variances
    mixture = Mixture(weights, error.image_variance + variances)
    difference, half = float(correct_a.mean() - correct_b.mean()), mixture.half_width(LEVEL)
    chances = [mixture.below(difference - bound) for bound in (0.0, amount, -amount)]
    return BorrowedPair(
        a=name_a,
        b=name_b,
        difference=difference,
        low=max(difference - half, -1.0),
        high=min(difference + half, 1.0),
        better=chances[0],
        amount=amount,
        by_more=chances[1],
        less=1 - chances[2],
    )
