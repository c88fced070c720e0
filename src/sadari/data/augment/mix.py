"""How are two images mixed, and their labels with them? Mixup and cutmix.

Mixup (Zhang et al. 2017, https://arxiv.org/abs/1710.09412) and cutmix (Yun et al. 2019,
https://arxiv.org/abs/1905.04899), with a share drawn for every image instead of one for the whole batch.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from sadari.data.augment.sampling import Size, beta, chunks, evenly, whole_numbers
from sadari.data.prepare import to_device

# The share of its partner that each pixel of each image shows: `(alpha, (N, H, W), generator)` gives bool (N, H, W),
# or float32 (N, 1, 1) where the share is the same for the whole image.
Weights = Callable[[float, Size, Generator], Tensor]


def mixup_weights(alpha: float, size: Size, generator: Generator) -> Tensor:
    """Draw one share of the partner for the whole image, of Beta(alpha, alpha)."""
    return beta(size[0], alpha, generator).float()[:, None, None]


def cutmix_weights(alpha: float, size: Size, generator: Generator) -> Tensor:
    """Draw a window of the partner: area of Beta(alpha, alpha), centre anywhere, cut off at the image's edge."""
    count, height, width = size
    sides = beta(count, alpha, generator).sqrt()
    rows = _around(height, sides, evenly(count, 0, 1, generator))
    columns = _around(width, sides, evenly(count, 0, 1, generator))
    return rows[:, :, None] & columns[:, None, :]


def _around(side: int, share: Tensor, centre: Tensor) -> Tensor:
    """Mark the positions of `side` within share * side / 2 of centre * side, bool (N, side)."""
    away = (torch.arange(side) + 0.5 - centre[:, None] * side).abs()
    return away < share[:, None] * side / 2


def mix(
    pixels: Tensor, labels: Tensor, classes: int, ways: Sequence[tuple[Weights, float]], generator: Generator
) -> tuple[Tensor, Tensor]:
    """Mix each image and its label with those of the image before it, in one of the `ways` (weights and alpha).

    pixels: uint8 (N, H, W, C); labels: int64 (N,) in 0..classes - 1, or shares (N, any number), on the same device.
    Where there are two ways, each image draws its own. Returns pixels like the input, and float32 (N, classes) labels:
    each row sums to 1 and gives the partner the share of the image that it takes; shares are mixed as they are.
    """
    size = (len(pixels), pixels.shape[1], pixels.shape[2])
    chosen = whole_numbers(size[0], 0, len(ways), generator)[:, None, None]
    partners, shares = pixels.roll(1, 0), torch.zeros(size[0], dtype=torch.float64)
    for number, (weights_of, alpha) in enumerate(ways):
        weights = weights_of(alpha, size, generator) * (chosen == number)
        pixels = _blended(pixels, partners, to_device(weights, pixels.device))
        shares += weights.double().mean((1, 2))
    alone = (F.one_hot(labels, classes) if labels.ndim == 1 else labels).double()
    return pixels, torch.lerp(alone, alone.roll(1, 0), to_device(shares, labels.device)[:, None]).float()


def _blended(pixels: Tensor, partners: Tensor, weights: Tensor) -> Tensor:
    if weights.dtype == torch.bool:
        return torch.where(weights[..., None], partners, pixels)
    result = torch.empty_like(pixels)
    for some in chunks(pixels):
        result[some] = torch.lerp(pixels[some].float(), partners[some].float(), weights[some, ..., None]).add_(0.5)
    return result
