"""How good are predictions, in which figures? A metric is one registered function of Predictions."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sadari.registry import Registry
from sadari.values import Predictions, Score

# The least probability that the loss believes: float32's smallest normal number, so that one sure and wrong
# prediction costs 87.3 nats rather than infinity.
LEAST_PROBABILITY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Metric:
    """What does one figure say? `function` maps Predictions with at least one image to a float."""

    name: str
    summary: str
    function: Callable[[Predictions], float]
    higher_is_better: bool


METRICS: Registry[Metric] = Registry("metric")


def score(predictions: Predictions) -> Score:
    """How good are `predictions` by every registered metric? Raises ValueError where there are no images."""
    if not len(predictions):
        raise ValueError("there is nothing to score: the predictions hold no images")
    return Score({metric.name: metric.function(predictions) for metric in METRICS}, len(predictions))


def confusion(predictions: Predictions) -> NDArray[np.int64]:
    """Which class is taken for which? int64 (K, K): row = true class, column = predicted class, entry = images."""
    count = len(predictions.classes)
    cells = predictions.labels * count + predictions.predicted
    return np.bincount(cells, minlength=count * count).reshape(count, count).astype(np.int64)


def accuracy(predictions: Predictions) -> float:
    """Which share of the images got their own class as the most probable one? In [0, 1]."""
    return float(np.mean(predictions.predicted == predictions.labels))


def loss(predictions: Predictions) -> float:
    """How surprised is the model by the truth? Mean of -log of the true class's probability, in nats.

    A probability below LEAST_PROBABILITY counts as LEAST_PROBABILITY.
    """
    true = predictions.probabilities[np.arange(len(predictions)), predictions.labels].astype(np.float64)
    return float(-np.mean(np.log(np.clip(true, LEAST_PROBABILITY, 1.0))))


def macro_f1(predictions: Predictions) -> float:
    """How good is the model when every class counts the same? Unweighted mean of the classes' F1, in [0, 1].

    Over the classes that occur among the labels or the predictions; a class that is never predicted, or
    predicted without ever being true, has F1 0 (scikit-learn's `f1_score(average="macro", zero_division=0)`).
    """
    from sklearn.metrics import f1_score  # loads a second of imports that the fast commands do without

    return float(f1_score(predictions.labels, predictions.predicted, average="macro", zero_division=0))


METRICS.add("accuracy", Metric("accuracy", "share of the images classified rightly", accuracy, True))
METRICS.add("loss", Metric("loss", "mean log loss in nats", loss, False))
METRICS.add("macro_f1", Metric("macro_f1", "unweighted mean of the classes' F1", macro_f1, True))
