"""Which trackers see a run while it trains? All that are named; one that fails is left out, and training goes on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from sadari.errors import SadariError
from sadari.files import read_json, write_json
from sadari.loggers.mlflow_client import short
from sadari.loggers.protocol import End, Logger, Start
from sadari.loggers.targets import Target, stored_target
from sadari.run_lookup import whole_of

STATE = "loggers.json"  # in the folder of a run, a comparison or a search: where it is logged to, and how far
Say = Callable[[str], None]


class LiveLog:
    """The loggers of one run, comparison or search, whose state is in its folder, so that it goes on in the same.

    targets: where it is logged to. say: gets one sentence for a tracker that fails, which is left out from then on;
    what it has missed it gets when the run goes on. Nothing raises but KeyboardInterrupt, and SadariError where the
    folder itself cannot be written.
    """

    def __init__(self, targets: Sequence[Target], start: Start, say: Say) -> None:
        self._folder, self._say = start.folder, say
        self._loggers: dict[Target, Logger] = {}
        self._state = read_state(start.folder)
        around = read_state(whole_of(start.folder) or start.folder.parent)
        for target in targets:
            with self._guarded(target):
                logger, stored = target.tracker.make(target.place), self._of(target)
                parent = start.parent or str(around.get(str(target), {}).get("run", ""))
                stored["run"] = logger.begin(
                    replace(start, known=str(stored.get("run", "")), parent=parent if start.group else "")
                )
                self._loggers[target] = logger
        self._store()

    def rows(self, history: Sequence[Mapping[str, float]]) -> None:
        """Send the rows of the history that a tracker has not got yet."""
        for target, logger in list(self._loggers.items()):
            stored = self._of(target)
            for row in history:
                if row["epoch"] > stored.get("epochs", 0):
                    with self._guarded(target):
                        logger.epoch(row)
                        stored["epochs"] = int(row["epoch"])
                if target not in self._loggers:
                    break
        self._store()

    def end(self, make: Callable[[], End]) -> None:
        """Send scores and pictures. make: makes what is sent; called only where a tracker is left."""
        if not self._loggers:
            return
        try:
            end = make()
        except SadariError as error:
            self._say(f"nothing is drawn for the trackers: {error}")
            return
        for target, logger in list(self._loggers.items()):
            with self._guarded(target):
                logger.end(end)
                self._of(target)["digest"] = end.digest
        self._store()

    def stop(self, interrupted: bool) -> None:
        """Tell the trackers that the run was interrupted, or has failed."""
        for target, logger in list(self._loggers.items()):
            with self._guarded(target, "its run there has no end"):
                logger.stop(interrupted)
        with suppress(SadariError):  # where the disk is full, training says so
            self._store()

    def _of(self, target: Target) -> dict[str, Any]:
        return self._state.setdefault(str(target), {})

    def _store(self) -> None:
        if self._state:
            write_json(self._folder / STATE, {"loggers": self._state})

    @contextmanager
    def _guarded(self, target: Target, then: str = "training goes on without it") -> Iterator[None]:
        """Leave a tracker out that fails inside, with one sentence."""
        try:
            yield
        except Exception as error:  # of any package, for any reason: no tracker is worth a run
            self._loggers.pop(target, None)
            self._say(f"{target.tracker.title} is left out ({short(error)}); {then}")


def read_state(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what the folder of a run, comparison or search stores of its loggers; {} where nothing is readable."""
    try:
        stored = read_json(folder / STATE)["loggers"] if (folder / STATE).is_file() else {}
        return {str(name): dict(of) for name, of in stored.items()}
    except (SadariError, AttributeError, KeyError, TypeError, ValueError):
        return {}


def stored_targets(*folders: Path) -> tuple[Target, ...]:
    """Return the targets of the first of `folders` that stores some."""
    found = ([stored_target(text) for text in read_state(folder)] for folder in folders)
    return next((tuple(filter(None, each)) for each in found if each), ())


def begin_whole(targets: Sequence[Target], start: Start, say: Say) -> None:
    """Store in the folder of a comparison, or of a search, where its runs are logged to; those that are stored stay.

    Where the runs stand inside it, as in MLflow, it begins there now.
    """
    state = read_state(start.folder)
    wanted = [*targets, *(each for each in stored_targets(start.folder) if each not in targets)]
    if not wanted:
        return
    write_json(start.folder / STATE, {"loggers": {str(each): state.get(str(each), {}) for each in wanted}})
    LiveLog([each for each in wanted if each.tracker.nests and not state.get(str(each))], start, say)
