"""From which score on is an image taken for known? A quantile of the validation images, as in conformal prediction."""

from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from sadari.settings import KEPT as KEPT

ROUNDING = 1e-9  # so that 20 * (1 - 0.95) is 1


def threshold_of(scores: NDArray[np.floating], kept: float) -> float:
    """Return the threshold that a new known image is at or above with a probability of at least `kept`.

    scores: float (n,), of known images that trained nothing. It is the (floor((n + 1)(1 - kept)))-th smallest: if the
    new image and those n are exchangeable, its rank among all n + 1 is uniform (Vovk, Gammerman & Shafer, Algorithmic
    Learning in a Random World, 2005). Raises ValueError for fewer than `least_images` of them.
    """
    place = floor((len(scores) + 1) * (1 - kept) + ROUNDING)
    if place < 1:
        raise ValueError(f"{len(scores)} images are too few to keep {kept:g}")
    return float(np.partition(scores, place - 1)[place - 1])


def least_images(kept: float) -> int:
    """Return how many images a threshold needs that keeps so large a share."""
    return ceil(1 / (1 - kept) - 1 - ROUNDING)


def most_kept(images: int) -> float:
    """Return the largest share, in hundredths, that so many images can promise."""
    return floor(100 * (1 - 1 / (images + 1)) + ROUNDING) / 100
