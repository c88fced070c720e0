"""Which images train, which choose, which judge? One split, drawn once, the same for every model."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sadari.data.copies.apart import DROP, REPORT, TOGETHER, drawn_together, require_no_crossing, without_copies
from sadari.data.copies.search import find_copies
from sadari.data.decisions.apply import was_reviewed
from sadari.data.groups.draw import draw_whole
from sadari.errors import SadariError
from sadari.progress import Progress
from sadari.settings import ALL_IMAGES, Settings
from sadari.values import SPLITS, ImageSet, Split

Positions = NDArray[np.int64]

THINNING = 1  # second number of the seed of `train_fraction`, so that its draw is not that of val or test


def draw_split(images: ImageSet, settings: Settings, progress: Progress | None = None) -> Split:
    """Put every image in at most one of train, val and test; in exactly one where all training images are used.

    Splits that the source gives stay as they are. A missing test is drawn first (`test_fraction` of the available
    images), then a missing val (`val_fraction` of the rest). Where the source gives train and val but no test, test
    stays empty and val judges.

    Drawing is stratified (each class's share of a split is within one image of proportional, and every class keeps a
    training image) and depends on nothing but the labels, the source split, the fractions and `split_seed`; or, with
    `split = "last"`, it takes the end of the source's order; with
    `split = "all"` every image trains. Below a `train_fraction` of 1 the rest of the training
    images is in no split; a smaller fraction's images are among those of a larger one, and val and test are the same
    for all. Images of one group are drawn together, with the classes in proportion as well as whole groups allow; the
    origin says how well. With `copies` = "together" copies are drawn as groups are; with "drop" training images that
    have a copy in a later split are in no split, and likewise those of val with one in test. The origin counts them.

    Raises SadariError where fewer than two classes have images, where a class has no training image, where only some
    images have a source split, and where no whole group can be drawn; UsageError where copies should be together and
    the source puts them in several splits.
    """
    if settings.split == ALL_IMAGES:
        return _everything(images)
    found = None if settings.copies == REPORT else find_copies(images, settings, progress)
    together = ""
    if found and settings.copies == TOGETHER:
        images, together = drawn_together(images, found)
    splits = _source_splits(images)
    test, test_origin = splits["test"], "test as given"
    val, val_origin = splits["val"], "val as given"
    pool, pool_name = splits["train"], "train"
    if not images.source_split.astype(bool).any():
        pool, pool_name = np.arange(len(images), dtype=np.int64), "all"
    generator = np.random.default_rng(settings.split_seed)
    if not len(test) and len(val):
        test_origin = "no test, so val judges"
    elif not len(test):
        pool, test, test_origin = _draw(images, pool, "test", pool_name, settings, generator)
        pool_name = "the rest" if len(test) else pool_name
    if not len(val):
        pool, val, val_origin = _draw(images, pool, "val", pool_name, settings, generator)
        if not len(test) and len(val):
            test_origin = "no test, so val judges"
    given_all = test_origin.endswith("as given") and val_origin.endswith("as given")
    origin = "train, val and test as given" if given_all else f"{test_origin}; {val_origin}"
    split = Split(train=pool, val=val, test=test, origin=f"{origin}; {together}" if together else origin)
    _require_every_class(images, split.train, settings)
    _require_two_classes(images)
    if found and settings.copies == TOGETHER:
        require_no_crossing(images.name, split, found)
    if found and settings.copies == DROP:
        split = without_copies(split, found)
        _require_every_class(images, split.train, settings)
    return split if settings.train_fraction == 1 else _thinned_split(images, split, settings)


def _thinned_split(images: ImageSet, split: Split, settings: Settings) -> Split:
    """Return `split` with `train_fraction` of its training images."""
    thinned = f"{100 * settings.train_fraction:g} % of train used (stratified, seed {settings.split_seed})"
    return replace(split, train=_thinned(images.labels, split.train, settings), origin=f"{split.origin}; {thinned}")


def _everything(images: ImageSet) -> Split:
    everything, none = np.arange(len(images), dtype=np.int64), np.empty(0, dtype=np.int64)
    _require_two_classes(images)
    return Split(everything, none, none, f"all {len(images):,} images train, none judges")


def _source_splits(images: ImageSet) -> dict[str, Positions]:
    """Return the positions that the source itself puts in each split; all empty where it gives none."""
    splits = {name: np.flatnonzero(images.source_split == name).astype(np.int64) for name in SPLITS}
    placed = sum(len(positions) for positions in splits.values())
    if 0 < placed < len(images):
        first = images.ids[int(np.flatnonzero(~np.isin(images.source_split, SPLITS))[0])]
        raise SadariError(
            f"{images.name} puts {placed} images in a split but not the other {len(images) - placed}, such as "
            f"'{first}'; give every image one of train, val and test, or none of them"
        )
    if placed and not len(splits["train"]):
        has = " and ".join(name for name in SPLITS if len(splits[name]))
        raise SadariError(f"{images.name} gives {has} images but none to train on; add a train split")
    _require_training_images(images, splits["train"])
    return splits


def _require_two_classes(images: ImageSet) -> None:
    present = sorted(set(images.labels.tolist()))
    if len(present) < 2:
        name = images.classes[present[0]] if present else ""
        raise SadariError(f"{images.name} holds one class only, '{name}'; a classifier needs at least two")


def _require_training_images(images: ImageSet, train: Positions) -> None:
    """Raise SadariError for a class that the source puts in val or test but not in train: nothing could learn it."""
    held_out = (images.source_split == "val") | (images.source_split == "test")
    unseen = sorted(set(images.labels[held_out].tolist()) - set(images.labels[train].tolist())) if len(train) else []
    if unseen:
        split_name = str(images.source_split[(images.labels == unseen[0]) & held_out][0])
        raise SadariError(
            f"the class '{images.classes[unseen[0]]}' of {images.name} is in {split_name} but not in train; "
            "give it training images, or rename it if it is another spelling of one of the others"
        )


def _draw(
    images: ImageSet,
    pool: Positions,
    split_name: str,
    pool_name: str,
    settings: Settings,
    generator: np.random.Generator,
) -> tuple[Positions, Positions, str]:
    """Draw a split from the positions in `pool`: (those that stay, those that were drawn), both sorted, and how."""
    fraction = float(getattr(settings, f"{split_name}_fraction"))
    if images.groups is not None and fraction:
        return _draw_whole(images, pool, split_name, pool_name, settings, generator)
    if settings.split == "last":
        staying, drawn = _last(pool, fraction)
        how = f"{split_name} is the last {100 * fraction:g} % of {pool_name}"
    else:
        staying, drawn = _stratified(images.labels, pool, fraction, generator)
        how = f"{split_name} drawn from {pool_name} ({100 * fraction:g} %, stratified, seed {settings.split_seed})"
    return staying, drawn, how if len(drawn) else f"no {split_name}"


def _draw_whole(
    images: ImageSet,
    pool: Positions,
    split_name: str,
    pool_name: str,
    settings: Settings,
    generator: np.random.Generator,
) -> tuple[Positions, Positions, str]:
    """Draw whole groups, as `_draw` returns them. Raises SadariError where none can be drawn."""
    assert images.groups is not None
    fraction = float(getattr(settings, f"{split_name}_fraction"))
    if settings.split == "last":
        staying, drawn = _last_whole(images.groups, pool, fraction)
        how = f"{split_name} is the last {_percent(drawn, pool)} of {pool_name}, in whole groups"
    else:
        found = draw_whole(images.labels, images.groups, pool, fraction, generator)
        staying, drawn = found.staying, found.drawn
        how = f"{split_name} drawn from {pool_name} ({_percent(drawn, pool)}: {found.how}; seed {settings.split_seed})"
    if not len(drawn):
        without = "copies=together" if settings.copies == TOGETHER else "groups by group=none"
        raise SadariError(
            f"no whole group of {images.name} can be held out for {split_name}: each has a class that is in no other, "
            f"or is too large for {split_name}_fraction={fraction:g}; change that, or do without {without}"
        )
    return staying, drawn, how


def _percent(drawn: Positions, pool: Positions) -> str:
    return f"{100 * len(drawn) / max(len(pool), 1):.3g} %"


def _last(pool: Positions, fraction: float) -> tuple[Positions, Positions]:
    """Cut off the end. floor(n * (1 - fraction)) stay: the rule of Keras's `validation_split`."""
    staying = math.floor(len(pool) * (1.0 - fraction))
    return pool[:staying], pool[staying:]


