"""Is the temperature that of the least log loss, and does it leave every decision as it is?"""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from sadari.evaluation.probabilities.temperature import (
    COOLEST,
    HOTTEST,
    LEAST_IMAGES,
    Logits,
    at_temperature,
    fit_temperature,
)
from sadari.inference.probabilities import probabilities_of


def drawn(images: int, times: float, seed: int = 0, spread: float = 2.0) -> tuple[Logits, NDArray[np.int64]]:
    """Return logits `times` as large as those that the labels are drawn by."""
    random = np.random.default_rng(seed)
    true = random.normal(0, spread, (images, 4))
    shares = np.exp(true) / np.exp(true).sum(axis=1, keepdims=True)
    labels = (shares.cumsum(axis=1) > random.random((images, 1))).argmax(axis=1)
    return (times * true).astype(np.float32), labels.astype(np.int64)


def loss_at(logits: Logits, labels: NDArray[np.int64], temperature: float) -> float:
    return float(
        torch.nn.functional.cross_entropy(torch.from_numpy(logits).double() / temperature, torch.tensor(labels))
    )


@pytest.mark.parametrize("times", [0.4, 1.0, 3.0])
def test_the_factor_of_the_logits_is_found(times: float) -> None:
    found = fit_temperature(*drawn(20_000, times))
    assert found.value == pytest.approx(times, rel=0.03) and not found.note


def test_it_is_what_a_search_of_another_kind_finds() -> None:
    logits, labels = drawn(400, 2.2)
    other = minimize_scalar(lambda t: loss_at(logits, labels, float(np.exp(t))), bounds=(-2, 2), method="bounded")
    found = fit_temperature(logits, labels)
    assert found.value == pytest.approx(float(np.exp(other.x)), abs=2e-3)
    assert found.before == pytest.approx(loss_at(logits, labels, 1.0), rel=1e-9)
    assert found.after == pytest.approx(loss_at(logits, labels, found.value), rel=1e-9)
    assert found.after is not None and found.before is not None and found.after < found.before
    assert found == fit_temperature(logits, labels)


def test_too_few_images_are_told() -> None:
    logits, labels = drawn(LEAST_IMAGES - 1, 3.0)
    found = fit_temperature(logits, labels)
    assert found.value == 1.0 and found.note.startswith("99 validation images are too few")
    assert fit_temperature(logits[:0], labels[:0]).note.startswith("no validation image is too few")


def test_all_right_and_all_wrong_are_told() -> None:
    logits, _ = drawn(500, 1.0)
    right = fit_temperature(logits, logits.argmax(axis=1))
    assert right.value == 1.0 and right.note.startswith("0 of 500 validation images are wrong")
    wrong = fit_temperature(logits, logits.argmin(axis=1))
    assert wrong.value == 1.0 and wrong.note.startswith("0 of 500 validation images are right")


def test_a_bound_is_told() -> None:
    hot = fit_temperature(*drawn(2_000, 50.0))
    assert hot.value == HOTTEST and "highest" in hot.note
    cold = fit_temperature(*drawn(2_000, 0.01))
    assert cold.value == COOLEST and "lowest" in cold.note


def test_a_class_of_probability_0_does_not_stop_it() -> None:
    logits, labels = drawn(2_000, 2.0)
    fewer = np.concatenate([logits, np.full((2_000, 1), -np.inf, dtype=np.float32)], axis=1)
    assert fit_temperature(fewer, labels).value == fit_temperature(logits, labels).value
    labels[0] = 4  # of no use: its loss is infinite at each temperature
    assert fit_temperature(fewer, labels).value == pytest.approx(fit_temperature(logits[1:], labels[1:]).value)


def test_the_same_answer_for_all_images_stays() -> None:
    logits = np.zeros((200, 4), dtype=np.float32)
    labels = np.arange(200) % 4
    found = fit_temperature(logits, labels)
    assert found.value == 1.0 and found.after == found.before and "than chance would" in found.note


def test_what_chance_would_gain_is_left_alone() -> None:
    """Of calibrated models about one in six gains more than Akaike's nat (the chance of a chi-squared above 2)."""
    found = [fit_temperature(*drawn(200, 1.0, seed)) for seed in range(100)]
    assert 0.05 < np.mean([each.value != 1.0 for each in found]) < 0.3
    assert all(each.note.startswith("a temperature of ") for each in found if each.value == 1.0)


@pytest.mark.parametrize("temperature", [0.1, 0.37, 1.7, 10.0])
def test_the_first_class_stays_first(temperature: float) -> None:
    random = np.random.default_rng(0)
    plain = random.normal(0, 5, (2_000, 6)).astype(np.float32)
    plain[:500, 3] = plain[:500, 1]  # equal
    plain[500:1_000, 1] = np.nextafter(plain[500:1_000, 3], np.float32(99))  # nearly equal, either way
    plain[1_000:1_500, 3] = np.nextafter(plain[1_000:1_500, 1], np.float32(99))
    plain[:1_500] += np.where(np.isin(np.arange(6), (1, 3)), 40, 0).astype(np.float32)
    before = probabilities_of(torch.from_numpy(plain))
    after = probabilities_of(torch.from_numpy(plain), temperature)
    assert np.array_equal(after.argmax(axis=1), before.argmax(axis=1))
    assert np.array_equal(at_temperature(before, temperature).argmax(axis=1), before.argmax(axis=1))
    assert np.allclose(after.sum(axis=1), 1, atol=1e-6) and after.dtype == np.float32


def test_probabilities_without_logits_are_scaled_by_their_logarithms() -> None:
    logits, _ = drawn(300, 1.0)
    plain = probabilities_of(torch.from_numpy(logits))
    assert np.allclose(at_temperature(plain, 1.8), probabilities_of(torch.from_numpy(logits), 1.8), atol=1e-6)
    assert np.allclose(at_temperature(at_temperature(plain, 1.8), 1 / 1.8), plain, atol=1e-6)
    assert at_temperature(plain, 1.0) is plain
    zeros = np.array([[0.0, 0.25, 0.75]], dtype=np.float32)
    scaled = at_temperature(zeros, 2.0)
    assert scaled[0, 0] == 0 and scaled[0, 1] == pytest.approx(0.5 / (0.5 + np.sqrt(0.75)))
