"""What does an image look like through an affine map? One bilinear look-up for each image, nearest pixel outside it."""

import torch
from torch import Tensor
from torch.nn import functional as F

from sadari.data.chunks import chunks


def warp(pixels: Tensor, maps: Tensor) -> Tensor:
    """See each image of `pixels` through its own map.

    pixels: uint8 (N, H, W, C). maps: float64 (N, 3, 3), on the processor; each takes a point of the result to the
    point of the image that is shown there, in homogeneous (row, column, 1), in pixels from the image's centre.
    Returns uint8 (N, H, W, C): bilinear, rounded to the nearest level; beyond the edge the nearest pixel goes on.
    """
    by_row, by_column = (each.to(pixels.device) for each in _places(maps, *pixels.shape[1:3]))
    result = torch.empty(pixels.shape, dtype=torch.uint8, device=pixels.device)
    for some in chunks(pixels):
        planes = pixels[some].permute(0, 3, 1, 2).float()
        grid = (by_row[some, :, :, None] + by_column[some, :, None]).permute(0, 2, 3, 1)
        seen = F.grid_sample(planes, grid, mode="bilinear", padding_mode="border", align_corners=False)
        result[some] = seen.add_(0.5).permute(0, 2, 3, 1)
    return result


def _places(maps: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Which point does each pixel show? A part by its row, float32 (N, 2, H), and one by its column, (N, 2, W), to add.

    As torch's sampler counts: x before y, the image reaching from -1 to 1.
    """
    rows, columns = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2 for side in (height, width))
    half = torch.tensor([width / 2, height / 2], dtype=torch.float64)
    shown = maps[:, [1, 0]] / half[:, None]
    return (shown[:, :, :1] * rows + shown[:, :, 2:]).float(), (shown[:, :, 1:2] * columns).float()
