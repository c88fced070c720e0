"""How sure is a figure other than accuracy, and do two arms differ in it? Seeds and images are both drawn.

The values per image of `influence.py` take the place of right and wrong: their mean is the figure of a network, so
`crossed.py` has the error of a mean over seeds and images. docs/statistics.md shows the coverage in a simulation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import exp, log, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sadari.evaluation.crossed import LEAST_P, SINGLE, SamplingError, Spread
from sadari.evaluation.draws.groups import Groups
from sadari.evaluation.draws.looks import Look
from sadari.evaluation.influence import PerImage, Scale
from sadari.evaluation.statistics import LEVEL
from sadari.values import Interval

Floats = NDArray[np.float64]
MOST_EXPONENT = 20.0  # of an interval in a logarithm, whose ends nobody reads (assumed)
LEAST_FREEDOM = 8.0  # of the variance by images (assumed): with fewer, a handful of errors would count as no evidence


@dataclass(frozen=True, eq=False)
class Draw:
    """What the draw of `images` images does to the mean of a figure over networks.

    moves: float64 (N,), by how much each image moves the mean, their mean being 0; None where the runs do not store
    what each image did. Then `most` is the largest variance that the draw can have. residual: as in `Spread`. added:
    the variance of one image that one more network gets wrong. which: what distinguishes these images from others that
    the other arm may have instead; "" for images that all arms share. groups: of the images, where they are drawn in
    groups.
    """

    images: int
    moves: Floats | None
    residual: float = 0.0
    added: float = 0.0
    most: float = 0.0
    which: str = ""
    groups: Groups | None = None

    @property
    def variance(self) -> float:
        """Return the variance of the mean by this draw."""
        return self.most if self.moves is None else self._of(self.moves, self.added)

    @property
    def least_share(self) -> float:
        """Return the share of the images that one of them stands for, with those of its group."""
        return (1.0 if self.groups is None else self.groups.per_image) / self.images

    def _of(self, moves: Floats, added: float) -> float:
        if self.groups is None:
            return _variance(moves) + added
        return _grouped_variance(moves, added, self.groups)

    def between(self, other: "Draw") -> float:
        """Return the variance of the mean minus the other arm's by this draw; the same images are paired.

        Half an image is added that only one network of each arm gets right, as in `statistics.verdict`.
        """
        if not self.pairs_with(other):
            return self.variance + other.variance
        assert self.moves is not None and other.moves is not None
        return self._of(self.moves - other.moves, (self.added + other.added) / 2)

    def pairs_with(self, other: "Draw") -> bool:
        """Return whether what each image did is known of both arms, of the same images."""
        return self.moves is not None and other.moves is not None and self.which == other.which


@dataclass(frozen=True, eq=False)
class Measured:
    """One figure of one arm. seeds: float64 (S,), the figure of each network. draws: of the images it depends on.

    single: whether all networks are one, as those of a deterministic model. step: the least by which two networks can
    differ; seeds that agree on such a figure by luck are not certain to agree. least: as in `PerImage`.
    """

    seeds: Floats
    draws: tuple[Draw, ...]
    single: bool
    scale: Scale = Scale.ANY
    step: float = 0.0
    least: float = field(default=0.0, kw_only=True)

    @property
    def mean(self) -> float:
        """Return the mean over the networks."""
        return float(self.seeds.mean())

    @property
    def spread(self) -> Spread:
        """Return how far the mean may be from that over endlessly many seeds; SINGLE for one network."""
        if self.single:
            return SINGLE
        variance = max(float(self.seeds.var(ddof=1)), self.step**2 / 12)
        return Spread(variance / len(self.seeds), sum(each.residual for each in self.draws), len(self.seeds))

    @property
    def error(self) -> SamplingError:
        """Return the error of the mean."""
        return SamplingError(sum(each.variance for each in self.draws), (self.spread,))

    def error_against(self, other: "Measured") -> SamplingError:
        """Return the error of the mean minus the other arm's. Raises ValueError for different numbers of images."""
        for one, another in zip(self.draws, other.draws, strict=True):
            if one.pairs_with(another) and one.images != another.images:
                raise ValueError(f"needs the same images for both arms, not {one.images} and {another.images}")
        paired = sum(first.between(second) for first, second in zip(self.draws, other.draws, strict=True))
        return SamplingError(paired, (self.spread, other.spread))


