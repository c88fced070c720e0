"""How is a set decoded only once? A pack: a folder of the cache with the pixels as a memory-mapped .npy file."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import prod
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from sadari.data.cache.digests import cache_dir
from sadari.data.cache.seal import is_unaltered
from sadari.data.decode import Shape, common_shape
from sadari.data.levels import to_channels
from sadari.values import ImageSet, RowAccess

# Raise it when decoding gives other pixels or the files another form: older packs are then no longer found.
PACK_FORMAT = "pack 4"
SOURCE_SPLIT = "given"  # what pack.json calls `source_split`


@dataclass(frozen=True)
class PackMetadata:
    """Everything of a pack but its pixels.

    shape: (H, W, C) of all images; size: the side that they were resized to, 0 where they keep their own. white_level:
    the 16-bit value that became 255, 0 where no image had 16 bits.
    """

    labels: Sequence[int]
    ids: Sequence[str]
    classes: Sequence[str]
    source_split: Sequence[str]
    notes: Sequence[str]
    evidence: bool
    shape: Shape
    size: int
    white_level: int = 0


class Sink(Protocol):
    """A receiver of decoded images: `put` takes them in any order from any thread, then `keep` completes it."""

    @property
    def shape(self) -> Shape | None:
        """Return (H, W, C) of all images; None before the first one."""
        ...

    def put(self, position: int, image: NDArray[np.uint8], encoded: bytes, /) -> None:
        """Take uint8 (H, W, C) `image` as number `position`; it was decoded from `encoded`."""
        ...

    def keep(self, positions: Sequence[int]) -> None:
        """Complete the writing with the images at the ascending `positions` only."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None, /
    ) -> None: ...


class TooLarge(Exception):  # noqa: N818 - control flow, not a failure
    """Pixels that would take `size` bytes for all images, more than was allowed."""

    def __init__(self, size: int) -> None:
        super().__init__(f"{size} bytes")
        self.size = size


class PixelWriter:
    """A writer of images of one shape into images.npy in `folder`, in any order and from any thread.

    A grey image in a colour frame becomes RGB; one that does not fit the frame raises ShapeDiffers, see
    `common_shape`. Where `count` images of the first one's shape take more than `most_bytes`, it raises TooLarge. Plain
    writes are used instead of a writable map, so that a full disk is an OSError rather than a dead process.
    """

    def __init__(self, folder: Path, count: int, least_channels: int, most_bytes: int | None = None) -> None:
        self._count = count
        self._least_channels = least_channels
        self._most_bytes = most_bytes
        self._lock = Lock()
        self.shape: Shape | None = None
        self._start = 0
        self._file = (folder / "images.npy").open("w+b")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def put(self, position: int, image: NDArray[np.uint8], _encoded: bytes = b"", /) -> None:
        """Write uint8 (H, W, C) `image` as number `position`."""
        with self._lock:
            shape = common_shape(self.shape, image, self._least_channels)
            if self.shape is None:
                self._begin(shape)
        self._write(to_channels(image, shape[2]).tobytes(), self._start + position * prod(shape))

    def _write(self, pixels: bytes, offset: int) -> None:
        """Write all of `pixels` at `offset`; threads take turns only where the system cannot write at an offset."""
        if not hasattr(os, "pwrite"):  # Windows
            with self._lock:
                self._file.seek(offset)
                self._file.write(pixels)
            return
        while pixels:
            written = os.pwrite(self._file.fileno(), pixels, offset)
            pixels, offset = pixels[written:], offset + written

    def _begin(self, shape: Shape) -> None:
        size = self._count * prod(shape)
        if self._most_bytes is not None and size > self._most_bytes:
            raise TooLarge(size)
        self.shape = shape
        self._write_header(self._count)
        self._start = self._file.tell()
        self._file.flush()

    def keep(self, positions: Sequence[int]) -> None:
        """Complete the file with the images at the ascending `positions` only, without gaps."""
        if self.shape is None:
            raise ValueError("no image was put")
        row = prod(self.shape)
        if len(positions) < self._count:
            for target, position in enumerate(positions):
                if target < position:
                    self._file.seek(self._start + position * row)
                    pixels = self._file.read(row)
                    self._file.seek(self._start + target * row)
                    self._file.write(pixels)
            self._write_header(len(positions))
        self._file.truncate(self._start + len(positions) * row)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _write_header(self, count: int) -> None:
        # NumPy pads the header so that a smaller first axis takes the same number of bytes.
        self._file.seek(0)
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, *(self.shape or ()))}
        npy.write_array_header_1_0(self._file, header)


def pack_folder(key: str) -> Path:
    """Return the folder in which the pack of this key is stored, if there is one."""
    return cache_dir() / "packs" / key


def read_pack(folder: Path, name: str, fingerprint: str) -> ImageSet | None:
    """Map the images of the pack in `folder`; None where there is no pack, or it is damaged or was altered."""
    try:
        if not is_unaltered(folder, "packs"):
            return None
        metadata = read_metadata(folder)
        evidence = np.load(folder / "evidence.npy", mmap_mode="r", allow_pickle=False) if metadata.evidence else None
        pixels = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
        return make_set(metadata, pixels, evidence, name, fingerprint)
    except Exception:  # a damaged pack may raise anything (NumPy tokenizes the header), and is simply made again
        return None


def make_set(
    metadata: PackMetadata, pixels: RowAccess, evidence: NDArray[np.bool_] | None, name: str, fingerprint: str
) -> ImageSet:
    """Make an ImageSet of a pack's metadata, pixels and evidence."""
    return ImageSet(
        name=name,
        images=pixels,
        labels=np.array(metadata.labels, dtype=np.int64),
        ids=np.array(metadata.ids, dtype=np.str_),
        classes=tuple(metadata.classes),
        source_split=np.array(metadata.source_split, dtype=np.str_),
        fingerprint=fingerprint,
        notes=tuple(metadata.notes),
        evidence=evidence,
        white_level=metadata.white_level,
    )


def read_metadata(folder: Path) -> PackMetadata:
    """Read what `write_metadata` wrote.

    Raises OSError, ValueError, KeyError or TypeError where it is missing or damaged.
    """
    document = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
    document["source_split"] = document.pop(SOURCE_SPLIT)
    height, width, channels = document["shape"]
    return PackMetadata(**{**document, "shape": (int(height), int(width), int(channels))})


def write_metadata(folder: Path, metadata: PackMetadata) -> None:
    """Complete the pack that is being written in `folder`: from here on it may be published."""
    document = {each.name: getattr(metadata, each.name) for each in fields(metadata)}
    document[SOURCE_SPLIT] = document.pop("source_split")
    with (folder / "pack.json").open("w", encoding="utf-8") as file:
        # In one piece: written piece by piece, the metadata of 600,000 images takes ten times as long.
        file.write(json.dumps(document))
        file.flush()
        os.fsync(file.fileno())
