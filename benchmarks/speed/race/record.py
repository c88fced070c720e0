"""What has been measured so far? Turns in a JSON file that grows with every one, so that nothing is measured twice."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from race.tasks import Task
from sadari.errors import SadariError
from sadari.files import read_json, write_text

Turn = dict[str, Any]


@dataclass(frozen=True)
class Record:
    """The turns in the file `path`, all from one `machine`."""

    path: Path
    machine: dict[str, Any]
    turns: list[Turn]

    @classmethod
    def open(cls, path: Path, machine: dict[str, Any]) -> "Record":
        """Read what the file has; nothing where there is none. Raises SadariError if another machine measured it."""
        if not path.is_file():
            return cls(path, machine, [])
        stored = read_json(path)
        if stored["machine"] != machine:
            raise SadariError(
                f"{path} was measured on another machine, {stored['machine']} instead of {machine}; "
                "name another file by --out"
            )
        return cls(path, machine, list(stored["turns"]))

    def add(self, turn: Turn) -> None:
        """Store one more turn; the file is written whole or not at all."""
        self.turns.append(turn)
        lines = ",\n".join(json.dumps(each) for each in self.turns)
        machine = json.dumps(self.machine)
        write_text(self.path, f'{{"machine": {machine},\n"turns": [\n{lines}\n]}}\n')

    def of(self, task: Task) -> list[Turn]:
        """Return all turns at this task, of all entrants."""
        return [turn for turn in self.turns if turn["task"] == task.key]

    def missing(self, task: Task, names: Iterable[str], pairs: int) -> int:
        """Return how many turns with all of these entrants are still to be taken until there are `pairs`."""
        wanted = set(names)
        return max(0, pairs - sum(wanted <= set(turn["figures"]) for turn in self.of(task)))

    def tasks(self, models: Sequence[str]) -> list[list[Turn]]:
        """Return the turns by task, those of the `models` in their order."""
        found: dict[str, list[Turn]] = {}
        for turn in self.turns:
            found.setdefault(json.dumps(turn["task"]), []).append(turn)
        return [turns for model in models for turns in found.values() if turns[0]["task"]["model"] == model]
