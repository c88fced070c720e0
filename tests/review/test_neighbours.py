"""Are the nearest pictures found, and is it counted as scikit-learn counts it how many of them a layout keeps?"""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from sadari.review import neighbours
from sadari.review.neighbours import Kept, agreement, kept, nearest


def rows(count: int, width: int = 20, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def test_the_nearest_are_those_of_scikit_learn_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    given = rows(97)
    expected = NearestNeighbors(n_neighbors=5).fit(given).kneighbors(return_distance=False)
    assert (nearest(given, 5) == expected).all()
    monkeypatch.setattr(neighbours, "AT_ONCE", 97 * 10)
    assert (nearest(given, 5) == expected).all()


def test_the_measures_of_a_layout_are_those_of_the_literature(monkeypatch: pytest.MonkeyPatch) -> None:
    given, places = rows(80), rows(80, 2, seed=1)
    places[:40] = given[:40, :2]  # half of it means something
    found = kept(given, places, nearest(given, 7))
    assert found.trustworthiness == pytest.approx(trustworthiness(given, places, n_neighbors=7))
    both = zip(nearest(given, 7).tolist(), nearest(places, 7).tolist(), strict=True)
    assert found.share == pytest.approx(np.mean([len({*first} & {*second}) / 7 for first, second in both]))
    monkeypatch.setattr(neighbours, "AT_ONCE", 80 * 9)
    assert kept(given, places, nearest(given, 7)) == found


def test_a_layout_that_is_the_features_themselves_keeps_everything() -> None:
    given = rows(30, 2)
    assert kept(given, given, nearest(given)) == Kept(1.0, 1.0, 12)


def test_few_pictures_are_no_error() -> None:
    assert nearest(rows(1)).shape == (1, 0) and nearest(rows(3)).shape == (3, 2)
    assert kept(rows(3), rows(3, 2), nearest(rows(3))).share == 1.0
    assert 0 <= kept(rows(5), rows(5, 2), nearest(rows(5))).trustworthiness <= 1


def test_likeness_to_a_class_is_the_share_of_the_nearest_with_its_label() -> None:
    near = np.array([[1, 2], [0, 2], [0, 1]])
    assert agreement(near, np.array([0, 0, 1])).tolist() == [0.5, 0.5, 0.0]
