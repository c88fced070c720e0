"""Do the optimisers step as Keras's do, and do the schedules have the shapes they are named after?"""

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from sadari.settings import OPTIMIZERS, SCHEDULES, Settings
from sadari.testing import OptimizerContract
from sadari.training.optim.build import (
    LEARNING_RATES,
    MAKERS,
    STEPS_AT,
    learning_rate_at,
    make_optimizer,
    peak_learning_rate,
    set_learning_rate,
)

STEPS = 12
ELSEWHERE = ("muon", "normed-muon")  # test_muon.py, test_normed_muon.py
Floats = NDArray[np.float32]


class Point(nn.Module):
    """A module of a matrix and a vector."""

    def __init__(self, matrix: Floats, vector: Floats) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.from_numpy(matrix.copy()))
        self.vector = nn.Parameter(torch.from_numpy(vector.copy()))


def problem() -> tuple[Floats, Floats, list[tuple[Floats, Floats]]]:
    """Return a matrix and a vector to start from, and the gradients of each step; some of their values are zero."""
    generator = np.random.default_rng(0)
    shapes = ((3, 4), (4,))
    start = [generator.normal(size=shape).astype(np.float32) for shape in shapes]
    grads = [[generator.normal(size=shape).astype(np.float32) for shape in shapes] for _ in range(STEPS)]
    grads[0][0][0, 0] = grads[5][1][2] = 0.0
    return start[0], start[1], [(one, other) for one, other in grads]


def ours(settings: Settings) -> tuple[Floats, Floats]:
    matrix, vector, grads = problem()
    point = Point(matrix, vector)
    optimizer = make_optimizer(point, settings)
    for grad in grads:
        point.matrix.grad, point.vector.grad = map(torch.from_numpy, grad)
        optimizer.step()
    return point.matrix.detach().numpy(), point.vector.detach().numpy()


def of_keras(optimizer: Any) -> tuple[Floats, Floats]:
    import keras

    matrix, vector, grads = problem()
    variables = [keras.Variable(matrix), keras.Variable(vector)]
    optimizer.build(variables)
    for grad in grads:
        optimizer.apply(list(map(torch.from_numpy, grad)), variables)
    numbers = [np.array(each.value.detach().cpu().numpy()) for each in variables]
    return numbers[0], numbers[1]


# The class of Keras 3 for each of our names, with Keras's own defaults wherever no figure is given.
TWINS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {}),
    "momentum": ("SGD", {"momentum": 0.9}),
    "nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "adam": ("Adam", {}),
    "adamw": ("AdamW", {"weight_decay": 0.1}),
    "rmsprop": ("RMSprop", {}),
    "adadelta": ("Adadelta", {"learning_rate": 1.0}),
}


