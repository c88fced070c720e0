"""What does each threshold give? The curves of each class, as far as the page holds them, for its slider and a plot."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation.operating.curves import class_areas, curve_of
from sadari.values import Interval, Predictions

MOST_CLASSES = 100  # with curves on the page: those of the lowest average precision (assumed: nobody reads more)
MOST_POINTS, LEAST_POINTS = 200, 12  # of a curve, as many as there is room for
FINE = 40  # steps of a slider, where a curve has fewer corners (assumed: as finely as a hand moves it)
ALL_POINTS = 20_000  # of all curves of all arms: about 400 kB of the page


@dataclass(frozen=True)
class ThresholdCurve:
    """What a class against the rest is at each threshold, on the images that judge, by one network.

    name: of the class. thresholds, hits, alarms: falling thresholds, and how many images of the class and of others
    reach each; the first one no image reaches, and it is stored as 1. whole: whether no corner of the curve is left
    out. auc, average_precision: means over the networks of the arm, with their intervals.
    """

    name: str
    images: int
    others: int
    thresholds: tuple[float, ...]
    hits: tuple[int, ...]
    alarms: tuple[int, ...]
    whole: bool
    auc: Interval
    average_precision: Interval


def points_for(arms: int, classes: int) -> int:
    """Return how many points a curve may have where `arms` arms show `classes` classes."""
    curves = max(arms * min(classes, MOST_CLASSES), 1)
    return min(max(ALL_POINTS // curves, LEAST_POINTS), MOST_POINTS)


def threshold_curves(
    predictions: Sequence[Predictions], most: int, groups: NDArray[np.int64] | None = None
) -> tuple[ThresholdCurve, ...]:
    """Return the curves of the first of these networks, in the order of the classes; of many classes the worst.

    most: points of a curve. groups: of the images, for the intervals of the areas.
    """
    areas = class_areas(predictions, groups)
    worst = sorted(areas, key=lambda each: each.average_precision.mean)[:MOST_CLASSES]
    found = []
    for each in (area for area in areas if area in worst):
        curve = curve_of(predictions[0], each.name)
        corners, thin = curve.thinned(len(curve.hits) + 1), curve.thinned(most, min(FINE, most))
        found.append(
            ThresholdCurve(
                each.name,
                curve.images,
                curve.others,
                (1.0, *thin.thresholds[1:].tolist()),
                tuple(thin.hits.tolist()),
                tuple(thin.alarms.tolist()),
                len(thin.hits) >= len(corners.hits),
                each.auc,
                each.average_precision,
            )
        )
    return tuple(found)
