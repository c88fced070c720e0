"""Do the values per image need no more than they say? `MetricContract` compares them with figure and jackknife."""

import numpy as np
import pytest

from sadari.evaluation.influence import Scale
from sadari.evaluation.metrics import LEAST_PROBABILITY, METRICS, Metric
from sadari.testing.suites import judged
from sadari.values import Answers
from support.predictions import predictions_of

EVERY_METRIC = pytest.mark.parametrize("metric", list(METRICS), ids=METRICS.names())
CLASSES = 7


@EVERY_METRIC
def test_answers_suffice_where_no_probability_is_needed(metric: Metric) -> None:
    predictions = judged(7, 50)
    answers = Answers(predictions.ids, predictions.labels, predictions.predicted, predictions.classes)
    if metric.by_probability:
        with pytest.raises((AttributeError, TypeError)):
            metric.per_image(answers)
    else:
        assert np.array_equal(metric.per_image(answers).values, metric.per_image(predictions).values)


@EVERY_METRIC
def test_perfect_predictions_leave_no_spread(metric: Metric) -> None:
    labels = judged(8, 60).labels
    found = metric.per_image(predictions_of(labels, np.eye(CLASSES)[labels]))
    assert found.values == pytest.approx(1.0 if metric.higher_is_better else 0.0, abs=2 * LEAST_PROBABILITY)
    assert (metric.scale is Scale.SHARE) == (metric.name not in ("loss", "mcc", "kappa"))


def test_a_class_without_images_or_predictions_moves_nothing() -> None:
    # 0 is true and predicted, 1 is true and never predicted, 2 is predicted and never true, 3 is neither
    predictions = predictions_of([0, 0, 0, 1], np.eye(4)[[0, 0, 2, 0]])
    for metric in METRICS:
        if metric.is_defined(predictions):
            assert metric.per_image(predictions).values.mean() == pytest.approx(metric.function(predictions))
