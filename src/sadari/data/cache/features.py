"""How are the outputs of frozen layers computed only once? As a memory-mapped array in the cache, one row an image."""

import json
import os
from collections.abc import Iterable, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from sadari.data.cache.digests import cache_dir, digest_words
from sadari.data.cache.entries import EntryBuild, make_room, mark_used

# Raise it when the same words would give other features: older ones are then no longer found.
FEATURES_FORMAT = "features 1"

Rows = NDArray[Any]


def read_features(words: Mapping[str, str]) -> Rows | None:
    """Which rows were kept under `words`? A read-only map, or None where there is none or it is damaged."""
    folder = _folder(words)
    try:
        kept = json.loads((folder / "features.json").read_text(encoding="utf-8"))
        rows = np.load(folder / "features.npy", mmap_mode="r", allow_pickle=False)
        if kept != dict(words):
            return None
    except Exception:  # a damaged entry may raise anything (NumPy tokenizes the header), and is simply made again
        return None
    mark_used(folder)
    return rows  # type: ignore[no-any-return]


def keep_features(
    words: Mapping[str, str], shape: tuple[int, ...], dtype: np.dtype[np.generic], blocks: Iterable[Rows]
) -> Rows | None:
    """Write the rows that `blocks` gives, in order, as one array of `shape`, and map it.

    words: everything that decides the rows, such as the data's fingerprint and the layers. None, with nothing
    computed, where the array alone would pass the cache's limit. Raises SadariError where the disk is full.
    """
    size = prod(shape) * dtype.itemsize
    if not make_room(size):
        return None
    folder = _folder(words)
    with EntryBuild(folder, lambda: read_features(words) is not None) as build:
        _write(build.folder / "features.npy", shape, dtype, blocks)
        _settled(build.folder / "features.json", json.dumps(dict(words), ensure_ascii=False).encode())
        build.publish()
    return read_features(words)


def _folder(words: Mapping[str, str]) -> Path:
    flat = [each for pair in sorted(words.items()) for each in pair]
    return cache_dir() / "features" / digest_words(FEATURES_FORMAT, *flat)


def _write(path: Path, shape: tuple[int, ...], dtype: np.dtype[np.generic], blocks: Iterable[Rows]) -> None:
    """Plain writes behind the header rather than a writable map: a full disk is then an OSError, not a dead process."""
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape})
        written = 0
        for block in blocks:
            rows = np.ascontiguousarray(block, dtype=dtype)
            file.write(rows.data)
            written += len(rows)
        if written != shape[0]:
            raise ValueError(f"{written} rows were given instead of {shape[0]}")
        file.flush()
        os.fsync(file.fileno())


def _settled(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
