"""Does confident learning find wrong labels, as the paper defines it, and is its interval what it says?"""

import numpy as np
import pytest
from numpy.typing import NDArray

from sadari.evaluation.labels.confident import NOBODY, confident_learning


def test_the_definitions_of_the_paper_by_hand() -> None:
    probabilities = np.array(
        [[0.9, 0.1, 0.0], [0.5, 0.4, 0.1], [0.2, 0.8, 0.0], [0.1, 0.6, 0.3], [0.7, 0.2, 0.1], [0.1, 0.2, 0.7]]
    )
    labels = np.array([0, 0, 0, 1, 1, 2])
    found = confident_learning(probabilities, labels)
    assert found.thresholds == pytest.approx([1.6 / 3, 0.4, 0.7])
    # The second image: 0.5 does not reach its own threshold, 0.4 reaches that of class 1.
    assert found.confident.tolist() == [0, 1, 1, 1, 0, 2]
    assert found.counts().tolist() == [[1, 2, 0], [1, 1, 0], [0, 0, 1]]
    assert found.suspects.tolist() == [False, True, True, False, True, False]
    assert found.suggested.tolist() == [1, 1, 1, 2, 0, 1]
    assert found.margins == pytest.approx([0.8, 0.1, -0.6, 0.3, -0.5, 0.5])
    assert found.ranked().tolist() == [2, 4, 1, 3, 5, 0]
    joint = found.joint()
    assert joint.sum() == pytest.approx(1)
    assert joint == pytest.approx(np.array([[1, 2, 0], [1, 1, 0], [0, 0, 1]]) / 6)
    noise = found.noise()
    assert noise.share == pytest.approx(0.5)
    assert [pair[:2] for pair in noise.pairs()] == [(0, 1), (1, 0)]
    assert [pair[2] for pair in noise.pairs()] == pytest.approx([2 / 6, 1 / 6])


def test_an_image_that_is_sure_of_nothing_counts_for_no_class() -> None:
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9], [0.55, 0.45]])
    found = confident_learning(probabilities, np.array([0, 1, 1]))
    assert found.thresholds == pytest.approx([0.9, 0.675])
    assert found.confident.tolist() == [0, 1, NOBODY]
    assert found.joint() == pytest.approx(np.array([[1, 0], [0, 2]]) / 3), "each row has the images of its label"


def test_images_that_nobody_can_judge_are_left_out() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.9, 0.1, 0.0]])
    judged = np.array([True, True, False])
    found = confident_learning(probabilities, np.array([0, 1, 2]), judged)
    assert found.thresholds[2] == np.inf and found.confident[2] == NOBODY
    assert found.ranked().tolist() == [1, 0] and not found.suspects.any()
    assert np.isfinite(found.joint()).all() and found.noise().share == 0


def simulated(rng: np.random.Generator, count: int, noise: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return probabilities of a good model, and labels of which `noise` are wrong."""
    true = rng.integers(0, 4, count)
    logits = rng.normal(0, 1, (count, 4))
    logits[np.arange(count), true] += 6
    labels = np.where(rng.random(count) < noise, (true + rng.integers(1, 4, count)) % 4, true)
    exponents = np.exp(logits)
    return exponents / exponents.sum(axis=1, keepdims=True), labels


def test_planted_noise_is_found_and_its_share_estimated() -> None:
    rng = np.random.default_rng(0)
    probabilities, labels = simulated(rng, 4000, 0.1)
    found = confident_learning(probabilities, labels)
    noise = found.noise()
    assert noise.low < noise.share < noise.high and noise.share == pytest.approx(0.1, abs=0.02)
    wrong = labels != probabilities.argmax(axis=1)
    assert found.suspects[wrong].mean() > 0.9 and found.suspects[~wrong].mean() < 0.01
    assert wrong[found.ranked()[:300]].mean() > 0.95


def test_the_interval_covers_the_share_of_a_perfect_model() -> None:
    """Of a model without faults, the share of wrong labels in the population is in about 95 of 100 intervals."""
    rng, covered = np.random.default_rng(1), 0
    for _ in range(100):
        true = rng.integers(0, 3, 400)
        labels = np.where(rng.random(400) < 0.08, (true + 1) % 3, true)
        noise = confident_learning(np.eye(3)[true], labels).noise()
        covered += noise.low <= 0.08 <= noise.high
    assert 88 <= covered <= 100


def test_groups_widen_the_interval() -> None:
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(60), 10)
    true = rng.integers(0, 3, 600)
    wrong = np.repeat(rng.random(60) < 0.1, 10)
    found = confident_learning(np.eye(3)[true], np.where(wrong, (true + 1) % 3, true))
    alone, together = found.noise(), found.noise(groups)
    assert together.high - together.low > 2 * (alone.high - alone.low)
    assert alone.share == together.share
