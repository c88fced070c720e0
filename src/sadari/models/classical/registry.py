"""How are the classical models fitted? Each ends as one layer of a network, so that all later code treats all models
alike.

None calls scikit-learn; tests compare `majority`, `logistic` and `sgd` with its DummyClassifier, LogisticRegression and
SGDClassifier.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sadari.errors import UsageError
from sadari.models.classical.logistic import logistic
from sadari.models.classical.problem import AfterPass, Linear, Problem, Remembered
from sadari.models.classical.sgd import sgd
from sadari.registry import Registry
from sadari.settings import Value


@dataclass(frozen=True)
class Classical:
    """A classical model: `fit` calls `after_pass` with what it has learnt after each pass, at least once.

    most_passes: the greatest number of passes that it makes. sigmoid: probabilities are one-vs-rest sigmoids,
    normalised, as in scikit-learn, instead of a softmax. draws: whether fitting depends on the seed.
    """

    fit: Callable[[Problem, AfterPass], None]
    most_passes: Callable[[Problem], int]
    sigmoid: bool = False
    draws: bool = False


ABOVE_ZERO = ("C", "alpha", "max_iter")
# Beyond these, products and powers of a penalty leave the numbers that a float can hold (measured on digits).
LEAST_PENALTY, MOST_PENALTY = 1e-30, 1e30


def check_variables(variables: Mapping[str, Value]) -> None:
    """Raise UsageError naming the variable with which a classical model cannot be fitted."""
    for name, value in variables.items():
        if name in ABOVE_ZERO and not 0 < float(value) < float("inf"):
            raise UsageError(f"{name} is a number above 0, not {value}")
        if name in ("C", "alpha") and not LEAST_PENALTY <= float(value) <= MOST_PENALTY:
            raise UsageError(f"{name} is between {LEAST_PENALTY:g} and {MOST_PENALTY:g}, not {value}")


def majority(problem: Problem, after_pass: AfterPass) -> None:
    """Fit a model of class frequencies: its probabilities are the shares of the training set (add-one smoothed)."""
    classes = problem.classes
    shares = (np.bincount(problem.labels, minlength=classes) + 1.0) / (len(problem.labels) + classes)
    after_pass(Linear(np.zeros((classes, problem.pixels.shape[1]), np.float32), np.log(shares).astype(np.float32)))


def remember(problem: Problem, after_pass: AfterPass) -> None:
    """Store the training images, which vote later; nothing is fitted."""
    after_pass(Remembered(problem.pixels, problem.labels))


CLASSICAL: Registry[Classical] = Registry("classical model")
CLASSICAL.add("majority", Classical(majority, lambda _: 1))
CLASSICAL.add("logistic", Classical(logistic, lambda problem: int(problem.variables["max_iter"])))
CLASSICAL.add("sgd", Classical(sgd, lambda problem: problem.epochs, sigmoid=True, draws=True))
CLASSICAL.add("knn", Classical(remember, lambda _: 1))
CLASSICAL.add("linear-probe", Classical(logistic, lambda problem: int(problem.variables["max_iter"])))
CLASSICAL.add("photo-probe", Classical(logistic, lambda problem: int(problem.variables["max_iter"])))
