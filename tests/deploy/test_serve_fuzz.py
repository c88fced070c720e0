"""Does any request crash the server? Requests drawn from its own OpenAPI, and a thousand damaged images."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, settings
from PIL import Image

from sadari.deploy.serve.routes import make_app
from sadari.inference.classifier import Classifier
from support.models import CONVOLVED, model_of
from support.server import as_files, running

SIDE = 12
MUTANTS = 1_000


app = make_app(Classifier(Path("nowhere"), model_of(CONVOLVED, side=SIDE)))
schema = schemathesis.openapi.from_dict(app.openapi())
# Bytes that are no image, and unknown layers and classes, fit the schema and are refused all the same.
schema.config.checks.positive_data_acceptance.enabled = False
schema.config.checks.negative_data_rejection.expected_statuses = ["4xx"]  # more images than allowed: 413


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running(app) as opened:
        yield opened


@schema.parametrize()
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_its_own_openapi_finds_no_fault(case: Any, address: str) -> None:
    case.call_and_validate(base_url=address)


def originals() -> list[bytes]:
    """One image in each format, grey and coloured, with EXIF and a palette among them."""
    generator = np.random.default_rng(0)
    colour = Image.fromarray(generator.integers(0, 256, (24, 20, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[274] = 6  # turned by 90 degrees
    files = []
    for image, kind, options in (
        (colour, "JPEG", {"exif": exif}), (colour.convert("L"), "JPEG", {}), (colour.convert("CMYK"), "JPEG", {}),
        (colour, "PNG", {}), (colour.convert("P"), "PNG", {}), (colour.convert("RGBA"), "PNG", {}),
        (colour.convert("1"), "PNG", {}), (colour, "BMP", {}), (colour, "GIF", {}), (colour, "WEBP", {}),
        (colour, "WEBP", {"lossless": True}), (colour, "TIFF", {}), (colour, "TIFF", {"compression": "tiff_lzw"}),
    ):  # fmt: skip
        file = BytesIO()
        image.save(file, format=kind, **options)
        files.append(file.getvalue())
    return files


def mutated(content: bytes, generator: np.random.Generator) -> bytes:
    """The file with some bits flipped, its end missing, another head, a piece twice, or several of these."""
    damaged = bytearray(content)
    for kind in generator.choice(5, size=generator.integers(1, 4)):
        size = max(1, len(damaged))
        place = int(generator.integers(0, size))
        if kind == 0:
            for bit in generator.integers(0, 8 * size, generator.integers(1, 12)):
                damaged[int(bit) // 8 % size] ^= 1 << int(bit) % 8
        elif kind == 1:
            del damaged[place:]
        elif kind == 2:
            head = generator.integers(0, 256, generator.integers(1, 40), dtype=np.uint8).tobytes()
            start = int(generator.integers(0, min(60, size)))
            damaged[start : start + len(head)] = head
        elif kind == 3:
            damaged[place:place] = damaged[place : place + 50]
        else:
            damaged[place : place + 4] = b"\xff\xff\xff\x7f"
        damaged = damaged or bytearray(b"\x00")
    return bytes(damaged)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    model = model_of(CONVOLVED, side=SIDE)
    with TestClient(make_app(Classifier(Path("nowhere"), model)), raise_server_exceptions=False) as opened:
        yield opened


def test_a_thousand_damaged_images_find_no_fault(client: TestClient) -> None:
    generator, files = np.random.default_rng(1), originals()
    statuses: dict[int, int] = {}
    for number in range(MUTANTS):
        content = mutated(files[number % len(files)], generator)
        path = ("/predict", "/grad-cam?label=a", "/feature-maps?layer=conv2")[0 if number % 10 else number // 10 % 3]
        response = client.post(path, files=as_files([content]))
        statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
        assert response.status_code in (200, 413, 422), (number, response.text)
        if response.status_code != 200:
            assert set(response.json()) == {"detail"}
    assert statuses[200] > 100, "some damage is harmless"
    assert statuses[422] > 300, "most of it is not"
    assert client.get("/healthz").status_code == 200
    assert client.post("/predict", files=as_files(files)).status_code == 200
