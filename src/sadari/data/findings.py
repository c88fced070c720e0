"""What was found in a set of images, and what does it mean for the result? Values first, then sentences."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sadari.data.copies.near import (
    NearCopies,
    contradiction_sentences,
    leak_sentences,
    leaked_ids,
    repeat_sentences,
)
from sadari.data.groups.shared import SharedGroups
from sadari.data.spellings import alike, alike_notes
from sadari.values import SPLITS

# Assumed: below this many training images, a class's own accuracy is a matter of luck.
TINY_CLASS = 10
# Assumed: from this ratio of the largest to the smallest class on, plain accuracy hides the small ones.
ONE_SIDED = 3.0
NAMED = 3


@dataclass(frozen=True)
class Unreadable:
    """A file that is no image: its id and why it cannot be decoded."""

    id: str
    reason: str


@dataclass(frozen=True)
class Copies:
    """Images that are equal in every pixel, in source order: the id, split and class of each."""

    ids: tuple[str, ...]
    splits: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def contradictory(self) -> bool:
        """Return whether equal images have different labels."""
        return len(set(self.classes)) > 1

    def leaked(self, split: str) -> int:
        """Count the images in `split` where a copy is in an earlier one (in the order train, val, test)."""
        earlier = SPLITS[: SPLITS.index(split)]
        return self.splits.count(split) if any(each in earlier for each in self.splits) else 0


@dataclass(frozen=True)
class Findings:
    """What was found in one set of images under one split.

    counts: for each split, the images of each class (in the order of `classes`). copies: every group of
    pixel-identical images. constant: ids of images that have one value in each channel. notes: what loading said
    of the set. photographs: how many were left out, since their format is not read. near: every pair of images that
    show one photograph and are not identical; None where that was not looked for. groups: of images that belong
    together, under the split. Derived from these: `leaks`,
    `leaked`, `near_leaked`, `repeated`, `contradictions`, `tiny`, `absent`, `imbalance` and `sentences`.
    """

    data: str
    classes: tuple[str, ...]
    counts: Mapping[str, tuple[int, ...]]
    copies: tuple[Copies, ...]
    constant: tuple[str, ...]
    unreadable: tuple[Unreadable, ...]
    notes: tuple[str, ...] = ()
    photographs: int = 0
    near: tuple[NearCopies, ...] | None = None
    groups: SharedGroups = field(default_factory=SharedGroups)

    def size(self, split: str) -> int:
        """Return the number of images in `split`."""
        return sum(self.counts[split])

    @cached_property
    def leaked(self) -> dict[str, int]:
        """Count the images of val and of test that are also in an earlier split."""
        return {split: sum(group.leaked(split) for group in self.copies) for split in SPLITS[1:]}

    @cached_property
    def near_leaked(self) -> dict[str, int]:
        """Count the images of val and of test that have a near-copy in an earlier split, but no identical one."""
        return {split: len(self.copied(split)) - self.leaked[split] for split in SPLITS[1:]}

    def copied(self, split: str) -> frozenset[str]:
        """Return the ids of the images in `split` that have an identical or near-copy in an earlier split."""
        identical = (
            id_
            for group in self.copies
            if group.leaked(split)
            for id_, of in zip(group.ids, group.splits, strict=True)
            if of == split
        )
        return frozenset((*identical, *leaked_ids(self.near or ()).get(split, ())))

    @property
    def leaks(self) -> int:
        """Count the images that judge or choose a model although it may have seen them, or near-copies of them."""
        return sum(self.leaked.values()) + sum(self.near_leaked.values())

    @cached_property
    def repeated(self) -> dict[str, int]:
        """Count the images of each split that repeat another one of the same split."""
        return {split: sum(max(0, group.splits.count(split) - 1) for group in self.copies) for split in SPLITS}

    @cached_property
    def contradictions(self) -> tuple[Copies, ...]:
        """Return the groups of copies that have different labels."""
        return tuple(group for group in self.copies if group.contradictory)

    @property
    def tiny(self) -> tuple[str, ...]:
        """List the classes with fewer than TINY_CLASS training images."""
        return tuple(name for name, count in zip(self.classes, self.counts["train"], strict=True) if count < TINY_CLASS)

    @property
    def alike(self) -> tuple[tuple[str, ...], ...]:
        """Group the classes whose names differ only in case, spaces, form of letters or form of numbers."""
        return alike(self.classes)

    @property
    def absent(self) -> tuple[tuple[str, str], ...]:
        """List (class, split) for each class that has no image in a split that has images."""
        return tuple(
            (name, split)
            for split in SPLITS
            if self.size(split)
            for name, count in zip(self.classes, self.counts[split], strict=True)
            if not count
        )

    @property
    def imbalance(self) -> float:
        """Divide the images of the largest class of train by those of the smallest; infinite where one has none."""
        largest, smallest = max(self.counts["train"]), min(self.counts["train"])
        return largest / smallest if smallest else float("inf")

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """Say what was found and what it means for the result, the gravest first; empty where nothing was found."""
        near, sizes = self.near or (), {split: self.size(split) for split in SPLITS}
        return (
            *(each for about in (_photographs, _unreadable, _constant, _leaks) for each in about(self)),
            *leak_sentences(near, self.near_leaked, sizes),
            *(each for about in (_shared_groups, _contradictions) for each in about(self)),
            *contradiction_sentences(near),
            *(each for about in (_spellings, _one_sided, _absent, _tiny, _repeated) for each in about(self)),
            *repeat_sentences(near),
        )

    def document(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON; `imbalance` is null where a class has no training image.

        The key "part" is the old name of "split", and goes in the next release.
        """
        return {
            "data": self.data,
            "counts": {split: dict(zip(self.classes, counts, strict=True)) for split, counts in self.counts.items()},
            "leaks": self.leaks,
            "leaked": self.leaked,
            "near_leaked": self.near_leaked,
            "repeated": self.repeated,
            "copies": [
                [
                    {"id": name, "split": split, "part": split, "class": label}
                    for name, split, label in zip(group.ids, group.splits, group.classes, strict=True)
                ]
                for group in self.copies
            ],
            "near_copies": None if self.near is None else [pair.document() for pair in self.near],
            "contradictions": len(self.contradictions),
            "imbalance": None if self.imbalance == float("inf") else self.imbalance,
            "absent": [{"class": name, "split": split, "part": split} for name, split in self.absent],
            "tiny": list(self.tiny),
            "constant": list(self.constant),
            "unreadable": [{"id": each.id, "reason": each.reason} for each in self.unreadable],
            "alike": [list(names) for names in self.alike],
            "photographs_left_out": self.photographs,
            "groups": self.groups.document(),
            "notes": list(self.notes),
            "sentences": list(self.sentences),
        }


