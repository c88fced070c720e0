"""How do images look under conditions that training did not show? Blocks of uint8 images at once, from a seed.

The idea, and noise, blur and contrast as its means, are those of ImageNet-C (Hendrycks & Dietterich 2019); shift and
rotation follow Engstrom et al. (2019). Levels are shares of the side or of full scale, so that they mean the same on
images of 8 and of 224 pixels. A level of 0 changes nothing.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil, pi
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional as F

from sadari.data.background import Background, other_backgrounds
from sadari.plugins.calls import calling, require_images
from sadari.registry import Registry
from sadari.values import ImageSet

SEED = 0  # of every draw: all models see the same corrupted images
# Values of one block: 16 MiB as float32, so that a few of them fit anywhere. A block's draws depend on it.
VALUES_PER_BLOCK = 1 << 22


@dataclass(frozen=True, eq=False)
class View:
    """A block of images that a corruption changes, with the random numbers for it.

    pixels: uint8 (n, H, W, C). background: bool (n, H, W), true on the background; other: uint8 (n, H, W, C), another
    background; both None where the corruption needs none.
    """

    pixels: Tensor
    generator: Generator
    background: Tensor | None = None
    other: Tensor | None = None


@dataclass(frozen=True)
class Corruption:
    """One corruption: `change(view, level)` returns uint8 (n, H, W, C); the draws do not depend on the level.

    levels: ascending, mild to severe. scale, unit: a level is read as `level * scale` `unit`. needs_background:
    only for sets whose background can be told from the object.
    """

    name: str
    summary: str
    levels: tuple[float, ...]
    scale: float
    unit: str
    change: Callable[[View, float], Tensor]
    needs_background: bool = False

    def label(self, level: float) -> str:
        """Write a level as people read it, such as "10 %" or "20°"."""
        return f"{level * self.scale:g}{'°' if self.unit == 'degrees' else f' {self.unit}'}"


def as_corruption(name: str, made: Any, options: Mapping[str, Any]) -> Corruption:
    """Make a corruption of what a plug-in offers: a function of (pixels, level, generator), or a Corruption.

    options: those of the decorator `corruption`. Raises TypeError or ValueError for anything else.
    """
    if isinstance(made, Corruption):
        if made.name != name:
            raise ValueError(f"it calls itself '{made.name}'")
        return made
    levels = tuple(float(each) for each in options.get("levels", ()))
    if not callable(made) or not levels:
        raise TypeError("a corruption is a function of (pixels, level, generator) with levels, by @sadari.corruption")

    def change(view: View, level: float) -> Tensor:
        with calling("corruption", name, made):
            pixels: Tensor = made(view.pixels, level, view.generator)
        require_images("corruption", name, made, pixels, view.pixels)
        return pixels

    doc = (made.__doc__ or "").strip().partition("\n")[0].rstrip(".")
    return Corruption(
        name, options.get("summary") or doc, levels, float(options["scale"]), str(options["unit"]), change
    )


CORRUPTIONS: Registry[Corruption] = Registry("corruption", adapt=as_corruption)


def corrupted(
    images: ImageSet,
    positions: NDArray[np.int64],
    corruption: Corruption,
    level: float,
    background: Background | None = None,
    seed: int = SEED,
) -> Iterator[NDArray[np.uint8]]:
    """Corrupt the images at `positions`, block by block, uint8 (n, H, W, C), in their order.

    The same for the same arguments. background: as `find_background` returns it. Raises ValueError where the
    corruption needs a background and there is none.
    """
    if corruption.needs_background and background is None:
        raise ValueError(f"{corruption.name} needs images whose background can be told apart")
    at_once = max(1, VALUES_PER_BLOCK // int(np.prod(images.shape)))
    key = zlib.crc32(corruption.name.encode())
    donors = _donors(positions, np.random.default_rng((seed, key)))
    for number, start in enumerate(range(0, len(positions), at_once)):
        block = slice(start, start + at_once)
        entropy = np.random.SeedSequence((seed, key, number)).generate_state(1, np.uint64)[0]
        generator = Generator().manual_seed(int(entropy >> np.uint64(1)))
        view = View(torch.from_numpy(np.array(images.images[positions[block]])), generator)
        if corruption.needs_background and background is not None:
            view = _with_background(view, images, background, positions[block], donors[block])
        yield corruption.change(view, level).numpy()


def _donors(positions: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw another one of `positions` for each image: its neighbour in a random circle."""
    circle = generator.permutation(len(positions))
    donors = np.empty_like(positions)
    donors[circle] = positions[np.roll(circle, 1)]
    return donors


def _with_background(
    view: View, images: ImageSet, background: Background, positions: NDArray[np.int64], donors: NDArray[np.int64]
) -> View:
    mask = torch.from_numpy(background.mask(images, positions))
    if background.colour is None:
        other = torch.from_numpy(other_backgrounds(images, donors))
    else:
        other = _drawn_backgrounds(view.pixels, view.generator)
    return View(view.pixels, view.generator, mask, other)


