"""What a cluster of Ray does, in threads of this process: tasks, one actor, objects, and nodes that die."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from types import SimpleNamespace
from typing import Any

GIB = 2**30


class RayTaskError(Exception):
    """An error of the task itself."""


class NodeDiedError(Exception):
    """The end of a node, with all that it did."""


class TaskCancelledError(Exception):
    """The end of a task that had not begun."""


class Actor:
    """An object whose methods are coroutines, as an actor of Ray: `actor.method.remote(...)` returns a reference."""

    def __init__(self, made: Callable[[], Any]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._object = made()

    def __getattr__(self, name: str) -> Any:
        def remote(*arguments: Any) -> "Future[Any]":
            return asyncio.run_coroutine_threadsafe(getattr(self._object, name)(*arguments), self._loop)

        return SimpleNamespace(remote=remote)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class FakeRay:
    """Stands in for the module `ray`. cores: of its one node. asked: what each task asked for, in their order."""

    exceptions = SimpleNamespace(RayTaskError=RayTaskError)

    def __init__(self, cores: int = 2) -> None:
        self.asked: list[dict[str, Any]] = []
        resources = {"CPU": float(cores), "memory": 8.0 * GIB, "object_store_memory": 1.0 * GIB}
        self._nodes = [{"Alive": True, "Resources": resources}]
        self.puts: list[Any] = []
        self._threads: list[Thread] = []
        self.util = SimpleNamespace(
            scheduling_strategies=SimpleNamespace(NodeAffinitySchedulingStrategy=lambda *_, **__: None)
        )

    def modules(self) -> dict[str, Any]:
        """Return what `sys.modules` has to hold."""
        return {"ray": self, "ray.util": self.util, "ray.util.scheduling_strategies": self.util.scheduling_strategies}

    def is_initialized(self) -> bool:
        return True

    def nodes(self) -> list[dict[str, Any]]:
        return self._nodes

    def get_runtime_context(self) -> Any:
        return SimpleNamespace(get_node_id=lambda: "here")

    def remote(self, made: Any) -> Any:
        return SimpleNamespace(options=lambda **options: SimpleNamespace(remote=self._remote(made, options)))

    def _remote(self, made: Any, options: dict[str, Any]) -> Callable[..., Any]:
        def begin(*arguments: Any) -> Any:
            if isinstance(made, type):
                return Actor(made)
            self.asked.append(options)
            task: Future[Any] = Future()

            def run() -> None:
                try:
                    task.set_result(made(*(each.result() if isinstance(each, Future) else each for each in arguments)))
                except BaseException as error:
                    task.set_exception(error)

            self._threads.append(Thread(target=run, daemon=True))
            self._threads[-1].start()
            return task

        return begin

    def put(self, value: Any) -> "Future[Any]":
        self.puts.append(value)
        done: Future[Any] = Future()
        done.set_result(value)
        return done

    def get(self, reference: "Future[Any]") -> Any:
        return reference.result(timeout=60)

    def wait(self, references: list["Future[Any]"], **_: Any) -> tuple[list[Any], list[Any]]:
        done = [each for each in references if each.done()]
        return done, [each for each in references if not each.done()]

    def cancel(self, reference: "Future[Any]") -> None:
        if not reference.done():
            reference.set_exception(TaskCancelledError())

    def kill(self, actor: Actor) -> None:
        for thread in self._threads:  # what a dead task still has to say is heard by nobody
            thread.join(timeout=60)
        actor.end()
