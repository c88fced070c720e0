"""Which folders of the cache did Sadari make, and are their files still as they were written? A marker in each says so.

The marker of an entry has the size of each of its files and a checksum of every block. They are compared with what is
there when an entry is used whose files' sizes or times are not those of the last comparison: checking is for damage and
accidents, not against somebody who may write to the cache and changes the marker as well. An entry without a whole
marker cannot be compared, so it is not used. Those of version 0.1.0 had none, and are no longer looked up.
"""

import json
import logging
import os
import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any
from zlib import crc32

from sadari.errors import SadariError
from sadari.files import write_json
from sadari.locks.folder import LOCK

MARKER = "entry.json"
CHECKED = "checked.json"  # in an entry: sizes and times of its files at the last comparison
FORMAT = "sadari cache entry 1"
# The files of an entry, by its kind; those of version 0.1.0 have no marker and are known by this.
FILES = {
    "packs": frozenset({"pack.json", "images.npy", "evidence.npy", "checksums.npy"}),
    "features": frozenset({"features.json", "features.npy"}),
    "weights": frozenset({"config.json", "model.safetensors"}),
    "objects": frozenset({"images.json", "images.bin", "arrays.npz"}),
}
BESIDE = frozenset({MARKER, CHECKED, LOCK})
# The metadata that every entry of a kind of version 0.1.0 has, and keys in it that no other program writes together.
METADATA = {"packs": ("pack.json", {"labels", "ids", "classes", "given"}), "features": ("features.json", {"data"})}
BLOCK_BYTES = 4 * 2**20
READ_BYTES = 2**18  # stays in the processor's cache between reading and summing; assumed
MOST_READERS = 4  # threads that sum the blocks of one file; assumed, where two take half of the time of one (measured)
# Assumed: files written this recently could change again within one tick of the file system's clock (FAT: 2 s).
SETTLED_SECONDS = 3.0

_name_of_entry = re.compile(r"[0-9a-f]{40}")  # see `digests.digest_texts`
_checked_here: dict[Path, str] = {}
_reported: set[tuple[Path, str]] = set()


def seal(folder: Path, kind: str) -> None:
    """Write the marker of the complete entry in `folder`. Raises OSError or SadariError."""
    names = sorted(FILES[kind] & {each.name for each in folder.iterdir()})
    files = {name: _blocks(folder / name) for name in names}
    write_json(folder / MARKER, {"format": FORMAT, "kind": kind, "block": BLOCK_BYTES, "files": files}, indent=None)


def is_ours(folder: Path, kind: str) -> bool:
    """Return whether Sadari made the entry in `folder`: it has a marker, or is an entry of version 0.1.0."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    return _read_marker(folder) is not None or _is_of_old(folder, kind)


def is_unaltered(folder: Path, kind: str, *, thorough: bool = False) -> bool:
    """Return whether the files of an entry are those that its marker names; False where there is no whole marker.

    thorough: compare every byte, even where sizes and times are those of the last comparison. Says one sentence where
    something was altered, the marker included.
    """
    try:
        files = FILES[kind] & {each.name for each in folder.iterdir()}
    except OSError:
        return False
    marker = _read_marker(folder)
    if marker is None or marker.get("kind") != kind or not files <= marker["files"].keys():
        if files:
            _report(folder, "without a marker", f"has no whole {MARKER} to compare its files with")
        return False
    signature, newest = _signature(folder, marker["files"])
    if not thorough and signature in (_checked_here.get(folder), _last_checked(folder)):
        return True
    if not _agrees(folder, marker):
        _report(folder, signature, "was altered since it was written")
        return False
    _checked_here[folder] = signature
    if newest < time.time() - SETTLED_SECONDS:
        with suppress(OSError, SadariError):
            write_json(folder / CHECKED, {"files": signature})
    return True


def _report(folder: Path, state: str, found: str) -> None:
    """Say what was found of `folder`, once for each state of its files."""
    if (folder, state) not in _reported:
        _reported.add((folder, state))
        logging.getLogger("sadari").warning("%s %s; it is made again", folder, found)


def remove_files(folder: Path, kind: str) -> None:
    """Remove what an entry has of Sadari, the marker last, and the folder where nothing else is in it."""
    for name in (*sorted(FILES[kind]), LOCK, CHECKED, MARKER):
        with suppress(OSError):
            (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _read_marker(folder: Path) -> dict[str, Any] | None:
    """Return the marker of `folder`; None where there is none, or a damaged one."""
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        known = marker["format"] == FORMAT and isinstance(marker["files"], dict)
        return dict(marker) if known else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_of_old(folder: Path, kind: str) -> bool:
    """Return whether `folder` has exactly what an entry without a marker has."""
    if kind not in METADATA or not _name_of_entry.fullmatch(folder.name):
        return False
    name, keys = METADATA[kind]
    try:
        names = {each.name for each in folder.iterdir()}
        if not names <= FILES[kind] | BESIDE:
            return False
        return keys <= set(json.loads((folder / name).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return False


def _signature(folder: Path, names: Mapping[str, Any]) -> tuple[str, float]:
    """Return a text that changes when a file is replaced or edited, and the time of the newest edit."""
    parts, newest = [], 0.0
    for name in sorted(names):
        try:
            stat = (folder / name).stat()
        except OSError:
            parts.append(f"{name} missing")
            continue
        parts.append(f"{name} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}")
        newest = max(newest, stat.st_mtime, stat.st_ctime)
    return "; ".join(parts), newest


def _last_checked(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / CHECKED).read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _agrees(folder: Path, marker: Mapping[str, Any]) -> bool:
    if marker.get("block") != BLOCK_BYTES:
        return False
    try:
        return all(_blocks(folder / name) == stored for name, stored in marker["files"].items())
    except OSError:
        return False


def _blocks(path: Path) -> dict[str, Any]:
    """Return the size of a file and the CRC-32 of each of its blocks, in hexadecimal digits."""
    size = path.stat().st_size
    blocks = -(-size // BLOCK_BYTES)
    share = max(1, -(-blocks // min(os.cpu_count() or 1, MOST_READERS)))
    starts = range(0, blocks, share)
    with ThreadPoolExecutor(max(1, len(starts))) as readers:
        parts = readers.map(lambda start: _checksums(path, start, share), starts)
        checksums = list(chain.from_iterable(parts))
    return {"bytes": size, "crc32": checksums}


def _checksums(path: Path, start: int, count: int) -> list[str]:
    """Return the CRC-32 of `count` blocks of a file from the block `start` on, of fewer where it ends."""
    found: list[str] = []
    view = memoryview(bytearray(READ_BYTES))
    with path.open("rb", buffering=0) as file:
        file.seek(start * BLOCK_BYTES)
        while len(found) < count:
            checksum = size = 0
            while read := file.readinto(view[: min(READ_BYTES, BLOCK_BYTES - size)]):
                size += read
                checksum = crc32(view[:read], checksum)
            if not size:
                break
            found.append(f"{checksum:08x}")
    return found
