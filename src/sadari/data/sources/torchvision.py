"""What do torchvision's readers know of a published set: which archives, which sums, which images?

torchvision (and torch with it) is imported inside the functions only. Its readers define which bytes are right:
an archive is accepted when its MD5 equals the one in torchvision's source, and CIFAR, SVHN and STL-10 are checked
again, file by file, at every reading. CIFAR is published as pickles, and a pickle can run code: torchvision
unpickles a file only after its sum was right.
"""

import gzip
import shutil
import tarfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.data.sources.base import ArrayContent
from sadari.data.sources.download import Remote
from sadari.errors import SadariError
from sadari.files import write_whole
from sadari.unfinished import UnfinishedFolder


@dataclass(frozen=True)
class Archive:
    """One downloadable file of a set: its path in a data folder, and the reader's `files` that it unpacks to."""

    path: str
    remote: Remote
    files: tuple[str, ...]


def archives_of(reader: str, files: tuple[str, ...]) -> tuple[Archive, ...]:
    """List the archives of `files` (paths in a data folder) for the class `reader` of torchvision.datasets."""
    known = _reader(reader)
    if reader in ("MNIST", "FashionMNIST"):
        return tuple(_gzipped(known, name, md5) for name, md5 in known.resources)
    if reader == "SVHN":
        wanted = (known.split_list[split_name] for split_name in ("train", "test"))
        return tuple(Archive(name, Remote((url,), md5), (name,)) for url, name, md5 in wanted)
    return (Archive(known.filename, Remote((known.url,), known.tgz_md5), files),)


def _reader(name: str) -> Any:
    import torchvision.datasets

    return getattr(torchvision.datasets, name)


def _gzipped(known: Any, name: str, md5: str) -> Archive:
    path = f"{known.__name__}/raw/{name}"
    return Archive(path, Remote(tuple(mirror + name for mirror in known.mirrors), md5), (path.removesuffix(".gz"),))


def unpack(archive: Path, files: tuple[str, ...], folder: Path) -> None:
    """Make `files` (paths in `folder`) from a verified archive; each appears whole or not at all.

    Raises SadariError where the folder refuses or the archive lacks a file.
    """
    if archive.suffix == ".gz" and len(files) == 1:
        write_whole(folder / files[0], lambda temporary: _gunzip(archive, temporary))
    elif archive.name.endswith(".tar.gz"):
        _untar(archive, files, folder)
    elif archive != folder / files[0]:
        write_whole(folder / files[0], lambda temporary: _copy(archive, temporary))


def _copy(archive: Path, target: Path) -> None:
    shutil.copyfile(archive, target)


def _gunzip(archive: Path, target: Path) -> None:
    with gzip.open(archive, "rb") as packed, target.open("wb") as file:
        shutil.copyfileobj(packed, file, 1 << 20)


def _untar(archive: Path, files: tuple[str, ...], folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with UnfinishedFolder(folder, archive.name) as temporary:
            with tarfile.open(archive) as tar:
                tar.extractall(temporary.path, filter="data")
            for name in files:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (temporary.path / name).replace(folder / name)
    except (OSError, tarfile.TarError) as error:
        raise SadariError(f"cannot unpack {archive} into {folder}: {error}") from error


def read_published(name: str, reader: str, root: Path) -> ArrayContent:
    """Read the train and test splits of a set that is stored in `root`; its classes keep torchvision's order.

    Raises SadariError where torchvision refuses the files (a wrong sum, a file cut short).
    """
    try:
        with warnings.catch_warnings():
            # CIFAR's pickles, written by an old NumPy, make a new one warn about its own unpickling.
            warnings.simplefilter("ignore")
            splits = {split_name: _read_split(reader, split_name, root) for split_name in ("train", "test")}
    except (RuntimeError, ValueError, AssertionError, TypeError, KeyError, OSError) as error:
        raise SadariError(
            f"torchvision cannot read {name} in {root} ({error or type(error).__name__}); remove its files there, and "
            "the next command downloads them again"
        ) from error
    (train, train_labels, classes), (test, test_labels, _) = splits["train"], splits["test"]
    return ArrayContent(
        images=np.concatenate([train, test]),
        labels=np.concatenate([train_labels, test_labels]),
        ids=tuple(f"{split_name}/{index:05d}" for split_name in splits for index in range(len(splits[split_name][1]))),
        classes=classes,
        source_split=("train",) * len(train) + ("test",) * len(test),
    )


def _read_split(
    reader: str, split_name: str, root: Path
) -> tuple[NDArray[np.uint8], NDArray[np.int64], tuple[str, ...]]:
    """Return (uint8 (N, H, W, C), int64 labels, classes) of the "train" or "test" split."""
    known = _reader(reader)
    data = (
        known(str(root), split=split_name)
        if reader in ("SVHN", "STL10")
        else known(str(root), train=split_name == "train")
    )
    images = np.asarray(data.data)
    if images.ndim == 3:
        images = images[..., None]
    elif reader in ("SVHN", "STL10"):
        images = images.transpose(0, 2, 3, 1)
    labels = np.asarray(data.labels if reader in ("SVHN", "STL10") else data.targets).astype(np.int64)
    if len(images) != len(labels):
        raise ValueError(f"{len(images)} images with {len(labels)} labels in {split_name}")
    classes = getattr(data, "classes", None) or [str(digit) for digit in range(10)]
    return images, labels, tuple(classes)
