"""A corruption: some pixels become black or white."""

import torch
from torch import Generator, Tensor

import sadari


@sadari.corruption("salt-and-pepper", levels=(0.02, 0.05, 0.1), scale=100, unit="% of the pixels")
def salt_and_pepper(pixels: Tensor, level: float, generator: Generator) -> Tensor:
    """Pixels that are black or white, their share."""
    drawn = torch.rand(pixels.shape[:3], generator=generator)[..., None]
    return pixels.masked_fill(drawn < level / 2, 0).masked_fill(drawn >= 1 - level / 2, 255)
