"""Does a metric mean what it says? Its figure, and the values per image from which interval and tests follow."""

from typing import ClassVar

import numpy as np
import pytest

from sadari.evaluation.metrics import METRICS, Metric
from sadari.testing.suites import Contract, judged, part, predictions_of

CLASSES = 7


class MetricContract(Contract):
    """The contract of metrics. conservative: those whose error is known to be on the wide side."""

    conservative: ClassVar[tuple[str, ...]] = ()

    @pytest.fixture
    def metric(self, name: str) -> Metric:
        """Return the metric of this test."""
        return METRICS.get(name)

    def test_a_metric_says_what_it_is(self, metric: Metric, name: str) -> None:
        assert metric.name == name
        assert metric.summary, "give it a summary, or its function a docstring"

    def test_order_of_the_images_does_not_matter(self, metric: Metric) -> None:
        predictions = judged(1, 40)
        shuffled = part(predictions, np.random.default_rng(2).permutation(len(predictions)))
        assert metric.function(shuffled) == pytest.approx(metric.function(predictions), rel=1e-9, abs=1e-12)

    @pytest.mark.parametrize("seed", range(25))
    def test_nothing_is_better_than_perfect(self, metric: Metric, seed: int) -> None:
        generator = np.random.default_rng(seed)
        labels = generator.integers(CLASSES, size=40)
        said = predictions_of(labels, generator.dirichlet(np.ones(CLASSES), size=40))
        perfect = predictions_of(labels, np.eye(CLASSES)[labels])
        sign = 1 if metric.higher_is_better else -1
        assert sign * metric.function(perfect) >= sign * metric.function(said)

    def test_one_image_and_an_absent_class_still_give_a_number(self, metric: Metric) -> None:
        assert np.isfinite(metric.function(predictions_of([1], np.eye(CLASSES)[:1])))

    @pytest.mark.parametrize("count", [1, 2, 40, 500])
    def test_the_mean_of_the_values_is_the_figure(self, metric: Metric, count: int) -> None:
        predictions = judged(3, count)
        found = metric.per_image(predictions)
        assert found.values.shape == (count,) and found.values.dtype == np.float64
        assert found.values.mean() == pytest.approx(metric.function(predictions), abs=1e-12)
        assert np.isfinite(found.values).all() and np.isfinite(found.unit) and found.unit >= 0

    def test_the_error_is_that_of_the_jackknife(self, metric: Metric) -> None:
        """Leave out one image after the other (Tukey 1958): the same standard error, within a few per cent."""
        predictions = judged(4, 400)
        count = len(predictions)
        without = [metric.function(part(predictions, np.arange(count) != each)) for each in range(count)]
        jackknife = np.sqrt((count - 1) * np.var(without))
        values = metric.per_image(predictions).values
        assert values.std(ddof=1) / np.sqrt(count) == pytest.approx(jackknife, rel=0.05)

    def test_the_error_is_that_of_drawing_images_anew(self, metric: Metric, name: str) -> None:
        generator = np.random.default_rng(5)
        population, count, times = judged(6, 40_000), 600, 300
        drawings = [part(population, generator.integers(len(population), size=count)) for _ in range(times)]
        errors = [metric.per_image(each).values.std(ddof=1) / np.sqrt(count) for each in drawings[:40]]
        truth = np.std([metric.function(each) for each in drawings])
        if name in self.conservative:
            assert 0.95 * truth < np.mean(errors) < 1.6 * truth
        else:
            assert np.mean(errors) == pytest.approx(truth, rel=0.15)  # 300 drawings know it within 4 %

    def test_perfect_predictions_leave_no_spread(self, metric: Metric) -> None:
        labels = judged(8, 60).labels
        values = metric.per_image(predictions_of(labels, np.eye(CLASSES)[labels])).values
        assert np.ptp(values) == pytest.approx(0.0, abs=1e-6)
