"""How do the nodes of a cluster report to the process that compares? Through one actor beside it, which keeps letters.

    node ── put(letter) ──▶ Post ◀── take() ── the process that compares
    node ── ask(attempt, row) ──▶ waits ◀── answer(attempt, reason) ──┘

The lines of a letter are those of a worker on this machine (`workers/worker_main.py`). All classes are plain Python:
Ray makes an actor of `Post` when a comparison begins.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sadari.comparison.cluster.snapshot import Snapshot

DONE, FAILED, DIVERGED, STOPPED = "done", "failed", "diverged", "stopped"
Lines = Sequence[str]


@dataclass(frozen=True)
class End:
    """How the work on a run ended: done, failed, diverged (its loss is no number) or stopped; and why it failed."""

    how: str = DONE
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Letter:
    """What a node reports of one attempt to make a run.

    lines: its progress. files: what changed in the folder of the run. row: of a finished epoch, for what watches the
    run and now answers. end: how it ended, in the last letter.
    """

    attempt: int
    lines: Lines = ()
    files: Snapshot | None = None
    row: Mapping[str, float] | None = None
    end: End | None = None


class Post:
    """Letters of all nodes, in their order, until the process that compares takes them."""

    def __init__(self) -> None:
        self._letters: list[Letter] = []
        self._answers: dict[int, asyncio.Future[str]] = {}
        self._stopped: set[int] = set()
        self._all_stopped = False
        self._arrived = asyncio.Event()

    async def put(self, letter: Letter) -> bool:
        """Keep `letter`; return whether its run should stop now, with its state stored."""
        self._letters.append(letter)
        self._arrived.set()
        return self._all_stopped or letter.attempt in self._stopped

    async def ask(self, attempt: int, row: Mapping[str, float]) -> str:
        """Pass on the row of an epoch, and return why the run is to end with it, "" for no reason."""
        waiting: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._answers[attempt] = waiting
        await self.put(Letter(attempt, row=row))
        try:
            return await waiting
        finally:
            del self._answers[attempt]

    async def answer(self, attempt: int, reason: str) -> None:
        """Give the answer that the run waits for."""
        waiting = self._answers.get(attempt)
        if waiting is not None and not waiting.done():
            waiting.set_result(reason)

    async def take(self, seconds: float) -> list[Letter]:
        """Return the letters that are there, as soon as there are any, after `seconds` at the latest."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._arrived.wait(), seconds)
        self._arrived.clear()
        letters, self._letters = self._letters, []
        return letters

    async def stop(self, attempt: int | None = None) -> None:
        """Have the run of `attempt` stop when it next reports; None for all runs."""
        if attempt is None:
            self._all_stopped = True
        else:
            self._stopped.add(attempt)
        for each, waiting in self._answers.items():
            if (self._all_stopped or each in self._stopped) and not waiting.done():
                waiting.set_result("")  # it is stopped where it reports next

    async def wake(self) -> None:
        """Let `take` return now."""
        self._arrived.set()


def merged(lines: Iterable[str]) -> list[str]:
    """Return `lines` with those put together that follow each other on the same work: a step is no message."""
    found: list[str] = []
    last: dict[str, Any] = {}
    for line in lines:
        message = json.loads(line)
        if "advance" in message and message["advance"] == last.get("advance"):
            message["count"] += last["count"]
            found.pop()
        found.append(json.dumps(message))
        last = message
    return found
