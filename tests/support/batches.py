"""Batches of noise, and what the operations of the setting `augment` make of them."""

import torch
from torch import Generator, Tensor

from sadari.data.augment.pipeline import OPERATIONS, Augmentation, Geometric, parse_augmentation


def seeded(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


def parsed(text: str, height: int = 100, width: int = 100) -> Augmentation:
    augmentation = parse_augmentation(text, height, width)
    assert augmentation is not None
    return augmentation


def noise(count: int, height: int, width: int, channels: int) -> Tensor:
    return torch.randint(256, (count, height, width, channels), dtype=torch.uint8, generator=seeded(9))


def redrawn(text: str, pixels: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
    augmentation, generator = parsed(text, *pixels.shape[1:3]), seeded(seed)
    labels = torch.arange(len(pixels)) % 3
    return augmentation.mix(augmentation.apply(pixels, generator), labels, 3, generator)


def drawn_maps(text: str, size: tuple[int, int, int], seed: int) -> dict[str, Tensor]:
    """Return the maps that the geometric operations of `text` draw when `redrawn` gets the same seed."""
    generator, drawn = seeded(seed), {}
    for name, number in parsed(text, *size[1:]).steps:
        step = OPERATIONS.get(name).step
        assert isinstance(step, Geometric)
        drawn[name] = step.maps(number, size, generator)
    return drawn
