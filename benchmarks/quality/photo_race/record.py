"""What has been measured so far? One entry for each cell, in a JSON file that grows with every one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photo_race.cells import Cell
from sadari.errors import SadariError
from sadari.files import read_json, write_text

Entry = dict[str, Any]


@dataclass(frozen=True)
class Record:
    """The entries in the file `path`, all from one `machine`; a cell has one at most."""

    path: Path
    machine: dict[str, Any]
    entries: dict[Cell, Entry]

    @classmethod
    def open(cls, path: Path, machine: dict[str, Any]) -> "Record":
        """Read what the file has, nothing where there is none. Raises SadariError if another machine measured it."""
        if not path.is_file():
            return cls(path, machine, {})
        stored = read_json(path)
        if stored["machine"] != machine:
            raise SadariError(
                f"{path} was measured on another machine, {stored['machine']} instead of {machine}; "
                "name another file by --out"
            )
        return cls(path, machine, {Cell.from_json(each["cell"]): each for each in stored["cells"]})

    def add(self, cell: Cell, entry: Entry) -> None:
        """Store what came of `cell`; the file is written whole or not at all."""
        self.entries[cell] = {"cell": cell.to_json(), **entry}
        lines = ",\n".join(json.dumps(each) for each in self.entries.values())
        write_text(self.path, f'{{"machine": {json.dumps(self.machine)},\n"cells": [\n{lines}\n]}}\n')

    def missing(self, cells: Sequence[Cell]) -> list[Cell]:
        """Return those of `cells` that nobody has finished; those that failed are tried again."""
        return [cell for cell in cells if "accuracy" not in self.entries.get(cell, {})]

    def finished(self) -> dict[Cell, Entry]:
        return {cell: entry for cell, entry in self.entries.items() if "accuracy" in entry}
