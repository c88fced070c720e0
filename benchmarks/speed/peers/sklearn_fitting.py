"""How long do A2's calls of scikit-learn take? LogisticRegression() on raw pixels; SGDClassifier on standardised ones.

sklearn_fitting.py TASK    (run by ../yardstick.py; training_task.py says what a task is)

The seconds are those from the pixels in memory to the fitted weights, as one. A2 also scores all images after each of
SGD's passes; that is left out.
"""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.preprocessing import StandardScaler

from training_task import answer, check_params, read_task

Numbers = NDArray[Any]


def fit_logistic(_: dict[str, Any], x: Numbers, y: Numbers) -> Any:
    return LogisticRegression().fit(x, y)


def fit_sgd(task: dict[str, Any], x: Numbers, y: Numbers) -> Any:
    scaler = StandardScaler()
    scaled = scaler.fit_transform(x)
    classifier = SGDClassifier(loss="log_loss", random_state=task["seed"])
    classes = np.unique(y)
    for _ in range(task["epochs"]):
        classifier.partial_fit(scaled, y, classes=classes)
    return Scaled(scaler, classifier)


class Scaled:
    """A classifier that reads raw pixels through the scaler it was fitted behind."""

    def __init__(self, scaler: StandardScaler, classifier: SGDClassifier) -> None:
        self.scaler, self.classifier = scaler, classifier
        self.coef_, self.intercept_ = classifier.coef_, classifier.intercept_

    def score(self, x: Numbers, y: Numbers) -> float:
        return float(self.classifier.score(self.scaler.transform(x), y))


FITS = {"logistic": fit_logistic, "sgd": fit_sgd}


def main() -> None:
    task = read_task()
    with np.load(task["file"], allow_pickle=False) as stored:
        x_train, y_train, x_test, y_test = (stored[name] for name in ("X_train", "y_train", "X_test", "y_test"))
    x_train, x_test = (each.reshape(len(each), -1) for each in (x_train, x_test))
    started = time.perf_counter()
    fitted = FITS[task["model"]](task, x_train, y_train)
    seconds = time.perf_counter() - started
    params = fitted.coef_.size + fitted.intercept_.size
    check_params(task["layers"], [(0, 0), (params, params)])
    answer([seconds], float(fitted.score(x_test, y_test)), params, "float64", ["scikit-learn", "numpy"])


main()
