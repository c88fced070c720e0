"""Is what is wanted reached as often as the page says, and is the stored simulation the page's table?"""

from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from support.yardstick import load

STORED = Path(__file__).parents[2] / "benchmarks" / "quality" / "simulations" / "operating.json"
DOCUMENT = Path(__file__).parents[2] / "docs" / "statistics.md"
ERROR = 3 * sqrt(0.05 * 0.95 / 1000)  # of a rate of 95 % over the replications
operating = load("simulations.operating")


def test_the_stored_simulation_is_the_table_of_the_document() -> None:
    rates, costs = operating.read(STORED)
    assert [each.setting for each in rates] == list(operating.settings())
    assert [each.setting for each in costs] == list(operating.cost_settings())
    text = DOCUMENT.read_text(encoding="utf-8")
    for line in (*operating.table(rates), *operating.cost_lines(costs)):
        assert line in text


def test_sure_choices_rarely_miss_and_test_intervals_hold() -> None:
    for each in operating.read(STORED)[0]:
        if each.setting.sure and each.setting.world != operating.FLAT:
            assert each.missed <= 0.05 + ERROR, each
        if each.chosen * each.replications >= 900:
            assert each.covered >= 0.95 - ERROR, each


@pytest.mark.parametrize("figure", ["precision", "recall", "specificity"])
def test_a_small_simulation_reaches_what_is_wanted(figure: str) -> None:
    """150 replications: a sure choice misses in at most 5 % and four standard errors, a plain one in about half."""
    sure = operating.measure(operating.Setting(figure, 0.5, 500, True), 150, np.random.default_rng(1))
    plain = operating.measure(operating.Setting(figure, 0.5, 500, False), 150, np.random.default_rng(2))
    assert sure.missed <= 0.05 + 4 * sqrt(0.05 * 0.95 / 150)
    assert 0.3 <= plain.missed <= 0.7
    assert min(sure.covered, plain.covered) >= 0.95 - 4 * sqrt(0.05 * 0.95 / 150)


def test_the_truth_of_the_simulation_is_the_truth() -> None:
    drawn = operating.draw(0.3, 200_000, "", np.random.default_rng(3)).predictions
    truth = operating.truth_at(0.3, "", 0.6)
    said, inside = drawn.probabilities[:, 1] >= 0.6, drawn.labels == 1
    assert inside[said].mean() == pytest.approx(truth["precision"], abs=0.006)
    assert said[inside].mean() == pytest.approx(truth["recall"], abs=0.006)
    assert (~said[~inside]).mean() == pytest.approx(truth["specificity"], abs=0.006)
