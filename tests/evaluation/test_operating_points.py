"""Is a threshold chosen on validation as it was wanted, and carried to the test images with what is known of it?"""

import numpy as np
import pytest
from scipy import stats

from sadari.errors import UsageError
from sadari.evaluation import statistics
from sadari.evaluation.operating.curves import curve_of
from sadari.evaluation.operating.points import Judges, Wanted, lower_bound, operating_points
from sadari.evaluation.operating.result import OperatingResult, verdict_of
from support.predictions import predictions_of

CLASSES = ("ants", "bees")


def judges(seed: int, count: int, apart: float = 2.0, grouped: bool = False) -> Judges:
    generator = np.random.default_rng(seed)
    labels = generator.integers(2, size=count)
    bees = 1 / (1 + np.exp(-(generator.normal(size=count) + apart * (labels - 0.5))))
    groups = np.arange(count) // 5 if grouped else None
    return Judges(predictions_of(labels, np.stack([1 - bees, bees], axis=1), CLASSES), groups)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("precision>=0.95", Wanted("precision", 0.95)),
        ("bees: sensitivity >= 0.9", Wanted("recall", 0.9, "bees")),
        ("a:b:specificity>=1", Wanted("specificity", 1.0, "a:b")),
        ("red bees : precision>=0.5", Wanted("precision", 0.5, "red bees")),
    ],
)
def test_what_is_wanted_can_be_written(text: str, wanted: Wanted) -> None:
    assert Wanted.parse(text) == wanted


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("precision", "'precision' is no operating point"),
        ("precision>0.9", "'precision>0.9' is no operating point"),
        ("f1>=0.9", "'f1' is no figure that can be wanted"),
        ("recall>=high", "'high' in 'recall>=high' is no number"),
        ("recall>=95", "is above 0 and at most 1, not 95"),
        ("recall>=nan", "is above 0 and at most 1, not nan"),
        ("recall>=0", "is above 0 and at most 1, not 0"),
    ],
)
def test_what_cannot_be_wanted_is_said(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence.replace(">", "\\>")):
        Wanted.parse(text)


@pytest.mark.parametrize("figure", ["precision", "recall", "specificity"])
@pytest.mark.parametrize("sure", [False, True])
def test_the_threshold_reaches_what_is_wanted_and_no_other_does_better(figure: str, sure: bool) -> None:
    val, test = judges(1, 800), judges(2, 700)
    [point] = operating_points([Wanted(figure, 0.9, "bees")], val, test, sure)
    assert point.val is not None and point.test is not None and point.threshold is not None
    score, truth = val.predictions.probabilities[:, 1].astype(np.float64), val.predictions.labels == 1

    def seen(threshold: float) -> tuple[int, int]:
        said = score >= threshold
        right, of = {
            "precision": (said & truth, said),
            "recall": (said & truth, truth),
            "specificity": (~said & ~truth, ~truth),
        }[figure]
        return int(right.sum()), int(of.sum())

    def enough(threshold: float) -> bool:
        right, of = seen(threshold)
        return bool((stats.beta.ppf(0.05, right, of - right + 1) if sure else right / of) >= 0.9)

    reached = [each for each in np.unique(score) if enough(each)]
    assert point.threshold == (max(reached) if figure == "recall" else min(reached))
    rate = point.val.rate(figure)
    assert (rate.right, rate.of) == seen(point.threshold)
    told = test.predictions.probabilities[:, 1].astype(np.float64) >= point.threshold
    found = point.test.recall
    assert (found.right, found.of) == (
        int((told & (test.predictions.labels == 1)).sum()),
        int(test.predictions.labels.sum()),
    )
    assert found.interval == statistics.interval(told[test.predictions.labels == 1][None])
    if sure:
        [plain] = operating_points([Wanted(figure, 0.9, "bees")], val, test)
        assert plain.threshold is not None
        assert (point.threshold < plain.threshold) == (figure == "recall")


