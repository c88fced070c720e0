"""Which calls compute the parts of a prepared network? One function for each part, from one tensor to the next.

What one of them writes in place is what the one before it has just made.
"""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from sadari.inference.prepared.folding import Scaling
from sadari.inference.prepared.packed import (
    NOTHING,
    RECTIFIED,
    PackedConvolution,
    PackedDense,
    PackedRecurrence,
    Step,
)
from sadari.inference.prepared.parts import (
    LINEAR,
    RELU,
    Bound,
    Convolution,
    Dense,
    MaxPool,
    Part,
    Rectifier,
    Recurrence,
    Watched,
)
from sadari.models.layers.modules import activate

# Values of maps from which comparing whole rows is faster than torch's max pool. Measured on one core with AVX512,
# microseconds: 25,000 values 14 against 8, 62,000 17 against 15, 100,000 29 against 38, 1,600,000 240 against 950.
POOLED_FROM = 1 << 16


def steps_of(part: Part) -> list[Step]:
    """Return the functions that compute `part`, in their order; a module is called as it is."""
    match part:
        case Convolution():
            return _convolution(part)
        case Dense():
            return [PackedDense(part.weight, part.bias, part.activation == RELU), *_behind(part)]
        case Recurrence(of=of):
            return [PackedRecurrence((part.weight, of.weight_hh_l0, part.bias), of.hidden_size, of.sequence)]
        case Scaling():
            return [_scaling(part)]
        case Bound():
            return [_bound(part)]
        case MaxPool(size):
            return [partial(largest_of_squares, size=size)]
        case Rectifier():
            return [torch.relu]
        case Watched():
            return []
    return [part]


def _convolution(part: Convolution) -> list[Step]:
    left, right, above, below = part.around
    even = left == right and above == below
    padding, fused = (above, left) if even else (0, 0), RECTIFIED if part.activation == RELU else NOTHING
    packed = PackedConvolution((part.weight, part.bias), part.stride, padding, fused=fused)
    before: list[Step] = [] if even else [partial(F.pad, pad=part.around)]
    return [*before, packed, *_behind(part)]


def _behind(part: Convolution | Dense) -> list[Step]:
    """Return the activation that is not computed with the product."""
    return [] if part.activation in (LINEAR, RELU) else [partial(activate, name=part.activation)]


def _scaling(part: Scaling) -> Step:
    scale, shift = part.scale.float(), part.shift.float()

    def step(x: Tensor) -> Tensor:
        along = (-1, 1, 1) if x.ndim == 4 else (-1,)
        return torch.addcmul(shift.view(along), x, scale.view(along))

    return step


def _bound(part: Bound) -> Step:
    """Return what bounds maps, (N, C, H, W), in place."""
    limit = part.limit.view(-1, 1, 1)
    if bool(part.rising.all()):
        return lambda x: x.clamp_(min=limit)
    infinite = torch.full_like(limit, torch.inf)
    rising = part.rising.view(-1, 1, 1)
    least, most = torch.where(rising, limit, -infinite), torch.where(rising, infinite, limit)
    return lambda x: x.clamp_(least, most)


def largest_of_squares(x: Tensor, size: int) -> Tensor:
    """Return the largest value of each square of `size`, as nn.MaxPool2d does: (N, C, H, W) -> (N, C, H', W').

    Rows first and then columns, each compared with the next as a whole: torch's own function stores where the largest
    ones are too, which training needs. Of few values it takes less time to begin.
    """
    if x.numel() < POOLED_FROM:
        return F.max_pool2d(x, size)
    maps = x.permute(0, 2, 3, 1)
    maps = _largest(maps, 1, size)
    return _largest(maps, 2, size).permute(0, 3, 1, 2)


def _largest(maps: Tensor, side: int, size: int) -> Tensor:
    """Return the largest of each `size` neighbours along `side`, 1 or 2, of (N, H, W, C)."""
    count = maps.shape[side] // size
    each = maps.narrow(side, 0, count * size).unflatten(side, (count, size)).unbind(side + 1)
    found = each[0]
    for other in each[1:]:
        found = torch.maximum(found, other)
    return found
