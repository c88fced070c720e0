"""What do the finished runs say about a figure of one arm, or about the difference of two? With interval and p.

Figures of images generalise to other seeds and other images of the same kind: accuracy by `evaluation/statistics.py`,
the others by `evaluation/figures.py`. Seconds, and what the validation loss does over the epochs, are one number per
seed and generalise to other seeds on the same images (`evaluation/scalars.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sadari.comparison.analysis.diagnosis import rise_after_turn, turning_epoch
from sadari.comparison.analysis.measuring import images_per_group, measure
from sadari.comparison.arm_result import DONE, ArmResult
from sadari.comparison.correct import correctness
from sadari.comparison.groups.grouping import Grouping
from sadari.evaluation import figures
from sadari.evaluation.figures import Measured
from sadari.evaluation.scalars import mean_difference, mean_interval, mean_variance
from sadari.evaluation.statistics import Bools, Numbers, against, difference_p, verdict
from sadari.run import RunRecord

Floats = NDArray[np.float64]


class NotMeasuredError(Exception):
    """No evidence for a figure; the message says why, as the end of a sentence."""


@dataclass(frozen=True)
class Estimate:
    """A figure or a difference: its value, 95 % interval, and the two-sided p that the truth is some other number.

    seeds: how many there are, of the arm that has fewest. wanting: what the runs do not store; "" mostly. alike:
    several seeds that are one network in each arm, as those of a model without chance.
    """

    value: float
    low: float
    high: float
    seeds: int
    p_at: Callable[[float], float]
    wanting: str = ""
    alike: bool = False


class Evidence:
    """The estimates from the finished runs of a comparison; raises NotMeasuredError where there is none.

    grouping: which images count together.
    """

    def __init__(
        self,
        arms: Sequence[ArmResult],
        records: Mapping[str, Sequence[RunRecord]],
        grouping: Grouping | None = None,
    ) -> None:
        self._arms = {arm.name: arm for arm in arms}
        self._records = records
        self._grouping = grouping
        self._correct: dict[str, Bools] = {}
        self._measured: dict[tuple[str, str], Measured] = {}

    def arm(self, name: str) -> ArmResult:
        return self._arms[name]

    def single(self, figure: str, arm: str) -> Estimate:
        """Estimate the mean of `figure` over the seeds of `arm`."""
        self._require_done(arm)
        self._require_alike(figure, arm)
        if figure == "accuracy":
            correct, groups = self._correctness(arm), self._groups(arm)
            found = against(correct, float(correct.mean()), groups)[1]
            return Estimate(
                found.mean,
                found.low,
                found.high,
                len(correct),
                lambda bound: _p_of_accuracy(correct, bound, groups),
                alike=_alike(correct),
            )
        if figure in _OF_RUN:
            return _mean(self._values(figure, arm), _step(figure))
        return _of_images(self._figure(figure, arm))

    def difference(self, figure: str, a: str, b: str) -> Estimate:
        """Estimate the mean of `figure` of arm `a` minus that of arm `b`."""
        for arm in (a, b):
            self._require_done(arm)
        self._require_alike(figure, a, b)
        if figure in _OF_RUN:
            return _difference(self._values(figure, a), self._values(figure, b), _step(figure))
        if figure != "accuracy":
            return _difference_of_images(self._figure(figure, a), self._figure(figure, b))
        correct_a, correct_b = self._correctness(a), self._correctness(b)
        groups = self._groups(a)
        found = verdict(a, correct_a, b, correct_b, groups=groups)
        seeds = min(len(correct_a), len(correct_b))
        return Estimate(
            found.difference,
            found.low,
            found.high,
            seeds,
            lambda bound: difference_p(correct_a, correct_b, bound, groups),
            alike=_alike(correct_a) and _alike(correct_b),
        )

    def early_val_accuracy(self, arm: str, epochs: int) -> tuple[Estimate, Floats, int]:
        """Return the best validation accuracy of the first `epochs` epochs: its estimate, that of each seed, float64
        (seeds,), and the number of these epochs that all seeds have."""
        self._require_done(arm)
        best, had = [], epochs
        for record in self._records[arm]:
            rows = [row["val_accuracy"] for row in record.history[:epochs] if "val_accuracy" in row]
            if not rows:
                raise NotMeasuredError(f"{arm} has no validation images")
            best.append(max(rows))
            had = min(had, len(rows))
        values = np.array(best)
        _require_finite(values, arm)
        images = self._records[arm][0].summary["images"]["val"]
        of_val = None if self._grouping is None else self._grouping.on(self._records[arm][0].split.val)
        found = figures.from_shares(values, images, images_per_group(of_val))
        return replace(_of_images(found), wanting=""), values, had

    def _require_done(self, arm: str) -> None:
        if self._arms[arm].status != DONE:
            raise NotMeasuredError(f"{arm} failed ({self._arms[arm].reason})")

    def _require_alike(self, figure: str, *arms: str) -> None:
        """Raise where seconds of different numbers of threads would be compared: threads change only the speed."""
        if figure == "seconds" and len({record.threads for arm in arms for record in self._records[arm]}) > 1:
            runs = " and ".join(arms)
            raise NotMeasuredError(
                f"not all runs of {runs} had as many threads; train them in a new folder with --workers 1"
            )

    def _correctness(self, arm: str) -> Bools:
        if arm not in self._correct:
            self._correct[arm] = correctness(self._records[arm])
        return self._correct[arm]

    def _groups(self, arm: str) -> Numbers | None:
        """Return the groups of the images that judge the runs of `arm`."""
        first = self._records[arm][0]
        return None if self._grouping is None else self._grouping.on(first.split.positions(first.summary["judged_on"]))

    def _figure(self, figure: str, arm: str) -> Measured:
        if (figure, arm) not in self._measured:
            found = measure(figure, self._records[arm], self._grouping)
            if found is None:
                raise NotMeasuredError(f"{arm} has no {figure}, for want of such images, or it is no number")
            self._measured[figure, arm] = found
        return self._measured[figure, arm]

    def _values(self, figure: str, arm: str) -> Floats:
        """Return one value of `figure`, which is in _OF_RUN, per seed, float64 (seeds,)."""
        values = [_OF_RUN[figure](record) for record in self._records[arm]]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            raise NotMeasuredError(f"{arm} has no {figure}, for want of such images")
        return _enough(np.array(known, dtype=np.float64), arm)


def _enough(values: Floats, arm: str) -> Floats:
    if len(values) < 2:
        raise NotMeasuredError(f"{arm} has a single seed, which says nothing about others")
    return _require_finite(values, arm)


def _require_finite(values: Floats, arm: str) -> Floats:
    if not np.isfinite(values).all():
        raise NotMeasuredError(f"{arm} has a figure that is no number")
    return values


def _step(figure: str) -> float:
    """Return the smallest difference that two values of `figure` can have; 0 for a continuous figure."""
    return 1.0 if figure == "turn" else 0.0


def _of_images(of: Measured) -> Estimate:
    found = figures.interval(of)
    return Estimate(
        found.mean,
        found.low,
        found.high,
        len(of.seeds),
        lambda bound: figures.against(of, bound),
        _wanting(of),
        of.single and len(of.seeds) > 1,
    )


def _difference_of_images(a: Measured, b: Measured) -> Estimate:
    found, seeds = figures.difference(a, b), min(len(a.seeds), len(b.seeds))
    return Estimate(
        found.difference,
        found.low,
        found.high,
        seeds,
        lambda bound: figures.difference_against(a, b, bound),
        _wanting(a, b),
        a.single and b.single and seeds > 1,
    )


def _alike(correct: Bools) -> bool:
    return len(correct) > 1 and bool((correct == correct[0]).all())


def _wanting(*arms: Measured) -> str:
    if all(draw.moves is not None for arm in arms for draw in arm.draws):
        return ""
    return "these runs do not store which images of val or train were right, so that the interval is at its widest"


def _p_of_accuracy(correct: Bools, bound: float, groups: Numbers | None) -> float:
    """Return the p of an accuracy of `bound`; 0 outside [0, 1], where a bound minus its margin may be."""
    return against(correct, bound, groups)[0] if 0 <= bound <= 1 else 0.0


def _mean(values: Floats, step: float) -> Estimate:
    found = mean_interval(values, step)
    return Estimate(found.mean, found.low, found.high, len(values), lambda bound: _p_of_mean(values, bound, step))


def _p_of_mean(values: Floats, bound: float, step: float) -> float:
    """Return the p that the mean is `bound`, by Student's t test (1908), as the interval of `mean_interval`."""
    from scipy.stats import t

    distance, error = abs(float(values.mean()) - bound), mean_variance(values, step) ** 0.5
    if distance == 0 or error == 0:
        return 1.0 if distance == 0 else 0.0
    return float(2 * t.sf(distance / error, len(values) - 1))


def _difference(a: Floats, b: Floats, step: float) -> Estimate:
    found, seeds = mean_difference(a, b, step), min(len(a), len(b))
    return Estimate(found.difference, found.low, found.high, seeds, lambda bound: mean_difference(a - bound, b, step).p)


_OF_RUN: Mapping[str, Callable[[RunRecord], float | None]] = {
    "seconds": lambda record: record.summary["seconds"]["train"],
    "turn": lambda record: turning_epoch(record.history),
    "rise": lambda record: rise_after_turn(record.history),
}
