"""Does ImageClassifier follow scikit-learn's conventions? All of scikit-learn's own checks, without exception."""

from collections.abc import Callable
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks

from sadari import ImageClassifier

# A classical model and a network that learns enough from the few rows of the checks.
ESTIMATORS = [
    ImageClassifier("logistic"),
    ImageClassifier("mlp", epochs=3, batch_size=32, learning_rate=0.01, settings={"scaling": "channel"}),
]


@parametrize_with_checks(ESTIMATORS)  # type: ignore[untyped-decorator]
def test_the_convention_is_kept(estimator: BaseEstimator, check: Callable[[Any], None]) -> None:
    check(estimator)
