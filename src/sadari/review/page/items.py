"""Which pictures does the page ask about? Items of several kinds: labels, copies, odd pictures, unreadable files."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.review.odd import find_odd
from sadari.review.suspects import Review

LABELS, COPIES, ODD, UNREADABLE = "labels", "copies", "odd", "unreadable"
KINDS = {LABELS: "Labels", COPIES: "Copies", ODD: "Odd pictures", UNREADABLE: "Unreadable"}
TYPICAL = 6  # pictures of a class that are shown beside a suspect
MOST = 5_000  # items of one kind, which a browser lists at once (assumed); decide about some, and the next ones follow

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Item:
    """Something to decide. positions: of its pictures in the set; of copies, two. suggested: a class, or "".

    about: what is to be known, in one sentence.
    """

    kind: str
    positions: tuple[int, ...]
    about: str
    suggested: str = ""


def items_of(review: Review) -> list[Item]:
    """Return what is to be decided about the set: each kind in the order in which it is worth a look."""
    return [*_labels(review)[:MOST], *_copies(review)[:MOST], *_odd(review)[:MOST]]


def _labels(review: Review) -> list[Item]:
    return [
        Item(
            LABELS,
            (each.position,),
            f"{each.suggested} at {100 * each.probability:.0f} %, {each.label} at {100 * each.own:.0f} %, by a model "
            f"that has not seen it{'' if each.sure else '; less sure than usual'}",
            each.suggested,
        )
        for each in review.listed
    ]


def _copies(review: Review) -> list[Item]:
    """Return the pairs of copies, those under two labels first; of identical ones, each with the first of its group."""
    groups = review.copies.groups
    later = [at for at in np.flatnonzero(groups >= 0).tolist() if groups[at] != at]
    pairs = [(int(groups[at]), at, "identical") for at in later]
    pairs += [(int(first), int(second), "near-copies") for first, second in review.copies.near.tolist()]
    found = []
    for first, second, kind in pairs:
        if not (review.active[first] and review.active[second]) or _decided(review, first, second):
            continue
        contradict = bool(review.labels[first] != review.labels[second])
        under = ", under two labels: one is wrong" if contradict else ""
        found.append((not contradict, Item(COPIES, (first, second), f"{kind}{under}")))
    return [item for _, item in sorted(found, key=lambda each: each[0])]


def _odd(review: Review) -> list[Item]:
    return [
        Item(ODD, (each.position,), each.about)
        for each in find_odd(review)
        if review.active[each.position] and not _decided(review, each.position)
    ]


def _decided(review: Review, *positions: int) -> bool:
    """Return whether something was decided about all of these images."""
    return all(str(review.images.ids[at]) in review.decisions for at in positions)


def document(review: Review, items: list[Item]) -> dict[str, Any]:
    """Return all that the page shows, as plain values; pictures are asked for one by one."""
    images = review.images
    used = sorted({at for item in items for at in item.positions})
    given = images.classes
    kinds = {kind: title for kind, title in KINDS.items() if kind != UNREADABLE or review.unreadable}
    return {
        "name": images.name,
        "facts": list(review.sentences),
        "file": str(review.path),
        "classes": list(given),
        "kinds": kinds,
        "pictures": {
            at: {
                "file": str(images.ids[at]),
                "label": given[int(review.labels[at])],
                "split": str(images.source_split[at]),
            }
            for at in used
        },
        "items": [
            {"kind": item.kind, "positions": list(item.positions), "about": item.about, "suggested": item.suggested}
            for item in items
        ],
        "unreadable": list(review.unreadable),
        "typical": review.typical(TYPICAL),
        "test_given": bool((images.source_split == "test").any()),
    }
