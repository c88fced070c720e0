"""Do intervals over parts drawn anew say what models trained on such sets do? Known formulas, and a known truth."""

import numpy as np
import pytest
from scipy import stats

from sadari.evaluation import figures
from sadari.evaluation.draws.training_sets import OfFolds, of_folds, of_splits, verdicts
from sadari.evaluation.figures import Measured
from sadari.evaluation.influence import PerImage, Scale

FOLDS, IMAGES = 5, 100
FOLD_OF = np.tile(np.arange(FOLDS), IMAGES // FOLDS)
EVEN = np.repeat(np.arange(IMAGES // FOLDS) % FOLDS > 0, FOLDS)  # four of five right in each fold


def splits(values: list[float]) -> Measured:
    return of_splits(np.array(values), 100, 400, Scale.SHARE)


def folds(*repeats: np.ndarray) -> OfFolds:
    networks = [[PerImage(row.astype(np.float64), 1.0)] for row in repeats]
    return of_folds(networks, np.tile(FOLD_OF, (len(repeats), 1)), Scale.SHARE)


def right(seed: int, accuracy: float = 0.8) -> np.ndarray:
    return np.random.default_rng(seed).random(IMAGES) < accuracy


def test_the_difference_over_splits_has_the_corrected_resampled_t() -> None:
    a, b = np.array([0.90, 0.92, 0.88, 0.91, 0.90]), np.array([0.85, 0.89, 0.86, 0.88, 0.84])
    found = figures.difference(splits(list(a)), splits(list(b)))
    error = np.sqrt((1 / 5 + 100 / 400) * (a - b).var(ddof=1))
    assert found.difference == pytest.approx((a - b).mean())
    assert found.high - found.difference == pytest.approx(stats.t.ppf(0.975, 4) * error)
    assert found.p == pytest.approx(2 * stats.t.sf(found.difference / error, 4), rel=1e-6)


def test_the_order_of_two_arms_changes_only_the_sign() -> None:
    few = of_splits(np.array([0.80, 0.84, 0.79]), 100, 40, Scale.SHARE)
    many = splits([0.90, 0.91, 0.86])
    one, other = figures.difference(few, many), figures.difference(many, few)
    assert (one.low, one.high, one.p) == pytest.approx((-other.high, -other.low, other.p))


def test_splits_that_agree_by_luck_are_not_certain() -> None:
    found = figures.interval(splits([1.0, 1.0, 1.0]))
    assert found.low < 0.99
    assert found.high == 1.0


def test_fewer_than_two_draws_have_no_figure() -> None:
    with pytest.raises(ValueError, match="at least two draws"):
        splits([0.9])


def test_a_figure_of_folds_is_that_of_all_images() -> None:
    found = folds(right(0), right(1))
    assert found.mean == pytest.approx((right(0).mean() + right(1).mean()) / 2)
    assert len(found.seeds) == 2 * FOLDS


@pytest.mark.parametrize("repeats", [1, 3])
def test_the_images_of_folds_count_half_as_much_again_however_often_they_are_divided(repeats: int) -> None:
    even = folds(*[EVEN] * repeats)
    assert not even.error.seed_variances  # each fold has the same share right: nothing beyond the images
    assert even.error.image_variance == pytest.approx(1.5 * 0.16 / IMAGES, rel=0.15)


def test_folds_that_differ_more_than_their_images_widen_the_interval() -> None:
    narrow, wide = figures.interval(folds(EVEN)), figures.interval(folds(FOLD_OF > 0))
    assert (narrow.mean, wide.mean) == (0.8, 0.8)
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_arms_are_paired_by_image_and_by_fold() -> None:
    hard = right(5)
    better = hard | (np.arange(IMAGES) % 10 == 0)
    paired = figures.difference(folds(better), folds(hard))
    apart = figures.difference(folds(np.random.default_rng(1).permutation(better)), folds(hard))
    assert paired.high - paired.low < apart.high - apart.low
    with pytest.raises(ValueError, match="same folds"):
        figures.difference(folds(right(1)), folds(right(1), right(2)))


def test_a_verdict_says_on_what_it_rests_and_what_it_speaks_of() -> None:
    arms = [("cnn", splits([0.95, 0.96, 0.94, 0.95])), ("mlp", splits([0.80, 0.82, 0.81, 0.80]))]
    [found] = verdicts(arms, "4 splits, 100 test images each", "more splits or images")
    assert found.verdict == "better"
    assert found.sentence.endswith("; 4 splits, 100 test images each; models trained on such sets).")
    assert found.estimand == "models trained on such sets"
    [open_] = verdicts([arms[0], ("x", splits([0.93, 0.97, 0.95, 0.94]))], "4 splits", "more splits or images")
    assert open_.sentence.endswith("a difference of half a point is not ruled out; more splits or images would tell.")


def test_equality_within_a_margin_is_two_one_sided_tests() -> None:
    a, b = splits([0.900, 0.901, 0.899, 0.900, 0.902]), splits([0.900, 0.900, 0.900, 0.901, 0.901])
    [near] = verdicts([("a", a), ("b", b)], "5 splits", "more splits", margin=0.05)
    assert near.verdict == "equal within 0.05"
    [far] = verdicts([("a", a), ("b", splits([0.70, 0.71, 0.70, 0.72, 0.70]))], "5 splits", "more splits", margin=0.05)
    assert far.equal_p is not None and far.equal_p > 0.99
