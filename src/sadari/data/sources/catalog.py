"""Which sets are known by name, are they on this machine, and where do their files go?

Importing this module registers all of them and does not load torch or torchvision.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from sadari.data.cache.digests import cache_dir, remembered_digest
from sadari.data.sources.base import SOURCES, ArrayContent, NamedSource
from sadari.data.sources.digits import DigitsSource
from sadari.data.sources.download import fetch, file_md5
from sadari.data.sources.shapes import ShapesSource
from sadari.data.sources.torchvision import Archive, archives_of, read_published, unpack
from sadari.errors import SadariError, UsageError
from sadari.files import expanded
from sadari.progress import Progress, Silent

BUILT_IN = {"digits": DigitsSource, "shapes": ShapesSource}


@dataclass(frozen=True)
class Published:
    """A published set that torchvision reads.

    reader: class of torchvision.datasets. files: what the reader needs, as paths in a data folder.
    """

    name: str
    summary: str
    reader: str
    files: tuple[str, ...]

    def folder(self) -> Path | None:
        """Return the first data folder that holds all files; None where there is none."""
        return next((root for root in data_folders() if self._complete(root)), None)

    def _complete(self, root: Path) -> bool:
        return all((root / name).is_file() for name in self.files)

    def bring(self, progress: Progress) -> Path:
        """Return the folder that holds the set, after downloading what is missing.

        Raises SadariError, which names the missing files and their place, where they cannot be downloaded, and where
        an archive that is there already is damaged.
        """
        found = self.folder()
        if found:
            return found
        target = download_folder()
        missing = [
            archive
            for archive in archives_of(self.reader, self.files)
            if not all((target / name).is_file() for name in archive.files)
        ]
        local = {archive.path: _archive_of_user(archive) for archive in missing}
        absent = [archive for archive in missing if not local[archive.path]]
        if absent:
            progress.say(f"{self.name} is not here yet; downloading it to {target}")
        for archive in missing:
            path = local[archive.path] or target / archive.path
            if archive in absent:
                fetch(archive.remote, path, progress, _remedy(absent, target))
            unpack(path, archive.files, target)
            if archive in absent and archive.path not in archive.files:
                path.unlink()
        return target


def _archive_of_user(archive: Archive) -> Path | None:
    """Find the archive that the user put into a data folder. Raises SadariError where it is damaged."""
    for root in data_folders():
        path = root / archive.path
        if path.is_file():
            received = file_md5(path)
            if received != archive.remote.md5:
                raise SadariError(
                    f"{path} is damaged: its MD5 is {received} instead of {archive.remote.md5}; remove it"
                )
            return path
    return None


def _remedy(absent: list[Archive], target: Path) -> str:
    paths = [PurePosixPath(archive.path) for archive in absent]
    names = ", ".join(path.name for path in paths)
    return f"without a network, put {names} into {target / paths[0].parent}"


def data_folders() -> Iterator[Path]:
    """List the folders that may hold named sets: SADARI_DATA_DIR, then `data` in the cache folder."""
    configured = _configured_folder()
    if configured:
        yield configured
    yield cache_dir() / "data"


def download_folder() -> Path:
    """Return where downloads go: SADARI_DATA_DIR where it can be written, else `data` in the cache folder."""
    configured = _configured_folder()
    if configured:
        nearest = next(folder for folder in (configured, *configured.parents) if folder.exists())
        if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
            return configured
    return cache_dir() / "data"


def _configured_folder() -> Path | None:
    text = os.environ.get("SADARI_DATA_DIR")
    return expanded(text).absolute() if text else None


@dataclass(frozen=True)
class PublishedSource:
    """A published set as a source; `fingerprint` and `content` download missing files first."""

    published: Published

    @property
    def name(self) -> str:
        return self.published.name

    def fingerprint(self) -> str:
        root = self.published.bring(Silent())
        return remembered_digest([root / name for name in self.published.files], self.name)

    def notes(self) -> tuple[str, ...]:
        return ()

    def content(self) -> ArrayContent:
        return read_published(self.name, self.published.reader, self.published.bring(Silent()))


def _idx(reader: str) -> tuple[str, ...]:
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return tuple(f"{reader}/raw/{name}-ubyte" for name in names)


def _inside(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for name in names)


PUBLISHED: Mapping[str, Published] = {
    each.name: each
    for each in (
        Published(
            "fashion-mnist", "clothes, 28x28 grey, 60,000 + 10,000 in 10 classes", "FashionMNIST", _idx("FashionMNIST")
        ),
        Published("mnist", "handwritten digits, 28x28 grey, 60,000 + 10,000 in 10 classes", "MNIST", _idx("MNIST")),
        Published(
            "cifar10",
            "animals and vehicles, 32x32 colour, 50,000 + 10,000 in 10 classes",
            "CIFAR10",
            _inside(
                "cifar-10-batches-py", *(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"
            ),
        ),
        Published(
            "cifar100",
            "animals, plants and things, 32x32 colour, 50,000 + 10,000 in 100 classes",
            "CIFAR100",
            _inside("cifar-100-python", "train", "test", "meta"),
        ),
        Published(
            "svhn",
            "house numbers, 32x32 colour, 73,257 + 26,032 in 10 classes",
            "SVHN",
            ("train_32x32.mat", "test_32x32.mat"),
        ),
        Published(
            "stl10",
            "animals and vehicles, 96x96 colour, 5,000 + 8,000 in 10 classes (the labelled part)",
            "STL10",
            _inside(
                "stl10_binary",
                *("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin", "unlabeled_X.bin", "class_names.txt"),
            ),
        ),
    )
}


def where(name: str) -> str:
    """Say where the set called `name` is: "built in", the folder that holds it, or "missing"."""
    if name in BUILT_IN:
        return "built in"
    folder = PUBLISHED[name].folder()
    return str(folder) if folder else "missing"


def _open(published: Published, options: Mapping[str, str]) -> PublishedSource:
    if options:
        raise UsageError(f"{published.name} takes no options, not '{next(iter(options))}'")
    return PublishedSource(published)


for _each in PUBLISHED.values():
    SOURCES.add(
        _each.name,
        NamedSource(
            name=_each.name,
            summary=_each.summary,
            open=partial(_open, _each),
            options={},
            bring=_each.bring,
        ),
    )
