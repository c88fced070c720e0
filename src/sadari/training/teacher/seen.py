"""Has the teacher learned from the images that judge its student? Then their scores say too much."""

import numpy as np
from numpy.typing import NDArray

from sadari.data.check import image_digests
from sadari.errors import SadariError
from sadari.inference.evaluate import own_images
from sadari.job import Job
from sadari.progress import Progress
from sadari.run import SPLIT
from sadari.training.teacher.answers import as_seen_by
from sadari.training.teacher.teacher import Teacher
from sadari.values import ImageSet, Split


def note_on_seen(teacher: Teacher, job: Job, images: ImageSet, split: Split, progress: Progress) -> str:
    """Say how many validation and test images of the student trained its teacher; "" where none did.

    Of one set, the two splits say it; images of another set are recognised by their pixels, in the form that the
    teacher reads. Where the teacher's training images are not known, that is said.
    """
    run = teacher.run
    if not (run.begun and (run.path / SPLIT).is_file()):
        return _not_known(teacher, "it is an exported model")
    try:
        trained = _trained(teacher, job, images, progress)
    except SadariError:
        return _not_known(teacher, "its images are gone or have changed")
    counts = {name: int(trained[split.positions(name)].sum()) for name in ("val", "test")}
    if not any(counts.values()):
        return ""
    said = " and ".join(
        f"{counts[name]:,} of {len(split.positions(name)):,} {word}"
        for name, word in (("val", "validation"), ("test", "test"))
        if len(split.positions(name))
    )
    return (
        f"the teacher {teacher.name} was trained on {said} images: the scores there are too good; give teacher and "
        "student the same split"
    )


def _not_known(teacher: Teacher, why: str) -> str:
    return (
        f"it is not known which images trained the teacher {teacher.name} ({why}): validation and test images may be "
        "among them"
    )


def _trained(teacher: Teacher, job: Job, images: ImageSet, progress: Progress) -> NDArray[np.bool_]:
    """Return which of the student's `images` trained the teacher, bool (N,)."""
    run = teacher.run
    if run.fingerprint == images.fingerprint:
        trained = np.zeros(len(images), dtype=np.bool_)
        trained[run.split_of(images).train] = True
        return trained
    own = own_images(run, progress)
    theirs, _ = image_digests(own, progress)
    ours, blank = image_digests(as_seen_by(teacher.model.preprocess, job, images, progress), progress)
    return np.isin(ours, theirs[run.split_of(own).train]) & ~blank
