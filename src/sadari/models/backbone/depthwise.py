"""Which convolutions of a backbone are trained in float32 although the others are in bfloat16? The depthwise ones.

A depthwise convolution reads one channel for each that it writes: there is little to multiply and much to read, and
oneDNN has no quick way back through one in bfloat16. Measured on a core with AVX512-BF16, a training step of
EfficientNet-Lite0 on 32 images of 224 pixels, its norms merged and its last half learning: 0.65 s in float32, 0.88 s in
bfloat16, and 0.48 s in bfloat16 with these in float32.
"""

from typing import Any

import torch
from torch import Tensor, nn


def keep_depthwise_exact(network: nn.Module) -> None:
    """Let the depthwise convolutions in `network` learn in float32 under autocast; names and values stay."""
    for each in network.modules():
        if isinstance(each, nn.Conv2d) and each.groups == each.in_channels > 1 and not isinstance(each, _Exact):
            each.__class__ = _exact(type(each))  # a wrapper would change the names of its values


class _Exact:
    """A mixin of convolutions: on the processor, what needs gradients is computed outside of autocast."""

    weight: Tensor

    def forward(self, x: Tensor) -> Any:
        """Return the convolution of `x`, (N, C, H, W)."""
        compute = super().forward  # type: ignore[misc]
        learns = torch.is_grad_enabled() and (x.requires_grad or self.weight.requires_grad)
        if not (learns and x.device.type == "cpu" and torch.is_autocast_enabled("cpu")):
            return compute(x)
        with torch.autocast("cpu", enabled=False):
            return compute(x.float())


def kind_of(convolution: nn.Conv2d) -> type[nn.Conv2d]:
    """Return the class of a convolution, without what `keep_depthwise_exact` adds, which evaluation does not need."""
    found = type(convolution)
    return next((kind for kind, made in _MADE.items() if made is found), found)


def _exact(kind: type[nn.Conv2d]) -> type[nn.Conv2d]:
    """Return the class of depthwise convolutions of `kind`, with its name; the same one for every network."""
    if kind not in _MADE:
        _MADE[kind] = type(kind.__name__, (_Exact, kind), {})
    return _MADE[kind]


_MADE: dict[type[nn.Conv2d], type[nn.Conv2d]] = {}
