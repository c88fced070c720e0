"""Does a claim get the verdict that the runs behind it allow, and no more?"""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sadari.comparison.claims.judging import judge_claims
from sadari.comparison.claims.parse import parse_claim
from sadari.evaluation.statistics import verdict
from support.made_runs import IMAGES, THREE, MadeRun, arm, judged, runs


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("high > low", "supported"),
        ("low < high", "supported"),
        ("low > high", "refuted"),
        ("high < low", "refuted"),
        ("high > twin", "not shown"),
        ("twin > high", "not shown"),
        ("high > low within 0.05", "supported"),
        ("low < high within 0.05", "supported"),
        ("high > twin within 0.02", "refuted"),  # equal within what counts
        ("high < twin within 0.02", "refuted"),
        ("high > low within 0.2", "refuted"),  # better, but by less than what counts
        ("high > low within 0.1", "not shown"),  # as much as what counts
        ("low < high within 0.1", "not shown"),
        ("low > high within 0.05", "refuted"),
        ("high > 0.8 within 0.05", "supported"),
        ("high > 0.8 within 0.1", "not shown"),
        ("high > 0.8 within 0.15", "refuted"),
        ("low < 0.9 within 0.05", "supported"),
        ("low < 0.9 within 0.15", "refuted"),
        ("high > 0.95 within 0.2", "refuted"),  # a bound above 1, where no accuracy is
        ("high >= low", "supported"),
        ("low >= high", "refuted"),
        ("low <= high", "supported"),
        ("high >= twin", "not shown"),
        ("twin >= high within 0.02", "supported"),
        ("high <= twin within 0.02", "supported"),
        ("low >= high within 0.02", "refuted"),
        ("low >= high within 0.1", "not shown"),
        ("high = twin within 0.02", "supported"),
        ("high = twin within 0.0001", "not shown"),
        ("high = low within 0.02", "refuted"),
        ("high = low within 0.1", "not shown"),
        ("high >= 0.8", "supported"),
        ("high > 0.8", "supported"),
        ("high < 0.8", "refuted"),
        ("high >= 0.95", "refuted"),
        ("high >= 0.9", "not shown"),
        ("high >= 0.9 within 0.05", "supported"),
        ("high = 0.9 within 0.05", "supported"),
        ("high = 0.5 within 0.05", "refuted"),
        ("low >= 0.01 within 0.5", "supported"),  # a bound below 0, where no accuracy is
        ("argmax(accuracy over arms) = low", "refuted"),
        ("argmin(accuracy over arms) = low", "supported"),
        ("argmax(accuracy over arms) = high", "not shown"),  # its twin stands in the way
    ],
)
def test_accuracies_get_the_verdict_they_allow(text: str, word: str) -> None:
    [found] = judged(text, THREE)
    assert (found.claim, found.verdict) == (text, word)
    assert found.sentence.endswith("5 seeds; these models, this training set.")


def test_the_numbers_are_those_of_the_statistics() -> None:
    [found] = judged("high > low", THREE)
    high, low = (np.stack([run.correct for run in THREE[name]]) for name in ("high", "low"))
    known = verdict("high", high, "low", low)
    [finding] = found.findings
    assert (finding.value, finding.low, finding.high, finding.p) == (known.difference, known.low, known.high, known.p)
    points = f"{100 * known.difference:+.1f} points ({100 * known.low:+.1f} to {100 * known.high:+.1f})"
    assert (
        found.sentence
        == f"accuracy of high minus that of low: {points}; p < 0.001; 5 seeds; these models, this training set."
    )


def test_all_p_of_a_study_are_corrected_together_each_question_once() -> None:
    twins = {"a": runs("a", 0.9), "b": runs("b", 0.9035), "c": runs("c", 0.9001)}
    [alone] = judged("b > a", twins)
    again, turned, other = judged(["b > a", "a < b", "c > a"], twins)
    assert 0 < alone.findings[0].p < 0.5
    assert again.findings[0].p == pytest.approx(
        2 * alone.findings[0].p
    )  # two questions, the smaller p of which is this
    assert turned.findings[0].p == again.findings[0].p
    assert other.findings[0].p >= again.findings[0].p


def test_better_by_more_than_a_margin_is_one_question_against_the_margin() -> None:
    [found] = judged("high > low within 0.05", THREE)
    [turned] = judged("low < high within 0.05", THREE)
    [finding] = found.findings
    assert (finding.bound, finding.margin) == (0.05, None)
    assert turned.findings[0].bound == -0.05
    assert "; p < 0.001 against 5 points; 5 seeds; these models, this training set." in found.sentence
    assert "; p < 0.001 against -5 points; 5 seeds; these models, this training set." in turned.sentence


