"""Is every image judged by a model that has seen neither it nor its group, with the classes in proportion?"""

import numpy as np
import pytest
from numpy.typing import NDArray

from sadari.progress import Silent
from sadari.review.out_of_fold import folds_of, out_of_fold


def rows_of(labels: NDArray[np.int64], seed: int = 0) -> NDArray[np.float32]:
    """Return features in which classes are easy to tell."""
    rng = np.random.default_rng(seed)
    return (np.eye(int(labels.max()) + 1)[labels] + rng.normal(0, 0.2, (len(labels), int(labels.max()) + 1))).astype(
        np.float32
    )


def test_folds_are_stratified() -> None:
    labels = np.repeat([0, 1, 2], [50, 23, 7])
    fold_of = folds_of(labels, np.arange(80), 5, seed=0)
    for label in range(3):
        counts = np.bincount(fold_of[labels == label], minlength=5)
        assert counts.max() - counts.min() <= 1
    sizes = np.bincount(fold_of)
    assert sizes.max() - sizes.min() <= 1
    assert np.array_equal(fold_of, folds_of(labels, np.arange(80), 5, seed=0))
    assert not np.array_equal(fold_of, folds_of(labels, np.arange(80), 5, seed=1))


def test_groups_stay_whole() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 30, 200)
    fold_of = folds_of(rng.integers(0, 3, 200), groups, 5, seed=0)
    assert all(len(np.unique(fold_of[groups == group])) == 1 for group in np.unique(groups))
    assert np.bincount(fold_of).min() > 20


def test_models_find_what_is_there_and_rows_sum_to_one() -> None:
    labels = np.random.default_rng(1).integers(0, 3, 120)
    found = out_of_fold(rows_of(labels), labels, 3, None, 0, Silent())
    assert found.judged.all()
    assert found.probabilities.sum(axis=1) == pytest.approx(1)
    assert (found.probabilities.argmax(axis=1) == labels).mean() > 0.95


def test_no_image_is_judged_by_what_it_taught() -> None:
    """Two images alike, under two labels: in one group nobody learns from the other one, apart each is deceived."""
    rng = np.random.default_rng(2)
    labels = np.tile([0, 1], 30)
    rows = np.repeat(rng.normal(0, 1, (30, 100)), 2, axis=0).astype(np.float32) * 5
    apart = out_of_fold(rows, labels, 2, None, 0, Silent()).probabilities[np.arange(60), labels]
    together = out_of_fold(rows, labels, 2, np.repeat(np.arange(30), 2), 0, Silent()).probabilities[
        np.arange(60), labels
    ]
    assert apart.mean() < 0.4
    assert together.mean() == pytest.approx(0.5, abs=0.02)


def test_classes_of_one_image_and_of_one_group_are_not_judged() -> None:
    labels = np.array([0] * 10 + [1] * 10 + [2] + [3] * 5)
    groups = np.arange(26)
    groups[21:] = 21
    found = out_of_fold(rows_of(labels), labels, 4, groups, 0, Silent())
    assert found.judged[:20].all() and not found.judged[20:].any()


@pytest.mark.parametrize("labels", [[0, 0, 0], [0], [0, 1]])
def test_too_few_images_are_no_failure(labels: list[int]) -> None:
    given = np.array(labels, dtype=np.int64)
    found = out_of_fold(np.eye(len(given), 4, dtype=np.float32), given, 2, None, 0, Silent())
    assert not found.judged.any() and np.isfinite(found.probabilities).all()
