"""Whose is the run folder? One job's, and one process's at a time."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sadari.errors import SadariError, UsageError
from sadari.files import exists, lying_in
from sadari.job import Job
from sadari.locks import Busy, release_folder, take_folder
from sadari.models.spec import ModelSpec
from sadari.run import SETTINGS, RunRecord
from sadari.unfinished import ATTEMPTS
from sadari.values import ImageSet

if TYPE_CHECKING:
    from filelock import FileLock


class RunBusyError(SadariError):
    """Another process trains the run; its folder can be used when that ends."""


def require_same_job(job: Job, out: Path) -> None:
    """Raise UsageError or SadariError where the folder `out` holds anything but this job's run."""
    names = lying_in(out)
    if SETTINGS in names:
        if RunRecord(out).job != job.record:
            raise UsageError(f"'{out}' holds a run with other settings; choose another --out, or delete it")
    elif names:
        raise UsageError(f"'{out}' is not empty and holds no run; choose another --out")


@contextmanager
def only_one(out: Path) -> Iterator[None]:
    """Hold the run folder against a second process; leave no folder behind where nothing was written."""
    made = [each for each in (out, *out.parents) if not exists(each)]
    lock = _lock(out)
    try:
        yield
    finally:
        release_folder(out, lock)
        for each in made or [out]:
            with suppress(OSError):  # something is stored in it
                each.rmdir()


def _lock(out: Path) -> "FileLock | None":
    """Return the lock of the folder, which is made where there is none. Raises SadariError."""
    for attempt in range(ATTEMPTS):
        try:
            out.mkdir(parents=True, exist_ok=True)
            return take_folder(out)
        except Busy:
            raise RunBusyError(
                f"another process is training in '{out}'; wait for it, or choose another --out"
            ) from None
        except OSError as error:
            if isinstance(error, FileNotFoundError) and attempt + 1 < ATTEMPTS:
                continue  # the process that had it has removed the folder in the meantime
            raise SadariError(f"cannot write to '{out}': {error.strerror}; choose another --out") from None
    raise AssertionError


def require_same_network(out: Path, model: ModelSpec) -> None:
    """Raise SadariError where the model's file has other layers now than the run began with."""
    run = RunRecord(out)
    if run.begun and run.layers != model.layers:
        raise SadariError(f"the network '{model.reference}' has changed since '{out}' began; train in another --out")


def require_same_data(out: Path, images: ImageSet) -> None:
    """Raise SadariError where the images are not those that the run began with."""
    run = RunRecord(out)
    if run.begun and run.fingerprint != images.fingerprint:
        raise SadariError(f"the images of '{images.name}' have changed since '{out}' began; train in another --out")
