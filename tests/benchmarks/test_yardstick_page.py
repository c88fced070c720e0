"""Does the page of the benchmark against the peers say what was measured, and no more?"""

from math import isnan
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from support.yardstick import MACHINE, load, records, standings, task_of, turn_of

agreements, pages, yardstick = load("race.agreement"), load("race.page"), load("yardstick")


@pytest.fixture
def record(tmp_path: Path) -> Any:
    return records.Record.open(tmp_path / "yardstick.json", MACHINE)


def test_speed_leaves_the_warm_up_out_and_a_fit_in() -> None:
    assert standings.speed(task_of("mlp", 100).key, {"seconds": [50.0, 1.0, 3.0]}) == 50.0
    assert standings.speed(task_of("sgd").key, {"seconds": [1.0, 3.0]}) == 0.25


def test_only_figures_of_one_turn_are_divided() -> None:
    task = task_of()
    standing = standings.Standing(
        [
            turn_of(task, 0, sadari=300.0, torch=100.0, skorch=50.0),
            turn_of(task, 1, sadari=100.0, torch=100.0, skorch="no memory"),
            turn_of(task, 2, sadari=220.0, torch=110.0),
            turn_of(task, 3, torch=1000.0),
        ]
    )
    ratio = standing.ratio("sadari", "torch")
    assert (ratio.median, ratio.least, ratio.greatest) == pytest.approx((2, 1, 3))
    assert standing.ratio("sadari", "skorch").median == pytest.approx(6)
    assert standing.ratio("sadari", "keras-jax") is None
    assert standing.failure("skorch") == "no memory" and standing.failure("torch") == ""
    assert standing.best(["torch", "skorch", "keras-jax"]) == "torch"
    assert standing.best(["keras-jax"]) == ""


@pytest.mark.parametrize(
    ("own", "other", "word"),
    [
        ([0.850, 0.851, 0.852], [0.851, 0.852, 0.850], "equal"),
        ([0.850, 0.851, 0.852], [0.853, 0.854, 0.855], "equal"),  # lower, but by less than the margin
        ([0.80, 0.85, 0.90], [0.81, 0.84, 0.89], "unclear"),
        ([0.80, 0.801, 0.802], [0.850, 0.851, 0.852], "lower"),
        ([0.90, 0.901, 0.902], [0.850, 0.851, 0.852], "higher"),
        ([0.84, 0.84, 0.84], [0.84, 0.84, 0.84], "equal"),
        ([0.84, 0.84, 0.84], [0.82, 0.82, 0.82], "higher"),
        ([0.84], [0.84], "unclear"),
    ],
)
def test_accuracies_agree_within_noise(own: list[float], other: list[float], word: str) -> None:
    assert agreements.agreement(own, other).word == word


def test_the_interval_is_welchs() -> None:
    own, other = [0.81, 0.85, 0.86, 0.90], [0.79, 0.80, 0.82]
    wanted = stats.ttest_ind(own, other, equal_var=False).confidence_interval()
    found = agreements.agreement(own, other)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))
    assert isnan(agreements.agreement([0.5], other).difference)


def test_the_page_says_what_the_record_says(record: Any) -> None:
    task, fit = task_of("cnn", 1000), task_of("logistic", 1000)
    for seed, speed in enumerate((200.0, 300.0, 500.0)):
        record.add(
            turn_of(task, seed, sadari=speed, keras_tensorflow=100.0, keras_jax=50.0, torch=400.0, skorch="no memory")
        )
    made_up = turn_of(fit, 0, sadari=1.0, scikit_learn=1.0)
    for name, seconds in (("sadari", 2.0), ("scikit-learn", 9.0)):
        made_up["figures"][name]["seconds"] = [seconds]
    record.add(made_up)
    text = pages.page(record, "COMMAND")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    assert ["network", "precision", "turns", "keras-tensorflow", "keras-jax", "torch", "skorch", "best Keras"] in rows
    against = ["3.00 (2.00-5.00)", "6.00 (4.00-10.00)", "0.75 (0.50-1.25)", "failed"]
    assert ["cnn", "float32", "3", *against, "3.00 (2.00-5.00) keras-tensorflow"] in rows
    assert ["cnn", "93,962", "made-up", "1,000", "256", "300", "100", "50", "400", "-"] in rows
    assert ["cnn", "3", *["0.8510 ± 0.0010"] * 4, "-"] in rows
    fitted = ["2.0", "scikit-learn", "9.0", "4.50 (4.50-4.50) ?", "0.8500", "0.8500"]
    assert ["logistic", "sadari", "to the end", "1", *fitted] in rows
    assert text.count("On 2 cores of Test 1 with AMX:") == 4
    assert "`COMMAND`" in text and "Test 1" in text and "torch 2.15.0" in text
    assert "in float32:" not in text  # nobody measured that
    assert yardstick.failures(record) == ["skorch on cnn: no memory"]
    assert yardstick.complain(record) == 1


def test_a_page_without_figures_says_so(record: Any) -> None:
    assert "Nothing has been measured yet" in pages.page(record, "COMMAND")
