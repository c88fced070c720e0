"""Which parts are left of a network that only answers? Its layers in order, of which neighbours have become one.

Exactly, but for rounding:

- A norm behind a convolution becomes part of its weights, with a max pool between them too where no factor is negative.
- A norm behind a convolution with ReLU becomes part of the weights as well: relu(z) * s + t is the larger one of
  z * s + t and t where s is not negative, else the smaller one. That bound is taken after a max pool, of fewer values.
- A norm before dense and recurrent layers becomes part of their weights, and so does the scaling of the pixels; also
  before a convolution, but where it pads with zeros that are no zeros before the scaling.
- ReLU before and after a max pool are the same.
- Dropout does nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from torch import Tensor, nn

from sadari.inference.prepared.folding import Scaling, of_scaled, scaled, scaling_of_norm
from sadari.models.layers import modules
from sadari.models.layers.batchnorm import BatchNorm
from sadari.models.layers.dropout import Dropout

LINEAR, RELU = "linear", "relu"


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution: weight float32 (O, I, h, w), bias (O,). around: zeros left, right, above and below."""

    weight: Tensor
    bias: Tensor
    stride: tuple[int, int]
    around: tuple[int, int, int, int]
    activation: str

    def takes(self, before: Scaling) -> bool:
        """Return whether its weights can do the work of `before`."""
        pads = any(self.around) and bool(before.shift.any())
        return len(before) == self.weight.shape[1] and not pads


@dataclass(frozen=True, eq=False)
class Dense:
    """A matrix product: weight float32 (O, I), bias (O,)."""

    weight: Tensor
    bias: Tensor
    activation: str

    def takes(self, before: Scaling) -> bool:
        """Return whether its weights can do the work of `before`."""
        return self.weight.shape[1] % len(before) == 0


@dataclass(frozen=True, eq=False)
class Recurrence:
    """The layer `of`, with weights of its inputs, float32 (4 * units, I), and a bias of its own."""

    of: modules.LSTM
    weight: Tensor
    bias: Tensor
    activation: str = "gates"

    def takes(self, before: Scaling) -> bool:
        """Return whether its weights can do the work of `before`."""
        return self.weight.shape[1] % len(before) == 0


@dataclass(frozen=True, eq=False)
class Bound:
    """The larger one of a value and its channel's `limit`, float32 (n,); where not `rising`, bool (n,), the smaller."""

    limit: Tensor
    rising: Tensor


@dataclass(frozen=True)
class MaxPool:
    """The largest value of each square of `size`."""

    size: int


@dataclass(frozen=True)
class Rectifier:
    """Negative values become zero."""


@dataclass(frozen=True, eq=False)
class Watched:
    """The place where features are read, unchanged; `scaling` is what became part of the product behind it."""

    scaling: Scaling | None = None


Part = Convolution | Dense | Recurrence | Scaling | Bound | MaxPool | Rectifier | Watched | nn.Module
Parts = list[Part]
OWN = (modules.Conv, modules.Dense, modules.LSTM, BatchNorm, modules.Relu, nn.MaxPool2d)
PRODUCTS = (Convolution, Dense, Recurrence)


def parts_of(layers: Iterable[nn.Module], watched: int, first: Scaling) -> Parts:
    """Return the parts of `layers` behind the scaling `first`; a module that is not known is a part as it is.

    watched: the number of the layer that reads the features.
    """
    parts: Parts = [first]
    for number, layer in enumerate(layers):
        if number == watched:
            parts.append(Watched())
        if type(layer) not in (Dropout, modules.Mirror):
            _append(parts, _part(layer))
    return parts


def _part(layer: nn.Module) -> Part:
    """Return what one layer computes, where it is one of Sadari's own, no class made of it, and nobody watches it."""
    if type(layer) not in OWN or modules.may_have_hooks(layer):
        return layer
    match layer:
        case modules.Conv(bias=Tensor() as bias):
            return Convolution(layer.weight, bias, _pair(layer.stride), _around(layer), layer.activation)
        case modules.Dense():
            return Dense(layer.weight, layer.bias, layer.activation)
        case modules.LSTM():
            return Recurrence(layer, layer.weight_ih_l0, layer.bias_ih_l0)
        case BatchNorm():
            return scaling_of_norm(layer)
        case modules.Relu():
            return Rectifier()
        case nn.MaxPool2d(kernel_size=int() as size, stride=stride, padding=0, ceil_mode=False) if stride == size:
            return MaxPool(size)
    return layer


def _pair(sides: tuple[int, ...]) -> tuple[int, int]:
    height, width = sides
    return height, width


def _around(layer: modules.Conv) -> tuple[int, int, int, int]:
    left, right, above, below = layer.around
    return left, right, above, below


def _append(parts: Parts, new: Part) -> None:
    """Add `new` behind `parts`, as part of one that is there where that can be."""
    if not any(merge(parts, new) for merge in MERGES):
        parts.append(new)


def _scale_product(parts: Parts, new: Part) -> bool:
    """Let the product before a scaling do its work, and bound the values where ReLU is between them."""
    if not isinstance(new, Scaling):
        return False
    at = len(parts) - (2 if isinstance(parts[-1], MaxPool) and new.rises else 1)
    product = parts[at]
    if not isinstance(product, Convolution | Dense) or product.activation not in (LINEAR, RELU):
        return False
    if product.activation == RELU and isinstance(product, Dense):
        return False  # the next product takes it, at no cost
    weight, bias = scaled(product.weight, product.bias, new)
    parts[at] = replace(product, weight=weight, bias=bias, activation=LINEAR)
    if product.activation == RELU:
        parts.append(Bound(new.shift.float(), new.scale >= 0))
    return True


def _read_scaled(parts: Parts, new: Part) -> bool:
    """Let a product do the work of the scaling before it."""
    if not isinstance(new, PRODUCTS):
        return False
    at = len(parts) - 1
    while at > 0 and isinstance(parts[at], Watched | modules.Flatten | modules.Rows):
        at -= 1
    before = parts[at]
    if not isinstance(before, Scaling) or not new.takes(before):
        return False
    whole = before.repeated(new.weight.shape[1])
    weight, bias = of_scaled(new.weight, new.bias, whole)
    if isinstance(parts[-1], Watched):
        parts[-1] = Watched(whole)
    del parts[at]
    parts.append(replace(new, weight=weight, bias=bias))
    return True


def _pool_before_bound(parts: Parts, new: Part) -> bool:
    """Bound the values after a max pool, when they are fewer."""
    if not isinstance(new, MaxPool) or not isinstance(parts[-1], Bound):
        return False
    parts.insert(len(parts) - 1, new)
    return True


def _rectify_product(parts: Parts, new: Part) -> bool:
    """Make ReLU the activation of the product before it, or before the max pool before it."""
    if not isinstance(new, Rectifier):
        return False
    at = len(parts) - (2 if isinstance(parts[-1], MaxPool) else 1)
    product = parts[at]
    if not isinstance(product, Convolution | Dense) or product.activation != LINEAR:
        return False
    parts[at] = replace(product, activation=RELU)
    return True


MERGES: tuple[Callable[[Parts, Part], bool], ...] = (
    _scale_product,
    _read_scaled,
    _pool_before_bound,
    _rectify_product,
)
