"""How do runs come into MLflow? Each as an MLflow run; those of a comparison inside one that has its verdicts."""

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import PurePosixPath
from shutil import which
from typing import TYPE_CHECKING, Any

from sadari.errors import SadariError, missing_package
from sadari.progress import Progress
from sadari.tracking.entry import Entry

if TYPE_CHECKING:
    from mlflow import MlflowClient

DIGEST = "sadari.digest"  # the tag by which an entry is found again
PARENT, NOTE = "mlflow.parentRunId", "mlflow.note.content"  # tags that MLflow's own pages know
IN_EXTRA = frozenset(("alembic", "mlflow", "sqlalchemy"))
MOST_LETTERS = 300  # of one of MLflow's sentences (assumed)
BATCH = 100  # metrics or parameters sent at once (MLflow's limit for parameters; for metrics it is 1,000)
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # an unreachable server is reported after seconds, not minutes
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}


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
    with _refusals():
        client = _client(uri)
        named = experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME", "")
        groups: dict[str, list[Entry]] = {}
        for entry in entries:
            groups.setdefault(named or entry.group, []).append(entry)
        count = sum(1 + len(entry.children) for entry in entries)
        with progress.task("to MLflow", count, "runs") as task:
            for name, group in groups.items():
                found = client.get_experiment_by_name(name)
                number = found.experiment_id if found else client.create_experiment(name)
                session = _Session(client, name, number, logged)
                for entry in group:
                    session.put(entry)
                    task.advance(1 + len(entry.children))
        return Logged(client.tracking_uri, logged)


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
        if (error.name or "").partition(".")[0] in IN_EXTRA:
            raise missing_package("logging to MLflow", error.name, "mlflow") from None
        raise SadariError(
            f"this --uri needs the package {error.name}, which the extra 'mlflow' does not bring; install it, or leave "
            "out --uri"
        ) from None
    except Exception as error:
        if not isinstance(error, OSError) and not type(error).__module__.startswith(("mlflow.", "sqlalchemy.")):
            raise
        raise SadariError(f"MLflow refuses: {_short(error)}") from None


def _short(error: Exception) -> str:
    """Return the first sentence of an error of MLflow, which may be a page long."""
    text = " ".join(str(error).split())
    asked = re.match(r"API request to (\S+?://[^/\s]+)", text)
    if asked and "Max retries exceeded" in text:
        return f"the server {asked[1]} cannot be reached; start it, or name another --uri"
    first = text.partition(". ")[0].removesuffix(".")
    return first if len(first) <= MOST_LETTERS else f"{first[:MOST_LETTERS]}..."


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
            self.experiment, _milliseconds(entry.began), {key: text for key, text in tags.items() if text}, entry.name
        )
        self._send(entry, run.info.run_id)
        for child in entry.children:
            self.put(child, run.info.run_id)
        self.client.set_terminated(run.info.run_id, end_time=_milliseconds(entry.ended))
        self.logged.append(LoggedRun(entry.name, run.info.run_id, known=False, experiment=self.name))

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


def _batches(values: list[Any]) -> Iterator[list[Any]]:
    return (values[start : start + BATCH] for start in range(0, len(values), BATCH))


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)
