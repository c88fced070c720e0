"""How do runs come into MLflow? Each as an MLflow run; those of a comparison inside one that has its verdicts."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import PurePosixPath
from shutil import which
from typing import TYPE_CHECKING, Any

from sadari.loggers.mlflow_client import (
    DIGEST,
    NOTE,
    PARENT,
    batches,
    experiment_of,
    milliseconds,
    open_client,
    refusals,
)
from sadari.progress import Progress
from sadari.tracking.entry import Entry

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class LoggedRun:
    """One entry in MLflow: its name, its id there, whether it was there already, and its experiment."""

    name: str
    id: str
    known: bool
    experiment: str


@dataclass(frozen=True)
class Logged:
    """Where the entries are now. uri: of MLflow. runs: a comparison comes after its own runs."""

    uri: str
    runs: Sequence[LoggedRun]

    @property
    def experiments(self) -> tuple[str, ...]:
        """The names of the experiments that have the entries, in order."""
        return tuple(dict.fromkeys(run.experiment for run in self.runs))

    @property
    def experiment(self) -> str:
        """The names of the experiments, as one text."""
        return ", ".join(self.experiments)

    def document(self) -> dict[str, Any]:
        """Return the same as a JSON document."""
        return {**asdict(self), "experiment": self.experiment}


def log_to_mlflow(entries: Sequence[Entry], uri: str, experiment: str, progress: Progress) -> Logged:
    """Put `entries` into MLflow; what is there already stays, what was started and not finished is started again.

    uri: of the tracking server or database; "" takes MLFLOW_TRACKING_URI, or what MLflow uses without it. experiment:
    "" takes MLFLOW_EXPERIMENT_NAME, else each entry comes under the name of its own data. MLflow sends nothing about
    its usage to its makers. Raises SadariError where MLflow is not installed, cannot be reached or refuses.
    """
    logged: list[LoggedRun] = []
    with refusals():
        client = open_client(uri)
        named = experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME", "")
        groups: dict[str, list[Entry]] = {}
        for entry in entries:
            groups.setdefault(named or entry.group, []).append(entry)
        count = sum(1 + len(entry.children) for entry in entries)
        with progress.task("to MLflow", count, "runs") as task:
            for name, group in groups.items():
                session = _Session(client, name, experiment_of(client, name), logged)
                for entry in group:
                    session.put(entry)
                    task.advance(1 + len(entry.children))
        return Logged(client.tracking_uri, logged)


@dataclass(frozen=True)
class _Session:
    """One client and one experiment, by name and number; `logged` are the entries that are there now."""

    client: "MlflowClient"
    name: str
    experiment: str
    logged: list[LoggedRun]

    def put(self, entry: Entry, parent: str = "") -> None:
        """Log one entry with everything in it; it is marked as finished last, so that half of one does not count."""
        finished = self._finished(entry, parent)
        if finished:
            self.logged.append(LoggedRun(entry.name, finished, known=True, experiment=self.name))
            return
        tags = {**entry.tags, DIGEST: entry.digest, NOTE: entry.description, PARENT: parent}
        run = self.client.create_run(
            self.experiment, milliseconds(entry.began), {key: text for key, text in tags.items() if text}, entry.name
        )
        self._send(entry, run.info.run_id)
        for child in entry.children:
            self.put(child, run.info.run_id)
        self.client.set_terminated(run.info.run_id, end_time=milliseconds(entry.ended))
        self.logged.append(LoggedRun(entry.name, run.info.run_id, known=False, experiment=self.name))

    def _finished(self, entry: Entry, parent: str) -> str:
        """Return the id of the finished run that has this entry under `parent`, or ""; delete others that have it.

        An entry on its own may be a run that came by --log-to, inside the run of its comparison, where it stays.
        """
        for run in self.client.search_runs([self.experiment], f"tags.`{DIGEST}` = '{entry.digest}'"):
            if run.info.status == "FINISHED" and (not parent or run.data.tags.get(PARENT, "") == parent):
                return str(run.info.run_id)
            self.client.delete_run(run.info.run_id)
        return ""

    def _send(self, entry: Entry, run: str) -> None:
        from mlflow.entities import Metric, Param

        metrics = [Metric(each.name, each.value, milliseconds(each.time), each.step) for each in entry.metrics]
        for batch in batches(metrics):
            self.client.log_batch(run, metrics=batch)
        for batch in batches([Param(key, value) for key, value in entry.params.items()]):
            self.client.log_batch(run, params=batch)
        for name, path in entry.files.items():
            folder = str(PurePosixPath(name).parent)
            self.client.log_artifact(run, str(path), folder if folder != "." else None)


def next_step(uri: str) -> str:
    """Return what to type to see the pages of the database `uri`; the extra has no pages, mlflow-skinny's `ui` fails.

    The pages are those of the same version: another one may refuse the database.
    """
    show = f"mlflow ui --workers 1 --backend-store-uri {shlex.quote(uri)}"
    if _has_pages():
        return show
    whole = f"mlflow=={version('mlflow-skinny')}"
    if which("uvx"):
        return f"uvx --from {whole} {show}"
    if which("pipx"):
        return f"pipx run --spec {whole} {show}"
    return f"{show}   (after pip install {whole} in an environment of its own)"


def _has_pages() -> bool:
    """Return whether the whole of MLflow is installed here, not mlflow-skinny alone."""
    try:
        distribution("mlflow")
    except PackageNotFoundError:
        return False
    return True
