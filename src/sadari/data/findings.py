"""What was found in a set of images, and what does it mean for the result? Data first, then sentences."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sadari.values import SPLITS

# Assumed: below this many training images, a class's own accuracy is a matter of luck.
TINY_CLASS = 10
# Assumed: from this ratio of the largest to the smallest class on, plain accuracy hides the small ones.
ONE_SIDED = 3.0
NAMED = 3


@dataclass(frozen=True)
class Unreadable:
    """One file that is no image: its id and why it cannot be decoded."""

    id: str
    reason: str


@dataclass(frozen=True)
class Copies:
    """Images that are equal in every pixel, in source order; ids, parts and classes side by side."""

    ids: tuple[str, ...]
    parts: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def contradictory(self) -> bool:
        """Whether one picture stands under several labels."""
        return len(set(self.classes)) > 1

    def leaked(self, split: str) -> int:
        """How many of these lie in `part` while a copy lies in an earlier one (train, then val, then test)?"""
        earlier = SPLITS[: SPLITS.index(split)]
        return self.parts.count(split) if any(each in earlier for each in self.parts) else 0


@dataclass(frozen=True)
class Findings:
    """What was found in one set under one split?

    counts: images of each class (in the order of `classes`) for each part. copies: every group of
    pixel-identical images. constant: ids of images that have one value in each channel. Derived from these: `leaks`,
    `leaked`, `repeated`, `contradictions`, `tiny`, `absent`, `imbalance` and `sentences`.
    """

    data: str
    classes: tuple[str, ...]
    counts: Mapping[str, tuple[int, ...]]
    copies: tuple[Copies, ...]
    constant: tuple[str, ...]
    unreadable: tuple[Unreadable, ...]

    def size(self, split: str) -> int:
        return sum(self.counts[split])

    @cached_property
    def leaked(self) -> dict[str, int]:
        """Images of val and of test that are also in an earlier part."""
        return {split: sum(group.leaked(split) for group in self.copies) for split in SPLITS[1:]}

    @property
    def leaks(self) -> int:
        """Images that judge or choose a model although it, or its choice, may have seen them."""
        return sum(self.leaked.values())

    @cached_property
    def repeated(self) -> dict[str, int]:
        """Images of each part that repeat another one of the same part."""
        return {split: sum(max(0, group.parts.count(split) - 1) for group in self.copies) for split in SPLITS}

    @cached_property
    def contradictions(self) -> tuple[Copies, ...]:
        """The groups of copies that carry different labels."""
        return tuple(group for group in self.copies if group.contradictory)

    @property
    def tiny(self) -> tuple[str, ...]:
        """Classes with fewer than TINY_CLASS training images."""
        return tuple(name for name, count in zip(self.classes, self.counts["train"], strict=True) if count < TINY_CLASS)

    @property
    def absent(self) -> tuple[tuple[str, str], ...]:
        """(class, part) wherever a part that has images has none of the class."""
        return tuple(
            (name, split)
            for split in SPLITS
            if self.size(split)
            for name, count in zip(self.classes, self.counts[split], strict=True)
            if not count
        )

    @property
    def imbalance(self) -> float:
        """Images of the largest class of train over those of the smallest; infinite where one has none."""
        largest, smallest = max(self.counts["train"]), min(self.counts["train"])
        return largest / smallest if smallest else float("inf")

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """What was found and what it means for the result, the gravest first; empty where nothing was found."""
        tellers = (_unreadable, _leaks, _contradictions, _one_sided, _absent, _tiny, _repeated, _constant)
        return tuple(sentence for tell in tellers for sentence in tell(self))

    def document(self) -> dict[str, Any]:
        """Everything as plain values, for JSON; `imbalance` is null where a class has no training image."""
        return {
            "data": self.data,
            "counts": {split: dict(zip(self.classes, counts, strict=True)) for split, counts in self.counts.items()},
            "leaks": self.leaks,
            "leaked": self.leaked,
            "repeated": self.repeated,
            "copies": [
                [
                    {"id": name, "part": split, "class": label}
                    for name, split, label in zip(group.ids, group.parts, group.classes, strict=True)
                ]
                for group in self.copies
            ],
            "contradictions": len(self.contradictions),
            "imbalance": None if self.imbalance == float("inf") else self.imbalance,
            "absent": [{"class": name, "part": split} for name, split in self.absent],
            "tiny": list(self.tiny),
            "constant": list(self.constant),
            "unreadable": [{"id": each.id, "reason": each.reason} for each in self.unreadable],
            "sentences": list(self.sentences),
        }


def _images(count: int, kind: str = "image") -> str:
    return f"{count:,} {kind}{'' if count == 1 else 's'}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _unreadable(found: Findings) -> Iterator[str]:
    if found.unreadable:
        named = _some([f"{each.id} ({each.reason})" for each in found.unreadable])
        count = _images(len(found.unreadable), "file")
        yield (
            f"{count} cannot be read: {named}; training refuses the set until they are replaced or removed, or goes "
            "on without them with --set unreadable=skip"
        )


def _leaks(found: Findings) -> Iterator[str]:
    meanings = {
        "test": "at most {points:.2g} points of a test accuracy come from having seen them; remove them from one side",
        "val": "the choice made on val favours a model that memorises by at most {points:.2g} points; remove them from "
        "one side",
    }
    for split in ("test", "val"):
        count = found.leaked[split]
        if count:
            points = 100 * count / found.size(split)
            earlier = "train or val" if split == "test" and found.size("val") else "train"
            are = "is" if count == 1 else "are"
            yield (
                f"{_images(count, f'{split} image')} of {found.size(split):,} {are} also in {earlier}: "
                + meanings[split].format(points=points)
            )


def _contradictions(found: Findings) -> Iterator[str]:
    if found.contradictions:
        first = found.contradictions[0]
        other = next(at for at, label in enumerate(first.classes) if label != first.classes[0])
        count = len(found.contradictions)
        stand = "picture stands" if count == 1 else "pictures stand"
        yield (
            f"{count:,} {stand} under several labels, such as {first.ids[0]} ('{first.classes[0]}') and "
            f"{first.ids[other]} ('{first.classes[other]}'): no classifier can be right on all of them; "
            "correct the labels"
        )


def _one_sided(found: Findings) -> Iterator[str]:
    train = found.counts["train"]
    if min(train) and found.imbalance >= ONE_SIDED:
        largest, smallest = found.classes[train.index(max(train))], found.classes[train.index(min(train))]
        share = 100 * max(train) / sum(train)
        yield (
            f"the classes are one-sided: '{largest}' has {found.imbalance:.1f} times the training images of "
            f"'{smallest}', and always answering '{largest}' is right on {share:.0f} % of them; compare by macro F1, "
            "or train a network with --set class_weights=balanced"
        )


def _absent(found: Findings) -> Iterator[str]:
    for split in SPLITS:
        names = [f"'{name}'" for name, where in found.absent if where == split]
        if names:
            meaning = "it is never learnt" if split == "train" else f"{split} says nothing about it"
            yield f"{split} has no image of the class {_some(names)}: {meaning}; give every split images of all classes"


def _tiny(found: Findings) -> Iterator[str]:
    if found.tiny:
        names = _some([f"'{name}'" for name in found.tiny])
        have = "class has" if len(found.tiny) == 1 else "classes have"
        yield (
            f"{len(found.tiny):,} {have} fewer than {TINY_CLASS} training images ({names}): what is learnt there is a "
            "matter of luck; add images"
        )


def _repeated(found: Findings) -> Iterator[str]:
    for split in SPLITS:
        count = found.repeated[split]
        if count:
            repeat = "repeats another" if count == 1 else "repeat others"
            meaning = "such a picture weighs more in training" if split == "train" else "such a picture counts twice"
            yield f"{_images(count, f'{split} image')} of {found.size(split):,} {repeat} of the same split: {meaning}"


def _constant(found: Findings) -> Iterator[str]:
    if found.constant:
        holds = "image shows" if len(found.constant) == 1 else "images show"
        yield (
            f"{len(found.constant):,} {holds} one colour only ({_some(found.constant)}): nothing can be learnt from "
            "that; look whether decoding or cropping went wrong"
        )
