"""Is an image nearer to one of the classes than to all training images together? The relative Mahalanobis distance.

Lee et al., NeurIPS 2018 (arXiv:1807.03888): the features of each class are normal, with a mean of its own and a
covariance that all share. Ren et al. 2021 (arXiv:2106.09022): the same distance to one normal distribution of all
features is subtracted, so that what varies in all images counts for nothing. Features have length 1, as in Sun et al.,
ICML 2022. There are often more features than images, so covariances are shrunk to even ones, and only their first
directions are stored, the others having their mean variance.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.errors import SadariError

Floats = NDArray[np.float64]
Fitted = Mapping[str, NDArray[Any]]

# Measured on two of three kinds of animals, features of MobileNet (benchmarks/quality/unknown.py): a share of 0.5 has a
# higher area than 0.1, 0.2 and 0.8 on average, and 256 directions have that of all.
SHRUNK = 0.5
DIRECTIONS = 256
NAMES = ("centre", "means", "within", "whole", "variances")  # of what is stored
LEAST = 1e-9  # a variance of features of length 1 below which nothing varies (assumed)


def unit(features: NDArray[np.floating]) -> Floats:
    """Return float64 (N, D) with rows of length 1; rows of zeros stay."""
    lengths = np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(features / np.maximum(lengths, 1e-12))


def fit(features: NDArray[np.float32], labels: NDArray[np.int64]) -> Fitted:
    """Return what the distance needs of training images: float (N, D) features and int64 (N,) labels.

    centre: float32 (D,), the mean of all. means: float32 (K, D) of the classes that have images, minus `centre`.
    within, whole: float16 (R, D), by which a move is multiplied, so that the squared length of it minus that of the
    product, over a variance, is its squared distance. variances: float32 (2,), those of within and whole.
    """
    vectors = unit(features)
    centre = vectors.mean(axis=0)
    vectors -= centre
    classes, of = np.unique(labels, return_inverse=True)
    means = np.stack([vectors[of == each].mean(axis=0) for each in range(len(classes))])
    within, of_within = _shrunk(vectors - means[of])
    whole, of_whole = _shrunk(vectors)
    return {
        "centre": centre.astype(np.float32),
        "means": means.astype(np.float32),
        "within": within.astype(np.float16),
        "whole": whole.astype(np.float16),
        "variances": np.array([of_within, of_whole], dtype=np.float32),
    }


def require(fitted: Fitted) -> None:
    """Raise KeyError or ValueError where these cannot be what `fit` returns: shapes that do not fit, or no numbers."""
    centre, means, within, whole, variances = (fitted[name] for name in NAMES)
    tables = all(each.ndim == 2 and each.shape[1:] == centre.shape for each in (means, within, whole))
    if not tables or not len(means) or variances.shape != (2,):
        raise ValueError("the features of its classes do not fit")
    if not all(np.isfinite(fitted[name]).all() for name in NAMES) or not (variances > 0).all():
        raise ValueError("the features of its classes are no numbers")


def _shrunk(moves: Floats) -> tuple[Floats, float]:
    """Return the weighted directions (R, D) in which `moves`, (N, D), vary most, and the variance of all others."""
    count, features = moves.shape
    total = float((moves**2).sum()) / count
    values, axes = _principal(moves, min(DIRECTIONS, count, features))
    rest = max(total - float(values.sum()), 0.0) / max(features - len(values), 1)
    even = SHRUNK * total / features + LEAST
    others = even + (1 - SHRUNK) * rest
    weights = 1 - others / (even + (1 - SHRUNK) * values)
    return axes * np.sqrt(np.maximum(weights, 0))[:, None], others


def _principal(moves: Floats, most: int) -> tuple[Floats, Floats]:
    """Return the largest variances (R,) of `moves`, (N, D), `most` of them at most, and their directions (R, D)."""
    count, features = moves.shape
    wide = features > count
    square = moves @ moves.T if wide else moves.T @ moves
    values, vectors = np.linalg.eigh(square / count)
    values, vectors = values[-most:], vectors[:, -most:]
    kept = values > LEAST * max(float(values[-1]), LEAST)
    values, axes = values[kept], vectors[:, kept].T
    return values, (axes @ moves) / np.sqrt(values * count)[:, None] if wide else axes


def score(features: NDArray[np.float32], fitted: Fitted) -> Floats:
    """Return by how much, in nats, an image fits the nearest class better than all images together, float64 (N,).

    That is half the squared distance to all images, minus half that to the nearest class. Raises SadariError where
    `fitted` is of another model.
    """
    if features.shape[1:] != fitted["centre"].shape:
        of, wanted = len(fitted["centre"]), features.shape[1]
        raise SadariError(f"what is stored of known images is of another model: of {of:,} features, not {wanted:,}")
    centre, means, within, whole = (fitted[name].astype(np.float64) for name in ("centre", "means", "within", "whole"))
    of_within, of_whole = (float(each) for each in fitted["variances"])
    moves = unit(features) - centre
    to_all = ((moves**2).sum(axis=1) - ((moves @ whole.T) ** 2).sum(axis=1)) / of_whole
    to_each = (_squares(moves, means) - _squares(moves @ within.T, means @ within.T)) / of_within
    return np.asarray((to_all - to_each.min(axis=1)) / 2)


def _squares(points: Floats, means: Floats) -> Floats:
    """Return the squared distance of each of `points`, (N, D), to each of `means`, (K, D): (N, K)."""
    return np.asarray((points**2).sum(axis=1)[:, None] - 2 * points @ means.T + (means**2).sum(axis=1))
