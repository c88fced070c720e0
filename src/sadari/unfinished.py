"""What is a file or folder that is still being written, and when is it removed? It is ours, hidden, and held by a lock.

A killed process leaves its unfinished files behind. They never count as somebody's work, and the next process that
works in the same place removes those that nobody holds any more.
"""

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path
from types import TracebackType
from typing import Self

from sadari.errors import SadariError
from sadari.locks.claim import Busy
from sadari.locks.file import ABANDONED_SECONDS, hold_file, remove_if_abandoned
from sadari.locks.folder import LOCK, Held, is_lock, take_folder

UNFINISHED = ".part"  # how the name of a file ends that is still being written
PRIVATE = 0o700  # permissions of a folder that no other user may read
TEMPORARY = "sadari-"  # how the names of all folders for temporary files begin
ATTEMPTS = 16  # assumed: no name is taken or swept this often in a row


# Other programs hide unfinished files too. Ours are .NAME.RANDOM.part, where RANDOM is 8 hexadecimal digits; version
# 0.1.0 took 8 letters, digits and underscores, which could be a word of somebody, for files with these endings.
_FORM = re.compile(r"\.(.+)\.([a-z0-9_]{8})\.part", re.DOTALL)
_HEXADECIMAL = re.compile(r"[0-9a-f]{8}")
ENDINGS_OF_OLD = frozenset(
    {".csv", ".html", ".json", ".md", ".npz", ".onnx", ".png", ".safetensors", ".svg", ".toml", ".txt"}
)


def is_unfinished(name: str) -> bool:
    """Return whether a file of this name is one of our unfinished ones, or a lock: not one that others hide."""
    found = _FORM.fullmatch(name)
    return is_lock(name) or (found is not None and _is_ours(*found.groups()))


def _is_ours(name: str, random: str) -> bool:
    return _HEXADECIMAL.fullmatch(random) is not None or Path(name).suffix in ENDINGS_OF_OLD


def _is_unfinished_of(name: str, pattern: str) -> bool:
    """Return whether `name` is that of an unfinished file or folder which becomes what `pattern` matches.

    Since it is named, any RANDOM of 0.1.0 that is no word will do, whatever the ending.
    """
    found = _FORM.fullmatch(name)
    if found is None or not fnmatchcase(found[1], pattern):
        return False
    return _is_ours(*found.groups()) or not found[2].isalpha()


def new_file(path: Path) -> tuple[Path, int]:
    """Make the unfinished file that will take the name of `path`; return its path and an open handle that holds it.

    Its permissions are those that the process's umask leaves. Raises OSError.
    """
    for _ in range(ATTEMPTS):
        unfinished = path.parent / _name(path.name)
        with suppress(FileExistsError):
            handle = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o666)
            if hold_file(handle):
                return unfinished, handle
            os.close(handle)
    raise FileExistsError(f"no name was free for {path.name}")


def _name(name: str) -> str:
    """Return a new name for what will be `name`; a long one is cut, since it must not become too long by this."""
    return f".{_cut(name)}.{os.urandom(4).hex()}{UNFINISHED}"


def _cut(name: str) -> str:
    return os.fsencode(name)[:200].decode(errors="ignore")


class UnfinishedFolder:
    """A folder that is being filled, held by a lock; removed at the end unless it has taken another name.

    path: where it is. Making it removes what killed processes left in `parent` for the same `name`.
    """

    def __init__(self, parent: Path, name: str, mode: int = 0o777) -> None:
        for folder in unfinished_folders(parent, escape(_cut(name))):
            remove_abandoned_folder(folder)
        self.path, self._holder = _new_folder(parent, name, mode)
        self._held = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()
        shutil.rmtree(self.path, ignore_errors=True)

    def release(self) -> None:
        """Take the lock out of the folder, so that it can be renamed (on Windows, not with an open file in it)."""
        if self._held:
            self._held = False
            self._holder.release()


