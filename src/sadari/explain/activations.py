"""What does every layer make of an image? A network is a list of layers, a backbone a graph; own code is hooked."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx

from sadari.explain.layers import layer_names
from sadari.inference.model import TrainedModel
from sadari.models.backbone.graph import END
from sadari.models.backbone.module import Backbone
from sadari.models.own.module import OwnModule
from sadari.registry import unknown_name

Pixels = NDArray[np.uint8]
Maps = NDArray[np.float32]


class FeatureMap(NamedTuple):
    """The output of one layer for one image.

    maps: float32 (C, H, W). A sequence of T steps of F features is one picture (1, T, F), a vector one row (1, 1, F).
    """

    layer: str
    maps: Maps


class Output(NamedTuple):
    """The output of one layer for a batch: (N, C, H, W), (N, T, F) or (N, F)."""

    layer: str
    values: Tensor


def feature_maps(model: TrainedModel, pixels: Pixels) -> list[FeatureMap]:
    """Return the output of each layer for one image, in order; the last one is the logits.

    pixels: uint8 (H, W, C), as the model's preprocessing needs them; raises SadariError for another shape. The stages
    of a backbone come before it, such as backbone1.blocks.0, and the modules of the user's own code, such as own1.conv.
    """
    with torch.no_grad():
        outputs = layer_outputs(model, prepared(model, pixels[np.newaxis]))
        return [FeatureMap(name, as_maps(values[0])) for name, values in outputs]


def feature_map(model: TrainedModel, pixels: Pixels, layer: str) -> FeatureMap:
    """Return the output of the layer called `layer` for one image. Any layer of a backbone may be named.

    Raises UsageError for an unknown layer, suggesting the nearest one.
    """
    with torch.no_grad():
        output = output_of(model, prepared(model, pixels[np.newaxis]), layer)
    return FeatureMap(layer, as_maps(output[0]))


def output_of(model: TrainedModel, x: Tensor, layer: str) -> Tensor:
    """Return the output of the layer called `layer` for prepared images `x`. Nothing behind it is computed.

    Any layer of a backbone may be named. Raises UsageError for an unknown layer.
    """
    names = []
    for name, values in layer_outputs(model, x, every=True):
        if name == layer:
            return values
        names.append(name)
    raise unknown_name("layer", layer, names)


def prepared(model: TrainedModel, pixels: Pixels) -> Tensor:
    """Return uint8 (N, H, W, C) as the network reads them: float32 (N, C, H, W) on its device."""
    device = next(model.network.parameters()).device
    return model.preprocess.apply(torch.from_numpy(np.array(pixels)).to(device))


def layer_outputs(model: TrainedModel, x: Tensor, every: bool = False) -> Iterator[Output]:
    """Yield the output of each layer for prepared images `x`, in order, each computed when it is needed.

    every: all layers of a backbone too, instead of its stages only.
    """
    modules = (*model.network.features, *model.network.head)
    # sgd's class layer is followed by the sigmoids that make its probabilities: that module has no name of its own.
    for name, module in zip(layer_names(model.architecture), modules, strict=False):
        if isinstance(module, Backbone):
            recorder = _Recorder(module, every)
            x = recorder.run(x)
            yield from (Output(f"{name}.{inner}", values) for inner, values in recorder.found.items())
        elif isinstance(module, OwnModule):
            x, found = module.recorded(x)
            shown = [inner for inner, values in found.items() if values.ndim in (2, 3, 4)]
            yield from (Output(f"{name}.{inner}", found[inner]) for inner in (shown if every else _stages(shown)))
        else:
            x = module(x)
        yield Output(name, x)


def as_maps(output: Tensor) -> Maps:
    """Return one image's (C, H, W), (T, F) or (F,) as float32 (C, H, W) on the processor."""
    maps = np.ascontiguousarray(output.detach().float().cpu().numpy())
    return maps if maps.ndim == 3 else maps.reshape((1, *maps.shape) if maps.ndim == 2 else (1, 1, -1))


class _Recorder(fx.Interpreter):
    """An interpreter of a backbone's graph that keeps the outputs of its layers by name: the last value of each."""

    def __init__(self, backbone: Backbone, every: bool) -> None:
        super().__init__(backbone.graph)
        self.found: dict[str, Tensor] = {}
        self._wanted = frozenset(backbone.layers if every else _stages(backbone.layers))
        if _ends_transposed(backbone.graph):  # (N, H, W, C) inside: these would be taken for channels
            self._wanted = frozenset()

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        parts = n.meta.get("layer", "").split(".")
        names = self._wanted.intersection(".".join(parts[: end + 1]) for end in range(len(parts)))
        if isinstance(value, Tensor) and value.ndim in (3, 4) and n.op != "get_attr":
            for name in names:
                self.found.pop(name, None)  # the order is that of the last value
                self.found[name] = value
        return value


def _stages(names: Sequence[str]) -> list[str]:
    """Return the layers that are shown: at most one level down, and none that consists of others among them."""
    outer = [name for name in names if name.count(".") <= 1]
    return [name for name in outer if not any(other.startswith(f"{name}.") for other in outer)]


def _ends_transposed(graph: fx.GraphModule) -> bool:
    return any(node.target is torch.permute and node.meta.get("layer") == END for node in graph.graph.nodes)
