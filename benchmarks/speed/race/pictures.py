"""Which images do the entrants learn and are judged by? Real ones where they are here, else drawn shapes.

Nothing is downloaded: without SADARI_DATA_DIR the benchmark still runs, and says on what.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from race.tasks import GREY, Pictures
from sadari.data.load import load
from sadari.data.sources.catalog import data_folders, where
from sadari.settings import Settings
from sadari.values import ImageSet

ARCHIVE = "cifar10-images.tar.gz"  # CIFAR-10 as a folder of pictures, where the original files are missing


@dataclass(frozen=True)
class Candidate:
    """One set of a kind of pictures: how Sadari opens it and whether it is here."""

    data: str
    name: str
    here: bool
    settings: Settings


def _candidates(kind: str) -> list[Candidate]:
    """Return the sets of a kind, the best first; the last one is always here."""
    if kind == GREY:
        real = [Candidate("fashion-mnist", "fashion-mnist", where("fashion-mnist") != "missing", Settings())]
        return [*real, Candidate("shapes:images=20000,size=28", "shapes", True, Settings(channels=1))]
    archives = [folder / ARCHIVE for folder in data_folders()]
    return [
        Candidate("cifar10", "cifar10", where("cifar10") != "missing", Settings()),
        *(Candidate(str(archive), "cifar10-images", archive.is_file(), Settings()) for archive in archives),
        Candidate("shapes:images=20000,size=32", "shapes", True, Settings()),
    ]


def _chosen(kind: str) -> Candidate:
    return next(each for each in _candidates(kind) if each.here)


@cache
def _opened(kind: str) -> ImageSet:
    chosen = _chosen(kind)
    return load(chosen.data, chosen.settings)


def describe_pictures(kind: str) -> Pictures:
    """Return which images of a kind (GREY or COLOUR) are here."""
    images = _opened(kind)
    learnt, judged = (int((images.source_split == split).sum()) for split in ("train", "test"))
    return Pictures(_chosen(kind).name, learnt, judged, images.shape, len(images.classes))


def write_pictures(kind: str, pictures: Pictures, folder: Path) -> Path:
    """Write as many images of a kind as `pictures` says to a file in `folder`, once, and return its path."""
    file = folder / f"{kind}-{pictures.images}-{pictures.judged}.npz"
    if not file.is_file():
        images, draw = _opened(kind), np.random.default_rng(0)
        learnt, judged = (
            np.sort(draw.permutation(np.flatnonzero(images.source_split == split))[:number])
            for split, number in (("train", pictures.images), ("test", pictures.judged))
        )
        np.savez(
            file,
            X_train=np.asarray(images.images[learnt]),
            y_train=images.labels[learnt],
            X_test=np.asarray(images.images[judged]),
            y_test=images.labels[judged],
        )
    return file
