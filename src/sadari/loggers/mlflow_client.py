"""How is MLflow reached, and what does it say where it cannot be? One client, one sentence for an error of a page."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sadari.errors import SadariError, missing_package

if TYPE_CHECKING:
    from mlflow import MlflowClient

DIGEST = "sadari.digest"  # the tag by which an entry is found again
PARENT, NOTE = "mlflow.parentRunId", "mlflow.note.content"  # tags that MLflow's own pages know
IN_EXTRA = frozenset(("alembic", "mlflow", "sqlalchemy"))
MOST_LETTERS = 300  # of one sentence of another package (assumed)
BATCH = 100  # metrics or parameters sent at once (MLflow's limit for parameters; for metrics it is 1,000)
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # an unreachable server is reported after seconds, not minutes
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}


def open_client(uri: str) -> "MlflowClient":
    """Return a client of the server or database `uri`, "" for MLflow's own choice; MLflow reports to nobody.

    Raises SadariError where MLflow cannot be loaded, ModuleNotFoundError where it is not installed.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import MlflowClient
    except RuntimeError as error:  # it asks for a home folder when it is imported
        raise SadariError(f"MLflow cannot be loaded ({error}); set HOME to a folder that can be written") from None

    logging.getLogger("mlflow").setLevel(os.environ["MLFLOW_LOGGING_LEVEL"])  # MLflow reads it for some of its own only
    return MlflowClient(tracking_uri=uri or None)


def experiment_of(client: "MlflowClient", name: str) -> str:
    """Return the id of the experiment called `name`, which is made where there is none."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:
            found = client.get_experiment_by_name(name)  # another process was faster
            if found is None:
                raise
    return str(found.experiment_id)


@contextmanager
def refusals() -> Iterator[None]:
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
        raise SadariError(f"MLflow refuses: {short(error, '; start it, or name another --uri')}") from None


def short(error: Exception, remedy: str = "") -> str:
    """Return the first sentence of an error of another package, which may be a page long.

    remedy: what can be done about a server that cannot be reached, as the end of a sentence.
    """
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.strerror}: {error.filename}"
    text = " ".join(str(error).split())
    asked = re.match(r"API request to (\S+?://[^/\s]+)", text)
    if asked and "Max retries exceeded" in text:
        return f"the server {asked[1]} cannot be reached{remedy}"
    first = text.partition(". ")[0].removesuffix(".") or type(error).__name__
    return first if len(first) <= MOST_LETTERS else f"{first[:MOST_LETTERS]}..."


def batches(values: list[Any]) -> Iterator[list[Any]]:
    """Return the values, as many at once as MLflow takes."""
    return (values[start : start + BATCH] for start in range(0, len(values), BATCH))


def milliseconds(seconds: float) -> int:
    """Return a time as MLflow has it."""
    return round(1000 * seconds)
