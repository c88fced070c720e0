"""Which images does a folder of class folders hold?"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

from sadari.data.cache.digests import remembered_digest
from sadari.data.decode import MAX_FILE_BYTES
from sadari.data.sources.base import FileContent
from sadari.data.sources.layout import Layout, lay_out
from sadari.errors import SadariError


class FolderSource:
    """The images in `folder`: `<class>/...` or `<split>/<class>/...`. Links are followed, loops are not.

    Its methods raise SadariError where the tree cannot be read as classes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.resolve().name or "images"

    @cached_property
    def _layout(self) -> tuple[Layout, tuple[Path, ...]]:
        paths, dead = walk(self.folder)
        layout = lay_out(paths, str(self.folder))
        if dead:
            note = f"left out {len(dead):,} links that lead nowhere, such as {dead[0]}"
            layout = replace(layout, notes=(*layout.notes, note))
        return layout, tuple(self.folder / paths[at] for at in layout.positions)

    def fingerprint(self) -> str:
        layout, files = self._layout
        names = (f"{entry.source_split}/{layout.classes[entry.label]}/{entry.id}" for entry in layout.entries)
        return remembered_digest(files, "folder", *names)

    def content(self) -> FileContent:
        layout, files = self._layout
        return FileContent(
            layout.entries, layout.classes, lambda: read_files(files), partial(read_below, self.folder), layout.notes
        )


def read_files(files: Sequence[Path]) -> Iterator[tuple[int, bytes]]:
    """Read each file: (position, bytes), at most one byte beyond MAX_FILE_BYTES. Raises SadariError on failure."""
    for position, path in enumerate(files):
        yield position, _read(path)


def read_below(folder: Path, name: str) -> bytes:
    """Read the file `name` in `folder`, as `read_files` does."""
    return _read(folder / name)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SadariError(f"cannot read {path}: {error.strerror or error}") from None


def walk(root: Path) -> tuple[list[str], list[str]]:
    """List relative POSIX paths of all files in `root`, and of the links that lead nowhere.

    A folder that is inside itself by a link is entered once. Raises SadariError where a folder cannot be read.
    """
    paths: list[str] = []
    dead: list[str] = []
    waiting: list[tuple[Path, str, frozenset[tuple[int, int]]]] = [(root, "", frozenset())]
    while waiting:
        folder, prefix, above = waiting.pop()
        here, entries = _list(folder)
        if here in above:
            continue
        for entry in entries:
            try:
                if entry.is_dir():
                    waiting.append((folder / entry.name, f"{prefix}{entry.name}/", above | {here}))
                elif entry.is_file():
                    paths.append(prefix + entry.name)
                elif entry.is_symlink():
                    dead.append(prefix + entry.name)
            except OSError:  # a link to itself
                dead.append(prefix + entry.name)
    return paths, sorted(dead)


def _list(folder: Path) -> tuple[tuple[int, int], list[os.DirEntry[str]]]:
    """Return what identifies the folder on this machine, and its entries."""
    try:
        stat = folder.stat()
        with os.scandir(folder) as listing:
            return (stat.st_dev, stat.st_ino), list(listing)
    except OSError as error:
        raise SadariError(f"cannot read the folder {folder}: {error.strerror or error}") from None
