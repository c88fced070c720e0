"""How do typed layers become a network? `logits = head(features(x))`, with Keras's starting weights."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sadari.errors import SadariError
from sadari.models.backbone import spec as backbone
from sadari.models.layers import modules, specs, whiten
from sadari.models.layers.batchnorm import BatchNorm
from sadari.models.layers.dropout import Dropout
from sadari.models.layers.neighbours import Neighbours
from sadari.models.layers.plugin import PluginLayer
from sadari.models.layers.whiten_spec import Gelu, Whiten
from sadari.models.own.spec import Own
from sadari.models.parse import complete, describe

OF_EACH_LAYER = 1_000_003  # a prime: the seeds of the layers of plug-ins are apart from each other
LEAVE_THE_MAP = (specs.Flatten, specs.Rows, specs.GlobalAvgPool)  # and GlobalMaxPool, which is one of the latter


class Network(nn.Module):
    """A network whose logits are `head(features(x))`; x is float (N, C, H, W), logits (N, K).

    features: all layers up to the first that leaves the map; what comes out are its feature maps.
    head: that layer and all behind it, the class layer included.
    With a layer `mirror`, evaluation computes the logits of the image and of its mirror image, and returns their mean.
    """

    def __init__(self, features: nn.Sequential, head: nn.Sequential) -> None:
        super().__init__()
        self.features = features
        self.head = head
        self.mirrored = any(isinstance(each, modules.Mirror) for each in (*features, *head))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        if self.mirrored and not self.training:
            logits = (logits + self.head(self.features(x.flip(3)))) / 2
        return logits


def build(layers: Sequence[specs.Layer], shape: specs.Shape, classes: int, seed: int) -> Network:
    """Make the network of `layers` for images of `shape` (H, W, C) and `classes` classes.

    Weights are drawn by Keras's distributions from a generator of their own: the same seed gives the same
    weights, whatever else has drawn random numbers. A backbone gets them by timm's distributions, from the same seed;
    `weights.load_pretrained` loads the pre-trained ones. Raises UsageError naming the layer that does not fit,
    and SadariError where the network is too large for this machine's memory.
    """
    rows = describe(layers, shape, classes)
    inputs = (shape, *(row.shape for row in rows[:-1]))
    try:
        pairs = zip(complete(layers, classes), inputs, strict=True)
        built = [_module(layer, each, seed, number) for number, (layer, each) in enumerate(pairs)]
    except RuntimeError as error:  # the only error that torch has for lack of memory
        total = sum(row.total for row in rows)
        raise SadariError(f"memory does not hold a network of {total:,} params; use smaller layers") from error
    generator = torch.Generator().manual_seed(seed)
    for module in built:
        if isinstance(module, modules.Conv | modules.Dense | modules.LSTM):
            module.initialise(generator)
    leaving = next((index for index, layer in enumerate(layers) if _leaves_the_map(layer, rows[index].shape)), 1)
    return Network(modules.Trunk(*built[:leaving]), nn.Sequential(*built[leaving:]))


def _leaves_the_map(layer: specs.Layer, out: specs.Shape) -> bool:
    return isinstance(layer, LEAVE_THE_MAP) or (isinstance(layer, PluginLayer) and len(out) < 3)


def _module(layer: specs.Layer, shape: specs.Shape, seed: int, number: int) -> nn.Module:
    """Make the module of `layer`, the `number`-th, for input of `shape`.

    Only a backbone and a plug-in draw their weights here, from `seed`.
    """
    features = shape[-1]
    match layer:
        case specs.Conv():
            padding = (*layer.padding(shape[0]), *layer.padding(shape[1]))
            how = (padding, layer.activation, layer.bias, layer.identity)
            return modules.Conv(features, layer.filters, layer.kernel, layer.stride, *how)
        case Whiten():
            return whiten.Whiten(features, layer.kernel)
        case specs.Dense():
            return modules.Dense(features, layer.units, layer.activation)
        case specs.LSTM():
            return modules.LSTM(features, layer.units, layer.sequence)
        case specs.BatchNorm():
            return BatchNorm(features, layer.scale)
        case specs.LayerNorm():
            return modules.LayerNorm(features)
        case specs.Dropout():
            return Dropout(layer.rate)
        case specs.MaxPool():
            return nn.MaxPool2d(layer.size)
        case specs.AvgPool():
            return nn.AvgPool2d(layer.size)
        case specs.GlobalMaxPool():
            return modules.GlobalMaxPool()
        case specs.GlobalAvgPool():
            return modules.GlobalAvgPool()
        case specs.Mirror():
            return modules.Mirror()
        case specs.Flatten():
            return modules.Flatten()
        case specs.Rows():
            return modules.Rows()
        case specs.Relu():
            return modules.Relu()
        case Gelu():
            return whiten.Gelu()
        case backbone.Backbone():
            from sadari.models.backbone.module import make_backbone  # timm takes seconds to load

            return make_backbone(layer.pretrained(), layer.cut, layer.train, (shape[0], shape[1]), seed)
        case Own():
            from sadari.models.own.module import make_own

            return make_own(layer, (shape[0], shape[1], shape[2]), seed)
        case backbone.Neighbours():
            return Neighbours(features, layer.classes, layer.count)
        case PluginLayer():
            return layer.module(shape, (seed + number * OF_EACH_LAYER) % 2**63)
    raise SadariError(
        f"the layer `{layer.text}` can be read, but nothing computes it; add a case for {type(layer).__name__} to "
        "sadari/models/network.py"
    )
