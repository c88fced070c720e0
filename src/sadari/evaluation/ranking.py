"""Does a model give the images of a class a higher probability of it than other images? Two areas, one for each curve.

Each class against the rest. The area under the ROC curve: the share of the pairs of an image of the class and another
one in which the first has the higher probability, half of the ties (Mann and Whitney 1947). An image's value is the
share of its own pairs that are right, its placement, and the variance of the area follows from those (DeLong, DeLong &
Clarke-Pearson, Biometrics 44, 1988; computed by ranks as Sun & Xu, IEEE Signal Processing Letters 21, 2014).

The area under the precision-recall curve as average precision, without interpolation: the mean, over the images of the
class, of the precision among all images that are at least as probable. Its values per image are its influence function.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation.influence import PerImage, unit_of_classes
from sadari.values import Predictions

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
MOST = 100  # classes whose areas `scores.json` holds (assumed: it stays small; `sadari evaluate` has all)
UNKNOWN = 0.5  # the area where no class has both images and others: that of a model that knows nothing


@dataclass(frozen=True, eq=False)
class ClassRanking:
    """How well one class is told from the rest. auc, average_precision: their values per image."""

    name: str
    images: int
    auc: PerImage
    average_precision: PerImage


def auc(predictions: Predictions) -> float:
    """Return the mean area over the classes that some images have and others have not, in [0, 1]; else UNKNOWN."""
    return float(area(predictions).values.mean())


def average_precision(predictions: Predictions) -> float:
    """Return the mean average precision over the classes that some images have and others have not, in [0, 1].

    Without such classes it is 1: each image that is found is right.
    """
    return float(precision_area(predictions).values.mean())


def area(predictions: Predictions) -> PerImage:
    """Return the values of `auc`, one per image.

    Deviations grow by sqrt(n / (n - 1)) for the n images of their side, as DeLong's variances divide by n - 1.
    """
    return _mean_over_classes(predictions, _area, UNKNOWN)


def precision_area(predictions: Predictions) -> PerImage:
    """Return the values of `average_precision`, one per image.

    unit: that of an image of the class that nothing finds, as of the mean recall. Few images that are all found show no
    spread, which does not make them certain: without it 95 % intervals cover 91 % on 200 images.
    """
    values = _mean_over_classes(predictions, _precision_area, 1.0).values
    return PerImage(values, unit_of_classes(predictions), _least(len(predictions)))


def of_classes(predictions: Predictions) -> tuple[ClassRanking, ...]:
    """Return both areas of each class that some images have and others have not, in the order of the classes."""
    found = []
    for each, name in enumerate(predictions.classes):
        inside = predictions.labels == each
        if inside.any() and not inside.all():
            scores = predictions.probabilities[:, each].astype(np.float64)
            areas, count = _area(scores, inside), int(inside.sum())
            unit = float(np.sqrt(len(scores) / count))
            # Images that are all ranked rightly show no spread, which does not make them certain.
            area_unit = unit if (areas == areas[0]).all() else 0.0
            precise = PerImage(_precision_area(scores, inside), unit, _least(len(scores)))
            found.append(ClassRanking(name, count, PerImage(areas, area_unit), precise))
    return tuple(found)


def areas_in_short(predictions: Predictions) -> dict[str, dict[str, float]]:
    """Return both areas of each class by name, to six decimals; nothing for more than MOST classes."""
    if len(predictions.classes) > MOST:
        return {}
    return {
        each.name: {
            "auc": round(float(each.auc.values.mean()), 6),
            "average_precision": round(float(each.average_precision.values.mean()), 6),
        }
        for each in of_classes(predictions)
    }


def _mean_over_classes(
    predictions: Predictions, of_class: Callable[[Floats, Bools], Floats], without: float
) -> PerImage:
    """Return the mean over classes of the values of each; `without` where no class has both images and others."""
    total, classes = np.zeros(len(predictions)), 0
    for each, probability in enumerate(predictions.probabilities.T):
        inside = predictions.labels == each
        if inside.any() and not inside.all():
            total += of_class(probability.astype(np.float64), inside)
            classes += 1
    return PerImage(total / classes if classes else np.full(len(predictions), without), 0.0)


def area_between(above: NDArray[np.floating], below: NDArray[np.floating]) -> PerImage:
    """Return the values of the area of scores that should be higher, (n,), over those that should be lower, (m,).

    unit: such that an area of 1 has Wilson's interval of a share of the smaller side. Raises ValueError where a side is
    empty.
    """
    if not len(above) or not len(below):
        raise ValueError(f"needs images of both sides, not {len(above)} and {len(below)}")
    inside = np.repeat([True, False], [len(above), len(below)])
    values = _area(np.concatenate([above, below]).astype(np.float64), inside)
    return PerImage(values, float(np.sqrt(len(inside) / min(len(above), len(below)))))


def _area(scores: Floats, inside: Bools) -> Floats:
    """Return the values, (N,), of the area under the ROC curve of the images `inside` against the others."""
    placements = _placements(scores, inside)
    of_class, values = float(placements[inside].mean()), np.empty(len(scores))
    for side in (inside, ~inside):
        count = int(side.sum())
        values[side] = of_class + (placements[side] - of_class) * _grown(count) * len(scores) / count
    return values


def _precision_area(scores: Floats, inside: Bools) -> Floats:
    """Return the values, (N,), of the average precision of the images `inside`.

    An image moves it as one of the class that is found, and as one, of the class or not, that changes the precision at
    every image of the class that is not more probable than it.
    """
    levels, place = np.unique(-scores, return_inverse=True)  # the most probable first
    hits = np.bincount(place, weights=inside, minlength=len(levels))
    said = np.cumsum(np.bincount(place, minlength=len(levels)))
    precision = np.cumsum(hits) / said
    count = int(inside.sum())
    found = float(hits @ precision) / count
    # Sums over the images of the class from each level on to the least probable one.
    once, weighted = (np.cumsum((hits / said * each)[::-1])[::-1] for each in (1.0, precision))
    own = inside * (precision[place] - found)
    others = inside * once[place] - weighted[place]
    moves = (own + others) * len(scores) / count
    # Twice as far as in `_area`, since images of the class are compared with each other, too (measured).
    moves *= np.where(inside, _grown(count), _grown(len(scores) - count)) ** 2
    return np.asarray(found + moves - moves.mean())


def _least(images: int) -> float:
    """Return the variance of right and wrong where one of `images` is wrong."""
    return (1 - 1 / images) / images


def _grown(count: int) -> float:
    return float(np.sqrt(count / max(count - 1, 1)))


def _placements(scores: Floats, inside: Bools) -> Floats:
    """Return for each image the share of the images of the other side that it is rightly above or below."""
    ranks, placements = _ranks(scores), np.empty(len(scores))
    count, others = int(inside.sum()), int((~inside).sum())
    placements[inside] = (ranks[inside] - _ranks(scores[inside])) / others
    placements[~inside] = 1 - (ranks[~inside] - _ranks(scores[~inside])) / count
    return placements


def _ranks(scores: Floats) -> Floats:
    """Return the ranks of `scores` from 1, the mean of their ranks for equal ones."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])
