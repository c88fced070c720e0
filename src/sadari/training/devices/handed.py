"""How do the other processes of a training get its images? From the same place; arrays that have none, from a file."""

from pathlib import Path

import numpy as np

from sadari.data.load import is_there, load
from sadari.files import read_json, write_json
from sadari.job import Job
from sadari.progress import Silent
from sadari.values import ImageSet

PIXELS, LABELS, ABOUT = "pixels.npy", "labels.npy", "about.json"


def hand_over(images: ImageSet, job: Job, folder: Path) -> str:
    """Store what training needs of `images` in `folder` where `job` does not name a place of them; return it, or "".

    Images that have a place are read there by each process: memory is shared where they are mapped, and a set that is
    streamed is decoded by the process that needs an image.
    """
    if is_there(job.data):
        return ""
    np.save(folder / PIXELS, np.asarray(images.images))
    np.save(folder / LABELS, images.labels)
    about = {"name": images.name, "classes": images.classes, "fingerprint": images.fingerprint}
    write_json(folder / ABOUT, {**about, "white_level": images.white_level})
    return str(folder)


def received(job: Job, folder: str) -> ImageSet:
    """Return the images of `job`; where `hand_over` returned a `folder`, from there, without ids and source splits."""
    if not folder:
        return load(job.data, job.settings, Silent())
    stored, about = Path(folder), read_json(Path(folder) / ABOUT)
    pixels, labels = np.load(stored / PIXELS, mmap_mode="r"), np.load(stored / LABELS)
    return ImageSet(
        name=about["name"],
        images=pixels,
        labels=labels,
        ids=np.full(len(labels), ""),
        classes=tuple(about["classes"]),
        source_split=np.full(len(labels), ""),
        fingerprint=about["fingerprint"],
        white_level=about["white_level"],
    )
