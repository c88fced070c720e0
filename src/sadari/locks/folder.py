"""Who holds a folder? A lock of the operating system says so at once, and a claim says so to other machines."""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sadari.locks.claim import Busy, Claim, claim, holder, is_claim, machine, require_held

if TYPE_CHECKING:
    from filelock import FileLock

# filelock and logging are imported where they are used: commands that only report something should start at once.

STEM = ".lock"
LOCK = f"{STEM}.part"  # the file in a folder that carries the folder's lock; ends as unfinished files do
# What a file system answers that has no locks; some network disks do.
WITHOUT_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL})
TURN_SECONDS = 0.05  # assumed: nobody notices that a turn begins so late

_reported: set[str] = set()


@dataclass(frozen=True, eq=False)
class Held:
    """A folder that this process holds. lock: that of the operating system; None where its file system has none."""

    path: Path
    lock: "FileLock | None"
    claim: Claim

    def require(self) -> None:
        """Raise FolderLostError where another process has taken the folder over."""
        require_held(self.path)

    def release(self) -> None:
        """Give the folder free: its files of locks are removed while it is held, or at once after that where they stay.

        A folder that another process has taken over keeps what is in it.
        """
        lost = not self.claim.is_held
        self.claim.release()
        _give_free(self.path, self.lock, lost)


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Hold the existing `folder` against every other process while inside.

    Raises Busy where somebody else holds it, and OSError where nothing can be written into it.
    """
    held = take_folder(folder)
    try:
        yield
    finally:
        held.release()


def take_in_turn(folder: Path, stem: str = STEM, waiting: Callable[[], None] = lambda: None) -> Held:
    """Take the existing `folder` as soon as nobody else holds it; see `take_folder`.

    waiting: called once where somebody holds it.
    """
    said = False
    while True:
        try:
            return take_folder(folder, stem)
        except Busy:
            if not said:
                waiting()
            said = True
            time.sleep(TURN_SECONDS)


def take_folder(folder: Path, stem: str = STEM) -> Held:
    """Take the existing `folder` until it is released. Raises as `hold_folder` does.

    stem: of which kind the lock is; those of different kinds do not exclude each other.
    """
    try:
        lock = system_lock(folder / f"{stem}.part")
    except Busy:
        raise Busy(holder(folder, stem)) from None
    try:
        return Held(folder, lock, claim(folder, stem, _identity(folder / f"{stem}.part") if lock else ""))
    except BaseException:
        if lock is not None:
            lock.release()
        raise


def is_lock(name: str) -> bool:
    """Return whether a file of this name is one by which a folder is held."""
    return name == LOCK or is_claim(name, STEM)


def system_lock(path: Path) -> "FileLock | None":
    """Return the lock of the operating system of the file `path`; None where the file system has none. Raises Busy."""
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=0, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise Busy from None
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
        _report_no_locks(path.parent, error)
        return None
    return lock


def _identity(path: Path) -> str:
    """Return which lock of which machine the file `path` carries: a process that has it is alone with it there."""
    with suppress(OSError):
        found = path.stat()
        return f"{machine()} {found.st_dev} {found.st_ino}"
    return ""


def _give_free(folder: Path, lock: "FileLock | None", lost: bool) -> None:
    path = folder / LOCK if lock is None else Path(lock.lock_file)
    if not lost:
        with suppress(OSError):
            path.unlink()
    if lock is not None:
        with suppress(OSError):
            lock.release()
    if os.name == "nt" and not lost:
        with suppress(OSError):
            path.unlink()


def _report_no_locks(folder: Path, error: OSError) -> None:
    where = str(folder.parent)
    if where not in _reported:
        _reported.add(where)
        import logging

        logging.getLogger("sadari").warning(
            "no locks can be had in %s (%s); signs of life decide who works there, a minute after a kill",
            where,
            error.strerror,
        )
