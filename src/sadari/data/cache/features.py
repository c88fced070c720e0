"""How are the outputs of frozen layers computed only once? As a memory-mapped array in the cache, one row per image."""

import json
import os
from collections.abc import Iterable, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from sadari.data.cache.digests import cache_dir, digest_texts
from sadari.data.cache.entries import EntryBuild, make_room, mark_used
from sadari.data.cache.seal import is_unaltered

# Raise it when the same metadata gives other features: older ones are then no longer found. Those of version 0.1.0,
# which had no checksums, were 1.
FEATURES_FORMAT = "features 2"

Rows = NDArray[Any]


def read_features(metadata: Mapping[str, str]) -> Rows | None:
    """Map the rows that are stored under `metadata`, read-only; None where there are none, or none that can be used."""
    folder = _folder(metadata)
    try:
        if not is_unaltered(folder, "features"):
            return None
        stored = json.loads((folder / "features.json").read_text(encoding="utf-8"))
        rows = np.load(folder / "features.npy", mmap_mode="r", allow_pickle=False)
        if stored != dict(metadata):
            return None
    except Exception:  # a damaged entry may raise anything (NumPy tokenizes the header), and is simply computed again
        return None
    mark_used(folder)
    return rows  # type: ignore[no-any-return]


def keep_features(
    metadata: Mapping[str, str], shape: tuple[int, ...], dtype: np.dtype[np.generic], blocks: Iterable[Rows]
) -> Rows | None:
    """Write the rows that `blocks` gives, in order, as one array of `shape` and `dtype`, and map it.

    metadata: everything that decides the rows, such as the data's fingerprint and the layers. Returns None, with
    nothing computed, where the array alone would pass the cache's limit. Raises SadariError where the disk is full,
    and ValueError where the number of rows is not that of `shape`.
    """
    size = prod(shape) * dtype.itemsize
    if not make_room(size):
        return None
    folder = _folder(metadata)
    with EntryBuild(folder, lambda: read_features(metadata) is not None) as build:
        _write(build.folder / "features.npy", shape, dtype, blocks)
        _write_synced(build.folder / "features.json", json.dumps(dict(metadata), ensure_ascii=False).encode())
        build.publish()
    return read_features(metadata)


def _folder(metadata: Mapping[str, str]) -> Path:
    flat = [each for pair in sorted(metadata.items()) for each in pair]
    return cache_dir() / "features" / digest_texts(FEATURES_FORMAT, *flat)


def _write(path: Path, shape: tuple[int, ...], dtype: np.dtype[np.generic], blocks: Iterable[Rows]) -> None:
    """Write behind the header rather than into a map, so that a full disk is an OSError, not a dead process."""
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


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
