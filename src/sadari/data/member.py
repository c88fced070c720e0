"""Where is one file of an archive, and what is in it? Read alone, without those before it."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from sadari.data.decode import MAX_FILE_BYTES


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: its path there, its declared size, and where it starts (tar: byte; zip: number)."""

    path: str
    size: int
    start: int


Pick = Callable[[Member], bytes]


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
