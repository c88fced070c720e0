"""How does the error fall with the number of training images, and what would more of them bring?

error(n) = a n^-b + c with a, b, c >= 0: a power law down to an error c that no number of images removes (Hestness et
al. 2017; Rosenfeld et al. 2020). A few sizes hardly distinguish b from c, so that the best curve alone says little.
Every (b, c) of a grid gets its own best a, and all curves that the points do not contradict are accepted: a profile
likelihood interval (Venzon & Moolgavkar 1988). In simulations it covers the true gain as often as it should, also at
the limit c = 0, where the percentiles of a bootstrap covered only 81 to 91 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation.draws.groups import Groups
from sadari.evaluation.statistics import LEVEL, Bools

Floats = NDArray[np.float64]

STEEPEST = 2.0  # the largest b that is tried (assumed; published learning curves have 0.07 to 1)
FEWEST_SIZES = 3  # as many as the law has parameters
STEPS_B, STEPS_C = 81, 61  # of the grid over b and over c (assumed)
ZOOMS = 3  # grids, each over the curves that the one before accepted (assumed)


@dataclass(frozen=True, eq=False)
class PowerLaw:
    """The curves error(n) = a (n / largest)^-b + c that fit the points: the best one, and all that are accepted.

    a is the share of the error at the `largest` size that more images can remove. left_b, left_c, least_a, most_a:
    float (m,), the accepted pairs of b and c, each with the range of its a. misfit: how many times farther the points
    are from the best curve than their own errors explain, at least 1; the limit of acceptance is widened by it.
    """

    largest: int
    a: float
    b: float
    c: float
    left_b: Floats
    left_c: Floats
    least_a: Floats
    most_a: Floats
    misfit: float

    def error(self, sizes: Floats) -> Floats:
        """Return the error of the best curve at each of `sizes`, float (k,)."""
        return np.asarray(self.a * (sizes / self.largest) ** -self.b + self.c)

    def band(self, sizes: Floats) -> tuple[Floats, Floats]:
        """Return the lower and the upper end of the error's 95 % interval at each of `sizes`, each float (k,)."""
        falling = (sizes[:, None] / self.largest) ** -self.left_b
        low, high = self.least_a * falling + self.left_c, self.most_a * falling + self.left_c
        return low.min(axis=1).clip(0, 1), high.max(axis=1).clip(0, 1)

    def gain(self, times: float) -> tuple[float, float, float]:
        """Return by how much the error falls with `times` as many images as the largest size: (best, low, high)."""
        shares = 1.0 - times**-self.left_b
        best = self.a * (1.0 - times**-self.b)
        return best, float((self.least_a * shares).min()), float((self.most_a * shares).max())


def fit_power_law(sizes: Sequence[int], correct: Sequence[Bools], groups: NDArray[np.int64] | None = None) -> PowerLaw:
    """Fit a power law to results at three or more sizes.

    sizes: numbers of training images. correct: for each of them bool (seeds, images), the same images in the same
    order. The points vary together with the images, and each one with its seeds. The standard deviation over seeds is
    assumed proportional to sqrt(error (1 - error)) and estimated from all points; with one seed each, only the images
    count. groups: of the images, (N,), which are drawn in their place. Raises ValueError for fewer than three different
    sizes, or for points not judged on the same images.
    """
    if len(set(sizes)) < FEWEST_SIZES or len(sizes) != len(correct):
        raise ValueError(f"needs results of {FEWEST_SIZES} different sizes, not {len(correct)} of {sorted(set(sizes))}")
    if len({each.shape[1] for each in correct}) > 1:
        raise ValueError("the sizes are to be judged on the same images")
    grouped = Groups.of(groups)
    values = [each.astype(np.float64) for each in correct]
    return _fitted(_points(sizes, values if grouped is None else [grouped.gathered(each) for each in values]), sizes)


def fit_power_law_of_draws(sizes: Sequence[int], accuracies: Floats, images: int) -> PowerLaw:
    """Fit a power law to results whose training and test images were drawn anew, so that the luck of both counts.

    sizes: numbers of training images, K of them. accuracies: float64 (J, K), of each draw at each size. images: how
    many judged in each draw. The draws share images: the covariance of their means is 1/J + test/train times that of a
    draw, as in `draws.training_sets` (Nadeau & Bengio 2003), train being the largest size. Raises ValueError for fewer
    than three different sizes, or than two draws.
    """
    draws = len(accuracies)
    if len(set(sizes)) < FEWEST_SIZES or accuracies.shape != (draws, len(sizes)) or draws < 2:
        raise ValueError(f"needs two draws of {FEWEST_SIZES} different sizes, not {accuracies.shape} of {sizes}")
    return _fitted(_points_of_draws(sizes, 1.0 - accuracies, images), sizes)


def _fitted(points: "_Points", sizes: Sequence[int]) -> PowerLaw:
    b, c = np.linspace(0.0, STEEPEST, STEPS_B), np.linspace(0.0, points.highest_c, STEPS_C)
    for _ in range(ZOOMS):
        curves = _Curves.over(points, b, c)
        b, c = curves.closer(b, c)
    curves = _Curves.over(points, b, c)
    best, left = int(curves.distance.argmin()), curves.left
    reach = np.sqrt((curves.farthest - curves.unbounded)[left] / curves.sharpness[left])
    return PowerLaw(
        largest=max(sizes),
        a=float(max(curves.a[best], 0.0)),
        b=float(curves.b[best]),
        c=float(curves.c[best]),
        left_b=curves.b[left],
        left_c=curves.c[left],
        least_a=np.maximum(curves.a[left] - reach, 0.0),
        most_a=np.maximum(curves.a[left] + reach, 0.0),
        misfit=float(np.sqrt(curves.stretch)),
    )


