"""Are means over seeds and their differences Student's and Welch's?"""

import numpy as np
import pytest
from scipy import stats

from sadari.evaluation.scalars import mean_difference, mean_interval


def test_the_interval_is_students() -> None:
    values = np.array([0.31, 0.35, 0.29, 0.33])
    found = mean_interval(values)
    low, high = stats.t.interval(0.95, 3, loc=values.mean(), scale=stats.sem(values))
    assert (found.mean, found.sd) == pytest.approx((0.32, values.std(ddof=1)))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_the_difference_is_welchs() -> None:
    a, b = np.array([1.0, 1.2, 1.1]), np.array([2.0, 1.4, 1.9, 1.3, 1.8])
    found, expected = mean_difference(a, b), stats.ttest_ind(a, b, equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue)
    assert found == pytest.approx((a.mean() - b.mean(), interval.low, interval.high, expected.pvalue))


def test_the_interval_covers_other_seeds() -> None:
    generator = np.random.default_rng(0)
    drawn = generator.normal(5.0, 2.0, size=(1000, 3))
    found = [mean_interval(each) for each in drawn]
    assert 0.93 < np.mean([each.low <= 5.0 <= each.high for each in found]) < 0.97


def test_values_that_never_vary() -> None:
    same, other = np.array([2.0, 2.0]), np.array([3.0, 3.0])
    assert mean_difference(same, same) == (0.0, 0.0, 0.0, 1.0)
    assert mean_difference(same, other) == (-1.0, -1.0, -1.0, 0.0)
    assert mean_interval(same).low == mean_interval(same).high == 2.0


@pytest.mark.parametrize("values", [[1.0], [], [[1.0, 2.0]]])
def test_one_seed_says_nothing_about_others(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least two seeds"):
        mean_interval(np.array(values))
    with pytest.raises(ValueError, match="at least two seeds"):
        mean_difference(np.array([1.0, 2.0]), np.array(values))


def test_a_loss_that_became_infinite_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        mean_interval(np.array([0.3, np.inf]))


def test_seeds_that_agree_on_a_whole_number_are_no_certainty() -> None:
    """Two identical arms of which each turns in epoch 4 or 5 by chance: few seeds often agree by luck."""
    generator = np.random.default_rng(0)
    draws = generator.integers(4, 6, (1000, 2, 2)).astype(np.float64)
    alarms = [mean_difference(a, b, step=1.0).p < 0.05 for a, b in draws]
    assert np.mean(alarms) <= 0.05
    assert np.mean([mean_difference(a, b).p < 0.05 for a, b in draws]) > 0.05  # what leaving the step out would do
    same = mean_interval(np.array([2.0, 2.0]), step=1.0)
    assert same.low < 1.5 < same.mean < same.high
    assert same.sd == 0
