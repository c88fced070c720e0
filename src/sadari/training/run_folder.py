"""Who may write to a run folder? One job, and one process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from sadari.data.load import fingerprint_of
from sadari.errors import SadariError, UsageError
from sadari.files import exists, names_in, write_text
from sadari.job import Job
from sadari.locks.claim import Busy, FolderLostError
from sadari.locks.folder import Held, take_folder
from sadari.models.backbone.pretrained import EMBEDDED
from sadari.models.backbone.spec import Backbone
from sadari.models.backbone.tensors import weights_digest
from sadari.models.spec import ModelSpec
from sadari.plugins.used import changed, described, require_here
from sadari.progress import Progress
from sadari.run import SETTINGS, RunRecord
from sadari.training.teacher.teacher import digest_now
from sadari.unfinished import ATTEMPTS
from sadari.values import ImageSet


class RunBusyError(SadariError):
    """Another process trains the run; its folder can be used when that ends."""


class RunLostError(RunBusyError):
    """Another process has taken over the run that this one trained."""


# What "auto" became when the run began decides it for good: on another machine it would become something else.
DECIDED_AT_START = ("device", "precision")


def require_same_job(job: Job, out: Path) -> None:
    """Raise UsageError or SadariError where the folder `out` holds anything but this job's run.

    A set of images that moved is the same where its content is; `require_same_data` looks at that.
    """
    names = names_in(out)
    if SETTINGS in names:
        run = RunRecord(out)
        if not _same_job(run, job):
            began = run.job.settings.devices
            settings = replace(job.settings, devices=began)
            if began != job.settings.devices and _same_job(run, replace(job, settings=settings)):
                raise UsageError(
                    f"the run in '{out}' began with devices={began}, and devices={job.settings.devices} would add up "
                    f"in another order; go on with devices={began}, or choose another --out"
                )
            raise UsageError(f"'{out}' holds a run with other settings; choose another --out, or delete it")
    elif names:
        raise UsageError(f"'{out}' is not empty and holds no run; choose another --out")


def _same_job(run: RunRecord, job: Job) -> bool:
    """Return whether `run` is of this job: images and a teacher that moved are the same where their content is."""
    stored, settings = replace(run.job, data=job.data), job.settings
    both = stored.settings.teacher and settings.teacher and run.teacher
    if both and digest_now(settings.teacher) == run.teacher["sha256"]:
        stored = replace(stored, settings=replace(stored.settings, teacher=settings.teacher))
    return stored == job.record


def as_begun(job: Job, out: Path) -> Job:
    """Return `job` with what "auto" became when the run in `out` began; as it is where none has begun."""
    if SETTINGS not in names_in(out):
        return job
    stored = RunRecord(out).job
    kept = [name for name in DECIDED_AT_START if getattr(job.settings, name) == "auto"]
    variables = {name: stored.variables.get(name, job.variables[name]) for name in job.by_auto if name in job.variables}
    kept += [name for name in job.by_auto if name not in job.variables]
    settings = replace(job.settings, **{name: getattr(stored.settings, name) for name in kept})
    return replace(job, settings=settings, variables={**job.variables, **variables})


@contextmanager
def only_one(out: Path) -> Iterator[None]:
    """Lock the run folder against a second process; leave no folder behind where nothing was written.

    Raises RunBusyError where another process has it, RunLostError where that took it over while this one was suspended.
    """
    made = [each for each in (out, *out.parents) if not exists(each)]
    held = _hold(out)
    try:
        yield
    except FolderLostError as error:
        raise RunLostError(str(error)) from None
    finally:
        held.release()
        for each in made or [out]:
            with suppress(OSError):  # it is not empty
                each.rmdir()


def _hold(out: Path) -> Held:
    """Hold the folder, which is made where there is none. Raises SadariError."""
    for attempt in range(ATTEMPTS):
        try:
            out.mkdir(parents=True, exist_ok=True)
            return take_folder(out)
        except Busy as busy:
            who = f" ({busy})" if str(busy) else ""
            raise RunBusyError(
                f"another process is training in '{out}'{who}; wait for it, or choose another --out"
            ) from None
        except OSError as error:
            if isinstance(error, FileNotFoundError) and attempt + 1 < ATTEMPTS:
                continue  # the process that had it has removed the folder in the meantime
            raise SadariError(f"cannot write to '{out}': {error.strerror}; choose another --out") from None
    raise AssertionError


def require_same_network(out: Path, model: ModelSpec) -> None:
    """Raise SadariError where the run in `out` began with other layers than `model` has.

    A run belongs to the layers that it began with, even where a file of the model's name lists other ones now.
    """
    run = RunRecord(out)
    if run.begun and run.layers != model.layers:
        raise SadariError(f"the network '{model.reference}' has changed since '{out}' began; train in another --out")


def require_same_plugins(out: Path) -> None:
    """Raise SadariError where what a plug-in offered when the run in `out` began is not here, or has changed.

    A metric only judges: a run goes on without it.
    """
    run = RunRecord(out)
    records = [each for each in run.plugins if each["kind"] not in ("model", "metric")]
    require_here(records, f"the run in '{out}' needs")
    other = changed(records)
    if other:
        raise SadariError(f"{described(other)} has changed since '{out}' began; train in another --out")


def require_same_content(job: Job, run: RunRecord, images: ImageSet | None, progress: Progress) -> None:
    """Raise SadariError where the finished `run` was made of other images, weights or teacher than `job` names now.

    images: those of the job where they are loaded already. What is missing is no reason: the run holds all that it
    needs. Images that moved are stored in `settings.toml` as where they are now.
    """
    try:
        fingerprint = images.fingerprint if images is not None else fingerprint_of(job.data, job.settings)
    except SadariError:
        progress.say(f"the images of '{job.data}' are not here any more; the run is shown as it was made")
        return
    if fingerprint != run.fingerprint:
        raise SadariError(
            f"the images of '{job.data}' have changed since the run in '{run.path}' was made; train in another --out"
        )
    if job.backbone and not _has_weights_of(run, job.backbone):
        raise SadariError(
            f"the weights of {job.backbone.name} have changed since the run in '{run.path}' was made; train in another "
            "--out"
        )
    if job.taught and not _has_teacher_of(run, job):
        raise SadariError(
            f"the teacher {job.settings.teacher} has changed since the run in '{run.path}' was made; train in another "
            "--out"
        )
    if run.job.data != job.data:
        progress.say(moved(run.job.data, job.data))
        write_text(run.path / SETTINGS, job.record.to_toml())


def other_content(job: Job, run: RunRecord) -> str:
    """Return what of the begun `run` is not what `job` names now.

    One of "images", "weights", "teacher", "plug-in" and "network", or "" where all is. Images, weights and a teacher
    that are missing now make no difference.
    """
    if not run.begun:
        return ""
    if run.layers != job.model.layers:
        return "network"
    with suppress(SadariError):
        if fingerprint_of(job.data, job.settings) != run.fingerprint:
            return "images"
    if job.taught and not _has_teacher_of(run, job):
        return "teacher"
    if changed([each for each in run.plugins if each["kind"] != "metric"]):
        return "plug-in"
    return "weights" if job.backbone and not _has_weights_of(run, job.backbone) else ""


def _has_weights_of(run: RunRecord, backbone: Backbone) -> bool:
    """Return whether `run` began with the weights that `backbone` would start from now, as far as both are known.

    Those that come with Sadari stand in for weights of the same network that are not here any more.
    """
    began = str((run.environment.get("pretrained") or {}).get("origin", ""))
    if not began.startswith(EMBEDDED) and _origin_now(backbone).startswith(EMBEDDED):
        return True
    return not run.weights_sha256 or _digest_now(backbone) in ("", run.weights_sha256)


def _origin_now(backbone: Backbone) -> str:
    try:
        return backbone.pretrained().origin
    except SadariError:
        return ""


def _has_teacher_of(run: RunRecord, job: Job) -> bool:
    """Return whether `run` learned from the model that `job` names as its teacher, as far as both are known."""
    began_with = run.teacher.get("sha256", "")
    return not began_with or digest_now(job.settings.teacher) in ("", began_with)


def _digest_now(backbone: Backbone) -> str:
    """Return the digest of the weights that `backbone` would start from now; "" where they are not here."""
    try:
        return weights_digest(backbone.pretrained())
    except SadariError:
        return ""


def moved(before: str, now: str) -> str:
    """Return the sentence for images whose content is the same in another place."""
    return f"the images are those of '{before}', now in '{now}'"


def require_same_data(out: Path, images: ImageSet) -> None:
    """Raise SadariError where the run in `out` began with other images."""
    run = RunRecord(out)
    if run.begun and run.fingerprint != images.fingerprint:
        raise SadariError(f"the images of '{images.name}' have changed since '{out}' began; train in another --out")
