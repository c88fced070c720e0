"""Which model teaches, and does it know the same classes? A finished run, or an exported model, in a folder."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sadari.data.sources.layout import plain_text
from sadari.errors import SadariError, UsageError
from sadari.inference.classifier import model_in
from sadari.inference.model import TrainedModel
from sadari.progress import Progress, Silent
from sadari.run import MODEL, PREPROCESS, RunRecord

NAMED = 3  # classes that an error names (assumed: enough to see what is wrong)


@dataclass(frozen=True, eq=False)
class Teacher:
    """A finished model that a student learns from.

    run: its folder; that of an exported model has no settings and no split. model: its network and preprocessing.
    sha256: of its weights and preprocessing, which are what it is, wherever it is stored. order: int64 (K,), where the
    teacher has each class of the student.
    """

    run: RunRecord
    model: TrainedModel
    sha256: str
    order: NDArray[np.int64]

    @classmethod
    def open(cls, folder: str, classes: Sequence[str], progress: Progress) -> "Teacher":
        """Open the model that `folder` means: a run, the best run of a comparison, or an exported model.

        classes: those of the student. Raises UsageError where there is no model, or one of other classes, SadariError
        where it is damaged or not finished.
        """
        try:
            run = model_in(Path(folder), progress)
        except UsageError as error:
            raise UsageError(f"the teacher: {error}") from None
        model = TrainedModel.load(run, progress)
        return cls(run, model, digest_of(run), _order(model.classes, classes, run.path))

    @property
    def name(self) -> str:
        """Return the name of its folder."""
        return self.run.path.name


def digest_of(run: RunRecord) -> str:
    """Return the SHA-256 of a model's weights and preprocessing; raises SadariError where they cannot be read."""
    digest = sha256()
    try:
        for name in (MODEL, PREPROCESS):
            with (run.path / name).open("rb") as file:
                digest.update(file_digest(file, "sha256").digest())
    except OSError as error:
        raise SadariError(f"cannot read the teacher {run.path}: {error.strerror}") from None
    return digest.hexdigest()


def digest_now(folder: str) -> str:
    """Return the digest of the model that `folder` means now; "" where there is none."""
    with suppress(SadariError):
        return digest_of(model_in(Path(folder), Silent()))
    return ""


def _order(theirs: Sequence[str], ours: Sequence[str], path: Path) -> NDArray[np.int64]:
    """Return where the teacher has each of our classes, by their names; raises UsageError unless it has just these."""
    known = {plain_text(name): at for at, name in enumerate(theirs)}
    unknown = [name for name in ours if name not in known]
    others = [name for name in known if name not in ours]
    if unknown or others:
        parts = [f"it does not know {_listed(unknown)}"] if unknown else []
        parts += [f"these images have no {_listed(others)}"] if others else []
        raise UsageError(
            f"the teacher {path} has other classes: {' and '.join(parts)}; name a model of the same {len(ours)} classes"
        )
    return np.array([known[name] for name in ours], dtype=np.int64)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(f"'{name}'" for name in names[:NAMED]) + more
