"""Does a model of a stranger run code, open files that it names, or fill the memory? It is refused with a sentence."""

import inspect
import json
import os
import pickle
import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from timm.models import PretrainedCfg, build_model_with_cfg, create_model

from sadari.errors import SadariError
from sadari.inference.architecture import Architecture
from sadari.inference.classifier import Classifier
from sadari.inference.model import TrainedModel
from sadari.job import Job
from sadari.models.backbone.pretrained import Pretrained, check_arguments, find_pretrained
from sadari.run import RunRecord
from sadari.settings import Value
from sadari.training.train import train
from support.backbones import SIDE, SMALL, hub_folder
from support.jobs import QUIET, named_job

# Everything that timm, as it is installed here, can be given by name: of its functions and of its configurations.
NAMES = sorted(
    {
        *(each for function in (create_model, build_model_with_cfg) for each in inspect.signature(function).parameters),
        *(each.name for each in fields(PretrainedCfg)),
        "features_only", "feature_cls", "feature_cfg", "pretrained_strict", "pretrained_filter_fn", "pruned", "block",
        "checkpoint_path", "cache_dir", "pretrained_cfg_overlay", "global_pool", "img_size", "act_layer", "drop_rate",
    }
)  # fmt: skip

COMMAND = "from sadari.cli.main import main; main()"


