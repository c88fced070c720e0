"""On which images is an export proved? On the run's validation images: the test is not opened again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sadari.errors import SadariError
from sadari.inference.evaluate import own_images
from sadari.progress import Progress
from sadari.run import RunRecord

CHECKED = 2_000  # images at most (assumed: a minute for a large network, and 0.05 points of accuracy each)
CALIBRATING = 256  # training images that tell how large a network's numbers become (assumed; common for int8)


@dataclass(frozen=True, eq=False)
class Sample:
    """Which images prove an export, and which calibrate it?

    images: uint8 (N, H, W, C); labels: int64 (N,); part: what they are, "validation" or, in a run without, "training".
    calibrating: uint8 (M, H, W, C), of the training split.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    part: str
    calibrating: NDArray[np.uint8]


def draw_sample(run: RunRecord, progress: Progress) -> Sample:
    """Up to CHECKED images of the validation split, evenly spread, or all there are; none of the test split.

    Raises SadariError where the run's images are not there any more, or have changed.
    """
    try:
        images = own_images(run, progress)
    except SadariError as error:
        raise SadariError(f"an export is proved on the run's own images: {error}") from None
    split = run.split
    part, positions = ("validation", split.val) if len(split.val) else ("training", split.train)
    chosen = _spread(positions, CHECKED)
    calibrating = _spread(split.train, CALIBRATING)
    return Sample(
        images=np.ascontiguousarray(images.images[chosen]),
        labels=images.labels[chosen],
        part=part,
        calibrating=np.ascontiguousarray(images.images[calibrating]),
    )


def _spread(positions: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most `most` of the `positions`, evenly spread."""
    if len(positions) <= most:
        return positions
    return positions[np.linspace(0, len(positions) - 1, most).astype(np.int64)]
