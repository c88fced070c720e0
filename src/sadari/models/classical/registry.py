"""How are the classical models fitted? Each ends as one layer of a network, so that everything behind treats all alike.

None calls scikit-learn; tests hold `majority`, `logistic` and `sgd` against its DummyClassifier, LogisticRegression and
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
    """One classical model: `fit` calls `after_pass` with what it learned after each pass, once at least.

    most_passes: how many passes it makes of a problem at most. sigmoid: probabilities are one-vs-rest sigmoids,
    normalised, as in scikit-learn, instead of a softmax.
    """

    fit: Callable[[Problem, AfterPass], None]
    most_passes: Callable[[Problem], int]
    sigmoid: bool = False


ABOVE_ZERO = ("C", "alpha", "max_iter")


def check_variables(variables: Mapping[str, Value]) -> None:
    """Can a classical model be fitted with these `variables`? Raises UsageError naming the one that is wrong."""
    for name, value in variables.items():
        if name in ABOVE_ZERO and not 0 < float(value) < float("inf"):
            raise UsageError(f"{name} is a number above 0, not {value}")


def majority(problem: Problem, after_pass: AfterPass) -> None:
    """Always the most frequent class; its probabilities are the training set's shares (add-one smoothed)."""
    classes = problem.classes
    shares = (np.bincount(problem.labels, minlength=classes) + 1.0) / (len(problem.labels) + classes)
    after_pass(Linear(np.zeros((classes, problem.pixels.shape[1]), np.float32), np.log(shares).astype(np.float32)))


def remember(problem: Problem, after_pass: AfterPass) -> None:
    """Nothing is fitted: the training images are kept, to vote."""
    after_pass(Remembered(problem.pixels, problem.labels))


CLASSICAL: Registry[Classical] = Registry("classical model")
CLASSICAL.add("majority", Classical(majority, lambda _: 1))
CLASSICAL.add("logistic", Classical(logistic, lambda problem: int(problem.variables["max_iter"])))
CLASSICAL.add("sgd", Classical(sgd, lambda problem: problem.epochs, sigmoid=True))
CLASSICAL.add("knn", Classical(remember, lambda _: 1))
CLASSICAL.add("linear-probe", Classical(logistic, lambda problem: int(problem.variables["max_iter"])))
