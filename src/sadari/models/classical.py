"""How are the classical rungs fitted? Each ends as one linear layer, so that everything behind treats all alike.

`majority` and `sgd` are scikit-learn's. `logistic` minimises scikit-learn's objective with the same SciPy solver
that scikit-learn calls, but keeps what every iteration found, which scikit-learn does not tell; a test holds it
against `sklearn.linear_model.LogisticRegression`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


@dataclass(frozen=True)
class Classical:
    """One classical rung: `passes` yields a Linear after each pass over the images.

    passes(*, pixels float32 (N, D), labels int64 (N,), classes, variables, epochs, seed, from_pass, state): goes
    on behind pass number `from_pass` with the `state` of that pass. sigmoid: probabilities are one-vs-rest sigmoids,
    normalised, as in scikit-learn, instead of a softmax.
    """

    passes: Callable[..., Iterator[Linear]]
    sigmoid: bool = False


CLASSICAL: Registry[Classical] = Registry("classical model")


def majority(*, pixels: Floats, labels: NDArray[np.int64], classes: int, **_: Any) -> Iterator[Linear]:
    """Always the most frequent class; its probabilities are the training set's shares (add-one smoothed)."""
    shares = (np.bincount(labels, minlength=classes) + 1.0) / (len(labels) + classes)
    yield Linear(np.zeros((classes, pixels.shape[1]), np.float32), np.log(shares).astype(np.float32), {})


def sgd(
    *,
    pixels: Floats,
    labels: NDArray[np.int64],
    classes: int,
    variables: Mapping[str, Value],
    epochs: int,
    seed: int,
    from_pass: int,
    state: Mapping[str, NDArray[Any]],
) -> Iterator[Linear]:
    """scikit-learn's SGDClassifier with log loss, one `partial_fit` a pass, shuffled anew in each."""
    from sklearn.linear_model import SGDClassifier

    model = SGDClassifier(loss="log_loss", alpha=variables["alpha"])
    if from_pass:
        model.coef_, model.intercept_ = state["coef"].copy(), state["intercept"].copy()
        model.t_, model.classes_ = float(state["t"]), np.arange(classes)
    for number in range(from_pass, epochs):
        model.random_state = (seed * 100_003 + number) % 2**31
        model.partial_fit(pixels, labels, classes=np.arange(classes))
        weight, bias = _one_row_a_class(model.coef_, model.intercept_)
        state = {"coef": model.coef_, "intercept": model.intercept_, "t": np.array(model.t_)}
        yield Linear(weight.astype(np.float32), bias.astype(np.float32), state)


def _one_row_a_class(
    weight: NDArray[np.float64], bias: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two classes share one row in scikit-learn; sigmoids of its two signs are the two classes."""
    if len(weight) > 1:
        return weight, bias
    return np.concatenate([-weight, weight]), np.concatenate([-bias, bias])


def logistic(
    *,
    pixels: Floats,
    labels: NDArray[np.int64],
    classes: int,
    variables: Mapping[str, Value],
    **_: Any,
) -> Iterator[Linear]:
    """Multinomial logistic regression with an L2 penalty, by L-BFGS; a pass is one iteration.

    Minimises mean cross-entropy + |weight|^2 / (2 C N), scikit-learn's objective (C its inverse strength), from
    zero, with its tolerances. Sums run in float32 over blocks and in float64 across them.
    """
    from scipy.optimize import minimize

    count, width = pixels.shape
    penalty = 1.0 / (float(variables["C"]) * count)
    found: list[NDArray[np.float64]] = []

    def objective(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weight = flat[: classes * width].reshape(classes, width)
        bias = flat[classes * width :]
        loss, slope, bias_slope = _cross_entropy(pixels, labels, weight, bias)
        slope += penalty * weight
        loss += 0.5 * penalty * float(np.square(weight).sum())
        return loss, np.concatenate([slope.ravel(), bias_slope])

    minimize(
        objective,
        np.zeros(classes * (width + 1)),
        jac=True,
        method="L-BFGS-B",
        callback=lambda flat: found.append(flat.copy()),
        # scikit-learn 1.6's call: tol=1e-4 on the gradient, 50 line-search steps, ftol of 64 machine epsilons.
        options={
            "maxiter": int(variables["max_iter"]),
            "maxls": 50,
            "gtol": 1e-4,
            "ftol": 64 * np.finfo(float).eps,
        },
    )
    for flat in found or [np.zeros(classes * (width + 1))]:
        weight = flat[: classes * width].reshape(classes, width).astype(np.float32)
        yield Linear(weight, flat[classes * width :].astype(np.float32), {})


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


CLASSICAL.add("majority", Classical(majority))
CLASSICAL.add("logistic", Classical(logistic))
CLASSICAL.add("sgd", Classical(sgd, sigmoid=True))
