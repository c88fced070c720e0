"""What of a trained network's images says which others are known? Fitted once, when training ends or on request."""

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation.unknown.scores import SCORES, Seen
from sadari.inference.unknown.stored import KnownImages

# Images of each of train and val that are looked at, evenly spread (measured in benchmarks/quality/unknown.py: more
# change little). A share of 95 % of 2,000 is sure to half a point.
MOST_IMAGES = 2000
SAME = 1e-5  # scores of all images that differ by less differ by rounding alone (assumed; of float32)


def spread(positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return at most MOST_IMAGES of the positions, evenly spread."""
    if len(positions) <= MOST_IMAGES:
        return positions
    return positions[np.linspace(0, len(positions) - 1, MOST_IMAGES).astype(np.int64)]


def fit_known(train: Seen, labels: NDArray[np.int64], val: Seen) -> KnownImages | None:
    """Return what says whether an image is known, by what a network computes of its training and validation images.

    labels: int64, of the training images. None where there are no validation images, and where the network answers all
    images alike, as that of the most frequent class does. A score that is the same for all images is left out.
    """
    if not len(val) or all((each.logits == val.logits[0]).all() for each in (train, val)):
        return None
    fitted: dict[str, NDArray[np.generic]] = {}
    validation = {}
    for score in SCORES:
        if score.fit is not None:
            if not train.features.shape[1]:
                continue
            fitted |= score.fit(train.features, labels)
        scores = np.sort(score.compute(val, fitted).astype(np.float32))
        if len(scores) > 1 and scores[-1] - scores[0] < SAME:  # such as the energy of logarithms of probabilities
            continue
        validation[score.name] = scores
    return KnownImages(validation, fitted) if validation else None
