"""How is dropout drawn fast? Sixteen or eight random bits per value instead of a random float.

torch draws a Bernoulli variable per value on one thread, which was a quarter of cnn2's training step. Here one
64-bit draw serves four or eight values: a value is dropped where its bits, read as a whole number, are below
rate * 2**bits. Rates that are a whole number of 256ths (0.25, 0.5) take eight bits and are exact; others take
sixteen and are exact to 2**-17. The scale is that of the rate in fact used, so expectations are exact.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Dropout(nn.Module):
    """Dropout: in training, zeroes each value with probability `rate` and scales the others by 1 / (1 - rate).

    generator: the stream of random bits on the processor; the training loop seeds it before each step. On other
    devices torch's own dropout and the device's generator are used.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.generator = torch.Generator()
        self._bits = 8 if (rate * 256).is_integer() else 16

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        if x.device.type != "cpu":
            return F.dropout(x, self.rate)
        levels = 1 << self._bits
        threshold = min(round(self.rate * levels), levels - 1)  # the scale needs a rate below 1
        keep = random_bits(x, self._bits, self.generator) >= threshold - levels // 2
        scale = levels / (levels - threshold)
        return x * keep.to(x.dtype).mul_(scale)

    def extra_repr(self) -> str:
        return str(self.rate)


class DropPath(Dropout):
    """Stochastic depth: in training, zeroes the branch of each image with probability `rate`.

    Source: Huang et al. 2016 (arXiv:1603.09382), as in timm.layers.DropPath. scale: multiply the others by
    1 / (1 - rate). The draws come from the generator on the processor, on every device.
    """

    def __init__(self, rate: float, scale: bool = True) -> None:
        super().__init__(rate)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        factors = (torch.rand(len(x), generator=self.generator) >= self.rate).to(x.dtype)
        if x.is_cuda:
            factors = factors.pin_memory()  # else its copy would wait for all that CUDA computes
        factors = factors.to(x.device, non_blocking=True)
        if self.scale:
            factors = factors / (1 - self.rate)
        return x * factors.view(-1, *[1] * (x.ndim - 1))


def random_bits(like: Tensor, bits: int, generator: torch.Generator) -> Tensor:
    """Draw evenly distributed int8 or int16 of the shape and memory order of `like` (8 or 16 `bits`)."""
    draws = -(-like.numel() * bits // 64)
    drawn = torch.empty(draws, dtype=torch.int64).random_(-(2**63), None, generator=generator)
    flat = drawn.view(torch.int8 if bits == 8 else torch.int16)[: like.numel()]
    if like.ndim == 4 and like.is_contiguous(memory_format=torch.channels_last):
        count, channels, height, width = like.shape
        return flat.view(count, height, width, channels).permute(0, 3, 1, 2)
    return flat.view(like.shape)