class Difference(NamedTuple):
    """The mean of one arm minus that of another, with its 95 % interval and the two-sided p of no difference."""

    difference: float
    low: float
    high: float
    p: float


def measured(
    networks: Sequence[PerImage],
    scale: Scale = Scale.ANY,
    which: str = "",
    groups: NDArray[np.int64] | None = None,
) -> Measured:
    """Return the figure whose values `networks`, one a seed, have on the same images in the same order.

    which: as in `Draw`. groups: of the images, int64 (N,).
    Raises ValueError without networks or images, for different numbers of images, and for values that are no numbers.
    """
    if not networks or len({each.values.shape for each in networks}) > 1 or not networks[0].values.size:
        raise ValueError(f"needs the same images of each network, not {[len(each.values) for each in networks]}")
    values = np.stack([each.values for each in networks])
    if not np.isfinite(values).all():
        raise ValueError("needs finite values")
    seeds, (count, images) = values.mean(axis=1), values.shape
    single = bool((values == values[0]).all())
    moves = values - seeds[:, None]
    mean = moves.mean(axis=0)
    grouped = Groups.of(groups)
    residual = 0.0 if single else _residual(moves if grouped is None else grouped.gathered(moves))
    unit = max(each.unit for each in networks) / images / (1 if single else count)
    draw = Draw(images, mean, residual, unit**2, which=which, groups=grouped)
    return Measured(seeds, (draw,), single, scale, least=max(each.least for each in networks))


def _residual(moves: Floats) -> float:
    """Return the variance of the mean by chance of one network on one image (or group), of `moves`, (S, N)."""
    count, images = len(moves), int(moves.shape[1])
    free = (count - 1) * max(images - 1, 1)
    return float(((moves - moves.mean(axis=0)) ** 2).sum()) / free / (count * images)


def from_shares(shares: Floats, images: int, per_group: float = 1.0) -> Measured:
    """Return a share of `images` of which only the share of each network, float64 (S,), is known.

    The draw of the images then counts with the largest variance that a mean over networks can have, which is that of a
    single one, and is not paired with another arm's. per_group: images in the group of an image, on average, which may
    all be right or wrong together.
    """
    mean = float(shares.mean())
    most = max(mean * (1 - mean), per_group / images) / images * per_group
    single = bool((shares == shares[0]).all())
    return Measured(shares, (Draw(images, None, most=most),), single and len(shares) == 1, Scale.SHARE, 1 / images)


def minus(first: Measured, second: Measured) -> Measured:
    """Return the first figure minus the second of the same networks on other images, seed by seed."""
    turned = tuple(replace(each, moves=None if each.moves is None else -each.moves) for each in second.draws)
    same = bool((first.seeds == first.seeds[0]).all()) and bool((second.seeds == second.seeds[0]).all())
    single = same and (first.single or second.single)
    return Measured(first.seeds - second.seeds, (*first.draws, *turned), single, step=max(first.step, second.step))


def interval(of: Measured, level: float = LEVEL) -> Interval:
    """Return the mean, its standard deviation over seeds, and its 95 % interval over other seeds and other images.

    level: one minus the coverage, where looks share the 5 %.

    One network: that one, on other images. A share has Wilson's interval (1927) at the effective number of images, as
    accuracy has; a mean that is above 0, such as a loss, one that is symmetric in its logarithm (delta method);
    anything else one that is symmetric; below 0 is nothing where the mean is 0 and cannot be less.
    """
    half, mean = of.error.half_width(level), of.mean
    sd = 0.0 if of.single else float(of.seeds.std(ddof=1))
    if of.scale is Scale.POSITIVE and mean > 0:
        factor = exp(min(half / mean, MOST_EXPONENT))
        return Interval(mean, sd, mean / factor, mean * factor)
    if of.scale is not Scale.SHARE:
        low = max(mean - half, 0.0) if of.scale is Scale.POSITIVE else mean - half
        return Interval(mean, sd, low, mean + half)
    score = half**2 / _unevenness(of)
    centre = (mean + score / 2) / (1 + score)
    side = sqrt(score * (mean * (1 - mean) + score / 4)) / (1 + score)
    return Interval(mean, sd, max(min(centre - side, mean), 0.0), min(max(centre + side, mean), 1.0))


