"""Which pictures fit on the page? One sheet of thumbnails as a data URI, in fewer bytes where there are many."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import ceil, isqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sadari.values import ImageSet

SHEET_BYTES = 2_000_000  # of the encoded sheet: 2.7 MB as a data URI, so that page, figures and sheet stay below 5 MB
SHEET_PIXELS = 5_200_000  # decoded in about 0.1 s (assumed): 5,000 pictures of 32x32, 1,270 of 64x64
LARGE, SMALL = 96, 64  # sides of a thumbnail where there are few and where there are many
BLOCK = 16  # pixels that lossy WebP codes together; a smaller square would take colour from its neighbours
QUALITIES = (80, 60, 40)
PROBE = 200  # thumbnails from which the size of all is estimated
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Sheet:
    """Squares of `side` pixels in rows of `columns`, as a data URI; the first `count` of the requested pictures."""

    uri: str
    side: int
    columns: int
    count: int


def make_sheet(
    images: ImageSet,
    positions: Sequence[int],
    most_bytes: int = SHEET_BYTES,
    most_pixels: int = SHEET_PIXELS,
    sides: Sequence[int] = (LARGE, SMALL),
) -> Sheet:
    """Return the thumbnails of the images at `positions`, as many of the first ones as fit into `most_bytes`.

    sides: of a thumbnail, falling; the first one is taken of which all fit into `most_pixels`, or the last. Small grey
    images are stored without loss where they fit. Otherwise they are coded with less and less quality, and then the
    last ones are left out. Images that are not square are centred on black.
    """
    own = max(images.shape[:2])
    side = min(own, next((each for each in sides if len(positions) * each**2 <= most_pixels), sides[-1]))
    positions = positions[: most_pixels // side**2]
    if not len(positions):
        return Sheet("", side, 1, 0)
    if own <= SMALL and images.shape[2] == 1:
        encoded = _within(_tiles(images, positions, side), None, most_bytes)
        if encoded:
            return _sheet(encoded, side, len(positions))
    side = BLOCK * ceil(side / BLOCK)
    tiles = _tiles(images, positions, side)
    for quality in QUALITIES:
        encoded = _within(tiles, quality, most_bytes)
        if encoded:
            return _sheet(encoded, side, len(tiles))
    while True:
        encoded = _encode(tiles, QUALITIES[-1])
        if len(encoded) <= most_bytes:
            return _sheet(encoded, side, len(tiles))
        tiles = tiles[: int(0.97 * len(tiles) * most_bytes / len(encoded))]


def _sheet(encoded: bytes, side: int, count: int) -> Sheet:
    uri = f"data:image/webp;base64,{b64encode(encoded).decode('ascii')}" if count else ""
    return Sheet(uri, side, _columns(count), count)


def _columns(count: int) -> int:
    return isqrt(count - 1) + 1 if count else 1


def _within(tiles: Pixels, quality: int | None, most_bytes: int) -> bytes | None:
    """Return the encoded tiles, or None where they take more than `most_bytes`."""
    if len(tiles) > 2 * PROBE:
        probe = tiles[:: len(tiles) // PROBE]
        if len(_encode(probe, quality)) * len(tiles) / len(probe) > 1.2 * most_bytes:
            return None
    encoded = _encode(tiles, quality)
    return encoded if len(encoded) <= most_bytes else None


def _encode(tiles: Pixels, quality: int | None) -> bytes:
    """Encode uint8 (n, side, side, C) as one WebP picture, without loss where `quality` is None."""
    count, side, _, channels = tiles.shape
    columns = _columns(count)
    rows = max(ceil(count / columns), 1)
    grid = np.zeros((rows * columns, side, side, channels), dtype=np.uint8)
    grid[:count] = tiles
    whole = grid.reshape(rows, columns, side, side, channels).swapaxes(1, 2)
    whole = whole.reshape(rows * side, columns * side, channels)
    picture = Image.fromarray(whole[:, :, 0] if channels == 1 else whole).convert("RGB")
    buffer = BytesIO()
    if quality is None:
        picture.save(buffer, "WEBP", lossless=True, quality=50, method=2)
    else:
        picture.save(buffer, "WEBP", quality=quality, method=3)
    return buffer.getvalue()


def _tiles(images: ImageSet, positions: Sequence[int], side: int) -> Pixels:
    """Return uint8 (n, side, side, C): each image as it is where it has that size, else resized and centred."""
    height, width, channels = images.shape
    if (height, width) == (side, side):
        order = np.argsort(positions)  # a memory map is read in its own order
        tiles = np.empty((len(positions), side, side, channels), dtype=np.uint8)
        tiles[order] = images.images[np.asarray(positions)[order]]
        return tiles
    return np.stack(list(_resized(images, positions, side)))


def _resized(images: ImageSet, positions: Sequence[int], side: int) -> Iterator[Pixels]:
    height, width, channels = images.shape
    scale = side / max(height, width)
    rows, columns = max(1, round(scale * height)), max(1, round(scale * width))
    top, left = (side - rows) // 2, (side - columns) // 2
    for position in positions:
        pixels = np.asarray(images.images[position])
        picture = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
        small = picture.resize((columns, rows), Image.Resampling.LANCZOS, reducing_gap=2.0)
        tile = np.zeros((side, side, channels), dtype=np.uint8)
        tile[top : top + rows, left : left + columns] = np.asarray(small).reshape(rows, columns, channels)
        yield tile
