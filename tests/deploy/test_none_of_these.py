"""Do the server, its page, an exported graph and its page say "none of these", by the same scores as the run?"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray

import sadari as public
from sadari.deploy.onnx_runtime import load_onnx
from sadari.deploy.parity import compare_scores
from sadari.deploy.serve.routes import make_app
from sadari.errors import SadariError
from sadari.inference.classifier import Classifier
from sadari.run import KNOWN, RunRecord
from support.browser import NEEDS_BROWSER, Open, said
from support.server import as_files, png, running
from support.terminal import Terminal

CHECKED = (np.indices((8, 8)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None]  # no digit


@pytest.fixture(scope="module")
def abstaining(digits_run: RunRecord) -> Classifier:
    return Classifier.open(digits_run.path).abstaining_as_stored()


@pytest.fixture(scope="module")
def pixels(digits_run: RunRecord) -> NDArray[np.uint8]:
    """Forty test images, and one that is no digit."""
    images = public.load("digits")
    return np.concatenate([np.asarray(images.images[digits_run.split.test[:40]]), CHECKED[None]])


def test_the_server_says_which_images_are_known(abstaining: Classifier, pixels: NDArray[np.uint8]) -> None:
    judged = abstaining.judged(pixels)
    assert judged.scores is not None
    with TestClient(make_app(abstaining)) as client:
        answers = client.post("/predict", files=as_files([png(each) for each in pixels[-5:]])).json()["answers"]
        told = client.get("/model").json()["abstains"]
    assert [each["score"] for each in answers] == pytest.approx(judged.scores[-5:].tolist(), rel=1e-3, abs=1e-2)
    assert [each["known"] for each in answers] == (judged.scores[-5:] >= judged.threshold).tolist()
    assert answers[-1]["known"] is False and answers[-1]["label"] == answers[-1]["top"][0]["label"]
    assert told == {"score": "mahalanobis", "threshold": judged.threshold, "kept": 0.95, "images": 288}


def test_a_server_that_does_not_decide_says_so(client: TestClient) -> None:
    (answer,) = client.post("/predict", files=as_files([png(CHECKED)])).json()["answers"]
    assert set(answer) == {"label", "probability", "file", "top"}
    assert client.get("/model").json()["abstains"] is None


@pytest.fixture(scope="module")
def address(abstaining: Classifier) -> Iterator[str]:
    with running(make_app(abstaining)) as address:
        yield address


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "checked.png"
    path.write_bytes(png(CHECKED))
    return path


def browsed(test: object) -> object:
    for mark in NEEDS_BROWSER:
        test = mark(test)
    return test


@browsed
def test_the_page_says_it_in_place_of_the_name(open_page: Open, address: str, picture: Path) -> None:
    page = open_page(address)
    page.locator("#pick").set_input_files(picture)
    assert said(page) == "none of these"
    assert page.locator("#verdict").inner_text().split("\n")[-1].startswith("nearest: ")
    assert page.locator("#bars li").count() == 10 and page.locator("#bars .best").count() == 0


@pytest.fixture(scope="module")
def exported(digits_run: RunRecord, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return public.export(digits_run.path, out=tmp_path_factory.mktemp("onnx") / "model.onnx").path.read_bytes()


def test_the_graph_has_it_as_a_second_output(
    exported: bytes, abstaining: Classifier, pixels: NDArray[np.uint8]
) -> None:
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_outputs()] == ["probabilities", "known_score"]
    probabilities, scores = session.run(None, {"images": pixels})
    judged = abstaining.judged(pixels)
    assert judged.scores is not None and scores.shape == (41,)
    assert np.abs(probabilities - judged.probabilities).max() < 1e-5
    assert compare_scores(judged.scores, scores) < 0.01
    metadata = {each.key: each.value for each in onnx.load_from_string(exported).metadata_props}
    told = json.loads(metadata["known_score"])
    assert told["threshold"] == judged.threshold and told["kept"] == 0.95
    assert scores[-1] < told["threshold"]
    assert load_onnx(exported, "known_score")(pixels[:0]).shape == (0,)


def test_other_scores_are_no_parity() -> None:
    wanted = np.arange(20, dtype=np.float32)
    assert compare_scores(wanted, wanted) == 0
    for found in (wanted + 1, wanted[:3], np.full(20, np.nan, np.float32)):
        with pytest.raises(SadariError, match="scores of known images differ"):
            compare_scores(wanted, found)


def test_int8_keeps_the_score_in_float32_and_has_its_own_threshold(
    sadari: Terminal, digits_run: RunRecord, exported: bytes, pixels: NDArray[np.uint8], tmp_path: Path
) -> None:
    document = sadari("export", str(digits_run.path), "--quantize", "int8", "--out", "int8.onnx", "--json").document
    content = (tmp_path / "int8.onnx").read_bytes()
    scores = load_onnx(content, "known_score")(pixels)
    metadata = {each.key: each.value for each in onnx.load_from_string(content).metadata_props}
    told = json.loads(metadata["known_score"])
    assert told == document["abstains"]
    assert (scores[:-1] >= told["threshold"]).mean() > 0.8 and scores[-1] < told["threshold"]
    assert np.corrcoef(scores, load_onnx(exported, "known_score")(pixels))[0, 1] > 0.95
    kinds = {
        node.op_type
        for node in onnx.load_from_string(content).graph.node
        if any("known_score_of" in name for name in node.input)
    }
    assert "QuantizeLinear" not in kinds and "DequantizeLinear" not in kinds


@browsed
def test_the_page_of_a_folder_says_it_too(
    open_page: Open, digits_run: RunRecord, picture: Path, tmp_path: Path
) -> None:
    folder = public.export(digits_run.path, "web", out=tmp_path / "web").path
    page = open_page((folder / "index.html").as_uri())
    page.locator("#pick").set_input_files(picture)
    assert said(page) == "none of these"
    assert "nearest: " in page.locator("#verdict").inner_text()


def test_a_folder_for_the_hub_takes_it_along(digits_run: RunRecord, tmp_path: Path) -> None:
    folder = public.export(digits_run.path, "safetensors", out=tmp_path / "hub").path
    assert (folder / KNOWN).read_bytes() == (digits_run.path / KNOWN).read_bytes()
    assert "its mahalanobis is below" in (folder / "README.md").read_text(encoding="utf-8")
    path = tmp_path / "checked.png"
    path.write_bytes(png(CHECKED))
    (answer,) = public.predict(folder, path, abstain=0.95)
    assert answer.known is False


def test_a_run_without_it_exports_as_before(digits_run: RunRecord, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(digits_run.path, tmp_path / "old")
    (tmp_path / "old" / KNOWN).unlink()
    made = public.export(tmp_path / "old", out=tmp_path / "old.onnx")
    assert made.abstains is None
    (output,) = onnx.load(made.path).graph.output
    assert output.name == "probabilities"
