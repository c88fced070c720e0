"""How good are predictions? A metric is one registered function of Predictions.

A class that occurs neither among the labels nor among the predictions is in no average. A ratio with denominator 0 is
0, as with scikit-learn's `zero_division=0`; the tests compare these figures with scikit-learn's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import isfinite, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation import influence
from sadari.evaluation.influence import Scale
from sadari.evaluation.metric_spec import Metric as Metric
from sadari.evaluation.metric_spec import as_metric
from sadari.evaluation.probabilities.calibration import BINS, expected_calibration_error, reliability
from sadari.evaluation.ranking import area, auc, average_precision, precision_area
from sadari.registry import Registry
from sadari.values import Answers, Predictions, Score

# The loss takes smaller probabilities for this one, so that one wrong prediction with probability 1 costs 15.9 nats and
# not infinity: float32's resolution, where scikit-learn's log_loss clips probabilities of that type too (cited).
LEAST_PROBABILITY = float(np.finfo(np.float32).eps)

Floats = NDArray[np.float64]


METRICS: Registry[Metric] = Registry("metric", adapt=as_metric)


def score(predictions: Predictions) -> Score:
    """Compute every metric that is defined for `predictions`. Raises ValueError without images.

    A metric of a plug-in that is no number is left out.
    """
    if not len(predictions):
        raise ValueError("there is nothing to score: the predictions hold no images")
    defined = [metric for metric in METRICS if metric.is_defined(predictions)]
    values = {metric.name: metric.function(predictions) for metric in defined}
    left_out = {metric.name for metric in defined if metric.of_plugin and not isfinite(values[metric.name])}
    return Score({name: value for name, value in values.items() if name not in left_out}, len(predictions))


def confusion(answers: Answers | Predictions) -> NDArray[np.int64]:
    """Count the images of each true and predicted class: int64 (K, K), row = true, column = predicted."""
    count = len(answers.classes)
    cells = answers.labels * count + answers.predicted
    return np.bincount(cells, minlength=count * count).reshape(count, count).astype(np.int64)


@dataclass(frozen=True, eq=False)
class ClassFigures:
    """Precision, recall and F1 of each class: float64 (K,) in [0, 1], 0 where the denominator is 0.

    support: int64 (K,), images of the class. occurs: bool (K,), whether it is among the labels or the predictions.
    """

    precision: Floats
    recall: Floats
    f1: Floats
    support: NDArray[np.int64]
    occurs: NDArray[np.bool_]

    def macro(self, figure: Floats) -> float:
        """Return the unweighted mean of `figure` (precision, recall or f1) over the classes that occur."""
        return float(figure[self.occurs].mean())

    def weighted(self, figure: Floats) -> float:
        """Return the mean of `figure` (precision, recall or f1), each class weighted by its images."""
        return float(np.average(figure, weights=self.support))


def class_figures(predictions: Predictions) -> ClassFigures:
    """Compute the figures of each class from `predictions` with at least one image."""
    table = confusion(predictions)
    correct, predicted, support = np.diagonal(table), table.sum(axis=0), table.sum(axis=1)
    return ClassFigures(
        precision=_ratio(correct, predicted),
        recall=_ratio(correct, support),
        f1=_ratio(2 * correct, predicted + support),
        support=support,
        occurs=predicted + support > 0,
    )


def _ratio(numerator: NDArray[np.int64], denominator: NDArray[np.int64]) -> Floats:
    return np.divide(numerator, denominator, out=np.zeros(len(denominator)), where=denominator > 0)


def accuracy(predictions: Predictions) -> float:
    """Return the share of images whose true class is the most probable one, in [0, 1]."""
    return float(np.mean(predictions.predicted == predictions.labels))


def top_5(predictions: Predictions) -> float:
    """Return the share of images whose true class is among the five most probable ones, in [0, 1].

    Of equally probable classes the first one counts as more probable, as in `accuracy`.
    """
    return float(np.mean(among_five(predictions)))


def among_five(predictions: Predictions) -> NDArray[np.bool_]:
    """Return whether the true class of each image is among its five most probable ones, bool (N,)."""
    rows = np.arange(len(predictions))
    true = predictions.probabilities[rows, predictions.labels][:, None]
    earlier = np.arange(len(predictions.classes)) < predictions.labels[:, None]
    ahead = (predictions.probabilities > true) | ((predictions.probabilities == true) & earlier)
    return np.asarray(ahead.sum(axis=1) < 5)


def loss(predictions: Predictions) -> float:
    """Return the mean of -log(probability of the true class), in nats.

    Probabilities are clipped to LEAST_PROBABILITY and 1 - LEAST_PROBABILITY, as scikit-learn's log_loss does.
    """
    return float(np.mean(losses(predictions)))


def losses(predictions: Predictions) -> Floats:
    """Return -log(probability of the true class) of each image, float64 (N,), in nats."""
    true = predictions.probabilities[np.arange(len(predictions)), predictions.labels].astype(np.float64)
    return np.asarray(-np.log(np.clip(true, LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY)))


def macro_f1(predictions: Predictions) -> float:
    """Return the unweighted mean of the classes' F1, in [0, 1]."""
    figures = class_figures(predictions)
    return figures.macro(figures.f1)


