"""What is in an image file before its pixels are decoded, and would that take too long? Opened by Pillow, and checked.

Formats: JPEG, PNG, BMP, GIF, WebP, TIFF, PPM, PGM and TGA, AVIF and JPEG 2000 where Pillow has them, and HEIC where
pillow-heif is installed.
"""

import re
import time
import warnings
from io import BytesIO
from threading import Lock
from typing import Literal

from PIL import Image, ImageFile, UnidentifiedImageError, features

from sadari.data.heic import HEIC_SUFFIXES, is_heic, open_heic, pieces_of
from sadari.data.heic import INSTALLED as HEIC
from sadari.errors import SadariError

AVIF, JPEG_2000 = features.check("avif") or False, features.check("jpg_2000") or False
FORMATS = (
    "JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM", *(["AVIF"] if AVIF else []),
    *(["JPEG2000"] if JPEG_2000 else []), "TGA",
)  # fmt: skip
SUFFIXES = frozenset((
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm",
    ".pnm", ".tga", *([".avif"] if AVIF else []), *([".jp2", ".j2k", ".jpx"] if JPEG_2000 else []),
    *(HEIC_SUFFIXES if HEIC else []),
))  # fmt: skip
# Assumed: the 108 megapixels of a phone, and 360 MB once decoded. The setting max_megapixels raises it.
MAX_PIXELS = 120_000_000
BITS_PER_SAMPLE = 258  # the tag of TIFF with the bits of each channel
# Assumed: a file above this is no photograph; it bounds what one reader holds in memory.
MAX_FILE_BYTES = 256 * 2**20
# Every scan of a progressive JPEG goes over all of its blocks; an empty one has some 40 bytes and takes, for a hundred
# million pixels, 0.2 s. Encoders write 3 to 20. Assumed: far above those, and seconds at the most.
MAX_SCANS, MAX_SCANNED = 100, 2_000_000_000
# Run-length coded bitmaps are decoded by Python, 0.2 s a megapixel, however few bytes they have (measured). An A3 page
# of 300 dots an inch has 17 megapixels.
MAX_RUN_LENGTH_PIXELS = 20_000_000
# A chunk of a PNG or a segment of a JPEG takes 1 microsecond and more, however few bytes it has (measured). Assumed:
# far above what encoders write, one chunk for every row or for some kilobytes.
MAX_PIECES = 1_000_000
# The tiles of a photograph are twice its pixels with those of the whole, and transparency, depth and mattes are less
# than that again. Assumed: what takes more is made to take long: 12 million pixels take 0.3 s (measured).
MAX_HEIC_TIMES = 4
WITHOUT_HEIC = (
    "it is a HEIC photograph, which is read where pillow-heif is installed; install that, or convert it to JPEG"
)
# Whatever else is slow: so many seconds of processor time for one file that is no small one; a small one is bounded by
# the above. Assumed: twice what the slowest file that we could make takes, 256 MiB of pixels as plain text (measured; a
# photograph of 120 megapixels takes 1 to 3 s as JPEG, PNG, WebP or AVIF, and 16 s as JPEG 2000).
MAX_SECONDS, SMALL_BYTES = 60.0, 256 * 2**10
PNG_MAGIC, JPEG_MAGIC = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
PNG_EMPTY = 12  # bytes of a chunk without content
START_OF_SCAN, WITHOUT_LENGTH = b"\xff\xda", frozenset((0, 1, *range(0xD0, 0xDA), 0xFF))
_LIFTING = Lock()
_PILLOW = re.compile(r"PIL\.")
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
_QUIETENING = Lock()


class UnreadableImageError(SadariError):
    """Bytes that are not an image that can be decoded; the message says why, without a file name."""


