"""Do looks share the 5 %, is what is decided kept, and do the stored simulations say so?"""

import importlib.util
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from sadari.comparison.seeds.networks import upper_share
from sadari.evaluation import figures
from sadari.evaluation.draws.deciding import decide
from sadari.evaluation.draws.looks import Look, Looks, chance_of_any, levels
from sadari.evaluation.influence import PerImage, Scale
from sadari.evaluation.statistics import interval, verdict, verdicts

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "quality" / "simulations" / "looks.py"
DOCUMENT = Path(__file__).parents[2] / "docs" / "statistics.md"
ERROR = 0.02  # three standard errors of 5 % over 1,000 replications


def load_benchmark() -> Any:
    spec = importlib.util.spec_from_file_location("looks_benchmark", BENCHMARK)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


benchmark = load_benchmark()


def arms(*abilities: float, seeds: int = 10, images: int = 400) -> list[tuple[str, np.ndarray[Any, Any]]]:
    generator = np.random.default_rng(1)
    shared = generator.standard_normal(images)
    return [
        (name, ability + shared + generator.standard_normal((seeds, images)) > 0)
        for name, ability in zip("abcdef", abilities, strict=False)
    ]


def test_three_looks_have_the_levels_that_they_were_given() -> None:
    looks = Looks.up_to(10)
    assert looks.seeds == (3, 5, 10)
    assert looks.levels == pytest.approx((0.01, 0.015, 0.04), abs=1e-6)


@pytest.mark.parametrize(
    ("most", "seeds"),
    [(4, (3, 4)), (5, (3, 5)), (6, (3, 6)), (7, (3, 5, 7)), (20, (3, 5, 10, 20)), (100, (3, 5, 10, 20, 40, 100))],
)
def test_looks_of_other_maxima_spend_as_much(most: int, seeds: tuple[int, ...]) -> None:
    looks = Looks.up_to(most)
    assert looks.seeds == seeds
    assert all(0 < level < 0.05 for level in looks.levels)
    assert chance_of_any(looks.seeds, looks.levels) == pytest.approx(0.05353, abs=1e-4)
    assert chance_of_any(looks.seeds, [0.05] * len(seeds)) > 0.06


@pytest.mark.parametrize("most", [3, 101])
def test_other_maxima_are_refused(most: int) -> None:
    with pytest.raises(ValueError, match="up to 4 to 100 of them"):
        Looks.up_to(most)


def test_the_walk_is_that_of_the_normal_distribution() -> None:
    """Two looks at 5 % after half of the seeds: an integral of the normal distribution of two."""
    bound = stats.norm.ppf(0.975)
    box = stats.multivariate_normal([0, 0], [[1, np.sqrt(0.5)], [np.sqrt(0.5), 1]])
    inside = box.cdf([bound, bound], lower_limit=[-bound, -bound])
    assert chance_of_any((5, 10), (0.05, 0.05)) == pytest.approx(1 - inside, abs=1e-5)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_p_overall_is_below_five_per_cent_exactly_below_the_level(number: int) -> None:
    look = Look((3, 5, 10), number)
    assert look.overall(look.level) == pytest.approx(0.05, rel=1e-9)
    assert look.overall(0.999 * look.level) < 0.05 < look.overall(1.001 * look.level)
    ps = [0.0, 1e-15, 1e-9, 1e-4, 0.01, 0.05, 0.2, 0.7, 1.0]
    found = [look.overall(p) for p in ps]
    assert found == sorted(found) and found[0] == 0 and found[-1] == 1
    assert all(each >= 0.9 * p for each, p in zip(found, ps, strict=True))
    for alpha in (1e-6, 0.003, 0.3):
        assert look.overall(levels(look.seeds, alpha)[number]) == pytest.approx(alpha, rel=2e-3)


def test_one_look_is_none() -> None:
    alone = Look((3,), 0)
    assert alone.level == 0.05 and alone.overall(0.03) == 0.03


def test_p_and_interval_of_a_look_agree() -> None:
    for place, (a, b) in enumerate([(1.6, 1.4), (1.6, 1.5), (1.6, 1.3)]):
        for step in decide(arms(a, b), Looks.up_to(10)):
            [found] = step.verdicts
            assert (found.p < 0.05) == (found.low > 0 or found.high < 0), place


def test_what_is_decided_stays_as_it_was() -> None:
    steps = decide(arms(3.5, 1.2, 1.2, 1.25, images=2000), Looks.up_to(10))
    assert len(steps) == 3
    first, last = steps[0], steps[-1]
    assert ("a", "b") in first.decided and last.seeds["a", "b"] == 3
    before, after = (next(each for each in step.verdicts if (each.a, each.b) == ("a", "b")) for step in (first, last))
    assert (before.difference, before.low, before.high, before.verdict) == (
        after.difference,
        after.low,
        after.high,
        after.verdict,
    )
    assert after.p <= before.p < 0.05
    assert ("b", "c") in last.open and last.seeds["b", "c"] == 10
    assert all(step.decided <= other.decided for step, other in pairwise(steps))


