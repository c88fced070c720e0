"""A node of the stand-in for Ray, which does what a test says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sadari.comparison.cluster.node import Reporter
from sadari.comparison.cluster.post import DIVERGED, FAILED, End
from sadari.comparison.cluster.snapshot import Snapshot, SnapshotReader
from sadari.comparison.executor import Task
from sadari.comparison.workers.worker_main import Channel
from sadari.comparison.workers.worker_task import TaskRunner
from sadari.run_files import write_split
from sadari.training.engine import DivergedError
from sadari.training.fit_loop import FitLoop
from sadari.training.train import train


class Node:
    """A node that does what a test says. before: by attempt, what happens in place of the training."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.before: dict[int, Callable[[Reporter, Path], None]] = {}
        self.begun: list[Snapshot] = []
        self.requests: list[dict[str, Any]] = []

    def work(self, request: dict[str, Any], images: Any, split: Any, begun: Snapshot, watched: bool, post: Any) -> None:
        number = request["attempt"]
        self.begun.append(begun)
        self.requests.append(request)
        out = self.folder / str(number) / Path(request["out"]).name
        begun.write(out)
        reporter = Reporter(number, SnapshotReader(out), lambda letter: post.put.remote(letter).result(), lambda: None)
        reporter.start()
        if number in self.before:
            try:
                self.before[number](reporter, out)
            finally:
                fall_silent(reporter)
        file = self.folder / f"{number}.npz"
        write_split(file, split)
        watch = (lambda row: str(post.ask.remote(number, row).result())) if watched else None
        runner = TaskRunner(Channel(reporter), images)  # type: ignore[arg-type]
        try:
            runner.train({**request, "out": str(out), "split": str(file)}, watch)
        except DivergedError as error:
            reporter.close(End(DIVERGED, str(error)))
        except Exception as error:
            reporter.close(End(FAILED, str(error)))
        else:
            reporter.close(End())


def fall_silent(reporter: Reporter) -> None:
    """Let the thread of a process end that is dead."""
    assert reporter._thread is not None
    reporter._closing.set()
    reporter._thread.join()


def halfway(folder: Path, one: Task) -> Snapshot:
    """Return the files of the run after some steps, with a checkpoint."""
    out = folder / "halfway"
    with pytest.MonkeyPatch.context() as patch:
        original = FitLoop.is_due

        def due(self: FitLoop, stop: Any) -> bool:
            if self.state.epoch == 3:
                stop.requested = True
            return original(self, stop)

        patch.setattr(FitLoop, "is_due", due)
        with pytest.raises(KeyboardInterrupt):
            train(one.job, out, images=one.images, split=one.split, threads=1)
    return SnapshotReader(out).read()
