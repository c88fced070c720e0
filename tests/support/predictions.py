"""Predictions and correctness tables made by hand, for tests of metrics and statistics."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.values import Predictions


def predictions_of(
    labels: Sequence[int] | NDArray[np.int64], probabilities: NDArray[Any], classes: Sequence[str] = ()
) -> Predictions:
    """Return Predictions of images "image/0", "image/1", ...; classes: "a", "b", ... unless they are given."""
    return Predictions(
        ids=np.array([f"image/{number}" for number in range(len(labels))], dtype=np.str_),
        labels=np.array(labels, dtype=np.int64),
        probabilities=probabilities.astype(np.float32),
        classes=tuple(classes or "abcdefgh"[: probabilities.shape[1]]),
        seconds=1.0,
    )


def correct_rows(counts: Sequence[int], images: int) -> NDArray[np.bool_]:
    """Return one row per seed, of which the first images are correct, as many as `counts` says."""
    return np.array([[position < count for position in range(images)] for count in counts])
