"""What does an export say of images, and which files of the tree does it mean?"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from posixpath import basename, normpath

from sadari.data.sources.base import FileEntry
from sadari.data.sources.layout import Layout, file_notes, is_image, plain_text, replaced_note, text_id
from sadari.data.sources.split_folders import split_of
from sadari.errors import SadariError

NAMED = 3
Read = Callable[[str], bytes]  # the content of one file of the tree, by its path
# Folders that tools put between an annotation file and its images, or above both.
BETWEEN = ("", "images/", "../", "../images/", "data/", "../data/")
URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Labelled:
    """One image of an export.

    name: its file, as the export says it. label: its class. split: "train", "val", "test", or "" where the export does
    not say it. source: path of the annotation file in the tree.
    """

    name: str
    label: str
    split: str
    source: str


@dataclass(frozen=True)
class Export:
    """The labels of an export. kind: the tool or form, for notes; files: the annotation files, as paths in the tree."""

    kind: str
    files: tuple[str, ...]
    images: tuple[Labelled, ...]
    notes: tuple[str, ...] = ()


def lay_out_export(export: Export, paths: Sequence[str], where: str) -> Layout:
    """Return the images that `export` names among `paths`, sorted by path; classes are the sorted labels.

    A name means the file at that path from the annotation file or from the top of the tree, else the one file of that
    base name whose folders are most alike. The split of an image is what the export says, else that of the
    annotation file's name or folder, else that of the image's folders. Raises SadariError where a file is not there,
    could be several, or is named twice.
    """
    found = _Files(paths)
    missing: list[str] = []
    placed: dict[str, Labelled] = {}
    for image in export.images:
        path = found.of(image, where)
        if path is None:
            missing.append(image.name)
        elif path in placed and placed[path].label != image.label:
            raise SadariError(
                f"{where}: {image.source} names {path} twice, as '{placed[path].label}' and '{image.label}'; keep one"
            )
        else:
            placed[path] = image
    if missing:
        raise SadariError(_missing(export, missing, where))
    if not placed:
        raise SadariError(f"{where}: {export.files[0]} ({export.kind}) labels no image; {' '.join(export.notes)}")
    number = {path: at for at, path in enumerate(paths)}
    names = {path: plain_text(image.label) for path, image in placed.items()}
    classes = tuple(sorted(set(names.values())))
    index = {name: at for at, name in enumerate(classes)}
    ordered = sorted(placed)
    entries = tuple(FileEntry(text_id(path, where), index[names[path]], _split(placed[path], path)) for path in ordered)
    return Layout(entries, tuple(number[path] for path in ordered), classes, _notes(export, paths, placed, ordered))


class _Files:
    """The images of a tree, to be found by what an export calls them."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._all = {path for path in paths if is_image(path.split("/"))}
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self._all):
            self._by_name[basename(path)].append(path)

    def of(self, image: Labelled, where: str) -> str | None:
        """Return the path of `image`, None where it is not there; SadariError where it could be several."""
        name = image.name.replace("\\", "/")
        if not URL.match(name):
            folder = image.source.rpartition("/")[0]
            for between in BETWEEN:
                path = normpath(f"{folder}/{between}{name.lstrip('/')}").lstrip("/")
                if path in self._all:
                    return path
            if normpath(name.lstrip("/")) in self._all:
                return normpath(name.lstrip("/"))
        same_name = self._by_name.get(basename(name), [])
        most = max((_shared(path, name) for path in same_name), default=0)
        ending = [path for path in same_name if _shared(path, name) == most]
        beside = [path for path in ending if image.split and split_of_path(path) == image.split]
        found = beside if len(beside) == 1 else ending
        if len(found) > 1:
            raise SadariError(
                f"{where}: {image.source} names {image.name}, which could be {found[0]} and {found[1]}; give its path "
                "from the annotation file"
            )
        return found[0] if found else None


def _shared(path: str, name: str) -> int:
    """Return how many segments `path` and `name` have in common at their ends."""
    pairs = zip(reversed(path.split("/")), reversed(name.split("/")), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def split_of_path(path: str) -> str:
    """Return the split that a folder of `path` names, the outermost first; "" where none does."""
    return next((split for each in path.split("/")[:-1] if (split := split_of(each))), "")


def split_of_file(path: str) -> str:
    """Return the split that the name of an annotation file says, or a folder of it; "" where none does."""
    return split_of(basename(path).rpartition(".")[0]) or split_of_path(path)


def _split(image: Labelled, path: str) -> str:
    return image.split or split_of_file(image.source) or split_of_path(path)


def _missing(export: Export, names: Sequence[str], where: str) -> str:
    shown = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")
    remedy = "put them there"
    if any(URL.match(name) for name in names):
        remedy = "they are addresses, and nothing is downloaded: put the files there, under the same names"
    return (
        f"{where}: {export.files[0]} ({export.kind}) names {len(names):,} of {len(export.images):,} images that are "
        f"not there: {shown}; {remedy}"
    )


def _notes(
    export: Export, paths: Sequence[str], placed: Mapping[str, Labelled], ordered: Sequence[str]
) -> tuple[str, ...]:
    more = f" and {len(export.files) - NAMED:,} more" if len(export.files) > NAMED else ""
    notes = [f"the classes are those of {', '.join(export.files[:NAMED])}{more} ({export.kind}), not of folders"]
    unnamed = sum(is_image(path.split("/")) and path not in placed for path in paths)
    if unnamed:
        notes.append(f"left out {unnamed:,} image{'' if unnamed == 1 else 's'} to which no class is given there")
    read = {*export.files, *placed}
    others = [path.split("/") for path in paths if path not in read]
    return (
        *map(plain_text, notes),
        *export.notes,
        *file_notes([each for each in others if not is_image(each)]),
        *replaced_note("classes", (image.label for image in placed.values())),
        *replaced_note("files", (basename(path) for path in ordered)),
    )


def one_label(labels: Iterable[str], name: str, source: str, kind: str) -> str:
    """Return the one class in `labels`, "" where there is none. Raises SadariError for several.

    name: of the image, source: of the annotation file, kind: what the labels are in it, such as "categories".
    """
    found = sorted(set(labels))
    if len(found) > 1:
        shown = ", ".join(f"'{each}'" for each in found[:NAMED]) + (" and others" if len(found) > NAMED else "")
        raise SadariError(
            f"{source} gives {name} {len(found)} {kind} ({shown}), and a classifier needs one class an image; keep "
            "one, or cut the objects out as images of their own"
        )
    return found[0] if found else ""


def unlabelled_note(count: int, source: str) -> tuple[str, ...]:
    """Return a note on images to which `source` gives no class."""
    if not count:
        return ()
    return (f"{source} gives {count:,} image{'' if count == 1 else 's'} no class; they are left out",)
