"""What do the benchmarks train on? Random pictures: speed does not depend on what is seen."""

import numpy as np

from sadari.values import ImageSet

SHAPE = (28, 28, 1)


def random_images(count: int, shape: tuple[int, int, int] = SHAPE, classes: int = 10) -> ImageSet:
    """So many pictures of `shape` (H, W, C), all of the training part; the same ones every time."""
    generator = np.random.default_rng(0)
    return ImageSet(
        name="random",
        images=generator.integers(0, 256, (count, *shape), dtype=np.uint8),
        labels=generator.integers(0, classes, count),
        ids=np.arange(count).astype(np.str_),
        classes=tuple("0123456789"[:classes]),
        given=np.full(count, "train"),
        fingerprint="random",
    )
