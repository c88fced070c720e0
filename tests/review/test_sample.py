"""Is the sample of a large set random, in proportion, and first of all what a run judged?"""

import numpy as np

from sadari.review.sample import drawn_for_map

LABELS = np.repeat([0, 1, 2], [600, 300, 10])


def test_small_sets_are_there_whole() -> None:
    assert drawn_for_map(LABELS, 910, 0).tolist() == list(range(910))


def test_each_class_has_its_share_and_none_is_lost() -> None:
    drawn = drawn_for_map(LABELS, 91, 0)
    assert len(drawn) == len(set(drawn.tolist())) == 91 and (np.diff(drawn) > 0).all()
    assert np.abs(np.bincount(LABELS[drawn]) - [60, 30, 1]).max() <= 1
    assert np.bincount(LABELS[drawn_for_map(LABELS, 10, 0)], minlength=3).min() >= 1
    assert drawn_for_map(LABELS, 91, 0).tolist() == drawn.tolist() != drawn_for_map(LABELS, 91, 1).tolist()


def test_what_was_judged_comes_first() -> None:
    judged = np.arange(100, 150)
    drawn = drawn_for_map(LABELS, 60, 0, judged)
    assert set(judged.tolist()) <= set(drawn.tolist()) and len(drawn) == 60
    most = drawn_for_map(LABELS, 900, 0, judged)
    assert len(set(most.tolist())) == 900, "nothing is drawn twice"
    fewer = drawn_for_map(LABELS, 20, 0, judged)
    assert set(fewer.tolist()) <= set(judged.tolist()) and len(fewer) == 20
