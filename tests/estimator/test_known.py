"""Does a fitted estimator say which images show none of its classes?"""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import sadari
from sadari.errors import UsageError


def test_it_says_which_images_are_known(tmp_path: Path) -> None:
    digits = load_digits()
    found = sadari.ImageClassifier("logistic", random_state=0, value_range=(0, 16)).fit(
        digits.images[:1000], digits.target[:1000]
    )
    checked = np.tile(np.indices((8, 8)).sum(axis=0) % 2 * 16.0, (5, 1, 1))
    inside, outside = found.known(digits.images[1000:]), found.known(checked)
    assert inside.dtype == np.bool_ and inside.shape == (797,)
    assert inside.mean() > 0.85 and not outside.any()
    assert found.known(digits.images[1000:], keep=0.8).sum() < inside.sum()
    again = sadari.ImageClassifier.load(found.save(tmp_path / "saved"))
    assert np.array_equal(again.known(digits.images[1000:]), inside)


def test_without_validation_images_it_says_why_not() -> None:
    digits = load_digits()
    found = sadari.ImageClassifier("logistic", validation_fraction=0).fit(digits.images[:200], digits.target[:200])
    with pytest.raises(UsageError, match="a validation_fraction above 0"):
        found.known(digits.images[:2])
