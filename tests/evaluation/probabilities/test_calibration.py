"""Does the reliability diagram show how sure a model is and how often it is correct?"""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from sadari.evaluation.metrics import calibration_error
from sadari.evaluation.probabilities.calibration import (
    BINS,
    ReliabilityBin,
    calibration_caution,
    expected_calibration_error,
    reliability,
)
from sadari.values import Predictions
from support.predictions import predictions_of


def made(confidences: list[float], correct: list[bool]) -> Predictions:
    """Return predictions of two classes; the first is always predicted, with these confidences (at least a half)."""
    first = np.array(confidences, dtype=np.float32)
    return predictions_of(np.where(correct, 0, 1), np.stack([first, 1 - first], axis=1))


def drawn(seed: int, count: int = 500, classes: int = 6) -> Predictions:
    """Draw labels from the probabilities, so that some bins are overconfident and others underconfident."""
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(classes, 0.3), size=count).astype(np.float32)
    labels = (probabilities.cumsum(axis=1) < generator.random((count, 1))).sum(axis=1).clip(max=classes - 1)
    return predictions_of(labels, probabilities)


def twin(predictions: Predictions, bins: int) -> float:
    """Compute the error as Guo et al. 2017, equation 3, writes it."""
    confidence = predictions.probabilities.max(axis=1).astype(np.float64)
    correct = predictions.predicted == predictions.labels
    total = 0.0
    for m in range(1, bins + 1):
        inside = (confidence > (m - 1) / bins) & (confidence <= m / bins)
        if inside.any():
            total += inside.sum() / len(correct) * abs(correct[inside].mean() - confidence[inside].mean())
    return total


def test_four_images_by_hand() -> None:
    # (0.5, 0.75] holds 0.6 and 0.7, one of them correct; (0.75, 1] holds 0.875 and 1.0, both correct
    low, high = reliability([made([0.6, 0.7, 0.875, 1.0], [True, False, True, True])], bins=4)
    assert (low.low, low.high, low.accuracy, low.images) == (0.5, 0.75, 0.5, 2)
    assert low.confidence == pytest.approx(0.65)
    assert (high.low, high.high, high.confidence, high.accuracy, high.images) == (0.75, 1.0, 0.9375, 1.0, 2)
    assert expected_calibration_error([low, high]) == pytest.approx((0.15 + 0.0625) / 2)


def test_an_image_on_an_edge_belongs_below_it() -> None:
    [only] = reliability([made([0.75], [True])], bins=4)
    assert (only.low, only.high) == (0.5, 0.75)


@pytest.mark.parametrize("bins", [1, 10, BINS])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bins_are_scikit_learns_and_the_error_is_the_papers(seed: int, bins: int) -> None:
    predictions = drawn(seed)
    found = reliability([predictions], bins)
    correct = predictions.predicted == predictions.labels
    accuracy, confidence = calibration_curve(correct, predictions.probabilities.max(axis=1).astype(float), n_bins=bins)
    assert [each.accuracy for each in found] == pytest.approx(accuracy)
    assert [each.confidence for each in found] == pytest.approx(confidence)
    assert all(each.low < each.confidence <= each.high for each in found)
    assert expected_calibration_error(found) == pytest.approx(twin(predictions, bins))


def test_the_metric_takes_fifteen_bins() -> None:
    predictions = drawn(4)
    assert calibration_error(predictions) == pytest.approx(twin(predictions, 15))
    assert abs(twin(predictions, 15) - twin(predictions, 10)) > 1e-4  # the number of bins is seen


def test_an_honest_model_has_a_small_error_and_a_boasting_one_a_large_one() -> None:
    generator = np.random.default_rng(7)
    confidence = generator.uniform(0.5, 1.0, 20_000)
    correct = generator.random(20_000) < confidence
    honest = made(confidence.tolist(), correct.tolist())
    boasting = made([0.999] * 20_000, correct.tolist())
    assert calibration_error(honest) < 0.02
    assert calibration_error(boasting) == pytest.approx(0.999 - correct.mean(), abs=1e-6)


def test_seeds_are_pooled_and_counted_per_seed() -> None:
    first, second = made([0.9, 0.9], [True, True]), made([0.9, 0.9], [False, True])
    [only] = reliability([first, second], bins=2)
    assert (only.accuracy, only.images) == (0.75, 2.0)


def test_bins_without_images_are_left_out_and_none_is_lost() -> None:
    found = reliability([drawn(5), drawn(6)])
    assert sum(each.images for each in found) == 500
    assert all(each.images for each in found) and len(found) < BINS  # six classes leave the bins below 1/6 empty


def test_nothing_to_show_is_refused() -> None:
    with pytest.raises(ValueError, match="needs images"):
        reliability([])
    with pytest.raises(ValueError, match="0 bins"):
        reliability([drawn(1)], bins=0)


def one_bin(confidence: float, accuracy: float, images: float) -> list[ReliabilityBin]:
    return [ReliabilityBin(0.8, 1.0, confidence, accuracy, images)]


def test_probabilities_are_warned_of_where_they_are_far_from_the_truth() -> None:
    said = calibration_caution("cnn", one_bin(0.95, 0.8, 1000), 0.15)
    assert said.startswith("The probabilities of cnn are too high: 95 % on average, where 80 % are right")
    assert "too low" in calibration_caution("cnn", one_bin(0.6, 0.8, 1000), 0.2)
    assert calibration_caution("cnn", one_bin(0.82, 0.8, 1000), 0.02) == ""


def test_a_few_images_are_no_reason_to_warn() -> None:
    assert calibration_caution("cnn", one_bin(0.85, 0.75, 20), 0.1) == ""
    assert calibration_caution("cnn", one_bin(0.85, 0.75, 2000), 0.1) != ""
