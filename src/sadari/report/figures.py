"""What does each plot show, as plain data? Pure functions of results; `plots/` draws what they return."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sadari.comparison.analysis.diagnosis import mean_curve
from sadari.comparison.analysis.learning_curve import KEY as TRAIN_FRACTION
from sadari.comparison.analysis.learning_curve import LearningCurve, learning_curves
from sadari.comparison.analysis.robustness import CorruptionAccuracy
from sadari.comparison.analysis.sweep_point import SweepPoint
from sadari.comparison.arm_result import ArmResult
from sadari.comparison.result import ComparisonResult
from sadari.comparison.variants import line_name
from sadari.evaluation.metrics import confusion
from sadari.report.sentences import shown_wins
from sadari.report.thresholds import MOST_POINTS, ThresholdCurve, threshold_curves
from sadari.values import Answers, ImageSet, Interval, Predictions, Split, Verdict

LEADING = 6  # arms whose curves have colours of their own where there are many (assumed: more are a thicket)
GRID = 25  # images of a sample grid
TRAINING_IMAGES = "training images"  # what a sweep of train_fraction counts
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SampleGrid:
    """Images that show what the set is like: uint8 (n, H, W, C) and the class name of each, n <= 25."""

    title: str
    images: NDArray[np.uint8]
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Curve:
    """One figure of one arm over its epochs. `seeds`: one line per seed; `mean`: over the epochs that all have.

    best: position in `mean` of the least mean validation loss, None where there is no validation.
    """

    arm: str
    split: str
    seeds: tuple[Floats, ...]
    mean: Floats
    best: int | None


@dataclass(frozen=True, eq=False)
class Curves:
    """The curves of all arms. `loss` and `accuracy`: a train and a val Curve per arm, in the order of the request.

    leading: the best arms, best first, as many as can be told apart; all of them where they are few.
    """

    title: str
    loss: tuple[Curve, ...]
    accuracy: tuple[Curve, ...]
    leading: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ConfusionTable:
    """What one arm takes for what. counts: float (K, K), mean over seeds; rows: the same, each row summing to 1.

    Rows are the truth. A class without images has a row of zeros.
    """

    arm: str
    classes: tuple[str, ...]
    counts: Floats
    rows: Floats
    seeds: int


@dataclass(frozen=True)
class Cost:
    """What accuracy costs: (arm, mean seconds of training, accuracy) of each arm, in the order of the request."""

    title: str
    points: tuple[tuple[str, float, Interval], ...]


@dataclass(frozen=True)
class Fit:
    """A fitted learning curve with its band: images, accuracy, low and high, as many of each; beyond the points too."""

    images: tuple[float, ...]
    accuracy: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Sweep:
    """Accuracy and loss over one numeric setting: a line per model and other settings, values ascending.

    best: the arm that is shown to be better than every other one on these lines, or "". Where train_fraction was
    varied, the key is "training images" and the values are their numbers; fits: by line, where there were sizes enough;
    sentences: what twice the images would bring.
    """

    title: str
    key: str
    lines: Mapping[str, tuple[SweepPoint, ...]]
    best: str = ""
    fits: Mapping[str, Fit] = field(default_factory=dict)
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True)
class RobustnessPlot:
    """Accuracy under each corruption. Arms in the order of the request."""

    title: str
    corrupted: tuple[CorruptionAccuracy, ...]
    arms: tuple[str, ...]


@dataclass(frozen=True)
class Thresholds:
    """The ROC and precision-recall curves of one arm, of the classes that it finds worst where they are many."""

    title: str
    arm: str
    curves: tuple[ThresholdCurve, ...]


def sample_positions(images: ImageSet, split: Split, seed: int = 0) -> NDArray[np.int64]:
    """Draw up to 25 training images with `seed`, the classes in turn; returns positions in `images`."""
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
    """Return the images of `sample_positions` with the names of their classes."""
    chosen = sample_positions(images, split, seed)
    names = tuple(images.classes[label] for label in images.labels[chosen])
    return SampleGrid(
        f"{images.name}: training images", np.asarray(images.images[np.sort(chosen)])[_unsort(chosen)], names
    )


def _unsort(chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return positions that bring np.sort(chosen) back into the order of `chosen`: a memory map is read in order."""
    return np.argsort(np.argsort(chosen))


def curves(result: ComparisonResult) -> Curves:
    """Return loss and accuracy over the epochs, of every arm that has a finished run; an average has no epochs."""
    requested = [(arm.name, result.records[arm.name]) for arm in result.arms_asked]
    trained = [(name, records) for name, records in requested if records and not records[0].is_average]
    histories = {name: [record.history for record in records] for name, records in trained}
    loss, accuracy = (
        tuple(_curve(arm, split, figure, histories[arm]) for arm in histories for split in ("train", "val"))
        for figure in ("loss", "accuracy")
    )
    best = [arm.name for arm in result.arms if arm.name in histories]
    leading = tuple(histories) if len(best) <= LEADING + 1 else tuple(best[:LEADING])
    return Curves(f"{result.data.name}: learning curves", loss, accuracy, leading)


