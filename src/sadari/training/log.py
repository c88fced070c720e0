"""What was reported while a run was made? Every sentence with its time, in the run's `log.txt`, and the first ones."""

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from sadari.errors import SadariError
from sadari.files import exists, write_text
from sadari.job import Job
from sadari.models.backbone.pretrained import Pretrained
from sadari.models.spec import FittedBy
from sadari.progress import Progress, Task
from sadari.run import LOG
from sadari.settings import Settings
from sadari.values import ImageSet, Split


class Log:
    """A Progress that also writes its sentences: `shown` shows them, the file `path` has them, after older ones."""

    def __init__(self, path: Path, shown: Progress) -> None:
        self._path = path
        self._shown = shown
        self._text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def say(self, sentence: str) -> None:
        """Show the sentence and write it; raise SadariError where the disk is full."""
        self._shown.say(sentence)
        self.note(sentence)

    def note(self, *sentences: str) -> None:
        """Write the sentences without showing them; raise SadariError where disk or folder fail."""
        if self._text:
            require_there(self._path.parent)
        self._text += "".join(f"{datetime.now():%Y-%m-%d %H:%M:%S}  {each}\n" for each in sentences)
        write_text(self._path, self._text)

    def task(self, label: str, total: int, unit: str) -> AbstractContextManager[Task]:
        """Show the work; the file has nothing of it."""
        return self._shown.task(label, total, unit)


def require_there(folder: Path) -> None:
    """Raise SadariError where the folder of a run that is under way has another name now, or is gone."""
    if not exists(folder):
        raise SadariError(
            f"the folder '{folder}' was renamed, moved or removed while its run was trained; what was stored "
            "until then is in the folder with its new name: go on with sadari resume and that name"
        )


def begun_log(
    job: Job, images: ImageSet, split: Split, begins_with: Pretrained | None, out: Path, progress: Progress
) -> Log:
    """Open the log of the run, and note what is trained, and from which weights."""
    log = Log(out / LOG, progress)
    log.note(f"{job.model.name} on {images.name}, seed {job.seed}: {split.origin}")
    if begins_with:
        licence = begins_with.license or "licence not stated"
        log.note(f"begins with {begins_with.name}, weights {begins_with.origin} ({licence})")
    return log


def report_what_has_no_effect(job: Job, val_images: int, log: Log) -> None:
    """Report the chosen settings that this model does not read, and those that contradict the length of the run."""
    # Not the precision, which "auto" has become on this machine.
    unused = [key for key in job.record.chosen if key != "precision" and not job.model.uses(key)]
    if unused:
        have = "has" if len(unused) == 1 else "have"
        log.say(f"{job.model.name} is not fitted by gradient steps: {', '.join(unused)} {have} no effect")
    settings = job.settings
    if settings.patience and not val_images:
        log.say(f"patience={settings.patience} has no effect without validation images (val_fraction=0)")
    if settings.warmup_epochs > settings.epochs and job.model.fitted_by is FittedBy.GRADIENT:
        log.say(
            f"warmup_epochs={settings.warmup_epochs:g} is longer than the run of {settings.epochs} epochs: the "
            "learning rate never reaches its full value"
        )
    if job.model.fitted_by is FittedBy.GRADIENT:
        _report_a_teacher_without_effect(settings, log)
    if job.settings.views and not job.settings.augment:
        log.say(f"views={job.settings.views} has no effect without augment")


def _report_a_teacher_without_effect(settings: Settings, log: Log) -> None:
    """Report a teacher that has no weight, and settings of a teacher where there is none."""
    if settings.teacher and not settings.teacher_weight:
        log.say("teacher_weight=0: the teacher has no effect")
    usual = Settings()
    idle = [name for name in ("teacher_weight", "temperature") if getattr(settings, name) != getattr(usual, name)]
    if idle and not settings.teacher:
        log.say(f"{' and '.join(idle)} {'has' if len(idle) == 1 else 'have'} no effect without teacher")
