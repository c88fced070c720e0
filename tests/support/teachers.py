"""Students of a finished run on small patterns, for the tests of teachers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from sadari.job import Job
from sadari.run import RunRecord
from sadari.training.train import train
from sadari.values import ImageSet
from support.jobs import PLAIN, Listener, job_for, network_file, parts, patterns

IMAGES = patterns()


def job_of(teacher: RunRecord | Path | str, folder: Path, layers: str = PLAIN, **overrides: Any) -> Job:
    path = teacher.path if isinstance(teacher, RunRecord) else teacher
    return job_for(network_file(folder, layers), teacher=str(path), **overrides)


def taught(job: Job, out: Path, images: ImageSet = IMAGES, progress: Listener | None = None) -> RunRecord:
    return train(job, out, images=images, split=parts(images), progress=progress)


def untaught(job: Job, **overrides: Any) -> Job:
    return replace(job, settings=replace(job.settings, teacher="", **overrides))
