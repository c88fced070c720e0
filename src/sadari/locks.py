"""Who holds a folder or an unfinished file? Locks of the operating system, which end with the process that holds them.

A process id says nothing about a process of another container or machine; such a lock does.
"""

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import FileLock

# filelock and logging are imported where they are used: commands that only report something should start at once.

LOCK = ".lock.part"  # the name of the file in a folder that carries the folder's lock; ends as unfinished files do
# What a file system answers that has no locks; some network disks do.
WITHOUT_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL})
# Assumed: no single file or entry takes longer to write; decides only where there are no locks.
ABANDONED_SECONDS = 24 * 3600.0

_reported: set[str] = set()


class Busy(Exception):  # noqa: N818 - control flow, not a failure
    """A folder that another process, or another thread of this one, holds."""


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Hold the existing `folder` against every other process while inside.

    Where the file system has no locks, one sentence says so and the work goes on. Raises Busy where somebody else
    holds it, and OSError where nothing can be written into it.
    """
    lock = take_folder(folder)
    try:
        yield
    finally:
        release_folder(folder, lock)


def take_folder(folder: Path) -> "FileLock | None":
    """Return the lock of the existing `folder`; None where its file system has none. Raises as `hold_folder` does."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, timeout=0, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise Busy from None
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
        _report_no_locks(folder, error)
        return None
    return lock


def release_folder(folder: Path, lock: "FileLock | None") -> None:
    """Give `folder` free: its lock file is removed while it is held, or at once after that where an open file stays."""
    with suppress(OSError):
        (folder / LOCK).unlink()
    if lock is not None:
        with suppress(OSError):
            lock.release()
    with suppress(OSError):
        if os.name == "nt":
            (folder / LOCK).unlink()


def hold_file(handle: int) -> bool:
    """Hold the new file with the open `handle` until it is closed; False where a sweep was faster and removed it."""
    if os.name == "nt":
        return True  # there, an open file cannot be removed
    from filelock import lock_descriptor

    try:
        return lock_descriptor(handle, blocking=False) and os.fstat(handle).st_nlink > 0
    except OSError:
        return True


def remove_if_abandoned(path: Path) -> bool:
    """Remove the unfinished file `path` unless a process still writes it; return whether it was removed."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        if os.name != "nt" and not _is_free(handle):
            return False
        if os.name != "nt":
            path.unlink()  # while it is held, so that its writer sees it gone
            return True
    except OSError:
        return False
    finally:
        os.close(handle)
    with suppress(OSError):
        path.unlink()
    return not path.exists()


def _is_free(handle: int) -> bool:
    """Take the lock of an open file; where there are no locks, its age decides."""
    from filelock import lock_descriptor

    try:
        return lock_descriptor(handle, blocking=False)
    except OSError:
        return time.time() - os.fstat(handle).st_mtime > ABANDONED_SECONDS


def _report_no_locks(folder: Path, error: OSError) -> None:
    where = str(folder.parent)
    if where not in _reported:
        _reported.add(where)
        import logging

        logging.getLogger("sadari").warning(
            "no locks can be had in %s (%s), so nothing stops a second process from working there at the same time",
            where,
            error.strerror,
        )
