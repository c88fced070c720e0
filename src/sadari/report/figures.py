"""What does each plot show, as plain data? Pure functions of results; `ink.py` draws what they return."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sadari.comparison.analysis.diagnosis import mean_curve
from sadari.comparison.analysis.learning_curve import KEY as TRAIN_FRACTION
from sadari.comparison.analysis.learning_curve import LearningPoint, learning_curves
from sadari.comparison.analysis.robustness import CorruptionAccuracy
from sadari.comparison.result import ArmResult, ComparisonResult
from sadari.comparison.variants import Arm
from sadari.evaluation.metrics import confusion
from sadari.report.contents import Robustness
from sadari.report.sentences import shown_wins
from sadari.run import RunRecord
from sadari.values import ImageSet, Interval, Split, Verdict

GRID = 25
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SampleGrid:
    """Which images show what the set is like? uint8 (n, H, W, C) and the class name of each, n <= 25."""

    title: str
    images: NDArray[np.uint8]
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Curve:
    """How did one figure of one arm move over its epochs? `seeds`: one line per seed; `mean`: over what all have.

    best: position in `mean` of the least mean validation loss, None where there is no validation.
    """

    arm: str
    split: str
    seeds: tuple[Floats, ...]
    mean: Floats
    best: int | None


@dataclass(frozen=True, eq=False)
class Curves:
    """How did all arms learn? `loss` and `accuracy`: a train and a val Curve per arm, in the order of the request."""

    title: str
    loss: tuple[Curve, ...]
    accuracy: tuple[Curve, ...]


@dataclass(frozen=True, eq=False)
class ConfusionTable:
    """What does one arm take for what? counts: float (K, K), mean over seeds; rows: the same, each row summing to 1.

    Rows are the truth. A class without images has a row of zeros.
    """

    arm: str
    classes: tuple[str, ...]
    counts: Floats
    rows: Floats
    seeds: int


@dataclass(frozen=True)
class Cost:
    """What does accuracy cost? (arm, mean seconds of training, accuracy) of each arm, in the order of the request."""

    title: str
    points: tuple[tuple[str, float, Interval], ...]


@dataclass(frozen=True)
class SweepPoint:
    """One value of a varied setting and its arm: accuracy with its interval, loss with its lowest and highest seed."""

    value: float
    accuracy: Interval
    loss: float
    loss_low: float
    loss_high: float
    arm: str = ""


@dataclass(frozen=True)
class Sweep:
    """How do accuracy and loss move with one numeric setting? A line per model and other settings, values ascending.

    best: the arm that is shown to be better than every other one on these lines, or "".
    """

    title: str
    key: str
    lines: Mapping[str, tuple[SweepPoint, ...]]
    best: str = ""


@dataclass(frozen=True, eq=False)
class Fit:
    """Which curve was fitted, and how sure is it? images, accuracy, low, high: float (k,), beyond the points too."""

    images: Floats
    accuracy: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, eq=False)
class Learning:
    """How does accuracy grow with the training images? A line per model and other settings.

    The value of a point is its number of images. fits: by line, where there were sizes enough. sentences: what twice
    the images would bring.
    """

    title: str
    lines: Mapping[str, tuple[SweepPoint, ...]]
    fits: Mapping[str, Fit]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class RobustnessPlot:
    """How does accuracy fall under each corruption? Arms in the order of the request."""

    title: str
    corrupted: tuple[CorruptionAccuracy, ...]
    arms: tuple[str, ...]


def sample_positions(images: ImageSet, split: Split, seed: int = 0) -> NDArray[np.int64]:
    """Up to 25 training images, the classes in turn, drawn with `seed`, as positions in `images`."""
    generator = np.random.default_rng(seed)
    drawn = generator.permutation(split.train)
    labels = images.labels[drawn]
    # The n-th image of every class before the (n+1)-th of any: position within the class, then the class.
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], labels[order])
    rank = np.empty(len(drawn), dtype=np.int64)
    rank[order] = np.arange(len(drawn)) - starts
    return np.asarray(drawn[np.lexsort((labels, rank))[:GRID]])


def sample_grid(images: ImageSet, split: Split, seed: int = 0) -> SampleGrid:
    """The images of `sample_positions` and what they show."""
    chosen = sample_positions(images, split, seed)
    names = tuple(images.classes[label] for label in images.labels[chosen])
    return SampleGrid(
        f"{images.name}: training images", np.asarray(images.images[np.sort(chosen)])[_unsort(chosen)], names
    )


def curves(result: ComparisonResult) -> Curves:
    """Loss and accuracy over the epochs, of every arm that has a finished run."""
    asked = [(arm.name, result.records[arm.name]) for arm in result.arms_asked]
    histories = {name: [record.history for record in records] for name, records in asked if records}
    return Curves(
        f"{result.data.name}: learning curves",
        loss=tuple(_curve(arm, split, "loss", histories[arm]) for arm in histories for split in ("train", "val")),
        accuracy=tuple(
            _curve(arm, split, "accuracy", histories[arm]) for arm in histories for split in ("train", "val")
        ),
    )


def confusion_table(arm: str, records: Sequence[RunRecord]) -> ConfusionTable:
    """The confusion matrix of `arm` on the images that judge, mean over its finished runs (at least one)."""
    answers = [record.answers for record in records]
    counts = np.mean([confusion(each) for each in answers], axis=0)
    totals = counts.sum(axis=1, keepdims=True)
    rows = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    return ConfusionTable(arm, answers[0].classes, counts, rows, len(records))


def cost(result: ComparisonResult) -> Cost:
    """Accuracy against seconds of training, for every arm with a finished run."""
    found = {arm.name: arm for arm in result.arms}
    points = [
        (arm.name, arm.seconds, arm.accuracy)
        for arm in (found[asked.name] for asked in result.arms_asked)
        if arm.accuracy is not None and arm.seconds is not None
    ]
    return Cost(f"{result.data.name}: what accuracy costs", tuple(points))


def sweeps(result: ComparisonResult) -> tuple[Sweep, ...]:
    """One Sweep for every setting that takes at least two numeric values, all else of the arm being equal.

    train_fraction is left to `learning`, which knows how many images it means.
    """
    found = {arm.name: arm for arm in result.arms if arm.accuracy is not None}
    varied = dict.fromkeys(key for arm in result.arms_asked for key in arm.overrides)
    if learning_curves(result):
        varied.pop(TRAIN_FRACTION, None)
    return tuple(filter(None, (_sweep(key, result, found) for key in varied)))


def _sweep(key: str, result: ComparisonResult, found: Mapping[str, ArmResult]) -> Sweep | None:
    lines: dict[str, list[SweepPoint]] = {}
    for arm in result.arms_asked:
        value = _number(arm.overrides.get(key))
        if arm.name in found and value is not None:
            lines.setdefault(_line_name(arm, key), []).append(_point(value, found[arm.name], result.records[arm.name]))
    kept = {
        name: tuple(sorted(points, key=lambda point: point.value))
        for name, points in lines.items()
        if len({point.value for point in points}) == len(points) >= 2
    }
    if not kept:
        return None
    names = [point.arm for points in kept.values() for point in points]
    return Sweep(f"{result.data.name}: {key}", key, kept, best_of(names, result.verdicts))


def best_of(names: Sequence[str], verdicts: Sequence[Verdict]) -> str:
    """The arm that is shown to be better than all others of `names`, or ""."""
    beaten: dict[str, set[str]] = {name: {name} for name in names}
    for winner, loser in shown_wins(verdicts):
        beaten.setdefault(winner, set()).add(loser)
    return next((name for name in names if beaten[name].issuperset(names)), "")


def learning(result: ComparisonResult) -> Learning | None:
    """Accuracy over the number of training images, with the fitted power laws; None where no arms differ in it."""
    found = learning_curves(result)
    if not found:
        return None
    lines = {curve.name: tuple(map(_learning_point, curve.points)) for curve in found}
    fits = {curve.name: Fit(*curve.fitted()) for curve in found if curve.law is not None}
    title = f"{result.data.name}: how much data is enough"
    return Learning(title, lines, fits, tuple(curve.sentence for curve in found))


def _learning_point(point: LearningPoint) -> SweepPoint:
    return SweepPoint(point.images, point.accuracy, point.loss, point.loss_low, point.loss_high, point.arm)


def robustness(result: ComparisonResult) -> RobustnessPlot | None:
    """Accuracy over the levels of each corruption; None where the models were not judged on corrupted images."""
    found = result.robustness
    if found is None or not found.corrupted:
        return None
    return RobustnessPlot(f"{result.data.name}: accuracy on corrupted images", found.corrupted, found.arms)


def robustness_page(result: ComparisonResult) -> tuple[Robustness, ...]:
    """The same for the report page: means over the seeds."""
    found = result.robustness.corrupted if result.robustness is not None else ()
    return tuple(
        Robustness(
            each.corruption,
            each.labels,
            {arm: tuple(level.mean for level in row) for arm, row in each.rows.items()},
        )
        for each in found
    )


def _line_name(arm: Arm, key: str) -> str:
    """The arm's name without `key=...`, so that arms that differ in nothing else share it."""
    return " ".join(word for word in arm.name.split() if not word.startswith(f"{key}="))


def _point(value: float, arm: ArmResult, records: Sequence[RunRecord]) -> SweepPoint:
    assert arm.accuracy is not None  # `found` holds such arms only
    losses = [record.summary["scores"][record.summary["judged_on"]]["loss"] for record in records]
    return SweepPoint(value, arm.accuracy, float(np.mean(losses)), min(losses), max(losses), arm.name)


def _number(value: object) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _curve(arm: str, split: str, figure: str, histories: Sequence[Sequence[Mapping[str, float]]]) -> Curve:
    column = f"{split}_{figure}"
    seeds = tuple(np.array([row[column] for row in history if column in row]) for history in histories)
    validation = mean_curve(histories, "val_loss")
    best = int(np.argmin(validation)) if len(validation) else None
    return Curve(arm, split, seeds, mean_curve(histories, column), best)


def _unsort(chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions that bring np.sort(chosen) back into the order of `chosen` (a memory map is read in its own order)."""
    return np.argsort(np.argsort(chosen))
