"""A process that decodes images which may take long, so that it can be killed. `decoder.py` speaks with it.

It loads neither torch nor the server. It reads the length (8 bytes) and the bytes of a file, and answers with one byte
and what belongs to it: PIXELS and uint8 of the model's shape; or REFUSED or TOO_LARGE and the length (4 bytes) and text
of a sentence. Before it decodes an image it sends NEEDS and how many bytes of memory that takes at most (8 bytes), and
waits for one byte.
"""

import sys
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from sadari.data.decode import draft
from sadari.data.heic import is_heic, open_heic, pieces_of
from sadari.data.image_file import FORMATS, UnreadableImageError, open_larger, quiet_pillow
from sadari.inference.pixels import AnyForm, PixelForm, form_from_json

READY, PIXELS, REFUSED, TOO_LARGE, NEEDS = b"Y", b"P", b"R", b"T", b"N"
# Bytes of memory for each pixel while it is decoded: the most of what was measured for all modes of each format.
PIXEL_BYTES, HEAVY_BYTES = 19, {"WEBP": 23, "JPEG2000": 25}
REDUCED_BYTES = 9  # of a JPEG that is decoded at a reduced scale, with the coefficients of a progressive one (measured)
# Of HEIC with 8 and with more bits (measured: 12.2 and 20.3), and of the pieces that its threads decode at once.
HEIC_BYTES, DEEP_HEIC_BYTES, PIECE_BYTES = 13, 21, 24
# Bytes that all images take together while they are decoded, so that a server of any number of cores stays below 2 GiB
# (measured). 50 megapixels fit, as do eight photographs of 12 as JPEG, which are decoded at a reduced scale.
DECODING_BYTES = 10**9


class TooLargeError(UnreadableImageError):
    """An image whose header says that it has too many pixels; the message is the end of a sentence."""


def pixels_in_header(content: bytes, most: int) -> int:
    """Return how many pixels the header of an image promises, 0 where it has none that can be read.

    Raises TooLargeError for more than `most`, before any of it is decoded.
    """
    image = _opened(content, most)
    return 0 if image is None else image.width * image.height


def memory_needed(content: bytes, form: AnyForm, most: int) -> int:
    """Return how many bytes of memory it takes at most to decode an image, by its header.

    Raises TooLargeError as `pixels_in_header` does, and for more than DECODING_BYTES.
    """
    return max(_memory_of(content, each, most) for each in form.each)


def _memory_of(content: bytes, form: PixelForm, most: int) -> int:
    image = _opened(content, most)
    if image is None:
        return len(content)
    pixels, each = image.width * image.height, HEAVY_BYTES.get(image.format or "", PIXEL_BYTES)
    if image.format == "JPEG" and form.height == form.width:
        draft(image, form.height, form.fit)
        reduced = image.width * image.height
        each = REDUCED_BYTES if reduced < pixels else each
    needed = pixels * each
    if image.format == "HEIF":
        needed = _heic_bytes(content, 8 if image.info["bit_depth"] <= 8 else 16)
    if needed > DECODING_BYTES:
        kind = f"{image.width} x {image.height} pixels as {image.format}"
        raise TooLargeError(f"has {kind}, which take too much memory to decode; send it as JPEG or PNG, or smaller")
    return 2 * len(content) + needed


def _heic_bytes(content: bytes, bits: int) -> int:
    try:
        pieces = pieces_of(content)
    except ValueError:  # the decoder says what is wrong
        return 0
    return pieces.own * (HEIC_BYTES if bits == 8 else DEEP_HEIC_BYTES) + pieces.largest * PIECE_BYTES


def _opened(content: bytes, most: int) -> ImageFile.ImageFile | None:
    quiet_pillow()
    try:
        image = _image_of(content, most)
        width, height = image.size
    except TooLargeError:
        raise
    except Exception:  # the decoder finds what is wrong, and says it
        return None
    if width * height > most:
        raise TooLargeError(f"has {width} x {height} pixels, over the limit of {most:,}; send it smaller")
    return image


def _image_of(content: bytes, most: int) -> ImageFile.ImageFile:
    if is_heic(content):
        return open_heic(content)
    try:
        return Image.open(BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        if 2 * (Image.MAX_IMAGE_PIXELS or 0) >= most:
            raise TooLargeError(f"is too large: {str(error).partition(',')[0]}") from None
        return open_larger(content)


def main() -> None:
    """Decode what comes on standard input until it is closed. Arguments: the form as JSON, and the most pixels."""
    form, most = form_from_json(sys.argv[1]), int(sys.argv[2])
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sink.write(READY)
    sink.flush()
    while len(head := source.read(8)) == 8:
        content = source.read(int.from_bytes(head))
        try:
            sink.write(NEEDS + memory_needed(content, form, most).to_bytes(8))
            sink.flush()
            if not source.read(1):
                return
            answer = PIXELS + _bytes(form.decode(content))
        except UnreadableImageError as error:
            sentence = str(error).encode("utf-8", "replace")
            kind = TOO_LARGE if isinstance(error, TooLargeError) else REFUSED
            answer = kind + len(sentence).to_bytes(4) + sentence
        del content
        sink.write(answer)
        sink.flush()


def _bytes(pixels: NDArray[np.uint8]) -> bytes:
    return np.ascontiguousarray(pixels).tobytes()


if __name__ == "__main__":
    main()
