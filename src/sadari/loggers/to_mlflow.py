"""How does a run come into MLflow while it trains? As an MLflow run, inside that of its comparison where it has one."""

import os
from collections.abc import Mapping
from time import time

from sadari.loggers.mlflow_client import DIGEST, NOTE, PARENT, batches, experiment_of, milliseconds, open_client
from sadari.loggers.protocol import End, Start

MOST_TAG = 5_000  # letters of a tag (MLflow's limit for its databases is 8,000)
PICTURES = "plots"  # the folder of pictures among the artifacts


class MlflowLogger:
    """Sends to the tracking server or database `place`; without one to MLFLOW_TRACKING_URI, or where MLflow does."""

    def __init__(self, place: str) -> None:
        self._place = place

    def begin(self, start: Start) -> str:
        """Begin an MLflow run in the experiment MLFLOW_EXPERIMENT_NAME, or that of the data; or go on with one."""
        from mlflow.entities import Param

        self._client = open_client(self._place)
        if start.known:
            self._client.update_run(start.known, status="RUNNING")
            self._id = start.known
            return self._id
        experiment = experiment_of(self._client, os.environ.get("MLFLOW_EXPERIMENT_NAME") or start.project)
        tags = {**start.tags, PARENT: start.parent}
        given = {name: text[:MOST_TAG] for name, text in tags.items() if text}
        self._id = str(self._client.create_run(experiment, milliseconds(time()), given, start.name).info.run_id)
        for batch in batches([Param(name, text) for name, text in start.params.items()]):
            self._client.log_batch(self._id, params=batch)
        return self._id

    def epoch(self, row: Mapping[str, float]) -> None:
        """Send the columns of the row as metrics of the step of its epoch."""
        self._metrics({name: value for name, value in row.items() if name != "epoch"}, int(row["epoch"]))

    def end(self, end: End) -> None:
        """Send scores as metrics, pictures as artifacts and the note as description, and mark the run as finished."""
        self._metrics(end.figures, end.step)
        for path in end.pictures.values():
            self._client.log_artifact(self._id, str(path), PICTURES)
        for name, text in ((NOTE, end.note), (DIGEST, end.digest)):
            if text:
                self._client.set_tag(self._id, name, text[:MOST_TAG])
        self._client.set_terminated(self._id, "FINISHED")

    def stop(self, interrupted: bool) -> None:
        """Mark the run as killed or failed."""
        self._client.set_terminated(self._id, "KILLED" if interrupted else "FAILED")

    def _metrics(self, figures: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = milliseconds(time())
        for batch in batches([Metric(name, value, now, step) for name, value in figures.items()]):
            self._client.log_batch(self._id, metrics=batch)
