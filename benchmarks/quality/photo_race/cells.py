"""What is measured? Cells: one entrant with one end point on one drawn set, in the order that says most first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from itertools import product
from typing import Any, NamedTuple

ALL = "all"
SETS = ("flowers", "animals")
FEW = ("10", "50")  # photographs of a class to learn from, drawn anew in each turn
SIZES = (*FEW, ALL)
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


class Pass(NamedTuple):
    """Cells that belong together in the order: of the first turn or the others, early points or the others."""

    first: bool
    early: bool
    sizes: tuple[str, ...]


# What says most in the shortest time comes first: one end point of everybody on every set, then other draws of few
# photographs, then the curves; what takes hours, and differs by the seed of the training alone, comes last.
PASSES = (
    Pass(first=True, early=True, sizes=(*FEW[:1], ALL, *FEW[1:])),
    Pass(first=False, early=True, sizes=FEW),
    Pass(first=True, early=False, sizes=FEW),
    Pass(first=True, early=False, sizes=(ALL,)),
    Pass(first=False, early=False, sizes=FEW),
    Pass(first=False, early=True, sizes=(ALL,)),
    Pass(first=False, early=False, sizes=(ALL,)),
)


def ordered(points: Mapping[str, Sequence[Point]], turns: int) -> Iterator[Cell]:
    """Yield the cells of turns 1 to `turns`, in the order of PASSES.

    points: of each entrant. On a set, entrants come one after the other; in another turn, another one comes first.
    """
    names = list(points)
    for each in PASSES:
        for turn, size, data in product(range(1, turns + 1), each.sizes, SETS):
            if (turn == 1) != each.first:
                continue
            start = (turn - 1) % len(names)
            for name in names[start:] + names[:start]:
                yield from (
                    Cell(data, size, turn, name, point.name) for point in points[name] if point.early == each.early
                )


def chosen(cells: Iterable[Cell], only: str) -> list[Cell]:
    """Return the cells whose name matches one of the comma-separated patterns in `only`, all where it is empty.

    A pattern may leave out the parts at its end: `flowers/10` is `flowers/10/*`.
    """
    patterns = [each.strip() for each in only.split(",") if each.strip()]
    return [cell for cell in cells if not patterns or any(_matches(cell.name, each) for each in patterns)]


def _matches(name: str, pattern: str) -> bool:
    return fnmatch(name, pattern) or fnmatch(name, f"{pattern}/*")
