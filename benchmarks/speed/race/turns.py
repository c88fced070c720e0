"""What does one turn find? All entrants compute the same task, one after the other, each in a process of its own."""

import json
import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from race.entrants import PROGRAMS, Entrant
from race.tasks import Task
from sadari.errors import SadariError

T = TypeVar("T")
Figure = dict[str, Any]
WRONG = 3  # the exit status of an entrant that would not compute the task, see peers/training_task.py
LIMIT = 3600  # seconds that one process may take (assumed: many times what any needs)


class WrongError(SadariError):
    """An entrant that does not compute the task, so that no figure of it would mean anything."""


def rotated(entrants: Sequence[T], number: int) -> list[T]:
    """Return the order of turn `number`: each entrant comes first, second ... equally often."""
    start = number % len(entrants)
    return [*entrants[start:], *entrants[:start]]


def take_turn(task: Task, entrants: Sequence[Entrant], seed: int, file: Path, own: bool) -> dict[str, Any]:
    """Return the turn as the record stores it: a figure of every entrant, or why there is none.

    file: the task's pictures. own: whether peers run in environments of their own. Raises WrongError.
    """
    order = rotated(entrants, seed)
    turn: dict[str, Any] = {
        "task": task.key,
        "seed": seed,
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "load": round(os.getloadavg()[0], 2),
        "order": [each.name for each in order],
    }
    turn["figures"] = {each.name: _figure(task, each, seed, file, own) for each in order}
    return turn


def _figure(task: Task, entrant: Entrant, seed: int, file: Path, own: bool) -> Figure:
    folder = file.parent
    document = folder / "task.json"
    document.write_text(json.dumps(task.document(str(file), seed, entrant.precision)), encoding="utf-8")
    command = [*entrant.command(own), str(document)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env=entrant.environment(folder),
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"took more than {LIMIT} seconds"}
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        if done.returncode == WRONG:
            raise WrongError(f"{entrant.name} on {task.model}: {reason}")
        return {"failed": reason}
    return checked(json.loads(done.stdout.splitlines()[-1]), task, entrant)


def checked(figure: Figure, task: Task, entrant: Entrant) -> Figure:
    """Return the figure. Raises WrongError where its network has another number of parameters than the task's."""
    if figure["params"] != task.params:
        raise WrongError(
            f"{entrant.name} on {task.model} has {figure['params']:,} params instead of {task.params:,}; "
            f"look at {PROGRAMS / entrant.program}"
        )
    return figure