def test_a_difference_below_the_margin_is_seldom_said_to_be_above_it() -> None:
    """Check 200 comparisons of 5 seeds whose true difference is 0.018 where 0.02 counts as none."""
    generator, words = np.random.default_rng(0), Counter[str]()
    for _ in range(200):
        hard = generator.random((2, IMAGES))
        made = {
            name: [
                MadeRun(Path(f"{name}{seed}"), correct=(hard[0] if seed % 2 else hard[1]) < share + noise)
                for seed, noise in enumerate(generator.normal(0, 0.002, 4))
            ]
            for name, share in (("a", 0.959), ("b", 0.941))
        }
        words[judged("a > b within 0.02", made)[0].verdict] += 1
    assert words["supported"] <= 0.05 * 200 + 3 * (200 * 0.05 * 0.95) ** 0.5


def test_equality_is_two_one_sided_tests() -> None:
    [found] = judged("high = twin within 0.02", THREE)
    [other] = judged("high >= twin within 0.02", THREE)
    assert found.findings[0].p == pytest.approx(other.findings[0].p / 2, rel=0.2)  # the nearer end, one side of it
    [wide] = judged("high = low within 0.05", THREE)
    [side] = judged("high > low", {**THREE, "low": THREE["low"]})
    assert wide.verdict == "refuted"
    assert wide.findings[0].p > side.findings[0].p


def test_correction_takes_a_verdict_back() -> None:
    """Check that a p of 0.03 among many questions shows nothing."""
    arms = {f"arm{number}": runs(f"arm{number}", 0.90 + 0.0005 * number) for number in range(12)}
    pairs = [f"arm{number} > arm0" for number in range(1, 12)]
    alone = {text: judged(text, arms)[0].verdict for text in pairs}
    together = {each.claim: each.verdict for each in judged(pairs, arms)}
    taken = [text for text in pairs if alone[text] == "supported" and together[text] == "not shown"]
    assert taken
    assert all(alone[text] == "supported" for text in pairs if together[text] == "supported")


def test_an_argmax_tells_what_stands_in_its_way_first() -> None:
    arms = {f"net rate={rate}": runs(rate, accuracy) for rate, accuracy in (("1", 0.7), ("2", 0.9), ("3", 0.8))}
    [best] = judged("argmax(rate) = 2", arms)
    [second] = judged("argmax(rate) = 3", arms)
    assert (best.verdict, second.verdict) == ("supported", "refuted")
    assert best.sentence.startswith("accuracy at rate 2 minus that at 3: +10.0 points (")
    assert second.sentence.startswith("accuracy at rate 3 minus that at 2: -10.0 points (")
    assert best.sentence.index("at 3:") < best.sentence.index("at 1:")
    assert len(best.findings) == 2


def test_a_failed_arm_shows_nothing_but_that_it_failed() -> None:
    records = {**THREE, "dead": [], "half": runs("half", 0.99, seeds=2)}
    why = {"dead": "seed 0: the loss is no longer a number", "half": "seed 2: the memory is full"}
    texts = ["high > dead", "half > low", "argmax(accuracy over arms) = high", "dead fails", "half fails", "low fails"]
    found = judged(texts, records, why)
    assert [each.verdict for each in found] == ["not shown"] * 3 + ["supported", "not shown", "refuted"]
    assert found[0].sentence == "nothing can be said: dead failed (seed 0: the loss is no longer a number)."
    assert "2 seeds were trained to the end" in found[4].sentence
    assert not any(each.findings for each in found)


def test_one_seed_speaks_of_one_network_and_shows_nothing_of_other_seconds() -> None:
    arms = {"a": runs("a", 0.9, seeds=1, loss=0.2), "b": runs("b", 0.7, seeds=1, loss=0.6)}
    texts = ["a > b", "loss(a) < loss(b)", "a reaches val 0.5 within 1 epoch", "seconds(a) < seconds(b)"]
    *of_images, faster = judged(texts, arms)
    assert [each.verdict for each in of_images] == ["supported"] * 3
    assert of_images[1].sentence.endswith("of these trained networks only, one seed.")
    assert faster.verdict == "not shown"
    assert "a has a single seed" in faster.sentence


def test_one_seed_of_one_arm_speaks_of_that_network() -> None:
    [found] = judged("a > 0.5", {"a": runs("a", 0.9, seeds=1)})
    assert found.sentence.endswith("; of this trained network only, one seed.")


def test_two_seeds_that_say_nothing_print_no_interval_of_everything() -> None:
    correct = np.ones(IMAGES, dtype=bool)
    arms = {
        "a": [MadeRun(Path("a0"), correct=correct), MadeRun(Path("a1"), correct=~correct)],
        "b": runs("b", 0.9, seeds=2),
    }
    alone, beside = judged(["a > 0.2", "a > b"], arms)
    assert alone.sentence.startswith("accuracy of a: 0.5000 (any other is possible); ")
    assert "-40.0 points (any other is possible); " in beside.sentence


def test_the_words_of_the_author_are_kept() -> None:
    claim = replace(parse_claim("high > low", list(THREE)), words="deeper is better")
    [found] = judge_claims([claim], [arm(name, each) for name, each in THREE.items()], THREE)
    assert found.words == "deeper is better"
