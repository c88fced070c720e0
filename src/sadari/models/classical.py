"""How are the classical rungs fitted? Each ends as one layer of a network, so that everything behind treats all alike.

`majority` and `sgd` are scikit-learn's. `logistic` minimises scikit-learn's objective with the same SciPy solver
that scikit-learn calls, but keeps what every iteration found, which scikit-learn does not tell; a test holds it
against `sklearn.linear_model.LogisticRegression`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.errors import UsageError
from sadari.registry import Registry
from sadari.settings import Value

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Linear:
    """What has been learned after a pass: scores = x @ weight.T + bias.

    weight: (K, D), bias: (K,). state: what the next pass needs besides, as arrays; it is kept in checkpoints.
    """

    weight: Floats
    bias: Floats
    state: Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Problem:
    """What is there to fit?

    pixels: float32 (N, D). labels: int64 (N,), in 0..classes-1. variables: the rung's own ones. from_pass, state:
    how many passes lie behind, and the `state` of the last of them; 0 and nothing at the start.
    """

    pixels: Floats
    labels: NDArray[np.int64]
    classes: int
    variables: Mapping[str, Value]
    epochs: int
    seed: int
    from_pass: int = 0
    state: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Remembered:
    """What has been learned where the training images themselves are the model: vectors (N, D), labels (N,)."""

    vectors: Floats
    labels: NDArray[np.int64]
    state: Mapping[str, NDArray[Any]] = field(default_factory=dict)


Learned = Linear | Remembered
AfterPass = Callable[[Learned], None]


@dataclass(frozen=True)
class Classical:
    """One classical rung: `fit` calls `after_pass` with what it learned after each pass over the images, once at least.

    most_passes: how many passes it makes of a problem at most. sigmoid: probabilities are one-vs-rest sigmoids,
    normalised, as in scikit-learn, instead of a softmax.
    """

    fit: Callable[[Problem, AfterPass], None]
    most_passes: Callable[[Problem], int]
    sigmoid: bool = False


ABOVE_ZERO = ("C", "alpha", "max_iter")


def check_variables(variables: Mapping[str, Value]) -> None:
    """Can a classical rung be fitted with these `variables`? Raises UsageError naming the one that is wrong."""
    for name, value in variables.items():
        if name in ABOVE_ZERO and not 0 < float(value) < float("inf"):
            raise UsageError(f"{name} is a number above 0, not {value}")


CLASSICAL: Registry[Classical] = Registry("classical model")


def majority(problem: Problem, after_pass: AfterPass) -> None:
    """Always the most frequent class; its probabilities are the training set's shares (add-one smoothed)."""
    classes = problem.classes
    shares = (np.bincount(problem.labels, minlength=classes) + 1.0) / (len(problem.labels) + classes)
    after_pass(Linear(np.zeros((classes, problem.pixels.shape[1]), np.float32), np.log(shares).astype(np.float32), {}))


def sgd(problem: Problem, after_pass: AfterPass) -> None:
    """scikit-learn's SGDClassifier with log loss, one `partial_fit` a pass, shuffled anew in each."""
    from sklearn.linear_model import SGDClassifier

    classes = np.arange(problem.classes)
    model = SGDClassifier(loss="log_loss", alpha=problem.variables["alpha"])
    if problem.from_pass:
        model.coef_, model.intercept_ = problem.state["coef"].copy(), problem.state["intercept"].copy()
        model.t_, model.classes_ = float(problem.state["t"]), classes
    for number in range(problem.from_pass, problem.epochs):
        model.random_state = (problem.seed * 100_003 + number) % 2**31
        model.partial_fit(problem.pixels, problem.labels, classes=classes)
        weight, bias = _one_row_a_class(model.coef_, model.intercept_)
        state = {"coef": model.coef_, "intercept": model.intercept_, "t": np.array(model.t_)}
        after_pass(Linear(weight.astype(np.float32), bias.astype(np.float32), state))


