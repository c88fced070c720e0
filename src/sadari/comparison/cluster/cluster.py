"""How is a job trained on whichever node has room, as if it were trained here? `train` waits for what the node reports.

    request, images, split, files of the run -> a Ray task -> letters -> progress here, files in the folder of the run

A run whose node dies begins again on another one, from its last checkpoint in the folder.
"""

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from itertools import count
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from sadari.comparison.cluster.demand import Capacity, demand_of, settled, uses_gpu
from sadari.comparison.cluster.logged import NodeLog, logged_here
from sadari.comparison.cluster.node import work
from sadari.comparison.cluster.parcel import wrapped
from sadari.comparison.cluster.post import DIVERGED, FAILED, STOPPED, End, Letter, Post
from sadari.comparison.cluster.snapshot import SnapshotReader
from sadari.comparison.executor import Task, reason_of
from sadari.comparison.workers.worker import Bars, request
from sadari.errors import SadariError
from sadari.job import Job
from sadari.progress import Progress, Silent
from sadari.run import RunRecord
from sadari.training.engine import DivergedError
from sadari.training.fit_loop import Watch
from sadari.training.log import require_there
from sadari.training.run_folder import as_begun, only_one, require_same_data, require_same_job
from sadari.training.setup import plugins_of
from sadari.training.train import train as train_here
from sadari.values import ImageSet, Split

TAKE_SECONDS = 0.5  # assumed: a node that died is noticed so soon after Ray has noticed it
# How often in a row the nodes of a run may die before its first new checkpoint. Assumed: then it is the run that ends
# them, such as by its memory.
MOST_LOSSES = 3
# What Ray's errors mean for a run, by their class; of others, the first sentence is said.
LOSSES = {
    "NodeDiedError": "its node is dead or cannot be reached",
    "WorkerCrashedError": "its process on a node has ended",
    "OutOfMemoryError": "its node had too little memory",
}


@dataclass(eq=False)
class Attempt:
    """One attempt to make a run on a node.

    end: how it ended there; None before, and where it was lost (loss). error: why it ended here.
    """

    number: int
    out: Path
    bars: Bars
    watch: Watch | None
    task: Any = None
    begun: bool = False
    saved: bool = False
    end: End | None = None
    loss: str = ""
    error: Exception | None = None
    over: Event = field(default_factory=Event)


