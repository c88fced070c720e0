"""Which images does a .zip or .tar(.gz) of class folders hold? Read in place: nothing is unpacked to disk."""

import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

from sadari.data.cache.digests import remembered_digest
from sadari.data.sources.base import Fetch, FileContent
from sadari.data.sources.encodings import AUTO
from sadari.data.sources.exports import web
from sadari.data.sources.exports.base import lay_out_export
from sadari.data.sources.exports.find import lay_out_found
from sadari.data.sources.layout import Layout, lay_out, refuse_twice, wrapper_of
from sadari.data.sources.members import (
    Listing,
    Member,
    Pick,
    is_compressed,
    list_tar,
    list_zip,
    read_tar,
    read_zip,
    tar_picker,
    zip_picker,
)
from sadari.errors import SadariError

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)


class ArchiveSource:
    """The images inside the archive at `path`; folders that wrap everything are skipped.

    encoding: of the names where the archive does not say it, or "auto". split_folders: see `find_levels`. labels: see
    FolderSource.
    `content` raises SadariError for a damaged archive and for one whose members point outside, are devices, or declare
    more than MAX_UNPACKED_BYTES; nothing is written before.
    """

    def __init__(self, path: Path, encoding: str = AUTO, split_folders: str = AUTO, labels: str = AUTO) -> None:
        self.path = path
        self._labels = labels
        self._encoding = encoding
        self._split_folders = split_folders
        suffix = next((each for each in SUFFIXES if path.name.lower().endswith(each)), path.suffix)
        self.name = path.name[: len(path.name) - len(suffix)] or "images"

    def fingerprint(self) -> str:
        return remembered_digest([self.path], "archive")

    def notes(self) -> tuple[str, ...]:
        return ()  # the fingerprint covers every file of the archive, those that are left out included

    @cached_property
    def _layout(self) -> tuple[Layout, tuple[Member, ...]]:
        listing = list_archive(self.path, self._encoding)
        members = listing.members
        paths = [member.path for member in members]
        layout = self._exported(paths, members) or self._of_folders(paths, listing.folders)
        refuse_twice((entry.id for entry in layout.entries), str(self.path))
        layout = replace(layout, notes=(*listing.notes, *layout.notes))
        return layout, tuple(members[at] for at in layout.positions)

    def _exported(self, paths: Sequence[str], members: Sequence[Member]) -> Layout | None:
        if self._labels != AUTO:
            return None
        by_path = dict(zip(paths, members, strict=True))

        def read(files: Sequence[str]) -> Iterator[tuple[int, bytes]]:
            return read_members(self.path, [by_path[path] for path in files])

        found = None if _is_zip(self.path) else web.find(paths, read, str(self.path))
        if found is not None:
            return lay_out_export(found, paths, str(self.path))
        return lay_out_found(paths, lambda path: next(read([path]))[1], str(self.path))

    def _of_folders(self, paths: Sequence[str], folders: Sequence[str]) -> Layout:
        wrapper = wrapper_of(paths)
        within, tops = ([each.removeprefix(wrapper) for each in given] for given in (paths, folders))
        return lay_out(within, str(self.path), tops, self._split_folders)

    def content(self) -> FileContent:
        layout, _ = self._layout
        return FileContent(layout.entries, layout.classes, self._read, self._fetch(), layout.notes, layout.photographs)

    def _read(self) -> Iterator[tuple[int, bytes]]:
        _, members = self._layout
        yield from read_members(self.path, members)

    def _fetch(self) -> Fetch | None:
        """Return what reads one file by its id; None for a compressed .tar, which only unpacks from its beginning."""
        layout, members = self._layout
        by_id = {entry.id: member for entry, member in zip(layout.entries, members, strict=True)}
        if _is_zip(self.path):
            return partial(_pick, self.path, zip_picker(self.path), by_id)
        with self.path.open("rb") as file:
            return None if is_compressed(file) else partial(_pick, self.path, tar_picker(self.path), by_id)


def list_members(path: Path) -> list[Member]:
    """List the files of the archive at `path`, in its own order. Raises SadariError as ArchiveSource does."""
    return list(list_archive(path).members)


def list_archive(path: Path, encoding: str = AUTO) -> Listing:
    """List the archive at `path`; `encoding` is that of names that do not say it. Raises as ArchiveSource does."""
    with _readable(path):
        return list_zip(path, encoding) if _is_zip(path) else list_tar(path, encoding)


def read_members(path: Path, members: Sequence[Member]) -> Iterator[tuple[int, bytes]]:
    """Read each of `members` once: (position in `members`, bytes), in the order of the archive.

    At most one byte beyond MAX_FILE_BYTES is read of each. Raises SadariError where the archive is damaged.
    """
    wanted = {member: position for position, member in enumerate(members)}
    with _readable(path):
        yield from read_zip(path, wanted) if _is_zip(path) else read_tar(path, wanted)


def _pick(path: Path, pick: Pick, by_id: Mapping[str, Member], name: str) -> bytes:
    with _readable(path):
        return pick(by_id[name])


def _is_zip(path: Path) -> bool:
    return path.name.lower().endswith(".zip")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn the errors of reading a damaged archive into SadariError."""
    try:
        yield
    except BROKEN as error:
        raise SadariError(
            f"cannot read {path}: it is damaged, cut short or no such archive ({str(error) or type(error).__name__}); "
            "make or fetch it again"
        ) from None
