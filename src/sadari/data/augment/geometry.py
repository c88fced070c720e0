"""Where is the object of a training image, how large and how turned? Maps that are multiplied into one look-up.

Each `*_maps` draws float64 (N, 3, 3) maps for images of `size` (N, H, W), as `warp` reads them: from a point of the
result to the point of the image that is shown there. The numbers mean what they mean in Keras's ImageDataGenerator
(`rotation_range`, `height_shift_range` and `width_shift_range`, `zoom_range`, `horizontal_flip`, fill_mode="nearest").
"""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from sadari.data.augment.sampling import Size, chunks, evenly, whole_numbers, windows
from sadari.data.prepare import to_device

CROP_RATIO = (3 / 4, 4 / 3)  # width / height of a random resized crop, as in Inception and torchvision


def resized_crop_maps(least: float, size: Size, generator: Generator) -> Tensor:
    """Draw a window of between `least` and all of the area, anywhere in the image, stretched to its full size.

    Szegedy et al. 2015 (Inception), windows drawn as torchvision's RandomResizedCrop draws them; the whole image where
    none of the draws fits.
    """
    count, height, width = size
    heights, widths, fits = windows(size, (least, 1.0), CROP_RATIO, generator)
    heights, widths = torch.where(fits, heights, height), torch.where(fits, widths, width)
    maps = _sized(size, heights / height, widths / width)
    maps[:, 0, 2] = evenly(count, -0.5, 0.5, generator) * (height - heights)
    maps[:, 1, 2] = evenly(count, -0.5, 0.5, generator) * (width - widths)
    return maps


def rotate_maps(degrees: float, size: Size, generator: Generator) -> Tensor:
    """Draw a turn about the centre by an angle between -degrees and degrees."""
    angles = evenly(size[0], -math.radians(degrees), math.radians(degrees), generator)
    maps = _identities(size)
    maps[:, 0, 0], maps[:, 0, 1] = angles.cos(), -angles.sin()
    maps[:, 1, 0], maps[:, 1, 1] = angles.sin(), angles.cos()
    return maps


def shift_maps(share: float, size: Size, generator: Generator) -> Tensor:
    """Draw a move up or down by up to `share` of the height, and left or right by up to `share` of the width."""
    count, height, width = size
    down = evenly(count, -share * height, share * height, generator)
    return _moved(size, down, evenly(count, -share * width, share * width, generator))


def crop_maps(pixels: float, size: Size, generator: Generator) -> Tensor:
    """Draw a move by up to `pixels` whole pixels each way, as cropping from an image padded by as many does."""
    down, right = _whole_moves(size[0], int(pixels), generator), _whole_moves(size[0], int(pixels), generator)
    return _moved(size, down[:, 0].double(), right[:, 0].double())


def zoom_maps(share: float, size: Size, generator: Generator) -> Tensor:
    """Draw, for each side alone, between 1 - share (larger objects) and 1 + share (smaller ones) of the image."""
    down = evenly(size[0], 1 - share, 1 + share, generator)
    return _sized(size, down, evenly(size[0], 1 - share, 1 + share, generator))


def flip_maps(_: float, size: Size, generator: Generator) -> Tensor:
    """Mirror left-right with probability 1/2; the first argument is not used."""
    return _sized(size, torch.ones(size[0], dtype=torch.float64), 1.0 - 2.0 * _mirrored(size[0], generator)[:, 0])


def compose(maps: Sequence[Tensor]) -> Tensor:
    """Multiply several maps into one: what `warp` shows with it is the image after the first, then the second, ..."""
    product = maps[0]
    for each in maps[1:]:
        product = product @ each
    return product


def warp(pixels: Tensor, maps: Tensor) -> Tensor:
    """Show each image of `pixels` through its own map.

    pixels: uint8 (N, H, W, C). maps: float64 (N, 3, 3), on the processor; each takes a point of the result to the
    point of the image that is shown there, in homogeneous (row, column, 1), in pixels from the image's centre.
    Returns uint8 (N, H, W, C): bilinear, rounded to the nearest level; beyond the edge the nearest pixel is repeated.
    """
    by_row, by_column = (to_device(each, pixels.device) for each in _places(maps, *pixels.shape[1:3]))
    result = torch.empty(pixels.shape, dtype=torch.uint8, device=pixels.device)
    for some in chunks(pixels):
        planes = pixels[some].permute(0, 3, 1, 2).float()
        grid = (by_row[some, :, :, None] + by_column[some, :, None]).permute(0, 2, 3, 1)
        seen = F.grid_sample(planes, grid, mode="bilinear", padding_mode="border", align_corners=False)
        result[some] = seen.add_(0.5).permute(0, 2, 3, 1)
    return result


def move(pixels: Tensor, rows: int, columns: int, flip: bool, generator: Generator) -> Tensor:
    """Move by whole pixels and mirror, which needs no interpolation: one gather of uint8 (N, H, W, C).

    rows, columns: the largest move up or down, left or right; each is drawn evenly. flip: mirror with probability 1/2.
    """
    count, height, width, _ = pixels.shape
    down = torch.arange(height) + _whole_moves(count, rows, generator)
    right = torch.arange(width) + _whole_moves(count, columns, generator)
    down, right = down.clamp_(0, height - 1), right.clamp_(0, width - 1)
    if flip:
        right = torch.where(_mirrored(count, generator), right.flip(1), right)
    device = pixels.device
    which = torch.arange(count, device=device)
    return pixels[which[:, None, None], to_device(down, device)[:, :, None], to_device(right, device)[:, None, :]]


def mirror(pixels: Tensor, which: Tensor) -> Tensor:
    """Mirror those images of (N, H, W, C) left-right that `which`, bool (N,), marks."""
    return torch.where(which.to(pixels.device)[:, None, None, None], pixels.flip(2), pixels)


def mirrored_half(count: int, generator: Generator) -> Tensor:
    """Draw which images are mirrored, each with probability 1/2: bool (N,)."""
    return _mirrored(count, generator)[:, 0]


def _whole_moves(count: int, most: int, generator: Generator) -> Tensor:
    """Draw a whole number between -most and most for each image, int64 (N, 1)."""
    return whole_numbers(count, -most, most + 1, generator)[:, None]


def _mirrored(count: int, generator: Generator) -> Tensor:
    """Draw which images are mirrored, bool (N, 1)."""
    return whole_numbers(count, 0, 2, generator)[:, None] == 1


def _identities(size: Size) -> Tensor:
    return torch.eye(3, dtype=torch.float64).repeat(size[0], 1, 1)


def _moved(size: Size, down: Tensor, right: Tensor) -> Tensor:
    maps = _identities(size)
    maps[:, 0, 2], maps[:, 1, 2] = down, right
    return maps


def _sized(size: Size, down: Tensor, right: Tensor) -> Tensor:
    maps = _identities(size)
    maps[:, 0, 0], maps[:, 1, 1] = down, right
    return maps


def _places(maps: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return the point that each pixel shows, as a summand of its row, float32 (N, 2, H), and of its column, (N, 2, W).

    As torch's sampler counts: x before y, the image reaching from -1 to 1.
    """
    rows, columns = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2 for side in (height, width))
    half = torch.tensor([width / 2, height / 2], dtype=torch.float64)
    shown = maps[:, [1, 0]] / half[:, None]
    return (shown[:, :, :1] * rows + shown[:, :, 2:]).float(), (shown[:, :, 1:2] * columns).float()
