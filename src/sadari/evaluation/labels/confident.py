"""Which labels are probably wrong, and what share of them? Confident learning, from out-of-fold probabilities.

Northcutt, Jiang and Chuang 2021, *Confident Learning: Estimating Uncertainty in Dataset Labels*
(https://arxiv.org/abs/1911.00068). Of the choices that the paper leaves, these are taken:

- The threshold of a class is the mean probability of that class among the images that are labelled so (their
  equation 2): the self-confidence of the class.
- An image counts in the confident joint for the most probable of the classes whose threshold it reaches, and for none
  where it reaches none (equation 1).
- Suspects are the images off the diagonal of the confident joint: the paper's method C_confusion, which asks for no
  number of images per class to prune.
- The list is ranked by normalized margin, the probability of the given class minus that of the most probable other
  class, the lowest first. All images are in that order, suspects or not.
- The joint of given and true labels is the confident joint with each row scaled to the number of images that have this
  label (equation 3), as a share of all images.

Images that cannot be judged, since no model has seen another image of their class, are left out of everything.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]
NOBODY = -1  # the confident class of an image that reaches no threshold
DRAWS = 500  # of images, for intervals; assumed: ends vary by some percent of the width


@dataclass(frozen=True, eq=False)
class Confident:
    """What confident learning says about N images of K classes.

    thresholds: float64 (K,), infinite for a class without judged images. confident: int64 (N,), the class that an image
    counts for, NOBODY for none. suggested: int64 (N,), for suspects their confident class, else the most probable other
    class. margins: float64 (N,), in [-1, 1], the lower the more suspect. judged: bool (N,).
    """

    labels: Positions
    thresholds: Floats
    confident: Positions
    suggested: Positions
    margins: Floats
    judged: NDArray[np.bool_]

    @property
    def suspects(self) -> NDArray[np.bool_]:
        """Return which images count for another class than their own, bool (N,)."""
        return np.asarray(self.judged & (self.confident != NOBODY) & (self.confident != self.labels))

    def ranked(self) -> Positions:
        """Return the positions of all judged images, the most suspect first; of equal margins, in their order."""
        order = np.argsort(self.margins, kind="stable")
        return np.asarray(order[self.judged[order]], dtype=np.int64)

    def counts(self) -> NDArray[np.int64]:
        """Return the confident joint, int64 (K, K): images by given and confident class."""
        return np.asarray(np.rint(self._counted(self.judged.astype(np.float64))), dtype=np.int64)

    def joint(self) -> Floats:
        """Return the estimated joint of given and true labels, (K, K), which sums to 1."""
        return _calibrated(self._counted(self.judged.astype(np.float64)), self._given(self.judged.astype(np.float64)))

    def noise(self, groups: Positions | None = None, seed: int = 0) -> "Noise":
        """Return the estimated share of wrong labels, with a 95 % interval over other images of the same kind.

        The interval is by a percentile bootstrap that draws images, or whole groups of them; thresholds and
        probabilities stay as they are. It does not contain the faults of the model: where the model confuses two
        classes, correct labels count as wrong. groups: int64 (N,), None where each image is by itself.
        """
        joint = self.joint()
        group = np.arange(len(self.labels)) if groups is None else np.unique(groups, return_inverse=True)[1].reshape(-1)
        many = int(group.max()) + 1
        generator = np.random.default_rng(seed)
        shares = np.empty(DRAWS)
        for draw in range(DRAWS):
            times = np.bincount(generator.integers(0, many, many), minlength=many).astype(np.float64)
            weights = times[group] * self.judged
            shares[draw] = _off_diagonal(_calibrated(self._counted(weights), self._given(weights)))
        low, high = np.percentile(shares, (2.5, 97.5))
        return Noise(_off_diagonal(joint), float(low), float(high), joint)

    def _counted(self, weights: Floats) -> Floats:
        """Return the confident joint where each image counts `weights` times, (K, K)."""
        classes = len(self.thresholds)
        counted = self.confident != NOBODY
        cells = self.labels[counted] * classes + self.confident[counted]
        sums = np.bincount(cells, weights[counted], minlength=classes**2).astype(np.float64)
        return np.asarray(sums.reshape(classes, classes))

    def _given(self, weights: Floats) -> Floats:
        return np.bincount(self.labels, weights, minlength=len(self.thresholds)).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Noise:
    """The estimated share of wrong labels, with its 95 % interval, and the joint of given and true labels, (K, K)."""

    share: float
    low: float
    high: float
    joint: Floats

    def pairs(self) -> list[tuple[int, int, float]]:
        """Return (given class, true class, share of all images) where a label is estimated to be wrong, most first."""
        off = self.joint.copy()
        np.fill_diagonal(off, 0.0)
        order = np.argsort(-off, axis=None, kind="stable")
        cells = (np.unravel_index(int(cell), off.shape) for cell in order[: np.count_nonzero(off)])
        return [(int(given), int(true), float(off[given, true])) for given, true in cells]


def confident_learning(probabilities: Floats, labels: Positions, judged: NDArray[np.bool_] | None = None) -> Confident:
    """Apply confident learning to `probabilities` (N, K), whose rows sum to 1, of models that did not see the image.

    labels: int64 (N,). judged: bool (N,), which probabilities mean something; None for all. With a single class, or
    without judged images, nothing is suspect.
    """
    count, classes = probabilities.shape
    judged = np.ones(count, dtype=np.bool_) if judged is None else judged
    own = probabilities[np.arange(count), labels]
    sums = np.bincount(labels[judged], own[judged], minlength=classes)
    sizes = np.bincount(labels[judged], minlength=classes)
    thresholds = np.where(sizes > 0, sums / np.maximum(sizes, 1), np.inf)
    reached = np.where(probabilities >= thresholds, probabilities, -1.0)
    confident = np.where(reached.max(axis=1) >= 0, reached.argmax(axis=1), NOBODY)
    confident = np.where(judged, confident, NOBODY).astype(np.int64)
    others = probabilities.copy()
    others[np.arange(count), labels] = -1.0
    most = others.argmax(axis=1)
    margins = own - np.maximum(others[np.arange(count), most], 0.0)
    off = (confident != NOBODY) & (confident != labels)
    suggested = np.where(off, confident, most).astype(np.int64)
    return Confident(labels, thresholds, confident, suggested, margins, judged)


def _calibrated(counts: Floats, given: Floats) -> Floats:
    """Scale each row of `counts` to the images of its label; a row without any is its own class. Sums to 1."""
    rows = counts.sum(axis=1)
    scaled = np.where(rows[:, None] > 0, counts / np.maximum(rows, 1e-300)[:, None] * given[:, None], np.diag(given))
    return np.asarray(scaled / max(float(given.sum()), 1e-300))


def _off_diagonal(joint: Floats) -> float:
    return float(joint.sum() - np.trace(joint))
