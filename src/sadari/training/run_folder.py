"""Who may write to a run folder? One job, and one process at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sadari.errors import SadariError, UsageError
from sadari.files import UNFINISHED, exists, names_in
from sadari.job import Job
from sadari.models.spec import ModelSpec
from sadari.run import SETTINGS, RunRecord
from sadari.values import ImageSet


def require_same_job(job: Job, out: Path) -> None:
    """Raise UsageError or SadariError where the folder `out` holds anything but this job's run."""
    names = names_in(out)
    if SETTINGS in names:
        if RunRecord(out).job != job.record:
            raise UsageError(f"'{out}' holds a run with other settings; choose another --out, or delete it")
    elif any(not name.endswith(UNFINISHED) for name in names):
        raise UsageError(f"'{out}' is not empty and holds no run; choose another --out")


@contextmanager
def only_one(out: Path) -> Iterator[None]:
    """Lock the run folder against a second process; leave no folder behind where nothing was written."""
    made = [each for each in (out, *out.parents) if not exists(each)]
    handle = _locked(out)
    try:
        yield
    finally:
        for each in made or [out]:
            with suppress(OSError):  # it is not empty
                each.rmdir()
        os.close(handle)


def _locked(out: Path) -> int:
    """Return an open handle that holds the lock of the folder, which is made where there is none."""
    while True:
        try:
            out.mkdir(parents=True, exist_ok=True)
            handle = os.open(out, os.O_RDONLY)
        except OSError as error:
            raise SadariError(f"cannot write to '{out}': {error.strerror}; choose another --out") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise SadariError(f"another process is training in '{out}'; wait for it, or choose another --out") from None
        if out.is_dir() and os.path.samestat(os.fstat(handle), out.stat()):
            return handle
        os.close(handle)  # the process that held the lock has removed the folder in the meantime


def require_same_network(out: Path, model: ModelSpec) -> None:
    """Raise SadariError where the run in `out` began with other layers than `model` has.

    A run belongs to the layers that it began with, even where a file of the model's name lists other ones now.
    """
    run = RunRecord(out)
    if run.begun and run.layers != model.layers:
        raise SadariError(f"the network '{model.reference}' has changed since '{out}' began; train in another --out")


def require_same_data(out: Path, images: ImageSet) -> None:
    """Raise SadariError where the run in `out` began with other images."""
    run = RunRecord(out)
    if run.begun and run.fingerprint != images.fingerprint:
        raise SadariError(f"the images of '{images.name}' have changed since '{out}' began; train in another --out")
