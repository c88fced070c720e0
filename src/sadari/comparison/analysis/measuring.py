"""What are the figures of an arm, with their intervals, and in which do two arms differ? Read from its finished runs.

A run stores what it said of each image that judges it, and which images of val and train it had right. Runs of older
versions have only their shares of the latter: the draw of those images then counts with its largest possible error.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import combinations

import numpy as np

from sadari.comparison.groups.grouping import Grouping
from sadari.evaluation.draws.groups import Groups
from sadari.evaluation.draws.looks import Look
from sadari.evaluation.figures import Difference, Measured, difference, from_shares, interval, measured, minus
from sadari.evaluation.influence import PerImage, Scale, right
from sadari.evaluation.metrics import METRICS, Metric
from sadari.evaluation.statistics import LEVEL, Numbers, holm
from sadari.run import RunRecord
from sadari.values import Interval

Compared = tuple[Mapping[str, Measured], Mapping[str, Measured], Look | None]
AtLook = Callable[[str, str], Compared]
SPLIT_OF = {"val_accuracy": "val", "train_accuracy": "train", "drop": "val", "gap": "train"}
LOST = ("drop", "gap")  # accuracy on that split minus accuracy on the images that judge


@dataclass(frozen=True)
class FigureDifference:
    """Arm `a` minus arm `b` in one figure, with its 95 % interval. p: corrected over all pairs in this figure."""

    figure: str
    a: str
    b: str
    difference: float
    low: float
    high: float
    p: float


def measure_all(records: Sequence[RunRecord], grouping: Grouping | None = None) -> dict[str, Measured]:
    """Return every figure of an arm that its finished runs have: the metrics on the images that judge, then SPLIT_OF.

    A figure that is no number for some run is left out. grouping: which images count together. Raises SadariError for
    a damaged run.
    """
    networks: dict[str, list[PerImage]] = {}
    for record in records:
        predictions = record.predictions  # of one run at a time: those of many classes are large
        for metric in METRICS:
            if metric.is_defined(predictions):
                networks.setdefault(metric.name, []).append(metric.per_image(predictions))
    whole = {name: each for name, each in networks.items() if len(each) == len(records)}
    groups = _judging_groups(records, grouping)
    found = {name: _metric(METRICS.get(name), each, groups) for name, each in whole.items()}
    if found.get("accuracy"):
        found |= {name: _accuracy(name, records, found["accuracy"], grouping) for name in SPLIT_OF}
    return {name: each for name, each in found.items() if each is not None}


def measure(figure: str, records: Sequence[RunRecord], grouping: Grouping | None = None) -> Measured | None:
    """Return one of these figures; None where not all of the runs have it, or where it is no number for one of them."""
    groups = _judging_groups(records, grouping)
    if figure in SPLIT_OF:
        accuracy = _metric(METRICS.get("accuracy"), [right(record.answers) for record in records], groups)
        return accuracy and _accuracy(figure, records, accuracy, grouping)
    metric = METRICS.get(figure)
    judged = [record.predictions if metric.by_probability else record.answers for record in records]
    if any(len(each.classes) < metric.least_classes for each in judged):
        return None
    return _metric(metric, [metric.per_image(each) for each in judged], groups)


def _judging_groups(records: Sequence[RunRecord], grouping: Grouping | None) -> Numbers | None:
    """Return the groups of the images that judge these runs."""
    if grouping is None or not records:
        return None
    return grouping.on(records[0].split.positions(records[0].summary["judged_on"]))


def _metric(metric: Metric, networks: Sequence[PerImage], groups: Numbers | None) -> Measured | None:
    if not all(np.isfinite(each.values).all() for each in networks):
        return None
    return measured(networks, metric.scale, groups=groups)


def _accuracy(
    figure: str, records: Sequence[RunRecord], here: Measured | None, grouping: Grouping | None
) -> Measured | None:
    """Return an accuracy on val or train, or what is lost from there to `here`, the accuracy on the images that judge.

    Nothing is lost where that split is the one that judges: such a figure there is not.
    """
    split_name, lost = SPLIT_OF[figure], figure in LOST
    if here is None or split_name == records[0].summary["judged_on"]:
        return None if lost else here
    shares = [record.scores(split_name).get("accuracy") for record in records]
    known = np.array([each for each in shares if each is not None], dtype=np.float64)
    if len(known) < len(shares) or not np.isfinite(known).all():
        return None
    groups = None if grouping is None else grouping.on(records[0].split.positions(split_name))
    there = _on_split(split_name, records, groups)
    if there is None:
        there = from_shares(known, records[0].summary["images"][split_name], images_per_group(groups))
    return minus(there, here) if lost else there


def images_per_group(groups: Numbers | None) -> float:
    """Return how many images are in the group of an image, on average; 1 where there are no groups."""
    found = Groups.of(groups)
    return 1.0 if found is None else found.per_image


def _on_split(split_name: str, records: Sequence[RunRecord], groups: Numbers | None) -> Measured | None:
    """Return the accuracy on `split_name` from what was right there; None where not all runs store that of the same."""
    correct = [record.correct_on(split_name) for record in records]
    stored = [each for each in correct if each is not None]
    if len(stored) < len(records):
        return None
    which = {sha256(record.split.positions(split_name).tobytes()).hexdigest() for record in records}
    if len(which) > 1:
        return None
    return measured([PerImage(each.astype(np.float64), 1.0) for each in stored], Scale.SHARE, which.pop(), groups)


def intervals(figures: Mapping[str, Measured], level: float = LEVEL) -> dict[str, Interval]:
    """Return the 95 % interval of each of these figures of an arm; accuracy has its own, by `statistics.interval`."""
    return {name: interval(each, level) for name, each in figures.items() if name != "accuracy"}


def differences(
    arms: Sequence[tuple[str, Mapping[str, Measured]]], at_look: AtLook | None = None
) -> tuple[FigureDifference, ...]:
    """Compare all pairs of arms in each figure that all of them have, but accuracy, which `verdicts` compares.

    The p of the pairs in one figure are corrected by Holm's method (1979) among themselves. at_look: the figures of two
    arms, by name, at the look at which they are compared, and that look; those of `arms` where seeds were not added.
    """
    shared = [name for name in (arms[0][1] if arms else ()) if all(name in figures for _, figures in arms)]
    of_arm = dict(arms)
    pairs = {(a, b): _at(a, b, of_arm, at_look) for a, b in combinations(of_arm, 2)}
    found: list[FigureDifference] = []
    for name in shared:
        if name == "accuracy":
            continue
        judged = [
            (a, b, difference(first[name], second[name], look))
            for (a, b), (first, second, look) in pairs.items()
            if name in first and name in second
        ]
        corrected = holm([each.p for _, _, each in judged])
        found += [_difference(name, a, b, each, p) for (a, b, each), p in zip(judged, corrected, strict=True)]
    return tuple(found)


def _at(a: str, b: str, of_arm: Mapping[str, Mapping[str, Measured]], at_look: AtLook | None) -> Compared:
    return at_look(a, b) if at_look else (of_arm[a], of_arm[b], None)


def _difference(figure: str, a: str, b: str, found: Difference, p: float) -> FigureDifference:
    return FigureDifference(figure, a, b, found.difference, found.low, found.high, p)
