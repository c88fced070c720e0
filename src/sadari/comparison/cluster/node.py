"""What does a node do with a run? It trains it in a folder of its own, and reports until it is over.

Ray calls `work` in a process of the node, one run after the other. Progress, checkpoints and the finished files go to
the `Post` (`post.py`), four times a second.
"""

import _thread
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread
from typing import IO, TYPE_CHECKING, Any, cast

from sadari.comparison.cluster.post import DIVERGED, DONE, FAILED, STOPPED, End, Letter, merged
from sadari.comparison.cluster.snapshot import Snapshot, SnapshotReader

if TYPE_CHECKING:
    from sadari.comparison.cluster.parcel import Parcel
    from sadari.values import ImageSet, Split

REPORT_SECONDS = 0.25  # assumed: a bar that moves four times a second looks alive


@dataclass(eq=False)
class Reporter:
    """What sends the progress and the files of a run, from a thread of its own while the run trains.

    put: hands over a letter, and returns whether the run should stop. stop: called once where it should.
    """

    attempt: int
    reader: SnapshotReader
    put: Callable[[Letter], bool]
    stop: Callable[[], None] = _thread.interrupt_main
    _lines: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)
    _closing: Event = field(default_factory=Event)
    _thread: Thread | None = None

    def write(self, text: str) -> int:
        """Take a line of the protocol of workers, as a file would; it is sent soon."""
        with self._lock:
            self._lines.append(text)
        return len(text)

    def flush(self) -> None:
        """Do nothing: what is written is sent soon."""

    def start(self) -> None:
        """Begin to report."""
        self._thread = Thread(target=self._report, daemon=True)
        self._thread.start()

    def close(self, end: End) -> None:
        """Send all that is left, with how the run ended; returns when it has arrived."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        self.put(Letter(self.attempt, self._taken(), self.reader.read(finished=True), end=end))

    def _report(self) -> None:
        asked = self.put(Letter(self.attempt))  # it has begun
        while True:
            if asked:
                self.stop()
                return
            if self._closing.wait(REPORT_SECONDS):
                return
            files = self.reader.read() if self.reader.has_new_checkpoint() else None
            asked = self.put(Letter(self.attempt, self._taken(), files))

    def _taken(self) -> Sequence[str]:
        with self._lock:
            lines, self._lines = self._lines, []
        return merged(lines)


def work(
    request: Mapping[str, Any],
    images: "ImageSet | Parcel | None",
    split: "Split",
    begun: Snapshot,
    watched: bool,
    post: Any,
) -> None:
    """Make the run of `request` (see `workers/worker.py`) and report it to `post`, an actor with a `Post`.

    request also has: attempt, its number; argv, which the run stores as its command; version, of Sadari; used, the
    records of the plug-ins there. images: None where the node reads them itself. begun: the files of a run that goes
    on. watched: whether each epoch is answered.
    """
    import ray

    from sadari.unfinished import temporary_folder

    attempt = request["attempt"]
    with temporary_folder("node") as folder:
        out = folder.path / Path(request["out"]).name
        reporter = Reporter(attempt, SnapshotReader(out), lambda letter: bool(ray.get(post.put.remote(letter))))
        watch = (lambda row: str(ray.get(post.ask.remote(attempt, dict(row))))) if watched else None
        before = signal.signal(signal.SIGINT, signal.default_int_handler), sys.argv
        sys.argv = list(request["argv"])
        end = End(STOPPED)
        reporter.start()
        try:
            end = _trained(request, images, split, begun, folder.path, cast(IO[str], reporter), watch)
        except KeyboardInterrupt:
            pass
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a run that is over is reported, whoever stops it now
            reporter.close(End(end.how, end.reason.replace(str(out), request["out"])))
            signal.signal(signal.SIGINT, before[0])
            sys.argv = before[1]


def _trained(
    request: Mapping[str, Any],
    images: "ImageSet | Parcel | None",
    split: "Split",
    begun: Snapshot,
    folder: Path,
    lines: IO[str],
    watch: Callable[[Mapping[str, float]], str] | None,
) -> End:
    """Train the run in a folder within `folder`, and return how that ended; raises KeyboardInterrupt when stopped."""
    if refused := refusal(request["version"]):
        return End(FAILED, refused)
    # All that computes is loaded here: the first run of a process takes seconds for it.
    import ray

    from sadari.comparison.cluster.parcel import Parcel
    from sadari.comparison.executor import reason_of
    from sadari.comparison.workers.worker_main import Channel
    from sadari.comparison.workers.worker_task import TaskRunner
    from sadari.run_files import write_split
    from sadari.training.engine import DivergedError

    out, split_file = folder / Path(request["out"]).name, folder / "split.npz"
    begun.write(out)
    write_split(split_file, split)
    try:
        os.environ.update(request["plugins"])
        require_plugins(request["used"])
        runner = TaskRunner(Channel(lines), images.unpacked(ray.get) if isinstance(images, Parcel) else images)
        runner.train({**request, "out": str(out), "split": str(split_file)}, watch)
    except DivergedError as error:
        return End(DIVERGED, str(error))
    except Exception as error:
        return End(FAILED, reason_of(error))
    return End(DONE)


def refusal(version: str) -> str:
    """Return why this node cannot train for a comparison of Sadari `version`; "" where it can."""
    from importlib.metadata import version as installed
    from platform import node

    here = installed("sadari")
    if here == version:
        return ""
    return f"the node {node()} has Sadari {here}, and the comparison {version}; install the same version on all nodes"


def require_plugins(used: Sequence[Mapping[str, Any]]) -> None:
    """Raise SadariError where this node has not the plug-ins that the comparison uses, or has other source of them."""
    from platform import node

    from sadari.errors import SadariError
    from sadari.plugins.used import changed, described, require_here

    require_here(used, f"the node {node()} needs")
    other = changed(used)
    if other:
        raise SadariError(f"the node {node()} has other source of {described(other)}; bring the same to all nodes")
