"""Which file has exactly the pixels of an image that is an object? Its own file where it has one, else a PNG."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from sadari.errors import SadariError, UsageError
from sadari.files import expanded

KNOWN = "an array or tensor of uint8 (H, W) or (H, W, 1, 3 or 4), an image of Pillow, the bytes of a file, or its path"


def encode(image: Any, number: int) -> tuple[bytes, str]:
    """Return the bytes of a file with the pixels of `image`, and its path where it is one; PNG loses nothing.

    number: of the image, for messages. Raises UsageError for an object of another kind, SadariError for a path that
    cannot be read.
    """
    if isinstance(image, bytes):
        return image, ""
    if isinstance(image, str | Path):
        return read_local(image), Path(image).absolute().as_posix()
    if isinstance(image, Image.Image):
        return _of_pillow(image, number), ""
    return _png(_picture(np.asarray(image), number)), ""


def read_local(path: str | Path) -> bytes:
    """Read a file of the user. Raises SadariError where that cannot be."""
    try:
        return expanded(path).read_bytes()
    except OSError as error:
        raise SadariError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:  # a zero byte, or no text
        raise SadariError(f"cannot read {str(path)!a}: {error}") from None


def _picture(array: Any, number: int) -> Image.Image:
    if array.ndim == 3 and array.shape[0] in (1, 3) and array.shape[2] not in (1, 3, 4):
        array = array.transpose(1, 2, 0)  # torch has the channels first
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    fits = array.dtype == np.uint8 and (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4)))
    if not fits or 0 in array.shape:
        what = f"an array of {array.dtype} {array.shape}" if array.ndim else f"a {type(array.item()).__name__}"
        raise UsageError(
            f"image number {number} is {what}; an image is {KNOWN} (floats have no known range: hand over the data set "
            "without its transform)"
        )
    return Image.fromarray(np.ascontiguousarray(array))


def _of_pillow(image: Image.Image, number: int) -> bytes:
    if image.mode == "F":
        raise UsageError(f"image number {number} has floats, which have no known range; hand over uint8")
    try:
        return _png(image)
    except OSError as error:  # Pillow reads a file when its pixels are needed
        raise SadariError(f"image number {number} cannot be read: {error}") from None


def _png(image: Image.Image) -> bytes:
    image = ImageOps.exif_transpose(image)  # as files are read: upright
    if image.mode == "I":  # what Pillow makes of some files of 16 bits; to RGB it would cut everything above 255
        image = image.convert("I;16")
    if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        image = image.convert("RGB")
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=1, exif=b"")
    return buffer.getvalue()