def _curve(arm: str, split: str, figure: str, histories: Sequence[Sequence[Mapping[str, float]]]) -> Curve:
    column = f"{split}_{figure}"
    seeds = tuple(np.array([row[column] for row in history if column in row]) for history in histories)
    validation = mean_curve(histories, "val_loss")
    best = int(np.argmin(validation)) if len(validation) else None
    return Curve(arm, split, seeds, mean_curve(histories, column), best)


def confusion_table(arm: str, answers: Sequence[Answers | Predictions]) -> ConfusionTable:
    """Return the confusion matrix of `arm` on the judging images, mean over its `answers`, one a seed, at least one."""
    counts = np.mean([confusion(each) for each in answers], axis=0)
    totals = counts.sum(axis=1, keepdims=True)
    rows = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    return ConfusionTable(arm, answers[0].classes, counts, rows, len(answers))


def thresholds(title: str, arm: str, predictions: Sequence[Predictions]) -> Thresholds | None:
    """Return the curves of `arm`, of the first of `predictions`, one a seed; None where no class has any."""
    curves_of_arm = threshold_curves(predictions, MOST_POINTS)
    worst = sorted(curves_of_arm, key=lambda each: each.average_precision.mean)[:LEADING]
    shown = tuple(each for each in curves_of_arm if each in worst)
    of = f" ({len(shown)} of {len(curves_of_arm)} classes)" if len(shown) < len(curves_of_arm) else ""
    heading = f"{title}: each class against the rest, {arm}{of}"
    return Thresholds(heading, arm, shown) if shown else None


def cost(result: ComparisonResult) -> Cost:
    """Return accuracy against seconds of training, for every arm with a finished run."""
    found = {arm.name: arm for arm in result.arms}
    points = [
        (arm.name, arm.seconds, arm.accuracy)
        for arm in (found[requested.name] for requested in result.arms_asked)
        if arm.accuracy is not None and arm.seconds is not None
    ]
    return Cost(f"{result.data.name}: what accuracy costs", tuple(points))


def sweeps(result: ComparisonResult) -> tuple[Sweep, ...]:
    """Return one Sweep for every setting that takes at least two numeric values, all else of the arm being equal.

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
        value, row = _number(arm.overrides.get(key)), found.get(arm.name)
        if row is not None and row.accuracy is not None and value is not None:
            point = SweepPoint.of(arm.name, value, row.accuracy, result.records[arm.name])
            lines.setdefault(line_name(arm.name, key, arm.overrides), []).append(point)
    kept = {
        name: tuple(sorted(points, key=lambda point: point.value))
        for name, points in lines.items()
        if len({point.value for point in points}) == len(points) >= 2
    }
    if not kept:
        return None
    return Sweep(f"{result.data.name}: {key}", key, kept, _best_on(kept, result.verdicts))


def _number(value: object) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def learning(result: ComparisonResult) -> Sweep | None:
    """Return accuracy over the number of training images, with the fitted power laws; None without such arms."""
    found = learning_curves(result)
    if not found:
        return None
    lines = {curve.name: curve.points for curve in found}
    return Sweep(
        title=f"{result.data.name}: how much data is enough",
        key=TRAINING_IMAGES,
        lines=lines,
        best=_best_on(lines, result.verdicts),
        fits={curve.name: _fit(curve) for curve in found if curve.law is not None},
        sentences=tuple(curve.sentence for curve in found),
    )


def _fit(curve: LearningCurve) -> Fit:
    return Fit(*(tuple(column.tolist()) for column in curve.fitted()))


def _best_on(lines: Mapping[str, Sequence[SweepPoint]], verdicts: Sequence[Verdict]) -> str:
    return best_of([point.arm for points in lines.values() for point in points], verdicts)


def best_of(names: Sequence[str], verdicts: Sequence[Verdict]) -> str:
    """Return the arm that is shown to be better than all others of `names`, or ""."""
    beaten: dict[str, set[str]] = {name: {name} for name in names}
    for winner, loser in shown_wins(verdicts):
        beaten.setdefault(winner, set()).add(loser)
    return next((name for name in names if beaten[name].issuperset(names)), "")


def robustness(result: ComparisonResult) -> RobustnessPlot | None:
    """Return accuracy over the levels of each corruption; None where the models were not judged on corrupted images."""
    found = result.robustness
    if found is None or not found.corrupted:
        return None
    return RobustnessPlot(f"{result.data.name}: accuracy on corrupted images", found.corrupted, found.arms)
