"""Who still writes an unfinished file? Locks of the operating system, which end with the process that holds them.

A process id says nothing about a process of another container or machine; such a lock does. Where another machine does
not see it and removes a file that is being written, `files.write_whole` writes it once more.
"""

import os
import time
from contextlib import suppress
from pathlib import Path

# filelock is imported where it is used: commands that only report something should start at once.

# Assumed: no single file or entry takes longer to write; decides only where there are no locks.
ABANDONED_SECONDS = 24 * 3600.0


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
