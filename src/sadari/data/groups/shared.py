"""Do the splits share groups? Images of one patient on both sides make an accuracy that other patients do not get."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.values import SPLITS, ImageSet, Split

NAMED = 3


@dataclass(frozen=True)
class SharedGroups:
    """The groups of a set under a split.

    count: how many there are; smallest, largest: images in one. counts: groups in each split. shared: for val and test,
    the images of groups that an earlier split has images of too; sizes: images of these splits. names: of such groups,
    those of test first.
    """

    count: int = 0
    smallest: int = 0
    largest: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    shared: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """Say which splits share groups, and what that means."""
        return tuple(_sentences(self))

    def document(self) -> dict[str, Any] | None:
        """Return everything as plain values, for JSON; None where there are no groups."""
        if not self.count:
            return None
        sizes = {"count": self.count, "smallest": self.smallest, "largest": self.largest}
        return {**sizes, "splits": dict(self.counts), "shared": dict(self.shared), "shared_names": list(self.names)}


def shared_groups(images: ImageSet, split: Split) -> SharedGroups:
    """Count the groups of `images` in each split, and the images of val and test whose group is in an earlier split."""
    if images.groups is None:
        return SharedGroups()
    groups = {name: images.groups[split.positions(name)] for name in SPLITS}
    earlier, shared = groups["train"], dict[str, int]()
    common: list[NDArray[np.int64]] = []
    for name in SPLITS[1:]:
        also = np.isin(groups[name], earlier)
        shared[name] = int(also.sum())
        common.insert(0, np.unique(groups[name][also]))
        earlier = np.concatenate([earlier, groups[name]])
    sizes = np.bincount(images.groups)
    return SharedGroups(
        count=len(images.group_names),
        smallest=int(sizes[sizes > 0].min()),
        largest=int(sizes.max()),
        counts={name: len(np.unique(each)) for name, each in groups.items()},
        shared=shared,
        sizes={name: len(each) for name, each in groups.items()},
        names=tuple(images.group_names[each] for each in dict.fromkeys(np.concatenate(common).tolist())),
    )


def _sentences(found: SharedGroups) -> Iterator[str]:
    for name, earlier in (("test", "train or val" if found.sizes.get("val") else "train"), ("val", "train")):
        count = found.shared.get(name, 0)
        if count:
            are = "is" if count == 1 else "are"
            means = (
                "the accuracy on them says little about other groups"
                if name == "test"
                else "the choice made on val favours a model that knows its groups"
            )
            some = ", ".join(found.names[:NAMED]) + (" and others" if len(found.names) > NAMED else "")
            yield (
                f"{count:,} {name} image{'' if count == 1 else 's'} of {found.sizes[name]:,} {are} of groups that "
                f"{earlier} has too ({some}): {means}; put each group into one split"
            )
