"""How do several runs train at once? This process trains some of them, and its workers the others.

    tasks -> the next free process takes the next one -> outcomes

The workers start while the first task trains here, so that no comparison waits for them.
"""

import _thread
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, Thread, current_thread, main_thread

from sadari.comparison.executor import Outcome, Task, reason_of, run_task, say_failure, wait_for
from sadari.comparison.workers.worker import Worker
from sadari.errors import SadariError
from sadari.progress import Progress
from sadari.progress import Task as ProgressTask
from sadari.run import RunRecord
from sadari.run_files import write_split
from sadari.training.train import train
from sadari.unfinished import temporary_folder


def run_side_by_side(tasks: Sequence[Task], progress: Progress, most: int, gpus: Sequence[str] = ()) -> list[Outcome]:
    """Do all `tasks`, at most `most` of them at once, and return their outcomes in any order.

    gpus: one for each of them, where they train on GPUs; this process takes the first one. Raises KeyboardInterrupt
    after Ctrl-C, and SadariError where a worker ended before its task did; the states of all tasks under way are
    stored, of a task whose process was killed that of its last checkpoint.
    """
    left = sum(not RunRecord(task.out).finished for task in tasks)
    at_once = min(most, left)
    if at_once > 1:
        each = "on a GPU each" if gpus else "with one thread each"
        progress.say(f"{left} runs train side by side, {at_once} at a time {each}")
    with temporary_folder("splits") as folder:
        return _Crew(tasks, OneAtATime(progress), folder.path).work(gpus[1:at_once] if gpus else [""] * (at_once - 1))


class _Crew:
    """The processes that work on `tasks`: this one and its workers, each served by a thread here."""

    def __init__(self, tasks: Sequence[Task], progress: Progress, folder: Path) -> None:
        self._waiting = deque(tasks)
        self._progress = progress
        self._splits = _write_splits(tasks, folder)
        self._outcomes: list[Outcome] = []
        self._busy: list[Task] = []  # trained by other processes
        self._workers: list[Worker] = []
        self._threads: list[Thread] = []
        self._lock = Lock()
        self._stopping = self._training_here = False
        self._loss = ""

    def work(self, workers: Sequence[str]) -> list[Outcome]:
        """Do all tasks with these workers, each by its GPU or "", and return the outcomes."""
        try:
            task = self._next()  # the first one begins here, as the workers are not ready yet
            self._start(workers)
            while task is not None:
                with self._interruptible() as going_on:
                    if not going_on:
                        break
                    outcome = run_task(task, self._progress, train)
                self._add(task, outcome)
                task = self._next()
            for thread in self._threads:
                thread.join()
            if not self._stopping:
                self._outcomes += wait_for(self._busy, self._progress, train)
        except KeyboardInterrupt:
            if not self._loss:
                raise
        finally:
            self._stop()
        if self._loss:
            raise SadariError(self._loss)
        return self._outcomes

    def _start(self, workers: Sequence[str]) -> None:
        for gpu in workers:
            worker = Worker(gpu)
            self._workers.append(worker)
            self._threads.append(Thread(target=self._keep_busy, args=(worker,)))
            self._threads[-1].start()

    def _next(self) -> Task | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting and not self._stopping else None

    def _keep_busy(self, worker: Worker) -> None:
        try:
            while (task := self._next()) is not None:
                self._add(task, worker.do(task, self._splits[id(task.split)], self._progress))
        except Exception as error:
            self._lose(reason_of(error))
        finally:
            worker.stop()
            worker.wait()

    def _add(self, task: Task, outcome: Outcome) -> None:
        if outcome.busy:
            self._busy.append(task)
            return
        say_failure(task, outcome, self._progress)
        self._outcomes.append(outcome)

    def _lose(self, reason: str) -> None:
        """Stop all work, as a worker has ended that was not asked to: the same cause may end the next one too."""
        with self._lock:
            if self._stopping:
                return
            self._stopping, self._loss = True, reason
            for worker in self._workers:
                worker.stop()
            if self._training_here:
                _thread.interrupt_main()

    @contextmanager
    def _interruptible(self) -> Iterator[bool]:
        """Let the loss of a worker stop the training inside, as Ctrl-C does; yield False where one was lost before.

        Outside the main thread, where Ctrl-C has no effect either, the loss is noticed after the training.
        """
        with self._lock:
            going_on = not self._stopping
            self._training_here = going_on and current_thread() is main_thread()
        try:
            yield going_on
        finally:
            with self._lock:
                self._training_here = False

    def _stop(self) -> None:
        """Wait until every worker has stored its state and ended; a second Ctrl-C does not wait."""
        self._stopping = True
        try:
            for worker in self._workers:
                worker.stop()
            for thread in self._threads:
                thread.join()
        except KeyboardInterrupt:
            for worker in self._workers:
                worker.kill()
            raise


def _write_splits(tasks: Sequence[Task], folder: Path) -> dict[int, Path]:
    """Write a file for each distinct split, which is too long for a message; returns the files by the split's `id`."""
    splits = {id(task.split): task.split for task in tasks}
    paths = {key: folder / f"{number}.npz" for number, key in enumerate(splits)}
    for key, split in splits.items():
        write_split(paths[key], split)
    return paths


class OneAtATime:
    """A Progress that several threads may use."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._lock = progress, Lock()

    def say(self, sentence: str) -> None:
        with self._lock:
            self._progress.say(sentence)

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator["_OneAtATimeTask"]:
        context = self._progress.task(label, total, unit)
        with self._lock:
            task = context.__enter__()
        try:
            yield _OneAtATimeTask(task, self._lock)
        finally:
            with self._lock:
                context.__exit__(*sys.exc_info())


class _OneAtATimeTask:
    def __init__(self, task: ProgressTask, lock: Lock) -> None:
        self._task, self._lock = task, lock

    def advance(self, count: int, note: str = "") -> None:
        with self._lock:
            self._task.advance(count, note)
