"""A worker of a comparison: a process that trains the runs that it receives, one after the other.

    python -m sadari.comparison.workers.worker_main

A line of its standard input is a task: job, layers, out, split, fingerprint and threads, as JSON (`worker.request`).
The lines of its standard output report its progress, in order:

    {"say": sentence}                                      a sentence for the user
    {"begin": n, "label": ..., "total": ..., "unit": ...}  work number n, for a bar
    {"advance": n, "count": ..., "note": ...}              some of it is done
    {"end": n}                                             all of it
    {"reason": sentence or "", "busy": true or false}      the task is over: why it failed, or that it did not; whether
                                                           another process trains the run

The end of the input means: stop now and store the state, as Ctrl-C does. So a worker never outlives its comparison.
"""

import _thread
import json
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from queue import SimpleQueue
from threading import Thread
from typing import IO, Any

from sadari.errors import PluginWarning
from sadari.processes import own_output


@dataclass
class Channel:
    """A Progress that is sent to the comparison, line by line."""

    lines: IO[str]
    _numbers: Iterator[int] = field(default_factory=count)

    def send(self, **document: Any) -> None:
        """Send one message. Where the comparison has ended, the end of the input is about to stop this process."""
        with suppress(BrokenPipeError):
            self.lines.write(json.dumps(document) + "\n")
            self.lines.flush()

    def say(self, sentence: str) -> None:
        self.send(say=sentence)

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator["_Work"]:
        number = next(self._numbers)
        self.send(begin=number, label=label, total=total, unit=unit)
        try:
            yield _Work(self, number)
        finally:
            self.send(end=number)


@dataclass(frozen=True)
class _Work:
    channel: Channel
    number: int

    def advance(self, count: int, note: str = "") -> None:
        self.channel.send(advance=self.number, count=count, note=note)


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background inherits that it is ignored
    warnings.simplefilter("ignore", PluginWarning)  # the comparison has said it
    channel = Channel(own_output())
    # Loads everything that computes, which may print while it is loaded.
    from sadari.comparison.workers.worker_task import TaskRunner

    runner = TaskRunner(channel)
    requests: SimpleQueue[str] = SimpleQueue()
    Thread(target=_listen, args=(requests,), daemon=True).start()
    with suppress(KeyboardInterrupt):
        while request := requests.get():
            reason, busy = runner.run(json.loads(request))
            channel.send(reason=reason, busy=busy)


def _listen(requests: "SimpleQueue[str]") -> None:
    """Pass on the lines of the input, and interrupt the work at its end."""
    for line in sys.stdin:
        requests.put(line)
    _thread.interrupt_main()
    requests.put("")


if __name__ == "__main__":
    main()
