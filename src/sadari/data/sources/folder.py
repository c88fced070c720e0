"""Which images does a folder of class folders hold?"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from sadari.data.cache.digests import remembered_digest
from sadari.data.decisions.file import NAME
from sadari.data.image_file import MAX_FILE_BYTES
from sadari.data.sources.base import FileContent
from sadari.data.sources.exports.find import lay_out_found
from sadari.data.sources.layout import Layout, lay_out, refuse_twice, wrapper_of
from sadari.data.sources.split_folders import AUTO
from sadari.errors import SadariError


class FolderSource:
    """The images in `folder`: `<class>/...` or `<split>/<class>/...`, or as an export in it says.

    Links are followed, loops are not. Folders that wrap everything are skipped. split_folders: see `find_levels`.
    labels: "auto", or "folders", where no export is looked for. chosen: an annotation file in `folder`, whose labels
    are taken. Its methods raise SadariError where the tree cannot be read as classes.
    """

    def __init__(self, folder: Path, split_folders: str = AUTO, labels: str = AUTO, chosen: str = "") -> None:
        self.folder = folder
        self.name = Path(chosen).stem if chosen else folder.resolve().name or "images"
        self._split_folders = split_folders
        self._labels = labels
        self._chosen = chosen

    @cached_property
    def _layout(self) -> tuple[Layout, tuple[Path, ...]]:
        tree = walk_tree(self.folder)
        files = [each for each in tree.files if each != NAME]  # decisions about the images, which are no data
        if not files and tree.dead:
            raise SadariError(
                f"{self.folder} holds {len(tree.dead):,} links that lead nowhere, such as {tree.dead[0]}, and no files"
            )
        layout = self._exported(files) or self._of_folders(files, tree.folders)
        if tree.dead:
            note = f"left out {len(tree.dead):,} links that lead nowhere, such as {tree.dead[0]}"
            layout = replace(layout, notes=(*layout.notes, note))
        return layout, tuple(self.folder / files[at] for at in layout.positions)

    def _exported(self, files: Sequence[str]) -> Layout | None:
        if self._labels != AUTO and not self._chosen:
            return None
        return lay_out_found(files, lambda path: _read(self.folder / path), str(self.folder), self._chosen)

    def _of_folders(self, files: Sequence[str], folders: Sequence[str]) -> Layout:
        wrapper = wrapper_of(files)
        within, tops = ([each.removeprefix(wrapper) for each in given] for given in (files, folders))
        return lay_out(within, str(self.folder), tops, self._split_folders)

    def fingerprint(self) -> str:
        layout, files = self._layout
        names = (f"{entry.source_split}/{layout.classes[entry.label]}/{entry.id}" for entry in layout.entries)
        return remembered_digest(files, "folder", *names)

    def notes(self) -> tuple[str, ...]:
        return self._layout[0].notes

    def content(self) -> FileContent:
        layout, files = self._layout
        ids = [entry.id for entry in layout.entries]
        refuse_twice(ids, str(self.folder))
        fetch = partial(read_named, dict(zip(ids, files, strict=True)))
        return FileContent(layout.entries, layout.classes, lambda: read_files(files), fetch, (), layout.photographs)


def read_files(files: Sequence[Path]) -> Iterator[tuple[int, bytes]]:
    """Read each file: (position, bytes), at most one byte beyond MAX_FILE_BYTES. Raises SadariError on failure."""
    for position, path in enumerate(files):
        yield position, _read(path)


def read_named(files: Mapping[str, Path], name: str) -> bytes:
    """Read the file with the id `name` in `files`, as `read_files` does."""
    return _read(files[name])


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SadariError(f"cannot read {path}: {error.strerror or error}") from None


@dataclass(frozen=True)
class Tree:
    """Everything below a folder, as relative POSIX paths: files, folders, and links that lead nowhere (sorted)."""

    files: list[str]
    folders: list[str]
    dead: list[str]


def walk(root: Path) -> tuple[list[str], list[str]]:
    """List files and links that lead nowhere, as `walk_tree` does."""
    tree = walk_tree(root)
    return tree.files, tree.dead


def walk_tree(root: Path) -> Tree:
    """List what is in `root`.

    A folder that is inside itself by a link is entered once. Raises SadariError where a folder cannot be read.
    """
    tree = Tree([], [], [])
    waiting: list[tuple[Path, str, frozenset[tuple[int, int]]]] = [(root, "", frozenset())]
    while waiting:
        folder, prefix, above = waiting.pop()
        here, entries = _list(folder)
        if here in above:
            continue
        for entry in entries:
            try:
                if entry.is_dir():
                    tree.folders.append(prefix + entry.name)
                    waiting.append((folder / entry.name, f"{prefix}{entry.name}/", above | {here}))
                elif entry.is_file():
                    tree.files.append(prefix + entry.name)
                elif entry.is_symlink():
                    tree.dead.append(prefix + entry.name)
            except OSError:  # a link to itself
                tree.dead.append(prefix + entry.name)
    tree.dead.sort()
    return tree


def _list(folder: Path) -> tuple[tuple[int, int], list[os.DirEntry[str]]]:
    """Return what identifies the folder on this machine, and its entries."""
    try:
        stat = folder.stat()
        with os.scandir(folder) as listing:
            return (stat.st_dev, stat.st_ino), list(listing)
    except OSError as error:
        raise SadariError(f"cannot read the folder {folder}: {error.strerror or error}") from None
