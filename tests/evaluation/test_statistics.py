"""Are intervals, tests and corrections what their sources say? That they cover is in test_coverage.py."""

from fractions import Fraction
from itertools import pairwise
from math import comb
from time import perf_counter

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from sadari.evaluation.statistics import against, difference_p, holm, interval, mid_p, verdict, verdicts
from sadari.values import Interval
from support.predictions import correct_rows

Bools = NDArray[np.bool_]


def drawn(
    generator: np.random.Generator, seeds: int, images: int, ability: float, between: float, own: float
) -> tuple[Bools, NDArray[np.float64]]:
    """Draw the correctness of `seeds` networks; return it and the images' difficulties, which the networks share.

    An image is correct where ability + seed (std `between`) + difficulty (std 1) + own view of a seed (std `own`) > 0.
    """
    difficulty = generator.normal(size=images)
    return _seen(generator, seeds, difficulty, ability, between, own), difficulty


def _seen(
    generator: np.random.Generator,
    seeds: int,
    difficulty: NDArray[np.float64],
    ability: float,
    between: float,
    own: float,
) -> Bools:
    seed = between * generator.normal(size=(seeds, 1))
    view = own * generator.normal(size=(seeds, len(difficulty)))
    return np.asarray(ability + seed + difficulty + view > 0)


def test_one_seed_gives_wilsons_interval() -> None:
    correct = correct_rows([90], 100)
    found = interval(correct)
    expected = stats.binomtest(90, 100).proportion_ci(method="wilson")
    assert (found.mean, found.sd) == (0.9, 0.0)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_everything_right_is_not_certainty() -> None:
    found = interval(correct_rows([50, 50, 50], 50))
    assert found.high == 1.0
    assert 0.92 < found.low < 0.94


def test_seeds_that_all_say_the_same_are_one_network() -> None:
    once, thrice = interval(correct_rows([30], 40)), interval(correct_rows([30, 30, 30], 40))
    assert (once.low, once.high) == (thrice.low, thrice.high)


def test_seeds_that_differ_widen_the_interval() -> None:
    same, apart = interval(correct_rows([900, 900, 900], 1000)), interval(correct_rows([860, 900, 940], 1000))
    assert same.mean == apart.mean
    assert apart.sd == pytest.approx(0.04)
    assert apart.high - apart.low > 2 * (same.high - same.low)


def test_intervals_lie_inside_zero_and_one_around_the_mean() -> None:
    generator = np.random.default_rng(0)
    for _ in range(200):
        correct = generator.random((generator.integers(1, 5), generator.integers(1, 30))) < generator.random()
        found = interval(correct)
        assert 0 <= found.low <= found.mean <= found.high <= 1


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_a_number_is_refuted_exactly_where_it_lies_outside_the_interval(seeds: int) -> None:
    generator = np.random.default_rng(seeds)
    for _ in range(40):
        correct, _ = drawn(generator, seeds, 300, 1.3, 0.05, 0.6)
        found = interval(correct)
        for edge, inwards in ((found.low, 1), (found.high, -1)):
            inside, outside = (against(correct, edge + sign * inwards * 1e-6) for sign in (1, -1))
            assert outside[0] < 0.05 < inside[0]
            assert inside[1] == found
        assert against(correct, found.mean)[0] == 1.0


def test_one_network_against_a_number_is_the_score_test() -> None:
    p, found = against(correct_rows([90], 100), 0.85)
    assert p == pytest.approx(2 * stats.norm.sf(0.05 / np.sqrt(0.85 * 0.15 / 100)))
    assert found == interval(correct_rows([90], 100))


def test_a_single_error_proves_that_not_all_are_right() -> None:
    assert against(correct_rows([99], 100), 1.0)[0] == 0.0
    assert against(correct_rows([100], 100), 1.0)[0] == 1.0
    assert against(correct_rows([100], 100), 0.9)[0] < 0.01
    with pytest.raises(ValueError, match=r"0\.\.1, not 1\.5"):
        against(correct_rows([99], 100), 1.5)


@pytest.mark.parametrize("shape", [(0, 5), (2, 0), (5,)])
def test_nothing_to_measure_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        interval(np.ones(shape, dtype=bool))


