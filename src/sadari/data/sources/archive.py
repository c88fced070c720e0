"""Which images does a .zip or .tar(.gz) of class folders hold? Read in place: nothing is unpacked to disk."""

import gzip
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from threading import Lock
from typing import IO, cast

from sadari.data.cache.digests import remembered_digest
from sadari.data.decode import MAX_FILE_BYTES
from sadari.data.sources.base import Fetch, FileContent
from sadari.data.sources.layout import Layout, lay_out, refuse_twice, without_wrapper
from sadari.errors import SadariError

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
# Assumed: larger sets come as folders; a bomb that unpacks to more is refused before its content is read.
MAX_UNPACKED_BYTES = 50 * 10**9
# Assumed: above the largest public sets (ImageNet-21k has 14 million images, and comes as many archives).
MAX_MEMBERS = 5_000_000
DRIVE = re.compile(r"[A-Za-z]:[/\\]")
GZIP_MAGIC = b"\x1f\x8b"
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


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: its path there, its declared size, and where it starts (tar: byte; zip: number)."""

    path: str
    size: int
    start: int


Pick = Callable[[Member], bytes]


class ArchiveSource:
    """The images inside the archive at `path`; one folder that wraps everything is skipped.

    Raises SadariError, when first asked for its content, for a damaged archive and for one whose members
    climb out, are links or devices, or declare more than MAX_UNPACKED_BYTES; nothing is written before.
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
        """What reads one file by its id; None for a compressed .tar, which only unpacks from its beginning."""
        layout, members = self._layout
        by_id = {entry.id: member for entry, member in zip(layout.entries, members, strict=True)}
        if _is_zip(self.path):
            return partial(_pick, self.path, zip_picker(self.path), by_id)
        with self.path.open("rb") as file:
            return None if _is_compressed(file) else partial(_pick, self.path, tar_picker(self.path), by_id)


def list_members(path: Path) -> list[Member]:
    """Which files does the archive at `path` hold, in its own order? Raises SadariError as ArchiveSource does."""
    with _readable(path):
        return _list_zip(path) if _is_zip(path) else _list_tar(path)


def read_members(path: Path, members: Sequence[Member]) -> Iterator[tuple[int, bytes]]:
    """What is in each of `members`? (position in `members`, bytes) once for each, in the order of the archive.

    At most one byte beyond MAX_FILE_BYTES is read of each. Raises SadariError where the archive is damaged.
    """
    wanted = {member: position for position, member in enumerate(members)}
    with _readable(path):
        yield from _read_zip(path, wanted) if _is_zip(path) else _read_tar(path, wanted)


def _pick(path: Path, pick: Pick, by_id: Mapping[str, Member], name: str) -> bytes:
    with _readable(path):
        return pick(by_id[name])


def _is_zip(path: Path) -> bool:
    return path.name.lower().endswith(".zip")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except BROKEN as error:
        raise SadariError(
            f"cannot read {path}: it is damaged, cut short or no such archive ({str(error) or type(error).__name__}); "
            "make or fetch it again"
        ) from None


class _Guard:
    """Refuses an archive as its members are listed, one after the other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._bytes = 0
        self._members = 0

    def plain_path(self, name: str) -> str:
        """The member's path without "./", or SadariError where it would leave the folder it is unpacked in."""
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
        if name.startswith(("/", "\\")) or ".." in parts or DRIVE.match(name):
            raise SadariError(f"refused {self._path}: its member '{name}' points outside the archive")
        return "/".join(parts)

    def refuse_special(self, name: str, kind: str) -> None:
        raise SadariError(f"refused {self._path}: its member '{name}' is {kind}; pack plain files only")

    def count(self, size: int) -> None:
        """Add a member of that declared size; SadariError as soon as a sum is beyond its limit."""
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise SadariError(f"refused {self._path}: it has more than {MAX_MEMBERS:,} members; unpack it yourself")
        if size < 0:  # tarfile would walk backwards and never end
            raise tarfile.ReadError("a member of negative size")
        self._bytes += size
        if self._bytes > MAX_UNPACKED_BYTES:
            raise SadariError(
                f"refused {self._path}: it unpacks to more than {MAX_UNPACKED_BYTES / 10**9:.0f} GB; "
                "unpack it yourself and name the folder if that is meant"
            )


