"""Which images stand behind a cell, and which mistakes are worst? Chosen from what an arm's seeds said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation.metrics import confusion
from sadari.report.contents import Example
from sadari.values import Predictions

PER_CELL = 12  # pictures behind a cell of the confusion matrix
MISTAKES = 24
HARDEST = 48
AT_ONCE = 4  # pictures that a large cell gets before a smaller one gets its first

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ArmPredictions:
    """What did an arm say of each of the N images that judge, over its S seeds and K classes?

    labels: int64 (N,). predicted: int64 (S, N). probabilities: float32 (N, K), mean over the seeds. matrix: float
    (K, K), the confusion matrix, mean over the seeds, rows the truth.
    """

    labels: Ints
    predicted: Ints
    probabilities: NDArray[np.float32]
    matrix: Floats

    @classmethod
    def of(cls, predictions: Sequence[Predictions]) -> "ArmPredictions":
        """The opinion of an arm with these predictions, one per seed, at least one."""
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
        return int(self.probabilities.shape[1])


@dataclass(frozen=True)
class Cell:
    """What is behind one cell? shown: at most PER_CELL of its images, the most telling first. images: how many."""

    shown: tuple[Example, ...]
    images: int


def cells(opinion: ArmPredictions, most: int) -> dict[str, Cell]:
    """The images of every cell of the confusion matrix, by "true,predicted"; one seed that puts an image there will do.

    Wrong cells show the surest, the diagonal the least sure. At most `most` images over all cells: the first AT_ONCE
    of the largest cells, then of smaller ones, then further ones. `Shown.picture` is the place among the N images.
    """
    image, predicted, seeds = _votes(opinion)
    truth = opinion.labels[image]
    probability = opinion.probabilities[image, predicted]
    cell = truth * opinion.classes + predicted
    telling = np.where(truth == predicted, probability, -probability)
    order = np.lexsort((image, telling, cell))
    image, predicted, seeds, cell = (each[order] for each in (image, predicted, seeds, cell))
    probability = probability[order]
    counts = np.bincount(cell, minlength=1)
    rank = np.arange(len(cell)) - np.searchsorted(cell, cell)
    kept = np.flatnonzero(rank < PER_CELL)
    kept = kept[np.lexsort((rank[kept], cell[kept], -counts[cell[kept]], rank[kept] // AT_ONCE))[:most]]
    found: dict[str, list[Example]] = {}
    for at in np.sort(kept).tolist():
        name = f"{cell[at] // opinion.classes},{predicted[at]}"
        found.setdefault(name, []).append(_shown(image[at], predicted[at], probability[at], seeds[at]))
    sizes = {name: int(counts[_number(name, opinion.classes)]) for name in found}
    return {name: Cell(tuple(shown), sizes[name]) for name, shown in found.items()}


def mistakes(opinion: ArmPredictions) -> tuple[Example, ...]:
    """The worst mistakes: images whose most probable class, in the mean over the seeds, is wrong; the surest first."""
    said = opinion.probabilities.argmax(axis=1)
    wrong = np.flatnonzero(said != opinion.labels)
    sure = opinion.probabilities[wrong, said[wrong]]
    worst = wrong[np.argsort(-sure, kind="stable")[:MISTAKES]]
    seeds = (opinion.predicted[:, worst] == said[worst]).sum(axis=0)
    probability = opinion.probabilities[worst, said[worst]]
    return tuple(_shown(*each) for each in zip(worst, said[worst], probability, seeds, strict=True))


class Agreement:
    """On which mistakes do all arms agree? Told of one arm after the other, so that a hundred take no more memory."""

    def __init__(self) -> None:
        self._arms = 0
        self._all_wrong = np.ones(0, dtype=np.bool_)  # (N,)
        self._votes = np.zeros((0, 0), dtype=np.int32)  # (N, K): runs that say the class
        self._probabilities = np.zeros((0, 0))  # (N, K): sum over the arms

    def add(self, opinion: ArmPredictions) -> None:
        """Hear one arm. One that says the same of every image (majority) has looked at none and is left aside."""
        if (opinion.predicted == opinion.predicted[0, 0]).all():
            return
        if not self._arms:
            self._all_wrong = np.ones(len(opinion.labels), dtype=np.bool_)
            self._votes = np.zeros(opinion.probabilities.shape, dtype=np.int32)
            self._probabilities = np.zeros(opinion.probabilities.shape)
        self._arms += 1
        self._all_wrong &= (opinion.predicted != opinion.labels).all(axis=0)
        self._probabilities += opinion.probabilities
        for said in opinion.predicted:
            self._votes[np.arange(len(said)), said] += 1

    def hardest(self) -> tuple[tuple[Example, ...], int]:
        """The images that every run of every arm gets wrong, and how many; those they agree on most come first.

        predicted: what most runs say, `seeds`: how many of them, `probability`: its mean over the arms. Label errors
        live here.
        """
        if not self._arms:
            return (), 0
        hard = np.flatnonzero(self._all_wrong)
        said = self._votes[hard].argmax(axis=1)
        agreed = self._votes[hard, said]
        probability = self._probabilities[hard, said] / self._arms
        order = np.lexsort((hard, -probability, -agreed))[:HARDEST]
        shown = (_shown(hard[at], said[at], probability[at], agreed[at]) for at in order)
        return tuple(shown), len(hard)


def _votes(opinion: ArmPredictions) -> tuple[Ints, Ints, Ints]:
    """(image, class, seeds) of every class that at least one seed says of an image."""
    numbers = np.arange(opinion.predicted.shape[1]) * opinion.classes + opinion.predicted
    pairs, seeds = np.unique(numbers, return_counts=True)
    return pairs // opinion.classes, pairs % opinion.classes, seeds


def _number(name: str, classes: int) -> int:
    truth, _, predicted = name.partition(",")
    return int(truth) * classes + int(predicted)


def _shown(image: int, predicted: int, probability: float, seeds: int) -> Example:
    return Example(int(image), int(predicted), round(float(probability), 4), int(seeds))


def renumbered(shown: Sequence[Example], places: Mapping[int, int]) -> tuple[Example, ...]:
    """`shown` by the places of their pictures on the sheet, without those that it lacks."""
    return tuple(
        Example(places[each.picture], each.predicted, each.probability, each.seeds)
        for each in shown
        if each.picture in places
    )
