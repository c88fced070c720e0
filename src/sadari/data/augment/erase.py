"""How is a part of an image hidden? Random erasing (Zhong et al. 2017, https://arxiv.org/abs/1708.04896)."""

import torch
from torch import Generator, Tensor

from sadari.data.augment.sampling import Size, evenly, windows
from sadari.data.prepare import to_device

AREA = (0.02, 0.4)  # share of the image that is hidden, as in the paper
RATIO = (0.3, 1 / 0.3)  # width / height of the hidden window, as in the paper


def erase(probability: float, pixels: Tensor, generator: Generator) -> Tensor:
    """Hide a window of some images, each with `probability`, under noise (the best filling in the paper).

    uint8 (N, H, W, C) in and out.
    """
    size = (len(pixels), pixels.shape[1], pixels.shape[2])
    chosen = evenly(size[0], 0, 1, generator) < probability
    hidden, fits = erased(size, generator)
    which = (chosen & fits).nonzero()[:, 0]
    noise = to_device(_noise((len(which), *pixels.shape[1:]), generator), pixels.device)
    result = pixels.clone()
    there = to_device(which, pixels.device)
    result[there] = torch.where(to_device(hidden[which], pixels.device)[..., None], noise, pixels[there])
    return result


def erased(size: Size, generator: Generator) -> tuple[Tensor, Tensor]:
    """Draw the hidden pixels of images of `size`, bool (N, H, W), and which images have such, bool (N,)."""
    count, height, width = size
    heights, widths, fits = windows(size, AREA, RATIO, generator)
    rows = _stretches(height, heights.round().clamp_(1, height), evenly(count, 0, 1, generator))
    columns = _stretches(width, widths.round().clamp_(1, width), evenly(count, 0, 1, generator))
    return rows[:, :, None] & columns[:, None, :], fits


def _stretches(side: int, length: Tensor, where: Tensor) -> Tensor:
    """Mark a stretch of `length` (N,) of `side` positions, placed by `where` (N,) in [0, 1): bool (N, side)."""
    start = (where * (side - length + 1)).floor()[:, None]
    position = torch.arange(side)
    return (position >= start) & (position < start + length[:, None])


def _noise(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Draw even noise, uint8, eight values from each random integer of 64 bits."""
    values = torch.Size(shape).numel()
    drawn = torch.empty(-(-values // 8), dtype=torch.int64).random_(-(2**63), None, generator=generator)
    return drawn.view(torch.uint8)[:values].reshape(shape)
