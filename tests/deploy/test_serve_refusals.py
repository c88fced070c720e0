"""Does the server refuse what it should, with the right status and one sentence?"""

import struct
import zlib
from collections.abc import Iterator
from threading import Event
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from sadari.data.decode import UnreadableImageError
from sadari.deploy.serve.decoder import Decoder
from sadari.deploy.serve.decoder_main import TooLargeError, pixels_in_header
from sadari.deploy.serve.limits import Limits
from sadari.deploy.serve.routes import make_app
from sadari.errors import SadariError
from sadari.inference.classifier import Classifier
from sadari.inference.pixels import PixelForm
from support.server import as_files, noise, with_network
from support.sets import encode

FEW = Limits(image_bytes=5_000, body_bytes=20_000, pixels=10_000, images=4, seconds=0.4, upload_seconds=1.0)


@pytest.fixture
def strict(classifier: Classifier) -> Iterator[TestClient]:
    """A server that accepts little."""
    with TestClient(make_app(classifier, FEW)) as opened:
        yield opened


def problem(client: TestClient, status: int, path: str = "/predict", **request: Any) -> str:
    """The one sentence of an answer that must have this status."""
    response = client.post(path, **request)
    assert response.status_code == status, response.text
    assert set(response.json()) == {"detail"}
    return str(response.json()["detail"])


def test_what_is_no_image_is_named(client: TestClient) -> None:
    sentence = problem(client, 422, files=as_files([*noise(1), b"no image"]))
    assert sentence == "the image '1.png' cannot be read: it is no JPEG, PNG, BMP, GIF, WebP or TIFF image"
    assert "damaged or cut short" in problem(client, 422, files=as_files([noise(1)[0][:60]]))


@pytest.mark.parametrize("top", ["0", "-3", "many"])
def test_a_wrong_parameter_is_named(client: TestClient, top: str) -> None:
    assert problem(client, 422, params={"top": top}, files=as_files(noise(1))).startswith(
        "the parameter 'top' is wrong"
    )


def test_a_body_of_another_type_is_refused(client: TestClient) -> None:
    assert "text/plain" in problem(client, 415, content=b"x", headers={"Content-Type": "text/plain"})
    assert "multipart/form-data or application/json" in problem(client, 415, content=noise(1)[0])


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "EOF"),
        (b"\xff\xfe", 400, "JSON"),
        (b"[" * 100_000, 400, "recursion"),
        (b"{}", 422, "images: Field required"),
        (b'{"images": []}', 422, "images: List should have at least 1 item"),
        (b'{"images": [3]}', 422, "images.0: Input should be a valid string"),
        (b'{"images": ["\\u00e4"]}', 422, "image 1 of the request is not base64"),
        (b'{"images": ["abc"]}', 422, "image 1 of the request is not base64"),
        (b'{"images": [""]}', 422, "the file is empty"),
        (b'{"images": ["data:image/png;base64,AAAA"]}', 422, "is a data URL; send only what follows 'base64,'"),
        (b'{"images": ["aGk="], "more": 1}', 422, "more: Extra inputs are not permitted"),
    ],
)
def test_wrong_json_is_refused(client: TestClient, body: bytes, status: int, words: str) -> None:
    assert words in problem(client, status, content=body, headers={"Content-Type": "application/json"})


FORM = "multipart/form-data; boundary=xx"
UNFINISHED = b'--xx\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\n\r\nabc\r\n'


@pytest.mark.parametrize(
    ("kind", "body", "status", "words"),
    [
        ("multipart/form-data", UNFINISHED, 400, "no boundary"),
        (FORM, b"", 400, "before its last boundary"),
        (FORM, UNFINISHED, 400, "before its last boundary"),
        (FORM, b"rubbish", 400, "damaged"),
        (FORM, b"--xx\r\n" + b"A: b\r\n" * 20 + b"\r\nabc\r\n--xx--\r\n", 400, "header count exceeded"),
        (FORM, UNFINISHED.replace(b"images", b"files") + b"--xx--\r\n", 422, "the file 'files' is not known"),
        (
            FORM,
            UNFINISHED.replace(b'; filename="a.png"', b"") + b"--xx--\r\n",
            422,
            "part 1 of the form, called 'images', has no filename",
        ),
        (FORM, UNFINISHED + b"--xx--\r\n", 422, "the image 'a.png' cannot be read"),
        (
            FORM,
            UNFINISHED.replace(b"a.png", "개.png".encode()) + b"--xx--\r\n",
            422,
            "the image '개.png' cannot be read",
        ),
        (
            FORM,
            UNFINISHED.replace(b'filename="a.png"', b"filename*=UTF-8''%EA%B0%9C.png") + b"--xx--\r\n",
            422,
            "has filename* alone, which RFC 7578 forbids; send filename",
        ),
        (FORM, UNFINISHED.replace(b"a.png", b"\xff") + b"--xx--\r\n", 422, "cannot be read"),
        (FORM, b"--xx--\r\n", 422, "no image"),
    ],
)
def test_a_wrong_form_is_refused(client: TestClient, kind: str, body: bytes, status: int, words: str) -> None:
    assert words in problem(client, status, content=body, headers={"Content-Type": kind})


