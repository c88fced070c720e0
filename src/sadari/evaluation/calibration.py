"""May a model's probabilities be believed? The reliability diagram as data, and one figure from it.

Guo, Pleiss, Sun & Weinberger, On Calibration of Modern Neural Networks, ICML 2017, section 2: bins of equal width over
the probability of the predicted class, 15 of them in their tables.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sadari.values import Predictions

BINS = 15  # as in the paper's tables (cited)


@dataclass(frozen=True)
class ReliabilityBin:
    """Images whose highest probability lies in (low, high]: how sure was the model, and how often was it right?

    confidence, accuracy: means over its images, in [0, 1]. images: how many; with several seeds, per seed.
    """

    low: float
    high: float
    confidence: float
    accuracy: float
    images: float


def reliability(predictions: Sequence[Predictions], bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """How often is the model right when it is so sure? The bins that hold images, from the least sure one up.

    predictions: one per seed, their images pooled, so that a bin's means are over the images of all seeds.
    Raises ValueError where there are no images or no bins.
    """
    if not any(len(each) for each in predictions) or bins < 1:
        raise ValueError(f"a reliability diagram needs images and bins; got {len(predictions)} seeds and {bins} bins")
    confidence = np.concatenate([each.probabilities.max(axis=1) for each in predictions]).astype(np.float64)
    right = np.concatenate([each.predicted == each.labels for each in predictions])
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.digitize(confidence, edges[1:-1], right=True)
    images = np.bincount(place, minlength=bins)
    sure, correct = (np.bincount(place, weights=each, minlength=bins) for each in (confidence, right))
    return tuple(
        ReliabilityBin(
            low=float(edges[each]),
            high=float(edges[each + 1]),
            confidence=float(sure[each] / images[each]),
            accuracy=float(correct[each] / images[each]),
            images=float(images[each] / len(predictions)),
        )
        for each in np.flatnonzero(images)
    )


def expected_calibration_error(diagram: Sequence[ReliabilityBin]) -> float:
    """How far does confidence lie from accuracy, on average over the images of `diagram`? In [0, 1].

    That of one network; in a diagram of several seeds, what one is too sure of can hide what another is too unsure of.
    """
    images = np.array([each.images for each in diagram])
    distances = np.array([abs(each.accuracy - each.confidence) for each in diagram])
    return float((images * distances).sum() / images.sum())
