"""Does the server answer as `evaluate` does, and refuse what it should with the right status and one sentence?"""

import struct
import zlib
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from sadari.deploy.export import export
from sadari.deploy.serve import server as opening
from sadari.deploy.serve.limits import Limits
from sadari.deploy.serve.routes import make_app
from sadari.errors import SadariError
from sadari.inference.classifier import Classifier
from sadari.inference.evaluate import evaluate, own_images
from sadari.run import RunRecord
from support.models import model_of
from support.server import as_files, as_text, noise, png, with_network

FEW = Limits(image_bytes=5_000, body_bytes=20_000, pixels=10_000, images=4, seconds=0.4, upload_seconds=1.0)


@pytest.fixture(scope="module")
def classifier(digits_run: RunRecord) -> Classifier:
    return Classifier.open(digits_run.path)


@pytest.fixture(scope="module")
def client(classifier: Classifier) -> Iterator[TestClient]:
    with TestClient(make_app(classifier)) as opened:
        yield opened


@pytest.fixture
def strict(classifier: Classifier) -> Iterator[TestClient]:
    """A server that accepts little."""
    with TestClient(make_app(classifier, FEW)) as opened:
        yield opened


def test_it_says_what_evaluate_says(client: TestClient, digits_run: RunRecord) -> None:
    expected, images = evaluate(digits_run, split_name="test"), own_images(digits_run)
    positions = digits_run.split.test[:40]
    contents = [png(np.asarray(images.images[int(place)])) for place in positions]
    answers = client.post("/predict", params={"top": 10}, files=as_files(contents)).json()["answers"]
    assert [each["file"] for each in answers] == [f"{number}.png" for number in range(40)]
    for answer, probabilities in zip(answers, expected.probabilities, strict=False):
        returned = {each["label"]: each["probability"] for each in answer["top"]}
        assert [returned[name] for name in expected.classes] == pytest.approx(probabilities.tolist(), abs=1e-6)
        assert answer["label"] == expected.classes[int(np.argmax(probabilities))]
        assert [each["probability"] for each in answer["top"]] == sorted(returned.values(), reverse=True)
        assert answer["probability"] == answer["top"][0]["probability"]


def test_json_and_files_get_the_same_answers(client: TestClient) -> None:
    contents = noise(3)
    as_parts = client.post("/predict", files=as_files(contents)).json()["answers"]
    as_json = client.post("/predict", json=as_text(contents)).json()["answers"]
    assert [each["file"] for each in as_json] == ["1", "2", "3"]
    assert [each["top"] for each in as_json] == [each["top"] for each in as_parts]


@pytest.mark.parametrize(("top", "returned"), [(None, 3), (1, 1), (10, 10), (99, 10)])
def test_so_many_classes_are_returned(client: TestClient, top: int | None, returned: int) -> None:
    answer = client.post("/predict", params={"top": top} if top else {}, files=as_files(noise(1))).json()["answers"][0]
    assert len(answer["top"]) == returned


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
        (FORM, UNFINISHED.replace(b'; filename="a.png"', b"") + b"--xx--\r\n", 422, "the field 'images' is not known"),
        (FORM, UNFINISHED + b"--xx--\r\n", 422, "the image 'a.png' cannot be read"),
        (
            FORM,
            UNFINISHED.replace(b"a.png", "개.png".encode()) + b"--xx--\r\n",
            422,
            "the image '개.png' cannot be read",
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


def test_the_model_is_described(client: TestClient, digits_run: RunRecord, classifier: Classifier) -> None:
    model = client.get("/model").json()
    assert (model["model"], model["data"], model["classes"]) == ("cnn", "digits", list(classifier.classes))
    assert model["input"] == {"height": 8, "width": 8, "channels": 1, "fit": "crop"}
    assert model["scores"]["test"]["accuracy"] == digits_run.scores("test")["accuracy"]
    assert model["params"] == digits_run.summary["params"]["total"]
    assert model["layers"][0] == {"name": "conv1", "text": "conv 32 same", "shape": [32, 8, 8]}
    assert model["layers"][-1]["shape"] == [1, 1, 10]
    assert model["grad_cam"] is True


def test_samples_get_their_own_answers(client: TestClient, digits_run: RunRecord) -> None:
    samples = client.get("/samples").json()["samples"]
    assert sorted({each["label"] for each in samples}) == list("0123456789")
    assert len({each["id"] for each in samples}) == len(samples) == 20
    predictions = digits_run.predictions
    said = dict(zip(predictions.ids.tolist(), predictions.probabilities.max(axis=1).tolist(), strict=True))
    answers = client.post("/predict", json={"images": [each["image"] for each in samples]}).json()["answers"]
    for sample, answer in zip(samples, answers, strict=True):
        assert answer["probability"] == pytest.approx(said[sample["id"]], abs=1e-6)


def test_an_exported_folder_is_served_too(digits_run: RunRecord, tmp_path: Path, client: TestClient) -> None:
    made = export(digits_run, "safetensors", tmp_path / "mine")
    with TestClient(make_app(Classifier.open(made.path))) as exported:
        model = exported.get("/model").json()
        assert (model["model"], model["data"], model["scores"]) == ("mine", None, {})
        assert exported.get("/samples").json() == {"samples": []}
        files = as_files(noise(3))
        assert exported.post("/predict", files=files).json() == client.post("/predict", files=files).json()


def test_metrics_count_what_happened(classifier: Classifier) -> None:
    with TestClient(make_app(classifier)) as client:
        client.post("/predict", files=as_files(noise(3)))
        client.post("/predict", content=b"x")
        client.get("/nowhere")
        client.request("BREW", "/predict")
        response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    lines = dict(line.rsplit(" ", 1) for line in response.text.splitlines() if not line.startswith("#"))
    assert lines['sadari_requests_total{method="POST",path="/predict",status="200"}'] == "1.0"
    assert lines['sadari_requests_total{method="POST",path="/predict",status="415"}'] == "1.0"
    assert lines['sadari_requests_total{method="GET",path="other",status="404"}'] == "1.0"
    assert lines['sadari_requests_total{method="other",path="/predict",status="405"}'] == "1.0"
    assert lines['sadari_request_seconds_count{path="/predict"}'] == "3.0"
    assert (lines["sadari_batch_images_sum"], lines["sadari_batch_images_count"]) == ("3.0", "1.0")
    assert lines["sadari_queue_images"] == "0.0"


def test_the_page_may_load_nothing_from_elsewhere(client: TestClient) -> None:
    response = client.get("/")
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert client.get("/web/main.js").headers["content-type"].startswith(("text/javascript", "application/javascript"))
    assert client.get("/web/../app.py").status_code == 404
    assert client.get("/docs").status_code == 404
    assert client.get("/healthz").json() == {"status": "ok"}


def test_samples_are_png(client: TestClient) -> None:
    sample = client.get("/samples").json()["samples"][0]
    assert b64decode(sample["image"]).startswith(b"\x89PNG")


@pytest.mark.parametrize(("side", "threads"), [(8, 1), (28, 1), (224, 3)])
def test_small_images_keep_one_thread_busy(side: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []
    model = model_of("globalavgpool" if side == 224 else "flatten", side=side, channels=1)
    monkeypatch.setattr(Classifier, "open", lambda path: Classifier(path, model))
    monkeypatch.setattr("sadari.inference.device.cores", lambda: 3)
    monkeypatch.setattr(opening, "use_machine", lambda _, count: used.append(count))
    opening.open_to_serve(Path("nowhere"))
    assert used == [threads]
