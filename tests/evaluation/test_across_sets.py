"""Do several data sets show what is there? The mean difference over sets, the next set, and ranks."""

from math import factorial, sqrt
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from sadari.evaluation.draws.data_sets import over_sets
from sadari.evaluation.draws.ranks import Ranks, rank
from support.yardstick import load

simulation = load("simulations.data_sets")
DOCUMENT = Path(__file__).parents[2] / "docs" / "statistics.md"


def test_equal_errors_give_the_t_interval_of_the_differences() -> None:
    found = [0.01, 0.05, -0.02, 0.06]
    over = over_sets(found, [0.001] * 4)
    reference = stats.ttest_1samp(found, 0.0)
    low, high = reference.confidence_interval()
    assert (over.mean, over.low, over.high) == pytest.approx((float(np.mean(found)), low, high))
    assert over.p == pytest.approx(reference.pvalue)
    assert over.between == pytest.approx(sqrt(np.var(found, ddof=1) - 1e-6))


def test_sets_that_agree_by_luck_are_no_surer_than_their_own_errors_allow() -> None:
    over = over_sets([0.02, 0.02, 0.02], [0.01, 0.01, 0.01])
    assert over.between == 0
    assert over.error == pytest.approx(0.01 / sqrt(3))
    assert over.high - over.mean == pytest.approx(stats.t.ppf(0.975, 2) * over.error)
    assert 0.5 < over.next_above(0.0) < 1
    assert over.next_above(0.02) == pytest.approx(0.5)
    assert over.chances.sum() == pytest.approx(1)
    assert over.chances[0] > 0.9  # of no deviation between sets: the differences are as alike as can be


def test_the_surest_set_counts_most_where_sets_do_not_differ() -> None:
    over = over_sets([0.02, 0.03], [0.001, 0.05])
    assert over.mean == pytest.approx(0.02, abs=1e-3)
    assert over.low == pytest.approx(over.mean - 12.706 * over.error, rel=1e-3)
    with pytest.raises(ValueError, match="two sets or more"):
        over_sets([0.1], [0.01])


def test_ranks_are_those_of_demsar() -> None:
    """Four arms on 14 sets: Nemenyi's critical difference is 1.25 (Demsar 2006, section 3.2.4)."""
    generator = np.random.default_rng(0)
    values = np.round(generator.normal([0.0, 0.2, 0.5, 1.0], 1.0, (14, 4)), 1)  # with ties
    found = rank(values.tolist(), list("abcd"))
    assert found.critical == pytest.approx(1.25, abs=0.005)
    chi = stats.friedmanchisquare(*values.T).statistic
    assert found.p == pytest.approx(stats.f.sf(13 * chi / (14 * 3 - chi), 3, 39))
    assert sum(found.mean.values()) == pytest.approx(10)
    assert found.critical is not None
    assert all(found.mean[b] - found.mean[a] > found.critical for a, b in found.apart)


def test_the_p_of_few_sets_is_exact() -> None:
    """All three arms in one order on all sets: one order in 6 on each set but the first, of which F says p = 0."""
    for sets in (2, 3, 4, 6):
        assert rank([[0.9, 0.8, 0.7]] * sets, "abc").p == pytest.approx(6.0 ** (1 - sets))
    assert rank([[0.9, 0.8, 0.7], [0.8, 0.9, 0.7], [0.7, 0.8, 0.9]], "abc").p == pytest.approx(34 / 36)
    assert rank([[0.9, 0.9, 0.9], [0.7, 0.8, 0.9]], "abc").p == 1.0  # a set without an order says nothing
    assert rank([[0.9, 0.9, 0.9], [0.8, 0.8, 0.8]], "abc").p == 1.0
    everywhere = [[1 - arm / 10 for arm in range(10)]] * 4
    assert rank(everywhere, "abcdefghij").p == pytest.approx(factorial(10) ** -3.0)


def test_of_two_arms_the_signed_ranks_say_who_is_ahead() -> None:
    """Fourteen small wins of a have the better mean rank, thirteen large losses the larger signed ranks."""
    gained = [0.001 * (1 + place) for place in range(14)] + [-0.02 - 0.001 * place for place in range(13)]
    found = rank([(0.8 + each, 0.8) for each in gained], ["a", "b"])
    assert found.mean["a"] < found.mean["b"]
    assert found.p < 0.05
    assert found.apart == (("b", "a"),)
    assert found.sentence.endswith("b before a.")


def test_two_arms_are_compared_by_wilcoxon_and_few_sets_say_so() -> None:
    few = rank([[0.9, 0.8]] * 5, ["a", "b"])
    assert (few.critical, few.apart) == (None, ())
    assert "5 sets cannot show that 2 models differ in rank" in few.sentence
    assert "6 could at best" in few.sentence
    gains = [[0.9 + at / 100, 0.8] for at in range(6)]
    many = rank(gains, ["a", "b"])
    assert many.p == pytest.approx(2 / 2**6)
    assert many.apart == (("a", "b"),)
    assert "a before b" in many.sentence
    assert rank([[0.5, 0.5]] * 7, ["a", "b"]).p == 1.0
    with pytest.raises(ValueError, match="two sets"):
        rank([[0.5, 0.4]], ["a", "b"])


def test_nobody_is_apart_where_the_test_of_all_shows_nothing() -> None:
    found = Ranks("Friedman", {"a": 1.0, "b": 3.0}, 9, 0.2, 1.0, 3)
    assert found.apart == ()
    assert "no pair is shown to differ" in found.sentence


def test_a_small_simulation_of_sets_stays_in_bounds() -> None:
    """200 replications: four standard errors of 95 %."""
    for between in (0.0, 0.03):
        generator = np.random.default_rng(1)
        rates = np.array([simulation.one(generator, 5, between, False)[:3] for _ in range(200)]).mean(axis=0)
        assert rates[0] >= 0.95 - 4 * sqrt(0.05 * 0.95 / 200)
        assert rates[1] <= 0.05 + 4 * sqrt(0.05 * 0.95 / 200)
        assert rates[2] >= 0.9


def test_the_stored_simulation_of_sets_holds_what_the_page_says() -> None:
    stored, text = simulation.read(), DOCUMENT.read_text(encoding="utf-8")
    assert list(stored) == list(simulation.STATEMENTS)
    assert all(line in text for rows in stored.values() for line in simulation.table(rows))
    for row in stored["sets"]:
        error = 3.5 * sqrt(0.05 * 0.95 / row["replications"])
        assert row["mean covered"] >= 0.94 - error or row["skewed"], row
        assert row["false alarms"] <= 0.05 + error or row["skewed"], row
    for row in stored["ranks"]:
        assert row["false alarms"] <= 0.05 + 3.5 * sqrt(0.05 * 0.95 / row["replications"]), row
