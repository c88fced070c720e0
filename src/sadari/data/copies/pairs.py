"""Which pairs of codes are so alike that the images are one photograph? All pairs are compared, as matrix products."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sadari.data.copies.codes import Codes, mirrored
from sadari.progress import Progress

ALIKE = 0.75  # cosine of two codes from which they are one photograph (measured: benchmarks/quality/near_copies.py)
BLOCK = 2048  # codes on each side of a matrix product (assumed: its result, 16 MB, is looked through at once)
MOST = 200_000  # images: all pairs of them take some minutes, those of a million an hour (measured at 100,000)

Units = NDArray[np.float32]


@dataclass(frozen=True, order=True)
class Pair:
    """The positions of two images, first < second, whether one mirrors the other, and the cosine of their codes."""

    first: int
    second: int
    mirrored: bool
    cosine: float


def near_pairs(codes: Codes, progress: Progress) -> list[Pair]:
    """Return the pairs of images whose codes are alike, as they are or mirrored, in the order of their positions.

    codes: int8 (N, 256). Of a pair that is alike in both ways, the better one counts. Takes N * N products of codes.
    """
    plain, flipped = _units(codes), _units(mirrored(codes))
    best: dict[tuple[int, int], Pair] = {}
    blocks = -(-len(codes) // BLOCK)
    with progress.task("comparing", blocks * (blocks + 1) // 2, "blocks of pairs") as task:
        for row in range(blocks):
            for column in range(row, blocks):
                for pair in _alike(plain, flipped, row * BLOCK, column * BLOCK):
                    known = best.get((pair.first, pair.second))
                    if known is None or known.cosine < pair.cosine:
                        best[pair.first, pair.second] = pair
                task.advance(1)
    return sorted(best.values())


def _units(codes: Codes) -> Units:
    """Return the codes as float32 vectors of length 1; plain ones stay 0, and are like no other."""
    values = codes.astype(np.float32)
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1.0))


def _alike(plain: Units, flipped: Units, row: int, column: int) -> Iterator[Pair]:
    first = plain[row : row + BLOCK]
    for others, mirror in ((plain, False), (flipped, True)):
        cosines = first @ others[column : column + BLOCK].T
        if float(cosines.max(initial=0.0)) < ALIKE:  # far quicker than to look for places that there mostly are not
            continue
        for one, other in np.argwhere(cosines >= ALIKE):
            if row + one < column + other:
                yield Pair(int(row + one), int(column + other), mirror, float(cosines[one, other]))