def _images(count: int, kind: str = "image") -> str:
    return f"{count:,} {kind}{'' if count == 1 else 's'}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _photographs(found: Findings) -> Iterator[str]:
    if found.photographs:
        is_are = "is" if found.photographs == 1 else "are"
        photographs = "1 photograph" if found.photographs == 1 else f"{found.photographs:,} photographs"
        yield (
            f"{photographs} {is_are} in a format that is not read, and left out (the notes name the endings): "
            "convert them to JPEG or PNG, or remove them"
        )


def _spellings(found: Findings) -> Iterator[str]:
    yield from alike_notes(found.classes)


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
        "test": "at most {points} points of a test accuracy come from having seen them; remove them from one side",
        "val": "the choice made on val favours a model that memorises by at most {points} points; remove them from "
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
                + meanings[split].format(points=_figure(points))
            )


def _shared_groups(found: Findings) -> Iterator[str]:
    yield from found.groups.sentences


def _figure(points: float) -> str:
    """Return two digits of a number of points, without an exponent."""
    return f"{points:.0f}" if points >= 10 else f"{points:.2g}"


def _contradictions(found: Findings) -> Iterator[str]:
    if found.contradictions:
        first = found.contradictions[0]
        other = next(at for at, label in enumerate(first.classes) if label != first.classes[0])
        count = len(found.contradictions)
        have = "picture has" if count == 1 else "pictures have"
        yield (
            f"{count:,} {have} several labels, such as {first.ids[0]} ('{first.classes[0]}') and "
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
            meaning = (
                "such a picture weighs more in training"
                if split == "train"
                else "such a picture counts twice in the accuracy"
            )
            yield f"{_images(count, f'{split} image')} of {found.size(split):,} {repeat} of the same split: {meaning}"


def _constant(found: Findings) -> Iterator[str]:
    if found.constant:
        holds = "image shows" if len(found.constant) == 1 else "images show"
        yield (
            f"{len(found.constant):,} {holds} one colour only ({_some(found.constant)}): nothing can be learnt from "
            "that; look whether decoding or cropping went wrong"
        )