def macro_precision(predictions: Predictions) -> float:
    """Return the unweighted mean of the classes' precision, in [0, 1]."""
    figures = class_figures(predictions)
    return figures.macro(figures.precision)


def macro_recall(predictions: Predictions) -> float:
    """Return the unweighted mean of the classes' recall, in [0, 1].

    A class that is predicted but never true counts as 0; `balanced_accuracy` leaves it out.
    """
    figures = class_figures(predictions)
    return figures.macro(figures.recall)


def balanced_accuracy(predictions: Predictions) -> float:
    """Return the accuracy for equally frequent classes, in [0, 1]: the mean recall of the classes with images."""
    figures = class_figures(predictions)
    return float(figures.recall[figures.support > 0].mean())


def weighted_f1(predictions: Predictions) -> float:
    """Return the mean of the classes' F1, each class weighted by its images, in [0, 1]."""
    figures = class_figures(predictions)
    return figures.weighted(figures.f1)


def mcc(predictions: Predictions) -> float:
    """Return the correlation of true and predicted classes, in [-1, 1]; 0 where one of them never varies.

    Matthews 1975 for two classes, Gorodkin 2004 for several.
    """
    cells = confusion(predictions)
    count, true, said = int(cells.sum()), cells.sum(axis=1), cells.sum(axis=0)
    of_true, of_said = (float(count**2 - each @ each) for each in (true, said))
    if not of_true or not of_said:
        return 0.0
    return float(count * int(np.trace(cells)) - int(true @ said)) / sqrt(of_true * of_said)


def kappa(predictions: Predictions) -> float:
    """Return the agreement of true and predicted classes beyond that by chance, in [-1, 1]; 0 where all is one class.

    Cohen, Educational and Psychological Measurement 20, 1960.
    """
    cells = confusion(predictions).astype(np.float64)
    count = cells.sum()
    chance = float(cells.sum(axis=1) @ cells.sum(axis=0)) / count**2
    return 0.0 if chance >= 1 else (float(np.trace(cells)) / count - chance) / (1 - chance)


def calibration_error(predictions: Predictions) -> float:
    """Return the expected calibration error over 15 bins, in [0, 1].

    Guo, Pleiss, Sun & Weinberger, On Calibration of Modern Neural Networks, ICML 2017.
    """
    return expected_calibration_error(reliability([predictions]))


def _add(name: str, summary: str, function: Callable[[Predictions], float], *, up: bool = True, **more: Any) -> None:
    METRICS.add(name, Metric(name, summary, function, up, **more))


_add("accuracy", "share of the images classified correctly", accuracy, per_image=influence.right)
_add(
    "top_5",
    "share of the images whose class is among the five most probable ones",
    top_5,
    least_classes=6,
    per_image=influence.mean_of(among_five, 1.0),
    by_probability=True,
)
_add(
    "loss",
    "mean log loss in nats",
    loss,
    up=False,
    per_image=influence.mean_of(losses, 0.0),
    by_probability=True,
    scale=Scale.POSITIVE,
)
_add("macro_f1", "unweighted mean of the classes' F1", macro_f1, per_image=influence.macro_f1)
_add("macro_precision", "unweighted mean of the classes' precision", macro_precision, per_image=influence.precision)
_add(
    "macro_recall",
    "unweighted mean of the classes' recall",
    macro_recall,
    per_image=partial(influence.recall, also_said=True),
)
_add(
    "balanced_accuracy",
    "mean recall of the classes that have images",
    balanced_accuracy,
    per_image=partial(influence.recall, also_said=False),
)
_add("weighted_f1", "mean of the classes' F1, weighted by images", weighted_f1, per_image=influence.weighted_f1)
_add(
    "calibration_error",
    "mean distance of confidence from accuracy, in 15 bins",
    calibration_error,
    up=False,
    per_image=partial(influence.calibration, bins=BINS),
    by_probability=True,
)
_add(
    "mcc",
    "correlation of true and predicted classes (Matthews)",
    mcc,
    least_classes=2,
    per_image=influence.correlation,
    scale=Scale.ANY,
)
_add(
    "kappa",
    "agreement of true and predicted classes beyond chance (Cohen)",
    kappa,
    least_classes=2,
    per_image=influence.agreement,
    scale=Scale.ANY,
)
_add(
    "auc",
    "mean area under the ROC curves, each class against the rest",
    auc,
    least_classes=2,
    per_image=area,
    by_probability=True,
)
_add(
    "average_precision",
    "mean area under the precision-recall curves, each class against the rest",
    average_precision,
    least_classes=2,
    per_image=precision_area,
    by_probability=True,
)
