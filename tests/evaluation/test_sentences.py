"""Do the sentences of verdicts say what was found, of how much, and what would show more?"""

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from sadari.evaluation.crossed import SamplingError, Spread
from sadari.evaluation.power import Plan, plan_for
from sadari.evaluation.sentences import p_text
from sadari.evaluation.statistics import verdict, verdicts
from support.predictions import correct_rows

Bools = NDArray[np.bool_]


def networks(generator: np.random.Generator, images: NDArray[np.float64], accuracies: list[float]) -> Bools:
    """Draw one row per accuracy; the networks agree on nine tenths of the images, whose difficulty is uniform."""
    noise = 0.05 * generator.uniform(-1, 1, size=(len(accuracies), len(images)))
    return np.asarray(images + noise < np.array(accuracies)[:, None])


def equal_pair(seeds: int, images: int, apart: float = 0.0, seed: int = 0) -> tuple[Bools, Bools]:
    generator = np.random.default_rng(seed)
    difficulty = generator.uniform(size=images)
    between = [apart * (index - (seeds - 1) / 2) for index in range(seeds)]
    return (
        networks(generator, difficulty, [0.9 + each for each in between]),
        networks(generator, difficulty, [0.9 - each for each in between]),
    )


def test_better_and_worse_name_the_winner_first() -> None:
    a, b = correct_rows([950, 952, 948], 1000), correct_rows([920, 922, 918], 1000)
    found = verdict("cnn", a, "mlp", b)
    assert found.verdict == "better"
    assert re.fullmatch(
        r"cnn beats mlp by 3\.0 points \(\d\.\d to \d\.\d; p < 0\.001; the same 1,000 images, 3 seeds; "
        r"these models, this training set\)\.",
        found.sentence,
    )
    assert verdict("mlp", b, "cnn", a).verdict == "worse"
    assert verdict("mlp", b, "cnn", a).sentence == found.sentence


def test_one_seed_speaks_of_one_trained_network() -> None:
    a, b = correct_rows([950], 1000), correct_rows([920], 1000)
    assert verdict("cnn", a, "mlp", b).sentence.endswith(
        "the same 1,000 images, one trained network each, so of these networks only)."
    )
    uneven = verdict("cnn", correct_rows([950, 952, 948], 1000), "mlp", b)
    assert uneven.sentence.endswith(
        "the same 1,000 images, 3 seeds of cnn, one trained network of mlp, so of that network only)."
    )


def test_a_tiny_difference_has_no_minus_before_its_zero() -> None:
    assert (
        "(0.0, " in verdict("a", correct_rows([5000, 5001], 20_000), "b", correct_rows([5001, 5001], 20_000)).sentence
    )


def test_equal_within_a_margin() -> None:
    found = verdict("a", *_named(equal_pair(3, 20_000)), margin=0.02)
    assert found.verdict == "equal within 0.02"
    assert re.fullmatch(
        r"a and b are equal within 2 points \(-?\d\.\d, -\d\.\d to \d\.\d; equivalence p < 0\.001; "
        r"the same 20,000 images, 3 seeds; these models, this training set\)\.",
        found.sentence,
    )


def test_better_by_less_than_the_margin_says_both() -> None:
    generator = np.random.default_rng(1)
    difficulty = generator.uniform(size=20_000)
    a, b = networks(generator, difficulty, [0.91] * 5), networks(generator, difficulty, [0.9] * 5)
    found = verdict("a", a, "b", b, margin=0.03)
    assert found.verdict == "better"
    assert found.sentence.endswith("5 seeds; these models, this training set), less than the margin of 3 points.")
    assert "margin" not in verdict("a", a, "b", b).sentence
    assert "margin" not in verdict("a", a, "b", b, margin=0.005).sentence


def test_no_difference_shown_advises_seeds_where_seeds_differ() -> None:
    found = verdict("a", *_named(equal_pair(3, 20_000, apart=0.004)))
    assert found.verdict == "no difference shown"
    assert re.fullmatch(
        r"a and b: no difference shown \(-?\d\.\d, -\d\.\d to \d\.\d; p = \d\.\d{3}; the same 20,000 images, "
        r"3 seeds; these models, this training set\); \d+ seeds would show half a point\.",
        found.sentence,
    )


