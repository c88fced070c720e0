"""Does a model give the images of a class a higher probability of it than other images? The area under the ROC curve.

For each class, one against the rest: the share of the pairs of an image of the class and another one in which the first
has the higher probability, half of the ties (Mann and Whitney 1947). An image's value is the share of its own pairs
that are right, its placement, and the variance of the area follows from those (DeLong, DeLong & Clarke-Pearson,
Biometrics 44, 1988; computed by ranks as Sun & Xu, IEEE Signal Processing Letters 21, 2014).
"""

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation.influence import PerImage
from sadari.values import Predictions

Floats = NDArray[np.float64]
UNKNOWN = 0.5  # the area where no class has both images and others: that of a model that knows nothing


def auc(predictions: Predictions) -> float:
    """Return the mean area over the classes that some images have and others have not, in [0, 1]; else UNKNOWN."""
    return float(area(predictions).values.mean())


def area(predictions: Predictions) -> PerImage:
    """Return the values of `auc`, one per image.

    Deviations grow by sqrt(n / (n - 1)) for the n images of their side, as DeLong's variances divide by n - 1.
    """
    total, moves, classes = 0.0, np.zeros(len(predictions)), 0
    for each, probability in enumerate(predictions.probabilities.T):
        inside = predictions.labels == each
        if not inside.any() or inside.all():
            continue
        of_class, each_moves = _area(probability.astype(np.float64), inside)
        total, moves, classes = total + of_class, moves + each_moves, classes + 1
    if not classes:
        return PerImage(np.full(len(predictions), UNKNOWN), 0.0)
    return PerImage(total / classes + moves / classes, 0.0)


def area_between(above: NDArray[np.floating], below: NDArray[np.floating]) -> PerImage:
    """Return the values of the area of scores that should be higher, (n,), over those that should be lower, (m,).

    unit: such that an area of 1 has Wilson's interval of a share of the smaller side. Raises ValueError where a side is
    empty.
    """
    if not len(above) or not len(below):
        raise ValueError(f"needs images of both sides, not {len(above)} and {len(below)}")
    inside = np.repeat([True, False], [len(above), len(below)])
    value, moves = _area(np.concatenate([above, below]).astype(np.float64), inside)
    return PerImage(value + moves, float(np.sqrt(len(inside) / min(len(above), len(below)))))


def _area(scores: Floats, inside: NDArray[np.bool_]) -> tuple[float, Floats]:
    """Return the area of the images `inside` over the others, and how far each image moves it, (N,), times N."""
    placements, moves = _placements(scores, inside), np.zeros(len(scores))
    value = float(placements[inside].mean())
    for side in (inside, ~inside):
        count = int(side.sum())
        grown = np.sqrt(count / max(count - 1, 1))
        moves[side] = (placements[side] - value) * grown * len(scores) / count
    return value, moves


def _placements(scores: Floats, inside: NDArray[np.bool_]) -> Floats:
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
