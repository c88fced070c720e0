"""How does a layer do the work of a neighbour that scales each channel? By algebra, in float64.

For x * scale + shift before a product of weights w and bias b, or behind it: Jacob et al. 2018, CVPR, section 3.2. The
answers are the same but for the rounding of the new weights to float32.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from sadari.data.prepare import Preprocess

Product = tuple[Tensor, Tensor]  # weights, float32 (O, I, ...), and bias, float32 (O,)


@dataclass(frozen=True, eq=False)
class Scaling:
    """x * scale + shift: float64 (n,), one of each channel or of each value, in the order height, width, channel."""

    scale: Tensor
    shift: Tensor

    def __len__(self) -> int:
        return len(self.scale)

    @property
    def rises(self) -> bool:
        """Whether a larger value never becomes a smaller one, so that it may change places with a max pool."""
        return bool((self.scale >= 0).all())

    def repeated(self, values: int) -> "Scaling":
        """Return the scaling of so many `values`, of which every n follow each other as the channels do."""
        times = values // len(self)
        return Scaling(self.scale.repeat(times), self.shift.repeat(times))


@torch.no_grad()
def scaling_of_norm(norm: _BatchNorm) -> Scaling:
    """Return what a batch norm computes with its stored statistics, of which it has all."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = norm.weight.double() / (variance.double() + norm.eps).sqrt()
    return Scaling(scale, norm.bias.double() - mean.double() * scale)


def scaling_of_pixels(preprocess: Preprocess) -> Scaling:
    """Return what `preprocess` computes: of each channel, or of each value where every pixel has its own."""
    sides = np.broadcast_shapes(preprocess.scale.shape, preprocess.shift.shape, (preprocess.channels, 1, 1))
    both = (np.broadcast_to(each, sides).transpose(1, 2, 0).ravel() for each in (preprocess.scale, preprocess.shift))
    scale, shift = (torch.from_numpy(each.astype(np.float64)) for each in both)
    return Scaling(scale, shift)


@torch.no_grad()
def scaled(weight: Tensor, bias: Tensor, behind: Scaling) -> Product:
    """Return the weights and the bias of a product that `behind` scales."""
    factor = behind.scale.reshape(-1, *[1] * (weight.ndim - 1))
    return (weight.double() * factor).float(), (bias.double() * behind.scale + behind.shift).float()


@torch.no_grad()
def of_scaled(weight: Tensor, bias: Tensor, before: Scaling) -> Product:
    """Return the weights and the bias of a product that reads what `before` scales, so that it reads it unscaled.

    A convolution that pads with zeros must have no shift before it.
    """
    exact = weight.double()
    along = (1, -1, *[1] * (weight.ndim - 2))
    shifted = (exact * before.shift.reshape(along)).flatten(1).sum(1)
    return (exact * before.scale.reshape(along)).float(), (bias.double() + shifted).float()
