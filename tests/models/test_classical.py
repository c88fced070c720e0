"""Are the classical models scikit-learn's?"""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import log_loss

from sadari.data.prepare import Preprocess
from sadari.models.catalog import MODELS
from sadari.models.classical.logistic import _Objective
from sadari.models.classical.problem import Learned, Linear, Problem
from sadari.models.classical.registry import CLASSICAL
from sadari.models.layers.modules import Dense
from sadari.models.network import build
from sadari.models.parse import parse
from support.jobs import patterns

Floats = NDArray[np.float32]
TWIN = 2e-5  # of the largest weight: what rounding to float32 may change


@cache
def digits(classes: int) -> tuple[Floats, NDArray[np.int64]]:
    """Return the first `classes` digits as pixels in 0..1, every third of them."""
    pixels, labels = load_digits(n_class=classes, return_X_y=True)
    return (pixels[::3] / 16).astype(np.float32), labels[::3].astype(np.int64)


def problem(classes: int, **options: Any) -> Problem:
    pixels, labels = digits(classes)
    epochs, seed = options.pop("epochs", 4), options.pop("seed", 3)
    variables = {"C": 1.0, "max_iter": 100, "alpha": 0.0001, "average": False, **options}
    return Problem(pixels, labels, classes, variables, epochs, seed)


def passes(name: str, task: Problem) -> list[Linear]:
    learned: list[Learned] = []
    CLASSICAL.get(name).fit(task, learned.append)
    return [each for each in learned if isinstance(each, Linear)]


def probabilities(name: str, linear: Linear, pixels: Floats) -> NDArray[np.float64]:
    """Return the probabilities that the network computes: a softmax, or sigmoids that sum to one."""
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


def minimised(task: Problem, linear: Linear) -> float:
    """Return mean cross-entropy and penalty; of two classes each row counts twice (scikit-learn has one)."""
    penalty = float(np.square(linear.weight.astype(np.float64)).sum()) / (2 * len(task.labels))
    loss = float(log_loss(task.labels, probabilities("logistic", linear, task.pixels)))
    return loss + penalty * (2 if task.classes == 2 else 1)


@pytest.mark.parametrize("classes", [10, 2])
def test_logistic_stops_where_scikit_learn_stops(classes: int) -> None:
    pixels, labels = digits(classes)
    ours = passes("logistic", problem(classes))
    theirs = LogisticRegression(max_iter=100).fit(pixels, labels)
    row = theirs.coef_ if classes > 2 else np.concatenate([-theirs.coef_, theirs.coef_]) / 2
    level = theirs.intercept_ if classes > 2 else np.concatenate([-theirs.intercept_, theirs.intercept_]) / 2
    found = Linear(row.astype(np.float32), level.astype(np.float32))
    reached, wanted = (minimised(problem(classes), each) for each in (ours[-1], found))
    assert reached == pytest.approx(wanted, abs=1e-4)
    assert ours[-1].scored is not None
    assert ours[-1].scored[0] == pytest.approx(log_loss(labels, probabilities("logistic", ours[-1], pixels)), abs=1e-6)
    assert len(ours) == pytest.approx(int(theirs.n_iter_[0]), rel=0.35)


def test_every_iteration_of_logistic_is_told_and_lowers_what_is_minimised() -> None:
    task = problem(10, max_iter=12)
    learned = passes("logistic", task)
    assert len(learned) == 12 == CLASSICAL.get("logistic").most_passes(task)

    values = [minimised(task, linear) for linear in learned]
    assert values == sorted(values, reverse=True)
    assert values[-1] < values[0] / 2


def test_blocks_of_images_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = passes("logistic", problem(3, max_iter=5))[-1]
    monkeypatch.setattr("sadari.models.classical.logistic.BLOCK", 50)
    pieces = passes("logistic", problem(3, max_iter=5))[-1]
    assert np.allclose(whole.weight, pieces.weight, atol=1e-5)