def _drawn_backgrounds(pixels: Tensor, generator: Generator) -> Tensor:
    """Draw one colour for half of the images and noise for the others, both evenly from full scale."""
    count, height, width, channels = pixels.shape
    flat = torch.randint(256, (count, 1, 1, channels), generator=generator, dtype=torch.uint8)
    noise = torch.randint(256, (count, height, width, channels), generator=generator, dtype=torch.uint8)
    return torch.where(torch.randint(2, (count, 1, 1, 1), generator=generator) == 1, flat, noise)


def _to_bytes(values: Tensor) -> Tensor:
    return values.round_().clamp_(0, 255).to(torch.uint8)


def _shift(view: View, level: float) -> Tensor:
    """Move by whole pixels, at least one, up, down, left or right; uncovered pixels repeat the nearest one."""
    count, height, width, _ = view.pixels.shape
    toward = torch.tensor([(-1, 0), (1, 0), (0, -1), (0, 1)])[torch.randint(4, (count,), generator=view.generator)]
    rows = (torch.arange(height) - toward[:, :1] * ceil(level * height)).clamp_(0, height - 1)
    columns = (torch.arange(width) - toward[:, 1:] * ceil(level * width)).clamp_(0, width - 1)
    which = torch.arange(count)
    return view.pixels[which[:, None, None], rows[:, :, None], columns[:, None, :]]


def _rotate(view: View, level: float) -> Tensor:
    """Turn about the centre, left or right, interpolated; uncovered pixels repeat the nearest one."""
    count, height, width, _ = view.pixels.shape
    sign = 2.0 * torch.randint(2, (count,), generator=view.generator) - 1.0
    angle = sign * (level * pi / 180)
    cosine, sine, none = angle.cos(), angle.sin(), torch.zeros(count)
    first = torch.stack((cosine, -sine * height / width, none), dim=1)
    second = torch.stack((sine * width / height, cosine, none), dim=1)
    grid = F.affine_grid(torch.stack((first, second), dim=1), [count, 1, height, width], align_corners=False)
    values = view.pixels.permute(0, 3, 1, 2).float()
    turned = F.grid_sample(values, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return _to_bytes(turned).permute(0, 2, 3, 1).contiguous()


def _noise(view: View, level: float) -> Tensor:
    """Add Gaussian noise, drawn for each value alone."""
    drawn = torch.randn(view.pixels.shape, generator=view.generator)
    return _to_bytes(drawn.mul_(255 * level).add_(view.pixels))


def _blur(view: View, level: float) -> Tensor:
    """Blur with a Gaussian integrated over each pixel, so that a narrow one counts too; the border is repeated."""
    height, width = view.pixels.shape[1:3]
    std = level * min(height, width)
    if std == 0:
        return view.pixels.clone()
    reach = max(1, ceil(3 * std))
    edges = (torch.arange(-reach, reach + 2) - 0.5) / std
    kernel = torch.special.ndtr(edges.double()).diff()
    kernel = (kernel / kernel.sum()).float()
    channels = view.pixels.shape[3]
    values = F.pad(view.pixels.permute(0, 3, 1, 2).float(), (reach,) * 4, mode="replicate")
    values = F.conv2d(values, kernel.view(1, 1, -1, 1).repeat(channels, 1, 1, 1), groups=channels)
    values = F.conv2d(values, kernel.view(1, 1, 1, -1).repeat(channels, 1, 1, 1), groups=channels)
    return _to_bytes(values).permute(0, 2, 3, 1).contiguous()


def _flatten(view: View, level: float) -> Tensor:
    """Move each channel of each image towards its own mean."""
    values = view.pixels.float()
    mean = values.mean(dim=(1, 2), keepdim=True)
    return _to_bytes(torch.lerp(values, mean.expand_as(values), level))


def _change_background(view: View, level: float) -> Tensor:
    """Move the background towards another one; the object stays as it is."""
    assert view.background is not None  # `corrupted` refuses otherwise
    assert view.other is not None
    mixed = _to_bytes(torch.lerp(view.pixels.float(), view.other.float(), level))
    return torch.where(view.background[..., None], mixed, view.pixels)


# All levels are assumed, near those of the two sources: ImageNet-C's noise has 0.08 to 0.38, its CIFAR-10 form 0.04 to
# 0.10; Gaussian blur 1 to 6 of 224 pixels and 0.4 to 1 of 32; contrast loses 0.6 to 0.95 and 0.25 to 0.85. Engstrom et
# al. go to a tenth of the side and 30 degrees.
for _each in (
    Corruption("shift", "moved, in a random direction", (0.05, 0.1, 0.2), 100, "% of the side", _shift),
    Corruption("rotation", "turned, to the left or to the right", (10, 20, 40), 1, "degrees", _rotate),
    Corruption("noise", "Gaussian noise, its standard deviation", (0.05, 0.1, 0.2), 100, "% of full scale", _noise),
    Corruption("blur", "Gaussian blur, its standard deviation", (0.02, 0.04, 0.08), 100, "% of the side", _blur),
    Corruption("contrast", "less contrast", (0.25, 0.5, 0.75), 100, "% taken away", _flatten),
    Corruption(
        "background", "another background, mixed in", (0.25, 0.5, 1.0), 100, "% of another", _change_background, True
    ),
):
    CORRUPTIONS.add(_each.name, _each)