class _TimedReader(BytesIO):
    """The bytes of a file; whoever reads on after MAX_SECONDS of processor time gets an UnreadableImageError.

    The time is that of the reading thread, so that a busy machine refuses no image that an idle one reads.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._end = time.thread_time() + MAX_SECONDS

    def read(self, size: int | None = -1, /) -> bytes:
        if time.thread_time() > self._end:
            raise UnreadableImageError(f"it takes more than {MAX_SECONDS:g} seconds to decode; save it anew")
        return super().read(size)


def _reader(content: bytes) -> BytesIO:
    return BytesIO(content) if len(content) <= SMALL_BYTES else _TimedReader(content)


def has_deep_colours(content: bytes) -> bool:
    """Return whether a PNG or TIFF file with these bytes has colours of 16 bits, of which Pillow reads the upper 8."""
    if content.startswith(b"\x89PNG"):
        return content[24:26] in (b"\x10\x02", b"\x10\x06")  # bits a value; colour, or colour with alpha
    if content[:4] not in (b"II*\0", b"MM\0*"):
        return False
    try:
        tags = getattr(Image.open(BytesIO(content), formats=["TIFF"]), "tag_v2", {})
        bits = tags.get(BITS_PER_SAMPLE, ())
    except Exception:  # what is wrong with it is for decoding to say
        return False
    return len(bits) > 2 and max(bits) > 8


def has_more_pages(content: bytes) -> bool:
    """Return whether a TIFF file with these bytes has a page after the first one, such as the slices of a stack."""
    order: Literal["little", "big"]
    if content.startswith(b"II*\0"):
        order = "little"
    elif content.startswith(b"MM\0*"):
        order = "big"
    else:
        return False
    tags = int.from_bytes(
        content[4:8], order
    )  # where the list of the first page's tags is: their number, 12 bytes each
    end = tags + 2 + 12 * int.from_bytes(content[tags : tags + 2], order)
    return int.from_bytes(content[end : end + 4], order) != 0  # where the next page's list is


def quiet_pillow() -> None:
    """Hide Pillow's warnings in this process from here on, since an error says once what is wrong with an image.

    The filter stays. `warnings.catch_warnings` would restore all filters, and while worker threads decode that undoes
    what the main thread does with its own.
    """
    with _QUIETENING:
        first = warnings.filters[0] if warnings.filters else None
        if first is None or (first[0], first[3]) != ("ignore", _PILLOW):  # somebody set another one since
            warnings.filterwarnings("ignore", module=_PILLOW.pattern)


def open_image(content: bytes, max_pixels: int) -> ImageFile.ImageFile:
    """Open an image without decoding it.

    Raises UnreadableImageError for more than `max_pixels` pixels and for what takes too long to decode, and as Pillow
    does for what is no image.
    """
    if is_heic(content):
        return _open_heic(content, max_pixels)
    _check_pieces(content)
    try:
        image = Image.open(_reader(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        if 2 * (Image.MAX_IMAGE_PIXELS or 0) >= max_pixels:
            raise UnreadableImageError(f"it is too large: {str(error).partition(',')[0]}") from None
        image = open_larger(content)
    _check_size(image, max_pixels)
    if image.format in ("JPEG", "MPO"):
        _check_scans(content, image.width * image.height)
    if image.width * image.height > MAX_RUN_LENGTH_PIXELS and any(tile[0] == "bmp_rle" for tile in image.tile):
        raise UnreadableImageError(
            f"it is a run-length coded bitmap of {image.width} x {image.height} pixels, which takes too long to "
            "decode; save it as PNG"
        )
    return image


def _open_heic(content: bytes, max_pixels: int) -> ImageFile.ImageFile:
    """Open a HEIC photograph; raises UnreadableImageError as `open_image` does, and SyntaxError for a damaged one."""
    try:
        image = open_heic(content)
    except ImportError:
        raise UnreadableImageError(WITHOUT_HEIC) from None
    _check_size(image, max_pixels)
    pixels = pieces_of(content).all
    if pixels > MAX_HEIC_TIMES * max_pixels:
        raise UnreadableImageError(
            f"it is a HEIC photograph of {image.width} x {image.height} pixels whose pieces have {pixels:,}, which "
            "takes too long to decode; save it as JPEG"
        )
    return image


def _check_size(image: ImageFile.ImageFile, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise UnreadableImageError(
            f"it is too large: {image.width} x {image.height} pixels, over the limit of {max_pixels:,} (max_megapixels)"
        )


def _check_pieces(content: bytes) -> None:
    """Raise UnreadableImageError for a PNG or JPEG of more than MAX_PIECES pieces, which none of few bytes can have."""
    if content.startswith(PNG_MAGIC) and len(content) > MAX_PIECES * PNG_EMPTY:
        kind, position, step = "PNG", len(PNG_MAGIC), _png_chunk
    elif content.startswith(JPEG_MAGIC) and len(content) > MAX_PIECES:
        kind, position, step = "JPEG", len(JPEG_MAGIC), _jpeg_segment
    else:
        return
    for _ in range(MAX_PIECES):
        length = step(content, position)
        if not length:
            return
        position += length
    raise UnreadableImageError(
        f"it is a {kind} of more than {MAX_PIECES:,} pieces, which takes too long to decode; save it anew"
    )


def _png_chunk(content: bytes, position: int) -> int:
    """Return how many bytes the chunk at `position` has; 0 at the end of the image."""
    if content[position + 4 : position + 8] in (b"IEND", b""):
        return 0
    return PNG_EMPTY + int.from_bytes(content[position : position + 4])


def _jpeg_segment(content: bytes, position: int) -> int:
    """Return how many bytes the segment at `position` has, 1 where there is none; 0 where the scans begin."""
    marker = content[position : position + 2]
    if marker == START_OF_SCAN or len(marker) < 2:
        return 0
    if marker[0] != 0xFF or marker[1] in WITHOUT_LENGTH:
        return 1
    return 2 + int.from_bytes(content[position + 2 : position + 4])


def _check_scans(content: bytes, pixels: int) -> None:
    """Raise UnreadableImageError where the JPEG `content` goes over its `pixels` more often than MAX_SCANNED allows."""
    most = min(MAX_SCANS, MAX_SCANNED // max(1, pixels))
    if content.count(b"\xff\xda") <= most:  # other bytes may look like the start of a scan: this is an upper bound
        return
    scans, position = 0, 2
    while found := _JPEG_MARKER.search(content, position):
        marker, position = found[1][0], found.end()
        if marker == 0xD9:  # the end of the image
            return
        position += int.from_bytes(content[position : position + 2])
        scans += marker == START_OF_SCAN[1]
        if scans > most:
            raise UnreadableImageError(
                f"it is a JPEG of more than {most} scans, which takes too long to decode; save it anew"
            )


def open_larger(content: bytes) -> ImageFile.ImageFile:
    """Open an image above Pillow's own limit; nothing of it is decoded before its size is known."""
    with _LIFTING:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(_reader(content), formats=FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def reason_of(error: Exception, content: bytes) -> str:
    """Say why the bytes of a file could not be decoded, by what Pillow raised."""
    if isinstance(error, UnidentifiedImageError):
        if content[:4] in (b"II*\0", b"MM\0*"):
            return "it is a TIFF of a kind that is not read; save it as PNG, or as a plain TIFF of 8 or 16 bits"
        return "it is no JPEG, PNG, BMP, GIF, WebP or TIFF image"
    # libheif ends with a line break, and repeats bytes of the file
    said = "".join(each if each.isprintable() else "?" for each in " ".join(str(error).split()))
    return f"it is damaged or cut short ({said or type(error).__name__})"
