"""What does a run need of its teacher? Its answers, which the run stores until it is finished, and who it was."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from sadari.errors import SadariError
from sadari.files import write_bytes
from sadari.job import Job
from sadari.progress import Progress
from sadari.run import TEACHER, RunRecord
from sadari.training.log import Log
from sadari.training.teacher.answers import Logits, answers_of
from sadari.training.teacher.seen import note_on_seen
from sadari.training.teacher.teacher import Teacher
from sadari.values import ImageSet, Split


@dataclass(frozen=True, eq=False)
class Teaching:
    """The teacher of a run that begins or goes on.

    teacher: None where it is not here any more, and the run has its answers. stored: those answers, float32 (N, K);
    None where they are still to be computed.
    """

    out: Path
    teacher: Teacher | None
    stored: Logits | None

    @classmethod
    def of(cls, job: Job, images: ImageSet, split: Split, out: Path, progress: Progress) -> "Teaching | None":
        """Open the teacher of `job`; None where it has none. Nothing is written.

        Raises UsageError for a teacher that cannot teach these classes, SadariError where it has changed since the run
        in `out` began, and where it is gone or damaged and the run has no answers of it.
        """
        if not job.taught:
            return None
        began_with = str(RunRecord(out).teacher.get("sha256", ""))
        stored = _read(out / TEACHER, began_with, (len(split.train), len(images.classes)))
        try:
            teacher = Teacher.open(job.settings.teacher, images.classes, progress)
        except SadariError:
            if stored is None:
                raise
            return cls(out, None, stored)
        if began_with and teacher.sha256 != began_with:
            raise SadariError(f"the teacher {teacher.run.path} has changed since '{out}' began; train in another --out")
        return cls(out, teacher, stored)

    def document(self, job: Job, images: ImageSet, split: Split, progress: Progress) -> dict[str, str]:
        """Return who the teacher is, for `environment.json` of a run that begins: without its place on this machine."""
        assert self.teacher is not None
        note = note_on_seen(self.teacher, job, images, split, progress)
        return {"name": self.teacher.name, "sha256": self.teacher.sha256, "note": note}

    def answers(self, job: Job, images: ImageSet, train: NDArray[np.int64], device: torch.device, log: Log) -> Logits:
        """Return the teacher's logits for the training images, float32 (N, K), and store them in the run."""
        if self.stored is not None:
            return self.stored
        assert self.teacher is not None
        found = answers_of(self.teacher, job, images, train, device, log)
        write_bytes(self.out / TEACHER, save({"answers": found}, {"teacher": self.teacher.sha256}))
        correct = float((found.argmax(1) == images.labels[train]).mean())
        log.note(f"the teacher {self.teacher.name} names the class of {correct:.4f} of the training images")
        return found


def _read(path: Path, sha256: str, shape: tuple[int, int]) -> Logits | None:
    """Read the answers that the run stored of the teacher with this digest; None where there are none of this shape."""
    if not sha256 or not path.is_file():
        return None
    try:
        with safe_open(path, framework="np") as file:
            answers: Logits = file.get_tensor("answers")
            whose = (file.metadata() or {}).get("teacher")
    except (SafetensorError, OSError, ValueError):  # damaged: they are computed again
        return None
    usable = whose == sha256 and answers.shape == shape and answers.dtype == np.float32
    return answers if usable and not np.isnan(answers).any() else None
