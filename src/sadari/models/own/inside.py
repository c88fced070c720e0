"""Which layers are inside a network of the user? Those with parameters or another shape, as they are computed."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from sadari.models.backbone.inside import InnerLayer, arithmetic_of
from sadari.models.layers.specs import Shape
from sadari.models.own.check import STATISTICS
from sadari.models.own.making import examples
from sadari.models.own.module import OwnModule, make_own
from sadari.models.own.spec import Own


def inner_layers_of(layer: Own, shape: tuple[int, int, int]) -> tuple[InnerLayer, ...]:
    """Return the layers inside the network that `layer` stands for, on images of `shape` (H, W, C).

    In the order of the last time that each is computed; those that are never computed, or answer with something else
    than a tensor, come last, without a shape. Raises as `make_own` does.
    """
    own = make_own(layer, shape, seed=0).eval()
    with torch.no_grad():
        _, found = own.recorded(examples(shape))
    return tuple(_layers(own, found))


def _layers(own: OwnModule, found: dict[str, Tensor]) -> Iterator[InnerLayer]:
    before: Shape = ()
    counted: set[int] = set()
    modules = dict(own.net.named_modules())
    for name in [*found, *(each for each in modules if each not in found)]:
        module, shape = modules[name], _shape(found[name]) if name in found else ()
        mine = _values(module, counted)
        if mine or (shape and shape != before and not any(True for _ in module.children())):
            total = sum(each.numel() for each in mine)
            learning = sum(each.numel() for each in mine if each.requires_grad)
            how = arithmetic_of(module) if mine else ""
            yield InnerLayer(name or "(itself)", "", type(module).__name__, shape, total, learning, how)
        before = shape or before


def _values(module: nn.Module, counted: set[int]) -> list[Tensor]:
    """Return the parameters and moving statistics of a module itself, each tensor the first time that it is seen."""
    statistics = [each for name, each in module.named_buffers(recurse=False) if name in STATISTICS]
    new = [each for each in (*module.parameters(recurse=False), *statistics) if id(each) not in counted]
    counted.update(map(id, new))
    return new


def _shape(values: Tensor) -> Shape:
    _, *shape = values.shape
    return (shape[1], shape[2], shape[0]) if len(shape) == 3 else tuple(shape)
