"""Which images do the benchmarks train on? Random ones: speed does not depend on what the images show."""

from pathlib import Path

import numpy as np

from sadari.values import ImageSet

SHAPE = (28, 28, 1)
AT_ONCE = 10_000  # pictures
SQUARES = 8  # along a side of the pattern of a class
WRONG = 0.1  # share of the labels


def random_images(count: int, shape: tuple[int, int, int] = SHAPE, classes: int = 10) -> ImageSet:
    """Return `count` random images of `shape` (H, W, C), all of the train split; always the same ones."""
    generator = np.random.default_rng(0)
    return ImageSet(
        name="random",
        images=generator.integers(0, 256, (count, *shape), dtype=np.uint8),
        labels=generator.integers(0, classes, count),
        ids=np.arange(count).astype(np.str_),
        classes=tuple("0123456789"[:classes]),
        source_split=np.full(count, "train"),
        fingerprint="random",
    )


def write_learnable(file: Path, count: int, side: int, classes: int) -> None:
    """Write a .npz of `count` grey images that can be learnt, though never quite: each class has its own pattern.

    Noise is added to the squares of the pattern, and one label in ten is drawn anew. Always the same images.
    """
    generator = np.random.default_rng(0)
    squares = generator.integers(0, 96, (classes, SQUARES, SQUARES), dtype=np.uint8)
    patterns = squares.repeat(-(-side // SQUARES), 1).repeat(-(-side // SQUARES), 2)[:, :side, :side]
    labels = np.arange(count) % classes
    images = np.empty((count, side, side), dtype=np.uint8)
    for start in range(0, count, AT_ONCE):
        block = slice(start, start + AT_ONCE)
        noise = generator.integers(0, 160, images[block].shape, dtype=np.uint8)
        images[block] = patterns[labels[block]] + noise
    drawn = generator.random(count) < WRONG
    np.savez(file, X=images, y=np.where(drawn, generator.integers(0, classes, count), labels))
