"""Which layers are inside a backbone? Those that hold parameters or change the shape, with both and the arithmetic."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from sadari.models.backbone.graph import keras_names
from sadari.models.backbone.module import STATISTICS, sketch_of
from sadari.models.backbone.pretrained import Pretrained
from sadari.models.layers.arithmetic import as_product
from sadari.models.layers.specs import Shape


@dataclass(frozen=True)
class InnerLayer:
    """A layer inside a backbone.

    name: as `cut` and `train` take it; keras: what Keras calls it, or "". kind: the class of its module. shape: of its
    output, a map as (H, W, C). total, trainable: counts of parameters, as in `Row`. params_how: the arithmetic of
    `total`, "" where it is not simple.
    """

    name: str
    keras: str
    kind: str
    shape: Shape
    total: int
    trainable: int
    params_how: str


def inner_layers(pretrained: Pretrained, cut: str, train: str, size: tuple[int, int]) -> tuple[InnerLayer, ...]:
    """Return the layers of a backbone on images of `size` (H, W), in order; needs no weights and computes nothing.

    Parameters that belong to no module, such as embeddings of positions, are layers without an output. Raises
    UsageError as `outline` does.
    """
    graph, learning = sketch_of(pretrained, cut, train, size)
    names = {part: name for name, parts in keras_names(graph).items() for part in parts if "_" in name}
    shapes = _Shapes(graph)
    with torch.no_grad():
        shapes.run(torch.empty(1, 3, *size, device="meta"))
    return tuple(_layers(graph, learning, names, shapes.found))


class _Shapes(fx.Interpreter):
    """What runs a graph and keeps the shape of every node's output."""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__(graph)
        self.found: dict[str, Shape] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor):
            _, *shape = result.shape
            self.found[n.name] = (shape[1], shape[2], shape[0]) if len(shape) == 3 else tuple(shape)
        return result


def _layers(
    graph: fx.GraphModule, learning: frozenset[str], keras: dict[str, str], shapes: dict[str, Shape]
) -> Iterator[InnerLayer]:
    counted: set[str] = set()
    before: Shape = ()
    for node in graph.graph.nodes:
        name = str(node.target)
        if node.op == "get_attr" and name in dict(graph.named_parameters()) and name not in counted:
            counted.add(name)
            count = graph.get_parameter(name).numel()
            yield InnerLayer(name, "", "parameters", (), count, count * (name in learning), "")
        elif node.op == "call_module":
            module, shape = graph.get_submodule(name), shapes.get(node.name, ())
            mine = _values(module, name) if name not in counted else {}
            counted.add(name)
            if mine or shape != before:
                trainable = sum(count for each, count in mine.items() if each in learning)
                total, kind = sum(mine.values()), type(module).__name__
                how = arithmetic_of(module) if mine else ""
                yield InnerLayer(name, keras.get(name, ""), kind, shape, total, trainable, how)
            before = shape
        elif node.name in shapes and node.op != "get_attr":
            before = shapes[node.name]


def _values(module: nn.Module, name: str) -> dict[str, int]:
    """Return how many values each parameter and moving statistic of a module has, by its name in the network."""
    held = {f"{name}.{each}": parameter.numel() for each, parameter in module.named_parameters()}
    moving = {f"{name}.{each}": buffer.numel() for each, buffer in module.named_buffers() if each.endswith(STATISTICS)}
    return held | moving


def arithmetic_of(module: nn.Module) -> str:
    """Return how the number of parameters of a plain layer comes about, such as "(3x3x1 + 1) x 32 = 320"."""
    if isinstance(module, nn.Conv2d):
        inputs = "x".join(map(str, (*module.kernel_size, module.in_channels // module.groups)))
        outputs = module.out_channels
    elif isinstance(module, nn.Linear):
        inputs, outputs = str(module.in_features), module.out_features
    elif isinstance(module, nn.BatchNorm2d) and module.affine:
        return as_product("4", module.num_features, 4 * module.num_features)
    else:
        return ""
    total = sum(parameter.numel() for parameter in module.parameters())
    return as_product(f"({inputs} + 1)" if module.bias is not None else inputs, outputs, total)
