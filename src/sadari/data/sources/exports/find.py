"""Which export of an annotation tool is in a tree of files? The first that is found; none in most trees."""

import json
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from sadari.data.image_file import MAX_FILE_BYTES
from sadari.data.sources.exports import cvat, metadata
from sadari.data.sources.exports.base import Export, Read, lay_out_export
from sadari.data.sources.exports.coco import is_coco, read_coco
from sadari.data.sources.exports.cvat import SYNSETS, is_cvat, read_cvat
from sadari.data.sources.exports.label_studio import (
    is_label_studio,
    is_label_studio_csv,
    read_label_studio,
    read_label_studio_csv,
)
from sadari.data.sources.layout import Layout, is_hidden
from sadari.data.sources.split_folders import SPLIT_NAMES, split_of
from sadari.errors import SadariError

AUTO, FOLDERS = "auto", "folders"  # values of the setting `labels`
ANNOTATIONS = frozenset({"annotations", "annotation", "labels"})  # folders that hold annotation files and no images
ANNOTATED = (
    ".json",
    ".jsonl",
    ".xml",
    ".csv",
    ".parquet",
    SYNSETS,
    *(each.upper() for each in (".json", ".jsonl", ".xml", ".csv")),
)
# Assumed: exports have one such file a split; more of them are descriptions of single images.
MOST_FILES = 16
HEAD = 4096  # bytes of a file in which its kind shows
BEFORE = BOM_UTF8 + BOM_UTF16_LE + BOM_UTF16_BE + b"\0 \t\r\n"  # what may stand before the first letter of JSON


def lay_out_found(paths: Sequence[str], read: Read, where: str, chosen: str = "") -> Layout | None:
    """Return the layout of the export among `paths`, None where there is none; see `find_export`.

    Folders that wrap everything are skipped, in the paths of images too.
    """
    if not any(path.endswith(ANNOTATED) for path in paths):  # most trees, of which some have a million files
        return None
    wrapper = "" if chosen else _wrapper(paths)
    within = [path.removeprefix(wrapper) for path in paths]
    export = find_export(within, lambda path: read(wrapper + path), where, chosen)
    return None if export is None else lay_out_export(export, within, where)


def _wrapper(paths: Sequence[str]) -> str:
    """Return the folders that all files have in common and that are no splits, such as "export/"; "" for none."""
    folders = [path.split("/")[:-1] for path in paths if not is_hidden(path.split("/"))]
    shared = folders[0] if folders else []
    for each in folders:
        shared = [a for a, b in takewhile(lambda pair: pair[0] == pair[1], zip(shared, each, strict=False))]
    outer = takewhile(lambda name: name.lower() not in SPLIT_NAMES and name.lower() not in ANNOTATIONS, shared)
    return "".join(f"{name}/" for name in outer)


def find_export(paths: Sequence[str], read: Read, where: str, chosen: str = "") -> Export | None:
    """Return what an annotation file among `paths` says, None where there is none of a known form.

    read: reads a file by its path. where: what the user called the tree. chosen: the only annotation file to read,
    which must be one then. Raises SadariError for an annotation file that is damaged or gives an image several classes.
    """
    seen = [path for path in paths if not is_hidden(path.split("/"))] if not chosen else [chosen]
    found = None if chosen else metadata.find_roboflow(seen, read, where) or metadata.find(seen, read, where)
    if found is None and not chosen:
        found = cvat.find_imagenet(seen)
    if found is None:
        files = _Candidates(tuple(seen), tuple(paths), read, where)
        found = joined(list(files.exports()))
    if found is None and chosen:
        raise SadariError(
            f"{where}/{chosen} is no annotation file of a known form; those of COCO, Label Studio (choices) and CVAT "
            "for images (tags) are known, and lines of JSON with file_name and label"
        )
    return found


def joined(exports: Sequence[Export]) -> Export | None:
    """Return exports of one kind as one; those of the first kind where there are several."""
    same = [each for each in exports if each.kind == exports[0].kind]
    if not same:
        return None
    images, notes = (tuple(x for each in same for x in getattr(each, name)) for name in ("images", "notes"))
    return Export(same[0].kind, tuple(each.files[0] for each in same), images, notes)


@dataclass(frozen=True)
class _Candidates:
    """The files of a tree that may be exports: at its top, in a folder of annotations, or in that of a split."""

    seen: tuple[str, ...]
    paths: tuple[str, ...]
    read: Read
    where: str

    def exports(self) -> Iterator[Export]:
        for path in self._likely():
            ending = path.rpartition(".")[2].lower()
            if ending in ("jsonl", "parquet"):
                found = metadata.read_metadata(path, self._content(path), self.where)
            else:
                found = {"json": self._json, "xml": self._xml, "csv": self._csv}[ending](path)
            if found is not None:
                yield found

    def _likely(self) -> list[str]:
        endings = (".json", ".xml", ".csv", ".jsonl", ".parquet") if len(self.seen) == 1 else (".json", ".xml", ".csv")
        files = [path for path in self.seen if path.lower().endswith(endings) and self._is_placed(path)]
        crowded = Counter(path.rpartition("/")[0] for path in files)
        return sorted(path for path in files if crowded[path.rpartition("/")[0]] <= MOST_FILES)

    def _is_placed(self, path: str) -> bool:
        folders = path.split("/")[:-1]
        return len(self.seen) == 1 or all(each.lower() in ANNOTATIONS or split_of(each) for each in folders)

    def _content(self, path: str) -> bytes:
        content = self.read(path)
        if len(content) > MAX_FILE_BYTES:  # reading a document takes some times its size
            more = f"is larger than {MAX_FILE_BYTES >> 20} MiB; export fewer images at a time"
            raise SadariError(f"{self.where}/{path} {more}")
        return content

    def _json(self, path: str) -> Export | None:
        content = self._content(path)
        if content[:HEAD].lstrip(BEFORE)[:1] not in (b"{", b"["):
            return None
        try:
            document: Any = json.loads(content)  # it finds out the form of Unicode by itself
        except (ValueError, RecursionError):
            return None
        if is_coco(document):
            return read_coco(document, path, self.where)
        return read_label_studio(document, path, self.where, self.paths) if is_label_studio(document) else None

    def _xml(self, path: str) -> Export | None:
        content = self._content(path)
        return read_cvat(content, path, self.where) if is_cvat(content[:HEAD].replace(b"\0", b"")) else None

    def _csv(self, path: str) -> Export | None:
        content = self._content(path)
        if not is_label_studio_csv(content[:HEAD]):
            return None
        return read_label_studio_csv(content, path, self.where, self.paths)


def top_of(file: Path) -> Path:
    """Return the top of the tree of an annotation file: its folder, or the one above a folder of annotations."""
    return file.parent.parent if file.parent.name.lower() in ANNOTATIONS else file.parent


def is_export_table(path: Path) -> bool:
    """Return whether the file at `path` is a .csv that Label Studio wrote, whose images are named in its own way."""
    if path.suffix.lower() != ".csv":
        return False
    try:
        with path.open("rb") as file:
            return is_label_studio_csv(file.read(HEAD))
    except OSError:
        return False
