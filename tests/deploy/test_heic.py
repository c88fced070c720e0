"""Are photographs of phones predicted and served, and can none of them harm a server?"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from sadari import deploy
from sadari.deploy.serve.decoder import Decoder
from sadari.deploy.serve.decoder_main import DECODING_BYTES, TooLargeError, memory_needed, pixels_in_header
from sadari.inference.classifier import Classifier
from sadari.inference.pixels import PixelForm
from sadari.run import RunRecord
from support.heic import coded, crop_box, deep_heic, heic, size_box, tiled, written
from support.server import as_files
from support.sets import write_folder
from support.terminal import Terminal

MOST = 50_000_000
FORM = PixelForm(8, 8, 3, "crop", "bilinear", max_pixels=MOST)
PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((128, 96))


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    opened = Decoder(FORM, MOST, 10.0)
    yield opened
    opened.close()


def declaring(side: int, columns: int = 0) -> bytes:
    """A photograph that declares to be larger than it is; columns: of tiles."""
    item = coded(Image.new("RGB", (64, 64)))
    if columns:
        whole = tiled(columns, columns, side, side, [2] * columns**2)
        properties = [size_box(512, 512) if b"ispe" in each else each for each in item.properties]
        return written([whole, replace(item, properties=properties, hidden=True)])
    return heic(Image.new("RGB", (64, 64))).replace(size_box(64, 64), size_box(side, side))


def test_every_photograph_of_a_phone_goes_to_a_process(decoder: Decoder) -> None:
    """However small it says that it is: libheif never runs in the server itself."""
    small = coded(Image.new("RGB", (64, 64)))
    for content in (heic(PHOTO), written([replace(small, properties=[*small.properties, crop_box(2, 2)])])):
        assert not decoder.is_small(content)
        np.testing.assert_array_equal(decoder.decode(content), FORM.decode(content))


def test_the_server_answers_as_predict_does(client: TestClient, classifier: Classifier) -> None:
    content = heic(PHOTO)
    answer = client.post("/predict", files=as_files([content]))
    assert answer.status_code == 200
    (found,) = classifier.probabilities(classifier.decode(content)[np.newaxis])
    assert answer.json()["answers"][0]["probability"] == pytest.approx(float(found.max()), abs=1e-6)


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (heic(PHOTO)[:-20], 422, "it is damaged or cut short"),
        (b"\0\0\0\x18ftypheic" + bytes(40), 422, "it is damaged or cut short"),
        (declaring(60_000), 413, "has 60000 x 60000 pixels, over the limit of 50,000,000; send it smaller"),
        (declaring(64, 30), 422, "64 x 64 pixels whose pieces have 235,933,696, which takes too long"),
    ],
    ids=["cut", "empty", "declared", "tiles"],
)
def test_what_cannot_be_read_is_refused(client: TestClient, content: bytes, status: int, words: str) -> None:
    answer = client.post("/predict", files=as_files([content]))
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text


def test_the_memory_that_decoding_takes_is_known_before() -> None:
    """13 bytes a pixel before cropping, 21 of more than 8 bits, and 24 for its largest tile or its transparency."""
    square = coded(Image.new("RGB", (64, 64)))
    cropped = written([replace(square, properties=[*square.properties, crop_box(2, 2)])])
    deep = deep_heic(np.full((64, 64), 9_000, np.uint16))
    clear = heic(Image.new("RGBA", (64, 64), (0, 0, 0, 9)))
    for content, each in ((cropped, 13), (deep, 21), (clear, 13 + 24)):
        assert memory_needed(content, FORM, MOST) == 2 * len(content) + each * 64**2


def test_48_megapixels_of_a_phone_fit_and_the_limit_is_that_of_the_server() -> None:
    content = declaring(7_000, 14)
    assert pixels_in_header(content, MOST) == 49_000_000
    assert memory_needed(content, FORM, MOST) < DECODING_BYTES
    with pytest.raises(TooLargeError, match="over the limit of 48,000,000"):
        pixels_in_header(content, 48_000_000)


def test_a_phone_s_folder_is_predicted(digits_run: RunRecord, tmp_path: Path, sadari: Terminal) -> None:
    files = {"IMG_1.HEIC": heic(PHOTO), "IMG_1.MOV": b"film", "IMG_2.heic": heic(PHOTO)[:-20]}
    answer = sadari("predict", digits_run.path, write_folder(tmp_path / "phone", files))
    assert answer.status == 1
    first, second = (line for line in answer.out.splitlines() if "IMG_" in line)
    assert first.split()[1].isdecimal()
    assert "damaged or cut short" in second
    assert "left out 1 file that is hidden or no image" in answer.err


def test_the_page_offers_such_photographs_where_the_system_does_not_know_them() -> None:
    page = (Path(deploy.__file__).parent / "web" / "index.html").read_text(encoding="utf-8")
    assert 'id="pick" accept="image/*,.heic,.heif,.hif,.avif"' in page
