"""How does a comparison communicate with a worker? The other end is `worker_main.py`, which has the protocol."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from sadari.comparison.executor import Labelled, Outcome, Task
from sadari.comparison.workers.gpus import sees_only
from sadari.errors import SadariError
from sadari.models.own.model import code_for_worker
from sadari.plugins.offers import for_workers
from sadari.processes import how_it_ended, pipes, start_process
from sadari.progress import Progress
from sadari.progress import Task as ProgressTask
from sadari.run import RunRecord


class Worker:
    """A process that trains one task after the other. It starts at once, which takes a second or two."""

    def __init__(self, gpu: str = "") -> None:
        """Start the process. gpu: the only one that it sees, as CUDA_VISIBLE_DEVICES names it; "": all."""
        self._idle = True
        self._process = start_process("sadari.comparison.workers.worker_main", sees_only(gpu))
        self._input, self._output = pipes(self._process)

    def do(self, task: Task, split: Path, progress: Progress) -> Outcome:
        """Train `task` in the process, showing its progress; `split` is the file of its split.

        Raises SadariError where the process has ended meanwhile, for whatever reason.
        """
        self._idle = False
        with ExitStack() as bars:
            shown = Bars(Labelled(progress, task.label), bars)
            for message in self._answers(task, split):
                if "reason" in message:
                    self._idle = True
                    record = None if message["reason"] else RunRecord(task.out.resolve())
                    return Outcome(task.out, record, message["reason"], message["busy"])
                shown.show(message)
        raise self._gone(task)

    def stop(self) -> None:
        """End the process; a task under way stores its state first."""
        with suppress(OSError):
            self._input.close()
        if self._idle:
            self.kill()

    def kill(self) -> None:
        """End the process at once; a task under way goes on from its last checkpoint."""
        self._process.kill()

    def wait(self) -> int:
        """Wait for the end of the process and return its exit status."""
        status = self._process.wait()
        self._output.close()
        return status

    def _answers(self, task: Task, split: Path) -> Iterator[dict[str, Any]]:
        with suppress(BrokenPipeError):  # it has ended, so there are no answers
            self._input.write(json.dumps(request(task, split)) + "\n")
            self._input.flush()
        for line in self._output:
            try:
                message = json.loads(line)
            except ValueError:  # part of a line, as it was ended meanwhile, or not from a worker
                self.kill()
                return
            yield message

    def _gone(self, task: Task) -> SadariError:
        how = how_it_ended(self.wait())
        return SadariError(
            f"the process that trained {task.label} {how}; the same command goes on where it stopped, with --workers 1 "
            "where memory is too short for several"
        )


def request(task: Task, split: Path) -> dict[str, Any]:
    """Return `task` as a message; the worker loads the images itself, and imports code of the user that it needs."""
    return {
        "job": task.job.record.to_toml(),
        **code_for_worker(task.job.model),
        "layers": task.job.model.layers,
        "out": str(task.out),
        "split": str(split),
        "fingerprint": task.images.fingerprint,
        "threads": task.threads,
        "plugins": for_workers(),
    }


class Bars:
    """The progress bars of a worker, shown here."""

    def __init__(self, progress: Progress, bars: ExitStack) -> None:
        self._progress, self._bars = progress, bars
        self._open: dict[int, tuple[ExitStack, ProgressTask]] = {}

    def show(self, message: dict[str, Any]) -> None:
        match message:
            case {"say": sentence}:
                self._progress.say(sentence)
            case {"begin": number, "label": label, "total": total, "unit": unit}:
                bar = self._bars.enter_context(ExitStack())
                self._open[number] = bar, bar.enter_context(self._progress.task(label, total, unit))
            case {"advance": number, "count": count, "note": note}:
                self._open[number][1].advance(count, note)
            case {"end": number}:
                self._open.pop(number)[0].close()
