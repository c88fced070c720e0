"""How is a set decoded only once? A pack: a folder of the cache with the pixels as a memory-mapped .npy file.

A pack is written under a temporary name and renamed when it is complete, so that what a kill leaves behind
is never taken for one; the next packing removes what dead processes left.
"""

import json
import os
import platform
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
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
from sadari.errors import SadariError
from sadari.values import ImageSet

# Raise it when decoding changes its pixels or the files their form: older packs are then no longer found.
PACK_FORMAT = "pack 1"
# Assumed: more processes than this will not replace one damaged pack at the same moment.
PUBLISH_ATTEMPTS = 8


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


class PackBuild:
    """A folder in which one pack is being written; removed on leaving unless it was published."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self.folder = target

    def __enter__(self) -> Self:
        packs = self._target.parent
        try:
            packs.mkdir(parents=True, exist_ok=True)
            remove_abandoned(packs)
            self.folder = Path(tempfile.mkdtemp(prefix=_prefix(os.getpid()), dir=packs))
        except OSError as error:
            raise _cannot_write(packs, error) from None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise _cannot_write(self._target.parent, error) from None

    def publish(self) -> None:
        """Give the complete pack its name; where another process was faster, its equal pack stays."""
        self.folder.chmod(0o755)  # mkdtemp makes it private, and caches are shared
        for _ in range(PUBLISH_ATTEMPTS):
            with suppress(OSError):
                self.folder.rename(self._target)
                return
            if read_pack(self._target, "", "") is not None:
                return
            self._move_damaged_away()
        self.folder.rename(self._target)

    def _move_damaged_away(self) -> None:
        away = Path(tempfile.mkdtemp(prefix=_prefix(os.getpid()), dir=self._target.parent))
        with suppress(OSError):  # another process may be doing the same
            self._target.rename(away / "damaged")
        shutil.rmtree(away, ignore_errors=True)


def _cannot_write(packs: Path, error: OSError) -> SadariError:
    reason = error.strerror or str(error)
    return SadariError(
        f"cannot keep decoded images in {packs} ({reason}); make room there or set SADARI_CACHE_DIR to another folder"
    )


def _prefix(process: int) -> str:
    return f".{platform.node()}.{process}."


def remove_abandoned(packs: Path) -> None:
    """Remove the half-written packs of processes of this machine that are no longer alive."""
    ours = f".{platform.node()}."
    for folder in packs.glob(f"{ours}*"):
        process = folder.name.removeprefix(ours).partition(".")[0]
        if process.isdigit() and not _alive(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    if os.name == "nt":
        return True  # there, asking by signal 0 would end the process
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
