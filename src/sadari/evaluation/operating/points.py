"""At which threshold does a class have a wanted precision, recall or specificity, and what is it on other images?

The threshold is chosen on validation images and carried to the images that judge. The plain choice takes the share
that was seen on validation, so that new images are as likely below as above it; a sure one takes its lower confidence
bound (Clopper & Pearson, Biometrika 26, 1934). For recall and specificity that is exact: a threshold is an order
statistic of the images of one side, and the share of new images beyond it is beta-distributed (Wilks, Annals of
Mathematical Statistics 12, 1941). For precision many thresholds are looked at, and it is not: docs/statistics.md shows
how often each is reached. Where the validation images come in groups, the bound is that of a mean over groups.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sadari.errors import UsageError
from sadari.evaluation import statistics
from sadari.evaluation.operating.curves import ClassCurve, curve_of
from sadari.values import Interval, Predictions

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Bools = NDArray[np.bool_]
FIGURES = ("precision", "recall", "specificity")
ALSO_CALLED = {"sensitivity": "recall"}
SURE = 0.95  # the certainty of a sure choice, as that of every interval
SHOWN = 10  # classes in a sentence
MOST_TRIED = 200  # thresholds whose bound by groups is computed (assumed: as finely as anybody chooses)
_WANTED = re.compile(r"(?:(?P<name>.+):)?\s*(?P<figure>[^:>=\s]+)\s*>=\s*(?P<value>[^\s=<>]+)\s*", re.DOTALL)
HOW = "write CLASS:precision>=0.95, or recall (sensitivity) or specificity; without CLASS: for each class"


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a class against the rest: at least `value`, in (0, 1], of `figure`, one of FIGURES.

    of: the class; "" for each. Raises UsageError for anything else.
    """

    figure: str
    value: float
    of: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "figure", ALSO_CALLED.get(self.figure, self.figure))
        if self.figure not in FIGURES:
            raise UsageError(f"'{self.figure}' is no figure that can be wanted of a class; {HOW}")
        if not 0 < self.value <= 1:
            raise UsageError(f"a wanted {self.figure} is above 0 and at most 1, not {self.value:g}")

    @classmethod
    def parse(cls, text: str) -> "Wanted":
        """Return what `text` wants, such as "bees:precision>=0.95"; raises UsageError where it says nothing."""
        found = _WANTED.fullmatch(text.strip())
        if found is None:
            raise UsageError(f"'{text}' is no operating point; {HOW}")
        try:
            value = float(found["value"])
        except ValueError:
            raise UsageError(f"'{found['value']}' in '{text}' is no number; {HOW}") from None
        return cls(found["figure"], value, (found["name"] or "").strip())

    def __str__(self) -> str:
        return f"{self.figure}>={self.value:g}"


@dataclass(frozen=True)
class Rate:
    """A share of images: `right` of `of`, with its 95 % interval; None where there is none.

    among: int64 (of,), the positions of these images; rows: bool (of,), which of them are right.
    """

    right: int
    of: int
    interval: Interval | None = None
    among: Numbers = field(default_factory=lambda: np.zeros(0, dtype=np.int64), repr=False, compare=False)
    rows: Bools = field(default_factory=lambda: np.zeros(0, dtype=np.bool_), repr=False, compare=False)

    @property
    def value(self) -> float | None:
        """Return the share, in [0, 1]; None of no images."""
        return self.right / self.of if self.of else None