def declared(width: int, height: int) -> bytes:
    """A PNG whose header declares so many pixels, without any pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    body = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def test_too_many_pixels_are_refused_before_they_are_decoded(strict: TestClient, client: TestClient) -> None:
    assert "101 x 100 pixels, over the limit of 10,000" in problem(strict, 413, files=as_files([declared(101, 100)]))
    assert problem(strict, 422, files=as_files([declared(100, 100)]))
    for side, words in ((9_000, "over the limit of 50,000,000"), (60_000, "too large"), (2**31 - 1, "too large")):
        assert words in problem(client, 413, files=as_files([declared(side, side)]))


def test_a_server_may_take_larger_images_and_has_more_time_for_them() -> None:
    """Above Pillow's own limit too, of 179 megapixels."""
    limits = Limits.for_pixels(200_000_000)
    usual = Limits()
    assert (limits.pixels, limits.decode_seconds) == (200_000_000, 4 * usual.decode_seconds)
    assert limits.seconds - limits.decode_seconds == usual.seconds - usual.decode_seconds
    assert pixels_in_header(declared(14_000, 14_000), limits.pixels) == 196_000_000
    for side in (14_200, 60_000):
        with pytest.raises(TooLargeError, match="over the limit of 200,000,000"):
            pixels_in_header(declared(side, side), limits.pixels)
    assert Limits.for_pixels(1_000_000).decode_seconds == usual.decode_seconds
    decoder = Decoder(PixelForm(8, 8, 3, "crop", "bilinear"), 1_000, 1.0)
    assert decoder.decode_small(encode(np.zeros((20, 40, 3), np.uint8), "PNG")).shape == (8, 8, 3)
    with pytest.raises(UnreadableImageError, match="over the limit of 1,000"):
        decoder.decode_small(encode(np.zeros((40, 40, 3), np.uint8), "PNG"))
    decoder.close()


def test_too_much_is_refused(strict: TestClient) -> None:
    assert "4 at once" in problem(strict, 413, files=as_files(noise(5)))
    assert "over the limit of 5,000" in problem(strict, 413, files=as_files([b"x" * 5_001]))
    assert "larger than 20,000 bytes" in problem(strict, 413, files=as_files([b"x" * 21_000]))
    pieces = (b"x" * 3_000 for _ in range(8))  # without a declared length
    assert "larger than 20,000" in problem(strict, 413, content=pieces, headers={"Content-Type": FORM})
    assert strict.post("/predict", files=as_files(noise(4))).status_code == 200


def assert_soon(event: Event) -> None:
    assert event.wait(10)


def test_a_late_answer_is_given_up(classifier: Classifier) -> None:
    go = Event()
    slow = with_network(classifier, lambda: assert_soon(go))
    go.set()  # for the first passes, which measure the pace
    with TestClient(make_app(slow, FEW)) as client:
        go.clear()
        assert "within 0.4 seconds" in problem(client, 504, files=as_files(noise(1)))
        go.set()
        assert client.post("/predict", files=as_files(noise(1))).status_code == 200


def test_a_network_without_memory_is_said(classifier: Classifier) -> None:
    full: list[bool] = []

    def fail() -> None:
        if full:
            raise SadariError("memory does not hold this network")

    with TestClient(make_app(with_network(classifier, fail), FEW)) as client:
        full.append(True)
        assert problem(client, 503, files=as_files(noise(1))) == "memory does not hold this network"
        full.clear()
        assert client.post("/predict", files=as_files(noise(1))).status_code == 200


def test_a_compressed_body_is_refused(client: TestClient) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert problem(client, 415, content=b"x", headers=headers) == (
        "the Content-Encoding is 'gzip'; send the body as it is"
    )


def test_heads_are_answered(client: TestClient) -> None:
    for path in ("/", "/healthz", "/model", "/samples", "/metrics", "/openapi.json", "/web/main.js"):
        answer = client.head(path)
        assert (answer.status_code, answer.content) == (200, b""), path


@pytest.mark.parametrize("path", ["/app", "/web", "/web/", "/predict/", "/model/", "/nothing"])
def test_unknown_paths_are_named_and_lead_nowhere_else(client: TestClient, path: str) -> None:
    answer = client.get(path, follow_redirects=False)
    assert (answer.status_code, answer.json()) == (
        404,
        {"detail": f"there is nothing at '{path}'; the page is at /, and /openapi.json lists the other paths"},
    )


def test_another_method_is_told_the_right_one(client: TestClient) -> None:
    answer = client.get("/predict")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert answer.json() == {"detail": "'/predict' does not take GET; send POST"}
    answer = client.delete("/model")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    assert answer.json() == {"detail": "'/model' does not take DELETE; send GET"}


def test_scripts_of_another_version_are_not_kept(client: TestClient) -> None:
    first = client.get("/web/main.js")
    assert first.headers["Cache-Control"] == "no-cache"
    again = client.get("/web/main.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.headers["Cache-Control"]) == (304, "no-cache")
