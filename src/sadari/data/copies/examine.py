"""What is seen of every image in one pass, so that copies are found? A digest of its pixels, and its code."""

from dataclasses import dataclass
from hashlib import blake2b
from math import prod

import numpy as np
from numpy.typing import NDArray

from sadari.data.copies.codes import SIDE, Codes, difference_codes
from sadari.progress import Progress
from sadari.values import RowAccess, prefetch

BLOCK_BYTES = 16 * 2**20  # assumed: enough for many at once, small beside everything else


@dataclass(frozen=True, eq=False)
class Seen:
    """What was seen of each image: its 16-byte digest, whether it has one value in each channel, whether it is blank.

    codes: int8 (N, 256), by which near-copies are found; None where they are not looked for.
    """

    digests: NDArray[np.void]
    constant: NDArray[np.bool_]
    blank: NDArray[np.bool_]
    codes: Codes | None


def examine(images: RowAccess, progress: Progress, with_codes: bool) -> Seen:
    """Read every image once, in blocks. with_codes: also for near-copies."""
    codes = np.empty((len(images) if with_codes else 0, SIDE * SIDE), dtype=np.int8)
    digests = np.empty(len(images), dtype="V16")
    constant = np.empty(len(images), dtype=np.bool_)
    blank = np.empty(len(images), dtype=np.bool_)
    at_once = max(1, BLOCK_BYTES // prod(images.shape[1:]))
    prefetch(images, np.arange(len(images)))
    with progress.task("checking", len(images), "images") as task:
        for start in range(0, len(images), at_once):
            block = np.ascontiguousarray(images[start : start + at_once])
            stop = start + len(block)
            # 128 bits: two of 2**32 different images share a digest with a probability below 1e-19.
            digests[start:stop] = [blake2b(image.data, digest_size=16).digest() for image in block]
            constant[start:stop] = (block == block[:, :1, :1]).all(axis=(1, 2, 3))
            corner = block[:, 0, 0].astype(np.int64)
            blank[start:stop] = constant[start:stop] & ((corner.min(1) == 255) | (corner.max(1) == 0))
            if with_codes:
                codes[start:stop] = difference_codes(block)
            task.advance(len(block))
    return Seen(digests, constant, blank, codes if with_codes else None)


def equal_groups(digests: NDArray[np.void], among: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the positions in `among` of each digest that occurs more than once there, each group ascending."""
    _, group, counts = np.unique(digests[among], return_inverse=True, return_counts=True)
    repeated = np.flatnonzero(counts[group] > 1)
    order = repeated[np.argsort(group[repeated], kind="stable")]
    ends = np.flatnonzero(np.diff(group[order])) + 1
    groups = [among[each] for each in np.split(order, ends) if len(each)]
    return sorted(groups, key=lambda each: int(each[0]))
