"""Do the sets hold the class as often as they promise? On data whose truth is known, at the numbers of the papers."""

import numpy as np
import pytest
from scipy.stats import binomtest

from sadari.errors import UsageError
from sadari.evaluation.probabilities.conformal import Validated, coverage_of, least_images, seen
from sadari.values import Predictions

CLASSES = ("a", "b", "c")


def drawn(images: int, seed: int, weights: tuple[float, ...] = (1, 1, 1)) -> Predictions:
    """Return predictions of a model that is wrong about its probabilities, for images of three classes."""
    random = np.random.default_rng(seed)
    true = random.normal(0, 1, (images, 3)) + np.log(weights)
    shares = np.exp(true) / np.exp(true).sum(axis=1, keepdims=True)
    labels = (shares.cumsum(axis=1) > random.random((images, 1))).argmax(axis=1).astype(np.int64)
    said = np.exp(3 * true) / np.exp(3 * true).sum(axis=1, keepdims=True)  # far too sure
    ids = np.array([str(each) for each in range(images)])
    return Predictions(ids, labels, said.astype(np.float32), CLASSES, 1.0)


@pytest.mark.parametrize("wanted", [0.8, 0.9, 0.95])
def test_the_share_that_was_wanted_is_covered(wanted: float) -> None:
    found = [
        seen(coverage_of(Validated.of(drawn(99, seed)), CLASSES, wanted), drawn(400, 10_000 + seed)).covered
        for seed in range(300)
    ]
    assert wanted - 0.004 < np.mean(found) < wanted + 0.02  # between it and it + 1 / (n + 1), but for noise


def test_classwise_covers_each_class() -> None:
    weights = (4, 1, 0.5)
    judged = drawn(20_000, 1, weights)
    for classwise in (False, True):
        coverage = coverage_of(Validated.of(drawn(20_000, 0, weights)), CLASSES, 0.9, classwise)
        inside = coverage.sets(judged.probabilities)[np.arange(len(judged)), judged.labels]
        by_class = [inside[judged.labels == each].mean() for each in range(3)]
        assert (min(by_class) > 0.88) == classwise


def test_the_quantile_is_the_finite_sample_one() -> None:
    """Of 19 images it is the least probable one, the 19th of 20; of 18 there is none; of 39 the second least."""
    probability = np.linspace(0.01, 0.39, 39, dtype=np.float32)
    assert least_images(0.95) == 19 and least_images(0.9) == 9 and least_images(0.5) == 1
    for images, place in ((19, 0), (39, 1)):
        validated = Validated(probability[:images], np.zeros(images, dtype=np.int64))
        assert (coverage_of(validated, CLASSES, 0.95).least == probability[place]).all()
    few = coverage_of(Validated(probability[:18], np.zeros(18, dtype=np.int64)), CLASSES, 0.95)
    assert (few.least == 0).all() and few.notes == (
        "18 validation images cannot promise 95 %: 19 can; sets hold all classes",
    )
    assert few.sets(np.array([[0.0, 0.0, 1.0]], dtype=np.float32)).all()


def test_no_set_is_empty() -> None:
    validated = Validated(np.full(50, 0.9, dtype=np.float32), np.zeros(50, dtype=np.int64))
    probabilities = np.array([[0.4, 0.4, 0.2], [0.95, 0.05, 0.0]], dtype=np.float32)
    predictions = Predictions(np.array(["x", "y"]), np.array([1, 0]), probabilities, CLASSES, 1.0)
    coverage = coverage_of(validated, CLASSES, 0.9)
    assert coverage.sets(probabilities).tolist() == [[True, False, False], [True, False, False]]
    found = seen(coverage, predictions)
    assert (found.filled, found.covered, found.size) == (1, 0.5, 1.0)


def test_a_class_with_few_images_takes_the_common_threshold() -> None:
    validated = Validated(np.linspace(0.1, 1, 60, dtype=np.float32), np.repeat([0, 1], [55, 5]).astype(np.int64))
    common = coverage_of(validated, CLASSES, 0.9).least[0]
    found = coverage_of(validated, CLASSES, 0.9, classwise=True)
    assert found.least[0] != common and (found.least[1:] == common).all()
    assert found.notes == ("fewer than 9 validation images of b, c: the threshold of all classes",)


def test_the_interval_is_that_of_clopper_and_pearson() -> None:
    judged = drawn(200, 3)
    found = seen(coverage_of(Validated.of(drawn(100, 4)), CLASSES, 0.9), judged)
    other = binomtest(round(found.covered * 200), 200).proportion_ci()
    assert (found.low, found.high) == pytest.approx((other.low, other.high))


@pytest.mark.parametrize("wanted", [0.0, 1.0, -0.5, 95.0, float("nan")])
def test_a_share_that_is_none_is_refused(wanted: float) -> None:
    with pytest.raises(UsageError, match=r"^coverage is a share between 0 and 1, such as 0\.95, not"):
        coverage_of(Validated.of(drawn(50, 0)), CLASSES, wanted)


def test_a_share_of_next_to_nothing_has_a_threshold() -> None:
    validated = Validated(np.linspace(0.1, 0.9, 30, dtype=np.float32), np.zeros(30, dtype=np.int64))
    assert coverage_of(validated, ("a", "b"), 1e-300).least[0] == np.float32(0.9)
