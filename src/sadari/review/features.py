"""What does a pre-trained network see in each picture? The features that `linear-probe` reads, or pixels."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sadari.data.load import load
from sadari.data.look import PHOTOGRAPHS_FROM, look
from sadari.data.prepare import Preprocess
from sadari.errors import SadariError, UsageError
from sadari.job import Job, make_job
from sadari.models.catalog import MODELS
from sadari.progress import Progress
from sadari.settings import Settings, Value, with_overrides
from sadari.values import ImageSet, RowAccess

AUTO, BACKBONE, PIXELS = "auto", "backbone", "pixels"
READS = (AUTO, BACKBONE, PIXELS)
PROBE = "linear-probe"  # the model whose frozen layers compute the features, and whose cache they share
MOST_VALUES = 2**28  # pixel values that are held as float32, 1 GiB (assumed)

Rows = NDArray[np.float32]
Positions = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Reader:
    """How the pictures of a set are read before they are compared. job: of the backbone; None for pixels.

    origin: what features are, in one phrase for the user.
    """

    settings: Settings
    job: Job | None
    origin: str

    def load(self, data: str, progress: Progress) -> ImageSet:
        """Load the images of `data` as the features need them; raises as `data.load.load` does."""
        return load(self.job.data if self.job else data, self.settings, progress)

    def features(self, images: ImageSet, positions: Positions, progress: Progress) -> Rows:
        """Return what each image at `positions` looks like, float32 (n, D).

        Of a backbone, vectors of length 1; of pixels, values in 0..1. Raises SadariError for weights that cannot be
        read, and for pixels of which there are more than MOST_VALUES.
        """
        if self.job is None:
            return pixel_rows(images.images, positions)
        found = backbone_rows(self.job, images, positions, progress)
        assert found is not None
        return found


def reader_for(data: str | Path, overrides: Mapping[str, Value], reads: str, progress: Progress) -> Reader:
    """Return how the pictures of `data` are read. overrides: settings, and variables of the backbone.

    reads: AUTO takes the pixels of small grey images, which a network of photographs would have to enlarge, and the
    backbone for all others. Raises UsageError for another word, a wrong setting, and where there is no such data.
    """
    if reads not in READS:
        raise UsageError(f"--features is one of {', '.join(READS)}, not '{reads}'")
    backbone = {*MODELS.get(PROBE).variables}
    if reads == AUTO:
        plain = with_overrides(Settings(), {key: each for key, each in overrides.items() if key not in backbone})
        seen = look(data, plain, progress)
        reads = PIXELS if is_small_grey(seen.side, seen.colour) and not backbone & {*overrides} else BACKBONE
    if reads == PIXELS:
        return Reader(with_overrides(Settings(), overrides), None, "their pixels")
    job = backbone_job(data, overrides)
    return Reader(job.settings, job, f"the features of {job.variables['backbone']}, a network trained on photographs")


def is_small_grey(side: int, colour: bool) -> bool:
    """Return whether images of that shorter side, in pixels, are compared by their pixels."""
    return 0 < side < PHOTOGRAPHS_FROM and not colour


def backbone_job(data: str | Path, overrides: Mapping[str, Value]) -> Job:
    """Return the job whose frozen layers compute the features; raises as `make_job` does."""
    return make_job(data, MODELS.get(PROBE), 0, overrides)


def backbone_rows(
    job: Job, images: ImageSet, positions: Positions, progress: Progress, stored_only: bool = False
) -> Rows | None:
    """Return the features of the images at `positions`, float32 (n, D), each of length 1; computed once, then cached.

    stored_only: None where the cache has them not, with nothing computed.
    """
    # Only here: they load torch, and a map of small grey images needs none.
    from sadari.inference.architecture import Architecture
    from sadari.inference.device import resolve_machine, threads_for, use_machine
    from sadari.training.frozen import frozen_output
    from sadari.training.setup import start_weights

    settings = resolve_machine(job.settings)
    architecture = Architecture.of(job.model, job.variables, images.shape, images.classes)
    network = architecture.build(0)
    start_weights(network, architecture, Path())
    preprocess = Preprocess.fitted(
        images, positions[:1], settings.scaling, settings.fit, architecture.scaling, settings.interpolation
    )
    with use_machine(settings, threads_for(settings, images.shape)) as device:
        rows = frozen_output(network.to(device), preprocess, images, positions, progress, stored_only)
    return None if rows is None else unit_rows(np.asarray(rows).reshape(len(positions), -1))


def pixel_rows(images: RowAccess, positions: Positions) -> Rows:
    """Return the pixels of the images at `positions`, float32 (n, H * W * C) in 0..1; SadariError where too many."""
    values = len(positions) * int(np.prod(images.shape[1:]))
    if values > MOST_VALUES:
        height, width = images.shape[1:3]
        raise SadariError(
            f"{len(positions):,} images of {height} x {width} pixels are too many to compare pixel by pixel; set a "
            "smaller image_size, or --features backbone"
        )
    return (images[positions].reshape(len(positions), -1) / np.float32(255)).astype(np.float32)


def unit_rows(rows: NDArray[np.float32]) -> Rows:
    """Return the rows divided by their lengths; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), dtype=np.float32)
