"""Are a model's probabilities right? The reliability diagram as data, and the expected calibration error.

Guo, Pleiss, Sun & Weinberger, On Calibration of Modern Neural Networks, ICML 2017, section 2: bins of equal width over
the probability of the predicted class; the paper's tables have 15 bins.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sadari.values import Predictions

BINS = 15  # as in the paper's tables (cited)


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
