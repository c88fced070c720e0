"""Which shapes has a network that is never computed? One on the meta device, without what torch does in Python there.

torch finds out in Python what drawing, norms, activations and sums make of a tensor without values, and loads its
compiler for that, which takes as long as the rest of torch.
"""

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

DRAWS = frozenset(("normal_", "uniform_"))  # of tensors, and of `torch.nn.init`
ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.LeakyReLU, nn.SiLU, nn.GELU, nn.Hardswish, nn.Hardsigmoid, nn.Sigmoid)
SUMS = (operator.add, operator.iadd, operator.mul, operator.imul, torch.add, torch.mul)


@contextmanager
def without_values() -> Iterator[None]:
    """Make networks inside on the meta device: shapes alone, and no weights are drawn."""
    with torch.device("meta"), _WithoutDraws():
        yield


class _WithoutDraws(TorchFunctionMode):
    """A mode in which tensors are returned as they are in place of drawing values into them."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in DRAWS:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


@torch.no_grad()
def shape_of(module: fx.GraphModule, size: tuple[int, int]) -> Any:
    """Return the output of `module`, a graph on the meta device, for one image of `size` (H, W), computing nothing."""
    image = torch.empty(1, 3, *size, device="meta")
    try:
        return _Shapes(module).run(image)
    except Exception:  # what is left out may matter to a network that nobody has tried; torch says what is wrong, if so
        return module(image)


class _Shapes(fx.Interpreter):
    """A run of a graph without the layers that keep a shape, and with the shapes of sums and products alone."""

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        if isinstance(self.fetch_attr(target), (_BatchNorm, *ACTIVATIONS)):
            return args[0]
        return super().call_module(target, args, kwargs)

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        if target in SUMS and not kwargs and len(args) == 2 and all(isinstance(each, Tensor) for each in args):
            shape = torch.broadcast_shapes(*(each.shape for each in args))  # type: ignore[no-untyped-call]
            dtype = torch.result_type(*args)
            alike = next((each for each in args if each.shape == shape), torch.empty(shape, device="meta"))
            return torch.empty_strided(shape, alike.stride(), dtype=dtype, device="meta")
        return super().call_function(target, args, kwargs)
