"""Do the sentences of verdicts say what was found, of how much, and what would show more?"""

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from sadari.evaluation.crossed import SamplingError, Spread
from sadari.evaluation.power import Plan, plan_for
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
        r"cnn beats mlp by 3\.0 points \(\d\.\d to \d\.\d; p < 0\.001; the same 1,000 images, 3 seeds\)\.",
        found.sentence,
    )
    assert verdict("mlp", b, "cnn", a).verdict == "worse"
    assert verdict("mlp", b, "cnn", a).sentence == found.sentence


def test_one_seed_speaks_of_one_trained_network() -> None:
    a, b = correct_rows([950], 1000), correct_rows([920], 1000)
    assert verdict("cnn", a, "mlp", b).sentence.endswith("the same 1,000 images, one trained network each).")
    uneven = verdict("cnn", correct_rows([950, 952, 948], 1000), "mlp", b)
    assert uneven.sentence.endswith("the same 1,000 images, 3 seeds of cnn, one trained network of mlp).")


def test_a_tiny_difference_has_no_minus_before_its_zero() -> None:
    assert (
        "(0.0, " in verdict("a", correct_rows([5000, 5001], 20_000), "b", correct_rows([5001, 5001], 20_000)).sentence
    )


def test_equal_within_a_margin() -> None:
    found = verdict("a", *_named(equal_pair(3, 20_000)), margin=0.02)
    assert found.verdict == "equal within 0.02"
    assert re.fullmatch(
        r"a and b are equal within 2 points \(-?\d\.\d, -\d\.\d to \d\.\d; equivalence p < 0\.001; "
        r"the same 20,000 images, 3 seeds\)\.",
        found.sentence,
    )


def test_better_by_less_than_the_margin_says_both() -> None:
    generator = np.random.default_rng(1)
    difficulty = generator.uniform(size=20_000)
    a, b = networks(generator, difficulty, [0.91] * 5), networks(generator, difficulty, [0.9] * 5)
    found = verdict("a", a, "b", b, margin=0.03)
    assert found.verdict == "better"
    assert found.sentence.endswith("5 seeds), less than the margin of 3 points.")
    assert "margin" not in verdict("a", a, "b", b).sentence
    assert "margin" not in verdict("a", a, "b", b, margin=0.005).sentence


def test_no_difference_shown_advises_seeds_where_seeds_differ() -> None:
    found = verdict("a", *_named(equal_pair(3, 20_000, apart=0.004)))
    assert found.verdict == "no difference shown"
    assert re.fullmatch(
        r"a and b: no difference shown \(-?\d\.\d, -\d\.\d to \d\.\d; p = \d\.\d{3}; the same 20,000 images, "
        r"3 seeds\); \d+ seeds would show half a point\.",
        found.sentence,
    )


def test_no_difference_shown_advises_images_where_images_are_few() -> None:
    assert re.search(r"; about \d+,\d00 images would show half a point\.$", _sentence(equal_pair(1, 500)))
    assert re.search(
        r"; (50 seeds and )?about \d+,\d00 images would show half a point\.$", _sentence(equal_pair(3, 100, seed=1))
    )


def test_no_difference_shown_says_where_half_a_point_would_have_shown() -> None:
    generator = np.random.default_rng(2)
    images = np.repeat(generator.uniform(size=(1, 100_000)), 5, axis=0)
    a, b = images < 0.9, images < 0.9
    a[:, :3] = ~a[:, :3]
    assert _sentence((a, b)).endswith("; half a point would have shown.")


def test_no_difference_shown_admits_that_no_advice_helps() -> None:
    assert _sentence(equal_pair(2, 20_000, apart=0.3)).endswith(
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
    held = [each for each in verdicts(arms) if each.verdict == "no difference shown" and each.low * each.high > 0]
    assert held
    for each in held:
        assert "alone it would count, among 28 comparisons it does not: more seeds would settle it" in each.sentence
    others = [each for each in verdicts(arms) if each.verdict == "no difference shown" and each.low * each.high < 0]
    assert others
    assert not any("alone it would count" in each.sentence for each in others)
