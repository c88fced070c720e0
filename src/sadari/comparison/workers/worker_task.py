"""What does a worker do with a task? It loads the images and trains; `worker_main.py` reads the task and answers."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sadari.comparison.executor import reason_of
from sadari.comparison.inputs import Key, images_key
from sadari.data.load import load
from sadari.errors import SadariError
from sadari.job import Job, find_job
from sadari.job_record import JobRecord
from sadari.models.own.model import let_worker_run
from sadari.progress import Progress, Silent
from sadari.run_files import read_split
from sadari.training.fit_loop import Watch
from sadari.training.run_folder import RunBusyError, RunLostError
from sadari.training.train import train
from sadari.values import ImageSet


@dataclass(eq=False)
class TaskRunner:
    """Does one task after the other. given: the images of all tasks; None where they are loaded, once for all tasks."""

    progress: Progress
    given: ImageSet | None = None
    loaded: dict[Key, ImageSet] = field(default_factory=dict)

    def run(self, request: Mapping[str, Any]) -> tuple[str, bool]:
        """Train the run of `request` (see `worker.request`).

        Returns why it failed, or "", and whether that is because another process trains the run.
        """
        try:
            self.train(request)
        except Exception as error:
            if isinstance(error, RunLostError):
                self.progress.say(str(error))
            return reason_of(error), isinstance(error, RunBusyError)
        return "", False

    def train(self, request: Mapping[str, Any], watch: Watch | None = None) -> None:
        """Train the run of `request`, seen by `watch`, with the errors of training."""
        let_worker_run(request)
        os.environ.update(request.get("plugins", {}))  # modules that the comparison itself has imported
        job = find_job(JobRecord.from_toml(request["job"]), request["layers"])
        images = self.given if self.given is not None else self._images(job, request["fingerprint"])
        split = read_split(Path(request["split"]), len(images))
        out, threads = Path(request["out"]), request["threads"]
        train(job, out, images=images, split=split, progress=self.progress, threads=threads, watch=watch)

    def _images(self, job: Job, fingerprint: str) -> ImageSet:
        """Return the images of `job`; raises SadariError where they are no longer those of the comparison."""
        key = (job.data, *images_key(job.settings))
        if key not in self.loaded:
            self.loaded[key] = load(job.data, job.settings, Silent())
        if self.loaded[key].fingerprint != fingerprint:
            raise SadariError(f"the images of '{job.data}' have changed since the comparison began; start it again")
        return self.loaded[key]