def test_no_difference_shown_advises_images_where_images_are_few() -> None:
    assert re.search(r"; about \d+,\d00 images would show half a point\.$", _sentence(equal_pair(1, 500)))
    assert re.search(
        r"; (50 seeds and )?about \d+,\d00 images would show half a point\.$", _sentence(equal_pair(3, 100, seed=1))
    )


def test_no_difference_shown_says_where_the_interval_excludes_half_a_point() -> None:
    generator = np.random.default_rng(2)
    images = np.repeat(generator.uniform(size=(1, 100_000)), 5, axis=0)
    a, b = images < 0.9, images < 0.9
    a[:, :3] = ~a[:, :3]
    assert _sentence((a, b)).endswith("; a difference of half a point is ruled out.")


def test_no_difference_shown_admits_that_no_advice_helps() -> None:
    assert _sentence(equal_pair(3, 20_000, apart=0.3)).endswith(
        "; it would take more than 50 seeds to show half a point."
    )


def test_more_pairs_ask_for_more_seeds() -> None:
    a, b = equal_pair(3, 20_000, apart=0.004)
    pair, three = verdict("a", a, "b", b), verdicts([("a", a), ("b", b), ("c", a)])
    advised = [int(re.findall(r"(\d+) seeds would show", each.sentence)[0]) for each in (pair, three[0])]
    assert advised[0] < advised[1]


def test_a_plan_shows_half_a_point_in_eighty_of_a_hundred() -> None:
    """Simulated: with the seeds advised from the true variances, half a point is shown in 70 to 90 % of cases."""
    generator = np.random.default_rng(3)
    images, apart = 20_000, 0.0035  # standard deviation over seeds
    error = SamplingError(1e-9, (Spread(apart**2 / 3, 1e-10, 3), Spread(apart**2 / 3, 1e-10, 3)))
    plan = plan_for(error, Plan(3, images), 0.05, more_seeds=True)
    assert plan is not None and plan.images == images and 5 < plan.seeds < 20
    shown = 0
    for _ in range(300):
        values = generator.normal([[0.005], [0.0]], apart, size=(2, plan.seeds))
        spreads = [Spread(float(each.var(ddof=1)) / plan.seeds, 1e-10, plan.seeds) for each in values]
        planned = SamplingError(1e-9, (spreads[0], spreads[1]))
        shown += abs(float(values[0].mean() - values[1].mean())) > planned.half_width(0.05)
    assert 0.70 < shown / 300 < 0.90


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_every_sentence_is_one(seeds: int) -> None:
    for images, apart in ((200, 0.0), (200, 0.03), (5_000, 0.01)):
        for margin in (None, 0.001, 0.1):
            found = verdict("a", *_named(equal_pair(seeds, images, apart)), margin=margin)
            assert found.sentence.endswith(".") and "nan" not in found.sentence and "  " not in found.sentence


def _named(pair: tuple[Bools, Bools]) -> tuple[Bools, str, Bools]:
    return pair[0], "b", pair[1]


def _sentence(pair: tuple[Bools, Bools]) -> str:
    found = verdict("a", *_named(pair))
    assert found.verdict == "no difference shown"
    return found.sentence


def test_a_difference_that_only_the_correction_holds_back_is_said_to_be_one() -> None:
    generator = np.random.default_rng(3)
    arms = [(f"arm{number}", generator.random((3, 2000)) < 0.9 + 0.005 * number) for number in range(8)]
    unshown = [each for each in verdicts(arms) if each.verdict == "no difference shown"]
    held = [each for each in unshown if each.low * each.high > 0]
    assert held
    for each in held:
        assert "alone it would count, among 28 comparisons it does not; " in each.sentence
        assert re.search(
            r"; (\d+ seeds|more seeds or images) would (show a difference as large as this|tell)\.$", each.sentence
        )
    others = [each for each in unshown if each.low * each.high < 0]
    assert others
    assert not any("alone it would count" in each.sentence for each in others)


