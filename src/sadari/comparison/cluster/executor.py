"""How does a comparison use a Ray cluster? Every run becomes a task of Ray, and goes where there is room for it."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

from sadari.comparison.cluster.cluster import Cluster
from sadari.comparison.cluster.connection import joined
from sadari.comparison.executor import Outcome, Task, run_task, say_failure, wait_for
from sadari.comparison.workers.local import LocalExecutor
from sadari.comparison.workers.side_by_side import OneAtATime
from sadari.errors import SadariError, UsageError
from sadari.plugins.offers import SCRIPT, modules_here
from sadari.progress import Progress
from sadari.run import RunRecord

# Runs that Ray knows of at once, each with a thread here that waits for it, and with its folder locked. Assumed: more
# than most clusters have cores, so that those which grow by themselves see what is wanted.
MOST_AT_ONCE = 256

Result = TypeVar("Result")


@dataclass(frozen=True)
class RayExecutor:
    """Makes runs on the nodes of a Ray cluster. workers: how many train at once, at most; None: all that have room."""

    cluster: Cluster
    workers: int | None = None

    def run(self, tasks: Sequence[Task], progress: Progress) -> list[Outcome]:
        """Do all `tasks`, those that another process trains last; see `Executor`."""
        shown = OneAtATime(progress)
        left = sum(not RunRecord(task.out).finished for task in tasks)
        if left:
            runs = f"{left} run{' trains' if left == 1 else 's train'}"
            progress.say(f"{runs} on Ray: {self.cluster.capacity.sentence}")

        def do(task: Task) -> Outcome:
            outcome = run_task(task, shown, self.cluster.train)
            if not outcome.busy:
                say_failure(task, outcome, shown)
            return outcome

        with ThreadPoolExecutor(min(self.workers or MOST_AT_ONCE, max(len(tasks), 1))) as pool:
            outcomes = finish(self.cluster, [pool.submit(do, task) for task in tasks])
            busy = {outcome.out for outcome in outcomes if outcome.busy}
            waiting = [task for task in tasks if task.out in busy]
            [later] = finish(self.cluster, [pool.submit(wait_for, waiting, shown, self.cluster.train)])
        return [outcome for outcome in outcomes if not outcome.busy] + later


def finish(cluster: Cluster, futures: Sequence[Future[Result]]) -> list[Result]:
    """Wait for what threads train on `cluster`, and return their results.

    Raises KeyboardInterrupt after Ctrl-C, with all states stored; a second one does not wait for that. Raises
    SadariError where the cluster is lost.
    """
    try:
        wait(futures)
    except KeyboardInterrupt:
        for future in futures:
            future.cancel()
        try:
            cluster.stop()
            wait(futures)
        except KeyboardInterrupt:
            cluster.abandon()
        raise
    if cluster.lost:
        raise SadariError(f"{cluster.lost}; what is finished is kept, the same command goes on")
    return [future.result() for future in futures]


AnyExecutor = LocalExecutor | RayExecutor


def executor_on(ray: str | None, workers: int | None) -> AbstractContextManager[AnyExecutor]:
    """Return what makes runs: on the Ray cluster at the address `ray`, or on this machine where that is None.

    Raises UsageError or SadariError as `on_ray` does.
    """
    return nullcontext(LocalExecutor(workers)) if ray is None else on_ray(ray, workers)


@contextmanager
def on_ray(address: str, workers: int | None = None) -> Iterator[RayExecutor]:
    """Join the cluster at `address`, and yield what makes runs there; leave the cluster afterwards.

    Raises UsageError or SadariError as `joined` does, and UsageError where this script or notebook offers plug-ins.
    """
    if SCRIPT in modules_here():
        raise UsageError(
            "the nodes of a Ray cluster cannot import the plug-ins that this script or notebook makes; put them into a "
            "module that every node has, and import it here"
        )
    if workers is not None and workers < 1:
        raise UsageError(f"workers is a number from 1 up, not {workers}; leave it out to use all of the cluster")
    with joined(address):
        cluster = Cluster()
        try:
            yield RayExecutor(cluster, workers)
        finally:
            cluster.close()
