"""Where do jobs run? Here, in this process, one after the other; nobody else knows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sadari.errors import SadariError
from sadari.progress import Progress
from sadari.run import RunRecord
from sadari.settings import Job
from sadari.training.train import train
from sadari.values import ImageSet, Split


@dataclass(frozen=True, eq=False)
class Task:
    """What is there to do? A job, where its run goes, and its images and split, loaded already."""

    job: Job
    out: Path
    images: ImageSet
    split: Split


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
        try:
            record = trainer(task.job, task.out, images=task.images, split=task.split, progress=progress)
            yield Outcome(task, record)
        except SadariError as error:
            yield Outcome(task, None, str(error))
        except Exception as error:  # a row with its reason is worth more than no table at all
            yield Outcome(task, None, f"{type(error).__name__}: {error or 'no reason given'}")
