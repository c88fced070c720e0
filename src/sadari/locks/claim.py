"""Does the holder of a folder still live? Its claim is a file that it touches again and again, on any file system.

Locks of the operating system do not reach other machines on every network disk. A claim does: a file of the name
.lock-1.part, which only one process can create. It says who holds the folder, and a thread touches it every
`BEAT_SECONDS`. Who finds it untouched for `SILENT_SECONDS` creates the claim of the next number, which again only one
process can, then removes the silent one, and only then works there. A holder that was merely suspended finds its claim
gone before it writes anything (`require_held`).

No clock is compared with one of another machine. How long a claim has been silent is counted by the clock of the
process that watches it; that it was silent before is read from the clock of the file system, which stamps the claim and
a new file beside it.
"""

import json
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Event, Thread

from sadari.errors import SadariError

BEAT_SECONDS = 10.0  # assumed: costs nothing, and six in a row are missed only by a process that does not run
SILENT_SECONDS = 60.0  # assumed: as long as NFS may answer from its memory of attributes (acregmax)
# Silence of a claim at the first look at it, by the clock of the file system. Assumed: some network disks stamp files
# with the clocks of their clients, which differ less than this.
LONG_SILENT_SECONDS = 600.0

_held: set["Claim"] = set()
_watched: dict[Path, tuple["_Seen", float]] = {}  # claims of others: how they looked, and since when


class Busy(Exception):  # noqa: N818 - control flow, not a failure
    """A folder that another process, or another thread of this one, holds; as text, what is known of the holder."""


class FolderLostError(SadariError):
    """A folder that this process held until another one found it silent, and took it over."""


@dataclass(frozen=True)
class _Seen:
    """A claim of somebody as it was found: its text, and when it was touched, in ns by the file system's clock."""

    text: str
    touched: int


@dataclass(eq=False)
class Claim:
    """The claim of this process to `folder`, which a thread touches until it is released.

    path: its file. text: the content, which no other claim has.
    """

    folder: Path
    path: Path
    text: str
    _end: Event = field(default_factory=Event)
    _thread: Thread = field(init=False)
    real: Path = field(init=False)

    def __post_init__(self) -> None:
        self.real = Path(os.path.realpath(self.folder))
        self._thread = Thread(target=self._beat, name="sadari-claim", daemon=True)
        self._thread.start()
        _held.add(self)

    @property
    def is_held(self) -> bool:
        """Whether the claim is still there; a disk that does not answer for a moment takes nothing away."""
        try:
            return self.path.read_text(encoding="utf-8") == self.text  # opening asks the server, a look may not
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def release(self) -> None:
        """Give the folder free; one that was lost stays that of its new holder."""
        self._end.set()
        self._thread.join()
        _held.discard(self)
        if self.is_held:
            with suppress(OSError):
                self.path.unlink()

    def _beat(self) -> None:
        while not self._end.wait(BEAT_SECONDS) and self.is_held:
            with suppress(OSError):
                os.utime(self.path)


def claim(folder: Path, stem: str, system_lock: str) -> Claim:
    """Claim the existing `folder` for this process. Raises Busy where somebody holds it, and OSError.

    stem: how the names of its claims begin, such as ".lock". system_lock: which lock of the operating system this
    process holds for that, "" for none; a claim of the same lock is then that of a dead process.
    """
    silent: dict[Path, str] = {}
    for path in _claims(folder, stem):
        if seen := _look(path):
            if not _is_silent(path, seen, system_lock):
                raise Busy(_described(seen.text))
            silent[path] = seen.text
    number = 1 + max((int(each.stem.rpartition("-")[2]) for each in silent), default=0)
    own = folder / f"{stem}-{number}.part"
    text = _text(system_lock)
    try:
        file = own.open("x", encoding="utf-8")
    except FileExistsError:
        raise Busy("another process, which was faster") from None
    try:
        with file:
            file.write(text)
        for path in _claims(folder, stem):
            seen = _look(path) if path != own else None
            if seen and not (silent.get(path) == seen.text and _is_silent(path, seen, system_lock)):
                raise Busy(_described(seen.text))  # it began after the look at the others, or has come back to life
        for path in silent:
            path.unlink(missing_ok=True)
            _watched.pop(path, None)
        return Claim(folder, own, text)
    except BaseException:
        own.unlink(missing_ok=True)
        raise


def require_held(path: Path) -> None:
    """Raise FolderLostError where `path` is in a folder that this process held and another one has taken over."""
    if not _held:
        return
    real = Path(os.path.realpath(path))
    for each in list(_held):
        if real.is_relative_to(each.real) and each.real.is_dir() and not each.is_held:
            raise FolderLostError(
                f"another process has taken over '{each.folder}', as this one had given no sign of life for "
                f"{SILENT_SECONDS:g} seconds; it goes on there"
            )


def holder(folder: Path, stem: str) -> str:
    """Return what the claims to `folder` say of its holder, such as "process 12 of node3"; "" for nothing."""
    with suppress(OSError):
        looks = [look for path in _claims(folder, stem) if (look := _look(path))]
        return max((_described(look.text) for look in looks), default="")
    return ""


def is_claim(name: str, stem: str) -> bool:
    """Return whether a file of this name is a claim to its folder."""
    return name.startswith(stem) and re.fullmatch(r"-\d+\.part", name[len(stem) :]) is not None


def _claims(folder: Path, stem: str) -> list[Path]:
    with os.scandir(folder) as listed:  # of many images, soon enough
        return [folder / each.name for each in listed if is_claim(each.name, stem)]


def _look(path: Path) -> _Seen | None:
    """Return how the claim at `path` looks now; None where there is none any more."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return _Seen(file.read(), os.fstat(file.fileno()).st_mtime_ns)
    except OSError:
        _watched.pop(path, None)
        return None


def _is_silent(path: Path, seen: _Seen, system_lock: str) -> bool:
    """Return whether the holder of the claim at `path` is dead, as far as this process has seen."""
    if system_lock and _read(seen.text).get("lock") == system_lock:
        return True  # a living holder would have the lock that this process has
    before, since = _watched.get(path, (None, 0.0))
    if before == seen:
        return time.monotonic() - since > SILENT_SECONDS
    if before is None and _now(path.parent) - seen.touched > LONG_SILENT_SECONDS * 1e9:
        return True
    _watched[path] = seen, time.monotonic()
    return False


def _now(folder: Path) -> int:
    """Return the time of the file system of `folder`, in ns: that of a new file."""
    new = folder / f".now.{os.urandom(4).hex()}.part"
    with new.open("x") as file:
        now = os.fstat(file.fileno()).st_mtime_ns
    new.unlink(missing_ok=True)
    return now


def _text(system_lock: str) -> str:
    from socket import gethostname  # here, as commands that only report something should start at once

    who = {"host": gethostname(), "process": os.getpid(), "number": os.urandom(8).hex(), "lock": system_lock}
    return json.dumps(who) + "\n"


def _read(text: str) -> dict[str, object]:
    with suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, dict):
            return found
    return {}  # it is being written


def _described(text: str) -> str:
    found = _read(text)
    return f"process {found['process']} of {found['host']}" if {"process", "host"} <= set(found) else ""


@cache
def machine() -> str:
    """Return what no other running kernel has: the number of its start, or the name of the machine."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    from socket import gethostname
    from uuid import getnode

    return f"{gethostname()} {getnode():x}"
