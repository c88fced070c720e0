"""A HEIC photograph becomes the picture that a phone shows: upright, in 8 bits, and nothing else of the file."""

import subprocess
import sys
import zlib
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sadari.data.decode import Frame, decode_image
from sadari.data.heic import INSTALLED, is_heic
from sadari.data.image_file import SUFFIXES, UnreadableImageError
from sadari.data.levels import Levels16
from support.heic import coded, crop_box, deep_heic, heic, kind_box, mirror_box, tiled, turn_box, written

NEAR = 6  # levels that coding changes of large flat areas at most


def quarters(height: int = 96, width: int = 128) -> NDArray[np.uint8]:
    """Make a picture whose quarters have colours of their own, so that every way of turning it shows."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (220, 30, 30)
    pixels[: height // 2, width // 2 :] = (30, 200, 30)
    pixels[height // 2 :, : width // 2] = (40, 40, 210)
    pixels[height // 2 :, width // 2 :] = (240, 240, 240)
    return pixels


SEEN = quarters()
STORED = {
    1: SEEN,
    2: SEEN[:, ::-1],
    3: SEEN[::-1, ::-1],
    4: SEEN[::-1],
    5: SEEN.transpose(1, 0, 2),
    6: np.rot90(SEEN, 1),
    7: SEEN[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90(SEEN, -1),
}


def corners(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Take the middle of each quarter, where coding changes least."""
    height, width = pixels.shape[:2]
    rows, columns = [height // 4, 3 * height // 4], [width // 4, 3 * width // 4]
    return pixels[np.ix_(rows, columns)].astype(np.int64)


def assert_seen(content: bytes, expected: NDArray[np.uint8] = SEEN) -> None:
    decoded = decode_image(content)
    assert decoded.shape == expected.shape
    assert np.abs(corners(decoded) - corners(expected)).max() <= NEAR


def with_orientation(stored: NDArray[np.uint8], orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return heic(Image.fromarray(np.ascontiguousarray(stored)), exif=exif.tobytes())


def test_a_photograph_is_read_and_its_ending_is_one_of_an_image() -> None:
    assert INSTALLED
    assert {".heic", ".heif", ".hif", ".avif"} <= SUFFIXES
    assert_seen(heic(SEEN))
    assert_seen(heic(SEEN, tile_size=64))
    decode_image(heic(SEEN))[0] = 0  # the caller may write to what it gets


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_once(orientation: int) -> None:
    """By the boxes, which pillow-heif writes for an orientation in EXIF; that stays in the file too, as on a phone."""
    content = with_orientation(STORED[orientation], orientation)
    assert (orientation == 1) == (b"irot" not in content and b"imir" not in content)
    assert_seen(content)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_what_exif_says_without_a_box_does_not_count(orientation: int) -> None:
    marked = with_orientation(SEEN, 1)
    tag = b"\x01\x12\x00\x03\x00\x00\x00\x01\x00"
    assert marked.count(tag + b"\x01") == 1
    assert_seen(marked.replace(tag + b"\x01", tag + bytes([orientation])))


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_boxes_turn_and_mirror_in_their_order(turns: int, axis: int | None) -> None:
    item = coded(Image.fromarray(SEEN))
    boxes, expected = [turn_box(turns)], np.rot90(SEEN, turns)
    if axis is not None:
        boxes.append(mirror_box(axis))
        expected = expected[:, ::-1] if axis else expected[::-1]
    assert_seen(written([replace(item, properties=[*item.properties, *boxes])]), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_is_turned_once_too(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(STORED[orientation])).save(buffer, "AVIF", exif=exif, quality=95)
    assert not is_heic(buffer.getvalue())
    assert_seen(buffer.getvalue())


def test_ten_bits_become_eight() -> None:
    deep = np.tile(np.linspace(0, 65535, 128).astype(np.uint16), (64, 1))
    expected = np.round(deep / 257).astype(int)
    grey = decode_image(deep_heic(deep))
    assert grey.shape == (64, 128, 1)
    assert np.abs(grey[:, :, 0] - expected).max() <= 3
    colour = decode_image(deep_heic(np.repeat(deep[:, :, None], 3, 2)))
    assert colour.shape == (64, 128, 3)
    assert np.abs(colour[:, :, 1] - expected).max() <= 3


def test_the_white_of_a_grey_photograph_is_known_whatever_the_set_takes_as_white() -> None:
    content = deep_heic(np.full((64, 64), 20_000, np.uint16))
    for levels in (Levels16(1023), Levels16(0, measuring=True)):
        assert abs(int(Frame(0, "crop", 1, levels=levels).decode(content)[0, 0, 0]) - 78) <= 2


def test_grey_stays_grey_and_what_is_clear_is_put_on_white() -> None:
    assert decode_image(heic(SEEN[:, :, 0])).shape == (96, 128, 1)
    clear = np.dstack([SEEN, np.full(SEEN.shape[:2], 255, np.uint8)])
    clear[:, :64, 3] = 0
    decoded = corners(decode_image(heic(clear)))
    assert (decoded[:, 0] >= 255 - NEAR).all()
    assert np.abs(decoded[:, 1] - corners(SEEN)[:, 1]).max() <= NEAR
    assert_seen(heic(np.dstack([SEEN, np.zeros(SEEN.shape[:2], np.uint8)])))  # a channel that a program left empty


DEPTH = b"urn:mpeg:hevc:2015:auxid:2"
APPLE = (b"urn:com:apple:photo:2020:aux:hdrgainmap", b"urn:com:apple:photo:2018:aux:portraiteffectsmatte")


@pytest.mark.parametrize("kind", [DEPTH, *APPLE])
@pytest.mark.parametrize("first", [True, False])
def test_depth_and_mattes_of_a_portrait_are_not_the_photograph(kind: bytes, first: bool) -> None:
    photo = coded(Image.fromarray(SEEN))
    other = coded(Image.new("L", (64, 64), 90))
    other = replace(other, properties=[*other.properties, kind_box(kind)], of=2 if first else 1)
    assert_seen(written([other, photo] if first else [photo, other], primary=2 if first else 1))


@pytest.mark.parametrize("primary", [1, 2, 3])
def test_of_a_burst_the_main_picture_is_read(primary: int) -> None:
    dark, light = (coded(Image.new("RGB", (64, 64), (level,) * 3)) for level in (20, 120))
    items = [dark, light]
    items.insert(primary - 1, coded(Image.fromarray(SEEN)))
    assert_seen(written(items, primary))


def test_tiles_and_their_turning_are_one_picture() -> None:
    tiles = [
        coded(Image.fromarray(np.ascontiguousarray(quarters(128, 128)[top : top + 64, left : left + 64])))
        for top in (0, 64)
        for left in (0, 64)
    ]
    whole = tiled(2, 2, 128, 128, [2, 3, 4, 5])
    whole.properties.append(turn_box(1))
    hidden = [replace(each, hidden=True) for each in tiles]
    assert_seen(written([whole, *hidden]), np.rot90(quarters(128, 128)))


def test_a_crop_is_applied() -> None:
    item = coded(Image.fromarray(quarters(128, 128)))
    cropped = replace(item, properties=[*item.properties, crop_box(64, 32)])
    assert_seen(written([cropped]), quarters(32, 64))


def test_a_main_picture_that_cannot_be_read_is_not_replaced_by_another() -> None:
    other = coded(Image.fromarray(SEEN))
    unknown = replace(other, kind=b"xxxx")
    with pytest.raises(UnreadableImageError, match="damaged or cut short"):
        decode_image(written([unknown, other]))


def test_the_caller_s_pillow_stays_as_it_is() -> None:
    """In a process of its own: other tests have pillow-heif loaded already."""
    code = (
        "import sys, zlib; from PIL import Image; import sadari.data.decode as decode, sadari.data.load\n"
        "from sadari.data.image_file import quiet_pillow; quiet_pillow()\n"
        "assert 'pillow_heif' not in sys.modules\n"
        "decode.decode_image(zlib.decompress(bytes.fromhex(sys.argv[1])))\n"
        "assert 'pillow_heif' not in sys.modules\n"
        "before = [*Image.ID], {**Image.OPEN}, {**Image.EXTENSION}, {**Image.MIME}\n"
        "decode.decode_image(zlib.decompress(bytes.fromhex(sys.argv[2])))\n"
        "assert 'pillow_heif' in sys.modules\n"
        "assert before == ([*Image.ID], {**Image.OPEN}, {**Image.EXTENSION}, {**Image.MIME})\n"
    )
    png = BytesIO()
    Image.fromarray(SEEN).save(png, "PNG")
    files = [zlib.compress(content).hex() for content in (png.getvalue(), heic(SEEN))]
    subprocess.run([sys.executable, "-c", code, *files], check=True)


def test_without_pillow_heif_the_sentence_says_what_to_install() -> None:
    code = (
        "import sys, zlib; sys.modules['pillow_heif'] = None\n"
        "from sadari.data.decode import decode_image; from sadari.data.sources.layout import lay_out\n"
        "layout = lay_out(['cat/1.png', 'dog/1.png', 'dog/2.HEIC', 'dog/1.heic'], 'the set')\n"
        "print(*layout.notes, layout.photographs, sep='\\n')\n"
        "try: decode_image(zlib.decompress(bytes.fromhex(sys.argv[1])))\n"
        "except Exception as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, zlib.compress(heic(SEEN)).hex()], check=True, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [
        "left out 2 files that are no image: 2 .heic",
        "HEIC photographs are read where pillow-heif is installed",
        "1 .heic belongs to a photograph that is read: moving parts of live photographs, raw copies and edits, "
        "which are not applied",
        "1",
        "it is a HEIC photograph, which is read where pillow-heif is installed; install that, or convert it to JPEG",
    ]
