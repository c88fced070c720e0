"""How do copies stay on one side of a split? They are left out of training, or drawn together.

The setting `copies` chooses: "report" leaves them where they are, and findings say so; "drop" leaves out of training
(and of val) what has a copy in a later split; "together" draws copies as one, where Sadari draws the parts.
"""

from dataclasses import replace

import numpy as np

from sadari.data.copies.search import Found
from sadari.errors import UsageError
from sadari.values import ImageSet, Split

REPORT, DROP, TOGETHER = "report", "drop", "together"


def drawn_together(images: ImageSet, found: Found) -> tuple[ImageSet, str]:
    """Return `images` with groups in which copies are together, and a phrase that says how many there are.

    Where no image has a copy, the images are as given.
    """
    groups, copied, kinds = found.joined(images.groups)
    if not copied:
        return images, f"no image has an {found.kind}"
    names = tuple(map(str, range(int(groups.max()) + 1)))
    are = f"{copied:,} images that have an {found.kind} are kept together, in {kinds:,} groups"
    return replace(images, groups=groups, group_names=names), are


def without_copies(split: Split, found: Found) -> Split:
    """Return `split` without the images of val that have a copy in test, and those of train that have one in either.

    The origin says how many these are.
    """
    val = split.val[~found.have_copies_in(split.val, split.test)]
    later = np.concatenate([val, split.test])
    train = split.train[~found.have_copies_in(split.train, later)]
    left_out = {"train": len(split.train) - len(train), "val": len(split.val) - len(val)}
    return replace(split, train=train, val=val, origin=f"{split.origin}; {_left_out(left_out, split, found)}")


def require_no_crossing(name: str, split: Split, found: Found) -> None:
    """Raise UsageError where given parts share copies: those that are drawn do not."""
    for later, earlier, where in (
        (split.test, np.concatenate([split.train, split.val]), ("test", "train or val" if len(split.val) else "train")),
        (split.val, split.train, ("val", "train")),
    ):
        count = int(found.have_copies_in(later, earlier).sum())
        if count:
            has = "image has" if count == 1 else "images have"
            raise UsageError(
                f"copies=together draws parts, and {name} gives its own: {count:,} {where[0]} {has} an {found.kind} in "
                f"{where[1]}, and stay there; copies=drop leaves these copies out of training"
            )


def _left_out(left_out: dict[str, int], split: Split, found: Found) -> str:
    later = "val or test" if len(split.test) and len(split.val) else "test" if len(split.test) else "val"
    counts = [f"{count:,} {name}" for name, count in left_out.items() if count]
    if not counts:
        return f"no training image has an {found.kind} in {later}"
    one = sum(left_out.values()) == 1
    return (
        f"{' and '.join(counts)} image{'' if one else 's'} left out, which {'has' if one else 'have'} an {found.kind} "
        f"in {later if left_out['train'] else 'test'}"
    )
