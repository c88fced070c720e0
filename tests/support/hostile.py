"""Small files that take long to decode, as attackers make them."""

import struct
import zlib

RUN = (1 << 15) - 1  # blocks that one code of a scan can skip


def scan_bomb(side: int, scans: int) -> bytes:
    """Make a grey progressive JPEG of `side` x `side` pixels whose empty scans each go over all of its blocks."""
    blocks = (-(-side // 8)) ** 2
    skipping = _packed(("0" + "1" * 14) * -(-blocks // RUN))
    empty = _segment(0xDA, bytes((1, 1, 0, 1, 63, 0x10))) + skipping
    head = (
        _segment(0xDB, b"\0" + b"\x10" * 64)
        + _segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + bytes((1, 0x11, 0)))
        + _segment(0xC4, bytes((0, 1, *[0] * 15, 0)))
        + _segment(0xC4, bytes((0x10, 1, *[0] * 15, 0xE0)))
        + _segment(0xDA, bytes((1, 1, 0, 0, 0, 0)))
        + _packed("0" * blocks)
    )
    return b"\xff\xd8" + head + empty * scans + b"\xff\xd9"


def slow_bitmap(side: int) -> bytes:
    """Make a run-length coded BMP of `side` x `side` pixels, one pixel a row: each row is filled up byte by byte."""
    rows = b"\x01\x05\x00\x00" * side + b"\x00\x01"
    offset = 14 + 40 + 1024
    head = b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset)
    info = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(rows), 0, 0, 256, 0)
    return head + info + bytes(1024) + rows


def many_chunks(side: int, pieces: int) -> bytes:
    """Make a grey PNG of `side` x `side` pixels whose data come in `pieces` chunks, most of them empty."""
    packed = zlib.compress(bytes((side + 1) * side))
    chunks = [_chunk(b"IDAT", packed[at : at + 1]) for at in range(len(packed) - 1)]
    chunks += [_chunk(b"IDAT", b"")] * max(0, pieces - len(packed)) + [_chunk(b"IDAT", packed[-1:])]
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + _chunk(b"IEND", b"")


def many_segments(jpeg: bytes, pieces: int) -> bytes:
    """Put so many empty comments before what a JPEG holds."""
    return jpeg[:2] + _segment(0xFE, b"") * pieces + jpeg[2:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def _packed(bits: str) -> bytes:
    """Pack bits into bytes, filled up with ones, with a zero behind every 0xFF."""
    bits += "1" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")
