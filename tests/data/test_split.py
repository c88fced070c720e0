"""Is the split disjoint, complete, stratified, repeatable, and does it keep what the source gives?"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sadari.data.split import draw_split, stratified_counts
from sadari.errors import SadariError, UsageError
from sadari.settings import Settings
from sadari.values import SPLITS, ImageSet, Split


def image_set(labels: Sequence[int], splits: Sequence[str] | None = None, classes: int | None = None) -> ImageSet:
    count = len(labels)
    return ImageSet(
        name="toy",
        images=np.zeros((count, 2, 2, 1), np.uint8),
        labels=np.array(labels, np.int64),
        ids=np.array([f"{index:05d}" for index in range(count)]),
        classes=tuple(f"class{label}" for label in range(classes or max(labels) + 1)),
        source_split=np.array(splits if splits is not None else [""] * count, dtype=np.str_),
        fingerprint="0" * 8,
    )


def assert_disjoint_and_complete(split: Split, count: int) -> None:
    together = np.concatenate([split.train, split.val, split.test])
    assert sorted(together.tolist()) == list(range(count))
    for split_name in SPLITS:
        assert split.positions(split_name).dtype == np.int64
        assert (np.diff(split.positions(split_name)) > 0).all()


class_sizes = st.lists(st.integers(1, 40), min_size=2, max_size=8)
fractions = st.floats(0, 0.95)


@given(class_sizes, fractions, fractions, st.integers(0, 2**31))
def test_a_drawn_split_is_disjoint_complete_and_stratified_within_one(
    sizes: list[int], test_fraction: float, val_fraction: float, seed: int
) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    settings = Settings(test_fraction=test_fraction, val_fraction=val_fraction, split_seed=seed)
    split = draw_split(image_set(labels.tolist(), classes=len(sizes)), settings)
    assert_disjoint_and_complete(split, len(labels))
    whole = np.bincount(labels, minlength=len(sizes))
    test = np.bincount(labels[split.test], minlength=len(sizes))
    val = np.bincount(labels[split.val], minlength=len(sizes))
    assert (np.abs(test - test_fraction * whole) <= 1 + 1e-9).all()
    assert (np.abs(val - val_fraction * (whole - test)) <= 1 + 1e-9).all()
    assert (whole - test - val >= 1).all()


@given(st.lists(st.integers(2, 60), min_size=1, max_size=9), st.floats(0, 0.9))
def test_a_part_has_the_size_that_was_asked_for_where_classes_allow(sizes: list[int], fraction: float) -> None:
    counts = np.array(sizes)
    drawn = stratified_counts(counts, fraction)
    assert drawn.sum() <= round(fraction * counts.sum())
    if (np.ceil(fraction * counts) < counts).all():
        assert drawn.sum() == round(float((fraction * counts).sum()))


def test_the_same_seed_repeats_the_split_and_another_differs() -> None:
    images = image_set([0, 1, 2] * 50)
    first, second = (draw_split(images, Settings(split_seed=3)) for _ in range(2))
    other = draw_split(images, Settings(split_seed=4))
    for split_name in SPLITS:
        assert np.array_equal(first.positions(split_name), second.positions(split_name))
        assert not np.array_equal(first.positions(split_name), other.positions(split_name))


def test_the_split_does_not_depend_on_name_or_fingerprint() -> None:
    images = image_set([0, 1] * 30)
    other = replace(images, name="elsewhere", fingerprint="ffff")
    assert np.array_equal(draw_split(images, Settings()).train, draw_split(other, Settings()).train)


def test_given_parts_are_kept() -> None:
    images = image_set([0, 1] * 6, ["train"] * 6 + ["val"] * 2 + ["test"] * 4)
    split = draw_split(images, Settings())
    assert (split.train.tolist(), split.val.tolist(), split.test.tolist()) == (
        [0, 1, 2, 3, 4, 5],
        [6, 7],
        [8, 9, 10, 11],
    )
    assert split.origin == "train, val and test as given"


def test_val_is_drawn_from_train_where_only_a_test_is_given() -> None:
    images = image_set([0, 1] * 30, ["train"] * 40 + ["test"] * 20)
    split = draw_split(images, Settings())
    assert_disjoint_and_complete(split, 60)
    assert split.test.tolist() == list(range(40, 60))
    assert len(split.val) == 8
    assert split.origin == "test as given; val drawn from train (20 %, stratified, seed 0)"


def test_test_stays_empty_where_val_is_given_without_one() -> None:
    split = draw_split(image_set([0, 1] * 5, ["train"] * 6 + ["val"] * 4), Settings())
    assert (len(split.train), len(split.val), len(split.test)) == (6, 4, 0)
    assert split.origin == "no test, so val judges; val as given"


def test_a_given_train_part_alone_gives_up_a_test_and_a_val() -> None:
    split = draw_split(image_set([0, 1] * 50, ["train"] * 100), Settings(test_fraction=0.1, val_fraction=0.2))
    assert (len(split.train), len(split.val), len(split.test)) == (72, 18, 10)
    assert split.origin == (
        "test drawn from train (10 %, stratified, seed 0); val drawn from the rest (20 %, stratified, seed 0)"
    )


def test_a_fraction_of_zero_leaves_the_part_empty() -> None:
    split = draw_split(image_set([0, 1] * 10), Settings(val_fraction=0.0, test_fraction=0.0))
    assert (len(split.train), len(split.val), len(split.test)) == (20, 0, 0)
    assert split.origin == "no test; no val"


def test_last_takes_the_end_of_train_in_source_order() -> None:
    images = image_set([0, 1] * 15, ["test"] * 10 + ["train"] * 20)
    split = draw_split(images, Settings(split="last"))
    assert split.val.tolist() == list(range(26, 30))
    assert split.train.tolist() == list(range(10, 26))
    assert split.origin == "test as given; val is the last 20 % of train"


def test_last_follows_the_rule_of_keras() -> None:
    images = image_set([0, 1] * 5 + [0], ["train"] * 10 + ["test"])
    assert len(draw_split(images, Settings(split="last", val_fraction=0.25)).train) == 7


def test_last_of_a_source_sorted_by_class_is_refused_with_the_remedy() -> None:
    with pytest.raises(SadariError, match=r"no training image of the class 'class2'; take split = stratified"):
        draw_split(image_set([0] * 10 + [1] * 10 + [2] * 2), Settings(split="last"))


def test_a_class_of_one_image_trains() -> None:
    split = draw_split(image_set([0] * 20 + [1]), Settings(test_fraction=0.5, val_fraction=0.5))
    assert 20 in split.train


def test_a_class_without_a_training_image_is_named() -> None:
    with pytest.raises(SadariError, match="the class 'class1' of toy is in test but not in train"):
        draw_split(image_set([0, 0, 0, 1], ["train"] * 3 + ["test"]), Settings())


def test_several_such_classes_are_counted() -> None:
    with pytest.raises(SadariError, match=r"the 4 classes 'class1', 'class2', 'class3' and others;"):
        draw_split(image_set([0, 0, 0, 0], classes=5), Settings())


def test_a_test_without_a_train_part_is_refused() -> None:
    with pytest.raises(SadariError, match="toy gives test images but none to train on"):
        draw_split(image_set([0, 1], ["test", "test"]), Settings())


def test_parts_given_for_some_images_only_are_refused() -> None:
    with pytest.raises(SadariError, match="puts 2 images in a split but not the other 1, such as '00002'"):
        draw_split(image_set([0, 1, 0], ["train", "test", ""]), Settings())


@given(class_sizes, st.floats(0.01, 1), st.floats(0.01, 1))
def test_less_training_data_is_a_nested_share_of_every_class_and_leaves_val_and_test_alone(
    sizes: list[int], one: float, other: float
) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    images = image_set(labels.tolist(), classes=len(sizes))
    low, high = sorted((one, other))
    whole, less, least = (draw_split(images, Settings(train_fraction=each)) for each in (1.0, high, low))
    for split, fraction in ((less, high), (least, low)):
        assert np.array_equal(split.val, whole.val)
        assert np.array_equal(split.test, whole.test)
        counts = np.bincount(labels[split.train], minlength=len(sizes))
        expected = fraction * np.bincount(labels[whole.train], minlength=len(sizes))
        assert (np.abs(counts - np.maximum(expected, 1)) <= 1).all()
    assert set(least.train) <= set(less.train) <= set(whole.train)


def test_the_origin_says_how_much_of_train_is_used() -> None:
    split = draw_split(image_set([0, 1] * 50), Settings(train_fraction=0.05))
    assert split.origin.endswith("; 5 % of train used (stratified, seed 0)")
    assert len(split.train) == 4


@pytest.mark.parametrize("fraction", [0.0, 1.5, -0.1])
def test_a_share_of_train_outside_0_to_1_is_refused(fraction: float) -> None:
    with pytest.raises(UsageError, match="train_fraction"):
        Settings(train_fraction=fraction)
