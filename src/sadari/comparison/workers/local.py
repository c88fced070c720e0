"""How does a comparison use this machine? Some runs train side by side, the others one after the other."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sadari.comparison.executor import Outcome, SerialExecutor, Task
from sadari.comparison.workers.gpus import takes_any_gpu, visible_gpus
from sadari.comparison.workers.sharing import fit_at_once, goes_beside
from sadari.comparison.workers.side_by_side import run_side_by_side
from sadari.errors import UsageError
from sadari.inference.device import cores
from sadari.progress import Progress

# What Slurm and Kubernetes call the place of a process among those that were started together, the first place, and
# their number ("" where they do not say).
PLACES = (
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_COUNT"),
    ("SLURM_PROCID", "", "SLURM_NTASKS"),
    ("JOB_COMPLETION_INDEX", "", ""),
)


@dataclass(frozen=True)
class LocalExecutor:
    """Makes runs on this machine, several at once where `sharing` finds that they are done sooner so, one on each GPU.

    workers: how many runs train at once, at most: 1, each with all cores; None, as many as there are cores or GPUs.
    Raises UsageError for fewer than one.
    """

    workers: int | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"workers is a number from 1 up, not {self.workers}; leave it out to have it chosen")

    def run(self, tasks: Sequence[Task], progress: Progress) -> list[Outcome]:
        """Do first the tasks that go side by side, then the others; see `Executor`."""
        tasks = from_own_place(tasks, os.environ)
        most = min(self.workers or cores(), cores())
        beside = [task for task in tasks if goes_beside(task.job, task.images)] if most > 1 else []
        gpus = visible_gpus()[: self.workers]
        on_gpus = [task for task in tasks if takes_any_gpu(task.job)] if len(gpus) > 1 else []
        alone = [task for task in tasks if task not in (*beside, *on_gpus)]
        outcomes: list[Outcome] = []
        if beside:
            at_once = fit_at_once(beside, most)
            outcomes += run_side_by_side([replace(task, threads=1) for task in beside], progress, at_once)
        if on_gpus:
            at_once, threads = fit_at_once(on_gpus, len(gpus)), max(1, cores() // len(gpus))
            outcomes += run_side_by_side(
                [replace(task, threads=threads) for task in on_gpus], progress, at_once, gpus[:at_once]
            )
        return outcomes + SerialExecutor().run(alone, progress)


def from_own_place(tasks: Sequence[Task], environment: Mapping[str, str]) -> list[Task]:
    """Return `tasks` in the order in which this process begins with them: each of those of an array at another one.

    All do all tasks and pass over those that somebody has; so this saves them only from asking for the same ones.
    """
    place, count = 0, 1
    for own, first, number in PLACES:
        if (index := environment.get(own, "")).isdecimal():
            least, many = environment.get(first, ""), environment.get(number, "")
            known = int(many) if many.isdecimal() else len(tasks)
            place = place * known + int(index) - (int(least) if least.isdecimal() else 0)
            count *= known
    begin = place % count * len(tasks) // count if count else 0
    return [*tasks[begin:], *tasks[:begin]]