def against(of: Measured, value: float) -> float:
    """Return the two-sided p of the mean being `value`: below 0.05 exactly where `interval` excludes it."""
    mean = of.mean
    if value == mean:
        return 1.0
    if of.scale is Scale.ANY or (of.scale is Scale.POSITIVE and mean <= 0):
        return of.error.tail(abs(mean - value))
    if value <= 0 or (of.scale is Scale.SHARE and value >= 1):
        return LEAST_P
    if of.scale is Scale.POSITIVE:
        return of.error.tail(mean * abs(log(mean / value)))
    score = (mean - value) ** 2 / (value * (1 - value))
    return of.error.tail(sqrt(score * _unevenness(of)))


def difference(a: Measured, b: Measured, look: Look | None = None) -> Difference:
    """Compare two arms on the same images: the mean of a minus that of b, its 95 % interval, and p.

    p < 0.05 exactly where the interval excludes 0. look: the one of several at which they are compared, of which p is
    the one overall and the interval has the level. Raises ValueError for different numbers of images.
    """
    error, found = a.error_against(b), a.mean - b.mean
    half = error.half_width(look.level if look else LEVEL)
    low, high = found - half, found + half
    if a.scale is Scale.SHARE:
        low, high = max(low, -1.0), min(high, 1.0)
    p = error.tail(abs(found))
    return Difference(found, low, high, look.overall(p) if look else p)


def difference_against(a: Measured, b: Measured, bound: float) -> float:
    """Return the two-sided p of the mean of a minus that of b being `bound`."""
    return a.error_against(b).tail(abs(a.mean - b.mean - bound))


def _unevenness(of: Measured) -> float:
    """Return the variance of right and wrong on one image; where all are right, or wrong, that of one image in all."""
    return max(of.mean * (1 - of.mean), of.least) or of.draws[0].least_share


def _variance(moves: Floats) -> float:
    """Return the variance of the mean of `moves`, larger by what a t interval is wider than a normal one.

    The degrees of freedom are those of an estimated variance whose own variance comes from the fourth moment, as
    Lipsitz, Ibrahim & Parzen (Statistics in Medicine 18, 1999, 2539-2553) have them: a few images with large values,
    those of a rare class or of surely wrong predictions, are few however many others there are.
    """
    count, squares = len(moves), moves**2
    total = float(squares.sum())
    if count < 2 or total == 0:
        return 0.0
    return _wider(max(_freedom(squares, total), LEAST_FREEDOM)) * float(moves.var(ddof=1)) / count


def _grouped_variance(moves: Floats, added: float, groups: Groups) -> float:
    """Return the same where groups are drawn: the degrees of freedom are those of the groups, or of the few that count.

    added: the variance of one more wrong image, which grows by what its group shares.
    """
    found = groups.error(moves)
    squares = groups.sums((moves - moves.mean())[None])[0] ** 2
    total = float(squares.sum())
    of_few = max(_freedom(squares, total), LEAST_FREEDOM) if total else found.freedom
    return _wider(min(found.freedom, of_few)) * (found.variance + groups.weight(found.alike) * added)


def _freedom(squares: Floats, total: float) -> float:
    relative = float((squares**2).sum()) / total**2 - 1 / len(squares)
    return 2 / max(relative, 1e-9)


def _wider(freedom: float) -> float:
    """Return the square of the t quantile over the normal one."""
    ratio = float(special.stdtrit(freedom, LEVEL / 2) / special.ndtri(LEVEL / 2))
    return ratio**2
