"""How good are models trained on sets like this one? The parts are drawn again and again, and each arm learns anew.

Splits: parts that are drawn at random N times. Interval and test are the corrected resampled t of Nadeau & Bengio
(Machine Learning 52, 2003, 239-281): the variance of the mean of J draws is (1/J + test/train) times that of a draw,
since the draws share images.

Folds: every image is judged once a repeat. There the images are known one by one, with many degrees of freedom: their
variance counts IMAGES_COUNT times, because each judges one model and trains the others, and repeats draw no others.
What folds differ beyond their images is chance of each training, which the number of folds divides, with few degrees
of freedom. `crossed` joins both.
docs/statistics.md compares it with the correction for folds in a simulation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation import figures
from sadari.evaluation.crossed import SamplingError, Spread
from sadari.evaluation.figures import Draw, Measured, measured
from sadari.evaluation.influence import PerImage, Scale
from sadari.evaluation.sentences import Compared, Sample, with_sentence
from sadari.evaluation.statistics import holm
from sadari.values import Verdict

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# How much the draw of an image counts in folds: it judges once, and it trains the models of the other folds. Measured
# (docs/statistics.md): with 1 as little as 83 % are covered, with 2 as many as 100 %.
IMAGES_COUNT = 1.5


@dataclass(frozen=True, eq=False)
class OfSplits(Measured):
    """One figure of one arm on parts that were drawn anew. seeds: float64 (J,), its value in each draw.

    ratio: test images to training images. unit: by how much one image moves the figure of a draw, 0 where unknown.
    """

    ratio: float = 0.0
    unit: float = 0.0

    @property
    def error(self) -> SamplingError:
        """Return the error of the mean; its variance is at least that of draws that differ by one image."""
        return self._of(self.seeds, self.ratio)

    def error_against(self, other: Measured) -> SamplingError:
        """Return the error of the mean minus the other arm's, from the differences in each draw.

        Of two ratios, as where one arm trains on a fraction, the larger one counts.
        """
        if not isinstance(other, OfSplits) or len(other.seeds) != len(self.seeds):
            raise ValueError(f"needs the same draws for both arms, not {len(self.seeds)} and {len(other.seeds)}")
        return self._of(self.seeds - other.seeds, max(self.ratio, other.ratio))

    def _of(self, values: Floats, ratio: float) -> SamplingError:
        variance = max(float(values.var(ddof=1)), self.unit**2)
        return SamplingError(0.0, (Spread((1 / len(values) + ratio) * variance, 0.0, len(values)),))


def of_splits(values: Floats, test: int, train: int, scale: Scale, unit: float = 1.0) -> OfSplits:
    """Return the figure with these `values`, float64 (J,), one a draw.

    test, train: images of each draw that judge, and from which is learned. unit: how far one more wrong image moves the
    value of an image, as in `PerImage`. Raises ValueError for fewer than two draws and for values that are no numbers.
    """
    if len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(f"needs finite values of at least two draws, not {values}")
    return OfSplits(values, (Draw(test, None),), False, scale, 0.0, test / train, unit / test)


@dataclass(frozen=True, eq=False)
class OfFolds(Measured):
    """One figure of one arm by folds. seeds: float64 (J,), its value in each fold of each repeat. draws: one a repeat.

    values: float64 (R, N), of each image in each repeat, mean over the seeds of a fold. fold_of: int64 (R, N), the fold
    that judged the image, from 0 up.
    """

    values: Floats = field(default_factory=lambda: np.empty((0, 0)))
    fold_of: Ints = field(default_factory=lambda: np.empty((0, 0), dtype=np.int64))

    @property
    def mean(self) -> float:
        """Return the mean over all images and repeats."""
        return float(self.values.mean())

    @property
    def error(self) -> SamplingError:
        """Return the error of the mean."""
        return self._with([each.variance for each in self.draws], self.values)

    def error_against(self, other: Measured) -> SamplingError:
        """Return the error of the mean minus the other arm's, from the differences by image and by fold."""
        if not isinstance(other, OfFolds) or not np.array_equal(self.fold_of, other.fold_of):
            raise ValueError("needs the same folds for both arms")
        paired = [first.between(second) for first, second in zip(self.draws, other.draws, strict=True)]
        return self._with(paired, self.values - other.values)

    def _with(self, of_images: Sequence[float], values: Floats) -> SamplingError:
        means, expected = _by_fold(values, self.fold_of)
        beyond = max(float(means.var(ddof=1)) - float(expected.mean()), 0.0)
        per_image = IMAGES_COUNT * sum(of_images) / len(of_images)
        return SamplingError(per_image, (Spread(beyond / len(means), 0.0, len(means)),))


def of_folds(
    networks: Sequence[Sequence[PerImage]], fold_of: Ints, scale: Scale, groups: Ints | None = None
) -> OfFolds:
    """Return the figure whose values the networks of each repeat have, all on the same images in the same order.

    networks: for each repeat one for each seed. fold_of: as in `OfFolds`. groups: of the images, (N,). Raises
    ValueError as `measured` does.
    """
    draws = tuple(measured(repeat, scale, groups=groups).draws[0] for repeat in networks)
    values = np.stack([np.mean([each.values for each in repeat], axis=0) for repeat in networks])
    means, _ = _by_fold(values, fold_of)
    return OfFolds(means, draws, False, scale, 0.0, values, fold_of)


def _by_fold(values: Floats, fold_of: Ints) -> tuple[Floats, Floats]:
    """Return the mean of each fold of each repeat, and the variance that its images alone would give it."""
    means, expected = [], []
    for row, folds in zip(values, fold_of, strict=True):
        counts = np.bincount(folds).astype(np.float64)
        mean = np.bincount(folds, weights=row) / counts
        squares = np.bincount(folds, weights=(row - mean[folds]) ** 2)
        means.append(mean)
        expected.append(squares / np.maximum(counts - 1, 1) / counts)
    return np.concatenate(means), np.concatenate(expected)


def verdicts(arms: Sequence[tuple[str, Measured]], basis: str, more: str, margin: float | None = None) -> list[Verdict]:
    """Compare all pairs of arms in accuracy, as `statistics.verdicts` does for one training set.

    basis: on what the comparison rests, such as "5 folds". more: more of what would tell, for sentences.
    """
    pairs = list(combinations(arms, 2))
    found = [figures.difference(a, b) for (_, a), (_, b) in pairs]
    corrected = holm([each.p for each in found])
    equal: Sequence[float | None] = [None] * len(pairs)
    if margin is not None:
        equal = holm([_equal_p(a, b, margin) for (_, a), (_, b) in pairs])
    return [
        with_sentence(
            Verdict(a, b, each.difference, each.low, each.high, p, "", margin=margin, equal_p=equal_p),
            Compared(
                first.error_against(second),
                Sample(a, len(first.seeds)),
                Sample(b, len(second.seeds)),
                first.draws[0].images,
                len(pairs),
                each.p,
                basis=basis,
                more=more,
            ),
        )
        for ((a, first), (b, second)), each, p, equal_p in zip(pairs, found, corrected, equal, strict=True)
    ]


def _equal_p(a: Measured, b: Measured, margin: float) -> float:
    """Return the larger p of the two one-sided tests that the difference is above -margin and below margin."""
    ends = [figures.difference_against(a, b, bound) for bound in (-margin, margin)]
    return max(ends) / 2 if abs(a.mean - b.mean) < margin else 1 - max(ends) / 2
