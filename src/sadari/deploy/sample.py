"""On which images is an export proved? On the run's validation images: the test images are not used again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sadari.errors import SadariError
from sadari.inference.evaluate import own_images
from sadari.progress import Progress
from sadari.run import RunRecord

CHECKED = 2_000  # images at most (assumed: a minute for a large network, and 0.05 points of accuracy each)
CALIBRATING = 256  # training images that decide the scales of activations (assumed; common for int8)


@dataclass(frozen=True, eq=False)
class Sample:
    """The images that prove an export, and those that calibrate int8.

    images: uint8 (N, H, W, C). labels: int64 (N,). split: where both come from, "validation" or, in a run without it,
    "training". calibrating: uint8 (M, H, W, C), of the training split. groups: int64 (N,) of the images, if any.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    split: str
    calibrating: NDArray[np.uint8]
    groups: NDArray[np.int64] | None = None


def draw_sample(run: RunRecord, progress: Progress) -> Sample:
    """Draw up to CHECKED images of the validation split, evenly spread, and none of the test split.

    Raises SadariError where the run's images are no longer there, or have changed.
    """
    try:
        images = own_images(run, progress)
    except SadariError as error:
        raise SadariError(f"an export is proved on the run's own images: {error}") from None
    drawn = run.split_of(images)
    train, val = drawn.train, drawn.val
    split, positions = ("validation", val) if len(val) else ("training", train)
    chosen = _spread(positions, CHECKED)
    calibrating = _spread(train, CALIBRATING)
    return Sample(
        images=np.ascontiguousarray(images.images[chosen]),
        labels=images.labels[chosen],
        split=split,
        calibrating=np.ascontiguousarray(images.images[calibrating]),
        groups=None if images.groups is None else images.groups[chosen],
    )


def _spread(positions: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most `most` of the `positions`, evenly spread."""
    if len(positions) <= most:
        return positions
    return positions[np.linspace(0, len(positions) - 1, most).astype(np.int64)]
