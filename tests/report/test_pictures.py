"""Does the sheet of thumbnails look like its images and keep to its bytes?"""

from base64 import b64decode
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from sadari.report.pictures import SHEET_PIXELS, make_sheet
from sadari.values import ImageSet
from support.large_results import photographs


def drawn(sheet_uri: str) -> Image.Image:
    return Image.open(BytesIO(b64decode(sheet_uri.partition(",")[2])))


def test_a_sheet_keeps_to_its_bytes_and_leaves_out_the_last_ones() -> None:
    images = photographs(400, 32, 3, 2)
    whole = make_sheet(images, range(400))
    assert whole.count == 400
    small = make_sheet(images, range(400), most_bytes=20_000)
    assert 0 < small.count < 400
    assert len(b64decode(small.uri.partition(",")[2])) <= 20_000
    assert drawn(small.uri).size[0] == small.columns * small.side
    assert make_sheet(images, ()).uri == ""


@pytest.mark.parametrize(("channels", "side"), [(1, 28), (3, 32)])
def test_thumbnails_look_like_their_images(channels: int, side: int) -> None:
    images = photographs(300, side, channels, 2)
    sheet = make_sheet(images, range(300))
    pixels = np.asarray(drawn(sheet.uri).convert("RGB")).astype(float)
    for place in (0, 17, 299):
        row, column = divmod(place, sheet.columns)
        tile = pixels[row * sheet.side : (row + 1) * sheet.side, column * sheet.side : (column + 1) * sheet.side]
        assert tile.mean() == pytest.approx(images.images[place].mean(), abs=4)


def test_large_and_oblong_images_become_small_squares() -> None:
    pixels = np.full((3, 100, 200, 3), 255, dtype=np.uint8)
    labels = np.zeros(3, dtype=np.int64)
    names = np.array(["a", "b", "c"])
    images = ImageSet("oblong", pixels, labels, names, ("one",), np.full(3, ""), "0")
    sheet = make_sheet(images, range(3))
    assert sheet.side == 96
    tile = np.asarray(drawn(sheet.uri).convert("L"))[:96, :96]
    assert tile[48].min() > 240  # the picture, from edge to edge
    assert tile[:20].max() < 40 and tile[-20:].max() < 40  # black above and below it
    many = make_sheet(replace_count(images, 1500), range(1500))
    assert (many.side, many.count) == (64, SHEET_PIXELS // 64**2)


def replace_count(images: ImageSet, count: int) -> ImageSet:
    at = np.zeros(count, dtype=np.int64)
    names = np.array([str(number) for number in range(count)])
    return replace(images, images=images.images[at], labels=at, ids=names, source_split=np.full(count, ""))