def test_one_seed_each_is_mcnemars_test_with_the_mid_p() -> None:
    a, b = np.ones((1, 100), dtype=bool), np.ones((1, 100), dtype=bool)
    a[0, :3] = False  # 3 images that only b gets right
    b[0, 10:22] = False  # 12 that only a gets right
    found = verdict("a", a, "b", b)
    assert found.p == pytest.approx(stats.binomtest(3, 15).pvalue - stats.binom.pmf(3, 15, 0.5))
    assert found.difference == pytest.approx(0.09)
    assert found.low < 0.09 < found.high
    assert found.verdict == "better"


def test_the_mid_p_is_that_of_the_paper_and_of_counting() -> None:
    """Fagerland, Lydersen & Laake (2013), their first example: 1 and 7 discordant pairs, exact 0.070, mid-p 0.039."""
    assert mid_p(1, 7) == pytest.approx(0.0390625)
    assert stats.binomtest(1, 8).pvalue == pytest.approx(0.0703125)
    assert mid_p(0, 0) == 1.0
    for count in range(1, 12):
        chances = [Fraction(comb(count, each), 2**count) for each in range(count + 1)]
        for only_a in range(count + 1):
            away = [abs(2 * each - count) - abs(2 * only_a - count) for each in range(count + 1)]
            weights = [1 if each > 0 else Fraction(each == 0, 2) for each in away]
            counted = sum(chance * weight for chance, weight in zip(chances, weights, strict=True))
            expected = 1.0 if 2 * only_a == count else float(counted)
            assert mid_p(only_a, count - only_a) == pytest.approx(expected)


def test_equal_networks_show_no_difference_but_no_certainty_either() -> None:
    correct = correct_rows([80], 100)
    found = verdict("a", correct, "b", correct)
    assert (found.difference, found.p, found.verdict) == (0.0, 1.0, "no difference shown")
    assert found.low < 0 < found.high


def test_exchanging_the_arms_mirrors_the_verdict() -> None:
    generator = np.random.default_rng(4)
    a, difficulty = drawn(generator, 3, 400, 1.0, 0.05, 0.5)
    b = _seen(generator, 3, difficulty, 0.6, 0.05, 0.5)
    forth, back = verdict("a", a, "b", b), verdict("b", b, "a", a)
    assert forth.difference == pytest.approx(-back.difference)
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low))
    assert forth.p == pytest.approx(back.p)
    assert (forth.verdict, back.verdict) == ("better", "worse")
    assert forth.sentence == back.sentence


@pytest.mark.parametrize("seeds", [(2, 2), (3, 3), (2, 1), (5, 1)])
def test_the_interval_excludes_zero_exactly_where_p_is_below_five_per_cent(seeds: tuple[int, int]) -> None:
    generator = np.random.default_rng(7)
    seen = set()
    for _ in range(60):
        a, difficulty = drawn(generator, seeds[0], 300, 1.0, 0.1, 0.5)
        b = _seen(generator, seeds[1], difficulty, 1.0 + 0.4 * generator.normal(), 0.1, 0.5)
        found = verdict("a", a, "b", b)
        assert (found.p < 0.05) == (found.low > 0 or found.high < 0)
        seen.add(found.p < 0.05)
    assert seen == {True, False}


def test_the_interaction_is_not_counted_twice() -> None:
    """Pure noise per seed and image: the variance of a mean over S x N draws is p (1 - p) / (S N)."""
    generator = np.random.default_rng(1)
    widths = []
    for _ in range(300):
        found = interval(generator.random((10, 400)) < 0.7)
        widths.append((found.high - found.low) / 2)
    exact = 1.96 * np.sqrt(0.7 * 0.3 / (10 * 400))
    # t of 9 degrees of freedom is 1.15 times as large as z; twice counted would be 1.53 times as wide.
    assert 1.0 < np.median(widths) / exact < 1.30


def test_a_real_difference_is_found() -> None:
    generator = np.random.default_rng(3)
    found = 0
    for _ in range(50):
        a, difficulty = drawn(generator, 3, 2000, 1.5, 0.02, 0.5)
        b = _seen(generator, 3, difficulty, 1.2, 0.02, 0.5)
        found += verdict("a", a, "b", b).verdict == "better"
    assert found >= 48


