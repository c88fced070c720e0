"""What is in an archive, and how is it read? Its members, listed with care, and read in order or one by one."""

import gzip
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from threading import Lock
from typing import IO, cast

from sadari.data.decode import MAX_FILE_BYTES
from sadari.errors import SadariError

# Assumed: larger sets come as folders; a bomb that unpacks to more is refused before its content is read.
MAX_UNPACKED_BYTES = 50 * 10**9
# Assumed: above the largest public sets (ImageNet-21k has 14 million images, and comes as many archives).
MAX_MEMBERS = 5_000_000
DRIVE = re.compile(r"[A-Za-z]:[/\\]")
GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: its path there, its declared size, and its start (tar: first byte; zip: number)."""

    path: str
    size: int
    start: int


Pick = Callable[[Member], bytes]  # reads one member, from any thread


def list_zip(path: Path) -> list[Member]:
    """List the files of the .zip at `path`, in its own order. Raises SadariError for what `_Guard` refuses."""
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


def read_zip(path: Path, wanted: Mapping[Member, int]) -> Iterator[tuple[int, bytes]]:
    """Read the members in `wanted`, in the order of the archive: (their number there, bytes)."""
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        for member, position in sorted(wanted.items(), key=lambda each: infos[each[0].start].header_offset):
            with archive.open(infos[member.start]) as file:
                yield position, file.read(MAX_FILE_BYTES + 1)


def zip_picker(path: Path) -> Pick:
    """Return what reads one member of the .zip at `path`; the archive stays open, since its index is long."""
    lock = Lock()  # zipfile counts its readers without one
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


def list_tar(path: Path) -> list[Member]:
    """List the files of the .tar or .tar.gz at `path`, in its own order. Raises as `list_zip` does."""
    guard = _Guard(path)
    members = []
    with _tar_stream(path) as stream, tarfile.TarFile(fileobj=cast(IO[bytes], _Bounded(stream))) as archive:
        while (info := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # tarfile keeps every header, which is not needed again
            guard.count(info.size)
            plain = guard.plain_path(info.name)
            if info.issparse() or not (info.isreg() or info.isdir()):
                guard.refuse_special(info.name, "a link, device or sparse file")
            if info.isreg():
                members.append(Member(plain, info.size, info.offset_data))
    return members


def read_tar(path: Path, wanted: Mapping[Member, int]) -> Iterator[tuple[int, bytes]]:
    """Read the members in `wanted` as `read_zip` does; the stream is walked once, forwards."""
    with _tar_stream(path) as stream:
        for member, position in sorted(wanted.items(), key=lambda each: each[0].start):
            stream.seek(member.start)
            content = stream.read(min(member.size, MAX_FILE_BYTES + 1))
            if len(content) < min(member.size, MAX_FILE_BYTES + 1):
                raise EOFError(f"'{member.path}' ends early")
            yield position, content


def tar_picker(path: Path) -> Pick:
    """Return what reads one member of the .tar at `path`, which is not compressed."""

    def pick(member: Member) -> bytes:
        with path.open("rb") as file:
            file.seek(member.start)
            return file.read(min(member.size, MAX_FILE_BYTES + 1))

    return pick


class _Guard:
    """The checks of one archive whose members are listed one after the other: SadariError for a dangerous one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._bytes = 0
        self._members = 0

    def plain_path(self, name: str) -> str:
        """Return the member's path without "./"; SadariError where it would be outside the folder it is unpacked in."""
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
        if name.startswith(("/", "\\")) or ".." in parts or DRIVE.match(name):
            raise SadariError(f"refused {self._path}: its member '{name}' points outside the archive")
        return "/".join(parts)

    def refuse_special(self, name: str, kind: str) -> None:
        """Raise SadariError for a member that is no plain file."""
        raise SadariError(f"refused {self._path}: its member '{name}' is {kind}; pack plain files only")

    def count(self, size: int) -> None:
        """Add a member of that declared size; SadariError as soon as a sum passes its limit."""
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


def is_compressed(file: BufferedReader) -> bool:
    """Return whether `file` begins as gzip does; its position stays."""
    return file.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)


@contextmanager
def _tar_stream(path: Path) -> Iterator[BufferedIOBase]:
    with path.open("rb") as file:
        if is_compressed(file):
            with gzip.GzipFile(fileobj=file) as stream:
                yield stream
        else:
            yield file


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
