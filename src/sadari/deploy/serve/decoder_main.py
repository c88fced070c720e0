"""A process that decodes images which may take long, so that it can be killed. `decoder.py` speaks with it.

It loads neither torch nor the server. It reads the length (8 bytes) and the bytes of a file, and answers with one byte
and what belongs to it: PIXELS and uint8 of the model's shape; or REFUSED or TOO_LARGE and the length (4 bytes) and text
of a sentence. Before it decodes a large image it sends LARGE and waits for one byte.
"""

import json
import sys
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sadari.data.decode import FORMATS, UnreadableImageError, open_larger, quiet_pillow
from sadari.inference.pixels import PixelForm

READY, PIXELS, REFUSED, TOO_LARGE, LARGE = b"Y", b"P", b"R", b"T", b"L"
LARGE_PIXELS = 13_000_000  # above a common photograph; decoding takes up to 16 bytes a pixel (assumed)


class TooLargeError(UnreadableImageError):
    """An image whose header says that it has too many pixels; the message is the end of a sentence."""


def pixels_in_header(content: bytes, most: int) -> int:
    """Return how many pixels the header of an image promises, 0 where it has none that can be read.

    Raises TooLargeError for more than `most`, before any of it is decoded.
    """
    quiet_pillow()
    try:
        try:
            image = Image.open(BytesIO(content), formats=FORMATS)
        except Image.DecompressionBombError as error:
            if 2 * (Image.MAX_IMAGE_PIXELS or 0) >= most:
                raise TooLargeError(f"is too large: {str(error).partition(',')[0]}") from None
            image = open_larger(content)
        with image:
            width, height = image.size
    except TooLargeError:
        raise
    except Exception:  # the decoder finds what is wrong, and says it
        return 0
    if width * height > most:
        raise TooLargeError(f"has {width} x {height} pixels, over the limit of {most:,}; send it smaller")
    return int(width * height)


def main() -> None:
    """Decode what comes on standard input until it is closed. Arguments: the form as JSON, and the most pixels."""
    form, most = PixelForm(**json.loads(sys.argv[1])), int(sys.argv[2])
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sink.write(READY)
    sink.flush()
    while len(head := source.read(8)) == 8:
        content = source.read(int.from_bytes(head))
        try:
            if pixels_in_header(content, most) > LARGE_PIXELS:
                sink.write(LARGE)
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