@pytest.mark.parametrize(
    ("scaling", "stored"), [("none", torch.uint8), ("unit", torch.uint8), ("channel", torch.float32)]
)
def test_pixels_that_are_bytes_are_kept_as_bytes_and_change_nothing(
    scaling: str, stored: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = patterns(320)
    prepared = Preprocess.fitted(images, np.arange(320), scaling, "stretch").apply(torch.from_numpy(images.images))
    pixels = prepared.flatten(1).contiguous().numpy()
    task = Problem(pixels, images.labels, len(images.classes), {"C": 1.0, "max_iter": 9}, 1, 0)
    monkeypatch.setattr("sadari.models.classical.logistic.BLOCK", 128)  # the last block is a shorter one
    assert _Objective(task).pixels.dtype == stored
    as_bytes = passes("logistic", task)[-1]
    monkeypatch.setattr("sadari.models.classical.logistic._compact", lambda pixels: (pixels, 1))
    as_floats = passes("logistic", task)[-1]
    assert np.array_equal(as_bytes.weight, as_floats.weight)
    assert np.array_equal(as_bytes.bias, as_floats.bias)


def test_logistic_tells_the_accuracy_that_the_network_has() -> None:
    """Ties too: the first of the greatest is the answer."""
    task = problem(10, max_iter=7)
    for linear in passes("logistic", task):
        predicted = probabilities("logistic", linear, task.pixels).argmax(1)
        assert linear.scored is not None
        assert linear.scored[1] == pytest.approx(np.mean(predicted == task.labels), abs=1e-9)
    black = Problem(np.zeros((20, 4), np.float32), np.arange(20) % 2, 2, {"C": 1.0, "max_iter": 5}, 1, 0)
    scored = passes("logistic", black)[-1].scored
    assert scored is not None
    assert scored == pytest.approx((np.log(2), 0.5))


def test_black_images_have_nothing_to_learn_but_the_shares() -> None:
    labels = np.array([0, 1] * 10, dtype=np.int64)
    black = Problem(np.zeros((20, 4), np.float32), labels, 2, {"C": 1.0, "max_iter": 5}, 1, 0)
    (linear,) = passes("logistic", black)
    assert not linear.weight.any()
    assert probabilities("logistic", linear, black.pixels) == pytest.approx(0.5)


def scikit_learns_sgd(task: Problem) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return its weights and biases, one classifier per class, of the same images in the same order.

    In one call, with the passes behind each other: called again with average=True, it gives another mean (seen in 1.9).
    """
    orders = [np.random.default_rng([task.seed, each]).permutation(len(task.labels)) for each in range(task.epochs)]
    order = np.concatenate(orders)
    models = [SGDClassifier(loss="log_loss", shuffle=False, **task.variables) for _ in range(task.classes)]
    for wanted, model in enumerate(models):
        model.partial_fit(task.pixels[order].astype(np.float64), task.labels[order] == wanted, classes=[False, True])
    return np.concatenate([model.coef_ for model in models]), np.concatenate([model.intercept_ for model in models])


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("alpha", [1e-2, 1.0, 30.0])
@pytest.mark.parametrize("classes", [10, 3, 2])
def test_sgd_is_scikit_learns(classes: int, alpha: float, average: bool) -> None:
    task = replace(problem(classes), variables={"alpha": alpha, "average": average})
    learned, (weight, bias) = passes("sgd", task), scikit_learns_sgd(task)
    assert len(learned) == CLASSICAL.get("sgd").most_passes(task) == 4
    assert learned[-1].weight.shape == (classes, 64)
    assert np.allclose(learned[-1].weight, weight, rtol=0, atol=TWIN * np.abs(weight).max())
    assert np.allclose(learned[-1].bias, bias, rtol=0, atol=TWIN * max(np.abs(weight).max(), np.abs(bias).max()))
    assert not np.allclose(learned[0].weight, learned[-1].weight, rtol=0.01)


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("classes", [10, 3])
def test_large_steps_of_sgd_learn_as_much_as_scikit_learns(classes: int, average: bool) -> None:
    """With little penalty the first steps are so large that they amplify the last digit of a float64 to the fourth."""
    task = replace(problem(classes), variables={"alpha": 1e-4, "average": average})
    learned, (weight, bias) = passes("sgd", task)[-1], scikit_learns_sgd(task)
    ours, theirs = (
        (task.pixels @ each.T + b).argmax(1) for each, b in ((learned.weight, learned.bias), (weight, bias))
    )
    assert np.mean(ours == task.labels) == pytest.approx(np.mean(theirs == task.labels), abs=0.04)
    assert np.mean(ours == theirs) > 0.93


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 30),
    width=st.integers(1, 9),
    scale=st.sampled_from([1e-3, 1.0, 30.0]),
    block=st.sampled_from([1, 3, 16, 64]),
    average=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_sgd_takes_the_steps_one_by_one(
    count: int, width: int, scale: float, block: int, average: bool, seed: int
) -> None:
    """Any images, in blocks of any size, against the definition: the steps of SGDClassifier written out.

    Of 14,400 such problems none differed by more than the tolerance; with 70 images eight of 2,160 did, because early
    steps amplify what margins in float32 round away.
    """
    draw = np.random.default_rng(seed)
    pixels, labels = (draw.normal(size=(count, width)) * scale).astype(np.float32), draw.integers(0, 3, count)
    task = Problem(pixels, labels, 3, {"alpha": 1e-3, "average": average}, 2, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sadari.models.classical.sgd.BLOCK", block)
        linear = passes("sgd", task)[-1]
    weight, bias = steps_one_by_one(task)
    size = max(np.abs(weight).max(), np.abs(bias).max())
    assert np.allclose(linear.weight, weight, rtol=0, atol=1e-3 * size)
    assert np.allclose(linear.bias, bias, rtol=0, atol=1e-3 * size)


def steps_one_by_one(task: Problem) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    alpha, rows = float(task.variables["alpha"]), np.arange(task.classes)
    weight, bias = np.zeros((task.classes, task.pixels.shape[1])), np.zeros(task.classes)
    weights, biases, clock = np.zeros_like(weight), np.zeros_like(bias), alpha**-0.75
    for number in range(task.epochs):
        for image in np.random.default_rng([task.seed, number]).permutation(len(task.labels)):
            x, sign = task.pixels[image].astype(np.float64), np.where(rows == task.labels[image], 1, -1)
            pull = sign * expit(-sign * (weight @ x + bias)) / (alpha * clock)
            weight = max(0, 1 - 1 / clock) * weight + pull[:, None] * x
            bias = bias + pull
            weights, biases, clock = weights + weight, biases + bias, clock + 1
    taken = task.epochs * len(task.labels)
    return (weights / taken, biases / taken) if task.variables["average"] else (weight, bias)


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("classes", [10, 2])
def test_sgd_goes_on_from_the_state_of_a_pass(classes: int, average: bool) -> None:
    task = problem(classes, average=average)
    whole: list[Linear] = []

    def keep(linear: Learned) -> None:
        assert isinstance(linear, Linear)
        copied = {key: np.array(each) for key, each in linear.state.items()}
        whole.append(Linear(linear.weight.copy(), linear.bias.copy(), copied))

    CLASSICAL.get("sgd").fit(task, keep)
    later = Problem(task.pixels, task.labels, classes, task.variables, 4, task.seed, 2, whole[1].state)
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
    task = Problem(pixels, skewed, 10, {}, 5, 0)
    (linear,) = passes("majority", task)
    dummy = DummyClassifier(strategy="prior").fit(pixels, skewed)
    said = probabilities("majority", linear, pixels)
    assert CLASSICAL.get("majority").most_passes(task) == 1
    assert np.mean(said.argmax(1) == skewed) == dummy.score(pixels, skewed)
    counts = np.bincount(skewed, minlength=10)
    assert np.allclose(said, (counts + 1) / (len(skewed) + 10), atol=1e-6)


def test_every_classical_model_is_in_the_catalogue() -> None:
    assert {spec.name for spec in MODELS if spec.fitted_by != "gradient"} == set(CLASSICAL.names())


@pytest.mark.parametrize("name", CLASSICAL.names())
def test_every_classical_model_learns_one_linear_layer_or_remembers_its_images(name: str) -> None:
    task = problem(3)
    learned: list[Learned] = []
    CLASSICAL.get(name).fit(task, learned.append)
    assert 1 <= len(learned) <= CLASSICAL.get(name).most_passes(task)
    for each in learned:
        if isinstance(each, Linear):
            assert each.weight.shape == (3, task.pixels.shape[1]) and each.weight.dtype == np.float32
            assert each.bias.shape == (3,) and each.bias.dtype == np.float32
            assert np.isfinite(each.weight).all() and np.isfinite(each.bias).all()
        else:
            assert each.vectors.shape == task.pixels.shape and len(each.labels) == len(task.labels)


def test_each_fills_one_dense_layer_behind_flatten() -> None:
    network = build(parse("flatten", {}), (8, 8, 1), 3, seed=0)
    (linear, *_) = passes("sgd", problem(3))
    layer = network.head[-1]
    assert isinstance(layer, Dense)
    assert linear.weight.shape == tuple(layer.weight.shape)
    assert linear.bias.shape == tuple(layer.bias.shape)
