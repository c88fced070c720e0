"""Are a model's probabilities right? The reliability diagram as data, and the expected calibration error.

Guo, Pleiss, Sun & Weinberger, On Calibration of Modern Neural Networks, ICML 2017, section 2: bins of equal width over
the probability of the predicted class; the paper's tables have 15 bins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, sqrt

import numpy as np

from sadari.values import Predictions

BINS = 15  # as in the paper's tables (cited)
POOR = 0.05  # calibration error from which probabilities are not to be taken as chances (assumed)


@dataclass(frozen=True)
class ReliabilityBin:
    """One bin: the images whose highest probability is in (low, high].

    confidence, accuracy: means over its images, in [0, 1]. images: their number; with several seeds, per seed.
    """

    low: float
    high: float
    confidence: float
    accuracy: float
    images: float


def reliability(predictions: Sequence[Predictions], bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """Return the bins that hold images, from the lowest confidence to the highest.

    predictions: one per seed; their images are pooled, so that a bin's means are over the images of all seeds.
    Raises ValueError where there are no images or no bins.
    """
    if not any(len(each) for each in predictions) or bins < 1:
        raise ValueError(f"a reliability diagram needs images and bins; got {len(predictions)} seeds and {bins} bins")
    confidence = np.concatenate([each.probabilities.max(axis=1) for each in predictions]).astype(np.float64)
    correct = np.concatenate([each.predicted == each.labels for each in predictions])
    edges = np.linspace(0.0, 1.0, bins + 1)
    bin_of_image = np.digitize(confidence, edges[1:-1], right=True)
    images = np.bincount(bin_of_image, minlength=bins)
    confidences, corrects = (np.bincount(bin_of_image, weights=each, minlength=bins) for each in (confidence, correct))
    return tuple(
        ReliabilityBin(
            low=float(edges[each]),
            high=float(edges[each + 1]),
            confidence=float(confidences[each] / images[each]),
            accuracy=float(corrects[each] / images[each]),
            images=float(images[each] / len(predictions)),
        )
        for each in np.flatnonzero(images)
    )


def expected_calibration_error(diagram: Sequence[ReliabilityBin]) -> float:
    """Return the mean distance of confidence from accuracy, weighted by the images of each bin, in [0, 1].

    It is meant for one network: in a diagram of several seeds, an overconfident seed and an underconfident one can
    cancel out.
    """
    images = np.array([each.images for each in diagram])
    distances = np.array([abs(each.accuracy - each.confidence) for each in diagram])
    return float((images * distances).sum() / images.sum())


def calibration_caution(name: str, bins: Sequence[ReliabilityBin], error: float) -> str:
    """Return a warning where the probabilities of an arm are far from how often it is right, else "".

    Far: by more than POOR beyond what a calibrated model would show on so few images, which is the mean deviation of a
    binomial share in each bin.
    """
    images = sum(each.images for each in bins)
    if not images:
        return ""
    chance = sum(sqrt(2 / pi * each.images * each.confidence * (1 - each.confidence)) for each in bins) / images
    if error <= POOR + chance:
        return ""
    confidence = sum(each.images * each.confidence for each in bins) / images
    accuracy = sum(each.images * each.accuracy for each in bins) / images
    side = (
        "too high" if confidence > accuracy + POOR / 2 else "too low" if confidence < accuracy - POOR / 2 else "wrong"
    )
    return (
        f"The probabilities of {name} are {side}: {100 * confidence:.0f} % on average, where {100 * accuracy:.0f} % are"
        f" right (calibration error {100 * error:.1f} %). Read them as an order, not as chances."
    )
