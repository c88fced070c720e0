"""Which numbers does each image of a batch get, and which images are redrawn at once?

All numbers are drawn on the processor, from the generator that is passed, alone.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Generator, Tensor

Size = tuple[int, int, int]  # images, height, width
TRIES = 10  # how often a window is drawn until one fits, as in torchvision
# Pixels of one chunk: 41 images of 224x224, 25 MB as float32. Measured for the bilinear warp of 128 such images: on one
# thread 68 ms of processor time in chunks of 2 images and 110 ms in chunks of 32 or more; on two threads beside ten
# other busy processes 290 to 1090 ms in chunks of 2 (each operation waits for a core) and 175 to 280 ms in larger ones.
CHUNK = 1 << 21


class ShareGenerator(Generator):
    """A generator for some images of a batch: it draws for all `total` of them, and those at `own` get their numbers.

    A batch that several devices share is redrawn as on one device that way.
    """

    total: int
    own: slice


def for_each(count: int, generator: Generator, draw: Callable[[int], Tensor]) -> Tensor:
    """Return what `draw` draws from `generator` for each of `count` images, (N, ...)."""
    if isinstance(generator, ShareGenerator):
        return draw(generator.total)[generator.own]
    return draw(count)


def evenly(count: int, low: float, high: float, generator: Generator) -> Tensor:
    """Draw `count` numbers evenly between low and high, float64 (N,)."""
    drawn = for_each(count, generator, lambda n: torch.rand(n, dtype=torch.float64, generator=generator))
    return drawn * (high - low) + low


def whole_numbers(count: int, low: int, high: int, generator: Generator) -> Tensor:
    """Draw `count` whole numbers from low to high - 1, int64 (N,)."""
    return for_each(count, generator, lambda n: torch.randint(low, high, (n,), generator=generator))


def beta(count: int, alpha: float, generator: Generator) -> Tensor:
    """Draw `count` numbers of the distribution Beta(alpha, alpha), float64 (N,)."""
    seed = int(torch.randint(2**62, (), generator=generator))
    drawing = np.random.default_rng(seed)
    return for_each(count, generator, lambda n: torch.from_numpy(drawing.beta(alpha, alpha, n)))


def windows(
    size: Size, area: tuple[float, float], ratio: tuple[float, float], generator: Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw the height and width of a window for each image of `size`: the first of TRIES draws that fits the image.

    area: least and largest share of the image; ratio: least and largest width / height, drawn evenly in its logarithm.
    Returns heights and widths in pixels, float64 (N,), and which of them fit, bool (N,).
    """
    count, height, width = size
    areas = _tries(count, generator) * (area[1] - area[0]) + area[0]
    areas = areas * (height * width)
    low, high = np.log(ratio).tolist()
    ratios = (_tries(count, generator) * (high - low) + low).exp()
    heights, widths = (areas / ratios).sqrt(), (areas * ratios).sqrt()
    fits = (heights <= height) & (widths <= width)
    first = fits.int().argmax(0)[None]
    return heights.gather(0, first)[0], widths.gather(0, first)[0], fits.any(0)


def _tries(count: int, generator: Generator) -> Tensor:
    """Draw TRIES numbers between 0 and 1 for each image, float64 (TRIES, N)."""

    def draw(count: int) -> Tensor:
        drawn = torch.rand(TRIES * count, dtype=torch.float64, generator=generator)
        return drawn.reshape(TRIES, count).T

    return for_each(count, generator, draw).T


def chunks(pixels: Tensor) -> list[slice]:
    """Divide (N, H, W, C) into slices of images to redraw at once, in order; all in one off the processor."""
    count, height, width, _ = pixels.shape
    size = max(1, CHUNK // (height * width)) if pixels.device.type == "cpu" else max(1, count)
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
