"""Which mean and deviation have the pixels of a split, before and after they are scaled? Per channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray

from sadari.data.prepare import BLOCK_VALUES, Preprocess
from sadari.values import ImageSet, prefetch

COLOURS = {1: ("grey",), 3: ("red", "green", "blue")}


@dataclass(frozen=True)
class ChannelFigures:
    """Mean and standard deviation of one channel of one split: of bytes (0 to 255), and of what a network reads."""

    split: str
    channel: str
    mean: float
    deviation: float
    scaled_mean: float
    scaled_deviation: float


def channel_figures(
    images: ImageSet, split_name: str, positions: NDArray[np.int64], preprocess: Preprocess
) -> tuple[ChannelFigures, ...]:
    """Return the figures of the images at `positions`, which are the split `split_name`; none where there are none."""
    if not len(positions):
        return ()
    names = COLOURS[images.shape[2]]
    sums = np.zeros((4, len(names)))  # of values and their squares, before and after
    at_once = max(1, BLOCK_VALUES // prod(images.shape))
    prefetch(images.images, positions)
    for start in range(0, len(positions), at_once):
        block = images.images[positions[start : start + at_once]]
        scaled = preprocess.apply(torch.from_numpy(np.ascontiguousarray(block))).permute(0, 2, 3, 1).numpy()
        sums += np.stack([*_sums(block), *_sums(scaled)])
    means = sums / (len(positions) * images.shape[0] * images.shape[1])
    return tuple(
        ChannelFigures(split_name, name, *_moments(column[:2]), *_moments(column[2:]))
        for name, column in zip(names, means.T, strict=True)
    )


def _sums(values: NDArray[np.uint8] | NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    exact = values.astype(np.float64)
    return exact.sum(axis=(0, 1, 2)), np.square(exact).sum(axis=(0, 1, 2))


def _moments(means: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    """Return mean and standard deviation from the means of values and of their squares."""
    mean, square = float(means[0]), float(means[1])
    return mean, float(np.sqrt(max(square - mean**2, 0.0)))
