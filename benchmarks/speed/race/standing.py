"""How do the entrants stand at one task, all turns together? Speeds, ratios turn by turn, accuracies."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from race.agreement import Agreement, agreement
from race.record import Turn
from race.tasks import CLASSICAL
from race.turns import Figure


@dataclass(frozen=True)
class Spread:
    """A median, with the least and the greatest."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Standing:
    """What the turns at one task say; all of them have the same `task`."""

    turns: Sequence[Turn]

    @property
    def task(self) -> dict[str, Any]:
        return dict(self.turns[0]["task"])

    def names(self) -> list[str]:
        """Return all who took part, failures included."""
        return list(dict.fromkeys(name for turn in self.turns for name in turn["figures"]))

    def figures(self, *names: str) -> list[tuple[Figure, ...]]:
        """Return the figures of all `names` from the turns in which each of them has one."""
        found = [tuple(turn["figures"].get(name) for name in names) for turn in self.turns]
        return [figures for figures in found if all(each and "failed" not in each for each in figures)]

    def failure(self, name: str) -> str:
        """Return why the last turn of `name` failed, or ""."""
        figures = [turn["figures"][name] for turn in self.turns if name in turn["figures"]]
        return str(figures[-1].get("failed", "")) if figures else ""

    def speeds(self, name: str) -> list[float]:
        """Return images per second of training steps, or fits per second of a classical model, turn by turn."""
        return [speed(self.task, figure) for (figure,) in self.figures(name)]

    def accuracies(self, name: str) -> list[float]:
        return [figure["accuracy"] for (figure,) in self.figures(name)]

    def ratio(self, own: str, other: str) -> Spread | None:
        """Return how many times as fast as `other` is `own`, turn by turn; None where no turn has both."""
        pairs = self.figures(own, other)
        return Spread.of([speed(self.task, mine) / speed(self.task, its) for mine, its in pairs]) if pairs else None

    def agreement(self, own: str, other: str) -> Agreement:
        return agreement(self.accuracies(own), self.accuracies(other))

    def best(self, names: Sequence[str]) -> str:
        """Return which of `names` has the greatest median speed; "" where none has any."""
        fit = [name for name in names if self.figures(name)]
        return max(fit, key=lambda name: statistics.median(self.speeds(name)), default="")


def speed(task: dict[str, Any], figure: Figure) -> float:
    """Return images per second after the first epoch, which warms up; for a classical model, fits per second."""
    if task["model"] in CLASSICAL:
        return 1 / sum(figure["seconds"])
    timed = figure["seconds"][1:]
    return float(task["images"] * len(timed) / sum(timed))