@dataclass(frozen=True)
class AtThreshold:
    """What a class against the rest is at one threshold: hits and misses are images of it, alarms are others."""

    precision: Rate
    recall: Rate
    specificity: Rate

    def rate(self, figure: str) -> Rate:
        """Return one of FIGURES."""
        return {"precision": self.precision, "recall": self.recall, "specificity": self.specificity}[figure]


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold that was chosen on validation images, and what it gives there and on the images that judge.

    sure: whether by a lower confidence bound. reason: why there is none, where it is out of reach; then threshold, val
    and test are None.
    """

    name: str
    wanted: Wanted
    sure: bool
    threshold: float | None = None
    val: AtThreshold | None = None
    test: AtThreshold | None = None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Judges:
    """The images of one split, as a network sees them. groups: int64 (N,), where they come in groups."""

    predictions: Predictions
    groups: Numbers | None = None


def operating_points(
    wanted: Sequence[Wanted], val: Judges, test: Judges, sure: bool = False
) -> tuple[OperatingPoint, ...]:
    """Return a point for each of `wanted`, chosen on `val` and judged on `test`; one per class where none is named.

    Raises UsageError for a class that there is not, and where what is wanted of a named class, or of every one, is out
    of reach: the best that can be reached is said.
    """
    points = []
    classes = val.predictions.classes
    for each in wanted:
        if each.of and each.of not in classes:
            known = ", ".join(classes[:SHOWN]) + (", ..." if len(classes) > SHOWN else "")
            raise UsageError(f"there is no class '{each.of}', of which {each} is wanted; the classes are {known}")
        found = [_point(each, name, val, test, sure) for name in ([each.of] if each.of else classes)]
        if all(point.reason for point in found):
            more = f"; nor is it reached by any other of the {len(found)} classes" if len(found) > 1 else ""
            raise UsageError(f"{found[0].reason}{more}")
        points += found
    return tuple(points)


def _point(wanted: Wanted, name: str, val: Judges, test: Judges, sure: bool) -> OperatingPoint:
    curve = curve_of(val.predictions, name)
    if sure and val.groups is not None:
        curve = curve.thinned(MOST_TRIED)
    shares = shares_of(curve, wanted.figure, val if sure else None)
    place = choose(wanted, shares)
    if place is None:
        return OperatingPoint(name, wanted, sure, reason=_out_of_reach(curve, wanted, shares, sure))
    threshold = float(curve.thresholds[place])
    seen, carried = at_threshold(val.predictions, name, threshold), at_threshold(test.predictions, name, threshold)
    return OperatingPoint(name, wanted, sure, threshold, seen, with_intervals(carried, test.groups))


def shares_of(curve: ClassCurve, figure: str, sure_of: Judges | None = None) -> Floats:
    """Return one of FIGURES at each threshold of `curve`, (T,); -1 where there is none.

    sure_of: the images of the curve, for the lower confidence bounds instead.
    """
    right, of = _counts(curve, figure)
    there = (of > 0) & np.isfinite(curve.thresholds)
    if sure_of is None:
        shares = right / np.maximum(of, 1)
    elif sure_of.groups is None:
        shares = lower_bound(right, of)
    else:
        at = [at_threshold(sure_of.predictions, curve.name, each).rate(figure) for each in curve.thresholds]
        shares = np.array([_grouped_bound(each, sure_of.groups) for each in at])
    return np.where(there, shares, -1.0)


def choose(wanted: Wanted, shares: Floats) -> int | None:
    """Return the position on a curve that has what is `wanted` and is best otherwise; None where it is out of reach.

    For recall that is the highest threshold, for precision and specificity the lowest. shares: as of `shares_of`.
    """
    enough = np.flatnonzero(shares >= wanted.value)
    if not len(enough):
        return None
    return int(enough[0] if wanted.figure == "recall" else enough[-1])


def lower_bound(right: Numbers, of: Numbers, level: float = 1 - SURE) -> Floats:
    """Return the one-sided lower confidence bound of `right` of `of`, both (T,) (Clopper & Pearson); 0 of none."""
    known = np.maximum(right, 1)
    return np.where(right > 0, special.betaincinv(known, np.maximum(of, known) - known + 1, level), 0.0)


def _grouped_bound(rate: Rate, groups: Numbers) -> float:
    if not rate.of:
        return 0.0
    return statistics.interval(rate.rows[None], 2 * (1 - SURE), groups[rate.among]).low


def at_threshold(predictions: Predictions, name: str, threshold: float) -> AtThreshold:
    """Return what the class `name` is at `threshold`, without intervals."""
    label = predictions.classes.index(name)
    inside = predictions.labels == label
    said = predictions.probabilities[:, label].astype(np.float64) >= threshold

    def rate(right: Bools, among: Bools) -> Rate:
        places = np.flatnonzero(among)
        return Rate(int(right[places].sum()), len(places), among=places, rows=right[places])

    return AtThreshold(rate(inside, said), rate(said, inside), rate(~said, ~inside))


def with_intervals(at: AtThreshold, groups: Numbers | None) -> AtThreshold:
    """Return the same with 95 % intervals over other images at this threshold (Wilson 1927), or over other groups."""

    def known(rate: Rate) -> Rate:
        if not rate.of:
            return rate
        of_groups = None if groups is None else groups[rate.among]
        return replace(rate, interval=statistics.interval(rate.rows[None], groups=of_groups))

    return AtThreshold(known(at.precision), known(at.recall), known(at.specificity))


def _counts(curve: ClassCurve, figure: str) -> tuple[Numbers, Numbers]:
    if figure == "precision":
        return curve.hits, curve.said
    side, right = (curve.images, curve.hits) if figure == "recall" else (curve.others, curve.others - curve.alarms)
    return right, np.full(len(right), side)


def _out_of_reach(curve: ClassCurve, wanted: Wanted, shares: Floats, sure: bool) -> str:
    best = int(np.argmax(shares))
    if shares[best] < 0:
        side = "all" if wanted.figure == "specificity" else "none"
        return f"{wanted} of {curve.name} cannot be chosen: {side} of the validation images are of that class"
    right, of = (int(each[best]) for each in _counts(curve, wanted.figure))
    how, what = (f" with {100 * SURE:.0f} % certainty", "what is certain") if sure else ("", "the most")
    return (
        f"{wanted} of {curve.name} is out of reach{how} on the {curve.images + curve.others:,} validation images: "
        f"{what} is {shares[best]:.3f}, with {right:,} of {of:,} at the threshold {curve.thresholds[best]:.4g}"
    )