def _last_whole(groups: NDArray[np.int64], pool: Positions, fraction: float) -> tuple[Positions, Positions]:
    """Cut off the end; a group that is on both sides of the cut stays."""
    staying, drawn = _last(pool, fraction)
    whole = ~np.isin(groups[drawn], groups[staying])
    return np.setdiff1d(pool, drawn[whole], assume_unique=True), drawn[whole]


def _stratified(
    labels: NDArray[np.int64], pool: Positions, fraction: float, generator: np.random.Generator
) -> tuple[Positions, Positions]:
    counts = np.bincount(labels[pool])
    drawn_counts = stratified_counts(counts, fraction)
    drawn: list[Positions] = []
    for members, count in zip(_by_class(labels, pool), drawn_counts, strict=True):
        drawn.append(generator.permutation(members)[:count])
    chosen = np.sort(np.concatenate(drawn)) if drawn else pool[:0]
    return np.setdiff1d(pool, chosen, assume_unique=True), chosen


def _thinned(labels: NDArray[np.int64], pool: Positions, settings: Settings) -> Positions:
    """Keep `train_fraction` of each class in `pool`, at least one image, sorted; nested by fraction."""
    generator = np.random.default_rng((settings.split_seed, THINNING))
    thinned = []
    for members in filter(len, _by_class(labels, pool)):
        drawn = generator.permutation(members)
        thinned.append(drawn[: max(1, round(settings.train_fraction * len(drawn)))])
    return np.sort(np.concatenate(thinned))


