"""Where does each picture lie on a map in two dimensions? Alike ones near each other, by t-SNE, the same for one seed.

Features are reduced to 50 principal components, and these to two dimensions by t-SNE (van der Maaten & Hinton 2008,
https://www.jmlr.org/papers/v9/vandermaaten08a.html), begun at the first two components (Kobak & Berens 2019,
https://doi.org/10.1038/s41467-019-13056-x).
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from sadari.data.cache.features import keep_features, read_features
from sadari.progress import Progress
from sadari.review.neighbours import NEAREST, Kept, kept, nearest

LAYOUT_FORMAT = "layout 1"  # raise it when the same features give another layout: older ones are then not found
COMPONENTS = 50  # cited: van der Maaten & Hinton 2008
PERPLEXITY = 30.0  # cited: between 5 and 50
STEPS = 500  # of gradient descent; measured: 1,000 keep no more neighbours (0.402 of animals, 0.588 of digits)
MOVES_BELOW = 4  # pictures that are simply put in a row
ALL_ALIKE = 1e-6  # features that differ by less in all pictures are the same (assumed: rounding of float32)

Rows = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Layout:
    """A map of pictures. places: float32 (N, 2) in 0..1. near: int64 (N, k), the nearest by features, nearest first.

    kept: how true the places are to the features.
    """

    places: Rows
    near: NDArray[np.int64]
    kept: Kept


def lay_out(rows: Rows, seed: int, progress: Progress) -> Layout:
    """Return the map of pictures with the features `rows`, float32 (N, D); stored in the cache, for this seed."""
    near = nearest(rows, NEAREST)
    key = {
        "name": "map",
        "layers": "a layout in two dimensions",
        "rows": blake2b(np.ascontiguousarray(rows).data, digest_size=20).hexdigest(),
        "shape": str(rows.shape),
        "seed": str(seed),
        "format": LAYOUT_FORMAT,
        "sklearn": _version(),
    }
    stored = read_features(key)
    if stored is None:
        with progress.task("laying out", 1, "maps") as task:
            places = _places(rows, seed)
            task.advance(1)
        keep_features(key, places.shape, places.dtype, [places])
    else:
        places = np.array(stored)
    return Layout(places, near, kept(rows, places, near))


def _version() -> str:
    from importlib.metadata import version

    return version("scikit-learn")


def _places(rows: Rows, seed: int) -> Rows:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    count = len(rows)
    centred = rows - rows.mean(axis=0)
    if count < MOVES_BELOW or np.abs(centred).max() < ALL_ALIKE:
        return np.stack([np.linspace(0, 1, count), np.full(count, 0.5)], axis=1).astype(np.float32)
    components = min(COMPONENTS, count - 1, rows.shape[1])
    reduced = PCA(components, svd_solver="randomized", random_state=seed).fit_transform(centred)
    if components < 2 or not np.ptp(reduced[:, 1]):
        reduced = np.column_stack([reduced, np.random.default_rng(seed).normal(0, 1e-4, (count, 2))])
    perplexity = min(PERPLEXITY, (count - 1) / 3)
    moving = TSNE(init="pca", perplexity=perplexity, max_iter=STEPS, random_state=seed)
    # One thread: more of them could add up in another order elsewhere. 5,000 pictures take some ten seconds.
    with threadpool_limits(1):
        moved = moving.fit_transform(reduced)
    lowest, widest = moved.min(axis=0), np.ptp(moved, axis=0).max()
    middle = (1 - np.ptp(moved, axis=0) / max(widest, 1e-9)) / 2
    return np.asarray((moved - lowest) / max(widest, 1e-9) + middle, dtype=np.float32)
