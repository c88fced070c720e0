"""Which numbers does each image of a batch get, and which images are redrawn at once?

All numbers are drawn on the processor, from the generator that is passed, alone.
"""

import numpy as np
import torch
from torch import Generator, Tensor

Size = tuple[int, int, int]  # images, height, width
TRIES = 10  # how often a window is drawn until one fits, as in torchvision
# Pixels of one chunk: 41 images of 224x224, 25 MB as float32. Measured for the bilinear warp of 128 such images: on one
# thread 68 ms of processor time in chunks of 2 images and 110 ms in chunks of 32 or more; on two threads beside ten
# other busy processes 290 to 1090 ms in chunks of 2 (each operation waits for a core) and 175 to 280 ms in larger ones.
CHUNK = 1 << 21


def evenly(count: int, low: float, high: float, generator: Generator) -> Tensor:
    """Draw `count` numbers evenly between low and high, float64 (N,)."""
    return torch.rand(count, dtype=torch.float64, generator=generator) * (high - low) + low


def beta(count: int, alpha: float, generator: Generator) -> Tensor:
    """Draw `count` numbers of the distribution Beta(alpha, alpha), float64 (N,)."""
    seed = int(torch.randint(2**62, (), generator=generator))
    return torch.from_numpy(np.random.default_rng(seed).beta(alpha, alpha, count))


def windows(
    size: Size, area: tuple[float, float], ratio: tuple[float, float], generator: Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw the height and width of a window for each image of `size`: the first of TRIES draws that fits the image.

    area: least and largest share of the image; ratio: least and largest width / height, drawn evenly in its logarithm.
    Returns heights and widths in pixels, float64 (N,), and which of them fit, bool (N,).
    """
    count, height, width = size
    areas = evenly(TRIES * count, *area, generator).reshape(TRIES, count) * (height * width)
    low, high = np.log(ratio).tolist()
    ratios = evenly(TRIES * count, low, high, generator).exp().reshape(TRIES, count)
    heights, widths = (areas / ratios).sqrt(), (areas * ratios).sqrt()
    fits = (heights <= height) & (widths <= width)
    first = fits.int().argmax(0)[None]
    return heights.gather(0, first)[0], widths.gather(0, first)[0], fits.any(0)


def chunks(pixels: Tensor) -> list[slice]:
    """Divide (N, H, W, C) into slices of images to redraw at once, in order; all in one off the processor."""
    count, height, width, _ = pixels.shape
    size = max(1, CHUNK // (height * width)) if pixels.device.type == "cpu" else max(1, count)
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