def _by_class(labels: NDArray[np.int64], pool: Positions) -> list[Positions]:
    """Group the positions in `pool` by class, in their order; one sort, however many classes there are."""
    order = np.argsort(labels[pool], kind="stable")
    return np.split(pool[order], np.cumsum(np.bincount(labels[pool])))[:-1]


def stratified_counts(counts: NDArray[np.int64], fraction: float) -> NDArray[np.int64]:
    """Return how many images of each class make a split of `fraction`: largest-remainder rounding (Hare's quota).

    counts: int (K,), images per class. Returns int64 (K,): each within one of fraction * count, and always
    leaving one image of a class that has any.
    """
    quotas = fraction * counts
    most = np.maximum(counts - 1, 0)
    drawn: Positions = np.minimum(np.floor(quotas).astype(np.int64), most)
    missing = round(float(quotas.sum())) - int(drawn.sum())
    remainders = np.where((drawn < most) & (quotas > drawn), quotas - drawn, -1.0)
    for label in np.argsort(-remainders, kind="stable")[:missing]:
        if remainders[label] > 0:
            drawn[label] += 1
    return drawn


def _require_every_class(images: ImageSet, train: Positions, settings: Settings) -> None:
    counts = np.bincount(images.labels[train], minlength=len(images.classes))
    absent = [name for name, count in zip(images.classes, counts, strict=True) if not count]
    if not absent:
        return
    shown = ", ".join(f"'{name}'" for name in absent[:3]) + (" and others" if len(absent) > 3 else "")
    kind = "class" if len(absent) == 1 else f"{len(absent)} classes"
    remedy = "add images of it to train or leave the class out"
    if settings.split == "last":
        remedy = "take split = stratified where the source is sorted by class, or add images"
    if was_reviewed(images) and not (images.labels == images.classes.index(absent[0])).any():
        remedy = "decisions by hand relabel or leave out all of its images; review=none does without them"
    elif settings.copies == DROP and (images.labels == images.classes.index(absent[0])).any():
        remedy = "copies=drop leaves out those that have a copy in a later split; add images, or remove copies there"
    raise SadariError(f"{images.name} has no training image of the {kind} {shown}; {remedy}")
