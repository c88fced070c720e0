"""What makes the runs of a comparison? An executor: tasks go in, and outcomes come out.

It is all that a comparison knows of how its runs are trained. Tasks and outcomes are plain values that can be pickled,
so that an executor may also train in other processes or on other machines.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sadari.errors import SadariError
from sadari.job import Job
from sadari.progress import Progress
from sadari.progress import Task as ProgressTask
from sadari.run import RunRecord
from sadari.training.run_folder import RunBusyError, RunLostError
from sadari.training.train import train
from sadari.values import ImageSet, Split

WAIT_SECONDS = 0.5  # assumed: nobody notices half a second at the end of a run
Train = Callable[..., RunRecord]  # takes the arguments of `train`


@dataclass(frozen=True, eq=False)
class Task:
    """One run to be made: its job, its folder, and its images and split, loaded already.

    label: the name of the run in sentences and bars. threads: of its run; 0 leaves that to training.
    """

    job: Job
    out: Path
    images: ImageSet
    split: Split
    label: str
    threads: int = 0


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of a task: the finished run, or the reason why there is none.

    out: the folder of the task. busy: the reason is that another process trains the run.
    """

    out: Path
    record: RunRecord | None
    reason: str = ""
    busy: bool = False


class Executor(Protocol):
    """Something that makes the runs of a comparison."""

    def run(self, tasks: Sequence[Task], progress: Progress) -> list[Outcome]:
        """Do all `tasks` and return one outcome for each, in any order; a finished run is not done again.

        An error in one task becomes its reason, which is said at once, and the others go on. Raises KeyboardInterrupt
        after Ctrl-C and SadariError where no task can go on; the states of all tasks under way are stored.
        """


@dataclass(frozen=True)
class SerialExecutor:
    """Makes one run after the other in this process. train: what turns a job into a run."""

    train: Train = train

    def run(self, tasks: Sequence[Task], progress: Progress) -> list[Outcome]:
        """Do all `tasks` in their order, those that another process trains last; see `Executor`."""
        outcomes, busy = [], []
        for task in tasks:
            outcome = run_task(task, progress, self.train)
            if outcome.busy:
                busy.append(task)
                continue
            say_failure(task, outcome, progress)
            outcomes.append(outcome)
        return outcomes + wait_for(busy, progress, self.train)


def wait_for(tasks: Sequence[Task], progress: Progress, train: Train) -> list[Outcome]:
    """Take over the runs that other processes train, when they are finished; go on with one whose process ended."""
    outcomes: list[Outcome] = []
    waiting, said = list(tasks), False
    while waiting:
        busy = []
        for task in waiting:  # all of them: one whose process has died is not to wait for one that is long
            outcome = run_task(task, progress, train)
            if outcome.busy:
                busy.append(task)
                continue
            say_failure(task, outcome, progress)
            outcomes.append(outcome)
        if busy and not said:
            for task in busy:
                progress.say(f"{task.label} is trained by another process; this one waits for it")
            said = True
        if waiting := busy:
            time.sleep(WAIT_SECONDS)
    return outcomes


def run_task(task: Task, progress: Progress, train: Train) -> Outcome:
    """Do one task here; an error becomes the reason of the outcome.

    Raises KeyboardInterrupt after Ctrl-C, with the state of the run stored.
    """
    named: dict[str, Any] = {"images": task.images, "split": task.split, "progress": Labelled(progress, task.label)}
    if task.threads:
        named["threads"] = task.threads
    try:
        return Outcome(task.out, train(task.job, task.out, **named))
    except Exception as error:  # a row with its reason is worth more than no table at all
        if isinstance(error, RunLostError):
            progress.say(f"{task.label}: {error}")
        return Outcome(task.out, None, reason_of(error), isinstance(error, RunBusyError))


def say_failure(task: Task, outcome: Outcome, progress: Progress) -> None:
    """Say why `task` failed, if it did."""
    if outcome.record is None:
        progress.say(f"{task.label} failed: {outcome.reason}")


def reason_of(error: Exception) -> str:
    """Return why a run failed: the sentence of an error of ours; of any other, its kind too."""
    return str(error) if isinstance(error, SadariError) else f"{type(error).__name__}: {error or 'no reason given'}"


class Labelled:
    """A Progress that puts the name of a run before everything."""

    def __init__(self, progress: Progress, label: str) -> None:
        self._progress, self._label = progress, label

    def say(self, sentence: str) -> None:
        self._progress.say(f"{self._label}: {sentence}")

    def task(self, label: str, total: int, unit: str) -> AbstractContextManager[ProgressTask]:
        return self._progress.task(f"{self._label} {label}", total, unit)
