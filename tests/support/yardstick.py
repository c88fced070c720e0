"""The modules of the benchmark against the peers, tasks on made-up pictures and made-up turns."""

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def load(name: str) -> ModuleType:
    """Import a module of the folders of benchmarks/, which hold programs and are no packages."""
    folders = [str(BENCHMARKS / folder) for folder in ("speed", "speed/peers", "quality", "serving")]
    sys.path += folders
    try:
        return importlib.import_module(name)
    finally:
        for folder in folders:
            sys.path.remove(folder)


tasks, turns, records, standings = (load(f"race.{name}") for name in ("tasks", "turns", "record", "standing"))
entrants = load("race.entrants")

SHAPES = {tasks.GREY: (28, 28, 1), tasks.COLOUR: (32, 32, 3)}
MACHINE = {"processor": "Test 1", "cores": 2, "system": "Linux", "python": "3.11.7", "instructions": "AMX"}


def task_of(model: str = "mlp", images: int = 1000) -> Any:
    """Return the benchmark's task of `model`, on made-up pictures."""
    wanted = {**tasks.NETWORKS, **tasks.CLASSICAL}[model]
    return tasks.make_task(model, wanted, tasks.Pictures("made-up", images, 500, SHAPES[wanted.pictures], 10))


def turn_of(task: Any, seed: int, **speeds: float | str) -> dict[str, Any]:
    """Return a made-up turn: images per second of every entrant, or why there are none. Names have _ for -."""
    figures: dict[str, Any] = {}
    for name, speed in speeds.items():
        figures[name.replace("_", "-")] = (
            {"failed": speed}
            if isinstance(speed, str)
            else {
                "seconds": [9.0, *[task.pictures.images / speed] * (task.epochs - 1)],
                "accuracy": 0.85 + 0.001 * seed,
                "params": task.params,
                "precision": "float32",
                "versions": {"torch": "2.15.0"},
            }
        )
    return {
        "task": task.key,
        "seed": seed,
        "commit": "abc",
        "date": "2026-01-01T00:00",
        "load": 0.5,
        "figures": figures,
    }
