"""Do many arms together show what is there, and no more? Borrowed seed variances, the winner, and letters."""

from dataclasses import replace
from itertools import combinations
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sadari.evaluation.arms.best import Race, _half_widths, find_winner
from sadari.evaluation.arms.borrowing import borrow, chance_text
from sadari.evaluation.arms.letters import FEW, letters
from sadari.evaluation.arms.seed_variance import Mixture, SeedVariances
from sadari.evaluation.statistics import accuracy_error, difference_p, interval, verdict, verdicts
from sadari.values import Verdict
from support.yardstick import load

simulation = load("simulations.many_arms")
DOCUMENT = Path(__file__).parents[2] / "docs" / "statistics.md"
Bools = NDArray[np.bool_]


def arm(accuracy: float, seed: int, spread: float = 0.01, seeds: int = 3, images: int = 600) -> Bools:
    """Draw an arm whose networks differ by `spread`; images are as hard for all arms."""
    hard = np.random.default_rng(99).uniform(size=images)
    generator = np.random.default_rng(seed)
    level = accuracy + spread * generator.standard_normal((seeds, 1))
    return np.asarray(0.5 * hard + 0.5 * generator.uniform(size=(seeds, images)) < level)


def test_equal_variances_are_pooled_and_one_that_differs_is_not_taken_for_the_others() -> None:
    alike = SeedVariances(np.full(6, 4.0), np.full(6, 2.0))
    weights, variances = alike.of(0)
    assert weights.sum() == pytest.approx(1)
    assert 3 < float((weights * variances).sum()) < 8
    far = SeedVariances(np.array([4.0, 4.0, 4.0, 4000.0]), np.full(4, 9.0))
    means = [float((weights * variances).sum()) for weights, variances in (far.of(0), far.of(3))]
    assert means[0] < 20 < 1000 < means[1]


def test_a_mixture_of_one_variance_is_normal() -> None:
    one = Mixture(np.ones(1), np.full(1, 4.0))
    assert one.half_width(0.05) == pytest.approx(2 * 1.959964, abs=1e-5)
    two = Mixture(np.array([0.5, 0.5]), np.array([1.0, 9.0]))
    assert 2 * two.below(-two.half_width(0.05)) == pytest.approx(0.05, abs=1e-6)


def test_an_arm_whose_seeds_differ_by_luck_is_narrowed_by_the_others() -> None:
    arms = [(str(at), arm(0.9, at, 0.0)) for at in range(4)]
    arms.append(("far", arm(0.9, 9, 0.03)))
    found = borrow(arms)
    assert found is not None
    last = found.arms[-1]
    assert last.arm == "far"
    assert last.high - last.low < 0.8 * (last.own_high - last.own_low)
    assert (last.own_low, last.own_high) == (interval(arms[-1][1]).low, interval(arms[-1][1]).high)
    assert [(each.a, each.b) for each in found.pairs] == list(combinations([name for name, _ in arms], 2))


def test_probabilities_agree_with_the_interval_and_with_each_other() -> None:
    found = borrow([("a", arm(0.9, 1)), ("b", arm(0.86, 2)), ("c", arm(0.9, 3))], margin=0.02)
    assert found is not None
    for pair in found.pairs:
        assert pair.amount == 0.02
        assert pair.by_more < pair.better
        assert pair.less < 1 - pair.better
        assert (pair.better > 0.975 or pair.better < 0.025) == (pair.low > 0 or pair.high < 0)
        turned = pair.turned()
        assert turned.better == pytest.approx(1 - pair.better)
        assert (turned.low, turned.less) == (-pair.high, pair.by_more)


def test_nothing_is_borrowed_of_one_arm_that_varies_nor_of_single_seeds() -> None:
    still = np.repeat(arm(0.9, 5, seeds=1), 3, axis=0)
    assert borrow([("a", arm(0.9, 1)), ("still", still)]) is None
    assert borrow([("a", arm(0.9, 1, seeds=1)), ("b", arm(0.9, 2, seeds=1))]) is None
    found = borrow([("a", arm(0.9, 1)), ("b", arm(0.9, 2)), ("still", still)])
    assert found is not None
    assert found.pool == ("a", "b")
    assert ("a", "still") in [(each.a, each.b) for each in found.pairs]


def test_the_line_says_its_assumption_and_that_it_decides_on_nothing() -> None:
    arms = [("a", arm(0.9, 1)), ("b", arm(0.9, 2)), ("c", arm(0.5, 3))]
    found = borrow(arms)
    assert found is not None
    said = replace(found, worth_saying=True).about("a", verdicts(arms))
    assert said.startswith("Borrowing, which decides on nothing: if the seeds of these models vary about equally much")
    assert "P(a better than b)" in said
    assert "by more than half a point" in said
    assert "than c)" not in said  # which is shown to be worse
    assert replace(found, worth_saying=False).about("a", verdicts(arms)) == ""
    assert [chance_text(each) for each in (0.999, 0.5, 0.001)] == ["> 0.99", "0.50", "< 0.01"]


def test_an_arm_that_stands_apart_pays_nothing_for_having_been_chosen() -> None:
    alone = find_winner({"a": arm(0.9, 1), "b": arm(0.5, 2), "c": arm(0.4, 3)})
    own = interval(arm(0.9, 1))
    assert alone is not None
    assert alone.low == pytest.approx(own.low, abs=0.002)
    assert (alone.high, alone.may_be_best, alone.arms) == (own.high, ("a",), ("a", "b", "c"))
    assert find_winner({}) is None


