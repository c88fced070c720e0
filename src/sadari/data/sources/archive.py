"""Which images does a .zip or .tar(.gz) of class folders hold? Read in place: nothing is unpacked to disk."""

import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path

from sadari.data.cache.digests import remembered_digest
from sadari.data.sources.base import Fetch, FileContent
from sadari.data.sources.layout import Layout, lay_out, refuse_twice, without_wrapper
from sadari.data.sources.members import (
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
    """The images inside the archive at `path`; one folder that wraps everything is skipped.

    `content` raises SadariError for a damaged archive and for one whose members point outside, are links or
    devices, or declare more than MAX_UNPACKED_BYTES; nothing is written before.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        suffix = next((each for each in SUFFIXES if path.name.lower().endswith(each)), path.suffix)
        self.name = path.name[: len(path.name) - len(suffix)] or "images"

    def fingerprint(self) -> str:
        return remembered_digest([self.path], "archive")

    @cached_property
    def _layout(self) -> tuple[Layout, tuple[Member, ...]]:
        members = list_members(self.path)
        layout = lay_out(without_wrapper([member.path for member in members]), str(self.path))
        refuse_twice((entry.id for entry in layout.entries), str(self.path))
        return layout, tuple(members[at] for at in layout.positions)

    def content(self) -> FileContent:
        layout, _ = self._layout
        return FileContent(layout.entries, layout.classes, self._read, self._fetch(), layout.notes)

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
    with _readable(path):
        return list_zip(path) if _is_zip(path) else list_tar(path)


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
