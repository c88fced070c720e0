"""Which images of a comparison count as one? Those of a group, such as a patient, and copies that judge.

Stored as `groups.npz` in the folder of the comparison, so that its figures are the same when the images are gone.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sadari.data.findings import Findings
from sadari.evaluation.draws.groups import FEW
from sadari.files import undamaged, write_whole
from sadari.values import ImageSet

GROUPS = "groups.npz"


@dataclass(frozen=True, eq=False)
class Grouping:
    """The group of each image of the set, int64 (N,). sentences: what a reader should know about it."""

    of_image: NDArray[np.int64]
    sentences: tuple[str, ...] = ()

    def on(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the groups of the images at `positions`."""
        return self.of_image[positions]


def grouping_of(images: ImageSet, positions: NDArray[np.int64], findings: Findings, split_name: str) -> Grouping | None:
    """Return which images count together where those at `positions`, in the split `split_name`, judge.

    findings: with the identical and near-copies of the set. Those that judge join the groups that they are in. None
    where each image that judges is by itself.
    """
    given = images.groups
    merged = (np.arange(len(images)) if given is None else given).astype(np.int64)
    number = {str(name): int(at) for name, at in zip(images.ids[positions], positions, strict=True)}
    copied: set[int] = set()
    for ids in [*(each.ids for each in findings.copies), *(each.ids for each in findings.near or ())]:
        here = [number[each] for each in ids if each in number]
        copied.update(here[1:])
        joined = np.unique(merged[here])
        if len(joined) > 1:
            merged[np.isin(merged, joined[1:])] = joined[0]
    count = len(np.unique(merged[positions]))
    if count == len(positions):
        return None if given is None else Grouping(merged)
    return Grouping(merged, _sentences(split_name, len(positions), count, len(copied), given is not None))


def _sentences(split_name: str, images: int, count: int, equal: int, given: bool) -> tuple[str, ...]:
    groups = f"{count:,} group{'' if count == 1 else 's'} of images"
    said = f"judged by {groups}: intervals and tests count these, not the {images:,} {split_name} images"
    if equal and given:
        said += "; copies are in one group"
    elif equal:
        repeat = f"{equal:,} {split_name} image{' is a copy' if equal == 1 else 's are copies'}"
        counted = f"copies count as one in intervals and tests, so {count:,} of {images:,} count"
        said = f"{repeat} of another, identical or near: {counted}"
    few = f"fewer than {FEW} groups judge: intervals and tests are rough" if count < FEW else ""
    return tuple(filter(None, (said, few)))


def write_grouping(folder: Path, grouping: Grouping | None) -> None:
    """Store `grouping` in the folder of a comparison; nothing where there is none."""
    if grouping is None:
        return

    def save(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, groups=grouping.of_image, sentences=np.array(grouping.sentences, dtype=np.str_))

    write_whole(folder / GROUPS, save)


def read_grouping(folder: Path) -> Grouping | None:
    """Read what `write_grouping` wrote; None where there is none. Raises SadariError for a damaged file."""
    path = folder / GROUPS
    if not path.is_file():
        return None
    with undamaged(path), path.open("rb") as file:
        stored = np.load(file, allow_pickle=False)
        return Grouping(stored["groups"].astype(np.int64), tuple(map(str, stored["sentences"])))
