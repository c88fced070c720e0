"""A worker of a comparison: a process that trains one run after the other, as it is told.

    python -m sadari.comparison.worker_main

A line of its standard input is a task: job, out, split, fingerprint and threads, as JSON (`worker.request`). The lines
of its standard output are what becomes of it, in the order in which it happens:

    {"say": sentence}                                      something worth knowing
    {"begin": n, "label": ..., "total": ..., "unit": ...}  work number n, for a bar
    {"advance": n, "count": ..., "note": ...}              some of it is done
    {"end": n}                                             all of it
    {"reason": sentence or ""}                             the task is over: why it failed, or that it did not

The end of the input means: stop now and keep the state, as Ctrl-C does. So a worker never outlives its comparison.
"""

import _thread
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import IO, Any

from sadari.comparison.jobs import reason_of
from sadari.comparison.materials import Key, images_key
from sadari.data.load import load
from sadari.errors import SadariError
from sadari.progress import Silent
from sadari.run import read_split
from sadari.settings import Job
from sadari.training.train import train
from sadari.values import ImageSet


@dataclass
class Channel:
    """Progress that is told to the comparison, line by line."""

    lines: IO[str]
    _numbers: Iterator[int] = field(default_factory=count)

    def send(self, **document: Any) -> None:
        """Tell one thing. Where nobody listens any more, the end of the input is about to say so."""
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
    channel = Channel(_own_output())
    requests: SimpleQueue[str] = SimpleQueue()
    Thread(target=_listen, args=(requests,), daemon=True).start()
    loaded: dict[Key, ImageSet] = {}
    with suppress(KeyboardInterrupt):
        while request := requests.get():
            channel.send(reason=_work(json.loads(request), loaded, channel))


def _own_output() -> IO[str]:
    """Standard output for the channel alone: whatever else is printed goes where errors go."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return own


def _listen(requests: "SimpleQueue[str]") -> None:
    """Pass on what comes in, and interrupt the work at its end."""
    for line in sys.stdin:
        requests.put(line)
    _thread.interrupt_main()
    requests.put("")


def _work(request: dict[str, Any], loaded: dict[Key, ImageSet], channel: Channel) -> str:
    """Train what is asked for; returns why it failed, or ""."""
    try:
        job = Job.from_toml(request["job"])
        images = _images(job, request["fingerprint"], loaded)
        split = read_split(Path(request["split"]))
        out, threads = Path(request["out"]), request["threads"]
        train(job, out, images=images, split=split, progress=channel, threads=threads)
    except Exception as error:
        return reason_of(error)
    return ""


def _images(job: Job, fingerprint: str, loaded: dict[Key, ImageSet]) -> ImageSet:
    """The images of `job`, mapped once; raises SadariError where they are no longer those of the comparison."""
    key = (job.data, *images_key(job.settings))
    if key not in loaded:
        loaded[key] = load(job.data, job.settings, Silent())
    if loaded[key].fingerprint != fingerprint:
        raise SadariError(f"the images of '{job.data}' have changed since the comparison began; start it again")
    return loaded[key]


if __name__ == "__main__":
    main()
