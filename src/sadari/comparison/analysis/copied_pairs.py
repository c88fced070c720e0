"""Which judging images have a copy in an earlier split, and which image is it? Pairs, for a person to look at."""

from collections.abc import Iterator
from dataclasses import dataclass

from sadari.data.findings import Findings
from sadari.values import SPLITS

MOST_PAIRS = 60  # that are kept for the report (assumed: nobody looks at more there; `data check --html` shows 300)


@dataclass(frozen=True)
class CopiedPair:
    """An image that judges and one in an earlier split that shows the same: their ids, and the other's split.

    kind: "identical", or "near-copies" with their likeness.
    """

    judging: str
    earlier: str
    split: str
    kind: str


def copied_pairs(findings: Findings, judged_on: str) -> tuple[CopiedPair, ...]:
    """Return a pair for each image of the split `judged_on` with a copy in an earlier one, identical ones first."""
    found: dict[str, CopiedPair] = {}
    for pair in (*_identical(findings, judged_on), *_near(findings, judged_on)):
        found.setdefault(pair.judging, pair)
        if len(found) == MOST_PAIRS:
            break
    return tuple(found.values())


def _identical(findings: Findings, judged_on: str) -> Iterator[CopiedPair]:
    earlier = SPLITS[: SPLITS.index(judged_on)]
    for group in findings.copies:
        members = list(zip(group.ids, group.splits, strict=True))
        other = next(((name, split) for name, split in members if split in earlier), None)
        if other:
            yield from (CopiedPair(name, *other, "identical") for name, split in members if split == judged_on)


def _near(findings: Findings, judged_on: str) -> Iterator[CopiedPair]:
    for pair in sorted(findings.near or (), key=lambda each: -each.cosine):
        if pair.crossing and pair.crossing[0] == judged_on:
            judging = pair.crossing[1]
            other = pair.ids.index(judging) ^ 1
            kind = f"near-copies{', mirrored' if pair.mirrored else ''}, {pair.cosine:.2f} alike"
            yield CopiedPair(judging, pair.ids[other], pair.splits[other], kind)