@dataclass(frozen=True, eq=False)
class _Points:
    """The points to fit, and the limit for accepting a curve.

    fractions: sizes / the largest one. whitening: the matrix that makes the points' errors independent with standard
    deviation 1. critical: how many squared deviations more than the best curve an accepted curve may have. highest_c:
    the largest c that is tried. freedom: points beyond the law's three parameters.
    """

    fractions: Floats
    errors: Floats
    whitening: Floats
    critical: float
    highest_c: float

    @property
    def freedom(self) -> int:
        return len(self.fractions) - FEWEST_SIZES


def _points(sizes: Sequence[int], correct: Sequence[Floats]) -> _Points:
    from scipy.stats import chi2, f

    networks = [each[:1] if (each == each[0]).all() else each for each in correct]
    wrong = np.stack([1.0 - each.mean(axis=0) for each in networks])
    errors, images = wrong.mean(axis=1), wrong.shape[1]
    covariance = np.atleast_2d(np.cov(wrong)) / images if images > 1 else np.zeros((len(sizes), len(sizes)))
    # Add half a correct and half a wrong image, so that an observed error of 0 does not look like certainty.
    covariance += np.diag(_seed_variances(networks, errors) + 0.5 / images**2)
    repeated = sum(len(each) - 1 for each in networks)
    std = float(np.sqrt(covariance[errors.argmin(), errors.argmin()]))
    return _Points(
        fractions=np.asarray(sizes, dtype=np.float64) / max(sizes),
        errors=errors,
        whitening=np.linalg.inv(np.linalg.cholesky(covariance)),
        critical=float(f.ppf(1 - LEVEL, 1, repeated) if repeated else chi2.ppf(1 - LEVEL, 1)),
        highest_c=float(min(errors.min() + 2 * std, 1.0)),
    )


def _points_of_draws(sizes: Sequence[int], wrong: Floats, images: int) -> _Points:
    from scipy.stats import f

    draws, largest = len(wrong), max(sizes)
    errors = wrong.mean(axis=0)
    covariance = np.cov(wrong.T) * (1 / draws + images / largest) + np.diag(np.full(len(sizes), 0.5 / images**2))
    std = float(np.sqrt(covariance[errors.argmin(), errors.argmin()]))
    return _Points(
        fractions=np.asarray(sizes, dtype=np.float64) / largest,
        errors=errors,
        whitening=np.linalg.inv(np.linalg.cholesky(covariance)),
        critical=float(f.ppf(1 - LEVEL, 1, draws - 1)),
        highest_c=float(min(errors.min() + 2 * std, 1.0)),
    )


def _seed_variances(networks: Sequence[Floats], errors: Floats) -> Floats:
    """Return the variance of each mean over seeds that comes from the seeds alone, without that of the images."""
    usual = errors * (1 - errors)
    beyond, expected = 0.0, 0.0
    for each, share in zip(networks, usual, strict=True):
        seeds, images = each.shape
        if seeds > 1:
            accuracies = each.mean(axis=1)
            left = each - accuracies[:, None] - each.mean(axis=0) + each.mean()
            residual = float((left**2).sum()) / ((seeds - 1) * max(images - 1, 1)) / images
            beyond += (seeds - 1) * (float(accuracies.var(ddof=1)) - residual)
            expected += (seeds - 1) * share
    factor = max(beyond / expected, 0.0) if expected else 0.0
    return np.array([factor * share / len(each) for each, share in zip(networks, usual, strict=True)])


@dataclass(frozen=True, eq=False)
class _Curves:
    """All curves of a grid, float (m,) each: b, c, the a that fits best (it may be negative), and their distances.

    unbounded: squared deviations of the points from the curve with that a. distance: those from the curve with the
    best a >= 0. sharpness: how fast they grow with the square of a's distance from its best value.
    """

    points: _Points
    b: Floats
    c: Floats
    a: Floats
    unbounded: Floats
    distance: Floats
    sharpness: Floats

    @classmethod
    def over(cls, points: _Points, b: Floats, c: Floats) -> "_Curves":
        falling = (points.fractions ** -b[:, None]) @ points.whitening.T  # (B, K)
        above = (points.errors - c[:, None]) @ points.whitening.T  # (C, K)
        sharpness = np.repeat((falling**2).sum(axis=1)[:, None], len(c), axis=1)
        a = (falling @ above.T) / sharpness
        unbounded = np.maximum((above**2).sum(axis=1) - a**2 * sharpness, 0.0)
        distance = unbounded + np.minimum(a, 0.0) ** 2 * sharpness
        every_b, every_c = np.meshgrid(b, c, indexing="ij")
        flat = [each.ravel() for each in (every_b, every_c, a, unbounded, distance, sharpness)]
        return cls(points, *flat)

    @property
    def stretch(self) -> float:
        """Return the best curve's squared deviations over the expected ones, at least 1 (Birge 1932)."""
        return max(1.0, float(self.distance.min()) / self.points.freedom) if self.points.freedom else 1.0

    @property
    def farthest(self) -> float:
        """Return the squared deviations up to which a curve is accepted."""
        return float(self.distance.min()) + self.points.critical * self.stretch

    @property
    def left(self) -> NDArray[np.bool_]:
        return np.asarray(self.distance <= self.farthest)

    def closer(self, b: Floats, c: Floats) -> tuple[Floats, Floats]:
        """Return the axes of the next grid: over the accepted curves and one step beyond them."""
        return _around(b, self.b[self.left]), _around(c, self.c[self.left])


def _around(axis: Floats, left: Floats) -> Floats:
    step = axis[1] - axis[0]
    return np.linspace(max(left.min() - step, axis[0]), min(left.max() + step, axis[-1]), len(axis))
