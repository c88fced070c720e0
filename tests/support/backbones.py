"""Small networks of timm, files with their weights, and jobs on them, for the tests of backbones."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from sadari.job import Job
from sadari.settings import Value
from support.jobs import QUIET, named_job

SMALL = "test_resnet"  # timm's own, for its tests: 0.5 million parameters
SIDE = 32
QUICK: dict[str, Any] = {"backbone": SMALL, "weights": "random:1", "image_size": SIDE}  # photographs are read so


def weights_of_timm(name: str = SMALL, seed: int = 1, **arguments: Any) -> dict[str, Tensor]:
    """Return all weights of timm's network, as its own seeded initialisation draws them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        state: Mapping[str, Tensor] = timm.create_model(name, **arguments).state_dict()
    return {key: tensor.clone() for key, tensor in state.items()}


def hub_folder(folder: Path, name: str = SMALL, *, without: tuple[str, ...] = (), **pretrained: Any) -> Path:
    """Write a folder in the layout of the hub, with the weights of `weights_of_timm` except those named `without`."""
    folder.mkdir(parents=True)
    arguments = pretrained.pop("model_args", {})
    weights = {
        key: each for key, each in weights_of_timm(name, **arguments).items() if not key.startswith(without or "-")
    }
    save_file(weights, folder / "model.safetensors")
    known = {
        "input_size": [3, SIDE, SIDE], "interpolation": "bilinear", "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6],
        "license": "cc0-1.0", **pretrained,
    }  # fmt: skip
    document = {"architecture": name, "model_args": arguments, "pretrained_cfg": known}
    (folder / "config.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def backbone_job(model: str, **overrides: Value) -> Job:
    """Return the job of `sadari train patterns --model MODEL --set ...`, quick and quiet, on 32x32 images."""
    base: dict[str, Value] = {**QUIET, "weights": "random", "image_size": SIDE}
    if model in ("linear-probe", "fine-tune", "knn", "photo-probe", "photo"):
        base["backbone"] = SMALL
    return named_job("patterns", model, 0, {**base, **overrides})
