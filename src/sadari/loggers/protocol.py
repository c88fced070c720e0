"""What does a tracker get of a run while it trains? Three calls: it begins, rows of its history, it ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Start:
    """What a logger gets when a run, a comparison or a search begins or goes on.

    project: the name of its data, under which a tracker stores it where the user names no other place. group: the
    comparison or search that it is part of, "" for none; parent: the id of that in the tracker, "" where it has none.
    params: the settings, as text. known: the id of the run in the tracker where it began earlier, "" for a new one.
    own_events: whether the run writes TensorBoard's files into its folder anyway.
    """

    name: str
    folder: Path
    project: str
    group: str = ""
    parent: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    known: str = ""
    own_events: bool = False

    @property
    def whole_name(self) -> str:
        """Return a name that no run of another comparison has."""
        return f"{self.group}-{self.name}" if self.group else self.name


@dataclass(frozen=True)
class End:
    """What a logger gets at the end: scores by name, measured after epoch `step`, and pictures, PNG files by name.

    note: sentences on the result. digest: the same for the same result, by which `sadari log` knows it.
    """

    figures: Mapping[str, float]
    step: int = 0
    pictures: Mapping[str, Path] = field(default_factory=dict)
    note: str = ""
    digest: str = ""


class Logger(Protocol):
    """What sends one run to one tracker. Any method may raise whatever the tracker's package raises."""

    def begin(self, start: Start) -> str:
        """Begin the run in the tracker, or go on with the one that `start` knows, and return its id there."""

    def epoch(self, row: Mapping[str, float]) -> None:
        """Send a row of history.csv: `epoch`, `train_loss`, `train_accuracy` ..."""

    def end(self, end: End) -> None:
        """Send the scores and the pictures, and mark the run as finished."""

    def stop(self, interrupted: bool) -> None:
        """Mark the run as interrupted, or as failed; it may go on later."""