def _one_row_a_class(
    weight: NDArray[np.float64], bias: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two classes share one row in scikit-learn; sigmoids of its two signs are the two classes."""
    if len(weight) > 1:
        return weight, bias
    return np.concatenate([-weight, weight]), np.concatenate([-bias, bias])


def logistic(problem: Problem, after_pass: AfterPass) -> None:
    """Multinomial logistic regression with an L2 penalty, by L-BFGS; a pass is one iteration.

    Minimises mean cross-entropy + |weight|^2 / (2 C N), scikit-learn's objective (C its inverse strength), from
    zero, with its tolerances. Of two classes scikit-learn penalises one row w, which stands for the rows -w / 2
    and w / 2 here: they are penalised twice as much, so that it is the same model. Sums run in float32 over
    blocks and in float64 across them.
    """
    from scipy.optimize import minimize

    classes, (count, width) = problem.classes, problem.pixels.shape
    penalty = (2.0 if classes == 2 else 1.0) / (float(problem.variables["C"]) * count)
    passes = 0

    def objective(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weight, bias = _rows(flat, classes, width)
        loss, slope, bias_slope = _cross_entropy(problem.pixels, problem.labels, weight, bias)
        slope += penalty * weight
        loss += 0.5 * penalty * float(np.square(weight).sum())
        return loss, np.concatenate([slope.ravel(), bias_slope])

    def tell(flat: NDArray[np.float64]) -> None:
        nonlocal passes
        passes += 1
        weight, bias = _rows(flat, classes, width)
        after_pass(Linear(weight.astype(np.float32), bias.astype(np.float32), {}))

    found = minimize(
        objective,
        np.zeros(classes * (width + 1)),
        jac=True,
        method="L-BFGS-B",
        callback=lambda flat: tell(flat),
        # scikit-learn 1.6's call: tol=1e-4 on the gradient, 50 line-search steps, ftol of 64 machine epsilons.
        options={
            "maxiter": int(problem.variables["max_iter"]),
            "maxls": 50,
            "gtol": 1e-4,
            "ftol": 64 * np.finfo(float).eps,
        },
    )
    if not passes:  # zero was the best already, as for black images
        tell(found.x)


def _rows(flat: NDArray[np.float64], classes: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The weight (K, D) and bias (K,) that lie behind each other in `flat`."""
    return flat[: classes * width].reshape(classes, width), flat[classes * width :]


BLOCK = 4096  # images a block: bounds the float32 error and the memory of the probabilities (assumed)


def _cross_entropy(
    pixels: Floats, labels: NDArray[np.int64], weight: NDArray[np.float64], bias: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Mean cross-entropy of softmax(pixels @ weight.T + bias), and its slopes for weight and bias."""
    weight32, bias32 = weight.astype(np.float32), bias.astype(np.float32)
    slope, bias_slope, loss = np.zeros_like(weight), np.zeros_like(bias), 0.0
    for start in range(0, len(pixels), BLOCK):
        block, wanted = pixels[start : start + BLOCK], labels[start : start + BLOCK]
        scores = block @ weight32.T + bias32
        scores -= scores.max(axis=1, keepdims=True)
        rows = np.arange(len(block))
        of_label = scores[rows, wanted].copy()
        np.exp(scores, out=scores)
        total = scores.sum(axis=1, keepdims=True)
        loss += float(np.log(total, dtype=np.float64).sum()) - float(of_label.sum(dtype=np.float64))
        scores /= total
        scores[rows, wanted] -= 1
        slope += scores.T @ block
        bias_slope += scores.sum(axis=0, dtype=np.float64)
    return loss / len(pixels), slope / len(pixels), bias_slope / len(pixels)


def remember(problem: Problem, after_pass: AfterPass) -> None:
    """Nothing is fitted: the training images are kept, to vote."""
    after_pass(Remembered(problem.pixels, problem.labels))


CLASSICAL.add("majority", Classical(majority, lambda _: 1))
CLASSICAL.add("logistic", Classical(logistic, lambda problem: int(problem.variables["max_iter"])))
CLASSICAL.add("sgd", Classical(sgd, lambda problem: problem.epochs, sigmoid=True))
CLASSICAL.add("knn", Classical(remember, lambda _: 1))
CLASSICAL.add("linear-probe", Classical(logistic, lambda problem: int(problem.variables["max_iter"])))