def temporary_folder(name: str) -> UnfinishedFolder:
    """Make a private folder for temporary files; those that killed processes left are removed, of every name.

    Raises SadariError where none can be made.
    """
    try:
        parent = _temporary()
        remove_temporary_folders()
        return UnfinishedFolder(parent, f"{TEMPORARY}{name}", PRIVATE)
    except OSError as error:
        where = f" '{error.filename}'" if error.filename else ""
        raise SadariError(
            f"cannot make a temporary folder{where} ({error.strerror}); set TMPDIR to a folder that can be written to"
        ) from None


def _temporary() -> Path:
    import tempfile  # here, since it loads more than all else that `--help` needs of this module

    return Path(tempfile.gettempdir())


def temporary_folders() -> list[Path]:
    """List the folders for temporary files, of processes at work and of killed ones."""
    return list(unfinished_folders(_temporary(), f"{TEMPORARY}*"))


def remove_temporary_folders() -> None:
    """Remove the folders for temporary files that no process fills any more."""
    for folder in temporary_folders():
        remove_abandoned_folder(folder)
    for path in _temporary().glob("sadari-splits-*"):  # as version 0.1.0 called them, without a lock
        with suppress(OSError):
            if is_mine(path) and not path.is_symlink() and time.time() - _newest(path) > ABANDONED_SECONDS:
                shutil.rmtree(path, ignore_errors=True)


def _new_folder(parent: Path, name: str, mode: int) -> tuple[Path, Held]:
    for _ in range(ATTEMPTS):
        folder = parent / _name(name)
        with suppress(FileExistsError, Busy):
            folder.mkdir(mode)
            try:
                return folder, take_folder(folder)
            except FileNotFoundError:  # a sweep was faster
                continue
            except OSError:  # such as a full disk
                shutil.rmtree(folder, ignore_errors=True)
                raise
    raise FileExistsError(f"no name was free for {name}")


def unfinished_folders(parent: Path, pattern: str) -> Iterator[Path]:
    """List the unfinished folders in `parent` that should get a name which `pattern` matches."""
    for path in parent.glob(f".*{UNFINISHED}"):
        if _is_unfinished_of(path.name, pattern) and path.is_dir() and not path.is_symlink() and is_mine(path):
            yield path


def is_mine(path: Path) -> bool:
    """Return whether `path` belongs to this user; True where files have no owners."""
    return not hasattr(os, "geteuid") or path.lstat().st_uid == os.geteuid()


def remove_abandoned_folder(folder: Path) -> None:
    """Remove the unfinished `folder` unless a process fills it; without a lock in it, its age decides."""
    try:
        if not (folder / LOCK).exists():
            if time.time() - _newest(folder) > ABANDONED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
            return
        held = take_folder(folder)
    except (OSError, Busy):
        return
    if held.lock is None and time.time() - _newest(folder) <= ABANDONED_SECONDS:
        held.release()
        return
    for each in folder.iterdir():
        if not is_lock(each.name):
            _remove(each)
    held.release()
    shutil.rmtree(folder, ignore_errors=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _newest(folder: Path) -> float:
    """Return when anything in `folder` was last changed, in seconds since 1970."""
    newest = folder.stat().st_mtime
    for path in folder.rglob("*"):
        with suppress(OSError):
            newest = max(newest, path.lstat().st_mtime)
    return newest


def remove_unfinished_of(path: Path) -> None:
    """Remove what killed processes left of the file `path` itself, in whatever folder it is."""
    pattern = escape(_cut(path.name))
    with os.scandir(path.parent) as listed:
        left = [each.name for each in listed if _is_unfinished_of(each.name, pattern)]
    for name in left:
        if (path.parent / name).is_file():
            remove_if_abandoned(path.parent / name)


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left unfinished in `folder`, its subfolders included."""
    for path in list(folder.rglob(f".*{UNFINISHED}")):
        if path.is_symlink() or not is_unfinished(path.name):
            continue
        if path.is_dir():
            remove_abandoned_folder(path)
        elif is_lock(path.name):
            with suppress(Busy, OSError):
                take_folder(path.parent).release()
        else:
            remove_if_abandoned(path)
