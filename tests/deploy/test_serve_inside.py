"""Does the server show what `sadari explain` computes, in a form small enough to send?"""

from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray

from sadari.data.decode import decode_image
from sadari.deploy.serve.inside import MOST_WAITING, Inside
from sadari.deploy.serve.limits import Refused
from sadari.deploy.serve.routes import make_app
from sadari.explain.activations import feature_map, feature_maps
from sadari.explain.grad_cam import grad_cam
from sadari.inference.classifier import Classifier
from support.models import CONVOLVED, DENSE, RECURRENT, model_of, pixels_for
from support.server import as_files, noise

SIDE = 12


def client_of(layers: str, **how: Any) -> TestClient:
    return TestClient(make_app(Classifier(Path("nowhere"), model_of(layers, **how))))


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with client_of(CONVOLVED) as opened:
        yield opened


def values_of(document: dict[str, Any], count: int = 1) -> NDArray[np.uint8]:
    pixels = np.frombuffer(b64decode(document["values"]), dtype=np.uint8)
    return pixels.reshape(count, document["height"], document["width"])


def test_maps_are_those_of_explain(client: TestClient) -> None:
    model, content = model_of(CONVOLVED), noise(1, SIDE)[0]
    for layer, maps in feature_maps(model, decode_image(content)):
        document = client.post("/feature-maps", params={"layer": layer}, files=as_files([content])).json()
        assert (document["layer"], document["channels"], document["shown"]) == (layer, len(maps), len(maps))
        ends = min(0.0, maps.min()), max(0.0, maps.max())
        assert (document["low"], document["high"]) == pytest.approx(ends), "zero is inside"
        again = document["low"] + (document["high"] - document["low"]) * values_of(document, len(maps)) / 255
        assert np.abs(again - maps).max() <= (document["high"] - document["low"]) / 509, layer


def test_heat_is_that_of_explain(client: TestClient) -> None:
    model, content = model_of(CONVOLVED), noise(1, SIDE)[0]
    for label, name in enumerate(model.classes):
        document = client.post("/grad-cam", params={"label": name}, files=as_files([content])).json()
        heat = grad_cam(model, decode_image(content), label)
        assert document["label"] == name
        assert values_of(document)[0] == pytest.approx(255 * heat / max(heat.max(), 1e-9), abs=0.51)
        assert heat.max() > 0


@pytest.mark.parametrize("layers", [DENSE, RECURRENT])
def test_a_model_without_maps_says_so(layers: str) -> None:
    with client_of(layers) as client:
        model = client.get("/model").json()
        assert model["grad_cam"] is False
        response = client.post("/grad-cam", params={"label": "a"}, files=as_files(noise(1, SIDE)))
        assert response.status_code == 422
        assert "no feature maps" in response.json()["detail"]
        for each in model["layers"]:
            document = client.post(
                "/feature-maps", params={"layer": each["name"]}, files=as_files(noise(1, SIDE))
            ).json()
            assert [document["channels"], document["height"], document["width"]] == each["shape"]


def test_large_maps_are_averaged_and_many_are_cut() -> None:
    model = model_of("conv 70 same, maxpool 50, flatten", side=150)
    pixels = pixels_for(model)
    document = Inside(model).maps(lambda: pixels, "conv1").result(30)
    assert (document.channels, document.shown, document.height, document.width) == (70, 64, 64, 64)
    maps = feature_map(model, pixels, "conv1").maps[:64]
    values = values_of(document.model_dump(), 64)
    again = document.low + (document.high - document.low) * values / 255
    assert again.mean() == pytest.approx(float(maps.mean()), rel=0.05)
    assert document.high < maps.max()


@pytest.mark.parametrize(
    ("path", "parameters", "words"),
    [
        ("/feature-maps", {"layer": "conv9"}, "there is no layer 'conv9'; there are: conv1, batchnorm1"),
        ("/feature-maps", {}, "the parameter 'layer' is wrong"),
        ("/grad-cam", {"label": "z"}, "there is no class 'z'"),
        ("/grad-cam", {}, "the parameter 'label' is wrong"),
    ],
)
def test_what_there_is_not_is_named(client: TestClient, path: str, parameters: dict[str, str], words: str) -> None:
    response = client.post(path, params=parameters, files=as_files(noise(1, SIDE)))
    assert (response.status_code, words in response.json()["detail"]) == (422, True), response.text


def test_one_image_at_a_time(client: TestClient) -> None:
    response = client.post("/grad-cam", params={"label": "a"}, files=as_files(noise(2, SIDE)))
    assert (response.status_code, response.json()) == (
        413,
        {"detail": "the request has more than one image; send at most 1 at once"},
    )
    response = client.post("/grad-cam", params={"label": "a"}, files=as_files([b"no image"]))
    assert response.status_code == 422


def test_too_many_looks_are_refused() -> None:
    model = model_of(CONVOLVED)
    inside, go, pixels = Inside(model), Event(), pixels_for(model)

    def wait() -> NDArray[np.uint8]:
        assert go.wait(10)
        return pixels

    looks = [inside.maps(wait, "conv1") for _ in range(MOST_WAITING)]
    with pytest.raises(Refused) as refused:
        inside.maps(wait, "conv1")
    assert refused.value.status == 503
    go.set()
    assert {each.result(10).layer for each in looks} == {"conv1"}
    inside.maps(wait, "conv1").result(10)
    inside.close()
