"""Do the metrics mean what they say? Contract tests over the registry, then each one's own values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from sadari.evaluation.metrics import LEAST_PROBABILITY, METRICS, Metric, class_figures, confusion, score
from sadari.testing import MetricContract
from sadari.values import Predictions
from support.predictions import predictions_of

EVERY_METRIC = pytest.mark.parametrize("metric", list(METRICS), ids=METRICS.names())


def drawn(seed: int, count: int = 40, classes: int = 4) -> Predictions:
    generator = np.random.default_rng(seed)
    return predictions_of(generator.integers(classes, size=count), generator.dirichlet(np.ones(classes), size=count))


class TestMetrics(MetricContract):
    names = tuple(METRICS.own())
    conservative = ("calibration_error",)  # signs that are chance are taken as known


@EVERY_METRIC
def test_perfect_predictions_have_the_best_figure_that_there_is(metric: Metric) -> None:
    labels = drawn(1).labels
    least = -np.log(1 - LEAST_PROBABILITY) if metric.name == "loss" else 0.0
    perfect = metric.function(predictions_of(labels, np.eye(4)[labels]))
    assert perfect == (1.0 if metric.higher_is_better else pytest.approx(least))


def test_accuracy_and_loss_of_three_images_by_hand() -> None:
    found = score(predictions_of([0, 1, 1], np.array([[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]])))
    assert found.images == 3
    assert found["accuracy"] == pytest.approx(2 / 3)  # the first of two equal classes is the prediction
    assert found["loss"] == pytest.approx(-(np.log(0.5) + np.log(0.75) + np.log(0.1)) / 3, rel=1e-6)


def test_scores_equal_scikit_learns() -> None:
    predictions = drawn(3, count=200, classes=8)
    truth, predicted = predictions.labels, predictions.predicted
    found = score(predictions)
    assert found["accuracy"] == reference.accuracy_score(truth, predicted)
    assert found["loss"] == pytest.approx(reference.log_loss(truth, predictions.probabilities), rel=1e-5)
    assert found["top_5"] == reference.top_k_accuracy_score(truth, predictions.probabilities, k=5)
    assert found["macro_f1"] == pytest.approx(reference.f1_score(truth, predicted, average="macro"))
    assert found["macro_precision"] == pytest.approx(reference.precision_score(truth, predicted, average="macro"))
    assert found["macro_recall"] == pytest.approx(reference.recall_score(truth, predicted, average="macro"))
    assert found["weighted_f1"] == pytest.approx(reference.f1_score(truth, predicted, average="weighted"))
    assert found["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(truth, predicted))
    assert found["mcc"] == pytest.approx(reference.matthews_corrcoef(truth, predicted))
    assert found["kappa"] == pytest.approx(reference.cohen_kappa_score(truth, predicted))
    normed = predictions.probabilities / predictions.probabilities.sum(axis=1, keepdims=True, dtype=np.float64)
    assert found["auc"] == pytest.approx(reference.roc_auc_score(truth, normed, multi_class="ovr"), abs=1e-9)
    one_of = np.eye(8)[truth]
    assert found["average_precision"] == pytest.approx(reference.average_precision_score(one_of, normed), abs=1e-6)
    assert list(found.values) == METRICS.names()


def test_ties_count_half_in_the_area_and_a_class_that_all_or_none_have_is_left_out() -> None:
    equal = predictions_of([0, 1, 1, 0], np.full((4, 3), 1 / 3))
    assert METRICS.get("auc").function(equal) == 0.5
    ranked = predictions_of([0, 0, 1], np.array([[0.6, 0.4, 0.0], [0.3, 0.6, 0.1], [0.4, 0.5, 0.1]]))
    assert METRICS.get("auc").function(ranked) == pytest.approx(0.5)  # one pair of two is right, for both classes
    assert METRICS.get("auc").function(predictions_of([1, 1], np.eye(3)[[1, 0]])) == 0.5


def test_a_model_that_says_one_class_has_no_correlation() -> None:
    assert METRICS.get("mcc").function(predictions_of([0, 1, 2], np.eye(3)[[1, 1, 1]])) == 0.0
    assert METRICS.get("mcc").function(predictions_of([0, 1], np.eye(2)[[1, 0]])) == -1.0


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_classes_that_are_never_true_or_never_said_count_as_scikit_learn_counts_them() -> None:
    # 0 is true and predicted, 1 is true and never predicted, 2 is predicted and never true, 3 is neither
    predictions = predictions_of([0, 0, 0, 1], np.eye(4)[[0, 0, 2, 0]])
    truth, predicted = predictions.labels, predictions.predicted
    found = score(predictions)
    for name, function in (("macro_precision", reference.precision_score), ("macro_recall", reference.recall_score)):
        assert found[name] == pytest.approx(function(truth, predicted, average="macro", zero_division=0))
    assert found["macro_f1"] == pytest.approx(reference.f1_score(truth, predicted, average="macro", zero_division=0))
    assert found["weighted_f1"] == pytest.approx(
        reference.f1_score(truth, predicted, average="weighted", zero_division=0)
    )
    assert found["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(truth, predicted))
    assert found["macro_recall"] == pytest.approx(2 / 9) and found["balanced_accuracy"] == pytest.approx(1 / 3)
    assert class_figures(predictions).occurs.tolist() == [True, True, True, False]


def test_top_5_says_nothing_about_five_classes() -> None:
    assert "top_5" not in score(drawn(1, classes=5)).values
    assert "top_5" in score(drawn(1, classes=6)).values


def test_top_5_by_hand_with_the_first_of_equal_classes_ahead() -> None:
    flat = np.full((6, 6), 1 / 6)
    found = score(predictions_of([0, 1, 2, 3, 4, 5], flat))
    assert found["top_5"] == pytest.approx(5 / 6)  # only the last class is sixth
    ranked = np.array([[0.3, 0.25, 0.2, 0.15, 0.06, 0.04]] * 2)
    assert score(predictions_of([4, 5], ranked))["top_5"] == 0.5


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_five_guesses_are_no_worse_than_one(seed: int) -> None:
    found = score(drawn(seed, classes=7))
    assert found["top_5"] >= found["accuracy"]


def test_sure_answers_cost_what_scikit_learn_says() -> None:
    """Where a probability is 0 or 1, the place of the clip is the loss."""
    sure = np.array([[0.0, 1.0], [1.0, 0.0], [1e-12, 1.0], [0.3, 0.7]], dtype=np.float32)
    for labels in ([0, 0, 0, 1], [1, 0, 1, 1], [1, 0, 1, 0]):
        expected = reference.log_loss(labels, sure, labels=[0, 1])
        assert score(predictions_of(labels, sure))["loss"] == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_a_sure_mistake_costs_much_but_not_infinitely() -> None:
    assert score(predictions_of([0], np.array([[0.0, 1.0]])))["loss"] == pytest.approx(-np.log(LEAST_PROBABILITY))


def test_macro_f1_counts_a_class_that_is_never_predicted_as_zero() -> None:
    always_first = np.tile([1.0, 0.0], (4, 1))
    # precision 3/4 and recall 1 give 6/7 for the first class, 0 for the second
    assert score(predictions_of([0, 0, 0, 1], always_first))["macro_f1"] == pytest.approx((6 / 7) / 2)


def test_confusion_has_the_truth_in_its_rows() -> None:
    table = confusion(predictions_of([0, 0, 2], np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.0, 0.0, 1.0]])))
    assert table.dtype == np.int64
    assert table.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_confusion_adds_up_to_the_images_and_the_accuracy() -> None:
    predictions = drawn(5, count=100)
    table = confusion(predictions)
    assert table.sum() == 100
    assert np.trace(table) / 100 == score(predictions)["accuracy"]
    assert table.sum(axis=1).tolist() == np.bincount(predictions.labels, minlength=4).tolist()


def test_no_images_are_refused() -> None:
    with pytest.raises(ValueError, match="no images"):
        score(predictions_of([], np.empty((0, 3))))
