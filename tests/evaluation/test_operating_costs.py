"""Are costs read as they are written, and decisions made for the least of them?"""

import json
from pathlib import Path

import numpy as np
import pytest

from sadari.errors import SadariError, UsageError
from sadari.evaluation.operating.costs import CHOSEN, EXPECTED, LIKELIEST, Costs, cheapest_threshold, cost_table
from sadari.evaluation.operating.points import Judges
from sadari.evaluation.operating.result import OperatingResult
from support.predictions import predictions_of

CLASSES = ("cat", "dog", "panda")
TABLE = ",panda,cat,dog\ncat,3,0,1\ndog,4,2,0\n\npanda,0,9,8.5\n"


def judges(seed: int, count: int) -> Judges:
    generator = np.random.default_rng(seed)
    bees = 1 / (1 + np.exp(-2 * (generator.normal(size=count) + generator.integers(2, size=count) * 2 - 1)))
    labels = (generator.random(count) < bees).astype(np.int64)  # probabilities that are right
    return Judges(predictions_of(labels, np.stack([1 - bees, bees], axis=1), ("ants", "bees")))


def test_a_table_is_read_by_the_names_of_its_rows_and_columns(tmp_path: Path) -> None:
    file = tmp_path / "costs.csv"
    file.write_text("\ufeff" + TABLE, encoding="utf-8")
    expected = [[0.0, 1.0, 3.0], [2.0, 0.0, 4.0], [9.0, 8.5, 0.0]]
    assert Costs.of(file, CLASSES).matrix.tolist() == expected
    assert Costs.of(str(file), CLASSES).matrix.tolist() == expected


def test_pairs_that_are_not_named_cost_1() -> None:
    expected = [[0.0, 5.0, 1.0], [1.0, 0.0, 1.0], [1.0, 0.5, 0.0]]
    assert Costs.of("cat->dog=5, panda->dog=0.5", CLASSES).matrix.tolist() == expected
    assert Costs.of({("cat", "dog"): 5.0, ("panda", "dog"): 0.5}, CLASSES).matrix.tolist() == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "are of the classes none, not cat, dog, panda"),
        (TABLE.replace("dog,4", "wolf,4"), "are of the classes cat, wolf, panda, not cat, dog, panda"),
        (TABLE.replace("panda,0,9,8.5\n", ""), "are of the classes cat, dog, not cat"),
        (TABLE.replace("9,8.5", "9"), "are no square table of 3 classes"),
        (TABLE.replace("9,", "-9,"), "the cost of panda->cat is a number from 0 to 1e+12, not '-9'"),
        (TABLE.replace("9,", "nan,"), "the cost of panda->cat is a number from 0 to 1e+12, not 'nan'"),
        (TABLE.replace("9,", "inf,"), "not 'inf'"),
        (TABLE.replace("9,", "much,"), "not 'much'"),
    ],
)
def test_a_table_that_says_nothing_is_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "costs.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        Costs.of(file, CLASSES)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("cat->wolf=1", "the costs name the class 'wolf', which the model does not know"),
        ("cat->dog", "'cat->dog' is no cost of a pair"),
        ("cat->dog=-1", "the cost of cat->dog is a number from 0 to 1e+12, not '-1'"),
        ("cat->dog=1,", "'' is no cost of a pair"),
        ({("cat", "dog"): float("nan")}, "not 'nan'"),
    ],
)
def test_pairs_that_say_nothing_are_one_sentence(given: object, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        Costs.of(given, CLASSES)  # type: ignore[arg-type]
    assert sentence in str(caught.value)
    with pytest.raises(UsageError, match=r"the costs 'nowhere\.csv' are neither a file nor pairs"):
        Costs.of("nowhere.csv", CLASSES)


def test_a_folder_of_costs_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SadariError, match="cannot read the costs in"):
        Costs.of(tmp_path, CLASSES)


def test_the_least_expected_cost_is_decided() -> None:
    shares = np.array([[0.6, 0.3, 0.1], [0.05, 0.9, 0.05], [0.5, 0.5, 0.0]])
    said = predictions_of([0, 1, 1], shares, CLASSES)
    assert Costs.of("panda->cat=9,panda->dog=8.5", CLASSES).decisions(said).tolist() == [2, 1, 0]
    assert Costs.of({}, CLASSES).decisions(said).tolist() == said.predicted.tolist()


def test_true_probabilities_save_costs_and_the_threshold_is_near_that_of_theory() -> None:
    val, test = judges(1, 4_000), judges(2, 4_000)
    costs = Costs.of("ants->bees=1,bees->ants=9", ("ants", "bees"))
    likeliest, expected, chosen = cost_table(costs, test, val)
    assert (likeliest.by, expected.by, chosen.by) == (LIKELIEST, EXPECTED, CHOSEN)
    paid = costs.paid(test.predictions.labels, test.predictions.predicted)
    assert likeliest.cost.mean == pytest.approx(paid.mean()) and likeliest.saved is None
    assert expected.saved is not None and expected.saved.low > 0
    assert expected.saved.difference == pytest.approx(likeliest.cost.mean - expected.cost.mean)
    assert chosen.threshold == pytest.approx(0.1, abs=0.06)
    assert expected.otherwise == int((costs.decisions(test.predictions) != test.predictions.predicted).sum()) > 0
    said = (val.predictions.probabilities[:, 1].astype(np.float64)[:, None] >= np.linspace(0, 1, 400)).astype(np.int64)
    totals = [costs.paid(val.predictions.labels, each).sum() for each in said.T]
    threshold = cheapest_threshold(costs, val.predictions)
    best = (val.predictions.probabilities[:, 1].astype(np.float64) >= threshold).astype(np.int64)
    assert costs.paid(val.predictions.labels, best).sum() <= min(totals)


def test_more_than_two_classes_have_no_threshold() -> None:
    said = predictions_of([0, 1, 2, 1], np.eye(3)[[0, 1, 2, 2]], CLASSES)
    rows = cost_table(Costs.of({}, CLASSES), Judges(said), Judges(said))
    assert [each.by for each in rows] == [LIKELIEST, EXPECTED]
    assert rows[0].cost.mean == 0.25 and rows[1].otherwise == 0


@pytest.mark.parametrize("text", ['"' + "x" * 200_000 + '"\n', "cat->dog=1e308", "cat->dog=inf"])
def test_what_python_cannot_read_or_square_is_one_sentence(text: str, tmp_path: Path) -> None:
    given: str | Path = text
    if ">" not in text:
        given = tmp_path / "costs.csv"
        given.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"are no table: field larger|a number from 0 to 1e\+12"):
        Costs.of(given, CLASSES)


def test_a_mean_cost_of_nothing_is_not_below_0() -> None:
    labels = np.arange(12) % 3
    right = Judges(predictions_of(labels, np.eye(3)[labels] * 0.9 + 0.1 / 3, CLASSES))
    row = cost_table(Costs.of("cat->dog=5", CLASSES), right)[0]
    assert row.cost.mean == row.cost.low == 0.0 < row.cost.high


def test_a_class_that_is_never_said_has_no_threshold_in_json() -> None:
    free = Costs.of({("ants", "bees"): 1.0, ("bees", "ants"): 0.0}, ("ants", "bees"))
    rows = cost_table(free, judges(0, 50), judges(1, 50))
    document = OperatingResult("run", "data", 50, 0, 50, (), costs=rows).document()
    assert rows[-1].threshold == float("inf") and document["costs"][-1]["threshold"] is None
    json.dumps(document, allow_nan=False)
