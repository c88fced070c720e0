"""How known is an image to a model? Scores of what the model computes of it; a higher one means more known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation.unknown import mahalanobis
from sadari.registry import Registry

Floats = NDArray[np.float64]
Fitted = Mapping[str, NDArray[Any]]  # what a score takes from the training images


@dataclass(frozen=True, eq=False)
class Seen:
    """What a model computes of some images.

    logits: float32 (N, K), before any temperature. features: float32 (N, D), what its class layer reads; D is 0 where
    there are too many.
    """

    logits: NDArray[np.float32]
    features: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.logits)


@dataclass(frozen=True)
class Score:
    """One score. compute: returns float64 (N,) of what was seen and fitted.

    fit: returns what the score needs of training images, by their features and labels; None where it needs nothing.
    require: raises KeyError or ValueError where what was stored cannot be that.
    """

    name: str
    summary: str
    compute: Callable[[Seen, Fitted], Floats]
    fit: Callable[[NDArray[np.float32], NDArray[np.int64]], Fitted] | None = None
    require: Callable[[Fitted], None] = lambda _: None


def probability(seen: Seen, fitted: Fitted) -> Floats:  # noqa: ARG001 - as all scores
    """Return the highest probability (Hendrycks & Gimpel, ICLR 2017, arXiv:1610.02136)."""
    logits = seen.logits.astype(np.float64)
    return np.asarray(np.exp(logits.max(axis=1) - _log_sum(logits)))


def energy(seen: Seen, fitted: Fitted) -> Floats:  # noqa: ARG001 - as all scores
    """Return the logarithm of the sum of exp(logit), minus the energy (Liu et al., NeurIPS 2020, arXiv:2010.03759)."""
    return _log_sum(seen.logits.astype(np.float64))


def _log_sum(logits: Floats) -> Floats:
    """Return the logarithm of the sum of exp(logit), (N,). SciPy's function would take half a second to load."""
    most = logits.max(axis=1)
    return np.asarray(most + np.log(np.exp(logits - most[:, None]).sum(axis=1)))


def relative_mahalanobis(seen: Seen, fitted: Fitted) -> Floats:
    """Return how much better the features fit the nearest class than all training images; see `mahalanobis.py`."""
    return mahalanobis.score(seen.features, fitted)


SCORES: Registry[Score] = Registry("score")
for _each in (
    Score(
        "mahalanobis",
        "features fit one class better than all images",
        relative_mahalanobis,
        mahalanobis.fit,
        mahalanobis.require,
    ),
    Score("energy", "logarithm of the sum of the exponentials of the logits", energy),
    Score("probability", "probability of the most probable class", probability),
):
    SCORES.add(_each.name, _each)
