"""Small models with random weights, ready to predict, and what tests check of the layers of any model."""

import re

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sadari.data.prepare import Preprocess
from sadari.inference.architecture import Architecture
from sadari.inference.model import TrainedModel
from sadari.models.backbone.pretrained import Pretrained
from sadari.models.network import Network
from support.jobs import patterns

CONVOLVED = "conv 6 same, batchnorm, maxpool, conv 8 linear, relu, flatten, dense 10"
POOLED = "conv 4 same, maxpool, conv 6 same, globalavgpool"
TOWARDS_ROWS = "conv 4 same, maxpool, rows, lstm 6 sequence, layernorm, lstm 5"
DENSE = "flatten, dense 14, dense 8 sigmoid"
LINEAR = "flatten"
RECURRENT = "rows, lstm 6 sequence, lstm 5, dropout 0.5"
ALL = {
    "convolved": CONVOLVED, "pooled": POOLED, "towards-rows": TOWARDS_ROWS, "dense": DENSE, "linear": LINEAR,
    "recurrent": RECURRENT,
}  # fmt: skip


def model_of(
    layers: str, side: int = 12, channels: int = 1, classical: str = "", scaling: str = "unit", backbone: str = ""
) -> TrainedModel:
    """Make a model for three classes. backbone: the network of timm that `layers` begin with, drawn at random."""
    images = patterns(30, side=side, channels=channels)
    pretrained = None
    if backbone:
        pretrained = Pretrained(backbone, {}, side, (0.5,) * 3, (0.25,) * 3, "bilinear", "", "random")
    architecture = Architecture(layers, {}, images.shape, images.classes, classical, pretrained)
    network = architecture.build(seed=5)
    generator = torch.Generator().manual_seed(7)
    for name, values in network.named_buffers():
        if name.endswith("running_mean"):
            values.copy_(0.2 * torch.randn(values.shape, generator=generator))
        if name.endswith("running_var"):
            values.copy_(0.5 + torch.rand(values.shape, generator=generator))
    preprocess = Preprocess.fitted(images, np.arange(30), scaling, "crop")
    return TrainedModel(network.eval(), preprocess, images.classes, architecture)


def walk(network: Network, x: Tensor) -> list[Tensor]:
    """Return the output of every layer for `x`, in order; the last one is the logits."""
    outputs: list[Tensor] = []
    for layer in (*network.features, *network.head):
        x = layer(x)
        outputs.append(x)
    return outputs


def pixels_for(model: TrainedModel, seed: int = 0) -> NDArray[np.uint8]:
    """Draw a random image as `model` reads it."""
    return np.random.default_rng(seed).integers(0, 256, model.architecture.shape, dtype=np.uint8)


def is_right(arithmetic: str, total: int) -> bool:
    """Return whether arithmetic such as "(3x3x1 + 1) x 32 = 320" ends in `total`, and is right."""
    left, _, right = arithmetic.rpartition(" = ")
    assert re.fullmatch(r"[\dx+() ]+", left), left
    return right == f"{total:,}" and eval(left.replace("x", "*")) == total
