"""Which of many small changes does each image get? TrivialAugment (Müller & Hutter 2021).

https://arxiv.org/abs/2103.10158, the space "wide": one of 14 changes at one of 31 strengths, both drawn evenly, nothing
to tune. Pixels that a turn, a shear or a move uncovers repeat the nearest pixel (black in the paper); images are read
bilinearly (nearest in the paper).
"""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from sadari.data.augment.colour import adjusted
from sadari.data.augment.geometry import warp
from sadari.data.augment.sampling import whole_numbers
from sadari.data.prepare import to_device
from sadari.registry import Registry

STRENGTHS = 31
MOST_SHEAR, MOST_MOVE, MOST_TURN, MOST_LIGHT = 0.99, 32.0, 135.0, 0.99  # of the space "wide": share, pixels, degrees

# Takes uint8 (N, H, W, C) and a strength from 0 (none) to 1, with a sign, float64 (N,); gives uint8 (N, H, W, C).
Change = Callable[[Tensor, Tensor], Tensor]
CHANGES: Registry[Change] = Registry("change")


def trivial(_: float, pixels: Tensor, generator: Generator) -> Tensor:
    """Make one change of each image, drawn for each. uint8 (N, H, W, C) in and out; the first argument is not used."""
    count = len(pixels)
    chosen = whole_numbers(count, 0, len(CHANGES), generator)
    strengths = whole_numbers(count, 0, STRENGTHS, generator).double() / (STRENGTHS - 1)
    signs = whole_numbers(count, 0, 2, generator) * 2 - 1
    result = pixels.clone()
    for number, change in enumerate(CHANGES):
        which = (chosen == number).nonzero()[:, 0]
        if len(which):
            there = to_device(which, pixels.device)
            result[there] = change(pixels[there], strengths[which] * signs[which])
    return result


def identity(pixels: Tensor, _: Tensor) -> Tensor:
    return pixels


def shear_x(pixels: Tensor, strength: Tensor) -> Tensor:
    """Move columns in proportion to their distance from the upper edge."""
    shear = strength * MOST_SHEAR
    return _warped(pixels, {(1, 0): shear, (1, 2): shear * pixels.shape[1] / 2})


def shear_y(pixels: Tensor, strength: Tensor) -> Tensor:
    """Move rows in proportion to their distance from the left edge."""
    shear = strength * MOST_SHEAR
    return _warped(pixels, {(0, 1): shear, (0, 2): shear * pixels.shape[2] / 2})


def translate_x(pixels: Tensor, strength: Tensor) -> Tensor:
    return _warped(pixels, {(1, 2): strength * MOST_MOVE})


def translate_y(pixels: Tensor, strength: Tensor) -> Tensor:
    return _warped(pixels, {(0, 2): strength * MOST_MOVE})


def rotate(pixels: Tensor, strength: Tensor) -> Tensor:
    angle = strength * math.radians(MOST_TURN)
    return _warped(pixels, {(0, 0): angle.cos(), (0, 1): -angle.sin(), (1, 0): angle.sin(), (1, 1): angle.cos()})


def _warped(pixels: Tensor, entries: dict[tuple[int, int], Tensor]) -> Tensor:
    maps = torch.eye(3, dtype=torch.float64).repeat(len(pixels), 1, 1)
    for (row, column), values in entries.items():
        maps[:, row, column] = values
    return warp(pixels, maps)


def brightness(pixels: Tensor, strength: Tensor) -> Tensor:
    one = torch.ones_like(strength)
    return adjusted(pixels, 1 + strength * MOST_LIGHT, one, one)


def contrast(pixels: Tensor, strength: Tensor) -> Tensor:
    one = torch.ones_like(strength)
    return adjusted(pixels, one, 1 + strength * MOST_LIGHT, one)


def saturate(pixels: Tensor, strength: Tensor) -> Tensor:
    one = torch.ones_like(strength)
    return adjusted(pixels, one, one, 1 + strength * MOST_LIGHT)


def sharpen(pixels: Tensor, strength: Tensor) -> Tensor:
    """Move values away from (or, below 0, towards) a smoothed image; the outermost pixels stay, as in Pillow."""
    _, height, width, channels = pixels.shape
    if min(height, width) < 3:
        return pixels.clone()
    planes = pixels.permute(0, 3, 1, 2).float()
    kernel = torch.ones(channels, 1, 3, 3, device=pixels.device)
    kernel[:, :, 1, 1] = 5
    smooth = planes.clone()
    smooth[:, :, 1:-1, 1:-1] = F.conv2d(planes, kernel / 13, groups=channels)
    share = to_device((strength * MOST_LIGHT).float(), pixels.device)[:, None, None, None]
    sharp = planes + (planes - smooth) * share
    return _levels(sharp.permute(0, 2, 3, 1))


def posterize(pixels: Tensor, strength: Tensor) -> Tensor:
    """Keep only the highest 8 (no change) to 2 (most) bits of each value."""
    dropped = (strength.abs() * 6).round().long()
    mask = to_device((256 - (1 << dropped)).to(torch.uint8), pixels.device)
    return pixels & mask[:, None, None, None]


def solarize(pixels: Tensor, strength: Tensor) -> Tensor:
    """Invert values from a threshold on, which falls from 255 to 0 (all are inverted)."""
    threshold = to_device((255 * (1 - strength.abs())).float(), pixels.device)[:, None, None, None]
    return torch.where(pixels >= threshold, 255 - pixels, pixels)


def autocontrast(pixels: Tensor, _: Tensor) -> Tensor:
    """Stretch each channel so that its darkest value is 0 and its lightest 255."""
    least, most = pixels.amin((1, 2), keepdim=True).float(), pixels.amax((1, 2), keepdim=True).float()
    flat = least == most
    stretched = (pixels.float() - least) * (255 / torch.where(flat, 1.0, most - least))
    return torch.where(flat, pixels, _levels(stretched))


def equalize(pixels: Tensor, _: Tensor) -> Tensor:
    """Spread the values of each channel so that all are about equally frequent, in Pillow's whole numbers."""
    count, height, width, channels = pixels.shape
    values = pixels.permute(0, 3, 1, 2).reshape(count * channels, height * width).long()
    histogram = torch.zeros(count * channels, 256, dtype=torch.int64, device=pixels.device)
    histogram.scatter_add_(1, values, torch.ones_like(values))  # CUDA's bincount would wait for the largest value
    highest = histogram.gather(1, values.amax(1, keepdim=True))
    step = (height * width - highest) // 255
    below = histogram.cumsum(1) - histogram
    table = ((below + step // 2) // step.clamp(min=1)).clamp_(0, 255)
    spread = torch.where(step == 0, values, table.gather(1, values))
    return spread.to(torch.uint8).reshape(count, channels, height, width).permute(0, 2, 3, 1)


def _levels(values: Tensor) -> Tensor:
    return values.clamp(0, 255).add_(0.5).to(torch.uint8)


for _change in (
    *(identity, shear_x, shear_y, translate_x, translate_y, rotate, brightness, saturate, contrast, sharpen),
    *(posterize, solarize, autocontrast, equalize),
):
    CHANGES.add(_change.__name__, _change)
