"""How much data is enough? Accuracy over the number of training images, and what twice as many would bring."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sadari.comparison.analysis.sweep_point import SweepPoint
from sadari.comparison.correct import correctness
from sadari.comparison.splits.redraw import Redraw
from sadari.comparison.variants import Arm, line_name, typed
from sadari.evaluation.power_law import FEWEST_SIZES, PowerLaw, fit_power_law, fit_power_law_of_draws
from sadari.models.catalog import short_reference
from sadari.run import RunRecord
from sadari.values import Interval

KEY = "train_fraction"
TIMES = 2  # the prediction is for so many times the data
MISFIT = 2.0  # from which the points are said not to follow the law (assumed: chance alone gives it rarely)
STEPS = 60  # of a drawn curve
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """The accuracy over the number of training images, for arms that differ in nothing else.

    name: of the arms without their train_fraction. points: by number of images, ascending. law: of the error; None
    for fewer than three sizes. sentence: what twice the images would bring, or why that is not known.
    """

    name: str
    points: tuple[SweepPoint, ...]
    law: PowerLaw | None
    sentence: str

    def fitted(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Return the curve as (images, accuracy, low, high), float64 (STEPS,) each; empty without a law.

        The images are evenly spaced in their logarithm, up to twice the largest number.
        """
        if self.law is None:
            return (np.empty(0),) * 4
        images = np.geomspace(self.points[0].value, TIMES * self.points[-1].value, STEPS)
        low, high = self.law.band(images)
        return images, 1 - self.law.error(images), 1 - high, 1 - low

    def document(self) -> dict[str, Any]:
        """Return plain values, for JSON: gain and its interval are those of twice the images, in [0, 1]."""
        law = None
        if self.law is not None:
            gain, low, high = self.law.gain(TIMES)
            largest = int(self.points[-1].value)
            law = {
                "formula": "error = a * (images / largest) ** -b + c",
                "largest": largest,
                **{name: getattr(self.law, name) for name in ("a", "b", "c", "misfit")},
                "b_interval": [float(self.law.left_b.min()), float(self.law.left_b.max())],
                "c_interval": [float(self.law.left_c.min()), float(self.law.left_c.max())],
                "prediction": {"images": TIMES * largest, "gain": gain, "low": low, "high": high},
            }
        points = [_document(point) for point in self.points]
        return {"name": self.name, "points": points, "law": law, "sentence": self.sentence}


class _Row(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def reason(self) -> str: ...

    @property
    def accuracy(self) -> Interval | None: ...


class Compared(Protocol):
    """The parts of a `ComparisonResult` that make learning curves."""

    @property
    def arms(self) -> Sequence[_Row]: ...

    @property
    def arms_asked(self) -> Sequence[Arm]: ...

    @property
    def redraw(self) -> Redraw | None: ...

    @property
    def records(self) -> Mapping[str, Sequence[RunRecord]]: ...


@lru_cache(maxsize=4)
def learning_curves(result: Compared) -> tuple[LearningCurve, ...]:
    """Return one curve for each group of arms that differ only in train_fraction, in the order of the request.

    Arms that failed with a seed are left out: the seeds that finished are a selection. A single size is no curve. Where
    splits or folds are drawn anew, so are the smaller training sets, and the law counts their luck.
    """
    accuracies = {row.name: row.accuracy for row in result.arms if row.accuracy is not None and not row.reason}
    groups: dict[object, list[Arm]] = {}
    for arm in result.arms_asked:
        if arm.name in accuracies:
            groups.setdefault(_all_else(arm), []).append(arm)
    found = []
    for arms in groups.values():
        points: dict[float, SweepPoint] = {}
        for arm in arms:
            point = _point(arm.name, accuracies[arm.name], result.records[arm.name])
            points.setdefault(point.value, point)
        if len(points) > 1:
            ordered = tuple(points[images] for images in sorted(points))
            found.append(_curve(_name(arms), ordered, result.records, result.redraw))
    return tuple(found)


def _all_else(arm: Arm) -> object:
    return arm.model.reference, frozenset(
        (key, typed(arm.model, key, value)) for key, value in arm.overrides.items() if key != KEY
    )


def _name(arms: Sequence[Arm]) -> str:
    """Return what the arms' names share, without train_fraction; the model's name where they share nothing."""
    names = {line_name(arm.name, KEY, arm.overrides) for arm in arms}
    return names.pop() if len(names) == 1 else short_reference(arms[0].model.reference)


def _point(arm: str, accuracy: Interval, records: Sequence[RunRecord]) -> SweepPoint:
    return SweepPoint.of(arm, int(records[0].summary["images"]["train"]), accuracy, records)


def _document(point: SweepPoint) -> dict[str, Any]:
    """Return `point` as it stands in JSON, where its value is called images."""
    return {("images" if name == "value" else name): value for name, value in asdict(point).items()}


def _curve(
    name: str, points: tuple[SweepPoint, ...], records: Mapping[str, Sequence[RunRecord]], redraw: Redraw | None
) -> LearningCurve:
    sizes = [int(point.value) for point in points]
    if len(sizes) < FEWEST_SIZES:
        few = (
            f"{name}: {len(sizes)} sizes of the training set show no law; give at least {FEWEST_SIZES} values of {KEY}."
        )
        return LearningCurve(name, points, None, few)
    first = records[points[0].arm][0]
    if redraw:
        accuracies = np.column_stack([_of_draws(records[point.arm], redraw) for point in points])
        images = first.summary["images"][first.summary["judged_on"]]
        law = fit_power_law_of_draws(sizes, accuracies, images)
        luck = f"the images are drawn anew in each of {redraw.draws} {redraw.kind}, whose luck is in the interval"
        return LearningCurve(name, points, law, _sentence(name, sizes, law, False, luck))
    groups = first.groups_on(first.summary["judged_on"])
    law = fit_power_law(sizes, [correctness(records[point.arm]) for point in points], groups)
    one_seed = all(len(records[point.arm]) == 1 for point in points)
    luck = "one draw of the images for each size, whose luck is not in the interval; --splits 5 counts it"
    return LearningCurve(name, points, law, _sentence(name, sizes, law, one_seed, luck))


def _of_draws(records: Sequence[RunRecord], redraw: Redraw) -> Floats:
    """Return the accuracy in each draw, float64 (draws,), the mean over its seeds. records: in order of their seeds."""
    found = [record.scores(record.summary["judged_on"])["accuracy"] for record in records]
    return np.asarray(np.array(found, dtype=np.float64).reshape(redraw.draws, redraw.seeds).mean(axis=1))


def _sentence(name: str, sizes: Sequence[int], law: PowerLaw, one_seed: bool, luck: str) -> str:
    gain, low, high = (100 * each for each in law.gain(TIMES))
    twice = f"twice the training images ({TIMES * sizes[-1]:,}) would bring {name}"
    amount = f"{gain:z.1f} points ({low:z.1f} to {high:z.1f}{'; one seed each' if one_seed else ''})"
    off = ", which the points do not follow," if law.misfit >= MISFIT else ""
    return f"{twice} {amount}, if the power law{off} goes on; {luck}."
