"""Which images does a comparison speak of? Their counts, their sizes, and what a reader should know about them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sadari.comparison.analysis.copied_pairs import CopiedPair
from sadari.comparison.groups.grouping import Grouping
from sadari.evaluation.statistics import Numbers
from sadari.values import Split

IMAGES_OF = {"test": "test images", "val": "validation images", "train": "training images"}


@dataclass(frozen=True)
class DataFacts:
    """The images of a comparison: counts of each split, (height, width, channels), classes, the origin of the split.

    leaks: images of val and test that an earlier split holds too; None where they could not be searched. sentences:
    what else a reader should know about the images, such as leaks and contradictory labels, the gravest first. sizes:
    (height, width) at which the arms read the images, from the smallest; none while no run is finished. copied: ids of
    the images that judge although an earlier split has an identical or near-copy of them; pairs: some of these with
    that copy. groups: how many groups the
    images that judge are in; 0 where each is by itself. grouping: those of all images.
    """

    name: str
    counts: Mapping[str, int]
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    origin: str
    judged_on: str
    leaks: int | None
    sentences: tuple[str, ...] = ()
    sizes: tuple[tuple[int, int], ...] = ()
    copied: tuple[str, ...] = ()
    groups: int = 0
    pairs: tuple[CopiedPair, ...] = ()
    grouping: Grouping | None = field(default=None, compare=False, repr=False)

    @property
    def judges(self) -> str:
        """The images that judge, such as "359 test images", and in how many groups they are."""
        images = f"{self.counts[self.judged_on]:,} {IMAGES_OF[self.judged_on]}"
        return f"{images} in {self.groups:,} group{'' if self.groups == 1 else 's'}" if self.groups else images

    def groups_of(self, split: Split) -> Numbers | None:
        """Return the groups of the images of `split` that judge, in its order; None where there are none."""
        return None if self.grouping is None else self.grouping.on(split.positions(self.judged_on))

    @property
    def pixels(self) -> str:
        """The pixels of the images that the arms read, such as "8x8", or "64x64 to 288x288" where they differ."""
        sizes = self.sizes or (self.shape[:2],)
        return " to ".join(f"{width}x{height}" for height, width in dict.fromkeys((sizes[0], sizes[-1])))
