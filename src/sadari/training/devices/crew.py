"""Who else trains this run? A process for each further device, started by the first one, which alone writes the run.

    python -m sadari.training.devices.member_main

gets one line, the order (`_order`), and answers in lines of JSON:

    {"ready": true}                             everything is loaded; it is about to join the others
    {"reason": sentence, "ours": true or false} it cannot go on: why, and whether that is a sentence for the user

The end of its input means: end at once. It has nothing to store, so it is never older than the first process.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import torch

from sadari.errors import SadariError
from sadari.models.own.model import code_for_worker
from sadari.plugins.offers import for_workers
from sadari.processes import how_it_ended, pipes, start_process
from sadari.training.devices.check import device_of
from sadari.training.devices.group import joined, require_free
from sadari.training.devices.handed import hand_over
from sadari.training.devices.share import Share
from sadari.training.devices.team import Team
from sadari.training.setup import Setup
from sadari.unfinished import temporary_folder

# Assumed: after the connection to a process has closed, the system knows within a second that it has ended; and another
# one, which ends because the first has, says so within as much.
ENDING_SECONDS = 5.0


@contextmanager
def team_of(setup: Setup) -> Iterator[Team]:
    """Start the other processes of the run `setup`, and end them at the end; yield the team of all of them.

    Each has as many threads as this one. Raises SadariError, with one sentence, where one of them cannot begin or ends
    early, whatever the reason; what is stored of the run is kept then.
    """
    count = setup.job.devices
    if count == 1:
        yield Team()
        return
    require_free()
    with temporary_folder("devices") as folder, _started(count) as members:
        order = _order(setup, folder.path)
        for member in members:
            member.begin({**order, "rank": member.rank})
        for member in members:
            member.wait_until_ready()
        device = torch.device(device_of(setup.job.settings, 0))
        try:
            with joined(Share(0, count), device, folder.path / "meeting") as team:
                yield team
        except RuntimeError as error:
            found = _why(members)
            if found is None:
                raise
            raise found from error


def _order(setup: Setup, folder: Path) -> dict[str, Any]:
    """Return what another process is told: everything else is in the run folder."""
    return {
        "out": str(setup.out.resolve()),
        "threads": torch.get_num_threads(),
        "count": setup.job.devices,
        "meeting": str(folder / "meeting"),
        "images": hand_over(setup.images, setup.job, folder),
        **code_for_worker(setup.job.model),
    }


@contextmanager
def _started(count: int) -> Iterator[list["Member"]]:
    members: list[Member] = []
    try:
        for rank in range(1, count):
            members.append(Member(rank, count))
        yield members
    finally:
        for member in members:
            member.kill()


class Member:
    """Another process of the training."""

    def __init__(self, rank: int, count: int) -> None:
        self.rank, self._count = rank, count
        self._said: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._process = start_process("sadari.training.devices.member_main", for_workers())
        self._input, self._output = pipes(self._process)
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def begin(self, order: dict[str, Any]) -> None:
        """Send the order."""
        with suppress(OSError):  # where it has ended, `wait_until_ready` says why
            self._input.write(json.dumps(order) + "\n")
            self._input.flush()

    def wait_until_ready(self) -> None:
        """Wait until it is about to join the others; raise SadariError where it ends instead."""
        message = self._said.get()
        if message is None or "reason" in message:
            raise SadariError(self._sentence(message))

    def ended(self) -> tuple[bool, str] | None:
        """Return why it has ended: whether that is the cause of all, and a sentence; None where it has not."""
        message: dict[str, Any] | None = None
        with suppress(Empty):
            message = self._said.get_nowait()
        if message is None and self._process.poll() is None:
            return None
        killed = (self._process.poll() or 0) < 0
        return bool(killed or (message or {}).get("ours")), self._sentence(message)

    def kill(self) -> None:
        """End the process, which stores nothing, and wait for that."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for each in (self._input, self._output):
            with suppress(OSError):
                each.close()

    def _sentence(self, message: dict[str, Any] | None) -> str:
        """Return why it has ended. message: the last one from it; None where it said nothing."""
        if message and message["ours"]:
            return str(message["reason"])
        how = f"failed ({message['reason']})" if message else how_it_ended(self._process.wait())
        return (
            f"the process of device {self.rank + 1} of {self._count} {how}; what the run has stored is kept, and the "
            "same command goes on from there"
        )

    def _read(self) -> None:
        for line in self._output:
            try:
                self._said.put(json.loads(line))
            except ValueError:  # part of a line, as it was ended meanwhile
                break
        self._said.put(None)


def _why(members: Sequence[Member]) -> SadariError | None:
    """Return the error for the process that ended first, which all others followed; None where none has ended.

    A process that was killed, or that has a sentence of its own, is the cause; others lost their connection to it.
    """
    sentences: dict[int, str] = {}
    until = time.monotonic() + ENDING_SECONDS
    while time.monotonic() < until and len(sentences) < len(members):
        for member in members:
            is_cause, sentence = member.ended() or (False, "")
            if is_cause:
                return SadariError(sentence)
            if sentence:
                sentences.setdefault(member.rank, sentence)
        time.sleep(0.05)
    return SadariError(next(iter(sentences.values()))) if sentences else None
