"""How much does each image move a figure? One value per image, whose mean is the figure and whose spread is its error.

A mean, such as accuracy or the log loss, has such values as it is. For a ratio of two means, A/B, the value of an image
is A/B + (a - A/B b)/B, with a and b its share in both: the influence function (Hampel, The Influence Curve and its Role
in Robust Estimation, JASA 69, 1974; the delta method is the same to first order; for F1 see Takahashi, Yamamoto,
Kuchiba & Koyama, Confidence Interval for Micro-Averaged F1 and Macro-Averaged F1 Scores, Applied Intelligence 52,
2022). Figures of classes with few images are taken as the jackknife has them: deviations within n images grow by
sqrt(n / (n - 1)).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from sadari.values import Answers, Predictions

Floats = NDArray[np.float64]
Judged = Answers | Predictions


class Scale(Enum):
    """Where a figure can be: in [0, 1], above 0, or anywhere; its interval stays there."""

    SHARE = "share"
    POSITIVE = "positive"
    ANY = "any"


@dataclass(frozen=True, eq=False)
class PerImage:
    """The values of a figure, float64 (N,), one per image: their mean is the figure of one network.

    unit: how far one more wrong image moves the value of an image, 0 where the figure is continuous. Of accuracy it is
    1. It stands for what few images cannot show: networks that agree on all of them are not certain to be equal.
    least: the least variance of right and wrong on one image that a share may have, for those that come nearer to 1
    than one wrong image would leave them.
    """

    values: Floats
    unit: float
    least: float = 0.0


@dataclass(frozen=True, eq=False)
class _Counts:
    """What the figures of classes consist of, float64: hits, true and said are (K,), right is (N,), 1 or 0."""

    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    right: Floats
    hits: Floats
    true: Floats
    said: Floats

    @classmethod
    def of(cls, judged: Judged) -> "_Counts":
        labels, predicted, classes = judged.labels, judged.predicted, len(judged.classes)
        right = (labels == predicted).astype(np.float64)
        true, said = (np.bincount(each, minlength=classes).astype(np.float64) for each in (labels, predicted))
        hits = np.bincount(labels, weights=right, minlength=classes).astype(np.float64)
        return cls(labels, predicted, right, hits, true, said)

    @property
    def unit(self) -> float:
        """Return the root mean square, over images, of the weight that an image has in a mean over classes."""
        there = self.true[self.true > 0]
        return float(np.sqrt(len(self.labels) * (1 / there).sum()) / len(there))


def unit_of_classes(judged: Judged) -> float:
    """Return how far one more wrong image moves a mean over classes, as `PerImage.unit` has it."""
    return _Counts.of(judged).unit


def mean_of(values: Callable[[Predictions], NDArray[np.generic]], unit: float) -> Callable[[Predictions], PerImage]:
    """Return the function that gives the values of a figure that is the mean of `values`, one per image."""
    return lambda predictions: PerImage(values(predictions).astype(np.float64), unit)


def right(judged: Judged) -> PerImage:
    """Return 1 for an image that is classified correctly, else 0: the values of accuracy."""
    return PerImage((judged.labels == judged.predicted).astype(np.float64), 1.0)


def recall(judged: Judged, also_said: bool) -> PerImage:
    """Return the values of the mean recall. also_said: whether it counts classes that are predicted and never true."""
    found = _Counts.of(judged)
    classes = int(((found.true > 0) | (also_said & (found.said > 0))).sum())
    of_class = _ratio(found.hits, found.true)
    moves = (found.right - of_class[found.labels]) * _grown(found.true, found.true)[found.labels]
    return PerImage(of_class.sum() / classes + moves * len(found.right) / classes, found.unit)


def precision(judged: Judged) -> PerImage:
    """Return the values of the mean precision of the classes that are true or predicted."""
    found = _Counts.of(judged)
    classes = int(((found.true > 0) | (found.said > 0)).sum())
    of_class = _ratio(found.hits, found.said)
    moves = (found.right - of_class[found.predicted]) * _grown(found.said, found.said)[found.predicted]
    return PerImage(of_class.sum() / classes + moves * len(found.right) / classes, found.unit)


def macro_f1(judged: Judged) -> PerImage:
    """Return the values of the mean F1 of the classes that are true or predicted."""
    found = _Counts.of(judged)
    there = (found.true + found.said) > 0
    of_class = _ratio(2 * found.hits, found.true + found.said)
    moves = _f1_moves(found, of_class, there / there.sum())
    return PerImage(float(of_class[there].mean()) + moves, found.unit)


def weighted_f1(judged: Judged) -> PerImage:
    """Return the values of the mean F1 in which each class has the weight of its images, which are drawn, too."""
    found = _Counts.of(judged)
    of_class = _ratio(2 * found.hits, found.true + found.said)
    weights = found.true / len(found.labels)
    return PerImage(of_class[found.labels] + _f1_moves(found, of_class, weights), 1.0)


def correlation(judged: Judged) -> PerImage:
    """Return the values of the correlation of true and predicted classes (Gorodkin 2004)."""
    found, count = _Counts.of(judged), len(judged.labels)
    true, said, hit = found.true / count, found.said / count, float(found.right.mean())
    both, of_true, of_said = float(true @ said), 1 - float(true @ true), 1 - float(said @ said)
    if of_true <= 0 or of_said <= 0:
        return PerImage(np.zeros(count), 0.0)
    scale = float(np.sqrt(of_true * of_said))
    value = (hit - both) / scale
    covariance = found.right - hit - true[found.predicted] - said[found.labels] + 2 * both
    true_varies = 2 * (1 - of_true - true[found.labels]) / of_true
    said_varies = 2 * (1 - of_said - said[found.predicted]) / of_said
    return PerImage(value + covariance / scale - value / 2 * (true_varies + said_varies), 1 / scale)


def agreement(judged: Judged) -> PerImage:
    """Return the values of the agreement of true and predicted classes beyond chance (Cohen's kappa, 1960).

    Both rates, that of agreement and that of agreement by chance, move with each image (Fleiss, Cohen & Everitt,
    Psychological Bulletin 72, 1969).
    """
    found, count = _Counts.of(judged), len(judged.labels)
    true, said, hit = found.true / count, found.said / count, float(found.right.mean())
    chance = float(true @ said)
    if chance >= 1:
        return PerImage(np.zeros(count), 0.0)
    value = (hit - chance) / (1 - chance)
    by_chance = true[found.predicted] + said[found.labels] - 2 * chance
    moves = found.right - hit - (1 - value) * by_chance
    return PerImage(value + moves / (1 - chance), 1 / (1 - chance))


def calibration(predictions: Predictions, bins: int) -> PerImage:
    """Return confidence minus correctness of each image, with the sign that its bin has: their mean is the error.

    The expected calibration error of N images is above that of endlessly many, since chance moves every bin away from
    0; these values are about what such N images show.
    """
    confidence = predictions.probabilities.max(axis=1).astype(np.float64)
    away = confidence - (predictions.predicted == predictions.labels)
    bin_of_image = np.digitize(confidence, np.linspace(0.0, 1.0, bins + 1)[1:-1], right=True)
    sums = np.bincount(bin_of_image, weights=away, minlength=bins)
    return PerImage(away * np.where(sums < 0, -1.0, 1.0)[bin_of_image], 0.0)


def _f1_moves(found: _Counts, of_class: Floats, weights: Floats) -> Floats:
    """Return what each image adds to the weighted sum of the classes' F1, (N,), with the mean 0."""
    each = weights * _grown(found.true + found.said, (found.true + found.said) / 2)
    of_label, of_said = each[found.labels], each[found.predicted]
    falls = of_class[found.labels] * of_label + of_class[found.predicted] * of_said
    return np.asarray((2 * found.right * of_label - falls) * len(found.right))


def _grown(counts: Floats, images: Floats) -> Floats:
    """Return 1 / counts, times sqrt(n / (n - 1)) for n images, of which there are two at least; 0 for counts of 0."""
    n = np.maximum(images, 2.0)
    return _ratio(np.sqrt(n / (n - 1)), counts)


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    return np.divide(numerator, denominator, out=np.zeros(len(denominator)), where=denominator > 0)
