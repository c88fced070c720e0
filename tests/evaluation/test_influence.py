"""Are the values per image those of their figure? Contract tests over the registry, against the jackknife."""

import numpy as np
import pytest

from sadari.evaluation.influence import Scale
from sadari.evaluation.metrics import LEAST_PROBABILITY, METRICS, Metric
from sadari.values import Answers, Predictions
from support.predictions import predictions_of

EVERY_METRIC = pytest.mark.parametrize("metric", list(METRICS), ids=METRICS.names())
CLASSES = 7


def drawn(seed: int, count: int, skill: float = 2.0) -> Predictions:
    """Draw predictions that are mostly right, of classes of which the last has a tenth of the images of the first."""
    generator = np.random.default_rng(seed)
    shares = np.linspace(1.0, 0.1, CLASSES)
    labels = generator.choice(CLASSES, size=count, p=shares / shares.sum())
    logits = generator.normal(size=(count, CLASSES)) * 1.5
    logits[np.arange(count), labels] += skill
    probabilities = np.exp(logits)
    return predictions_of(labels, probabilities / probabilities.sum(axis=1, keepdims=True))


def part(predictions: Predictions, chosen: np.ndarray) -> Predictions:
    return Predictions(
        predictions.ids[chosen], predictions.labels[chosen], predictions.probabilities[chosen], predictions.classes, 1.0
    )


@EVERY_METRIC
@pytest.mark.parametrize("count", [1, 2, 40, 500])
def test_the_mean_of_the_values_is_the_figure(metric: Metric, count: int) -> None:
    predictions = drawn(3, count)
    found = metric.per_image(predictions)
    assert found.values.shape == (count,) and found.values.dtype == np.float64
    assert found.values.mean() == pytest.approx(metric.function(predictions), abs=1e-12)
    assert np.isfinite(found.values).all() and np.isfinite(found.unit) and found.unit >= 0


@EVERY_METRIC
def test_the_error_is_that_of_the_jackknife(metric: Metric) -> None:
    """Leave out one image after the other (Tukey 1958): the same standard error, within a few per cent."""
    predictions = drawn(4, 400)
    count = len(predictions)
    without = [metric.function(part(predictions, np.arange(count) != each)) for each in range(count)]
    jackknife = np.sqrt((count - 1) * np.var(without))
    values = metric.per_image(predictions).values
    assert values.std(ddof=1) / np.sqrt(count) == pytest.approx(jackknife, rel=0.05)


@EVERY_METRIC
def test_the_error_is_that_of_drawing_images_anew(metric: Metric) -> None:
    generator = np.random.default_rng(5)
    population, count, times = drawn(6, 40_000), 600, 300
    drawings = [part(population, generator.integers(len(population), size=count)) for _ in range(times)]
    errors = [metric.per_image(each).values.std(ddof=1) / np.sqrt(count) for each in drawings[:40]]
    truth = np.std([metric.function(each) for each in drawings])
    if metric.name == "calibration_error":  # signs that are chance are taken as known, which errs to the wide side
        assert 0.95 * truth < np.mean(errors) < 1.6 * truth
    else:
        assert np.mean(errors) == pytest.approx(truth, rel=0.15)  # 300 drawings know it within 4 %


@EVERY_METRIC
def test_answers_suffice_where_no_probability_is_needed(metric: Metric) -> None:
    predictions = drawn(7, 50)
    answers = Answers(predictions.ids, predictions.labels, predictions.predicted, predictions.classes)
    if metric.by_probability:
        with pytest.raises((AttributeError, TypeError)):
            metric.per_image(answers)
    else:
        assert np.array_equal(metric.per_image(answers).values, metric.per_image(predictions).values)


@EVERY_METRIC
def test_perfect_predictions_leave_no_spread(metric: Metric) -> None:
    labels = drawn(8, 60).labels
    found = metric.per_image(predictions_of(labels, np.eye(CLASSES)[labels]))
    assert found.values == pytest.approx(1.0 if metric.higher_is_better else 0.0, abs=2 * LEAST_PROBABILITY)
    assert (metric.scale is Scale.SHARE) == (metric.name not in ("loss", "mcc", "kappa"))


def test_a_class_without_images_or_predictions_moves_nothing() -> None:
    # 0 is true and predicted, 1 is true and never predicted, 2 is predicted and never true, 3 is neither
    predictions = predictions_of([0, 0, 0, 1], np.eye(4)[[0, 0, 2, 0]])
    for metric in METRICS:
        if metric.is_defined(predictions):
            assert metric.per_image(predictions).values.mean() == pytest.approx(metric.function(predictions))
