"""Are the classical rungs scikit-learn's?"""

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import log_loss

from sadari.models.classical import CLASSICAL, Learned, Linear, Problem
from sadari.models.layers import parse
from sadari.models.modules import Dense
from sadari.models.sequential import build

Floats = NDArray[np.float32]


@cache
def digits(classes: int) -> tuple[Floats, NDArray[np.int64]]:
    """The first `classes` digits as pixels in 0..1, every third of them."""
    pixels, labels = load_digits(n_class=classes, return_X_y=True)
    return (pixels[::3] / 16).astype(np.float32), labels[::3].astype(np.int64)


def problem(classes: int, **asked: Any) -> Problem:
    pixels, labels = digits(classes)
    epochs, seed = asked.pop("epochs", 4), asked.pop("seed", 3)
    variables = {"C": 1.0, "max_iter": 100, "alpha": 0.0001, **asked}
    return Problem(pixels, labels, classes, variables, epochs, seed)


def passes(name: str, asked: Problem) -> list[Linear]:
    told: list[Learned] = []
    CLASSICAL.get(name).fit(asked, told.append)
    return [each for each in told if isinstance(each, Linear)]


def probabilities(name: str, linear: Linear, pixels: Floats) -> NDArray[np.float64]:
    """What the network makes of the scores: a softmax, or sigmoids that sum to one."""
    scores = torch.from_numpy(pixels @ linear.weight.T + linear.bias).double()
    if CLASSICAL.get(name).sigmoid:
        scores = torch.nn.functional.logsigmoid(scores)
    return np.asarray(scores.softmax(1).numpy())


@pytest.mark.parametrize("classes", [10, 3, 2])
@pytest.mark.parametrize("strength", [1.0, 0.01])
def test_logistic_finds_scikit_learns_optimum(classes: int, strength: float) -> None:
    pixels, labels = digits(classes)
    ours = passes("logistic", problem(classes, C=strength, max_iter=1000))[-1]
    theirs = LogisticRegression(C=strength, tol=1e-8, max_iter=10_000).fit(pixels.astype(np.float64), labels)
    weight = ours.weight.astype(np.float64)
    expected = theirs.coef_ if classes > 2 else np.concatenate([-theirs.coef_, theirs.coef_]) / 2
    size = np.abs(expected).max()
    assert np.abs((weight - weight.mean(0)) - (expected - expected.mean(0))).max() < 0.02 * size
    said, wanted = probabilities("logistic", ours, pixels), theirs.predict_proba(pixels)
    # Ours stops where the gradient falls below scikit-learn's tolerance of 1e-4, theirs here goes on to 1e-8.
    assert log_loss(labels, said) == pytest.approx(log_loss(labels, wanted), abs=3e-4)
    assert np.mean(said.argmax(1) == labels) == pytest.approx(theirs.score(pixels, labels), abs=0.002)
    assert np.abs(said - wanted).max() < 0.01


@pytest.mark.parametrize("classes", [10, 2])
def test_logistic_stops_where_scikit_learn_stops(classes: int) -> None:
    pixels, labels = digits(classes)
    ours = passes("logistic", problem(classes))
    theirs = LogisticRegression(max_iter=100).fit(pixels, labels)
    said, wanted = probabilities("logistic", ours[-1], pixels), theirs.predict_proba(pixels)
    assert log_loss(labels, said) == pytest.approx(log_loss(labels, wanted), abs=1e-4)
    assert len(ours) == pytest.approx(int(theirs.n_iter_[0]), rel=0.35)


def test_every_iteration_of_logistic_is_told_and_lowers_what_is_minimised() -> None:
    asked = problem(10, max_iter=12)
    told = passes("logistic", asked)
    assert len(told) == 12 == CLASSICAL.get("logistic").most_passes(asked)

    def minimised(linear: Linear) -> float:
        penalty = float(np.square(linear.weight.astype(np.float64)).sum()) / (2 * len(asked.labels))
        return float(log_loss(asked.labels, probabilities("logistic", linear, asked.pixels))) + penalty

    values = [minimised(linear) for linear in told]
    assert values == sorted(values, reverse=True)
    assert values[-1] < values[0] / 2


