"""What do the networks of one arm show, and how far may the difference of two arms be from the truth?"""

from collections.abc import Collection
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sadari.evaluation.crossed import SINGLE, SamplingError, Spread, spread
from sadari.evaluation.draws.groups import Groups
from sadari.evaluation.sentences import Sample

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Arm:
    """One arm, ready for comparison. per_image: float (N,), the share of its networks that are correct.

    A single network (one seed, or seeds that all predict the same, as those of a deterministic model) has spread
    SINGLE. alike: whether its seeds are called so.
    """

    name: str
    correct: Bools
    per_image: NDArray[np.float64]
    mean: float
    spread: Spread
    alike: bool
    groups: Groups | None = None

    @property
    def single(self) -> bool:
        return self.spread is SINGLE

    @property
    def sample(self) -> Sample:
        """Return how many seeds there are, for sentences."""
        return Sample(self.name, len(self.correct), self.alike)

    @property
    def unit(self) -> float:
        """Return the weight of one network in the mean of an image."""
        return 1.0 / self.spread.seeds

    def score(self, level: float) -> float:
        """Return the squared critical value per effective image, from which Wilson's interval is computed."""
        if self.single and self.groups is None:
            return float(special.ndtri(level / 2)) ** 2 / len(self.per_image)
        return self.error.half_width(level) ** 2 / self._unevenness

    def tail(self, score: float) -> float:
        """Return the level at which `score` is reached."""
        if self.single and self.groups is None:
            return float(2 * special.ndtr(-sqrt(score * len(self.per_image))))
        return self.error.tail(sqrt(score * self._unevenness))

    @property
    def _unevenness(self) -> float:
        """Return the variance of right and wrong on one image; where all are right, or wrong, as of one wrong group."""
        alone = 1.0 if self.groups is None else self.groups.per_image
        return self.mean * (1 - self.mean) or alone / len(self.per_image)

    @property
    def error(self) -> SamplingError:
        """Return the error of the mean, with one image added that a single network gets wrong.

        `error_between` says why.
        """
        count = len(self.per_image)
        if self.groups is not None:
            found = self.groups.error(self.per_image)
            added = self.groups.weight(found.alike) * (self.unit / count) ** 2
            return SamplingError(found.variance + added, (self.spread,), found.freedom)
        per_image = float(self.per_image.var(ddof=min(1, count - 1))) / count
        return SamplingError(per_image + (self.unit / count) ** 2, (self.spread,))


def arm_of(name: str, correct: Bools, alike: Collection[str] | None = None, groups: Groups | None = None) -> Arm:
    """Return the arm `name`. correct: bool (S, N). alike: the arms whose seeds are known to be one network; without it
    those whose seeds are all right on the same images. Raises ValueError for no images, and for groups of others.
    """
    if correct.ndim != 2 or not correct.size:
        raise ValueError(f"needs bool (seeds, images) with at least one of each, not {correct.shape}")
    if groups is not None and len(groups.of_image) != correct.shape[1]:
        raise ValueError(f"{correct.shape[1]} images with {len(groups.of_image)} groups")
    same = bool((correct == correct[0]).all())
    networks = (correct[:1] if same else correct).astype(np.float64)
    called = name in alike if alike is not None else same and len(correct) > 1
    spreads = spread(networks if groups is None else groups.gathered(networks))
    return Arm(name, correct, networks.mean(axis=0), float(correct.mean()), spreads, called, groups)


def error_between(a: Arm, b: Arm) -> SamplingError:
    """Return the error of mean(a) - mean(b), from one difference per image.

    Two images are added (Agresti & Min 2005, for one network each): half an image that only one network of a gets
    right, half an image that only one network of b gets right, and one on which all agree. Without them, few images on
    which both agree would look like certainty.
    """
    if len(a.per_image) != len(b.per_image):
        raise ValueError(f"{a.name} has {len(a.per_image)} images and {b.name} {len(b.per_image)}")
    differences = a.per_image - b.per_image
    if a.groups is not None:
        return _grouped_difference(a, b, differences, a.groups)
    count = len(differences) + 2
    added = (a.unit**2 + b.unit**2) / 2
    per_image = (float((differences**2).sum()) + added - float(differences.sum()) ** 2 / count) / count**2
    return SamplingError(per_image, (a.spread, b.spread))


def _grouped_difference(a: Arm, b: Arm, differences: NDArray[np.float64], groups: Groups) -> SamplingError:
    """Return the same error where groups of images are drawn; what is added is as much of a group as errors share."""
    found = groups.error(differences)
    added = (a.unit**2 + b.unit**2) / 2 * groups.weight(found.alike) / len(differences) ** 2
    return SamplingError(found.variance + added, (a.spread, b.spread), found.freedom)
