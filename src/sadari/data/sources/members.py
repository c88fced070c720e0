"""What is in an archive, and how is it read? Its members, listed with care, and read in order or one by one."""

import gzip
import re
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from threading import Lock
from typing import IO, cast
from zlib import crc32

from sadari.data.image_file import MAX_FILE_BYTES
from sadari.data.sources.encodings import AUTO, decode_names
from sadari.errors import SadariError

# Assumed: larger sets come as folders; a bomb that unpacks to more is refused before its content is read.
MAX_UNPACKED_BYTES = 50 * 10**9
# Assumed: above the largest public sets (ImageNet-21k has 14 million images, and comes as many archives).
MAX_MEMBERS = 5_000_000
DRIVE = re.compile(r"[A-Za-z]:[/\\]")
GZIP_MAGIC = b"\x1f\x8b"
UTF8_FLAG = 0x800
UNICODE_PATH = 0x7075  # the field beside a zip's name that has it in UTF-8 (Info-ZIP)
FIELD = struct.Struct("<HH")
UNPACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
LISTED = frozenset((*tarfile.REGULAR_TYPES, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE))
METHODS = {9: "Deflate64", 93: "Zstandard", 95: "XZ", 98: "PPMd"}


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: its path there, its declared size, and its start (tar: first byte; zip: number)."""

    path: str
    size: int
    start: int


Pick = Callable[[Member], bytes]  # reads one member, from any thread


@dataclass(frozen=True)
class Listing:
    """What an archive holds: its files and the paths of its folders, in its own order, and sentences on its names."""

    members: tuple[Member, ...]
    folders: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def list_zip(path: Path, encoding: str = AUTO) -> Listing:
    """List the .zip at `path`. Raises SadariError for what `_Guard` refuses, and as `decode_names` does.

    A name is what the flag for UTF-8 says, or the Unicode field beside it; else its bytes are decoded by `encoding`
    before anything in it is taken for a separator. A symbolic link is left out.
    """
    guard = _Guard(path)
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        for info in infos:
            guard.count(info.file_size)
        names, guessed = decode_names([_zip_name(info) for info in infos], encoding, str(path))
        members, folders, links = [], [], []
        for number, (info, name) in enumerate(zip(infos, names, strict=True)):
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
                guard.refuse_special(name, "a device")
            if info.flag_bits & 1:
                guard.refuse_special(name, "encrypted")
            if info.compress_type not in UNPACKED:
                guard.refuse_method(name, info.compress_type)
            plain = guard.plain_path(name)
            if kind == stat.S_IFLNK:
                links.append(plain)
            elif name.endswith(("/", "\\")):
                folders.append(plain)
            else:
                members.append(Member(plain, info.file_size, number))
    return Listing(tuple(members), tuple(folders), (*guessed, *_links_left_out(links)))


def _zip_name(info: zipfile.ZipInfo) -> str | bytes:
    """Return the name of a member where the archive says its encoding, else the bytes of it."""
    if info.flag_bits & UTF8_FLAG:
        return info.orig_filename
    raw = info.orig_filename.encode("cp437")
    return _unicode_field(info.extra, raw) or raw


def _unicode_field(extra: bytes, raw: bytes) -> str:
    """Read the name in the Unicode field of a member, "" where there is none that belongs to its `raw` name."""
    while len(extra) >= FIELD.size:
        kind, length = FIELD.unpack_from(extra)
        content, extra = extra[FIELD.size : FIELD.size + length], extra[FIELD.size + length :]
        if kind == UNICODE_PATH and content[:5] == b"\x01" + crc32(raw).to_bytes(4, "little"):
            return content[5:].decode("utf-8")
    return ""


def _links_left_out(links: list[str]) -> tuple[str, ...]:
    if not links:
        return ()
    what = "1 link" if len(links) == 1 else f"{len(links):,} links"
    return (f"left out {what} of the archive, such as {links[0]}; pack the files themselves",)


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


def list_tar(path: Path, encoding: str = AUTO) -> Listing:
    """List the .tar or .tar.gz at `path`. Raises as `list_zip` does.

    A hard link is the file before it that it names. A symbolic link is left out.
    """
    guard = _Guard(path)
    raw: list[str | bytes] = []
    found: list[tuple[bytes, int, int, bytes]] = []  # kind, size, start, and the name that a hard link means
    with _tar_stream(path) as stream, _tar_file(stream) as archive:
        while (info := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # tarfile keeps every header, which is not needed again
            guard.count(info.size)
            if info.type not in LISTED or info.issparse():
                guard.refuse_special(info.name, "a device or sparse file")
            raw.append(_raw(info.name))
            target = _raw(info.linkname) if info.type == tarfile.LNKTYPE else b""
            found.append((info.type, info.size, info.offset_data, target))
    names, guessed = decode_names(raw, encoding, str(path))
    members, folders, links = [], [], []
    by_name: dict[bytes, Member] = {}
    for name, spelt, (kind, size, start, target) in zip(names, raw, found, strict=True):
        plain = guard.plain_path(name)
        if kind == tarfile.DIRTYPE:
            folders.append(plain)
        elif kind == tarfile.SYMTYPE or (kind == tarfile.LNKTYPE and target not in by_name):
            links.append(plain)
        else:
            if kind == tarfile.LNKTYPE:
                size, start = by_name[target].size, by_name[target].start
                guard.count(size)
            member = Member(plain, size, start)
            by_name[cast(bytes, spelt)] = member
            members.append(member)
    return Listing(tuple(members), tuple(folders), (*guessed, *_links_left_out(links)))


def _tar_file(stream: BufferedIOBase) -> tarfile.TarFile:
    """Open the headers of a .tar; names that are not UTF-8 keep their bytes as surrogates, on every system."""
    return tarfile.TarFile(fileobj=cast(IO[bytes], _Bounded(stream)), encoding="utf-8", errors="surrogateescape")


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def read_tar(path: Path, wanted: Mapping[Member, int]) -> Iterator[tuple[int, bytes]]:
    """Read the members in `wanted` as `read_zip` does; the stream is walked once, forwards."""
    start, content = -1, b""
    with _tar_stream(path) as stream:
        for member, position in sorted(wanted.items(), key=lambda each: each[0].start):
            if member.start != start:  # else a hard link, which is the same file once more
                stream.seek(member.start)
                start, content = member.start, stream.read(min(member.size, MAX_FILE_BYTES + 1))
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

    def refuse_method(self, name: str, method: int) -> None:
        """Raise SadariError for a member that is compressed in a way that Python cannot read."""
        known = METHODS.get(method, f"method {method}")
        raise SadariError(
            f"{self._path} is packed by {known} ('{name}'), which is not supported; unpack it and name the folder, or "
            "pack it again with Deflate"
        )

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
