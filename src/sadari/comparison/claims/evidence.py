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
from sadari.comparison.claims.claim import is_here
from sadari.comparison.correct import correctness
from sadari.comparison.groups.grouping import Grouping
from sadari.comparison.seeds.looked import Looked
from sadari.comparison.splits.judged import measure_redrawn
from sadari.comparison.splits.redraw import Redraw
from sadari.evaluation import figures
from sadari.evaluation.draws.looks import Look
from sadari.evaluation.figures import Measured
from sadari.evaluation.scalars import mean_difference, mean_interval, mean_variance
from sadari.evaluation.statistics import (
    LEVEL,
    AtLook,
    Bools,
    Numbers,
    against,
    difference_p,
    interval,
    looked_verdicts,
)
from sadari.run import RunRecord

Floats = NDArray[np.float64]


class NotMeasuredError(Exception):
    """No evidence for a figure; the message says why, as the end of a sentence."""


@dataclass(frozen=True)
class Estimate:
    """A figure or a difference: its value, 95 % interval, and the two-sided p that the truth is some other number.

    seeds: how many there are, of the arm that has fewest. wanting: what the runs do not store; "" mostly. alike:
    several seeds that are one network in each arm, as those of a model without chance. basis: on what it rests, where
    the parts were drawn anew.
    """

    value: float
    low: float
    high: float
    seeds: int
    p_at: Callable[[float], float]
    wanting: str = ""
    alike: bool = False
    basis: str = ""


class Evidence:
    """The estimates from the finished runs of a comparison; raises NotMeasuredError where there is none.

    redraw: how the parts were drawn anew; None where all runs have one split. looked: the looks that there were.
    grouping: which images count together.
    """

    def __init__(
        self,
        arms: Sequence[ArmResult],
        records: Mapping[str, Sequence[RunRecord]],
        redraw: Redraw | None = None,
        looked: Looked | None = None,
        grouping: Grouping | None = None,
    ) -> None:
        self._grouping = grouping
        self._redraw = redraw
        self._redrawn: dict[str, Mapping[str, Measured]] = {}
        self._arms = {arm.name: arm for arm in arms}
        self._records = records
        self._looked = looked or Looked()
        self._correct: dict[str, Bools] = {}
        self._measured: dict[tuple[str, str, int], Measured] = {}

    def arm(self, name: str) -> ArmResult:
        return self._arms[name]

    def single(self, figure: str, arm: str) -> Estimate:
        """Estimate the mean of `figure` over the seeds of `arm`."""
        _require_here(figure)
        self._require_done(arm)
        self._require_alike(figure, arm)
        if self._redraw:
            return self._with_basis(_of_images(self._over_draws(figure, arm)))
        if figure in _OF_RUN:
            return _mean(self._values(figure, arm), _step(figure))
        look, alike = self._looked.of_arm(arm), self._arms[arm].alike
        if figure != "accuracy":
            return replace(_of_images(self._figure(figure, arm), look), alike=alike)
        correct, groups = self._correctness(arm), self._groups(arm)
        found = interval(correct, look.level if look else LEVEL, groups)
        p_at = _overall(lambda bound: _p_of_accuracy(correct, bound, groups), look)
        return Estimate(found.mean, found.low, found.high, len(correct), p_at, alike=alike)

    def difference(self, figure: str, a: str, b: str) -> Estimate:
        """Estimate the mean of `figure` of arm `a` minus that of `b`, with the seeds after which they are compared."""
        _require_here(figure)
        for arm in (a, b):
            self._require_done(arm)
        self._require_alike(figure, a, b)
        if self._redraw:
            return self._with_basis(
                _difference_of_images(self._over_draws(figure, a), self._over_draws(figure, b), None)
            )
        if figure in _OF_RUN:
            return _difference(self._values(figure, a), self._values(figure, b), _step(figure))
        count, look = self._looked.of_pair(a, b) if self._looked.steps else (None, None)
        alike = self._arms[a].alike and self._arms[b].alike
        seeds = self._fewest(a, b, count)
        if figure != "accuracy":
            first, second = self._figure(figure, a, count), self._figure(figure, b, count)
            return replace(_difference_of_images(first, second, look), alike=alike, seeds=seeds)
        correct_a, correct_b = self._correctness(a)[:count], self._correctness(b)[:count]
        groups = self._groups(a)
        [compared] = looked_verdicts([AtLook((a, correct_a), (b, correct_b), look)], alike=(), groups=groups)
        p_at = _overall(lambda bound: difference_p(correct_a, correct_b, bound, groups), look)
        return Estimate(compared.difference, compared.low, compared.high, seeds, p_at, alike=alike)

    def _fewest(self, a: str, b: str, count: int | None) -> int:
        """Return the seeds of the arm with fewest; a single one of a model that no seed changes is not counted."""
        seeds = [(arm, len(self._records[arm][:count])) for arm in (a, b)]
        return min((each for arm, each in seeds if each > 1 or not self._arms[arm].alike), default=1)

    def early_val_accuracy(self, arm: str, epochs: int) -> tuple[Estimate, Floats, int]:
        """Return the best validation accuracy of the first `epochs` epochs: its estimate, that of each seed, float64
        (seeds,), and the number of these epochs that all seeds have."""
        self._require_done(arm)
        if self._redraw:
            raise NotMeasuredError("epochs are not counted over splits drawn anew")
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

    def _require_new_images(self, arm: str) -> None:
        if self._records[arm][0].summary["judged_on"] == "train":
            raise NotMeasuredError("training images judge, which say nothing about others; keep test images apart")

    def _correctness(self, arm: str) -> Bools:
        self._require_new_images(arm)
        if arm not in self._correct:
            self._correct[arm] = correctness(self._records[arm])
        return self._correct[arm]

    def _over_draws(self, figure: str, arm: str) -> Measured:
        assert self._redraw is not None
        if arm not in self._redrawn:
            self._redrawn[arm] = measure_redrawn(self._redraw, self._records[arm])
        if figure not in self._redrawn[arm]:
            raise NotMeasuredError(f"{arm} has no {figure} over splits drawn anew")
        return self._redrawn[arm][figure]

    def _with_basis(self, found: Estimate) -> Estimate:
        """Return `found` with what it rests on; what runs do not store is not needed where they have draws."""
        assert self._redraw is not None
        return replace(found, wanting="", basis=self._redraw.basis)

    def _groups(self, arm: str) -> Numbers | None:
        """Return the groups of the images that judge the runs of `arm`."""
        first = self._records[arm][0]
        return None if self._grouping is None else self._grouping.on(first.split.positions(first.summary["judged_on"]))

    def _figure(self, figure: str, arm: str, count: int | None = None) -> Measured:
        """Return `figure` of the first `count` runs of `arm`, of all without a count."""
        self._require_new_images(arm)
        records = self._records[arm][:count]
        key = figure, arm, len(records)
        if key not in self._measured:
            found = measure(figure, records, self._grouping)
            if found is None:
                raise NotMeasuredError(f"{arm} has no {figure}, for want of such images, or it is no number")
            self._measured[key] = found
        return self._measured[key]

    def _values(self, figure: str, arm: str) -> Floats:
        """Return one value of `figure`, which is in _OF_RUN, per seed, float64 (seeds,)."""
        values = [_OF_RUN[figure](record) for record in self._records[arm]]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            raise NotMeasuredError(f"{arm} has no {figure}, for want of such images")
        return _enough(np.array(known, dtype=np.float64), arm)


