"""How does one class stand out from the rest at every threshold? The counts behind its ROC and precision-recall curves.

An image is said to be of the class where its probability is at least the threshold. Every distinct probability is a
threshold, so that the curves are those of scikit-learn's `roc_curve` and `precision_recall_curve`, as counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation import figures
from sadari.evaluation.influence import PerImage, Scale
from sadari.evaluation.ranking import of_classes
from sadari.values import Interval, Predictions

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
NEVER = float("inf")  # the threshold that no image reaches


@dataclass(frozen=True, eq=False)
class ClassCurve:
    """One class against the rest. thresholds: float64 (T,), falling, NEVER first.

    hits, alarms: int64 (T,), the images of the class and the other ones that reach each threshold. images, others: how
    many there are.
    """

    name: str
    thresholds: Floats
    hits: Numbers
    alarms: Numbers
    images: int
    others: int

    @property
    def said(self) -> Numbers:
        """Return how many images reach each threshold, int64 (T,)."""
        return np.asarray(self.hits + self.alarms)

    def at(self, threshold: float) -> int:
        """Return the position of the counts that hold at `threshold`, which may lie between those of the curve."""
        return int(np.searchsorted(-self.thresholds, -threshold, side="right")) - 1

    def thinned(self, most: int, least: int = 0) -> "ClassCurve":
        """Return the corners of the ROC curve, between which it is straight; at most `most` of them, evenly along it.

        Up to `most` corners nothing is lost of it. most: at least 2. least: where there are fewer corners, so many
        points evenly along the curve join them, as far as it has them.
        """
        kept = self._corners()
        way = self.hits / max(self.images, 1) + self.alarms / max(self.others, 1)
        if len(kept) > most:
            kept = kept[_evenly(way[kept], most)]
        elif len(kept) < least:
            kept = np.union1d(kept, _evenly(way, least - len(kept)))
        return replace(self, thresholds=self.thresholds[kept], hits=self.hits[kept], alarms=self.alarms[kept])

    def _corners(self) -> Numbers:
        """Return the first position, the last one, and those at which the curve turns."""
        up, right = np.diff(self.hits), np.diff(self.alarms)
        turns = up[1:] * right[:-1] != up[:-1] * right[1:]
        return np.flatnonzero(np.concatenate([[True], turns, [True]])[: len(self.hits)])


@dataclass(frozen=True)
class ClassAreas:
    """The areas under both curves of a class with their 95 % intervals. images: those of the class."""

    name: str
    images: int
    auc: Interval
    average_precision: Interval


def curve_of(predictions: Predictions, name: str) -> ClassCurve:
    """Return the curve of the class `name`, one of those of `predictions`."""
    label = predictions.classes.index(name)
    inside = predictions.labels == label
    levels, place = np.unique(-predictions.probabilities[:, label].astype(np.float64), return_inverse=True)
    hits = np.bincount(place, weights=inside, minlength=len(levels)).astype(np.int64)
    alarms = np.bincount(place, minlength=len(levels)) - hits
    none = np.zeros(1, dtype=np.int64)
    count = int(inside.sum())
    return ClassCurve(
        name,
        np.concatenate([[NEVER], -levels]),
        np.concatenate([none, np.cumsum(hits)]),
        np.concatenate([none, np.cumsum(alarms)]),
        count,
        len(inside) - count,
    )


def _evenly(way: Floats, count: int) -> Numbers:
    """Return the positions in the rising `way` that are nearest after `count` places evenly along it."""
    places = np.searchsorted(way, np.linspace(0, way[-1], count))
    return np.unique(np.clip(places, 0, len(way) - 1))


def class_areas(predictions: Sequence[Predictions], groups: Numbers | None = None) -> tuple[ClassAreas, ...]:
    """Return the areas of each class that some images have and others have not; the means over several networks.

    predictions: one per network, of the same images. groups: of the images, where they come in groups.
    """
    seeds = [of_classes(each) for each in predictions]
    return tuple(
        ClassAreas(
            of_class[0].name,
            of_class[0].images,
            _interval([each.auc for each in of_class], groups),
            _interval([each.average_precision for each in of_class], groups),
        )
        for of_class in zip(*seeds, strict=True)
    )


def _interval(networks: Sequence[PerImage], groups: Numbers | None) -> Interval:
    return figures.interval(figures.measured(networks, Scale.SHARE, groups=groups))