def three_without_chance(lost: int) -> list[tuple[str, Bools]]:
    """y and z each miss `lost` images that x gets right, and get one right that x misses."""
    x = np.ones((3, 359), bool)
    x[:, :10] = False
    y, z = x.copy(), x.copy()
    y[:, 20 : 20 + lost], y[:, 3] = False, True
    z[:, 40 : 40 + lost], z[:, 3] = False, True
    return [("x", x), ("y", y), ("z", z)]


@pytest.mark.parametrize(("lost", "counts"), [(6, False), (7, True)])
def test_what_alone_would_count_is_asked_of_the_test_that_decides(lost: int, counts: bool) -> None:
    arms = three_without_chance(lost)
    alone, among = verdict(*arms[0], *arms[1]), verdicts(arms)[0]
    assert (alone.p < 0.05) == counts
    assert among.verdict == "no difference shown"
    assert ("alone it would count, among 3 comparisons it does not" in among.sentence) == counts
    assert re.search(r"; about \d+,?\d+ images would show ", among.sentence)
    assert "seeds would" not in among.sentence and "seeds or" not in among.sentence


def test_no_seed_changes_models_without_chance() -> None:
    arms = three_without_chance(6)
    said = verdict(*arms[0], *arms[1]).sentence
    assert "the same 359 images, 3 seeds that answer alike; these models, this training set)" in said
    generator = np.random.default_rng(0)
    mixed = verdict("cnn", generator.random((3, 359)) < 0.9, *arms[0]).sentence
    assert "the same 359 images, 3 seeds of cnn, 3 seeds that answer alike of x" in mixed
    assert "so of" not in mixed


def test_half_a_point_is_excluded_by_the_interval_or_not_at_all() -> None:
    """With 2 seeds of one arm and 10 of the other, 10 of both were planned with once."""
    generator = np.random.default_rng(5)
    seen = set()
    for images in (3_000, 30_000, 200_000):
        difficulty = generator.uniform(size=images)
        for apart in (0.0, 0.0005, 0.002):
            a = networks(generator, difficulty, [0.9, 0.9 + apart])
            b = networks(generator, difficulty, [0.9 + apart * (index % 2) for index in range(10)])
            found = verdict("a", a, "b", b)
            excluded = found.low > -0.005 and found.high < 0.005
            if found.verdict == "no difference shown":
                assert ("half a point is ruled out" in found.sentence) == excluded
                seen.add(excluded)
    assert seen == {True, False}


def test_two_seeds_are_advised_a_third_and_told_what_it_brings() -> None:
    found = verdict("a", *_named(equal_pair(2, 5_000, apart=0.02)))
    match = re.search(
        r"two seeds hardly show how seeds differ: a third would narrow this to about (\d+\.\d) points", found.sentence
    )
    assert match and float(match[1]) < 50 * (found.high - found.low)
    assert "half a point" not in found.sentence
    within = verdict("a", *_named(equal_pair(2, 5_000, apart=0.02)), margin=0.03)
    assert "a difference as seen" not in within.sentence


def test_two_seeds_that_say_nothing_print_no_interval_of_everything() -> None:
    a, b = correct_rows([1000, 0], 1000), correct_rows([900, 905], 1000)
    found = verdict("a", a, "b", b)
    assert (found.low, found.high) == (-1.0, 1.0)
    assert "(-40.2, and any other difference is possible; p = " in found.sentence
    assert "100.0" not in found.sentence.split("a third")[0]


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0004, "p < 0.001"),
        (0.0314, "p = 0.031"),
        (0.05, "p = 0.050"),
        (0.0496, "p = 0.0496"),
        (0.04999, "p = 0.04999"),
        (0.0504, "p = 0.050"),
        (0.9999, "p = 1.000"),
    ],
)
def test_p_is_written_on_its_side_of_the_line(p: float, text: str) -> None:
    assert p_text(p) == text


def test_a_single_group_of_images_asks_for_groups_whatever_the_seeds() -> None:
    arms = [("a", correct_rows([6, 5], 12)), ("b", correct_rows([5, 4], 12))]
    [found] = verdicts(arms, groups=np.zeros(12, dtype=np.int64))
    assert found.sentence.endswith("; one group of images says nothing of others; more groups would tell.")
