"""How is one cell measured? A process in an empty folder, timed, its predictions judged by the one scorer."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from machine import commit
from photo_race.cells import Cell
from photo_race.entrants import ENTRANTS, PEERS, PROGRAMS, Own, point_of, variables
from photo_race.environments import prepare_environment, versions
from photo_race.proof import check
from photo_race.record import Entry
from photo_race.running import timed
from photo_race.scoring import accuracy
from photo_race.sets import DrawnSet, write_set
from photo_race.weights import prepare_weights
from sadari.errors import SadariError
from sadari.files import write_json
from sadari.run import PREDICTIONS

OWN_PACKAGES = ("timm", "torch")  # whose versions are stored with Sadari's cells
LIMIT = 4 * 3600.0  # seconds that one process may take (assumed: more than twice what any needs)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Bench:
    """Where everything is. pythons: that of each peer's environment, by the environment's name."""

    data: Path
    work: Path
    pythons: Mapping[str, Path]

    @property
    def weights(self) -> Path:
        return self.work / "weights"

    def measure(self, cell: Cell) -> Entry:
        """Return what came of `cell`, as the record stores it; a process that fails is an entry too."""
        drawn = write_set(self.data / cell.set, cell, self.work / "sets")
        entry: Entry = {
            "date": datetime.now(UTC).isoformat(timespec="minutes"),
            "load": round(os.getloadavg()[0], 2),
            "commit": commit(),
        }
        log = self.work / "logs" / f"{cell.name.replace('/', '_').replace(' ', '-')}.log"
        with tempfile.TemporaryDirectory(prefix="cell-", dir=self.work) as name:
            scratch = Path(name)
            command, predictions = self._command(cell, drawn, scratch)
            try:
                timing = timed(command, variables(self.weights, scratch), scratch, predictions, log, LIMIT)
                figures: dict[str, Any] = {
                    "accuracy": accuracy(predictions, drawn.truth),
                    "judged": len(drawn.truth),
                    "seconds": round(timing.seconds, 2),
                    "process": round(timing.process, 2),
                    "cpu": round(timing.cpu, 2),
                }
            except SadariError as error:
                figures = {"failed": str(error)}
        return {**figures, **entry, "versions": _versions(cell.entrant)}

    def _command(self, cell: Cell, drawn: DrawnSet, scratch: Path) -> tuple[list[str], Path]:
        entrant, point = ENTRANTS[cell.entrant], point_of(cell.entrant, cell.point)
        if isinstance(entrant, Own):
            run = scratch / "run"
            return entrant.command(point, drawn.photos, cell.turn, run), run / PREDICTIONS
        out = scratch / PREDICTIONS
        task = {
            "photos": str(drawn.photos),
            "judged": str(drawn.judged),
            "weights": str(self.weights),
            "options": point.options,
            "seed": cell.turn,
            "scratch": str(scratch),
            "out": str(out),
        }
        write_json(scratch / "task.json", task)
        return [
            str(self.pythons[entrant.environment]),
            str(PROGRAMS / entrant.program),
            str(scratch / "task.json"),
        ], out


def _versions(name: str) -> dict[str, str]:
    entrant = ENTRANTS[name]
    if isinstance(entrant, Own):
        return {package: version(package) for package in OWN_PACKAGES}
    return versions(entrant.environment, entrant.packages)


def prepare(cells: Sequence[Cell], work: Path, data: Path, say: Say) -> Bench:
    """Make weights and the environments that `cells` need, and compare their features with Sadari's.

    Raises SadariError where one cannot be made, or has other weights.
    """
    work.mkdir(parents=True, exist_ok=True)
    prepare_weights(work / "weights")
    pythons = {}
    for name in dict.fromkeys(cell.entrant for cell in cells if cell.entrant in PEERS):
        peer = PEERS[name]
        say(f"environment of {name} ...")
        pythons[peer.environment] = prepare_environment(peer.environment, work / "environments")
        say(f"features of {name}: {check(peer, pythons[peer.environment], work):.1e} at most from Sadari's")
    return Bench(data, work, pythons)
