"""Are figures of images as sure as they are said to be? Twins: accuracy's own interval, and a crossed bootstrap."""

from dataclasses import astuple
from math import sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from sadari.evaluation.figures import (
    Measured,
    against,
    difference,
    difference_against,
    from_shares,
    interval,
    measured,
    minus,
)
from sadari.evaluation.influence import PerImage, Scale
from sadari.evaluation.metrics import METRICS, Metric
from sadari.evaluation.statistics import interval as of_accuracy
from sadari.evaluation.statistics import verdict
from sadari.values import Predictions
from support.predictions import predictions_of

EVERY_METRIC = pytest.mark.parametrize("metric", list(METRICS), ids=METRICS.names())
CLASSES, IMAGES, SEEDS = 7, 300, 4


def networks(seed: int, skill: float = 2.0, images: int = IMAGES, seeds: int = SEEDS) -> list[Predictions]:
    """Draw what some networks say of the same images, which are hard for all of them or for one."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(CLASSES, size=images)
    shared = generator.normal(size=(images, CLASSES))
    made = []
    for of_seed in generator.normal(0, 0.1, seeds):
        logits = shared + generator.normal(size=(images, CLASSES))
        logits[np.arange(images), labels] += skill + of_seed
        probabilities = np.exp(logits)
        made.append(predictions_of(labels, probabilities / probabilities.sum(axis=1, keepdims=True)))
    return made


def figure(metric: Metric, of: list[Predictions]) -> Measured:
    return measured([metric.per_image(each) for each in of], metric.scale)


def of_rows(correct: NDArray[np.bool_]) -> Measured:
    return measured([PerImage(row.astype(np.float64), 1.0) for row in correct], Scale.SHARE)


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_accuracy_gets_about_its_own_interval_and_verdict(seeds: int) -> None:
    generator = np.random.default_rng(seeds)
    a, b = (generator.random((seeds, 500)) < share for share in (0.9, 0.8))
    found, known = interval(of_rows(a)), of_accuracy(a)
    assert astuple(found)[:2] == pytest.approx(astuple(known)[:2])
    assert astuple(found)[2:] == pytest.approx(astuple(known)[2:], abs=0.003)
    apart, judged = difference(of_rows(a), of_rows(b)), verdict("a", a, "b", b)
    assert apart.difference == pytest.approx(judged.difference)
    assert apart[1:3] == pytest.approx((judged.low, judged.high), abs=0.003)


@EVERY_METRIC
def test_the_error_is_that_of_a_crossed_bootstrap(metric: Metric) -> None:
    """Draw seeds and images anew (Owen 2007); its variance counts what is chance on one image up to three times."""
    made, generator = networks(1, images=400, seeds=6), np.random.default_rng(2)
    found = figure(metric, made).error.variance
    means = []
    for _ in range(150):
        chosen = generator.integers(400, size=400)
        of = [made[each] for each in generator.integers(6, size=6)]
        drawn = [Predictions(e.ids, e.labels[chosen], e.probabilities[chosen], e.classes, 1.0) for e in of]
        means.append(np.mean([metric.function(each) for each in drawn]))
    assert 0.5 < sqrt(np.var(means) / found) < 1.5


@EVERY_METRIC
def test_p_is_below_the_level_exactly_where_the_interval_excludes(metric: Metric) -> None:
    a, b = figure(metric, networks(3)), figure(metric, networks(3, skill=2.2))
    found, apart = interval(a), difference(a, b)
    assert found.low < found.mean < found.high
    assert (found.low >= 0 and found.high <= 1) or metric.scale is not Scale.SHARE
    for end in (found.low, found.high):
        assert against(a, end) == pytest.approx(0.05, abs=1e-6)
    for end in (apart.low, apart.high):
        assert difference_against(a, b, end) == pytest.approx(0.05, abs=1e-6)
    assert (apart.p < 0.05) == (not apart.low <= 0 <= apart.high)
    assert against(a, found.mean) == 1.0 and difference_against(a, b, apart.difference) == 1.0


@EVERY_METRIC
def test_a_model_without_chance_is_one_network_however_often_it_was_trained(metric: Metric) -> None:
    [once], [other] = networks(4, seeds=1), networks(5, seeds=1)
    one, thrice = figure(metric, [once]), figure(metric, [once] * 3)
    assert thrice.single
    assert astuple(interval(one)) == pytest.approx(astuple(interval(thrice)))
    assert difference(thrice, thrice) == pytest.approx((0.0, 0.0, 0.0, 1.0), abs=0.02)
    labels_shared = figure(metric, [Predictions(once.ids, once.labels, other.probabilities, once.classes, 1.0)] * 3)
    assert 0 < difference(thrice, labels_shared).p <= 1


def test_one_image_is_no_evidence() -> None:
    right = np.arange(30) < 24
    less = right.copy()
    less[3] = False
    for name in ("macro_f1", "macro_recall", "weighted_f1"):
        a, b = (
            figure(METRICS.get(name), [predictions_of([0] * 30, np.eye(2)[(~each).astype(int)])] * 2)
            for each in (right, less)
        )
        found = difference(a, b)
        assert found.low < 0 < found.high and found.p > 0.2


def test_all_right_is_not_certain() -> None:
    correct = np.ones((3, 200), dtype=np.bool_)
    found = interval(of_rows(correct))
    assert found.high == 1.0
    assert found.low == pytest.approx(of_accuracy(correct).low, abs=0.002)
    assert interval(from_shares(np.ones(3), 200)).low < 0.99


def test_what_is_lost_from_one_split_to_another_adds_both_errors() -> None:
    generator = np.random.default_rng(6)
    val, test = of_rows(generator.random((3, 400)) < 0.9), of_rows(generator.random((3, 800)) < 0.8)
    lost = minus(val, test)
    assert lost.mean == pytest.approx(val.mean - test.mean)
    images = sum(each.error.per_image for each in (val, test))
    assert lost.error.per_image == pytest.approx(images)
    assert difference(lost, lost).difference == 0


def test_shares_alone_are_wider_than_what_was_right_and_are_not_paired() -> None:
    correct = np.random.default_rng(7).random((3, 500)) < 0.9
    stored, shares = of_rows(correct), from_shares(correct.mean(axis=1), 500)
    assert shares.error.per_image >= 0.99 * stored.error.per_image
    alike, apart = difference(stored, stored), difference(shares, shares)
    assert alike.high - alike.low < 0.7 * (apart.high - apart.low)
    assert difference(shares, from_shares(np.full(3, 0.9), 80)).high > apart.high  # other images, fewer of them


def test_other_images_of_the_same_number_are_not_paired() -> None:
    correct = np.random.default_rng(8).random((1, 300)) < 0.8
    rows = [PerImage(row.astype(np.float64), 1.0) for row in correct]
    one, other = measured(rows, Scale.SHARE, "one"), measured(rows, Scale.SHARE, "other")
    assert difference(one, other).high > 1.3 * difference(one, one).high


@pytest.mark.parametrize("values", [[], [np.zeros(0)], [np.zeros(3), np.zeros(4)], [np.array([np.nan])]])
def test_what_cannot_be_measured_is_refused(values: list[NDArray[np.float64]]) -> None:
    with pytest.raises(ValueError, match="needs"):
        measured([PerImage(each, 1.0) for each in values])


def test_arms_on_different_images_are_refused() -> None:
    with pytest.raises(ValueError, match="the same images"):
        difference(of_rows(np.eye(3, dtype=np.bool_)), of_rows(np.eye(4, dtype=np.bool_)))
