"""Where are images that came from no file of the user? Stored as encoded files in one entry of the cache."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

from sadari.data.cache.digests import DIGEST_BYTES, cache_dir, digest_texts
from sadari.data.cache.entries import LIMIT, EntryBuild, make_room, mark_used, most_bytes
from sadari.data.cache.seal import is_unaltered
from sadari.data.image_file import MAX_FILE_BYTES
from sadari.data.sources.base import FileContent, FileEntry
from sadari.data.sources.layout import plain_text, printable
from sadari.errors import SadariError
from sadari.files import write_json
from sadari.progress import Progress, Silent

KIND = "objects"
INDEX, FILES = "images.json", "images.bin"
FORMAT = "sadari images 1"
SAVED_AGAIN = "hand the images over once more, as they were"


@dataclass(frozen=True, slots=True)
class Handed:
    """One image that is handed over.

    content: an encoded file. label: the name of its class. split: "train", "val", "test" or "". path: what it was
    called, "" where it has no name.
    """

    content: bytes
    label: str
    split: str
    path: str = ""


@dataclass(frozen=True)
class About:
    """What is known of a set that is handed over, besides its images.

    name: a short one. origin: a phrase on where it is from. classes: in the order that the object gives; () sorts those
    that there are. notes: what a user should know, which may be found while the images are read.
    """

    name: str
    origin: str
    classes: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)


def store_folder(key: str) -> Path:
    """Return the folder of the entry with this key."""
    return cache_dir() / KIND / key


def is_entry(folder: Path) -> bool:
    """Return whether `folder` is, or was, an entry of images in the cache."""
    if folder.parent.name != KIND:
        return False
    return folder.parent.parent in (cache_dir(), cache_dir().resolve())  # a path that was stored has no links


def is_stored(folder: Path) -> bool:
    """Return whether `folder` is an entry that `store` wrote, and whole."""
    return is_entry(folder) and (folder / INDEX).is_file() and is_unaltered(folder, KIND)


def store(images: Iterable[Handed], about: About, progress: Progress, key: str = "") -> Path:
    """Write `images`, one after the other, into an entry of the cache, and return its folder.

    key: of the entry; "" for the fingerprint of the images, so that the same ones are stored once. Raises SadariError
    where there are none, and where they take more than the cache may hold.
    """
    with EntryBuild(store_folder(key or "images"), lambda: is_stored(target)) as build:
        with (build.folder / FILES).open("wb") as file:
            rows = _write(images, file, about, progress)
        index = _index(rows, about)
        write_json(build.folder / INDEX, index, indent=None)
        target = store_folder(key or str(index["fingerprint"]))
        make_room(rows.end)
        build.publish(target)
    return target


@dataclass
class _Rows:
    """What was written: one item an image in each list."""

    paths: list[str]
    labels: list[str]
    splits: list[str]
    starts: list[int]
    sizes: list[int]
    digests: list[str]
    end: int = 0


def _write(images: Iterable[Handed], file: BinaryIO, about: About, progress: Progress) -> _Rows:
    rows, most = _Rows([], [], [], [], [], []), most_bytes()
    with progress.task("taking over", 0, "images") as task:
        for image in images:
            if len(image.content) > MAX_FILE_BYTES:
                name = image.path or f"number {len(rows.paths)}"
                raise SadariError(f"image {name} of {about.origin} has more than {MAX_FILE_BYTES >> 20} MiB")
            if rows.end + len(image.content) > most:
                raise SadariError(
                    f"the images of {about.origin} take more than the {most / 2**30:.3g} GiB that the cache in "
                    f"{cache_dir()} may hold; raise {LIMIT}, or make room on the disk"
                )
            file.write(image.content)
            for column, value in zip(
                (rows.paths, rows.labels, rows.splits, rows.starts, rows.sizes),
                (image.path, image.label, image.split, rows.end, len(image.content)),
                strict=True,
            ):
                column.append(value)  # type: ignore[attr-defined]
            rows.digests.append(blake2b(image.content, digest_size=DIGEST_BYTES).hexdigest())
            rows.end += len(image.content)
            task.advance(1)
    if not rows.paths:
        raise SadariError(f"{about.origin} holds no images; a classifier needs images of at least two classes")
    return rows


def _index(rows: _Rows, about: About) -> dict[str, Any]:
    ids = ids_of([printable(plain_text(path)) for path in rows.paths], rows.splits)
    labels = [plain_text(label) for label in rows.labels]
    given = tuple(plain_text(name) for name in about.classes)
    classes = given or tuple(sorted(set(labels)))
    index = {name: at for at, name in enumerate(classes)}
    order = sorted(range(len(ids)), key=ids.__getitem__)
    return {
        "format": FORMAT,
        "name": about.name,
        "origin": about.origin,
        "fingerprint": fingerprint_of_images(
            [f"{rows.splits[at]}/{labels[at]}/{ids[at]}" for at in order],
            [rows.digests[at] for at in order],
            classes if classes != tuple(sorted(set(labels))) else (),
        ),
        "notes": about.notes,
        "classes": list(classes),
        "ids": [ids[at] for at in order],
        "labels": [index[labels[at]] for at in order],
        "splits": [rows.splits[at] for at in order],
        "starts": [rows.starts[at] for at in order],
        "sizes": [rows.sizes[at] for at in order],
    }


def fingerprint_of_images(names: Sequence[str], digests: Sequence[str], classes: Sequence[str]) -> str:
    """Return the fingerprint of images that are sorted by id: that of a folder that holds them under these names.

    names: `split/class/id` of each; digests: of each one's bytes. classes: where they are not simply the sorted ones.
    """
    return digest_texts("folder", *names, *digests, *(("classes", *classes) if classes else ()))


def ids_of(paths: Sequence[str], splits: Sequence[str]) -> list[str]:
    """Return a unique id for each image: its path below what all have in common, else numbers in each split."""
    tails = _below_common([path.replace("\\", "/") for path in paths])
    if all(tails):
        if len(set(tails)) == len(tails):
            return tails
        inside = [f"{split}/{tail}".removeprefix("/") for split, tail in zip(splits, tails, strict=True)]
        if len(set(inside)) == len(inside):
            return inside
    counts: dict[str, int] = {}
    ids = []
    for split in splits:
        number = counts[split] = counts.get(split, -1) + 1
        ids.append(f"{split}/{number:05d}".removeprefix("/"))
    return ids


def _below_common(paths: Sequence[str]) -> list[str]:
    """Return the paths without the folders that are common to all where they begin at a root; others as they are."""
    if not all(path.startswith("/") or "://" in path for path in paths):
        return list(paths)
    first, last = min(paths).split("/")[:-1], max(paths).split("/")[:-1]
    shared = 0
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    return ["/".join(path.split("/")[shared:]) for path in paths]


class StoredSource:
    """The images of the entry in `folder`, which `store` wrote. Its methods raise SadariError for a damaged one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        mark_used(folder)

    @cached_property
    def index(self) -> dict[str, Any]:
        """Return what is known of the images."""
        try:
            document: dict[str, Any] = json.loads((self.folder / INDEX).read_text(encoding="utf-8"))
            if document["format"] != FORMAT:
                raise ValueError(document["format"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SadariError(f"cannot read the images stored in {self.folder} ({error}); {SAVED_AGAIN}") from None
        return document

    @property
    def name(self) -> str:
        return str(self.index["name"])

    def fingerprint(self) -> str:
        return str(self.index["fingerprint"])

    def notes(self) -> tuple[str, ...]:
        return tuple(self.index.get("notes", ()))

    def content(self) -> FileContent:
        index = self.index
        entries = tuple(
            FileEntry(name, label, split)
            for name, label, split in zip(index["ids"], index["labels"], index["splits"], strict=True)
        )
        places = list(zip(index["starts"], index["sizes"], strict=True))
        by_id = dict(zip(index["ids"], places, strict=True))
        fetch = partial(_fetch, self.folder / FILES, by_id)
        return FileContent(entries, tuple(index["classes"]), partial(self._read, places), fetch)

    def _read(self, places: Sequence[tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
        """Read all images in the order in which they are stored."""
        with (self.folder / FILES).open("rb") as file:
            for at in sorted(range(len(places)), key=places.__getitem__):
                file.seek(places[at][0])
                yield at, file.read(places[at][1])


def _fetch(path: Path, places: dict[str, tuple[int, int]], name: str) -> bytes:
    start, size = places[name]
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(size)
    except OSError as error:
        raise SadariError(f"cannot read {path}: {error.strerror or error}; {SAVED_AGAIN}") from None


class BroughtSource(StoredSource):
    """Images that are brought into the cache once, such as from a table of parquet or from a hub.

    key: of the entry; it stands for the content. fill: returns what is known of the images, and them one by one.
    """

    def __init__(self, name: str, key: str, fill: Callable[[], tuple[About, Iterable[Handed]]]) -> None:
        super().__init__(store_folder(key))
        self._name = name
        self._key = key
        self._fill = fill

    @property
    def name(self) -> str:
        return self._name

    def bring(self, progress: Progress) -> None:
        """Store the images where they are not; raises as `store` does, and what `fill` raises."""
        if not is_stored(self.folder):
            about, images = self._fill()
            store(images, about, progress, self._key)
            self.__dict__.pop("index", None)

    def fingerprint(self) -> str:
        self.bring(Silent())
        return super().fingerprint()
