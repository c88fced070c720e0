"""How is an entry of the cache written whole, and when is it removed? It is a folder of packs, features or weights.

It is written under a temporary name and renamed when it is complete, so that what a kill leaves behind is
never taken for an entry; the next writing removes what dead processes left. Only what has the marker of Sadari, or is
an entry of version 0.1.0, is ever removed.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Self

from sadari.data.cache.digests import cache_dir
from sadari.data.cache.seal import FILES, is_ours, is_unaltered, remove_files, seal
from sadari.errors import SadariError, UsageError
from sadari.files import sync_folder, write_text
from sadari.locks.file import remove_if_abandoned
from sadari.unfinished import (
    UnfinishedFolder,
    is_unfinished,
    remove_abandoned_folder,
    remove_temporary_folders,
    temporary_folders,
)

KINDS = ("packs", "features", "weights", "objects")
# Assumed: more processes than this will not replace one damaged entry at the same moment.
PUBLISH_ATTEMPTS = 8
LIMIT = "SADARI_CACHE_LIMIT"
FREE_SHARE = 0.9  # assumed: leaves room for what runs write
CACHE_MARKER = ".sadari-cache"
CACHE_MARKER_TEXT = (
    "Sadari keeps decoded images, computed features and weights here, in folders that have a file entry.json; it makes "
    "them again when they are removed, and removes nothing else.\n"
)
# What version 0.1.0 called a folder that it was filling: .MACHINE.PROCESS.RANDOM
_UNFINISHED_OF_OLD = re.compile(r"\..+\.\d+\.[a-z0-9_]{8}")
USUAL_LIMIT = 20.0  # GiB; assumed: a tenth of a laptop's disk


@dataclass(frozen=True)
class Entry:
    """A folder of the cache, with its size in bytes and the time of its last use in seconds since 1970."""

    folder: Path
    kind: str
    size: int
    used: float


def entries() -> list[Entry]:
    """List the entries of the cache that Sadari made, the longest unused first."""
    found = []
    for kind in KINDS:
        for folder in (cache_dir() / kind).glob("[!.]*"):
            if not is_ours(folder, kind):
                continue
            with suppress(FileNotFoundError):  # another process has just removed it
                found.append(Entry(folder, kind, _size(folder), folder.stat().st_mtime))
    return sorted(found, key=lambda entry: entry.used)


def describe(entry: Entry) -> str:
    """Describe the content of `entry` in one phrase; "damaged" where it cannot be read."""
    try:
        if entry.kind == "packs":
            metadata = json.loads((entry.folder / "pack.json").read_text(encoding="utf-8"))
            return f"{len(metadata['ids']):,} images of {len(metadata['classes'])} classes"
        if entry.kind == "weights":
            metadata = json.loads((entry.folder / "config.json").read_text(encoding="utf-8"))
            return f"{metadata['architecture']}, which comes with Sadari"
        if entry.kind == "objects":
            metadata = json.loads((entry.folder / "images.json").read_text(encoding="utf-8"))
            return str(metadata["origin"])
        metadata = json.loads((entry.folder / "features.json").read_text(encoding="utf-8"))
        return f"{metadata['name']} through {metadata['layers']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "damaged"


def mark_used(folder: Path) -> None:
    """Record that the entry in `folder` was used, so that it is removed late."""
    with suppress(OSError):  # from a read-only cache nothing is removed
        os.utime(folder)


def remove(entry: Entry) -> None:
    """Remove what Sadari wrote of `entry`, where the cache is marked as one; processes that have it mapped keep it."""
    mark_cache()
    if is_ours(entry.folder, entry.kind):
        remove_files(entry.folder, entry.kind)


def remove_altered() -> list[Entry]:
    """Compare every byte of the cache with its checksum; remove the entries that differ, and return them."""
    altered = [entry for entry in entries() if not is_unaltered(entry.folder, entry.kind, thorough=True)]
    for entry in altered:
        remove(entry)
    return altered


def mark_cache() -> None:
    """Mark the cache folder as one; a folder of version 0.1.0 is marked when it is first used."""
    marker = cache_dir() / CACHE_MARKER
    if not marker.is_file():
        with suppress(SadariError):
            write_text(marker, CACHE_MARKER_TEXT)


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
        self._unfinished: UnfinishedFolder | None = None

    @property
    def folder(self) -> Path:
        """Return the folder to write to."""
        return self._unfinished.path if self._unfinished else self._target

    def __enter__(self) -> Self:
        parent = self._target.parent
        try:
            parent.mkdir(parents=True, exist_ok=True)
            mark_cache()
            remove_leftovers(parent)
            self._unfinished = UnfinishedFolder(parent, self._target.name)
        except OSError as error:
            raise _cannot_write(parent, error) from None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._unfinished:
            self._unfinished.__exit__(kind, error, at)
        if isinstance(error, OSError):
            raise _cannot_write(self._target.parent, error) from None

    def publish(self, target: Path | None = None) -> None:
        """Give the complete entry its marker and its name; where another process was faster, its equal entry stays.

        target: its folder beside the one that was meant, where its content decides that.
        """
        self._target = target or self._target
        unfinished = self._unfinished
        assert unfinished is not None
        seal(unfinished.path, self._target.parent.name)
        unfinished.release()
        for _ in range(PUBLISH_ATTEMPTS):
            with suppress(OSError):
                unfinished.path.rename(self._target)
                sync_folder(self._target.parent)
                return
            if self._is_whole():
                return
            self._move_damaged_away()
        unfinished.path.rename(self._target)

    def _move_damaged_away(self) -> None:
        """Free the name of an entry that cannot be used; what Sadari did not write of it stays, beside it."""
        aside = self._target.with_name(f"{self._target.name}.damaged-{token_hex(4)}")
        with suppress(OSError):  # another process may be doing the same
            self._target.rename(aside)
        remove_files(aside, self._target.parent.name)


def _cannot_write(folder: Path, error: OSError) -> SadariError:
    reason = error.strerror or str(error)
    return SadariError(
        f"cannot keep {_CONTENT[folder.name]} in {folder} ({reason}); make room there or set SADARI_CACHE_DIR to "
        "another folder"
    )


_CONTENT = {
    "packs": "decoded images", "features": "computed features", "weights": "weights", "objects": "images",
}  # fmt: skip


@dataclass(frozen=True)
class Leftovers:
    """What killed processes left unfinished: how many files and folders, and their size in bytes."""

    count: int
    size: int


def leftovers() -> Leftovers:
    """Count what is unfinished in the cache, that of processes at work included."""
    return _sum([path for parent in _places() for path in _unfinished_in(parent)])


def temporary_leftovers() -> Leftovers:
    """Count the folders for temporary files outside the cache, those of processes at work included."""
    return _sum(temporary_folders())


def _sum(found: list[Path]) -> Leftovers:
    size = 0
    for path in found:
        with suppress(FileNotFoundError):  # its process has just ended
            size += _size(path) if path.is_dir() else path.stat().st_size
    return Leftovers(len(found), size)


def remove_leftovers(parent: Path | None = None) -> None:
    """Remove what killed processes left in the folder `parent` of the cache; without it in all, and temporary files."""
    if parent is None:
        remove_temporary_folders()
    for place in (parent,) if parent else _places():
        for path in list(_unfinished_in(place)):
            if path.is_dir():
                remove_abandoned_folder(path)
            else:
                remove_if_abandoned(path)


def _places() -> list[Path]:
    return [cache_dir() / name for name in (*KINDS, "digests")]


def _unfinished_in(parent: Path) -> Iterator[Path]:
    for path in parent.glob(".*"):
        if (is_unfinished(path.name) or _is_unfinished_of_old(path)) and not path.is_symlink():
            yield path


def _is_unfinished_of_old(path: Path) -> bool:
    try:
        known = _UNFINISHED_OF_OLD.fullmatch(path.name) and path.parent.name in KINDS
        return bool(known) and {each.name for each in path.iterdir()} <= FILES[path.parent.name]
    except OSError:
        return False