@pytest.mark.parametrize("name", [each for each in OPTIMIZERS if each not in ELSEWHERE])
def test_every_optimiser_steps_as_in_keras(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    import keras

    kind, options = TWINS[name]
    twin = getattr(keras.optimizers, kind)(**options)
    decay = options.get("weight_decay", 0.0)
    matrix, vector = ours(Settings(optimizer=name, weight_decay=decay))
    expected_matrix, expected_vector = of_keras(twin)
    # torch divides by sqrt(v) / sqrt(1 - b2^t) + eps, Keras by sqrt(v) + eps with the correction in the rate; Keras
    # adds RMSprop's epsilon inside the root: both differ by about eps / |gradient| of a step.
    assert np.allclose(matrix, expected_matrix, rtol=0, atol=2e-6)
    if not decay:  # Keras decays vectors too unless it gets their names
        assert np.allclose(vector, expected_vector, rtol=0, atol=2e-6)
    assert not np.allclose(matrix, problem()[0], atol=1e-4)
    assert twin.learning_rate.value.item() == pytest.approx(peak_learning_rate(Settings(optimizer=name)))


@pytest.mark.parametrize("name", [each for each in OPTIMIZERS if each not in ("adamw", *ELSEWHERE)])
def test_weight_decay_is_an_l2_penalty_on_the_matrix(name: str) -> None:
    matrix, vector, grads = problem()
    point = Point(matrix, vector)
    optimizer = make_optimizer(point, Settings(optimizer=name))
    for grad in grads:
        point.matrix.grad, point.vector.grad = map(torch.from_numpy, grad)
        point.matrix.grad = point.matrix.grad + 0.1 * point.matrix.detach()
        optimizer.step()
    decayed, plain_vector = ours(Settings(optimizer=name, weight_decay=0.1))
    assert np.allclose(decayed, point.matrix.detach().numpy(), atol=1e-6)
    assert np.array_equal(plain_vector, ours(Settings(optimizer=name))[1])


def test_adamw_decays_the_matrix_only_and_beside_the_gradient() -> None:
    plain, decayed = ours(Settings(optimizer="adam")), ours(Settings(optimizer="adamw", weight_decay=0.1))
    assert np.array_equal(plain[1], decayed[1])
    assert np.abs(decayed[0]).sum() < np.abs(plain[0]).sum()
    still = Point(np.ones((2, 2), np.float32), np.ones(2, np.float32))
    optimizer = make_optimizer(still, Settings(optimizer="adamw", weight_decay=0.1))
    still.matrix.grad, still.vector.grad = torch.zeros(2, 2), torch.zeros(2)
    optimizer.step()
    assert still.matrix.detach().numpy() == pytest.approx(1 - 0.1 * 0.001)
    assert still.vector.detach().numpy() == pytest.approx(1.0)


def test_a_rate_of_zero_is_the_optimisers_own() -> None:
    assert set(LEARNING_RATES) == set(OPTIMIZERS)
    for name, rate in LEARNING_RATES.items():
        assert peak_learning_rate(Settings(optimizer=name)) == rate
        assert peak_learning_rate(Settings(optimizer=name, learning_rate=0.3)) == 0.3


class TestOptimizers(OptimizerContract):
    names = OPTIMIZERS


def test_there_is_a_maker_for_each_name() -> None:
    assert tuple(MAKERS.own()) == OPTIMIZERS


def rates(steps: int = 10, **overrides: Any) -> list[float]:
    settings = Settings(**{"epochs": 20, "optimizer": "adam", "learning_rate": 0.5, **overrides})
    return [learning_rate_at(settings, step, steps) for step in range(settings.epochs * steps)]


def test_constant_is_constant() -> None:
    assert set(rates(schedule="constant")) == {0.5}


def test_step_divides_by_ten_twice() -> None:
    curve = rates(schedule="step")
    falls = [step / len(curve) for step in range(1, len(curve)) if curve[step] != curve[step - 1]]
    assert falls == list(STEPS_AT)
    assert sorted(set(curve)) == pytest.approx([0.005, 0.05, 0.5])


def test_linear_falls_by_the_same_in_every_step() -> None:
    curve = rates(schedule="linear")
    assert curve == pytest.approx([0.5 * (1 - step / 200) for step in range(200)])


def test_cosine_falls_to_almost_nothing() -> None:
    curve = rates(schedule="cosine")
    assert curve[0] == 0.5
    assert curve == sorted(curve, reverse=True)
    assert curve[len(curve) // 2] == pytest.approx(0.25)
    assert 0 < curve[-1] < 1e-4


def test_one_cycle_rises_to_its_peak_and_falls_to_almost_nothing() -> None:
    curve = rates(schedule="one-cycle")
    peak = curve.index(max(curve))
    assert curve[0] == pytest.approx(0.5 / 25)
    assert curve[peak] == 0.5
    assert peak == 0.3 * len(curve)
    assert curve[:peak] == sorted(curve[:peak])
    assert curve[peak:] == sorted(curve[peak:], reverse=True)
    assert 0 < curve[-1] < 1e-4


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine", "one-cycle"])
def test_schedules_do_not_jump(schedule: str) -> None:
    curve = np.array(rates(steps=100, schedule=schedule))
    assert np.abs(np.diff(curve)).max() < 0.005


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warmup", [0.5, 3.0])
def test_warm_up_rises_linearly_from_zero(schedule: str, warmup: float) -> None:
    curve = np.array(rates(schedule=schedule, warmup_epochs=warmup))
    steps = round(10 * warmup)
    assert curve[:steps] == pytest.approx(0.5 * np.arange(1, steps + 1) / (steps + 1))
    settled = Settings(epochs=20, learning_rate=0.5, schedule=schedule)
    assert curve[steps] == learning_rate_at(settled, 0, 10)
    assert curve[-1] <= 0.5


def test_a_warm_up_longer_than_the_run_stays_below_the_peak() -> None:
    curve = rates(schedule="cosine", epochs=2, warmup_epochs=5.0)
    assert curve == sorted(curve)
    assert curve[-1] < 0.5


@pytest.mark.parametrize(("decay", "groups"), [(0.0, 1), (0.1, 2)])
def test_a_rate_is_given_to_every_group(decay: float, groups: int) -> None:
    matrix, vector, _ = problem()
    optimizer = make_optimizer(Point(matrix, vector), Settings(weight_decay=decay))
    set_learning_rate(optimizer, 0.123)
    assert [group["lr"] for group in optimizer.param_groups] == [0.123] * groups
