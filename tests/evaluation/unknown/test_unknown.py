"""Do scores order images by how known they are, does a threshold keep what it promises, and are the figures right?"""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.metrics import roc_auc_score

from sadari.evaluation.ranking import area_between
from sadari.evaluation.unknown import mahalanobis
from sadari.evaluation.unknown.figures import text_table, unknown_figures
from sadari.evaluation.unknown.scores import SCORES, Seen
from sadari.evaluation.unknown.threshold import least_images, most_kept, threshold_of

CLASSES, FEATURES = 3, 12


def seen(count: int, seed: int, away: float = 0.0) -> tuple[Seen, NDArray[np.int64]]:
    """Draw images of three classes, `away` of them moved out of all classes together, with their labels."""
    generator = np.random.default_rng(seed)
    centres = 3 + 2 * np.random.default_rng(0).normal(size=(CLASSES, FEATURES))
    labels = np.arange(count) % CLASSES
    features = centres[labels] + 0.3 * generator.normal(size=(count, FEATURES))
    features += away * np.random.default_rng(1).normal(size=FEATURES)
    logits = (-((features[:, None] - centres) ** 2).sum(axis=2) / 4).astype(np.float32)
    return Seen(logits, features.astype(np.float32)), labels


@pytest.mark.parametrize("name", SCORES.names())
def test_every_score_is_higher_for_known_images(name: str) -> None:
    score = SCORES.get(name)
    (train, labels), (known, _), (unknown, _) = seen(90, 2), seen(60, 3), seen(60, 4, away=4.0)
    fitted = score.fit(train.features, labels) if score.fit else {}
    inside, outside = score.compute(known, fitted), score.compute(unknown, fitted)
    assert inside.shape == (60,) and inside.dtype == np.float64
    assert area_between(inside, outside).values.mean() > (0.6 if name == "probability" else 0.95)


def test_the_highest_probability_is_that_of_softmax() -> None:
    some, _ = seen(30, 5)
    found = SCORES.get("probability").compute(some, {})
    assert found == pytest.approx(softmax(some.logits.astype(np.float64), axis=1).max(axis=1), abs=1e-12)


def test_the_relative_distance_is_that_of_whole_covariances() -> None:
    """Against the definition: two inverted covariances, shrunk, with all directions."""
    (train, labels), (some, _) = seen(90, 2), seen(40, 6)
    fitted = mahalanobis.fit(train.features, labels)
    vectors, points = mahalanobis.unit(train.features), mahalanobis.unit(some.features)
    centre = vectors.mean(axis=0)
    means = np.stack([vectors[labels == each].mean(axis=0) for each in range(CLASSES)])

    def inverse(moves: NDArray[np.floating]) -> NDArray[np.floating]:
        covariance = moves.T @ moves / len(moves)
        even = mahalanobis.SHRUNK * np.trace(covariance) / FEATURES + mahalanobis.LEAST
        return np.linalg.inv((1 - mahalanobis.SHRUNK) * covariance + even * np.eye(FEATURES))

    def squared(moves: NDArray[np.floating], inverted: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.asarray(((moves @ inverted) * moves).sum(axis=1))

    within, whole = inverse(vectors - means[labels]), inverse(vectors - centre)
    to_each = np.stack([squared(points - mean, within) for mean in means]).min(axis=0)
    wanted = (squared(points - centre, whole) - to_each) / 2
    assert mahalanobis.score(some.features, fitted) == pytest.approx(wanted, rel=0.01, abs=0.02)  # of half precision


def test_more_features_than_images_give_the_same_as_all_directions() -> None:
    generator = np.random.default_rng(0)
    features, labels = generator.normal(size=(20, 50)).astype(np.float32), np.arange(20) % 2
    fitted = mahalanobis.fit(features, labels)
    assert fitted["within"].shape[0] < 20 and fitted["within"].shape[1] == 50
    assert np.isfinite(mahalanobis.score(features, fitted)).all()


def test_images_that_do_not_vary_give_a_finite_score() -> None:
    features = np.ones((6, 4), dtype=np.float32)
    fitted = mahalanobis.fit(features, np.zeros(6, dtype=np.int64))
    assert np.isfinite(mahalanobis.score(np.eye(4, dtype=np.float32), fitted)).all()


@pytest.mark.parametrize("kept", [0.95, 0.9, 0.5])
def test_a_new_known_image_is_kept_as_often_as_promised(kept: float) -> None:
    generator = np.random.default_rng(0)
    shares = [
        float((generator.normal(size=400) >= threshold_of(generator.normal(size=59), kept)).mean()) for _ in range(2000)
    ]
    assert kept - 0.003 <= np.mean(shares) <= kept + 1 / 60 + 0.003


def test_a_threshold_is_an_order_statistic() -> None:
    assert threshold_of(np.arange(1.0, 20.0), 0.95) == 1.0  # of 19 the smallest: 20 * 0.05 = 1
    assert threshold_of(np.arange(1.0, 100.0), 0.95) == 5.0
    with pytest.raises(ValueError, match="18 images are too few"):
        threshold_of(np.arange(18.0), 0.95)


@pytest.mark.parametrize("kept", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_as_many_images_are_needed_as_are_said(kept: float) -> None:
    needed = least_images(kept)
    threshold_of(np.arange(float(needed)), kept)
    with pytest.raises(ValueError):
        threshold_of(np.arange(float(needed - 1)), kept)
    assert most_kept(needed) >= kept > most_kept(needed - 1)


def test_the_area_is_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    known, unknown = np.round(generator.normal(1, 1, 80), 1), np.round(generator.normal(0, 1, 50), 1)
    found = unknown_figures("energy", known, unknown, 0.0, 0.95)
    wanted = roc_auc_score(np.repeat([1, 0], [80, 50]), np.concatenate([known, unknown]))
    assert found.auroc.mean == pytest.approx(wanted, abs=1e-12)
    assert found.auroc.low < wanted < found.auroc.high
    assert found.accepted.mean == pytest.approx((unknown >= 0).mean())
    assert found.kept.mean == pytest.approx((known >= 0).mean())
    assert found.kept.low < found.kept.mean < found.kept.high


def test_the_interval_of_the_area_covers_the_truth() -> None:
    generator = np.random.default_rng(0)
    truth = 0.7602499389065233  # of two normal distributions, one apart: Phi(1 / sqrt(2))
    covered = 0
    for _ in range(400):
        found = unknown_figures("energy", generator.normal(1, 1, 60), generator.normal(0, 1, 40), 0.0, 0.95).auroc
        covered += found.low <= truth <= found.high
    assert 0.93 <= covered / 400 <= 0.99


def test_perfect_scores_are_not_certain() -> None:
    found = unknown_figures("energy", np.arange(30.0) + 100, np.arange(20.0), 50.0, 0.95)
    assert found.auroc.mean == found.auroc.high == 1.0
    assert found.auroc.low == pytest.approx(20 / (20 + 1.96**2), abs=0.02)  # Wilson's, of 20 of 20
    assert found.accepted.mean == 0.0 and found.accepted.high > 0.05


def test_the_table_has_a_row_a_score_and_marks_the_one_in_use() -> None:
    rows = [unknown_figures(name, np.arange(9.0), np.arange(9.0) - 5, 1.0, 0.9) for name in ("energy", "probability")]
    heading, *lines = text_table(rows, "energy")
    assert heading.split()[:3] == ["score", "threshold", "auroc"]
    assert lines[0].startswith("energy *") and lines[1].startswith("probability ")
