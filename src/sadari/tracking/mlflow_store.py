"""How do runs come into MLflow? Each as a run of MLflow's; those of a comparison inside one that tells its verdicts."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from sadari.errors import SadariError
from sadari.progress import Progress
from sadari.tracking.entry import Entry

if TYPE_CHECKING:
    from mlflow import MlflowClient

DIGEST = "sadari.digest"  # the tag by which an entry is found again
PARENT, NOTE = "mlflow.parentRunId", "mlflow.note.content"  # tags that MLflow's own pages know
BATCH = 100  # metrics or parameters told at once (MLflow's limit for parameters; for metrics it is 1,000)
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # of a server that is not there: seconds until it is said, not minutes
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}


@dataclass(frozen=True)
class Kept:
    """One entry where it is now: its name, MLflow's id of it, and whether it was there already."""

    name: str
    id: str
    known: bool


@dataclass(frozen=True)
class Logged:
    """Where are the entries now? uri, experiment: of MLflow. runs: a comparison behind its own runs."""

    uri: str
    experiment: str
    runs: Sequence[Kept]


def log_to_mlflow(entries: Sequence[Entry], uri: str, experiment: str, progress: Progress) -> Logged:
    """Put `entries` into MLflow; what is there already stays as it is, what was begun and not finished is begun anew.

    uri: of the tracking server or database; "" takes MLFLOW_TRACKING_URI, or what MLflow uses without it. experiment:
    "" takes MLFLOW_EXPERIMENT_NAME, or the name of the first entry's data. Nothing about the usage of MLflow is sent to
    its makers. Raises SadariError where MLflow is not installed, cannot be reached or refuses.
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
        return Logged(client.tracking_uri, name, session.kept)


def _client(uri: str) -> "MlflowClient":
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri or None)


@contextmanager
def _refusals() -> Iterator[None]:
    """What stops MLflow becomes one sentence."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SadariError(
            f"logging to MLflow needs the package {error.name}; install it with: pip install 'sadari[mlflow]'"
        ) from None
    except Exception as error:
        if not isinstance(error, OSError) and not type(error).__module__.startswith(("mlflow.", "sqlalchemy.")):
            raise
        raise SadariError(f"MLflow refuses: {' '.join(str(error).split())}") from None


@dataclass(frozen=True)
class _Session:
    """One client and one experiment; `kept` is what has come there."""

    client: "MlflowClient"
    experiment: str
    kept: list[Kept] = field(default_factory=list)

    def put(self, entry: Entry, parent: str = "") -> None:
        """One entry with everything in it; finished in MLflow last, so that half of one is not taken for the whole."""
        finished = self._finished(entry, parent)
        if finished:
            self.kept.append(Kept(entry.name, finished, known=True))
            return
        tags = {**entry.tags, DIGEST: entry.digest, NOTE: entry.description, PARENT: parent}
        run = self.client.create_run(
            self.experiment, _milliseconds(entry.began), {key: text for key, text in tags.items() if text}, entry.name
        )
        self._tell(entry, run.info.run_id)
        for child in entry.children:
            self.put(child, run.info.run_id)
        self.client.set_terminated(run.info.run_id, end_time=_milliseconds(entry.ended))
        self.kept.append(Kept(entry.name, run.info.run_id, known=False))

    def _finished(self, entry: Entry, parent: str) -> str:
        """The id of the run that this entry is already, or ""; what began to be it, or its comparison, is deleted."""
        for run in self.client.search_runs([self.experiment], f"tags.`{DIGEST}` = '{entry.digest}'"):
            if run.info.status == "FINISHED" and run.data.tags.get(PARENT, "") == parent:
                return str(run.info.run_id)
            self.client.delete_run(run.info.run_id)
        return ""

    def _tell(self, entry: Entry, run: str) -> None:
        from mlflow.entities import Metric, Param

        metrics = [Metric(each.name, each.value, _milliseconds(each.time), each.step) for each in entry.metrics]
        for part in _batches(metrics):
            self.client.log_batch(run, metrics=part)
        for part in _batches([Param(key, value) for key, value in entry.params.items()]):
            self.client.log_batch(run, params=part)
        for name, path in entry.files.items():
            folder = str(PurePosixPath(name).parent)
            self.client.log_artifact(run, str(path), folder if folder != "." else None)


def _batches(values: list[Any]) -> Iterator[list[Any]]:
    return (values[start : start + BATCH] for start in range(0, len(values), BATCH))


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)