class Cluster:
    """The Ray cluster that this process has joined (`connection.py`), as something that turns jobs into runs.

    Several threads may call `train` at once. close: when nothing is trained any more.
    """

    def __init__(self) -> None:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self._ray: Any = ray
        self.capacity = Capacity.of(self._ray.nodes())
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._post: Any = ray.remote(Post).options(num_cpus=0, scheduling_strategy=here).remote()
        self._work: Any = ray.remote(work)
        self._sent: dict[int, tuple[object, Any]] = {}
        self._attempts: dict[int, Attempt] = {}
        self._numbers = count()
        self._lock = Lock()
        self._stopping = self._closing = False
        self.lost = ""  # why the cluster is not there any more
        self._receiver = Thread(target=self._receive, daemon=True)
        self._receiver.start()

    def train(
        self,
        job: Job,
        out: Path,
        *,
        images: ImageSet,
        split: Split,
        progress: Progress | None = None,
        threads: int = 0,
        watch: Watch | None = None,
    ) -> RunRecord:
        """Train `job` on a node and return its run in `out`, with the arguments and errors of `training.train.train`.

        A finished run is returned at once. Raises KeyboardInterrupt where `stop` was called, with the state stored.
        """
        progress = progress or Silent()
        if not RunRecord(out).finished:
            job = settled(as_begun(job, out), self.capacity)
            require_same_job(job, out)
            with only_one(out):
                require_same_data(out, images)
                if not RunRecord(out).finished:  # nor by another process meanwhile
                    with logged_here(out, progress.say) as log:
                        return self._made(Task(job, out, images, split, "", threads), progress, watch, log)
        return train_here(job, out, images=images, split=split, progress=progress, threads=threads)

    def _made(self, task: Task, progress: Progress, watch: Watch | None, log: NodeLog) -> RunRecord:
        """Make the run on one node after the other, until one of them ends it."""
        losses = 0
        while True:
            attempt = self._attempted(task, progress, watch, log)
            if attempt.error is not None:
                raise attempt.error
            if attempt.end is not None:
                return _record(attempt.end, task.out)
            if self._stopping:
                raise KeyboardInterrupt
            losses = 1 if attempt.saved else losses + 1
            if self.lost or losses == MOST_LOSSES:
                raise SadariError(self.lost or f"it was lost {losses} times in a row: {attempt.loss}")
            where = "its last checkpoint" if RunRecord.is_run(task.out) else "its beginning"
            progress.say(f"{attempt.loss}; it goes on elsewhere from {where}")

    def stop(self) -> None:
        """Have all runs stop with their states stored; each `train` raises KeyboardInterrupt when its run has."""
        self._stopping = True
        self._ray.get(self._post.stop.remote())
        for attempt in self._under_way():
            if not attempt.begun:
                self._ray.cancel(attempt.task)

    def abandon(self) -> None:
        """Wait for no run any more: each goes on from its last checkpoint."""
        self._stopping = True
        for attempt in self._under_way():
            attempt.over.set()

    def close(self) -> None:
        """Stop to receive letters."""
        self._closing = True
        with suppress(Exception):  # the cluster may be gone
            self._ray.get(self._post.wake.remote())
        self._receiver.join()
        with suppress(Exception):
            self._ray.kill(self._post)

    def _attempted(self, task: Task, progress: Progress, watch: Watch | None, log: NodeLog) -> Attempt:
        """Try once to make the run, and return how that went. log: gets its epochs meanwhile."""
        job, out, images = task.job, task.out, task.images
        demand = demand_of(job, images, out, task.threads, self.capacity)
        if demand.gpus and not self.capacity.gpus:
            progress.say(f"no node has a GPU for device={job.settings.device}; it waits until one joins the cluster")
        with ExitStack() as bars:
            attempt = Attempt(next(self._numbers), out, Bars(progress, bars), watch)
            asked = {
                **request(replace(task, threads=demand.threads), Path()),
                "attempt": attempt.number,
                "argv": sys.argv,
                "version": version("sadari"),
                "used": plugins_of(job),
            }
            with self._lock:
                if self._stopping or self.lost:
                    return attempt
                attempt.task = self._work.options(
                    num_cpus=demand.cores,
                    num_gpus=demand.gpus,
                    memory=demand.memory,
                    max_retries=0,  # a second attempt has the checkpoints of the first
                    name=f"{job.model.name} seed {job.seed}",
                ).remote(
                    asked,
                    self._sent_once(images, lambda: wrapped(images, job.settings, self.capacity, self._ray.put)),
                    self._sent_once(task.split, lambda: self._ray.put(task.split)),
                    SnapshotReader(out).read(),
                    watch is not None,
                    self._post,
                )
                self._attempts[attempt.number] = attempt
            log.follow(attempt.over)
            with self._lock:
                self._attempts.pop(attempt.number, None)
            return attempt

    def _sent_once(self, value: object, send: Callable[[], Any]) -> Any:
        """Return what `send` made of `value` when it was first sent."""
        if id(value) not in self._sent:
            self._sent[id(value)] = value, send()
        return self._sent[id(value)][1]

    def _under_way(self) -> list[Attempt]:
        with self._lock:
            return list(self._attempts.values())

    def _receive(self) -> None:
        """Take letters, and notice attempts whose task ended without a last one."""
        try:
            while not self._closing:
                ended = self._ended()
                for letter in self._ray.get(self._post.take.remote(TAKE_SECONDS)):
                    self._read(letter)
                for attempt in ended:
                    self._lose(attempt)
        except Exception as error:
            self.lost = f"the Ray cluster does not answer any more ({reason_of(error).splitlines()[0]})"
            with self._lock:
                for attempt in self._attempts.values():
                    attempt.over.set()

    def _ended(self) -> list[Attempt]:
        """List the attempts whose task is over; their letters have arrived then."""
        tasks = {each.task: each for each in self._under_way()}
        if not tasks:
            return []
        ready, _ = self._ray.wait(list(tasks), num_returns=len(tasks), timeout=0, fetch_local=False)
        return [tasks[each] for each in ready]

    def _read(self, letter: Letter) -> None:
        """Show and write what a node reports; what cannot be written ends the run there."""
        with self._lock:
            attempt = self._attempts.get(letter.attempt)
        if attempt is None or attempt.over.is_set():
            return
        attempt.begun = True
        try:
            for line in letter.lines:
                attempt.bars.show(json.loads(line))
            if letter.files is not None:
                require_there(attempt.out)
                letter.files.write(attempt.out)
                attempt.saved = True
            if letter.row is not None and attempt.watch is not None:
                self._post.answer.remote(attempt.number, attempt.watch(letter.row))
        except Exception as error:
            self._post.stop.remote(attempt.number)
            attempt.error = error
        attempt.end = letter.end
        if attempt.error or attempt.end:
            attempt.over.set()

    def _lose(self, attempt: Attempt) -> None:
        if attempt.over.is_set():
            return
        try:
            self._ray.get(attempt.task)
        except self._ray.exceptions.RayTaskError as error:  # of what reports, or of a node without Sadari
            attempt.end = End(FAILED, str(error).strip().splitlines()[-1])
        except Exception as error:
            attempt.loss = LOSSES.get(type(error).__name__) or str(error).strip().partition(". ")[0]
        attempt.over.set()


def _record(end: End, out: Path) -> RunRecord:
    """Return the finished run, or raise what training raised."""
    if end.how == STOPPED:
        raise KeyboardInterrupt
    if end.how == DIVERGED:
        raise DivergedError(end.reason)
    if end.how == FAILED:
        raise SadariError(end.reason)
    return RunRecord(out.resolve())


def runs_at_once(job: Job, images: ImageSet, out: Path, capacity: Capacity) -> int:
    """Return how many runs like this one the cluster trains at once: by its cores, or by its graphics processors."""
    if uses_gpu(job.settings, capacity):
        return max(1, capacity.gpus)
    return max(1, capacity.cores // demand_of(job, images, out, 0, capacity).cores)
