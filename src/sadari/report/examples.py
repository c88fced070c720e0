"""Which images stand behind a cell, and which mistakes are worst? Chosen from the predictions of an arm's seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation.metrics import confusion
from sadari.report.contents import Cell, Example
from sadari.values import Predictions

PER_CELL = 12  # pictures behind a cell of the confusion matrix
MISTAKES = 24
HARDEST = 48
AT_ONCE = 4  # pictures that a large cell gets before a smaller one gets its first

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ArmPredictions:
    """What an arm predicted of each of the N judging images, over its S seeds and K classes.

    labels: int64 (N,). predicted: int64 (S, N). probabilities: float32 (N, K), mean over the seeds. matrix: float64
    (K, K), the confusion matrix, mean over the seeds, rows the truth.
    """

    labels: Ints
    predicted: Ints
    probabilities: NDArray[np.float32]
    matrix: Floats

    @classmethod
    def of(cls, predictions: Sequence[Predictions]) -> "ArmPredictions":
        """Sum up the predictions of an arm, one per seed, at least one."""
        total = np.zeros(predictions[0].probabilities.shape)
        for each in predictions:
            total += each.probabilities
        return cls(
            predictions[0].labels,
            np.stack([each.predicted for each in predictions]),
            (total / len(predictions)).astype(np.float32),
            np.mean([confusion(each) for each in predictions], axis=0),
        )

    @property
    def classes(self) -> int:
        """The number of classes, K."""
        return int(self.probabilities.shape[1])


def cells(arm: ArmPredictions, most: int) -> dict[str, Cell]:
    """Return the images of every cell of the confusion matrix, by "true,predicted"; one seed can put an image there.

    Wrong cells show the most confident predictions, the diagonal the least confident. At most PER_CELL images in a cell
    and `most` over all cells: the first AT_ONCE of the largest cells, then of smaller ones, then further ones.
    `Example.picture` is the position among the N images.
    """
    image, predicted, seeds = _votes(arm)
    truth = arm.labels[image]
    probability = arm.probabilities[image, predicted]
    cell = truth * arm.classes + predicted
    rank_by = np.where(truth == predicted, probability, -probability)
    order = np.lexsort((image, rank_by, cell))
    image, predicted, seeds, cell = (each[order] for each in (image, predicted, seeds, cell))
    probability = probability[order]
    counts = np.bincount(cell, minlength=1)
    rank = np.arange(len(cell)) - np.searchsorted(cell, cell)
    kept = np.flatnonzero(rank < PER_CELL)
    kept = kept[np.lexsort((rank[kept], cell[kept], -counts[cell[kept]], rank[kept] // AT_ONCE))[:most]]
    shown: dict[int, list[Example]] = {}
    for at in np.sort(kept).tolist():
        shown.setdefault(int(cell[at]), []).append(_example(image[at], predicted[at], probability[at], seeds[at]))
    return {
        f"{number // arm.classes},{number % arm.classes}": Cell(tuple(examples), int(counts[number]))
        for number, examples in shown.items()
    }


def mistakes(arm: ArmPredictions) -> tuple[Example, ...]:
    """Return the worst mistakes: the most confident of the mean predictions that are wrong, most confident first."""
    predicted = arm.probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != arm.labels)
    confidence = arm.probabilities[wrong, predicted[wrong]]
    worst = wrong[np.argsort(-confidence, kind="stable")[:MISTAKES]]
    seeds = (arm.predicted[:, worst] == predicted[worst]).sum(axis=0)
    probability = arm.probabilities[worst, predicted[worst]]
    return tuple(_example(*each) for each in zip(worst, predicted[worst], probability, seeds, strict=True))


class Agreement:
    """The mistakes on which all arms agree. Arms are added one by one, so that a hundred take no more memory."""

    def __init__(self) -> None:
        self._arms = 0
        self._all_wrong = np.ones(0, dtype=np.bool_)  # (N,)
        self._votes = np.zeros((0, 0), dtype=np.int32)  # (N, K): runs that predict the class
        self._probabilities = np.zeros((0, 0))  # (N, K): sum over the arms

    def add(self, arm: ArmPredictions) -> None:
        """Add one arm. One that predicts the same of every image (majority) looks at none and is left out."""
        if (arm.predicted == arm.predicted[0, 0]).all():
            return
        if not self._arms:
            self._all_wrong = np.ones(len(arm.labels), dtype=np.bool_)
            self._votes = np.zeros(arm.probabilities.shape, dtype=np.int32)
            self._probabilities = np.zeros(arm.probabilities.shape)
        self._arms += 1
        self._all_wrong &= (arm.predicted != arm.labels).all(axis=0)
        self._probabilities += arm.probabilities
        for predicted in arm.predicted:
            self._votes[np.arange(len(predicted)), predicted] += 1

    def hardest(self) -> tuple[tuple[Example, ...], int]:
        """Return images that every run of every arm gets wrong, and how many there are; most agreed on first.

        predicted: what most runs predict, `seeds`: how many of them, `probability`: its mean over the arms. Wrong
        labels are often among them.
        """
        if not self._arms:
            return (), 0
        hard = np.flatnonzero(self._all_wrong)
        predicted = self._votes[hard].argmax(axis=1)
        agreed = self._votes[hard, predicted]
        probability = self._probabilities[hard, predicted] / self._arms
        order = np.lexsort((hard, -probability, -agreed))[:HARDEST]
        shown = (_example(hard[at], predicted[at], probability[at], agreed[at]) for at in order)
        return tuple(shown), len(hard)


def renumbered(examples: Sequence[Example], places: Mapping[int, int]) -> tuple[Example, ...]:
    """Return `examples` by the places of their pictures on the sheet, without those that it lacks."""
    return tuple(replace(each, picture=places[each.picture]) for each in examples if each.picture in places)


def _votes(arm: ArmPredictions) -> tuple[Ints, Ints, Ints]:
    """Return (image, class, seeds) of every class that at least one seed predicts of an image."""
    numbers = np.arange(arm.predicted.shape[1]) * arm.classes + arm.predicted
    pairs, seeds = np.unique(numbers, return_counts=True)
    return pairs // arm.classes, pairs % arm.classes, seeds


def _example(image: int, predicted: int, probability: float, seeds: int) -> Example:
    return Example(int(image), int(predicted), round(float(probability), 4), int(seeds))
