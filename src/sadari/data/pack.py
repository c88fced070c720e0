"""How is a set decoded only once? A pack: a folder of the cache with the pixels as a memory-mapped .npy file."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from sadari.data.cache import cache_dir
from sadari.data.decode import to_channels
from sadari.values import ImageSet

# Raise it when decoding changes its pixels or the files their form: older packs are then no longer found.
PACK_FORMAT = "pack 1"


@dataclass(frozen=True)
class PackWords:
    """Everything of a pack but its pixels."""

    labels: Sequence[int]
    ids: Sequence[str]
    classes: Sequence[str]
    given: Sequence[str]
    notes: Sequence[str]
    evidence: bool


class ShapeDiffers(Exception):  # noqa: N818 - control flow, not a failure
    """An image does not fit the frame that the images before it set; `channels` or its size is what differs."""

    def __init__(self, *, channels: bool) -> None:
        super().__init__("channels" if channels else "size")
        self.channels = channels


class PixelWriter:
    """Writes images of one shape into a .npy file, in any order and from any thread.

    The first image sets height and width, and the channels unless `channels` is 3 already. A grey image in
    a colour frame becomes RGB; a colour one in a grey frame, or another size, raises ShapeDiffers. Plain
    writes are used instead of a writable map, so that a full disk is an OSError rather than a dead process.
    """

    def __init__(self, path: Path, count: int, channels: int) -> None:
        self._count = count
        self._channels = channels
        self._lock = Lock()
        self._frame: tuple[int, int, int] | None = None
        self._start = 0
        self._file = path.open("w+b")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def put(self, position: int, image: NDArray[np.uint8]) -> None:
        """Make uint8 (H, W, C) `image` number `position`."""
        with self._lock:
            if self._frame is None:
                self._frame = (image.shape[0], image.shape[1], max(image.shape[2], self._channels))
                self._write_header(self._count)
                self._start = self._file.tell()
            height, width, channels = self._frame
            if image.shape[:2] != (height, width):
                raise ShapeDiffers(channels=False)
            if image.shape[2] > channels:
                raise ShapeDiffers(channels=True)
            self._file.seek(self._start + position * height * width * channels)
            self._file.write(to_channels(image, channels).tobytes())

    def keep(self, positions: Sequence[int]) -> None:
        """Complete the file with the images at the ascending `positions` only, closed up."""
        if self._frame is None:
            raise ValueError("no image was put")
        row = self._frame[0] * self._frame[1] * self._frame[2]
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
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, *(self._frame or ()))}
        npy.write_array_header_1_0(self._file, header)


def pack_folder(key: str) -> Path:
    """Where does the pack of this key lie, if there is one?"""
    return cache_dir() / "packs" / key


def read_pack(folder: Path, name: str, fingerprint: str) -> ImageSet | None:
    """Which images does the pack hold? None where there is none, or where it is damaged."""
    try:
        words = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
        evidence = np.load(folder / "evidence.npy", mmap_mode="r", allow_pickle=False) if words["evidence"] else None
        return ImageSet(
            name=name,
            images=np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False),
            labels=np.array(words["labels"], dtype=np.int64),
            ids=np.array(words["ids"], dtype=np.str_),
            classes=tuple(words["classes"]),
            given=np.array(words["given"], dtype=np.str_),
            fingerprint=fingerprint,
            notes=tuple(words["notes"]),
            evidence=evidence,
        )
    except Exception:  # a damaged pack may raise anything (NumPy tokenizes the header), and is simply made again
        return None


def write_words(folder: Path, words: PackWords) -> None:
    """Complete the pack being written in `folder`: from here on it may be published."""
    with (folder / "pack.json").open("w", encoding="utf-8") as file:
        json.dump({each: getattr(words, each) for each in PackWords.__dataclass_fields__}, file)
        file.flush()
        os.fsync(file.fileno())
