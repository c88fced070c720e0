"""How do trackers get a run that trains on a node? From this process, by the files that come back, run after run.

A node may be without a tracker's package, its login or the way to its server, and what it writes is gone with it.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Lock

from sadari.errors import SadariError
from sadari.loggers.live import LiveLog, Say
from sadari.loggers.of_run import end_of, start_of, targets_of
from sadari.run import CHECKPOINT, RunRecord

LOOK_SECONDS = 0.5  # assumed: an epoch is seen soon enough so
_ALONE = Lock()  # trackers print, and have one current run in a process; several runs come back at once


class NodeLog:
    """The trackers of the run that comes back into `out`; none where neither it nor its comparison or search has any.

    They begin when the first checkpoint is here: everything that the run is said to be is here then, too.
    """

    def __init__(self, out: Path, say: Say) -> None:
        self._out, self._say = out.resolve(), say
        self._targets = targets_of(self._out)
        self._live: LiveLog | None = None

    def follow(self, over: Event) -> None:
        """Send the epochs that come back, until `over` is set."""
        while self._targets and not over.wait(LOOK_SECONDS):
            with suppress(SadariError):  # a full disk ends the run where its files are written
                self._send()
        over.wait()

    def end(self) -> None:
        """Send what is left of the finished run, and its scores."""
        if not self._targets:
            return
        self._send()
        with _ALONE:
            if self._live is not None:
                self._live.end(lambda: end_of(RunRecord(self._out)))

    def stop(self, interrupted: bool) -> None:
        """Tell the trackers that the run was interrupted, or has failed."""
        with _ALONE:
            if self._live is not None:
                self._live.stop(interrupted)

    def _send(self) -> None:
        run = RunRecord(self._out)
        if not (run.finished or (self._out / CHECKPOINT).is_file()):
            return
        with _ALONE:
            if self._live is None:
                self._live = LiveLog(self._targets, start_of(run), self._say)
            self._live.rows(run.history)


@contextmanager
def logged_here(out: Path, say: Say) -> Iterator[NodeLog]:
    """Yield what logs the run that comes back into `out`, and close it where the run is interrupted or fails."""
    log = NodeLog(out, say)
    try:
        yield log
    except BaseException as error:
        log.stop(isinstance(error, KeyboardInterrupt))
        raise
    log.end()