class Trap:
    """Makes the file at the path when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def trap(tmp_path: Path) -> tuple[Path, Path]:
    """A file that torch.load could read, and the path that exists once somebody has."""
    sprung, path = tmp_path / "sprung", tmp_path / "notes.bin"
    path.write_bytes(pickle.dumps({"state_dict": Trap(sprung)}, protocol=2))
    return path, sprung


def probe_job(**overrides: Value) -> Job:
    base: dict[str, Value] = {**QUIET, "weights": "random", "backbone": SMALL, "image_size": SIDE, "channels": 3}
    return named_job("digits", "linear-probe", 0, {**base, **overrides})


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """A run whose model begins with a network of timm."""
    return train(probe_job(epochs=1), tmp_path_factory.mktemp("runs") / "probe")


def altered(
    run: RunRecord, folder: Path, change: Mapping[str, Any], pretrained: Mapping[str, Any] | None = None
) -> Path:
    """A folder with the model of `run`, whose metadata say something else."""
    folder.mkdir()
    with safe_open(run.path / "model.safetensors", framework="pt") as file:
        document = json.loads(file.metadata()["architecture"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    document |= change
    if pretrained:
        document["pretrained"] |= pretrained
    save_file(tensors, folder / "model.safetensors", {"architecture": json.dumps(document)})
    (folder / "preprocess.json").write_bytes((run.path / "preprocess.json").read_bytes())
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_trap_at_every_path_that_a_loader_could_be_given(
    name: str, probe: RunRecord, trap: tuple[Path, Path], tmp_path: Path
) -> None:
    path, sprung = trap
    for value in (str(path), {"file": str(path)}, [str(path)]):
        with pytest.raises(SadariError, match=r"is not taken from a file|out of bounds"):
            Classifier.open(altered(probe, tmp_path / f"m{len(str(value))}", {}, {"arguments": {name: value}}))
        weights = hub_folder(tmp_path / f"w{len(str(value))}")
        document = json.loads((weights / "config.json").read_text())
        (weights / "config.json").write_text(json.dumps({**document, "model_args": {name: value}}))
        with pytest.raises(SadariError, match=r"is not taken from a file|out of bounds"):
            find_pretrained(SMALL, str(weights))
    assert not sprung.exists()


@pytest.mark.parametrize(
    "name", ["local-dir:/tmp", "hf-hub:timm/resnet18", "../resnet18", "", "a" * 200, f"{SMALL}.tag"]
)
def test_the_name_of_a_network_is_a_plain_one(name: str, probe: RunRecord, tmp_path: Path) -> None:
    with pytest.raises(SadariError, match=r"is no name of a network"):
        Classifier.open(altered(probe, tmp_path / "named", {}, {"name": name}))


def test_a_backbone_without_stored_weights_opens_no_other_file(probe: RunRecord, tmp_path: Path) -> None:
    folder = altered(
        probe,
        tmp_path / "bare",
        {"pretrained": None, "layers": f"backbone {SMALL} weights /etc/passwd", "variables": {}},
    )
    with pytest.raises(SadariError, match="begins with a backbone, but does not say which"):
        Classifier.open(folder)


@pytest.mark.parametrize(
    "arguments",
    [
        {"img_size": 10**9}, {"embed_dim": True}, {"depth": 10_000}, {"layers": [1] * 17}, {"layers": []},
        {"drop_rate": 2}, {"drop_rate": float("nan")}, {"class_token": "yes"}, {"act_layer": "a/b"}, {"in_chans": 4},
    ],
)  # fmt: skip
def test_arguments_out_of_bounds(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="out of bounds"):
        check_arguments(SMALL, arguments)


def test_plain_arguments_are_taken() -> None:
    check_arguments(SMALL, {"layers": [2, 1, 1, 1], "img_size": [64, 32], "act_layer": "gelu", "global_pool": ""})
    check_arguments(SMALL, {"class_token": False, "drop_rate": 0.1, "num_classes": 10, "init_values": None})


def claiming(folder: Path, layers: str, shape: tuple[int, int, int] = (8, 8, 1), **more: Any) -> Path:
    """A model of 250 kB that claims to have these layers."""
    folder.mkdir()
    document = {"layers": layers, "variables": {}, "shape": shape, "classes": ["a", "b"], "classical": "", **more}
    tensors = {"features.1.weight": torch.zeros(250, 250)}
    save_file(tensors, folder / "model.safetensors", {"architecture": json.dumps(document)})
    plain = {"height": shape[0], "width": shape[1], "channels": shape[2], "fit": "crop", "scaling": "unit"}
    (folder / "preprocess.json").write_text(json.dumps({**plain, "scale": [[[1.0]]], "shift": [[[0.0]]]}))
    return folder


@pytest.mark.parametrize(
    ("layers", "shape", "sentence"),
    [
        ("flatten\ndense 30000, dense 30000", (8, 8, 1), "902,040,002 parameters, but the file holds 62,500 numbers"),
        ("conv 1 1\n" * 5_000 + "flatten", (8, 8, 1), "it has 5,001 layers"),
        ("flatten", (10**6, 10**6, 3), "it reads images of 1000000 x 1000000 x 3"),
        ("conv 600 1\nglobalavgpool", (4000, 4000, 1), "makes 9,600,000,000 values of one image"),
        ("flatten\ndense " + "9" * 400, (8, 8, 1), "parameters, but the file holds"),
        ("relu\n" * 200_000, (8, 8, 1), "letters of layers"),
        ("flatten\n$word", (8, 8, 1), "unknown variable"),
    ],
)  # fmt: skip
def test_sizes_are_compared_with_the_file_before_anything_is_allocated(
    layers: str, shape: tuple[int, int, int], sentence: str, tmp_path: Path
) -> None:
    folder = claiming(tmp_path / "claims", layers, shape)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SadariError, match=sentence) as caught:
        TrainedModel.load(RunRecord(folder))
    assert type(caught.value) is SadariError and "\n" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_another_shape_of_images_in_preprocess_json(tmp_path: Path) -> None:
    folder = claiming(tmp_path / "claims", "flatten")
    document = json.loads((folder / "preprocess.json").read_text())
    (folder / "preprocess.json").write_text(json.dumps({**document, "height": 10**6, "width": 10**6}))
    with pytest.raises(SadariError, match="preprocessing is of images of another shape"):
        TrainedModel.load(RunRecord(folder))


def test_weights_that_do_not_hold_the_network_of_their_configuration(tmp_path: Path) -> None:
    folder = hub_folder(tmp_path / "mine")
    document = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**document, "model_args": {"layers": [100, 100, 100, 100]}}))
    job = probe_job(weights=str(folder))
    with pytest.raises(SadariError, match=r"bytes, but their configuration describes a network of .* parameters"):
        train(job, tmp_path / "run")


def test_what_is_stored_is_read_back() -> None:
    found = Pretrained(SMALL, {"layers": [1, 1, 1, 1]}, 32, (0.1,) * 3, (0.2,) * 3, "bilinear", "", "random")
    made = Architecture(f"backbone {SMALL}", {}, (32, 32, 3), ("a", "b"), "", found)
    assert Architecture.from_json(made.to_json()) == made


def test_predict_ends_with_one_sentence(tmp_path: Path) -> None:
    folder = claiming(tmp_path / "claims", "flatten\ndense 30000, dense 30000")
    process = subprocess.run(
        [sys.executable, "-c", COMMAND, "predict", str(folder), str(folder)], capture_output=True, text=True
    )
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr.startswith("error: the model of") and process.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "change", [{"fit": "stretch"}, {"interpolation": "magic"}, {"height": "eight"}, {"scale": [[1]] * 9}]
)
def test_preprocessing_that_is_not_known(change: dict[str, Any], tmp_path: Path) -> None:
    folder = claiming(tmp_path / "claims", "flatten")
    document = json.loads((folder / "preprocess.json").read_text())
    (folder / "preprocess.json").write_text(json.dumps({**document, **change}))
    with pytest.raises(SadariError, match=r"preprocessing"):
        TrainedModel.load(RunRecord(folder))
