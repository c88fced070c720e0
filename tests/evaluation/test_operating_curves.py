"""Are the curves of each class scikit-learn's, and are they thinned without a loss?"""

import numpy as np
import pytest
import sklearn.metrics as reference

from sadari.evaluation.operating.curves import NEVER, ClassCurve, class_areas, curve_of
from sadari.evaluation.ranking import MOST, areas_in_short
from sadari.values import Predictions
from support.predictions import predictions_of


def drawn(seed: int, count: int, classes: int = 4, digits: int = 8) -> Predictions:
    generator = np.random.default_rng(seed)
    labels = generator.integers(classes, size=count)
    logits = generator.normal(size=(count, classes))
    logits[np.arange(count), labels] += 1.5
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return predictions_of(labels, np.round(shares, digits), [f"class {number}" for number in range(classes)])


@pytest.mark.parametrize("digits", [8, 2, 1])
def test_the_counts_are_those_of_scikit_learns_curves(digits: int) -> None:
    predictions = drawn(1, 300, digits=digits)
    curve, truth = curve_of(predictions, "class 2"), predictions.labels == 2
    score = predictions.probabilities[:, 2].astype(np.float64)
    false, true, thresholds = reference.roc_curve(truth, score, drop_intermediate=False)
    assert curve.thresholds[0] == NEVER and np.array_equal(curve.thresholds, thresholds)
    assert curve.hits / curve.images == pytest.approx(true)
    assert curve.alarms / curve.others == pytest.approx(false)
    precision, recall, at = reference.precision_recall_curve(truth, score)
    assert np.array_equal(curve.thresholds[1:][::-1], at)
    assert (curve.hits / np.maximum(curve.said, 1))[1:][::-1] == pytest.approx(precision[:-1])
    assert (curve.hits / curve.images)[1:][::-1] == pytest.approx(recall[:-1])


def area_under(curve: ClassCurve) -> float:
    return float(np.trapezoid(curve.hits, curve.alarms))


@pytest.mark.parametrize("digits", [8, 2])
def test_thinning_to_the_corners_loses_nothing_of_the_roc_curve(digits: int) -> None:
    curve = curve_of(drawn(2, 500, digits=digits), "class 0")
    corners = curve.thinned(1_000)
    assert len(corners.hits) < len(curve.hits)
    assert area_under(corners) == pytest.approx(area_under(curve), abs=1e-9)
    for each in ("hits", "alarms", "thresholds"):
        assert getattr(corners, each)[-1] == getattr(curve, each)[-1]
    few = curve.thinned(12)
    assert len(few.hits) <= 12 and few.hits[0] == 0 and few.alarms[-1] == curve.others
    assert set(zip(few.hits.tolist(), few.alarms.tolist(), strict=True)) <= set(
        zip(curve.hits.tolist(), curve.alarms.tolist(), strict=True)
    )


def test_few_corners_are_joined_by_points_between_them() -> None:
    labels = np.arange(100) % 2
    bees = (np.where(labels, 60, 10) + np.arange(100) / 4) / 100
    curve = curve_of(predictions_of(labels, np.stack([1 - bees, bees], axis=1), ("ants", "bees")), "bees")
    assert len(curve.thinned(50).hits) == 3  # nothing, all of the class, everything
    fine = curve.thinned(50, 40)
    assert 35 <= len(fine.hits) <= 40 and area_under(fine) == area_under(curve)
    assert np.all(np.diff(fine.thresholds) < 0)


def test_counts_are_found_at_any_threshold() -> None:
    predictions = drawn(3, 60, digits=2)
    curve, score = curve_of(predictions, "class 1"), predictions.probabilities[:, 1].astype(np.float64)
    for threshold in (*np.linspace(0, 1, 23), *score[:5]):
        assert curve.said[curve.at(threshold)] == np.count_nonzero(score >= threshold)


def test_the_areas_of_each_class_are_scikit_learns_and_have_intervals() -> None:
    predictions = drawn(4, 400)
    for label, found in enumerate(class_areas([predictions])):
        truth, score = predictions.labels == label, predictions.probabilities[:, label]
        assert found.images == truth.sum()
        assert found.auc.mean == pytest.approx(reference.roc_auc_score(truth, score), abs=1e-9)
        assert found.average_precision.mean == pytest.approx(reference.average_precision_score(truth, score), abs=1e-6)
        for each in (found.auc, found.average_precision):
            assert 0 < each.low < each.mean < each.high < 1
    grouped = class_areas([predictions], np.arange(400) // 8)
    assert grouped[0].auc.mean == class_areas([predictions])[0].auc.mean
    short = areas_in_short(predictions)
    assert short["class 3"]["auc"] == pytest.approx(class_areas([predictions])[3].auc.mean, abs=1e-6)


def test_a_class_that_is_told_apart_without_a_mistake_is_not_certain() -> None:
    labels = np.arange(40) % 2
    [first, _] = class_areas([predictions_of(labels, np.eye(2)[labels])])
    for each in (first.auc, first.average_precision):
        assert each.mean == each.high == 1.0 and 0.8 < each.low < 0.99


def test_a_class_that_is_nearly_told_apart_is_as_certain() -> None:
    labels = np.arange(400) % 2
    bees = np.where(labels, 0.9, 0.1) + np.linspace(-0.05, 0.05, 400)
    bees[1] = 0.1496  # the class's image that is found last, one other is above it
    [_, second] = class_areas([predictions_of(labels, np.stack([1 - bees, bees], axis=1))])
    found = second.average_precision
    assert 0.999 < found.mean < 1 and 0.95 < found.low < found.mean


def test_classes_that_all_or_none_have_are_left_out_and_many_classes_are_not_stored() -> None:
    only = predictions_of([1, 1, 1], np.full((3, 2), 0.5))
    assert class_areas([only]) == () and areas_in_short(only) == {}
    many = MOST + 1
    assert (
        areas_in_short(predictions_of([0, 1], np.full((2, many), 1 / many), [str(each) for each in range(many)])) == {}
    )
