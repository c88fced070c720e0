"""Which images have copies, identical or near, before anything is split? Searched once, and kept in the cache."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sadari.data.cache.digests import digest_texts
from sadari.data.cache.features import keep_features, read_features
from sadari.data.copies.codes import SMALLEST, have_codes
from sadari.data.copies.examine import equal_groups, examine
from sadari.data.copies.pairs import MOST, near_pairs
from sadari.data.packs.pack import PACK_FORMAT
from sadari.data.packs.provide import PIXEL_SETTINGS
from sadari.progress import Progress, Silent
from sadari.settings import Settings
from sadari.values import ImageSet

SEARCH_FORMAT = "copies 1"  # raise it when the same images give other copies: older results are then not found
_IDENTICAL, _NEAR, _END = 0, 1, -1  # the kinds of rows in the cache; one _END, since no file maps an empty array

Positions = NDArray[np.int64]
_held: dict[str, "Found"] = {}  # the last result: many draws of one set, where the cache has no room


@dataclass(frozen=True, eq=False)
class Found:
    """The copies among N images. groups: int64 (N,), of identical images, -1 for one that is identical to no other.

    near: int64 (P, 2), the positions of the two of each pair of near-copies. searched: whether these were looked for.
    """

    groups: Positions
    near: Positions
    searched: bool

    @property
    def kind(self) -> str:
        """Return what was looked for, for sentences: "identical or near-copy", or only "identical copy" and why."""
        if self.searched:
            return "identical or near-copy"
        few = len(self.groups) <= MOST
        why = f"images of {SMALLEST} pixels and more" if few else f"sets of up to {MOST:,} images"
        return f"identical copy (near-copies are looked for in {why})"

    def have_copies_in(self, positions: Positions, others: Positions) -> NDArray[np.bool_]:
        """Return which of the images at `positions`, bool, have an identical or near-copy among those at `others`."""
        there = np.zeros(len(self.groups), dtype=np.bool_)
        there[others] = True
        groups = self.groups[others]
        have = np.isin(self.groups, groups[groups >= 0])
        first, second = self.near.T
        have[first[there[second]]] = True
        have[second[there[first]]] = True
        return np.asarray(have[positions])

    def joined(self, groups: Positions | None) -> tuple[Positions, int, int]:
        """Return the group of each image, int64 (N,), in which copies are together; how many have any, in how many.

        groups: those that the images have already, which copies join into larger ones.
        """
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        count = len(self.groups)
        copied = self._edges(self.groups, self.groups >= 0), self.near
        given = np.empty((0, 2), dtype=np.int64) if groups is None else self._edges(groups, groups >= 0)

        def components(edges: Positions) -> Positions:
            graph = coo_array((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), (count, count))
            return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)

        of_copies = components(np.concatenate(copied))
        sizes = np.bincount(of_copies)
        several = sizes > 1
        return components(np.concatenate([*copied, given])), int(sizes[several].sum()), int(several.sum())

    @staticmethod
    def _edges(groups: Positions, members: NDArray[np.bool_]) -> Positions:
        """Return a pair of positions for each of the `members`: the first image of its group, and itself."""
        at = np.flatnonzero(members)
        _, first, of = np.unique(groups[at], return_index=True, return_inverse=True)
        return np.stack([at[first[of.reshape(-1)]], at], axis=1).astype(np.int64)


def find_copies(images: ImageSet, settings: Settings, progress: Progress | None = None) -> Found:
    """Return the copies among all `images`: read from the cache, or searched and written there.

    settings: those that the images were loaded with. Reads every pixel once where nothing is stored.
    """
    metadata = _metadata(images, settings)
    key = digest_texts(*metadata.values())
    if key not in _held:
        rows = read_features(metadata)
        found = _searched(images, progress or Silent()) if rows is None else _from_rows(np.asarray(rows), images)
        if rows is None:
            stored = _rows(found)
            keep_features(metadata, stored.shape, stored.dtype, [stored])
        _held.clear()
        _held[key] = found
    return _held[key]


def _metadata(images: ImageSet, settings: Settings) -> dict[str, str]:
    """Return all that decides which images are copies: the content, and the form in which it is read."""
    return {
        "name": images.name,
        "layers": "the search for copies",
        "data": images.fingerprint,
        "images": digest_texts(*images.ids.tolist()),
        "form": str([getattr(settings, name) for name in PIXEL_SETTINGS]),
        "shape": str(images.images.shape),
        "pixels": PACK_FORMAT,
        "search": SEARCH_FORMAT,
    }


def _searched(images: ImageSet, progress: Progress) -> Found:
    with_codes = _have_codes(images)
    seen = examine(images.images, progress, with_codes=with_codes)
    groups = np.full(len(images), -1, dtype=np.int64)
    for positions in equal_groups(seen.digests, np.flatnonzero(~seen.blank)):
        groups[positions] = positions[0]
    pairs = [] if seen.codes is None else near_pairs(seen.codes, progress)
    near = np.array([(pair.first, pair.second) for pair in pairs], dtype=np.int64).reshape(-1, 2)
    return Found(groups, near, with_codes)


def _have_codes(images: ImageSet) -> bool:
    return len(images) <= MOST and have_codes(images.images)


def _rows(found: Found) -> Positions:
    """Return the copies as int64 rows of kind and two positions."""
    at = np.flatnonzero(found.groups >= 0)
    identical = np.column_stack([np.full(len(at), _IDENTICAL), at, found.groups[at]])
    near = np.column_stack([np.full(len(found.near), _NEAR), found.near])
    return np.concatenate([identical, near, [[_END, 0, 0]]]).astype(np.int64)


def _from_rows(rows: Positions, images: ImageSet) -> Found:
    identical, near = rows[rows[:, 0] == _IDENTICAL], rows[rows[:, 0] == _NEAR]
    groups = np.full(len(images), -1, dtype=np.int64)
    groups[identical[:, 1]] = identical[:, 2]
    return Found(groups, near[:, 1:], _have_codes(images))
