"""Which pictures stand on a map of a large set? A random sample, each class in proportion; judged ones first."""

import numpy as np
from numpy.typing import NDArray

from sadari.errors import SadariError
from sadari.values import ImageSet

Positions = NDArray[np.int64]


def drawn_for_map(labels: Positions, most: int, seed: int, first: Positions | None = None) -> Positions:
    """Return the positions of at most `most` images, ascending: all of them, or a sample drawn by `seed`.

    first: positions that are drawn before others, such as the images that a run judged. Of those, and of the others,
    each class has its share, and at least one image where that is possible.
    """
    everything = np.arange(len(labels), dtype=np.int64)
    if len(labels) <= most:
        return everything
    generator = np.random.default_rng(seed)
    chosen = np.empty(0, dtype=np.int64)
    wanted = everything[:0] if first is None else np.asarray(first, dtype=np.int64)
    for pool in (wanted, np.setdiff1d(everything, wanted)):
        room = most - len(chosen)
        chosen = np.concatenate([chosen, _in_proportion(labels, pool, room, generator)])
    return np.sort(chosen)


def positions_of(images: ImageSet, ids: NDArray[np.str_]) -> Positions:
    """Return where the images called `ids` are in the set; raises SadariError where one is not there."""
    place = {name: at for at, name in enumerate(images.ids.tolist())}
    try:
        return np.array([place[name] for name in ids.tolist()], dtype=np.int64)
    except KeyError as error:
        raise SadariError(f"the run judged the image {error}, which '{images.name}' does not have") from None


def _in_proportion(labels: Positions, pool: Positions, room: int, generator: np.random.Generator) -> Positions:
    """Return `room` of the positions in `pool`, each class in proportion to its images there."""
    if len(pool) <= room:
        return pool
    # Each image gets its rank within its class, as a share of it: the lowest shares are an even sample of all classes.
    mixed = generator.permutation(pool)
    _, kinds, counts = np.unique(labels[mixed], return_inverse=True, return_counts=True)
    order = np.argsort(kinds, kind="stable")
    starts = np.cumsum(counts) - counts
    ranks = np.empty(len(mixed), dtype=np.float64)
    ranks[order] = np.arange(len(mixed)) - starts[kinds[order]]
    return np.asarray(mixed[np.argsort(ranks / counts[kinds], kind="stable")[:room]], dtype=np.int64)
