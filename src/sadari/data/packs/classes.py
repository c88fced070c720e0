"""Can a classifier be trained on these classes? Errors where it cannot, notes on classes with one image or none."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sadari.errors import SadariError

NAMED = 5


def check_classes(
    labels: NDArray[np.int64], source_split: Sequence[str], classes: Sequence[str], where: str
) -> tuple[str, ...]:
    """Return sentences on the classes that have one image or none.

    labels: int64 (N,), positions in `classes`. source_split: N names of splits, or "". where: what the user called the
    data. Raises SadariError where fewer than two classes have images, and where a class is in val or test but
    not in train, so that no model could learn it.
    """
    counts = np.bincount(labels, minlength=len(classes))
    present = [name for name, count in zip(classes, counts, strict=True) if count]
    if not present:
        raise SadariError(f"{where} holds no images; a classifier needs images of at least two classes")
    if len(present) == 1:
        raise SadariError(f"{where} holds one class only, '{present[0]}'; a classifier needs at least two")
    _require_training_images(labels, np.array(source_split), classes, where)
    return (
        *_note([name for name, count in zip(classes, counts, strict=True) if count == 1], "has one image only"),
        *_note([name for name, count in zip(classes, counts, strict=True) if count == 0], "has no images"),
    )


def _require_training_images(
    labels: NDArray[np.int64], source_split: NDArray[np.str_], classes: Sequence[str], where: str
) -> None:
    train = set(labels[source_split == "train"].tolist())
    held_out = (source_split == "val") | (source_split == "test")
    unseen = sorted(set(labels[held_out].tolist()) - train) if train else []
    if unseen:
        split_name = str(source_split[(labels == unseen[0]) & (source_split != "train")][0])
        raise SadariError(
            f"the class '{classes[unseen[0]]}' of {where} is in {split_name} but not in train; "
            "give it training images, or rename it if it is another spelling of one of the others"
        )


def _note(names: Sequence[str], what: str) -> tuple[str, ...]:
    if not names:
        return ()
    if len(names) == 1:
        return (f"the class '{names[0]}' {what}",)
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return (f"each of the classes {', '.join(names[:NAMED])}{more} {what}",)
