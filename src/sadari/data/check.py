"""Can a result on these images be trusted? Find copies, contradictions, blank images and unreadable files."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sadari.data.copies.codes import have_codes
from sadari.data.copies.examine import Seen, equal_groups, examine
from sadari.data.copies.near import NearCopies
from sadari.data.copies.pairs import MOST, near_pairs
from sadari.data.decode import decode_image
from sadari.data.findings import Copies, Findings, Unreadable
from sadari.data.groups.shared import shared_groups
from sadari.data.image_file import UnreadableImageError
from sadari.data.sources.base import FileContent
from sadari.progress import Progress, Silent
from sadari.values import SPLITS, ImageSet, Split


def check(
    images: ImageSet,
    split: Split,
    unreadable: tuple[Unreadable, ...] = (),
    progress: Progress | None = None,
    photographs: int = 0,
) -> Findings:
    """Find what is wrong with `images` under `split`; read every pixel once.

    Copies are equal after decoding, in whatever format and under whatever name they are stored. unreadable: as
    `find_unreadable` returns it; those files are not in `images`. Wholly white or black images are no copies of each
    other: they were lost in decoding. Near-copies, which show one photograph, are looked for among at most MOST images,
    of 64 pixels and more. photographs: how many files of unread formats the source left out.
    """
    split_of = np.full(len(images), "", dtype="<U5")
    for split_name in SPLITS:
        split_of[split.positions(split_name)] = split_name
    used = np.flatnonzero(split_of)  # a train_fraction below 1 leaves images unused
    progress = progress or Silent()
    seen = examine(images.images, progress, with_codes=have_codes(images.images) and len(used) <= MOST)
    return Findings(
        data=images.name,
        classes=images.classes,
        counts={
            split_name: tuple(
                np.bincount(images.labels[split.positions(split_name)], minlength=len(images.classes)).tolist()
            )
            for split_name in SPLITS
        },
        copies=tuple(
            _copies(images, split_of, positions) for positions in equal_groups(seen.digests, used[~seen.blank[used]])
        ),
        constant=tuple(str(name) for name in images.ids[used[seen.constant[used]]]),
        unreadable=unreadable,
        notes=images.notes,
        photographs=photographs,
        groups=shared_groups(images, split),
        near=None if seen.codes is None else tuple(_near(images, split_of, used, seen, progress)),
    )


def image_digests(images: ImageSet, progress: Progress | None = None) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
    """Return a 16-byte digest of each image's pixels, equal for copies, and whether it is wholly white or black."""
    seen = examine(images.images, progress or Silent(), with_codes=False)
    return seen.digests, seen.blank


def _near(
    images: ImageSet, split_of: NDArray[np.str_], used: NDArray[np.int64], seen: Seen, progress: Progress
) -> Iterator[NearCopies]:
    """Yield the pairs of used images that are near-copies and not identical."""
    assert seen.codes is not None
    for pair in near_pairs(seen.codes[used], progress):
        first, second = int(used[pair.first]), int(used[pair.second])
        if seen.digests[first] != seen.digests[second]:
            both = (first, second)
            ids, splits = (tuple(str(of[at]) for at in both) for of in (images.ids, split_of))
            classes = tuple(images.classes[images.labels[at]] for at in both)
            yield NearCopies(
                (ids[0], ids[1]), (splits[0], splits[1]), (classes[0], classes[1]), pair.mirrored, pair.cosine
            )


def _copies(images: ImageSet, split_of: NDArray[np.str_], positions: NDArray[np.int64]) -> Copies:
    return Copies(
        ids=tuple(str(images.ids[at]) for at in positions),
        splits=tuple(str(split_of[at]) for at in positions),
        classes=tuple(images.classes[images.labels[at]] for at in positions),
    )


def find_unreadable(
    content: FileContent, progress: Progress | None = None, max_pixels: int = 0
) -> tuple[Unreadable, ...]:
    """Decode every file once and return those that cannot be decoded; works where loading refuses the set."""
    found: dict[int, Unreadable] = {}
    with (progress or Silent()).task("decoding", len(content.entries), "files") as task:
        for position, encoded in content.read():
            try:
                decode_image(encoded, max_pixels=max_pixels)
            except UnreadableImageError as error:
                found[position] = Unreadable(content.entries[position].id, str(error))
            task.advance(1)
    return tuple(found[position] for position in sorted(found))
