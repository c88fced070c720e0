"""How do runs come into MLflow? Each as an MLflow run; those of a comparison inside one that has its verdicts."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from sadari.errors import SadariError, missing_package
from sadari.progress import Progress
from sadari.tracking.entry import Entry

if TYPE_CHECKING:
    from mlflow import MlflowClient

DIGEST = "sadari.digest"  # the tag by which an entry is found again
PARENT, NOTE = "mlflow.parentRunId", "mlflow.note.content"  # tags that MLflow's own pages know
BATCH = 100  # metrics or parameters sent at once (MLflow's limit for parameters; for metrics it is 1,000)
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # an unreachable server is reported after seconds, not minutes
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}


@dataclass(frozen=True)
class LoggedRun:
    """One entry in MLflow: its name, its id there, and whether it was there already."""

    name: str
    id: str
    known: bool


@dataclass(frozen=True)
class Logged:
    """Where the entries are now. uri, experiment: of MLflow. runs: a comparison comes after its own runs."""

    uri: str
    experiment: str
    runs: Sequence[LoggedRun]


def log_to_mlflow(entries: Sequence[Entry], uri: str, experiment: str, progress: Progress) -> Logged:
    """Put `entries` into MLflow; what is there already stays, what was started and not finished is started again.

    uri: of the tracking server or database; "" takes MLFLOW_TRACKING_URI, or what MLflow uses without it. experiment:
    "" takes MLFLOW_EXPERIMENT_NAME, or the name of the first entry's data. MLflow sends nothing about
    its usage to its makers. Raises SadariError where MLflow is not installed, cannot be reached or refuses.
    """
    with _refusals():
        client = _client(uri)
        name = experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME", "") or entries[0].group
        found = client.get_experiment_by_name(name)
        session = _Session(client, found.experiment_id if found else client.create_experiment(name))
        count = sum(1 + len(entry.children) for entry in entries)
        with progress.task(f"to MLflow's experiment {name}", count, "runs") as task:
            for entry in entries:
                session.put(entry)
                task.advance(1 + len(entry.children))
        return Logged(client.tracking_uri, name, session.logged)


def _client(uri: str) -> "MlflowClient":
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import MlflowClient
    except RuntimeError as error:  # it asks for a home folder when it is imported
        raise SadariError(f"MLflow cannot be loaded ({error}); set HOME to a folder that can be written") from None

    return MlflowClient(tracking_uri=uri or None)


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn errors of MLflow into one sentence."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise missing_package("logging to MLflow", error.name, "mlflow") from None
    except Exception as error:
        if not isinstance(error, OSError) and not type(error).__module__.startswith(("mlflow.", "sqlalchemy.")):
            raise
        raise SadariError(f"MLflow refuses: {' '.join(str(error).split())}") from None


@dataclass(frozen=True)
class _Session:
    """One client and one experiment; `logged` are the entries that are there now."""

    client: "MlflowClient"
    experiment: str
    logged: list[LoggedRun] = field(default_factory=list)

    def put(self, entry: Entry, parent: str = "") -> None:
        """Log one entry with everything in it; it is marked as finished last, so that half of one does not count."""
        finished = self._finished(entry, parent)
        if finished:
            self.logged.append(LoggedRun(entry.name, finished, known=True))
            return
        tags = {**entry.tags, DIGEST: entry.digest, NOTE: entry.description, PARENT: parent}
        run = self.client.create_run(
            self.experiment, _milliseconds(entry.began), {key: text for key, text in tags.items() if text}, entry.name
        )
        self._send(entry, run.info.run_id)
        for child in entry.children:
            self.put(child, run.info.run_id)
        self.client.set_terminated(run.info.run_id, end_time=_milliseconds(entry.ended))
        self.logged.append(LoggedRun(entry.name, run.info.run_id, known=False))

    def _finished(self, entry: Entry, parent: str) -> str:
        """Return the id of the finished run that has this entry under `parent`, or ""; delete others that have it."""
        for run in self.client.search_runs([self.experiment], f"tags.`{DIGEST}` = '{entry.digest}'"):
            if run.info.status == "FINISHED" and run.data.tags.get(PARENT, "") == parent:
                return str(run.info.run_id)
            self.client.delete_run(run.info.run_id)
        return ""

    def _send(self, entry: Entry, run: str) -> None:
        from mlflow.entities import Metric, Param

        metrics = [Metric(each.name, each.value, _milliseconds(each.time), each.step) for each in entry.metrics]
        for batch in _batches(metrics):
            self.client.log_batch(run, metrics=batch)
        for batch in _batches([Param(key, value) for key, value in entry.params.items()]):
            self.client.log_batch(run, params=batch)
        for name, path in entry.files.items():
            folder = str(PurePosixPath(name).parent)
            self.client.log_artifact(run, str(path), folder if folder != "." else None)


def _batches(values: list[Any]) -> Iterator[list[Any]]:
    return (values[start : start + BATCH] for start in range(0, len(values), BATCH))


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)
