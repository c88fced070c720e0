"""Does the server answer as `evaluate` does, and say the truth about its model, samples and figures?"""

from base64 import b64decode
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from sadari.deploy.export import export
from sadari.deploy.serve import server as opening
from sadari.deploy.serve.routes import make_app
from sadari.inference.classifier import Classifier
from sadari.inference.evaluate import evaluate, own_images
from sadari.run import RunRecord
from sadari.settings import Settings
from support.models import model_of
from support.server import as_files, as_text, noise, png


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


def test_the_model_is_described(client: TestClient, digits_run: RunRecord, classifier: Classifier) -> None:
    model = client.get("/model").json()
    assert (model["model"], model["data"], model["classes"]) == ("cnn", "digits", list(classifier.classes))
    assert model["input"] == {"height": 8, "width": 8, "channels": 1, "fit": "crop"}
    assert model["scores"]["test"]["accuracy"] == digits_run.scores("test")["accuracy"]
    assert model["params"] == digits_run.summary["params"]["total"]
    assert model["layers"][0] == {"name": "conv1", "text": "conv 32 same", "shape": [32, 8, 8]}
    assert model["layers"][-1]["shape"] == [1, 1, 10]
    assert model["grad_cam"] is True


def test_sets_come_on_request(client: TestClient, classifier: Classifier) -> None:
    files = as_files(noise(3))
    plain = client.post("/predict", files=files).json()["answers"]
    assert all("set" not in each for each in plain)
    answers = client.post("/predict?coverage=0.95&top=1", files=files).json()["answers"]
    coverage = classifier.coverage(0.95)
    assert coverage is not None
    for answer, of_all in zip(answers, client.post("/predict?top=10", files=files).json()["answers"], strict=True):
        inside = [each["label"] for each in of_all["top"] if each["probability"] >= coverage.least[0]]
        assert answer["set"] == (inside or [answer["label"]])
    assert "temperature" in client.get("/model").json()["calibration"]
    for wrong in ("0", "1", "95", "much"):
        refused = client.post(f"/predict?coverage={wrong}", files=files)
        assert refused.status_code == 422 and "coverage" in refused.json()["detail"]


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
    monkeypatch.setattr(Classifier, "open", lambda path, *_: Classifier(path, model))
    monkeypatch.setattr("sadari.inference.device.cores", lambda: 3)

    def noted(_: Settings, count: int) -> AbstractContextManager[None]:
        used.append(count)
        return nullcontext()

    monkeypatch.setattr(opening, "use_machine", noted)
    with opening.opened_to_serve(Path("nowhere")):
        pass
    assert used == [threads]
