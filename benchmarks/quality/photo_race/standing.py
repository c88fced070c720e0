"""How do the end points stand on one set, all turns together? Accuracies, seconds, and who is better in a fifth."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from photo_race.cells import SETS, SIZES, Cell
from photo_race.entrants import ENTRANTS, OURS

FASTER = 5  # the goal: at least as accurate in a fifth of the time
PANELS = tuple((data, size) for data in SETS for size in SIZES)


@dataclass(frozen=True)
class Standing:
    """What the turns say about one end point on one set, those alone that were finished."""

    entrant: str
    point: str
    accuracies: tuple[float, ...]
    seconds: tuple[float, ...]
    judged: int

    @property
    def accuracy(self) -> float:
        """Return the mean over the turns."""
        return statistics.mean(self.accuracies)

    @property
    def median(self) -> float:
        """Return the median of the seconds."""
        return statistics.median(self.seconds)

    @property
    def own(self) -> bool:
        return self.entrant in OURS


def standings(finished: Mapping[Cell, Mapping[str, Any]], data: str, size: str) -> list[Standing]:
    """Return the end points on one set, entrants in their order, those of an entrant by their seconds."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for cell, entry in finished.items():
        if (cell.set, cell.size) == (data, size):
            found.setdefault((cell.entrant, cell.point), []).append(entry)
    places = list(ENTRANTS)
    made = [
        Standing(
            entrant,
            point,
            tuple(each["accuracy"] for each in entries),
            tuple(each["seconds"] for each in entries),
            entries[0]["judged"],
        )
        for (entrant, point), entries in found.items()
    ]
    last = len(places)
    return sorted(made, key=lambda each: (places.index(each.entrant) if each.entrant in places else last, each.median))


def within_a_fifth(all_of: Sequence[Standing], peer: Standing) -> Standing | None:
    """Return Sadari's end point that takes the longest of those that need a fifth of the peer's seconds at most.

    None where each takes longer. It is chosen by its seconds alone, never by what the judged images say.
    """
    fit = [each for each in all_of if each.own and each.median * FASTER <= peer.median]
    return max(fit, key=lambda each: each.median, default=None)


def most_accurate(some: Sequence[Standing]) -> Standing | None:
    """Return the end point with the greatest mean accuracy; of equal ones the fastest."""
    return max(some, key=lambda each: (each.accuracy, -each.median), default=None)
