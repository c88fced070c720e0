"""Small estimators, and digits as bytes, for the tests of ImageClassifier."""

import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from sadari import ImageClassifier


def _digits(count: int) -> tuple[NDArray[np.uint8], NDArray[np.str_]]:
    found = load_digits()
    pixels = np.rint(found.images[:count] * 255 / 16).astype(np.uint8)
    return pixels, np.array([f"digit {each}" for each in found.target[:count]])


IMAGES, NAMES = _digits(300)  # uint8 (300, 8, 8), and the name of each
ROWS = IMAGES.reshape(300, 64)
SHARES = IMAGES / 255


def quick(model: str = "mlp", **arguments: Any) -> ImageClassifier:
    """Return an estimator that fits in a moment."""
    return ImageClassifier(model, **{"epochs": 4, "batch_size": 32, "random_state": 0, **arguments})


def pickled(classifier: ImageClassifier) -> ImageClassifier:
    """Pickle and unpickle the classifier, as on the way to another process."""
    back = pickle.loads(pickle.dumps(classifier))  # noqa: S301 - bytes of this very line
    assert isinstance(back, ImageClassifier)
    return back
