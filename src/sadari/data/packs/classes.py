"""Which classes have one image or none? Notes, and an error where there are no images at all."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sadari.errors import SadariError

NAMED = 5


def check_classes(labels: NDArray[np.int64], classes: Sequence[str], where: str) -> tuple[str, ...]:
    """Return sentences on the classes that have one image or none.

    labels: int64 (N,), positions in `classes`. where: what the user called the data. Raises SadariError where there are
    no images. Whether a classifier can be trained on them is for `split.draw_split` to say: images of one class can
    still be judged.
    """
    if not len(labels):
        raise SadariError(f"{where} holds no images; a classifier needs images of at least two classes")
    counts = np.bincount(labels, minlength=len(classes))
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
