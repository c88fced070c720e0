"""Writes HEIC files: whole photographs by pillow-heif, and box by box what a phone or an attacker makes of them."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

Box = bytes
QUICK = {"preset": "ultrafast"}


def heic(picture: Image.Image | NDArray[np.uint8], **options: Any) -> bytes:
    """Return a HEIC file of the picture, such as a phone would write; options: those of pillow-heif.

    `exif` with an orientation makes it write the boxes that turn, and stays in the file too.
    """
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = BytesIO()
    options = {"quality": 95, "enc_params": QUICK, **options}
    pillow_heif.encode(image.mode, image.size, image.tobytes(), buffer, **options)
    return buffer.getvalue()


def deep_heic(values: NDArray[np.uint16]) -> bytes:
    """Return a HEIC file with 10 bits a channel of uint16 (H, W) or (H, W, 3), the upper ones."""
    buffer = BytesIO()
    mode = "I;16" if values.ndim == 2 else "RGB;16"
    size = (values.shape[1], values.shape[0])
    pillow_heif.encode(mode, size, values.tobytes(), buffer, quality=95, chroma="444", enc_params=QUICK)
    return buffer.getvalue()


@dataclass
class Item:
    """One item of a file. kind: such as b"hvc1". parts: the numbers of the items that it consists of, from 1 on.

    of: the number of the picture that this one belongs to; hidden: whether it is no picture by itself.
    """

    kind: bytes
    data: bytes
    properties: list[Box]
    parts: list[int] = field(default_factory=list)
    of: int = 0
    hidden: bool = False


def coded(picture: Image.Image, **options: Any) -> Item:
    """Return the item of the picture as pillow-heif codes it, and what describes it."""
    content = heic(picture, **options)
    top = {kind: (start, end) for kind, start, end in _boxes(content, 0, len(content))}
    start, end = top[b"meta"]
    inside = {kind: (first, last) for kind, first, last in _boxes(content, start + 4, end)}
    first, last = next((first, last) for kind, first, last in _boxes(content, *inside[b"iprp"]) if kind == b"ipco")
    kept = (b"hvcC", b"ispe", b"pixi", b"colr")
    properties = [content[at - 8 : stop] for kind, at, stop in _boxes(content, first, last) if kind in kept]
    start, end = top[b"mdat"]
    return Item(b"hvc1", content[start:end], properties)


def size_box(width: int, height: int) -> Box:
    return _full(b"ispe", struct.pack(">II", width, height))


def crop_box(width: int, height: int) -> Box:
    """Return the property that leaves width x height of the middle."""
    return _box(b"clap", struct.pack(">8I", width, 1, height, 1, 0, 1, 0, 1))


def turn_box(quarters: int) -> Box:
    """Return the property that turns by so many quarters against the clock."""
    return _box(b"irot", bytes([quarters]))


def mirror_box(axis: int) -> Box:
    """Return the property that mirrors: 0 exchanges top and bottom, 1 left and right."""
    return _box(b"imir", bytes([axis]))


def kind_box(urn: bytes) -> Box:
    """Return the property that says what an auxiliary picture is."""
    return _full(b"auxC", urn + b"\0")


def tiled(columns: int, rows: int, width: int, height: int, parts: Sequence[int]) -> Item:
    """Return a picture that consists of tiles."""
    data = struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, width, height)
    return Item(b"grid", data, [size_box(width, height)], list(parts))


def written(items: Sequence[Item], primary: int = 1) -> bytes:
    """Return the file of the items; primary: the number of the picture that is shown."""
    container: list[Box] = []
    described = b""
    for number, item in enumerate(items, 1):
        for each in item.properties:
            if each not in container:
                container.append(each)
        places = bytes(0x80 | container.index(each) + 1 for each in item.properties)
        described += struct.pack(">HB", number, len(places)) + places
    references = [
        _box(kind, struct.pack(f">HH{len(to)}H", number, len(to), *to))
        for number, item in enumerate(items, 1)
        for kind, to in ((b"dimg", item.parts), (b"auxl", [item.of] if item.of else []))
        if to
    ]
    listed = b"".join(
        _full(b"infe", struct.pack(">HH4s", number, 0, item.kind) + b"\0", version=2, flags=int(item.hidden))
        for number, item in enumerate(items, 1)
    )
    count = struct.pack(">H", len(items))

    def meta(position: int) -> Box:
        where = b""
        for number, item in enumerate(items, 1):
            where += struct.pack(">HHHII", number, 0, 1, position, len(item.data))
            position += len(item.data)
        return _full(
            b"meta",
            _full(b"hdlr", bytes(4) + b"pict" + bytes(13))
            + _full(b"pitm", struct.pack(">H", primary))
            + _full(b"iloc", b"\x44\0" + count + where)
            + _full(b"iinf", count + listed)
            + (_full(b"iref", b"".join(references)) if references else b"")
            + _box(b"iprp", _box(b"ipco", b"".join(container)) + _full(b"ipma", bytes(2) + count + described)),
        )

    head = _box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    return head + meta(len(head) + len(meta(0)) + 8) + _box(b"mdat", b"".join(item.data for item in items))


def _boxes(content: bytes, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    while start + 8 <= stop:
        length, kind = struct.unpack_from(">I4s", content, start)
        yield kind, start + 8, start + length
        start += length


def _box(kind: bytes, content: bytes) -> Box:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _full(kind: bytes, content: bytes, version: int = 0, flags: int = 0) -> Box:
    return _box(kind, struct.pack(">I", version << 24 | flags) + content)