def test_without_a_class_each_has_a_point_and_what_is_out_of_reach_is_said() -> None:
    val, test = judges(3, 400, apart=0.5), judges(4, 400, apart=0.5)
    points = operating_points([Wanted("recall", 0.9)], val, test)
    assert [each.name for each in points] == list(CLASSES)
    with pytest.raises(
        UsageError, match=r"precision>=0.99 of ants is out of reach with 95 % certainty .*: what is certain"
    ):
        operating_points([Wanted("precision", 0.99)], val, test, sure=True)
    with pytest.raises(UsageError, match=r"there is no class 'wasps', of which recall>=0.9 is wanted; .* ants, bees"):
        operating_points([Wanted("recall", 0.9, "wasps")], val, test)
    noise = Judges(predictions_of([0, 1, 0, 1], np.array([[0.2, 0.8], [0.4, 0.6], [0.3, 0.7], [0.6, 0.4]]), CLASSES))
    with pytest.raises(
        UsageError, match=r"precision>=0.9 of bees is out of reach on the 4 .*: the most is 0.500, with "
    ):
        operating_points([Wanted("precision", 0.9, "bees")], noise, noise)
    none = Judges(predictions_of([0, 0], np.full((2, 2), 0.5), CLASSES))
    with pytest.raises(UsageError, match="cannot be chosen: none of the validation images are of that class"):
        operating_points([Wanted("recall", 0.9, "bees")], none, test)
    with pytest.raises(UsageError, match="cannot be chosen: all of the validation images are of that class"):
        operating_points([Wanted("specificity", 0.9, "ants")], none, test)


def test_groups_widen_the_interval_and_make_a_sure_choice_stricter() -> None:
    copies = judges(5, 200)
    five = np.repeat(np.arange(200), 5)
    said = copies.predictions
    val = Judges(predictions_of(said.labels[five], said.probabilities[five], CLASSES), five)
    alone = Judges(val.predictions)
    [grouped] = operating_points([Wanted("recall", 0.8, "bees")], val, val, sure=True)
    [plain] = operating_points([Wanted("recall", 0.8, "bees")], alone, alone, sure=True)
    [once] = operating_points([Wanted("recall", 0.8, "bees")], copies, copies, sure=True)
    assert grouped.threshold is not None and plain.threshold is not None and once.threshold is not None
    assert grouped.threshold < plain.threshold
    assert grouped.threshold == pytest.approx(once.threshold, abs=0.06)
    for each in (grouped, plain):
        assert each.test is not None and each.test.recall.interval is not None
    [same] = operating_points([Wanted("recall", 0.8, "bees")], copies, val)
    [without] = operating_points([Wanted("recall", 0.8, "bees")], copies, alone)
    assert same.test is not None and without.test is not None
    wide, narrow = same.test.recall.interval, without.test.recall.interval
    assert wide is not None and narrow is not None and wide.high - wide.low > 1.8 * (narrow.high - narrow.low)


def test_lower_bounds_are_those_of_clopper_and_pearson() -> None:
    right, of = np.array([0, 1, 59, 58, 7]), np.array([0, 1, 59, 59, 10])
    found = lower_bound(right, of)
    for each, k, n in zip(found, right, of, strict=True):
        expected = stats.binomtest(int(k), int(n), alternative="greater").proportion_ci(0.95).low if n else 0.0
        assert each == pytest.approx(expected, abs=1e-9)
    assert found[2] > 0.95 - 0.0005  # 59 of 59 is where 95 % is certain


def test_the_result_has_sentences_a_frame_and_a_document() -> None:
    val, test = judges(6, 300), judges(7, 3_000)
    points = operating_points([Wanted("precision", 0.9), Wanted("recall", 0.6, "bees")], val, test)
    found = OperatingResult("run", "data", 3_000, 0, 300, (), points)
    assert {verdict_of(each) for each in points} <= {"reached", "missed", "not decided"}
    for sentence, point in zip(found.sentences, points, strict=True):
        wanted = f"{point.wanted.figure} {point.wanted.value:g} wanted"
        assert sentence.startswith(f"{point.name}: {wanted}, on validation 0.")
        assert f" at the threshold {point.threshold:.4g}; on test 0." in sentence
    frame = found.to_frame()
    assert frame["class"].tolist() == ["ants", "bees", "bees"]
    assert (frame["recall_low"] < frame["recall"]).all() and (frame["recall"] < frame["recall_high"]).all()
    document = found.document()
    assert document["points"][0]["test"]["recall"].keys() == {"value", "right", "of", "low", "high"}
    assert document["points"][0]["val"]["recall"].keys() == {"value", "right", "of"}


def test_no_test_image_that_reaches_the_threshold_has_no_precision() -> None:
    val = judges(8, 200)
    curve = curve_of(val.predictions, "bees")
    low = Judges(predictions_of([0, 1, 1], np.array([[0.9, 0.1]] * 3), CLASSES))
    [point] = operating_points([Wanted("precision", 0.9, "bees")], val, low)
    assert curve.images and point.test is not None
    assert (point.test.precision.value, point.test.precision.interval) == (None, None)
    assert verdict_of(point) == "not decided"
    assert OperatingResult("", "", 3, 0, 200, (), (point,)).sentences[0].endswith("; on test no image reaches it")