def test_blocks_of_images_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = passes("logistic", problem(3, max_iter=5))[-1]
    monkeypatch.setattr("sadari.models.classical.BLOCK", 50)
    pieces = passes("logistic", problem(3, max_iter=5))[-1]
    assert np.allclose(whole.weight, pieces.weight, atol=1e-5)


def test_black_images_have_nothing_to_learn_but_the_shares() -> None:
    labels = np.array([0, 1] * 10, dtype=np.int64)
    black = Problem(np.zeros((20, 4), np.float32), labels, 2, {"C": 1.0, "max_iter": 5}, 1, 0)
    (linear,) = passes("logistic", black)
    assert not linear.weight.any()
    assert probabilities("logistic", linear, black.pixels) == pytest.approx(0.5)


def scikit_learns_sgd(asked: Problem) -> list[SGDClassifier]:
    """partial_fit, pass by pass, with the seeds that ours uses."""
    kept = []
    model = SGDClassifier(loss="log_loss", alpha=asked.variables["alpha"])
    for number in range(asked.epochs):
        model.random_state = (asked.seed * 100_003 + number) % 2**31
        model.partial_fit(asked.pixels, asked.labels, classes=np.arange(asked.classes))
        kept.append((model.predict_proba(asked.pixels), model.score(asked.pixels, asked.labels)))
    return kept


@pytest.mark.parametrize("classes", [10, 3, 2])
def test_sgd_is_scikit_learns_pass_by_pass(classes: int) -> None:
    asked = problem(classes)
    told, expected = passes("sgd", asked), scikit_learns_sgd(asked)
    assert len(told) == len(expected) == CLASSICAL.get("sgd").most_passes(asked) == 4
    for linear, (wanted, accuracy) in zip(told, expected, strict=True):
        said = probabilities("sgd", linear, asked.pixels)
        assert linear.weight.shape == (classes, 64)
        assert np.abs(said - wanted).max() < 1e-3
        assert np.mean(said.argmax(1) == asked.labels) == pytest.approx(accuracy, abs=0.004)
        assert said.argmax(1)[0] == wanted.argmax(1)[0]
    assert not np.allclose(told[0].weight, told[-1].weight)


@pytest.mark.parametrize("classes", [10, 2])
def test_sgd_goes_on_from_the_state_of_a_pass(classes: int) -> None:
    asked = problem(classes)
    whole: list[Linear] = []

    def keep(linear: Learned) -> None:
        assert isinstance(linear, Linear)
        copied = {key: np.array(each) for key, each in linear.state.items()}
        whole.append(Linear(linear.weight.copy(), linear.bias.copy(), copied))

    CLASSICAL.get("sgd").fit(asked, keep)
    later = Problem(asked.pixels, asked.labels, classes, asked.variables, 4, asked.seed, 2, whole[1].state)
    rest = passes("sgd", later)
    assert len(rest) == 2
    for one, other in zip(whole[2:], rest, strict=True):
        assert np.array_equal(one.weight, other.weight)
        assert np.array_equal(one.bias, other.bias)


def test_another_seed_learns_something_else() -> None:
    one, other = (passes("sgd", problem(3, seed=seed))[-1] for seed in (0, 1))
    assert not np.array_equal(one.weight, other.weight)


def test_majority_is_the_dummy() -> None:
    pixels, labels = digits(10)
    skewed = np.where(labels > 6, 7, labels)
    asked = Problem(pixels, skewed, 10, {}, 5, 0)
    (linear,) = passes("majority", asked)
    dummy = DummyClassifier(strategy="prior").fit(pixels, skewed)
    said = probabilities("majority", linear, pixels)
    assert CLASSICAL.get("majority").most_passes(asked) == 1
    assert np.mean(said.argmax(1) == skewed) == dummy.score(pixels, skewed)
    counts = np.bincount(skewed, minlength=10)
    assert np.allclose(said, (counts + 1) / (len(skewed) + 10), atol=1e-6)


def test_each_fills_one_dense_layer_behind_flatten() -> None:
    network = build(parse("flatten", {}), (8, 8, 1), 3, seed=0)
    (linear, *_) = passes("sgd", problem(3))
    layer = network.head[-1]
    assert isinstance(layer, Dense)
    assert linear.weight.shape == tuple(layer.weight.shape)
    assert linear.bias.shape == tuple(layer.bias.shape)
