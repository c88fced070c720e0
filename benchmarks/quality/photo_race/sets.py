"""Which photographs do all entrants learn from and judge? Drawn by seed, the same files for everybody, as copies."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from photo_race.cells import ALL, Cell
from sadari.errors import SadariError
from sadari.files import read_json, write_json

JUDGED = {"flowers": "val", "animals": "test"}  # the folder that judges
SUFFIXES = (".jpg", ".jpeg", ".png")
_TRUTH = "truth.json"


@dataclass(frozen=True)
class DrawnSet:
    """A folder of copies.

    photos: holds train/CLASS/ and test/CLASS/. judged: the same images as test/, without classes. truth: the class of
    each judged image, by its name without suffix, which is a number that says nothing about it.
    """

    folder: Path
    truth: Mapping[str, str]

    @property
    def photos(self) -> Path:
        return self.folder / "photos"

    @property
    def judged(self) -> Path:
        return self.folder / "judged"


def images_of(folder: Path) -> dict[str, list[Path]]:
    """Return the images of each class below `folder`, classes and images sorted. Raises SadariError for none."""
    if not folder.is_dir():
        raise SadariError(f"there is no folder {folder}; set SADARI_DATA_DIR to the folder that has the sets")
    found = {
        each.name: sorted(path for path in each.iterdir() if path.suffix.lower() in SUFFIXES)
        for each in sorted(folder.iterdir())
        if each.is_dir()
    }
    if len(found) < 2 or not all(found.values()):
        raise SadariError(f"{folder} has no two folders of images")
    return found


def draw(images: Mapping[str, Sequence[Path]], size: str, seed: int) -> dict[str, list[Path]]:
    """Return `size` images of each class; those of a smaller draw are part of a larger one with the same seed.

    Raises SadariError where a class has fewer.
    """
    if size == ALL:
        return {name: list(paths) for name, paths in images.items()}
    count, drawn = int(size), {}
    for number, (name, paths) in enumerate(images.items()):
        if len(paths) < count:
            raise SadariError(f"{name} has {len(paths)} images, and {count} of each class are to be drawn")
        order = np.random.default_rng((seed, number)).permutation(len(paths))[:count]
        drawn[name] = [paths[at] for at in sorted(order)]
    return drawn


def numbered(images: Mapping[str, Sequence[Path]]) -> list[tuple[str, str, Path]]:
    """Return a name, class and path of each image, numbered in a random order that is always the same."""
    flat = [(name, path) for name, paths in images.items() for path in paths]
    order = np.random.default_rng(0).permutation(len(flat))
    return [(f"{number:05d}", *flat[at]) for number, at in enumerate(order)]


def write_set(source: Path, cell: Cell, folder: Path) -> DrawnSet:
    """Write the set of `cell` below `folder`, or return the one that is there.

    source: the folder with the original, which has train/ and the split of JUDGED. A set is whole once it has its
    truth.
    """
    place = folder / cell.drawn
    if (place / _TRUTH).is_file():
        return DrawnSet(place, read_json(place / _TRUTH))
    shutil.rmtree(place, ignore_errors=True)
    for name, paths in draw(images_of(source / "train"), cell.size, cell.turn).items():
        _copy(paths, place / "photos" / "train" / name)
    truth = {}
    for number, name, path in numbered(images_of(source / JUDGED[cell.set])):
        truth[number] = name
        target = place / "photos" / "test" / name / f"{number}{path.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        (place / "judged").mkdir(exist_ok=True)
        os.link(target, place / "judged" / target.name)
    write_json(place / _TRUTH, truth)
    return DrawnSet(place, truth)


def _copy(paths: Sequence[Path], folder: Path) -> None:
    folder.mkdir(parents=True)
    for path in paths:
        shutil.copyfile(path, folder / path.name)
