"""Can a classifier be trained on this content? What is judged alike for every kind of source."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sadari.errors import SadariError

NAMED = 5


def judge_classes(
    labels: NDArray[np.int64], given: Sequence[str], classes: Sequence[str], where: str
) -> tuple[str, ...]:
    """Which classes are worth a note? Sentences on those with one image or none.

    Raises SadariError where fewer than two classes have images, and where a class is in val or test but
    not in train, so that nothing could learn it. where: what the user called the data.
    """
    counts = np.bincount(labels, minlength=len(classes))
    present = [name for name, count in zip(classes, counts, strict=True) if count]
    if not present:
        raise SadariError(f"{where} holds no images; a classifier needs images of at least two classes")
    if len(present) == 1:
        raise SadariError(f"{where} holds one class only, '{present[0]}'; a classifier needs at least two")
    parts = np.array(given)
    train = set(labels[parts == "train"].tolist())
    unseen = sorted(set(labels[(parts == "val") | (parts == "test")].tolist()) - train) if train else []
    if unseen:
        part = str(parts[(labels == unseen[0]) & (parts != "train")][0])
        raise SadariError(
            f"the class '{classes[unseen[0]]}' of {where} is in {part} but not in train; "
            "give it training images, or rename it if it is another spelling of one of the others"
        )
    return (
        *_note([name for name, count in zip(classes, counts, strict=True) if count == 1], "has one image only"),
        *_note([name for name, count in zip(classes, counts, strict=True) if count == 0], "has no images"),
    )


def _note(names: Sequence[str], what: str) -> tuple[str, ...]:
    if not names:
        return ()
    if len(names) == 1:
        return (f"the class '{names[0]}' {what}",)
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return (f"each of the classes {', '.join(names[:NAMED])}{more} {what}",)
