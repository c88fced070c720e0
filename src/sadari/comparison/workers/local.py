"""How does a comparison use this machine? Some runs train side by side, the others one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sadari.comparison.executor import Outcome, SerialExecutor, Task
from sadari.comparison.workers.sharing import fit_at_once, goes_beside
from sadari.comparison.workers.side_by_side import run_side_by_side
from sadari.errors import UsageError
from sadari.inference.device import cores
from sadari.progress import Progress


@dataclass(frozen=True)
class LocalExecutor:
    """Makes runs on this machine, several at once where `sharing` finds that they are done sooner so.

    workers: how many runs train at once, at most: 1, each with all cores; None, as many as there are cores. Raises
    UsageError for fewer than one.
    """

    workers: int | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"workers is a number from 1 up, not {self.workers}; leave it out to have it chosen")

    def run(self, tasks: Sequence[Task], progress: Progress) -> list[Outcome]:
        """Do first the tasks that go side by side, then the others; see `Executor`."""
        most = min(self.workers or cores(), cores())
        beside = [task for task in tasks if goes_beside(task.job, task.images)] if most > 1 else []
        alone = [task for task in tasks if task not in beside]
        outcomes: list[Outcome] = []
        if beside:
            at_once = fit_at_once(beside, most)
            outcomes += run_side_by_side([replace(task, threads=1) for task in beside], progress, at_once)
        return outcomes + SerialExecutor().run(alone, progress)