@pytest.mark.parametrize("seeds", [2, 3])
def test_equal_within_a_margin_is_the_ninety_per_cent_interval_inside_it(seeds: int) -> None:
    generator = np.random.default_rng(seeds)
    seen, margin = set(), {2: 0.03, 3: 0.02}[seeds]
    for _ in range(60):
        a, difficulty = drawn(generator, seeds, 2000, 1.3, 0.01, 0.5)
        b = _seen(generator, seeds, difficulty, 1.3, 0.01, 0.5)
        found = verdict("a", a, "b", b, margin=margin)
        assert found.equal_p is not None
        edges = [difference_p(a, b, bound) for bound in (-margin, margin)]
        inside = abs(found.difference) < margin and max(edges) < 0.10
        assert (found.equal_p < 0.05) == inside
        seen.add(inside)
    assert seen == {True, False}


def test_no_margin_no_equality() -> None:
    found = verdict("a", correct_rows([900], 1000), "b", correct_rows([900], 1000))
    assert (found.margin, found.equal_p) == (None, None)


@pytest.mark.parametrize("margin", [0.0, -0.01, 1.0, float("nan")])
def test_a_margin_that_is_none_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        verdict("a", correct_rows([90], 100), "b", correct_rows([90], 100), margin)


def test_equality_is_corrected_among_itself() -> None:
    generator = np.random.default_rng(5)
    first, difficulty = drawn(generator, 3, 2000, 1.3, 0.01, 0.3)
    others = [_seen(generator, 3, difficulty, 1.3, 0.01, 0.3) for _ in range(2)]
    arms = [("a", first), ("b", others[0]), ("c", others[1])]
    alone = [verdict(*arms[i], *arms[j], margin=0.02) for i, j in ((0, 1), (0, 2), (1, 2))]
    together = verdicts(arms, margin=0.02)
    assert [each.equal_p for each in together] == pytest.approx(holm([each.equal_p or 0.0 for each in alone]))
    assert [each.p for each in together] == [each.p for each in verdicts(arms)]


def test_ten_arms_of_five_seeds_on_ten_thousand_images_take_two_seconds() -> None:
    generator = np.random.default_rng(0)
    arms = [(f"arm {number}", generator.random((5, 10_000)) < 0.9) for number in range(10)]
    started = perf_counter()
    assert len(verdicts(arms, margin=0.005)) == 45
    assert perf_counter() - started < 2.0


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_keeps_the_order_of_p_and_never_lowers_one() -> None:
    p = np.random.default_rng(0).random(20).tolist()
    adjusted = holm(p)
    assert all(after >= before for after, before in zip(adjusted, p, strict=True))
    by_p = [after for _, after in sorted(zip(p, adjusted, strict=True))]
    assert all(first <= second for first, second in pairwise(by_p))


def test_verdicts_of_three_arms_are_corrected_for_three_pairs() -> None:
    generator = np.random.default_rng(9)
    best, difficulty = drawn(generator, 3, 1000, 1.6, 0.02, 0.5)
    arms = [("a", best), ("b", _seen(generator, 3, difficulty, 1.3, 0.02, 0.5))]
    arms.append(("c", _seen(generator, 3, difficulty, 1.28, 0.02, 0.5)))
    found = verdicts(arms)
    assert [(each.a, each.b) for each in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    single = [verdict(*arms[0], *arms[1]), verdict(*arms[0], *arms[2]), verdict(*arms[1], *arms[2])]
    assert [each.p for each in found] == pytest.approx(holm([each.p for each in single]))
    assert [(each.low, each.high) for each in found] == [(each.low, each.high) for each in single]
    assert [each.verdict for each in found] == ["better", "better", "no difference shown"]


def test_different_images_are_refused() -> None:
    with pytest.raises(ValueError, match="100 images and b 99"):
        verdict("a", correct_rows([3], 100), "b", correct_rows([3], 99))


def test_the_span_of_an_interval_says_where_there_is_none_and_where_it_excludes_nothing() -> None:
    assert Interval(0.9, 0.01, 0.88, 0.92).span == "0.880 - 0.920"
    assert Interval(0.9, 0.0, 0.9, 0.9).span == "-"
    failed = interval(correct_rows([1000, 0], 1000))
    assert failed.span == "unknown"
