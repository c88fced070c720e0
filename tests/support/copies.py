"""Drawings as coarse and as fine as photographs, and copies of them, identical and near."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from sadari.values import ImageSet

Pixels = NDArray[np.uint8]
COUNT, HEIGHT, WIDTH = 60, 80, 100


def photographs(count: int = COUNT, seed: int = 0) -> Pixels:
    """Return drawings as coarse and as fine as photographs, uint8 (count, 80, 100, 3)."""
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal((count, HEIGHT, WIDTH, 3))
    drawn = np.sum([gaussian_filter(noise, (0, width, width, 0)) * width for width in (0.7, 2, 5, 12)], axis=0)
    low, high = drawn.min(axis=(1, 2, 3), keepdims=True), drawn.max(axis=(1, 2, 3), keepdims=True)
    return np.asarray(255 * (drawn - low) / (high - low), dtype=np.uint8)


def saved(image: Image.Image, quality: int = 40) -> Image.Image:
    held = io.BytesIO()
    image.save(held, "JPEG", quality=quality)
    return Image.open(io.BytesIO(held.getvalue()))


def copied_set(
    fingerprint: str, copies: dict[int, int], near: dict[int, int], splits: list[str] | None = None
) -> ImageSet:
    """Return a set of COUNT drawings of two classes, of which those at the keys of `copies` and `near` show others."""
    images = photographs()
    for at, of in copies.items():
        images[at] = images[of]
    for at, of in near.items():
        images[at] = np.asarray(saved(Image.fromarray(images[of])))
    ids = np.array([f"{at:02d}" for at in range(COUNT)])
    given = np.array(splits if splits is not None else [""] * COUNT, dtype=np.str_)
    return ImageSet("toy", images, np.arange(COUNT) % 2, ids, ("cat", "dog"), given, fingerprint)
