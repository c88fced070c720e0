"""Which trackers are there? `log` sends finished runs to one of them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from sadari.errors import UsageError
from sadari.progress import Progress, Silent
from sadari.registry import Registry
from sadari.tracking.entry import Entry, entry_of
from sadari.tracking.mlflow_store import Logged, log_to_mlflow

TRACKERS: Registry[Callable[[Sequence[Entry], str, str, Progress], Logged]] = Registry("tracker")
TRACKERS.add("mlflow", log_to_mlflow)


def log(
    paths: Sequence[Path], to: str = "mlflow", uri: str = "", experiment: str = "", progress: Progress | None = None
) -> Logged:
    """Send the finished runs and comparisons in the folders `paths` to the tracker called `to`.

    uri: its address; experiment: the name under which entries are stored together; "" leaves both to the tracker.
    Everything is read before anything is sent. Raises UsageError for an unknown tracker and for a folder that
    holds neither run nor comparison, SadariError for what is not finished or damaged, and where the tracker cannot be
    reached.
    """
    send = TRACKERS.get(to)
    if not paths:
        raise UsageError("there is nothing to log; name at least one run or comparison that has finished")
    return send([entry_of(path) for path in paths], uri, experiment, progress or Silent())
