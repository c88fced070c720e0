"""What does a run ask of a node: how many cores, how much memory, a graphics processor or none?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sadari.comparison.workers.sharing import goes_beside, memory_of_run
from sadari.inference.device import resolve_machine, threads_for
from sadari.job import Job
from sadari.run import RunRecord
from sadari.settings import Settings
from sadari.training.devices.check import threads_of_each
from sadari.values import ImageSet


@dataclass(frozen=True)
class Capacity:
    """What the nodes of a cluster have.

    nodes: how many are there. cores, gpus: of all of them. node_cores, node_memory: of the node that has most, memory
    in bytes. store: bytes of the smallest object store.
    """

    nodes: int
    cores: int
    gpus: int
    node_cores: int
    node_memory: int
    store: int

    @classmethod
    def of(cls, nodes: Sequence[Mapping[str, Any]]) -> "Capacity":
        """Read it from what `ray.nodes()` returns; a node without cores, such as a head that manages, is none."""
        found = [each["Resources"] for each in nodes if each["Alive"]]
        working = [each for each in found if each.get("CPU", 0) >= 1]
        return cls(
            nodes=len(working),
            cores=sum(int(each["CPU"]) for each in working),
            gpus=sum(int(each.get("GPU", 0)) for each in working),
            node_cores=max((int(each["CPU"]) for each in working), default=1),
            node_memory=max((int(each.get("memory", 0)) for each in working), default=0),
            store=min((int(each.get("object_store_memory", 0)) for each in working), default=0),
        )

    @property
    def sentence(self) -> str:
        """Return it in words."""
        gpus = f", {self.gpus} GPU{'s' if self.gpus > 1 else ''}" if self.gpus else ""
        nodes, cores = (f"{each} {word}{'' if each == 1 else 's'}" for each, word in self._counts)
        return f"{nodes}, {cores}{gpus}"

    @property
    def _counts(self) -> tuple[tuple[int, str], tuple[int, str]]:
        return (self.nodes, "node"), (self.cores, "core")


@dataclass(frozen=True)
class Demand:
    """What one run asks of its node, memory in bytes. threads: with which it computes, as many as cores unless set."""

    cores: int
    memory: int
    gpus: int = 0
    threads: int = 1


def demand_of(job: Job, images: ImageSet, out: Path, threads: int, capacity: Capacity) -> Demand:
    """Return what the run of `job` in `out` asks for; never more cores or memory than a node has, or it would wait.

    threads: those that the comparison wants; 0 leaves it open. On processors a run then has as many as it would have on
    this machine, so that its bytes are the same; with a graphics processor, one. A run of several devices asks for as
    many cores or graphics processors of one node.
    """
    on_gpu = uses_gpu(job.settings, capacity)
    fixed = RunRecord(out).threads or job.settings.threads  # of each process, where the run has several
    wanted = fixed or threads or (1 if on_gpu else _threads_here(job, images))
    memory = job.devices * memory_of_run(job, images)
    most = capacity.node_memory or memory
    cores = min(wanted * job.devices, capacity.node_cores)
    each = max(1, cores // job.devices)
    return Demand(cores, min(memory, most), job.devices if on_gpu else 0, fixed or min(wanted, each))


def uses_gpu(settings: Settings, capacity: Capacity) -> bool:
    """Return whether a run of `settings` takes a graphics processor: where it is to, or may and one is there."""
    return settings.device.startswith("cuda") or (settings.device == "auto" and capacity.gpus > 0)


def settled(job: Job, capacity: Capacity) -> Job:
    """Return `job` with what "auto" means on this machine, so that all nodes without graphics processors do the same.

    With one, the node decides: this machine may have none.
    """
    if uses_gpu(job.settings, capacity):
        return job
    return replace(job, settings=resolve_machine(_on_processor(job.settings)))


def _threads_here(job: Job, images: ImageSet) -> int:
    here = replace(job, settings=_on_processor(job.settings))
    if goes_beside(here, images):
        return 1
    return threads_of_each(threads_for(here.settings, images.shape), here)


def _on_processor(settings: Settings) -> Settings:
    return replace(settings, device="cpu") if settings.device == "auto" else settings
