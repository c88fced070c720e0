"""Which images judge when the parts are drawn again and again? All images are in one pool, whatever the source gave."""

import warnings
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sadari.data.copies.apart import TOGETHER, drawn_together
from sadari.data.copies.search import find_copies
from sadari.data.split import draw_split
from sadari.errors import SadariError, UsageError
from sadari.progress import Progress
from sadari.settings import Settings
from sadari.values import ImageSet, Split

Groups = NDArray[np.int64]
REDRAWN = ("stratified",)  # the values of `split` with which parts can be drawn anew


def draw_again(images: ImageSet, settings: Settings, number: int, progress: Progress | None = None) -> Split:
    """Draw train, val and test anew from all images, for the `number`-th time, from 0 up.

    It is the split of `split_seed` + number. Test has as many images as the source gives, `test_fraction` of all where
    it gives none; val likewise. Raises UsageError for a split that is not drawn, SadariError as `draw_split`.
    """
    _require_drawn(settings)
    given = {name: np.count_nonzero(images.source_split == name) for name in ("val", "test")}
    test = given["test"] / len(images) or settings.test_fraction
    left = len(images) - round(test * len(images))
    val = given["val"] / left or settings.val_fraction
    pooled = replace(images, source_split=np.full(len(images), ""))
    drawn = replace(settings, test_fraction=test, val_fraction=val, split_seed=settings.split_seed + number)
    return draw_split(pooled, drawn, progress)


def draw_fold(
    images: ImageSet,
    settings: Settings,
    folds: int,
    number: int,
    groups: Groups | None = None,
    progress: Progress | None = None,
) -> Split:
    """Draw the split whose test images are the `number`-th fold; each run of `folds` numbers is one repeat.

    Val is drawn from the others (`val_fraction`). groups: int64 (N,), which images stay together, as copies do with
    `copies` = "together"; their folds are as stratified as whole groups allow. Raises UsageError for a split that is
    not drawn, SadariError where a class has fewer images, or groups, than there are folds.
    """
    _require_drawn(settings)
    repeat, fold = divmod(number, folds)
    if settings.copies == TOGETHER:
        groups = drawn_together(replace(images, groups=groups), find_copies(images, settings, progress))[0].groups
    fold_of = folds_of(images, settings.split_seed + repeat, folds, groups)
    marked = replace(images, source_split=np.where(fold_of == fold, "test", "train"))
    return draw_split(marked, replace(settings, split_seed=settings.split_seed + repeat), progress)


def folds_of(images: ImageSet, seed: int, folds: int, groups: Groups | None = None) -> NDArray[np.int64]:
    """Return the fold of each image, int64 (N,), from 0 up, by scikit-learn's stratified folds. Raises SadariError."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    _require_enough(images, folds, groups)
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    drawn = kind(folds, shuffle=True, random_state=seed)
    fold_of = np.empty(len(images), dtype=np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # on few groups of a class, which was looked at above
        for fold, (_, test) in enumerate(drawn.split(images.labels, images.labels, groups)):
            fold_of[test] = fold
    return fold_of


def _require_enough(images: ImageSet, folds: int, groups: Groups | None) -> None:
    """Raise SadariError where a class cannot be in every fold."""
    for label, name in enumerate(images.classes):
        of_class = images.labels == label
        many = int(of_class.sum()) if groups is None else len(np.unique(groups[of_class]))
        if 0 < many < folds:
            what = f"{many} image{'s' if many > 1 else ''}" if groups is None else f"{many} group(s) of images"
            fewer = f"take --folds {many}, add images of it," if many > 1 else "add images of it"
            raise SadariError(
                f"the class '{name}' of {images.name} has {what}, too few for {folds} folds, each of which tests on "
                f"one at least; {fewer} or leave the class out"
            )


def _require_drawn(settings: Settings) -> None:
    if settings.split not in REDRAWN:
        raise UsageError(
            f"split={settings.split} is the same each time, and --splits and --folds draw others; leave it out"
        )
