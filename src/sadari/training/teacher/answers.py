"""What does the teacher say about each training image? Its logits, computed once for all students and stored.

The teacher sees each image as it was trained to: the source is decoded once more in the teacher's own size, fit,
interpolation and channels, so that a small student learns from what its teacher sees in the whole photograph.
"""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b
from importlib.metadata import version

import numpy as np
import torch
from numpy.typing import NDArray

from sadari.data.cache.features import keep_features, read_features
from sadari.data.levels import FULL_RANGE
from sadari.data.load import is_there, load
from sadari.data.packs.pack import PACK_FORMAT
from sadari.data.prepare import Preprocess
from sadari.errors import SadariError, UsageError
from sadari.inference.predict import predict_logits
from sadari.job import Job
from sadari.progress import Progress
from sadari.training.frozen import split_inputs
from sadari.training.teacher.teacher import Teacher
from sadari.values import ImageSet

AT_ONCE = 64  # images between two steps of the bar (assumed: a second of a large teacher)

Logits = NDArray[np.float32]


def answers_of(
    teacher: Teacher,
    job: Job,
    images: ImageSet,
    positions: NDArray[np.int64],
    device: torch.device,
    progress: Progress,
) -> Logits:
    """Return the teacher's logits for the images at `positions`, float32 (N, K), in the student's order of classes.

    They are read from the cache, or computed and stored there. Raises SadariError and UsageError where the images
    cannot be given the form that the teacher reads.
    """
    seen = as_seen_by(teacher.model.preprocess, job, images, progress)
    key = _key(teacher, seen, positions, device)
    cached = read_features(key)
    if cached is None:
        shape, dtype = (len(positions), len(images.classes)), np.dtype(np.float32)
        blocks = list(_blocks(teacher, job, seen, positions, device, progress))
        if any(np.isnan(block).any() for block in blocks):
            raise SadariError(f"the answers of the teacher {teacher.run.path} are no numbers; name another one")
        cached = keep_features(key, shape, dtype, blocks)
        if cached is None:  # a cache of no size
            cached = np.concatenate(blocks)
    return np.ascontiguousarray(cached[:, teacher.order])


def as_seen_by(preprocess: Preprocess, job: Job, images: ImageSet, progress: Progress) -> ImageSet:
    """Return the same images, in the same order, in the form that `preprocess` belongs to.

    Raises UsageError for images that exist in the student's form alone, and SadariError where they have changed.
    """
    form = (preprocess.height, preprocess.width, preprocess.channels)
    if _has_form(images, job, preprocess):
        return images
    if not is_there(job.data):
        height, width, channels = images.shape
        raise UsageError(
            f"the teacher reads images of {form[1]} x {form[0]} pixels and {form[2]} channels, and these arrays are "
            f"{width} x {height} with {channels}; name a teacher of this form, or images in files"
        )
    settings = replace(
        job.settings,
        image_size=preprocess.height if preprocess.height == preprocess.width else 0,
        channels=preprocess.channels,
        fit=preprocess.fit,
        interpolation=preprocess.interpolation,
        white_level=preprocess.white_level or job.settings.white_level or FULL_RANGE,
    )
    seen = load(job.data, settings, progress)
    if seen.fingerprint != images.fingerprint or not np.array_equal(seen.ids, images.ids):
        raise SadariError(f"the images of '{job.data}' have changed while they were read; run the command again")
    if seen.shape != form:
        raise UsageError(
            f"the teacher reads images of {form[1]} x {form[0]} pixels, and those of '{job.data}' are "
            f"{seen.shape[1]} x {seen.shape[0]}; name a teacher of this form, or one of square images"
        )
    return seen


def _has_form(images: ImageSet, job: Job, preprocess: Preprocess) -> bool:
    """Return whether the student's images are those that the teacher reads, pixel by pixel."""
    settings = job.settings
    if images.shape != (preprocess.height, preprocess.width, preprocess.channels):
        return False
    if images.white_level and images.white_level != preprocess.white_level:
        return False
    resized = (settings.fit, settings.interpolation) != (preprocess.fit, preprocess.interpolation)
    return not (resized and is_there(job.data))


def _blocks(
    teacher: Teacher,
    job: Job,
    seen: ImageSet,
    positions: NDArray[np.int64],
    device: torch.device,
    progress: Progress,
) -> Iterator[Logits]:
    """Compute the answers; the output of the teacher's frozen layers is in the cache where it was trained here."""
    network = teacher.model.network.to(device)
    learner, inputs, _ = split_inputs(network, teacher.model.preprocess, seen, positions, None, job.settings, progress)
    with progress.task("teacher", len(positions), "images") as task:
        for start in range(0, len(positions), AT_ONCE):
            chosen = positions[start : start + AT_ONCE]
            yield predict_logits(learner, inputs, chosen).numpy()
            task.advance(len(chosen))


def _key(teacher: Teacher, seen: ImageSet, positions: NDArray[np.int64], device: torch.device) -> dict[str, str]:
    """Return all that decides the answers: the teacher, the pixels that it sees, and which of them."""
    chosen = blake2b("\n".join(seen.ids[positions].tolist()).encode(), digest_size=20).hexdigest()
    return {
        "name": seen.name,
        "data": seen.fingerprint,
        "layers": f"the teacher {teacher.sha256[:8]}",
        "teacher": teacher.sha256,
        "images": chosen,
        "white_level": str(seen.white_level),
        "pixels": PACK_FORMAT,
        "torch": torch.__version__,
        "timm": version("timm"),
        "device": device.type,
    }
