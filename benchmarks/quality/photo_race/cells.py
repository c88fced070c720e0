"""What is measured? Cells: one entrant with one end point on one drawn set, in the order that says most first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from itertools import product
from typing import Any

ALL = "all"
SETS = ("flowers", "animals")
SIZES = ("10", ALL, "50")  # photographs of a class to learn from: the extremes first
TURNS = 3


@dataclass(frozen=True)
class Point:
    """An end point: how long an entrant works. options: for its program. early: whether it comes in the first pass."""

    name: str
    options: Mapping[str, Any]
    early: bool = False


@dataclass(frozen=True)
class Cell:
    """One process to be timed and judged. turn: the seed of the draw and of the training, from 1."""

    set: str
    size: str
    turn: int
    entrant: str
    point: str

    @property
    def name(self) -> str:
        """Return what --only matches and the log says."""
        return f"{self.set}/{self.size}/{self.turn}/{self.entrant}/{self.point}"

    @property
    def drawn(self) -> str:
        """Return the name of the set's folder; all photographs are the same in every turn."""
        return f"{self.set}-{self.size}" if self.size == ALL else f"{self.set}-{self.size}-{self.turn}"

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Cell":
        return cls(**document)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def ordered(points: Mapping[str, Sequence[Point]], turns: Iterable[int]) -> Iterator[Cell]:
    """Yield all cells: in each turn the early points of everybody first, then the others; so there is always a picture.

    points: of each entrant. Within a set, entrants take turns at being the first.
    """
    for turn, early, size, data in product(turns, (True, False), SIZES, SETS):
        names = list(points)
        start = (turn - 1) % len(names) if names else 0
        for name in names[start:] + names[:start]:
            for point in points[name]:
                if point.early == early:
                    yield Cell(data, size, turn, name, point.name)


def chosen(cells: Iterable[Cell], only: str) -> list[Cell]:
    """Return the cells whose name matches one of the comma-separated patterns in `only`, all where it is empty.

    A pattern may leave out the parts at its end: `flowers/10` is `flowers/10/*`.
    """
    patterns = [each.strip() for each in only.split(",") if each.strip()]
    return [cell for cell in cells if not patterns or any(_matches(cell.name, each) for each in patterns)]


def _matches(name: str, pattern: str) -> bool:
    return fnmatch(name, pattern) or fnmatch(name, f"{pattern}/*")