def test_an_arm_whose_pairs_are_decided_needs_no_more_seeds() -> None:
    whole = arms(3.5, 1.2, 1.2, 1.25, images=2000)
    stopped = [(name, correct[:3] if name == "a" else correct) for name, correct in whole]
    assert decide(stopped, Looks.up_to(10))[-1].verdicts == decide(whole, Looks.up_to(10))[-1].verdicts
    with pytest.raises(ValueError, match="needs 3 seeds of each arm"):
        decide([(name, correct[:2]) for name, correct in whole], Looks.up_to(10))


def test_models_that_no_seed_changes_are_settled_at_once() -> None:
    (_, a), (_, b) = arms(1.3, 1.25)
    [only] = decide([("a", a[:1]), ("b", b[:1])], Looks.up_to(10), alike=["a", "b"])
    usual = verdict("a", a[:1], "b", b[:1])
    [found] = only.verdicts
    assert only.open == () and (found.p, found.low) == (usual.p, usual.low)
    assert found.sentence.count("which no seed changes") == 1
    steps = decide([("a", a), ("b", b[:1])], Looks.up_to(10), alike=["b"])
    assert len(steps) == 3, "seeds of a are added all the same"
    assert "one trained network of b, which no seed changes, third of 3 looks" in steps[-1].verdicts[0].sentence


def test_equality_counts_looks_too() -> None:
    (name_a, a), (name_b, b) = arms(1.3, 1.3, images=3000)
    steps = decide([(name_a, a), (name_b, b)], Looks.up_to(10), margin=0.05)
    [looked], [usual] = steps[0].verdicts, verdicts([(name_a, a[:3]), (name_b, b[:3])], 0.05)
    assert looked.equal_p is not None and usual.equal_p is not None and looked.equal_p > usual.equal_p
    assert looked.verdict == "equal within 0.05" and len(steps) == 1


def test_other_figures_have_the_level_of_the_look() -> None:
    generator = np.random.default_rng(2)
    a, b = (
        figures.measured(
            [PerImage((generator.random(300) < share).astype(np.float64), 1.0) for _ in range(3)], Scale.SHARE
        )
        for share in (0.8, 0.75)
    )
    look = Looks.up_to(10).after(3)
    looked, usual = figures.difference(a, b, look), figures.difference(a, b)
    assert looked.p == look.overall(usual.p) and looked.low < usual.low
    assert figures.interval(a, look.level).low < figures.interval(a).low
    correct = generator.random((3, 300)) < 0.8
    assert interval(correct, look.level).low < interval(correct).low


def test_the_simulation_decides_as_users_see_it() -> None:
    generator = np.random.default_rng(3)
    for abilities in ((1.6, 1.3, 1.3, 1.2), (1.3, 1.3, 1.31, 1.32), (2.0, 1.6, 1.2, 1.1)):
        shared = generator.standard_normal(300)
        drawn = [ability + shared + generator.standard_normal((10, 300)) > 0 for ability in abilities]
        signs, seeds = benchmark.decided(drawn, Looks.up_to(10))
        last = decide([(str(place), each) for place, each in enumerate(drawn)], Looks.up_to(10))[-1]
        words = {1: "better", -1: "worse", 0: "no difference shown"}
        assert [each.verdict for each in last.verdicts] == [words[sign] for sign in signs.values()]
        assert list(last.seeds.values()) == list(seeds.values())


def test_a_small_simulation_stays_in_bounds() -> None:
    generator = np.random.default_rng(4)
    found = np.array([benchmark._two(generator, 5, 200, 0.01, 1.0, 0.0) for _ in range(150)])
    shown, _, seeds, covered, accuracy, _ = found.mean(axis=0)
    assert shown < 0.05 + 0.054 and covered > 0.95 - 0.054 and accuracy > 0.95 - 0.054
    assert 3 <= seeds <= 5


def test_the_stored_rates_are_in_bounds() -> None:
    stored = benchmark.read()
    for row in stored["two"]:
        assert row["covered"] > 0.95 - ERROR and row["accuracy"] > 0.93 - ERROR, row
        if not row["ahead"]:
            assert row["shown"] < 0.05 + ERROR, row
        else:
            assert row["shown"] > row["fixed"] - 0.06 and row["seeds"] < row["most"], row
    assert all(row["shown"] < 0.05 + ERROR for row in stored["several"])
    for row in stored["equality"]:
        assert row["equal"] < 0.05 + ERROR if row["apart"] else row["equal"] > row["fixed_equal"] - 0.02, row
    for row in stored["by_hand"]:
        assert row["last_alone"] - 0.01 < row["shown"] < row["said"] + ERROR, row


def test_the_page_has_the_stored_tables() -> None:
    page = DOCUMENT.read_text(encoding="utf-8")
    for line in (*benchmark.table(benchmark.read()), *benchmark.levels_table()):
        assert line in page, line


@pytest.mark.parametrize("of", [3, 5, 10])
def test_the_bound_of_collapsed_seeds_covers(of: int) -> None:
    for share in np.linspace(0.01, 0.99, 25):
        counts = np.arange(of + 1)
        chance = stats.binom.pmf(counts, of, share)
        covered = sum(each for each, count in zip(chance, counts, strict=True) if upper_share(int(count), of) >= share)
        assert covered >= 0.95 - 1e-12
