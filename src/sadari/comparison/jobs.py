"""What is there to do, and what came of it? Here, in this process, one task after the other."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from sadari.errors import SadariError
from sadari.job import Job
from sadari.progress import Progress
from sadari.progress import Task as ProgressTask
from sadari.run import RunRecord
from sadari.training.train import train
from sadari.values import ImageSet, Split


@dataclass(frozen=True, eq=False)
class Task:
    """What is there to do? A job, where its run goes, and its images and split, loaded already.

    label: how sentences and bars call it. threads: how many its run has; 0 leaves that to training.
    """

    job: Job
    out: Path
    images: ImageSet
    split: Split
    label: str
    threads: int = 0


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a task? The finished run, or the reason why there is none."""

    task: Task
    record: RunRecord | None
    reason: str = ""


def run_tasks(
    tasks: Sequence[Task], progress: Progress, trainer: Callable[..., RunRecord] = train
) -> Iterator[Outcome]:
    """Do all `tasks`, yielding each outcome as soon as it is known; a finished run is not done again.

    Whatever goes wrong in one task becomes its reason and the others go on. Raises KeyboardInterrupt after
    Ctrl-C, with the state of the task under way kept.
    """
    for task in tasks:
        heard = Labelled(progress, task.label)
        try:
            record = trainer(task.job, task.out, images=task.images, split=task.split, progress=heard)
            yield Outcome(task, record)
        except Exception as error:  # a row with its reason is worth more than no table at all
            yield Outcome(task, None, reason_of(error))


def told(outcome: Outcome, progress: Progress) -> Outcome:
    """The same outcome; that of a failed task is said."""
    if outcome.record is None:
        progress.say(f"{outcome.task.label} failed: {outcome.reason}")
    return outcome


def reason_of(error: Exception) -> str:
    """Why did a run fail? The sentence of an error of ours; of any other, its kind too."""
    return str(error) if isinstance(error, SadariError) else f"{type(error).__name__}: {error or 'no reason given'}"


class Labelled:
    """Progress that says of which run it speaks."""

    def __init__(self, progress: Progress, label: str) -> None:
        self._progress, self._label = progress, label

    def say(self, sentence: str) -> None:
        self._progress.say(f"{self._label}: {sentence}")

    def task(self, label: str, total: int, unit: str) -> AbstractContextManager[ProgressTask]:
        return self._progress.task(f"{self._label} {label}", total, unit)