def _require_here(figure: str) -> None:
    if not is_here(figure):
        raise NotMeasuredError(f"no plug-in here has the figure '{figure}'")


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


def _of_images(of: Measured, look: Look | None = None) -> Estimate:
    found = figures.interval(of, look.level if look else LEVEL)
    p_at = _overall(lambda bound: figures.against(of, bound), look)
    return Estimate(found.mean, found.low, found.high, len(of.seeds), p_at, _wanting(of))


def _difference_of_images(a: Measured, b: Measured, look: Look | None = None) -> Estimate:
    found, seeds = figures.difference(a, b, look), min(len(a.seeds), len(b.seeds))
    p_at = _overall(lambda bound: figures.difference_against(a, b, bound), look)
    return Estimate(found.difference, found.low, found.high, seeds, p_at, _wanting(a, b))


def _overall(p_at: Callable[[float], float], look: Look | None) -> Callable[[float], float]:
    """Return `p_at` so that what it returns counts all looks."""
    return p_at if look is None else lambda bound: look.overall(p_at(bound))


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
    from scipy import special

    distance, error = abs(float(values.mean()) - bound), mean_variance(values, step) ** 0.5
    if distance == 0 or error == 0:
        return 1.0 if distance == 0 else 0.0
    return float(2 * special.stdtr(len(values) - 1, -distance / error))


def _difference(a: Floats, b: Floats, step: float) -> Estimate:
    found, seeds = mean_difference(a, b, step), min(len(a), len(b))
    return Estimate(found.difference, found.low, found.high, seeds, lambda bound: mean_difference(a - bound, b, step).p)


_OF_RUN: Mapping[str, Callable[[RunRecord], float | None]] = {
    "seconds": lambda record: record.summary["seconds"]["train"],
    "turn": lambda record: turning_epoch(record.history),
    "rise": lambda record: rise_after_turn(record.history),
}
