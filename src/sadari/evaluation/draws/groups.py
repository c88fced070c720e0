"""How far is a mean over images from the truth where the images come in groups? Groups are drawn, not images.

Images of one patient, or of one burst, are right or wrong together, so that a thousand of them may say as little as
twenty. The mean over images is a ratio of two sums over groups (all groups' images that are right, and all images),
whose error follows from the deviations summed within each group (Cochran, Sampling Techniques, 1977, ch. 6; Liang &
Zeger, Biometrika 73, 1986). With few groups that sum of squares is too small and too uncertain: each square is divided
by one minus its group's share of the images (Bell & McCaffrey, Survey Methodology 28, 2002; Cameron & Miller, Journal
of Human Resources 50, 2015), the whole made right for the correlation within groups that the data show, and Student's
quantile takes the place of the normal one, with the degrees of freedom that such a sum of squares has (Satterthwaite
1946). For equal groups all of this is the t interval of the groups' means. docs/statistics.md shows the coverage.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEW = 10  # groups below which an interval is said to be rough (assumed, as Cameron & Miller have it)
UNKNOWN = 1e6  # the variance of a mean of which a single group says nothing: no interval excludes anything


@dataclass(frozen=True)
class GroupError:
    """The error of a mean by the draw of the groups. alike: the correlation of two images of a group, in [0, 1].

    freedom: degrees of freedom of `variance`.
    """

    variance: float
    freedom: float
    alike: float


@dataclass(frozen=True, eq=False)
class Groups:
    """Which of N images belong together. of_image: int64 (N,), 0 to G - 1, each of them at least once."""

    of_image: NDArray[np.int64]

    @classmethod
    def of(cls, groups: NDArray[np.int64] | None) -> "Groups | None":
        """Return the groups of images that have these numbers; None without any, or where each image is its own."""
        if groups is None:
            return None
        kinds, numbers = np.unique(groups, return_inverse=True)
        return None if len(kinds) == len(groups) else cls(numbers.reshape(-1).astype(np.int64))

    @cached_property
    def sizes(self) -> Floats:
        """Return the number of images of each group, (G,)."""
        return np.bincount(self.of_image).astype(np.float64)

    @property
    def count(self) -> int:
        """Return the number of groups."""
        return len(self.sizes)

    @cached_property
    def per_image(self) -> float:
        """Return the images in the group of an image, on average: N over Kish's effective number of groups."""
        return float((self.sizes**2).sum() / self.sizes.sum())

    def sums(self, values: Floats) -> Floats:
        """Return the sums within groups, (S, G), of values (S, N)."""
        return np.stack([np.bincount(self.of_image, weights=row) for row in values])

    def gathered(self, values: Floats) -> Floats:
        """Return one value per group, (S, G), whose mean is that over the images of each row of `values`, (S, N)."""
        means = values.mean(axis=1, keepdims=True)
        away = values - values.mean()
        share = self.count / values.shape[1]
        gathered = share * self.sums(away)
        return np.asarray(gathered - gathered.mean(axis=1, keepdims=True) + means)

    def error(self, values: Floats) -> GroupError:
        """Return the error of the mean of `values`, (N,), one per image."""
        if self.count < 2:
            return GroupError(UNKNOWN, 1.0, 1.0)
        images = len(values)
        sums = self.sums((values - values.mean())[None])[0]
        alike = self._alike(values, sums)
        share = self.sizes / images
        grown = 1 / (1 - share)
        spread = self.sizes * (1 - alike) + alike * self.sizes**2  # of a group's sum, as far as it is known
        expected, freedom = _moments(share, grown, spread)
        variance = float((sums**2 * grown).sum()) * float(spread.sum()) / expected / images**2
        return GroupError(variance, freedom, alike)

    def weight(self, alike: float) -> float:
        """Return the square of how many images are wrong together, where one is: it takes others of its group along."""
        return (1 + (self.per_image - 1) * alike) ** 2

    def _alike(self, values: Floats, sums: Floats) -> float:
        """Return the correlation within groups, by the analysis of variance; 1 where nothing varies."""
        images, total = len(values), float(((values - values.mean()) ** 2).sum())
        between = float((sums**2 / self.sizes).sum())
        within = max(total - between, 0.0) / (images - self.count)
        between /= self.count - 1
        size = (images - self.per_image) / (self.count - 1)
        scale = between + (size - 1) * within
        return min(max((between - within) / scale, 0.0), 1.0) if scale > 1e-15 else 1.0


def _moments(share: Floats, grown: Floats, spread: Floats) -> tuple[float, float]:
    """Return the mean of sum(grown u^2) and its degrees of freedom, twice its squared mean over its variance.

    u: the sums of deviations from the mean of all, of independent normal sums with the variances `spread`; share: of
    the images, by group. In O(G): the matrix of that quadratic form has a diagonal, and otherwise s - a[j] - a[k].
    """
    a = grown * share
    s = float((grown * share**2).sum())
    expected = float((spread * (grown - 2 * a + s)).sum())
    first, second, third = float(spread.sum()), float((spread * a).sum()), float((spread * a**2).sum())
    everywhere = (s * first) ** 2 + 2 * first * third - 4 * s * first * second + 2 * second**2
    diagonal = float((spread**2 * ((grown + s - 2 * a) ** 2 - (s - 2 * a) ** 2)).sum())
    return expected, max(expected**2 / (everywhere + diagonal), 1.0)