def _list_zip(path: Path) -> list[Member]:
    guard = _Guard(path)
    members = []
    with zipfile.ZipFile(path) as archive:
        for number, info in enumerate(archive.infolist()):
            guard.count(info.file_size)
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                guard.refuse_special(info.filename, "a link or device")
            if info.flag_bits & 1:
                guard.refuse_special(info.filename, "encrypted")
            plain = guard.plain_path(info.filename)
            if not info.is_dir():
                members.append(Member(plain, info.file_size, number))
    return members


def _read_zip(path: Path, wanted: Mapping[Member, int]) -> Iterator[tuple[int, bytes]]:
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        for member, position in sorted(wanted.items(), key=lambda each: infos[each[0].start].header_offset):
            with archive.open(infos[member.start]) as file:
                yield position, file.read(MAX_FILE_BYTES + 1)


def _list_tar(path: Path) -> list[Member]:
    guard = _Guard(path)
    members = []
    with _tar_stream(path) as stream, tarfile.TarFile(fileobj=cast(IO[bytes], _Bounded(stream))) as archive:
        while (info := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # tarfile keeps every header, which nobody asks for again
            guard.count(info.size)
            plain = guard.plain_path(info.name)
            if info.issparse() or not (info.isreg() or info.isdir()):
                guard.refuse_special(info.name, "a link, device or sparse file")
            if info.isreg():
                members.append(Member(plain, info.size, info.offset_data))
    return members


def _read_tar(path: Path, wanted: Mapping[Member, int]) -> Iterator[tuple[int, bytes]]:
    """Walk the stream once, forwards, to where the listing found each member."""
    with _tar_stream(path) as stream:
        for member, position in sorted(wanted.items(), key=lambda each: each[0].start):
            stream.seek(member.start)
            content = stream.read(min(member.size, MAX_FILE_BYTES + 1))
            if len(content) < min(member.size, MAX_FILE_BYTES + 1):
                raise EOFError(f"'{member.path}' ends early")
            yield position, content


@contextmanager
def _tar_stream(path: Path) -> Iterator[BufferedIOBase]:
    with path.open("rb") as file:
        if _is_compressed(file):
            with gzip.GzipFile(fileobj=file) as stream:
                yield stream
        else:
            yield file


def _is_compressed(file: BufferedReader) -> bool:
    return file.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)


class _Bounded:
    """A stream for tarfile that refuses one huge read: a header may declare any size for a name or comment."""

    def __init__(self, stream: BufferedIOBase) -> None:
        self._stream = stream
        self.seek = stream.seek
        self.tell = stream.tell

    def read(self, size: int) -> bytes:
        if size > MAX_FILE_BYTES:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self._stream.read(size)


def zip_picker(path: Path) -> Pick:
    """What reads one member of the .zip at `path`, from any thread? It stays open, since its index is long."""
    lock = Lock()  # zipfile counts who reads without one
    opened: list[tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]] = []

    def pick(member: Member) -> bytes:
        with lock:
            if not opened:
                archive = zipfile.ZipFile(path)
                opened.append((archive, archive.infolist()))
            archive, infos = opened[0]
            with archive.open(infos[member.start]) as file:
                return file.read(MAX_FILE_BYTES + 1)

    return pick


def tar_picker(path: Path) -> Pick:
    """What reads one member of the .tar at `path`, which is not compressed, from any thread?"""

    def pick(member: Member) -> bytes:
        with path.open("rb") as file:
            file.seek(member.start)
            return file.read(min(member.size, MAX_FILE_BYTES + 1))

    return pick
