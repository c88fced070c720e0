"""How is an entry of the cache written whole, and when is it removed? An entry is a folder of `packs` or `features`.

It is written under a temporary name and renamed when it is complete, so that what a kill leaves behind is
never taken for an entry; the next writing removes what dead processes left.
"""

import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sadari.data.cache.digests import cache_dir
from sadari.errors import SadariError, UsageError

KINDS = ("packs", "features")
# Assumed: more processes than this will not replace one damaged entry at the same moment.
PUBLISH_ATTEMPTS = 8
LIMIT = "SADARI_CACHE_LIMIT"
FREE_SHARE = 0.9  # assumed: leaves room for what runs write
USUAL_LIMIT = 20.0  # GiB; assumed: a tenth of a laptop's disk


@dataclass(frozen=True)
class Entry:
    """A folder of the cache, with its size in bytes and the time of its last use in seconds since 1970."""

    folder: Path
    kind: str
    size: int
    used: float


def entries() -> list[Entry]:
    """List the entries of the cache, the longest unused first."""
    found = []
    for kind in KINDS:
        for folder in (cache_dir() / kind).glob("[!.]*"):
            with suppress(FileNotFoundError):  # another process has just removed it
                found.append(Entry(folder, kind, _size(folder), folder.stat().st_mtime))
    return sorted(found, key=lambda entry: entry.used)


def describe(entry: Entry) -> str:
    """Describe the content of `entry` in one phrase; "damaged" where it cannot be read."""
    try:
        if entry.kind == "packs":
            metadata = json.loads((entry.folder / "pack.json").read_text(encoding="utf-8"))
            return f"{len(metadata['ids']):,} images of {len(metadata['classes'])} classes"
        metadata = json.loads((entry.folder / "features.json").read_text(encoding="utf-8"))
        return f"{metadata['name']} through {metadata['layers']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "damaged"


def mark_used(folder: Path) -> None:
    """Record that the entry in `folder` was used, so that it is removed late."""
    with suppress(OSError):  # from a read-only cache nothing is removed
        os.utime(folder)


def remove(entry: Entry) -> None:
    """Remove `entry`; processes that have it mapped keep their map."""
    shutil.rmtree(entry.folder, ignore_errors=True)


def cache_limit() -> int:
    """Return how many bytes the cache may hold: SADARI_CACHE_LIMIT in GiB, else 20. Raises UsageError for no number."""
    text = os.environ.get(LIMIT) or str(USUAL_LIMIT)
    try:
        limit = float(text)
        if not 0 <= limit < float("inf"):
            raise ValueError
    except ValueError:
        raise UsageError(f"{LIMIT} is a number of GiB, not '{text}'") from None
    return round(limit * 2**30)


def most_bytes() -> int:
    """Return how many bytes one entry may have: the cache's limit, or FREE_SHARE of what the disk has free."""
    return min(cache_limit(), int(FREE_SHARE * shutil.disk_usage(cache_dir()).free))


def make_room(size: int, but: Path | None = None) -> bool:
    """Remove the longest unused entries, except that in the folder `but`, until `size` more bytes fit into the limit.

    Returns False, and removes nothing, where `size` alone passes it.
    """
    limit = cache_limit()
    if size > limit:
        return False
    held = entries()
    total = sum(entry.size for entry in held)
    for entry in held:
        if total + size <= limit:
            break
        if entry.folder != but:
            remove(entry)
            total -= entry.size
    return True


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # another process may be removing it
            total += path.stat().st_size
    return total


class EntryBuild:
    """A folder in which one entry is being written; removed at the end unless it was published.

    is_whole: returns whether the entry at `target` can be used; called where another process was faster.
    """

    def __init__(self, target: Path, is_whole: Callable[[], bool]) -> None:
        self._target = target
        self._is_whole = is_whole
        self.folder = target

    def __enter__(self) -> Self:
        parent = self._target.parent
        try:
            parent.mkdir(parents=True, exist_ok=True)
            remove_abandoned(parent)
            self.folder = Path(tempfile.mkdtemp(prefix=_prefix(os.getpid()), dir=parent))
        except OSError as error:
            raise _cannot_write(parent, error) from None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise _cannot_write(self._target.parent, error) from None

    def publish(self) -> None:
        """Give the complete entry its name; where another process was faster, its equal entry stays."""
        self.folder.chmod(0o755)  # mkdtemp makes it private, and caches are shared
        for _ in range(PUBLISH_ATTEMPTS):
            with suppress(OSError):
                self.folder.rename(self._target)
                return
            if self._is_whole():
                return
            self._move_damaged_away()
        self.folder.rename(self._target)

    def _move_damaged_away(self) -> None:
        away = Path(tempfile.mkdtemp(prefix=_prefix(os.getpid()), dir=self._target.parent))
        with suppress(OSError):  # another process may be doing the same
            self._target.rename(away / "damaged")
        shutil.rmtree(away, ignore_errors=True)


def _cannot_write(folder: Path, error: OSError) -> SadariError:
    reason = error.strerror or str(error)
    return SadariError(
        f"cannot keep {_CONTENT[folder.name]} in {folder} ({reason}); make room there or set SADARI_CACHE_DIR to "
        "another folder"
    )


_CONTENT = {"packs": "decoded images", "features": "computed features"}


def _prefix(process: int) -> str:
    return f".{platform.node()}.{process}."


def remove_abandoned(parent: Path) -> None:
    """Remove the unfinished entries in `parent` of processes of this machine that are no longer alive."""
    ours = f".{platform.node()}."
    for folder in parent.glob(f"{ours}*"):
        process = folder.name.removeprefix(ours).partition(".")[0]
        if process.isdigit() and not _alive(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    if os.name == "nt":
        return True  # there, signal 0 would end the process
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
