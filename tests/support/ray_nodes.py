"""Nodes of a Ray cluster on this machine, with one core each: what `ray.cluster_utils` offers to tests."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STORE = 100 * 2**20  # bytes of each node's object store
# So that a node that dies is noticed within seconds.
NOTICED = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 4}


class Nodes:
    """The nodes of one cluster, each with a cache of its own, as on machines that share no disk."""

    def __init__(self, folder: Path) -> None:
        from ray.cluster_utils import Cluster

        self._folder = folder
        self._cluster: Any = Cluster()
        self._workers: list[Any] = []

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def add(self, **head: Any) -> None:
        """Start another node; the first one is the head."""
        number = len(self.caches)
        cache = self._folder / f"cache-{number}"
        cache.mkdir(parents=True)
        node = self._cluster.add_node(
            num_cpus=1, object_store_memory=STORE, include_dashboard=False,
            env_vars={**os.environ, "SADARI_CACHE_DIR": str(cache)}, **head,
        )  # fmt: skip
        if number:
            self._workers.append(node)

    @property
    def caches(self) -> list[Path]:
        return sorted(self._folder.glob("cache-*"))

    def kill_one(self) -> None:
        """Kill a node that is not the head, with everything on it."""
        self._cluster.remove_node(self._workers.pop(), allow_graceful=False)

    def end(self) -> None:
        self._cluster.shutdown()


@contextmanager
def ray_nodes(count: int) -> Iterator[Nodes]:
    """Start so many nodes, and end them afterwards."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    folder = Path(tempfile.mkdtemp(prefix="nodes-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nodes = Nodes(folder)
        try:
            nodes.add(_system_config=NOTICED)
            for _ in range(count - 1):
                nodes.add()
            yield nodes
        finally:
            nodes.end()
            shutil.rmtree(folder, ignore_errors=True)
