"""A metric: the Brier score (Brier, Monthly Weather Review 78, 1950)."""

import numpy as np
from numpy.typing import NDArray

import sadari


@sadari.metric("brier", higher_is_better=False, scale="positive")
def brier(predictions: sadari.Predictions) -> NDArray[np.float64]:
    """Mean squared distance of the probabilities from the true class."""
    truth = np.eye(len(predictions.classes))[predictions.labels]
    return np.asarray(((predictions.probabilities - truth) ** 2).sum(axis=1), dtype=np.float64)
