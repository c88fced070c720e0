"""Do parts drawn anew come from all images, judge each once where folds do, and keep groups together?"""

import numpy as np
import pytest

from data.test_split import assert_disjoint_and_complete, image_set
from sadari.comparison.splits.drawn import draw_again, draw_fold, folds_of
from sadari.data.split import draw_split
from sadari.errors import SadariError, UsageError
from sadari.settings import Settings

LABELS = [0] * 40 + [1] * 20 + [2] * 7


def test_each_split_is_that_of_the_next_split_seed() -> None:
    images = image_set(LABELS)
    for number in range(3):
        found, usual = draw_again(images, Settings(), number), draw_split(images, Settings(split_seed=number))
        assert np.array_equal(found.test, usual.test)
        assert np.array_equal(found.train, usual.train)


def test_parts_that_the_source_gives_are_pooled_and_drawn_with_the_same_sizes() -> None:
    given = ["train"] * 40 + ["val"] * 12 + ["test"] * 15
    images = image_set([number % 3 for number in range(67)], given)
    found = [draw_again(images, Settings(), number) for number in range(2)]
    for split in found:
        assert_disjoint_and_complete(split, 67)
        assert (len(split.train), len(split.val), len(split.test)) == (40, 12, 15)
    assert not np.array_equal(found[0].test, found[1].test)
    assert min(found[0].test) < 40  # training images of the source judge, too


@pytest.mark.parametrize("repeat", [0, 1])
def test_every_image_is_judged_once_a_repeat_by_stratified_folds(repeat: int) -> None:
    images = image_set(LABELS)
    folds = [draw_fold(images, Settings(), 5, 5 * repeat + fold) for fold in range(5)]
    assert sorted(np.concatenate([each.test for each in folds]).tolist()) == list(range(len(LABELS)))
    for split in folds:
        assert_disjoint_and_complete(split, len(LABELS))
        assert np.bincount(images.labels[split.test]).tolist()[:2] == [8, 4]
        assert len(split.val)


def test_repeats_draw_other_folds() -> None:
    images = image_set(LABELS)
    assert not np.array_equal(draw_fold(images, Settings(), 5, 0).test, draw_fold(images, Settings(), 5, 5).test)


def test_folds_keep_groups_whole() -> None:
    images, groups = image_set(LABELS), np.arange(len(LABELS)) // 2
    fold_of = folds_of(images, 0, 3, groups)
    assert all(len(set(fold_of[groups == group])) == 1 for group in groups)


def test_a_class_with_fewer_images_than_folds_is_one_clear_sentence() -> None:
    with pytest.raises(SadariError, match=r"'class2' of toy has 7 images, too few for 10 folds.*take --folds 7"):
        draw_fold(image_set(LABELS), Settings(), 10, 0)


@pytest.mark.parametrize("split", ["last", "all"])
def test_a_split_that_is_the_same_each_time_is_refused(split: str) -> None:
    with pytest.raises(UsageError, match=f"split={split} is the same each time"):
        draw_again(image_set(LABELS), Settings(split=split), 1)


def test_all_images_train() -> None:
    split = draw_split(image_set(LABELS, ["train"] * 60 + ["test"] * 7), Settings(split="all"))
    assert (len(split.train), len(split.val), len(split.test)) == (67, 0, 0)
    assert split.origin == "all 67 images train, none judges"
    with pytest.raises(UsageError, match="train_fraction"):
        Settings(split="all", train_fraction=0.5)
