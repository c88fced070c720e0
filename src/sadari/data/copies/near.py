"""Which near-copies were found, and what do they mean for the result? Pairs of images that show one photograph."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sadari.values import SPLITS

HOW = "saved again, resized, in other light or mirrored"


@dataclass(frozen=True)
class NearCopies:
    """Two images, in source order, that show one photograph although their pixels differ.

    ids, splits, classes: of the two. mirrored: left and right are exchanged. cosine: of their codes, 1 for equal ones.
    """

    ids: tuple[str, str]
    splits: tuple[str, str]
    classes: tuple[str, str]
    mirrored: bool
    cosine: float

    @property
    def contradictory(self) -> bool:
        """Return whether the two have different labels."""
        return self.classes[0] != self.classes[1]

    @property
    def crossing(self) -> tuple[str, str] | None:
        """Return the later split of the two and the id of its image; None where both are in one split."""
        first, second = map(SPLITS.index, self.splits)
        if first == second:
            return None
        return self.splits[first < second], self.ids[first < second]

    def document(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {**asdict(self), "cosine": round(self.cosine, 4)}


def leaked_ids(near: Sequence[NearCopies]) -> dict[str, set[str]]:
    """Return by split the ids of its images that are near-copies of images in an earlier split."""
    found: dict[str, set[str]] = {split: set() for split in SPLITS[1:]}
    for crossing in filter(None, (pair.crossing for pair in near)):
        found[crossing[0]].add(crossing[1])
    return found


def leak_sentences(near: Sequence[NearCopies], leaked: Mapping[str, int], sizes: Mapping[str, int]) -> Iterator[str]:
    """Say how many images of test and val are near-copies of earlier ones. leaked, sizes: counts by split."""
    for split in ("test", "val"):
        count = leaked[split]
        if not count:
            continue
        example = next(pair for pair in near if pair.crossing and pair.crossing[0] == split)
        earlier = "train or val" if split == "test" and sizes["val"] else "train"
        are = "image of {:,} is a near-copy of one" if count == 1 else "images of {:,} are near-copies of some"
        yield (
            f"{count:,} {split} {are.format(sizes[split])} in {earlier} ({HOW}), such as {example.ids[0]} and "
            f"{example.ids[1]}: a model that has seen one photograph knows the other; look at them, and remove them "
            "from one side"
        )


def contradiction_sentences(near: Sequence[NearCopies]) -> Iterator[str]:
    """Say how many near-copies have different labels."""
    pairs = [pair for pair in near if pair.contradictory]
    if pairs:
        first = pairs[0]
        have = "pair of near-copies has" if len(pairs) == 1 else "pairs of near-copies have"
        yield (
            f"{len(pairs):,} {have} two labels, such as {first.ids[0]} ('{first.classes[0]}') and {first.ids[1]} "
            f"('{first.classes[1]}'): look which one is right"
        )


def repeat_sentences(near: Sequence[NearCopies]) -> Iterator[str]:
    """Say how many pairs of near-copies each split holds within itself."""
    for split in SPLITS:
        count = sum(pair.splits == (split, split) for pair in near)
        if count:
            pairs = "pair" if count == 1 else "pairs"
            meaning = "weighs more in training" if split == "train" else "counts twice in the accuracy"
            yield f"{split} holds {count:,} {pairs} of near-copies ({HOW}): such a photograph {meaning}"
