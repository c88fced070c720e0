"""How is a set read that fits neither disk nor memory? Its images are decoded at every access.

The first time, every image is decoded once and none is stored: this survey finds what a pack would hold besides its
pixels (which files are no images, the shape of all), and a checksum of each file. What is decoded later is equal to
what the survey saw, or an error.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from sadari.data.cache.seal import is_unaltered
from sadari.data.decode import Frame, Shape, common_shape
from sadari.data.image_file import UnreadableImageError
from sadari.data.levels import FULL_RANGE, Levels16, to_channels
from sadari.data.packs.pack import make_set, read_metadata
from sadari.data.packs.prefetch import Pixels, Positions, Prefetcher
from sadari.data.sources.base import Fetch
from sadari.errors import SadariError
from sadari.settings import Settings
from sadari.values import ImageSet

TOGETHER = 64  # images decoded at a time when all are walked through; assumed


class Survey:
    """A receiver of decoded images that stores none: only their shape, and a checksum of each file.

    Writes checksums.npy, uint32 (N,), into `folder`. Raises ShapeDiffers as `common_shape` does.
    """

    def __init__(self, folder: Path, count: int, least_channels: int) -> None:
        self._path = folder / "checksums.npy"
        self._least_channels = least_channels
        self._lock = Lock()
        self._checksums = np.zeros(count, dtype=np.uint32)
        self.shape: Shape | None = None

    def put(self, position: int, image: NDArray[np.uint8], encoded: bytes, /) -> None:
        """Record the shape of uint8 (H, W, C) `image` and the checksum of `encoded`, from which it was decoded."""
        self._checksums[position] = crc32(encoded)
        with self._lock:
            self.shape = common_shape(self.shape, image, self._least_channels)

    def keep(self, positions: Sequence[int]) -> None:
        """Write the checksums of the images at the ascending `positions`."""
        with self._path.open("wb") as file:
            np.save(file, self._checksums[list(positions)])
            file.flush()
            os.fsync(file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None, /
    ) -> None: ...


@dataclass(frozen=True, eq=False)
class Decoder:
    """A decoder of the image at a position, which gives the same pixels, byte for byte, as a pack of the set holds.

    fetch: gives the bytes of a file. ids, checksums: of every image, unicode and uint32 (N,). where: what the user
    called the data.
    """

    fetch: Fetch
    ids: NDArray[np.str_]
    checksums: NDArray[np.uint32]
    frame: Frame
    shape: Shape
    where: str

    def __call__(self, positions: Positions, pixels: Pixels) -> None:
        """Fill uint8 (n, H, W, C), from any thread. Raises SadariError where a file is missing or has changed."""
        for at, position in enumerate(positions):
            pixels[at] = self._decode(position)

    def _decode(self, position: np.int64) -> Pixels:
        name = str(self.ids[position])
        encoded = self.fetch(name)
        if crc32(encoded) != self.checksums[position]:
            raise self._changed(name)
        try:
            image = self.frame.decode(encoded)
        except UnreadableImageError as error:  # what was decoded once is again, unless memory has run out
            raise SadariError(f"cannot decode {name} of {self.where}: {error}") from None
        return to_channels(image, self.shape[2])

    def _changed(self, name: str) -> SadariError:
        return SadariError(
            f"{name} of {self.where} has changed while it was in use; put it back and go on, or start again with the "
            "images as they are"
        )


class StreamedImages:
    """The images of a set, uint8 (N, H, W, C), decoded at every access; indexed as an array is."""

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, decoder: Decoder, workers: int) -> None:
        self.shape = (len(decoder.ids), *decoder.shape)
        self._prefetcher = Prefetcher(decoder, decoder.shape, workers)

    def __len__(self) -> int:
        return self.shape[0]

    def prefetch(self, order: Positions) -> None:
        """Decode the images at `order` ahead: the caller will take them in this order, in pieces of any size."""
        self._prefetcher.prefetch(order)

    def __getitem__(self, which: Any, /) -> Pixels:
        """Return images by position, slice or array of positions, as NumPy means them; raises IndexError as it does."""
        positions = which if isinstance(which, np.ndarray) and which.dtype == np.int64 else np.arange(len(self))[which]
        pixels = self._prefetcher.take(np.ravel(positions))
        return pixels.reshape(*np.shape(positions), *self.shape[1:])

    def __array__(self, dtype: np.dtype[Any] | None = None, /, *, copy: bool | None = None) -> NDArray[Any]:
        """Return all images, which the caller needs the memory for."""
        if copy is False:
            raise ValueError("the images are decoded at every access, which always makes new arrays")
        return self[:].astype(dtype or self.dtype, copy=False)

    def __iter__(self) -> Iterator[Pixels]:
        self.prefetch(np.arange(len(self)))
        for start in range(0, len(self), TOGETHER):
            yield from self[start : start + TOGETHER]


@dataclass(frozen=True)
class Stream:
    """What streaming needs besides the survey.

    fetch: gives the bytes of a file. settings: decide the pixels. where: what the user called the data.
    """

    fetch: Fetch
    settings: Settings
    where: str


def read_stream(folder: Path, stream: Stream, name: str, fingerprint: str) -> ImageSet | None:
    """Return the set, its images decoded at every access; None where `folder` has no survey or a damaged one."""
    try:
        if not is_unaltered(folder, "packs"):
            return None
        metadata = read_metadata(folder)
        checksums = np.load(folder / "checksums.npy", allow_pickle=False)
        if checksums.shape != (len(metadata.ids),):
            return None
    except Exception:  # as in a pack
        return None
    levels = Levels16(metadata.white_level or FULL_RANGE)
    frame = replace(Frame.of(stream.settings), size=metadata.size, levels=levels)
    ids = np.array(metadata.ids, dtype=np.str_)
    decoder = Decoder(stream.fetch, ids, checksums, frame, metadata.shape, stream.where)
    images = StreamedImages(decoder, stream.settings.threads or os.cpu_count() or 1)
    return make_set(metadata, images, None, name, fingerprint)
