"""Is a file a HEIC photograph, how much would its pieces take to decode, and how is it opened? By pillow-heif alone.

A HEIC file is a tree of boxes (ISO/IEC 23008-12): items, of which one is the picture, with the tiles that it consists
of and pictures that belong to it, such as transparency, depth and thumbnails. The size that it declares is that after
cropping, and one tile may be placed many times, so that neither says what decoding takes: `pieces_of` does.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO

from PIL import ImageFile

INSTALLED = find_spec("pillow_heif") is not None  # found, not imported: that takes 20 ms and most sets need none of it
HEIC_SUFFIXES = frozenset((".heic", ".heif", ".hif"))
BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"))
MAX_BOXES = 20_000  # (assumed: a photograph in 200 tiles has some thousand)
MAX_BYTES = 2**20  # of a list of items (assumed: that of a photograph has some kilobytes)
MAX_DEPTH = 8  # of items that consist of items; libheif allows fewer (assumed)


def is_heic(content: bytes) -> bool:
    """Return whether the bytes begin as those of a HEIC file; an AVIF file of the same brands is none."""
    if content[4:8] != b"ftyp" or content[8:12] not in BRANDS:
        return False
    return b"avif" not in content[12 : min(int.from_bytes(content[:4]), 256)]


def open_heic(content: bytes) -> ImageFile.ImageFile:
    """Open the picture of a HEIC file without decoding it; its pixels will be upright, in 8 bits or in 16 where grey.

    Pillow learns nothing of it: its table of formats is the caller's. Raises ImportError without pillow-heif, and
    SyntaxError for what it cannot open.
    """
    from pillow_heif import HeifImageFile

    image: ImageFile.ImageFile = HeifImageFile(BytesIO(content))  # type: ignore[no-untyped-call]
    if not image.info.get("primary"):  # another picture of the file would be taken in its place
        raise SyntaxError("its picture is of a kind that is not read")
    return image


@dataclass(frozen=True)
class Pieces:
    """What is decoded for a picture, in pixels: of the picture before cropping, of its largest piece, and of all."""

    own: int
    largest: int
    all: int


def pieces_of(content: bytes) -> Pieces:
    """Read from the boxes of a HEIC file what decoding its picture goes over; a piece counts each time it is placed.

    Raises ValueError where the boxes are damaged, or items are in each other without end.
    """
    meta = _only(content, 0, len(content), b"meta")
    inside = (meta[0] + 4, meta[1])
    primary = _primary(content, _only(content, *inside, b"pitm"))
    areas = _areas(content, _only(content, *inside, b"iprp"))
    parts = _parts(content, _only(content, *inside, b"iref", or_none=True))
    totals: dict[int, int] = {}

    def total(item: int, depth: int) -> int:
        if depth > MAX_DEPTH:
            raise ValueError("its pieces are in each other too deeply")
        if item not in totals:
            totals[item] = areas[item] + sum(total(each, depth + 1) * n for each, n in parts[item].items())
        return totals[item]

    everything = total(primary, 0)
    return Pieces(areas[primary], max((areas[each] for each in totals if each != primary), default=0), everything)


def _boxes(content: bytes, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of the content of each box; raises ValueError for more than MAX_BOXES."""
    for _ in range(MAX_BOXES):
        if start + 8 > stop:
            return
        length, kind, head = int.from_bytes(content[start : start + 4]), content[start + 4 : start + 8], 8
        if length == 1:
            length, head = int.from_bytes(content[start + 8 : start + 16]), 16
        end = start + length if length else stop
        if (length and length < head) or end > stop:
            raise ValueError("a box of it ends outside")
        yield kind, start + head, end
        start = end
    raise ValueError(f"it has more than {MAX_BOXES:,} boxes")


def _only(content: bytes, start: int, stop: int, wanted: bytes, or_none: bool = False) -> tuple[int, int]:
    """Return where the content of the one box `wanted` is, (0, 0) where it has none and `or_none`.

    Raises ValueError for any other number of them, since it is not clear which a decoder takes.
    """
    found = [(first, end) for kind, first, end in _boxes(content, start, stop) if kind == wanted]
    if len(found) > 1 or not (found or or_none):
        raise ValueError(f"it has {len(found)} boxes '{wanted.decode()}'")
    return found[0] if found else (0, 0)


def _require_short(start: int, end: int) -> None:
    if end - start > MAX_BYTES:
        raise ValueError("its list of items is too long")


def _primary(content: bytes, where: tuple[int, int]) -> int:
    start = where[0]
    return int.from_bytes(content[start + 4 : start + (8 if content[start] else 6)])


def _areas(content: bytes, where: tuple[int, int]) -> dict[int, int]:
    """Return the pixels that each item declares before cropping, the most where it declares several sizes."""
    sizes = [
        int.from_bytes(content[start + 4 : start + 8]) * int.from_bytes(content[start + 8 : start + 12])
        if kind == b"ispe"
        else 0
        for kind, start, _ in _boxes(content, *_only(content, *where, b"ipco"))
    ]
    found: dict[int, int] = defaultdict(int)
    for kind, start, end in _boxes(content, *where):
        if kind != b"ipma":
            continue
        _require_short(start, end)
        of_item, of_index = 4 if content[start] else 2, 2 if content[start + 3] & 1 else 1
        position = start + 8
        while position + of_item < end:
            item = int.from_bytes(content[position : position + of_item])
            first = position + of_item + 1
            position = first + of_index * content[first - 1]
            for at in range(first, min(position, end), of_index):
                index = int.from_bytes(content[at : at + of_index]) & (0x7FFF if of_index == 2 else 0x7F)
                if 0 < index <= len(sizes):
                    found[item] = max(found[item], sizes[index - 1])
    return found


def _parts(content: bytes, where: tuple[int, int]) -> dict[int, Counter[int]]:
    """Return what each item consists of, and how often: its tiles, and pictures that belong to it."""
    found: dict[int, Counter[int]] = defaultdict(Counter)
    start, stop = where
    if start == stop:
        return found
    _require_short(start, stop)
    of_item = 4 if content[start] else 2
    for kind, first, end in _boxes(content, start + 4, stop):
        if kind not in (b"dimg", b"auxl"):
            continue
        item, listed = int.from_bytes(content[first : first + of_item]), content[first + of_item + 2 : end]
        others = [int.from_bytes(listed[at : at + of_item]) for at in range(0, len(listed), of_item)]
        if kind == b"dimg":
            found[item].update(others)
        else:
            for other in others:
                found[other][item] += 1
    return found