def test_the_best_of_many_equal_ones_has_an_interval_that_reaches_further_down() -> None:
    drawn = {str(at): arm(0.9, at, 0.0, seeds=1) for at in range(10)}
    ranked = dict(sorted(drawn.items(), key=lambda item: -float(item[1].mean())))
    found = find_winner(ranked, verdicts(list(ranked.items())))
    assert found is not None
    own = interval(ranked[found.arm])
    assert found.low < own.low - 0.002
    assert found.high == own.high
    assert len(found.may_be_best) >= 8


@pytest.mark.parametrize("seed", range(12))
def test_of_two_arms_one_is_excluded_exactly_where_the_verdict_finds_a_difference(seed: int) -> None:
    a, b = arm(0.9, seed), arm(0.87, 100 + seed)
    race = Race((a, b))
    excluded = [not race.may_be_best(place) for place in range(2)]
    assert any(excluded) == (difference_p(a, b, 0.0) < 0.05)
    assert any(excluded) == verdict("a", a, "b", b).shown


def test_an_arm_is_out_only_where_all_others_at_once_speak_against_it() -> None:
    """The worst of ten equal arms is often behind the best with p < 0.05, and may be the best all the same."""
    spared = 0
    for start in range(0, 60, 10):
        ranked = sorted((arm(0.9, start + at, 0.0, seeds=1) for at in range(10)), key=lambda each: -float(each.mean()))
        race, p = Race(tuple(ranked)), difference_p(ranked[0], ranked[-1], 0.0)
        spared += p < 0.05 and race.may_be_best(9)
        assert race.may_be_best(9) or p < 0.05
        assert p / 2 <= race._at_once(9, range(9), p / 2) <= 9 * p / 2
    assert spared >= 1


def test_drawn_half_widths_are_those_of_the_sampling_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the estimated spread is the true one."""

    class Still:
        def chisquare(self, freedom: float, count: int) -> NDArray[np.float64]:
            return np.full(count, freedom)

    errors = [accuracy_error(arm(0.9, 1, seeds=seeds)) for seeds in (1, 2, 3, 5)]
    monkeypatch.setattr(np.random, "default_rng", lambda _: Still())
    for error in errors:
        assert _half_widths(error, 0)[0] == pytest.approx(error.half_width(0.05))


def judged(arms: list[str], apart: set[tuple[str, str]]) -> list[Verdict]:
    return [
        Verdict(a, b, 0.1, 0.0, 0.2, 0.01, "better" if (a, b) in apart else "no difference shown")
        for a, b in combinations(arms, 2)
    ]


def test_arms_share_a_letter_exactly_where_they_are_not_shown_apart() -> None:
    names = list("ABCDEFGH")
    generator = np.random.default_rng(4)
    for _ in range(20):
        apart = {pair for pair in combinations(names, 2) if generator.uniform() < 0.5}
        found = letters(names, judged(names, apart))
        for a, b in combinations(names, 2):
            assert bool(set(found[a]) & set(found[b])) == ((a, b) not in apart)
        assert found["A"].startswith("a")


def test_piepho_s_chain_takes_two_letters_and_few_arms_none() -> None:
    names = ["A", "B", "C", "D", "E"]
    apart = {(a, b) for a, b in combinations(names, 2) if names.index(b) - names.index(a) > 1}
    assert letters(names, judged(names, apart)) == {"A": "a", "B": "ab", "C": "bc", "D": "cd", "E": "d"}
    assert letters(names, judged(names, set())) == dict.fromkeys(names, "a")
    assert letters(names[:FEW], judged(names[:FEW], set())) == {}


def test_a_small_simulation_of_many_arms_stays_in_bounds() -> None:
    """30 replications: four standard errors of 95 %."""
    least = 0.95 - 4 * sqrt(0.05 * 0.95 / 30)
    generator = np.random.default_rng(0)
    world = simulation.World((0.9,) * 4, (0.015,) * 4, 3, 300)
    found = np.array([simulation._borrowed(world, generator, 3) for _ in range(30)], dtype=np.float64)
    assert found[:, :3].mean(axis=0).min() >= least
    assert np.median(found[:, 3]) < 1
    won = np.array([simulation._won(world, generator) for _ in range(15)], dtype=np.float64)
    assert won[:, 1:3].mean(axis=0).min() >= 0.7


def test_the_stored_simulation_of_many_arms_holds_what_the_page_says() -> None:
    """Where the assumption holds borrowing covers, where it does not it may miss; the winner is covered."""
    stored, text = simulation.read(), DOCUMENT.read_text(encoding="utf-8")
    assert list(stored) == list(simulation.STATEMENTS)
    assert all(line in text for rows in stored.values() for line in simulation.table(rows))
    for row in stored["borrowing"]:
        if "times" not in row["arms"] and "tenth" not in row["arms"] and "deviations" not in row["arms"]:
            error = 3.5 * sqrt(0.05 * 0.95 / row["replications"])
            assert min(row["first"], row["last"], row["difference"]) >= 0.95 - error, row
    for row in stored["winner"]:
        error = 3.5 * sqrt(0.05 * 0.95 / row["replications"])
        assert row["covers"] >= (0.95 if row["deviation"] < 0.02 else 0.93) - error, row
        assert row["covers"] >= row["own covers"], row
        assert row["best in set"] >= 0.95 - error, row
