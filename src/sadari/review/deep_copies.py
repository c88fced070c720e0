"""Which pictures may show one scene, though no code of their pixels says so? Frames of one video, bursts, crops.

A second look behind `data.copies`, by the features of a pre-trained network. These say what is on a picture, so that
two cats are alike. Reduced to principal components of equal variance (whitened; Jégou & Chum 2012, *Negative evidences
and co-occurences in image retrieval*, ECCV), what all pictures of a kind share counts less, and what only two have
counts more. Each pair is for a person to look at, and not a fact.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.data.findings import Findings
from sadari.errors import UsageError
from sadari.progress import Progress
from sadari.review.features import AUTO, reader_for, unit_rows
from sadari.settings import Value
from sadari.values import ImageSet

LEAST, MOST = 100, 50_000  # pictures: of fewer, alike ones are not rare; of more, features take hours (assumed)
BLOCK = 2048  # pictures on each side of a matrix product (assumed: its result, 16 MB, is looked through at once)
# Measured (benchmarks/quality/deep_copies.py): half as many components as pictures, at most so many; from this cosine
# on crops by a tenth at each side are found, and few pairs of `animals` and `flowers` that are not one scene.
COMPONENTS, LIKENESS = 512, 0.5

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class LookAlike:
    """Two pictures, in source order, that may show one scene: ids, splits and classes of both, and how alike they are.

    likeness: the cosine of their features, 1 for equal ones.
    """

    ids: tuple[str, str]
    splits: tuple[str, str]
    classes: tuple[str, str]
    likeness: float

    @property
    def crosses(self) -> bool:
        """Return whether the two are in different splits."""
        return self.splits[0] != self.splits[1]

    def document(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {"ids": self.ids, "splits": self.splits, "classes": self.classes, "likeness": round(self.likeness, 4)}


def find_look_alikes(
    found: Findings,
    split_of: Mapping[str, str],
    data: str,
    overrides: Mapping[str, Value],
    progress: Progress,
) -> tuple[LookAlike, ...]:
    """Return the pairs of pictures of `data` whose features are suspiciously alike, the most alike first.

    found: of `data check`; copies that it has already are left out. split_of: by id, of the images that are used.
    Raises UsageError where there are too few or too many, and as loading and `make_job` do.
    """
    reader = reader_for(data, overrides, AUTO, progress)
    if reader.job is None:
        raise UsageError(
            "--deep compares photographs by the features of a network of photographs; small grey images have none"
        )
    images = reader.load(data, progress)
    used = np.array([at for at, name in enumerate(images.ids.tolist()) if split_of.get(name)], dtype=np.int64)
    if not LEAST <= len(used) <= MOST:
        raise UsageError(f"--deep compares from {LEAST} to {MOST:,} images, and '{images.name}' has {len(used):,}")
    rows = whitened(reader.features(images, used, progress))
    known = _known(found)
    pairs = [(first, second, cosine) for first, second, cosine in alike(rows) if cosine >= LIKENESS]
    some = [_look_alike(images, used[[first, second]], split_of, cosine) for first, second, cosine in pairs]
    return tuple(sorted((each for each in some if each.ids not in known), key=lambda each: -each.likeness))


def whitened(rows: Rows) -> Rows:
    """Return the principal components of `rows`, float32 (N, D), each of equal variance; as vectors of length 1."""
    centred = rows - rows.mean(axis=0)
    parts, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    count = min(COMPONENTS, len(rows) // 2, int((sizes > sizes.max() * 1e-5).sum()))
    return unit_rows(parts[:, :count])


def alike(rows: Rows) -> Iterator[tuple[int, int, float]]:
    """Yield the positions of each pair of vectors of length 1 whose cosine is LIKENESS or more, and that cosine."""
    for row in range(0, len(rows), BLOCK):
        for column in range(row, len(rows), BLOCK):
            cosines = rows[row : row + BLOCK] @ rows[column : column + BLOCK].T
            for one, other in np.argwhere(cosines >= LIKENESS):
                if row + one < column + other:
                    yield int(row + one), int(column + other), float(cosines[one, other])


def look_alike_sentences(look_alikes: Sequence[LookAlike]) -> tuple[str, ...]:
    """Say how many pairs there are to look at, and how many of them are on two sides of a split."""
    if not look_alikes:
        return ("no pair of pictures is suspiciously alike by its features",)
    crossing = sum(each.crosses for each in look_alikes)
    some = "all of them " if crossing == len(look_alikes) else f"{crossing:,} of them "
    how_many = "" if len(look_alikes) == 1 else some
    across = f", {how_many}in two splits" if crossing else ""
    pairs = "pair of pictures is" if len(look_alikes) == 1 else "pairs of pictures are"
    return (
        f"{len(look_alikes):,} {pairs} suspiciously alike by the features{across}: look at them, they are not facts; "
        "frames of one video, a burst or a crop belong on one side of a split (--set group=...)",
    )


def _known(found: Findings) -> set[tuple[str, str]]:
    identical = (pair for group in found.copies for pair in combinations(group.ids, 2))
    return {*identical, *(pair.ids for pair in found.near or ())}


def _look_alike(images: ImageSet, both: NDArray[np.int64], split_of: Mapping[str, str], likeness: float) -> LookAlike:
    first, second = (str(name) for name in images.ids[both])
    classes = tuple(images.classes[label] for label in images.labels[both])
    return LookAlike((first, second), (split_of[first], split_of[second]), (classes[0], classes[1]), likeness)
