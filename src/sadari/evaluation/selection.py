"""By how much does the highest of several accuracies flatter? The winner of a comparison was lucky, too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation.crossed import spread
from sadari.evaluation.draws.groups import Groups
from sadari.evaluation.statistics import LEVEL, accuracy_error, difference_error
from sadari.values import Verdict

DRAWS = 4000  # of the errors of all arms; the mean of their maxima is sure to a fiftieth of itself (measured)


@dataclass(frozen=True)
class Flattery:
    """By how much an accuracy that was chosen as the highest is above that of the same choice made anew.

    chosen: the accuracy that was chosen, in [0, 1]; anew: of other networks, the mean. points: chosen minus anew, with
    its 95 % interval from low to high.
    """

    chosen: float
    anew: float
    points: float
    low: float
    high: float

    @property
    def shown(self) -> bool:
        """Whether it is shown that the chosen accuracy flatters."""
        return self.low > 0


def flattery(
    chosen: NDArray[np.bool_],
    anew: NDArray[np.bool_],
    *,
    same_images: bool,
    groups: NDArray[np.int64] | None = None,
    other_groups: NDArray[np.int64] | None = None,
) -> Flattery:
    """Return by how much the chosen network's accuracy is above that of new networks with its settings.

    chosen: bool (N,), which images the chosen network got right. anew: bool (S, M), that of networks with other seeds,
    on the same images or on others, which are independent draws then. groups, other_groups: of both. The interval is
    that of the difference of two arms (`statistics`); on other images the variances of both accuracies add up.
    """
    first = chosen[None, :]
    if same_images:
        half = difference_error(first, anew, groups).half_width(LEVEL)
    else:
        one, other = accuracy_error(first, groups), accuracy_error(anew, other_groups)
        half = hypot(one.half_width(LEVEL), other.half_width(LEVEL))
    points = float(first.mean() - anew.mean())
    return Flattery(float(first.mean()), float(anew.mean()), points, points - half, points + half)


def overstated(
    arms: Mapping[str, NDArray[np.bool_]], judged: Sequence[Verdict], groups: NDArray[np.int64] | None = None
) -> float:
    """Return by how much the highest accuracy flatters, among the arms that are not shown to be worse; 0 without any.

    0, too, where all of these have the same accuracy: none was lifted above the others, by luck or otherwise. arms: as
    in `highest_of_equals`, by name, the best first. judged: the verdicts on their pairs. groups: of the images,
    int64 (N,).
    """
    best = next(iter(arms), "")
    shown = [each for each in judged if each.verdict in ("better", "worse") and best in (each.a, each.b)]
    worse = {each.b if each.a == best else each.a for each in shown}
    equals = [correct for name, correct in arms.items() if name not in worse]
    return highest_of_equals(equals, groups) if len({float(each.mean()) for each in equals}) > 1 else 0.0


def highest_of_equals(arms: Sequence[NDArray[np.bool_]], groups: NDArray[np.int64] | None = None) -> float:
    """Return the mean by which the highest accuracy is above its own truth, were all `arms` equally good.

    arms: bool (S, N) each, whether the network of each seed classified each image correctly, on the same images. The
    errors of the means are taken as normal, with the covariance of the images, and what seeds add to each arm alone
    (`crossed`): what is hard for all arms lifts no one above the others. An upper bound where some arms are truly
    worse. 0 for fewer than two arms, and for a single group, which says nothing of others.
    """
    if len(arms) < 2 or arms[0].shape[1] < 2 or (groups is not None and len(np.unique(groups)) < 2):
        return 0.0
    values, axes = np.linalg.eigh(error_covariance(arms, groups))
    draws = np.random.default_rng(0).standard_normal((DRAWS // 2, len(arms))) @ (axes * np.sqrt(values.clip(0))).T
    return float((draws.max(axis=1) - draws.min(axis=1)).mean() / 2)  # each draw and its mirror image


def error_covariance(arms: Sequence[NDArray[np.bool_]], groups: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """Return the covariance (A, A) of the errors of the arms' accuracies, bool (S, N) each, on the same N >= 2 images.

    That of the images, which all arms share, and what seeds add to each arm alone. groups: of the images, int64 (N,).
    """
    networks = [(each[:1] if (each == each[0]).all() else each).astype(np.float64) for each in arms]
    grouped = Groups.of(groups)
    if grouped is not None and grouped.count > 1:
        networks = [grouped.gathered(each) for each in networks]
    per_image = np.stack([each.mean(axis=0) for each in networks])
    seeds = np.diag([spread(each).beyond_images for each in networks])
    return np.asarray(np.atleast_2d(np.cov(per_image)) / per_image.shape[1] + seeds)
