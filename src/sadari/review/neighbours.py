"""Which pictures are most alike, and how many of these neighbours does a layout in two dimensions keep?

The trustworthiness of a layout (Venna & Kaski 2001, *Neighborhood preservation in nonlinear projection methods*, ICANN)
falls where pictures are near on the map that are far by their features. The share that is kept counts the other way
round: of the nearest pictures by features, how many are near on the map too?
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEAREST = 12  # neighbours that count (assumed: what a person takes in around a picture)
AT_ONCE = 16 * 2**20  # distances that are held at once, 64 MB

Rows = NDArray[np.float32]
Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Kept:
    """How true a layout is to the features. trustworthiness: in 0..1, 1 where no stranger is near on the map.

    share: of the `nearest` pictures by features, the mean share that is among as many nearest on the map.
    """

    trustworthiness: float
    share: float
    nearest: int


def nearest(rows: Rows, count: int = NEAREST) -> Positions:
    """Return the `count` nearest other rows of each row, nearest first: int64 (N, count), with count below N.

    By Euclidean distance, which orders vectors of length 1 as their cosine does. Takes N * N products of rows.
    """
    found = np.empty((len(rows), min(count, len(rows) - 1)), dtype=np.int64)
    for start, distances in _blocks(rows):
        found[start : start + len(distances)] = _lowest(distances, found.shape[1])
    return found


def kept(rows: Rows, places: Rows, near: Positions) -> Kept:
    """Compare the layout `places`, float32 (N, 2), with the features `rows`, whose nearest are `near`.

    Of fewer than four pictures there is nothing to keep, and both are 1.
    """
    total = len(rows)
    count = min(near.shape[1], max(1, (total - 1) // 2))  # the measure is defined below half of the pictures
    if total < 4:
        return Kept(1.0, 1.0, near.shape[1])
    on_map = nearest(places, count)
    strangers, shared = 0, 0
    for start, distances in _blocks(rows):
        block = slice(start, start + len(distances))
        ahead = np.take_along_axis(distances, on_map[block], axis=1)
        ranks = np.stack([(distances < ahead[:, [each]]).sum(axis=1) for each in range(count)], axis=1) + 1
        strangers += int(np.maximum(ranks - count, 0).sum())
        shared += int((on_map[block][:, :, None] == near[block][:, None, :count]).sum())
    worst = total * count * (2 * total - 3 * count - 1) / 2
    return Kept(1 - strangers / worst, shared / (total * count), count)


def agreement(near: Positions, labels: Positions) -> NDArray[np.float32]:
    """Return the share of each picture's nearest ones that have its label, float32 (N,)."""
    return np.asarray((labels[near] == labels[:, None]).mean(axis=1), dtype=np.float32)


def _blocks(rows: Rows) -> Iterator[tuple[int, Rows]]:
    """Yield the squared distances of some rows to all, float32 (n, N), from where they start; to itself infinite."""
    lengths = np.einsum("ij,ij->i", rows, rows)
    at_once = max(1, AT_ONCE // max(1, len(rows)))
    for start in range(0, len(rows), at_once):
        block = rows[start : start + at_once]
        distances = lengths[start : start + len(block), None] + lengths - 2 * (block @ rows.T)
        distances[np.arange(len(block)), np.arange(start, start + len(block))] = np.inf
        yield start, distances


def _lowest(distances: Rows, count: int) -> Positions:
    """Return the places of the `count` lowest values of each row, in rising order; of equal ones, the first."""
    if not count:
        return np.empty((len(distances), 0), dtype=np.int64)
    some = np.sort(np.argpartition(distances, count - 1, axis=1)[:, :count], axis=1)
    order = np.argsort(np.take_along_axis(distances, some, axis=1), axis=1, kind="stable")
    return np.take_along_axis(some, order, axis=1).astype(np.int64)
