"""Does timm open the folder of a model that is one of its networks, and does it answer what Sadari answers?"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from numpy.typing import NDArray
from torch import nn

import sadari as public
from sadari.inference.classifier import Classifier
from sadari.run import RunRecord
from sadari.training.train import train
from support.backbones import SIDE, SMALL, backbone_job, hub_folder
from support.jobs import QUIET, named_job, parts, patterns
from support.photographs import photograph
from support.sets import encode

IMAGES = patterns(60, side=SIDE)


def run_of(model: str, out: Path, **overrides: str | int) -> RunRecord:
    return train(backbone_job(model, **overrides), out, images=IMAGES, split=parts(IMAGES, 10, 10))


def exported(model: str, folder: Path, **overrides: str | int) -> tuple[Classifier, Path]:
    """Return what the run of a `model` answers with, and the folder that was exported of it."""
    run = run_of(model, folder / "run", **overrides)
    return Classifier.open(run.path), public.export(run.path, "safetensors", out=folder / "out").path


def logits_of_timm(network: nn.Module, classifier: Classifier, pixels: NDArray[np.uint8]) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = network.eval()(classifier.preprocess.apply(torch.from_numpy(pixels)))
    return logits


@pytest.mark.parametrize(
    ("model", "overrides"),
    [
        ("linear-probe", {"backbone": SMALL}),
        ("fine-tune", {"backbone": SMALL, "epochs": 1, "scaling": "unit"}),
        ("linear-probe", {"backbone": "test_vit", "fit": "pad"}),
    ],
)
def test_timm_gives_the_same_logits(model: str, overrides: dict[str, str | int], tmp_path: Path) -> None:
    classifier, folder = exported(model, tmp_path, weights="random:1", cache="none", **overrides)
    config = json.loads((folder / "config.json").read_text())
    name, arguments = config["architecture"], config["model_args"]
    assert (name, config["library_name"], config["model"]) == (overrides["backbone"], "timm", model)
    pixels = np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE, 3), dtype=np.uint8)
    with torch.no_grad():
        wanted = classifier.model.network(classifier.preprocess.apply(torch.from_numpy(pixels)))
    of_file = timm.create_model(name, checkpoint_path=folder / "model.safetensors", num_classes=3, **arguments)
    of_folder = timm.create_model(f"local-dir:{folder}", pretrained=True)
    for network in (of_file, of_folder):
        torch.testing.assert_close(logits_of_timm(network, classifier, pixels), wanted, rtol=0, atol=1e-5)
    known: Any = of_folder.pretrained_cfg
    assert (known["input_size"], known["num_classes"], known["label_names"]) == ([3, SIDE, SIDE], 3, ["a", "b", "c"])
    mean, std = (np.reshape(known[key], (3, 1, 1)) for key in ("mean", "std"))
    np.testing.assert_allclose(1 / (255 * std), np.broadcast_to(classifier.preprocess.scale, (3, 1, 1)), rtol=1e-5)
    np.testing.assert_allclose(-mean / std, np.broadcast_to(classifier.preprocess.shift, (3, 1, 1)), atol=1e-5)


def test_sadari_opens_the_same_folder(tmp_path: Path) -> None:
    classifier, folder = exported("linear-probe", tmp_path, weights="random:1", cache="none")
    photo = encode(photograph())
    theirs, pixels = Classifier.open(folder), classifier.decode(photo)[np.newaxis]
    np.testing.assert_array_equal(theirs.probabilities(pixels), classifier.probabilities(pixels))
    assert theirs.classes == classifier.classes


@pytest.mark.slow
def test_the_lines_of_the_card_answer_as_sadari_does(tmp_path: Path) -> None:
    weights = hub_folder(tmp_path / "secret place" / "mine")
    classifier, folder = exported("linear-probe", tmp_path, weights=str(weights), cache="none")
    (folder / "photo.jpg").write_bytes(encode(photograph()))
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "library_name: timm\n" in card and "- timm\n" in card and "secret" not in card
    assert f'# timm.create_model("{SMALL}", checkpoint_path="model.safetensors", num_classes=3)' in card
    (code,) = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    script = f"import sys\nsys.modules['sadari'] = None\n{code}"
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    label, probability = done.stdout.split()
    (answer,) = public.predict(tmp_path / "run", folder / "photo.jpg")
    ((wanted, share),) = answer.top(1)
    assert (label, classifier.classes[0]) == (wanted, "a")
    assert float(probability) == pytest.approx(share, abs=1e-5)


@pytest.mark.parametrize(
    ("model", "overrides"),
    [
        ("knn", {}),
        ("linear-probe", {"cut": "layer3"}),
        ("linear-probe", {"backbone": "test_convnext"}),  # its own head has a layer more
        ("fine-tune", {"epochs": 1, "scaling": "pixel"}),
    ],
)
def test_others_say_that_they_need_sadari(model: str, overrides: dict[str, str | int], tmp_path: Path) -> None:
    _, folder = exported(model, tmp_path, weights="random:1", cache="none", **overrides)
    assert json.loads((folder / "config.json").read_text())["library_name"] == "sadari"
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "These weights need Sadari: timm, transformers and others have no network of these layers." in card
    assert "library_name: sadari\n" in card and "create_model" not in card
    assert (folder / "model.safetensors").read_bytes() == (tmp_path / "run" / "model.safetensors").read_bytes()


def test_a_layer_behind_the_pool_is_not_in_timm(tmp_path: Path) -> None:
    listed = tmp_path / "listed.toml"
    listed.write_text(f'layers = "backbone {SMALL} train head weights random:1, globalavgpool, dense 8"\n')
    job = named_job("patterns", str(listed), 0, {**QUIET, "epochs": 1, "image_size": SIDE, "cache": "none"})
    run = train(job, tmp_path / "run", images=IMAGES, split=parts(IMAGES, 10, 10))
    folder = public.export(run.path, "safetensors", out=tmp_path / "out").path
    assert "These weights need Sadari" in (folder / "README.md").read_text(encoding="utf-8")
