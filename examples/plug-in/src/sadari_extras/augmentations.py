"""An augmentation: noise that is stronger where an image is lighter."""

import torch
from torch import Generator, Tensor

import sadari


@sadari.augmentation("speckle", takes="STRENGTH", low=0.0, high=1.0, nothing=0.0)
def speckle(pixels: Tensor, generator: Generator, strength: float) -> Tensor:
    """Multiply each value by 1 + strength times a normal draw of its own; uint8 (N, H, W, C) in and out."""
    drawn = torch.randn(pixels.shape, generator=generator).to(pixels.device)
    return (pixels * (1 + strength * drawn)).round().clamp(0, 255).to(torch.uint8)
