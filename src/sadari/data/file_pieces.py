"""Has an image file more pieces or scans than it should, each of which takes time to read?"""

import re

# Every scan of a progressive JPEG goes over all of its blocks; an empty one has some 40 bytes and takes, for a hundred
# million pixels, 0.2 s. Encoders write 3 to 20. Assumed: far above those, and seconds at the most.
MAX_SCANS, MAX_SCANNED = 100, 2_000_000_000
# A chunk of a PNG or a segment of a JPEG takes 1 microsecond and more, however few bytes it has (measured). Assumed:
# far above what encoders write, one chunk for every row or for some kilobytes.
MAX_PIECES = 1_000_000
PNG_MAGIC, JPEG_MAGIC = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
PNG_EMPTY = 12  # bytes of a chunk without content
START_OF_SCAN, WITHOUT_LENGTH = b"\xff\xda", frozenset((0, 1, *range(0xD0, 0xDA), 0xFF))
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)


def slow_pieces(content: bytes) -> str:
    """Return why a PNG or JPEG of more than MAX_PIECES pieces is refused; "" for others."""
    if content.startswith(PNG_MAGIC) and len(content) > MAX_PIECES * PNG_EMPTY:
        kind, position, step = "PNG", len(PNG_MAGIC), _png_chunk
    elif content.startswith(JPEG_MAGIC) and len(content) > MAX_PIECES:
        kind, position, step = "JPEG", len(JPEG_MAGIC), _jpeg_segment
    else:
        return ""
    for _ in range(MAX_PIECES):
        length = step(content, position)
        if not length:
            return ""
        position += length
    return f"it is a {kind} of more than {MAX_PIECES:,} pieces, which takes too long to decode; save it anew"


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


def slow_scans(content: bytes, pixels: int) -> str:
    """Return why a JPEG that goes over its `pixels` more often than MAX_SCANNED allows is refused; "" for others."""
    most = min(MAX_SCANS, MAX_SCANNED // max(1, pixels))
    if content.count(b"\xff\xda") <= most:  # other bytes may look like the start of a scan: this is an upper bound
        return ""
    scans, position = 0, 2
    while found := _JPEG_MARKER.search(content, position):
        marker, position = found[1][0], found.end()
        if marker == 0xD9:  # the end of the image
            return ""
        position += int.from_bytes(content[position : position + 2])
        scans += marker == 0xDA
        if scans > most:
            return f"it is a JPEG of more than {most} scans, which takes too long to decode; save it anew"
    return ""
