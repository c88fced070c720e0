"""Do intervals and tests count groups where images come in groups, and images, to the last bit, where they do not?"""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sadari.evaluation import figures
from sadari.evaluation.draws.groups import Groups, _moments
from sadari.evaluation.influence import PerImage, Scale
from sadari.evaluation.power_law import fit_power_law
from sadari.evaluation.selection import highest_of_equals
from sadari.evaluation.statistics import against, difference_p, interval, verdict, verdicts

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "quality" / "simulations" / "groups.py"
DOCUMENT = Path(__file__).parents[2] / "docs" / "statistics.md"

Bools = NDArray[np.bool_]


def load_benchmark() -> Any:
    spec = importlib.util.spec_from_file_location("groups_benchmark", BENCHMARK)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


benchmark = load_benchmark()


def drawn(seeds: int, images: int, accuracy: float, number: int = 0) -> Bools:
    return np.random.default_rng(number).random((seeds, images)) < accuracy


@pytest.mark.parametrize("seeds", [1, 3])
def test_groups_of_one_image_each_change_nothing_by_one_bit(seeds: int) -> None:
    a, b, own = drawn(seeds, 200, 0.9), drawn(seeds, 200, 0.8, 1), np.random.default_rng(2).permutation(200) * 7
    assert interval(a) == interval(a, groups=own)
    assert against(a, 0.85) == against(a, 0.85, own)
    assert difference_p(a, b, 0.02) == difference_p(a, b, 0.02, own)
    assert verdicts([("a", a), ("b", b)], 0.02) == verdicts([("a", a), ("b", b)], 0.02, groups=own)
    assert highest_of_equals([a, b]) == highest_of_equals([a, b], own)
    of_a, of_b = (figures.measured([PerImage(row.astype(float), 1.0) for row in each]) for each in (a, b))
    own_a, own_b = (figures.measured([PerImage(row.astype(float), 1.0) for row in each], groups=own) for each in (a, b))
    assert figures.interval(of_a) == figures.interval(own_a)
    assert figures.difference(of_a, of_b) == figures.difference(own_a, own_b)


def test_of_equal_groups_the_error_is_that_of_their_means() -> None:
    values = drawn(1, 120, 0.7)[0].astype(np.float64)
    found = Groups(np.repeat(np.arange(12), 10)).error(values)
    means = values.reshape(12, 10).mean(axis=1)
    assert found.variance == pytest.approx(means.var(ddof=1) / 12)
    assert found.freedom == pytest.approx(11)


def test_of_unequal_groups_the_error_is_near_that_of_the_jackknife() -> None:
    generator = np.random.default_rng(3)
    sizes = generator.integers(1, 41, 60)
    groups = np.repeat(np.arange(60), sizes)
    values = (generator.standard_normal(60)[groups] + generator.standard_normal(len(groups)) > -1).astype(np.float64)
    without = np.array([values[groups != each].mean() for each in range(60)])
    jackknife = 59 / 60 * float(((without - without.mean()) ** 2).sum())
    found = Groups(groups).error(values)
    assert found.variance == pytest.approx(jackknife, rel=0.1)
    assert 25 < found.freedom < 59


def test_mean_and_freedom_are_those_of_the_quadratic_form() -> None:
    generator = np.random.default_rng(0)
    share = generator.dirichlet(np.ones(7))
    grown, spread = 1 / (1 - share), generator.random(7)
    centred = np.eye(7) - share[:, None]
    form = centred.T @ np.diag(grown) @ centred @ np.diag(spread)
    expected, freedom = _moments(share, grown, spread)
    assert expected == pytest.approx(np.trace(form))
    assert freedom == pytest.approx(np.trace(form) ** 2 / np.trace(form @ form))


def test_the_correlation_within_groups_is_found() -> None:
    generator = np.random.default_rng(1)
    groups = np.repeat(np.arange(400), generator.integers(1, 20, 400))
    for alike in (0.0, 0.3, 1.0):
        values = np.sqrt(alike) * generator.standard_normal(400)[groups]
        values += np.sqrt(1 - alike) * generator.standard_normal(len(groups))
        assert Groups(groups).error(values).alike == pytest.approx(alike, abs=0.05)


def test_four_copies_of_each_image_say_no_more_than_one() -> None:
    a, b = drawn(1, 300, 0.9), drawn(1, 300, 0.82, 1)
    groups = np.tile(np.arange(300), 4)
    once, copied = verdict("a", a, "b", b), verdict("a", np.tile(a, 4), "b", np.tile(b, 4), groups=groups)
    assert copied.difference == pytest.approx(once.difference)
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), abs=0.002)
    assert copied.p == pytest.approx(once.p, rel=0.5)
    blind = verdict("a", np.tile(a, 4), "b", np.tile(b, 4))
    assert blind.high - blind.low < 0.6 * (copied.high - copied.low)
    one, four = interval(a), interval(np.tile(a, 4), groups=groups)
    assert (four.low, four.high) == pytest.approx((one.low, one.high), abs=0.003)


def test_groups_that_are_right_as_a_whole_exclude_as_little_as_so_many_images() -> None:
    right = np.ones((1, 400), dtype=np.bool_)
    groups = np.repeat(np.arange(40), 10)
    found = interval(right, groups=groups)
    assert found.high == 1.0
    assert found.low == pytest.approx(interval(right[:, :40]).low, abs=0.01)
    assert not verdict("a", right, "b", right, groups=groups).low > -0.05


def test_the_p_of_two_single_networks_agrees_with_the_interval() -> None:
    groups = np.repeat(np.arange(30), 5)
    for number in range(40):
        a, b = drawn(1, 150, 0.9, number), drawn(1, 150, 0.8, number + 1000)
        found = verdict("a", a, "b", b, groups=groups)
        assert (found.p < 0.05) == (found.low > 0 or found.high < 0)


def test_few_groups_are_said_to_be_few_and_one_group_says_nothing() -> None:
    a, b = drawn(1, 80, 0.95), drawn(1, 80, 0.6, 1)
    few = verdict("a", a, "b", b, groups=np.repeat(np.arange(8), 10))
    assert "the same 80 images in 8 groups, which are few" in few.sentence
    assert "in 10 groups, one" in verdict("a", a, "b", b, groups=np.repeat(np.arange(10), 8)).sentence
    one = verdict("a", a, "b", b, groups=np.zeros(80, dtype=np.int64))
    assert (one.low, one.high, one.verdict) == (-1.0, 1.0, "no difference shown")
    assert interval(a, groups=np.zeros(80, dtype=np.int64)).span == "unknown"


def test_advice_is_about_groups() -> None:
    a, b = drawn(1, 400, 0.9), drawn(1, 400, 0.88, 1)
    found = verdict("a", a, "b", b, groups=np.repeat(np.arange(50), 8))
    assert "groups of images would show half a point" in found.sentence


def test_other_figures_count_groups() -> None:
    groups = np.repeat(np.arange(30), 10)
    common = np.random.default_rng(0).random(30)[groups]
    values = [PerImage(common + 0.01 * np.random.default_rng(seed).random(300), 0.0) for seed in (1, 2, 3)]
    plain, counted = figures.measured(values, Scale.SHARE), figures.measured(values, Scale.SHARE, groups=groups)
    assert counted.mean == plain.mean
    assert counted.error.variance == pytest.approx(10 * plain.error.variance, rel=0.15)
    assert figures.interval(counted).low < figures.interval(plain).low


def test_a_learning_curve_counts_groups() -> None:
    sizes, common = [100, 200, 400], np.random.default_rng(0).random(50)
    right = [np.repeat(common > level, 8)[None] for level in (0.4, 0.3, 0.22)]
    plain, counted = fit_power_law(sizes, right), fit_power_law(sizes, right, np.repeat(np.arange(50), 8))
    _, low, high = plain.gain(2)
    _, wider_low, wider_high = counted.gain(2)
    assert wider_high - wider_low > high - low


def test_wrong_numbers_of_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="80 images with 79 groups"):
        interval(drawn(1, 80, 0.9), groups=np.arange(79) // 2)


@pytest.mark.parametrize(
    ("setting", "least"),
    [(("8 each", 40, 0.5, 1), 0.10), (("1 to 40", 20, 0.5, 1), 0.25), (("4 copies", 100, 1.0, 1), 0.15)],
)
def test_coverage_and_false_alarms_in_a_small_simulation(setting: tuple[str, int, float, int], least: float) -> None:
    found = benchmark.measure(benchmark.Setting(*setting), 100, np.random.default_rng(0))
    assert found.covered >= 0.89
    assert found.covered_difference >= 0.89
    assert found.alarms <= 0.11
    assert found.plain_alarms >= least


def test_the_stored_simulation_covers_and_is_the_table_of_the_document() -> None:
    rates = benchmark.read(BENCHMARK.with_suffix(".json"))
    assert [each.setting for each in rates] == list(benchmark.settings())
    assert all(each.replications >= 1000 for each in rates)
    independent = [each for each in rates if each.setting.world != benchmark.PAIRS]
    assert min(each.covered for each in independent) >= 0.925
    assert min(each.covered_difference for each in independent) >= 0.93
    assert max(each.alarms for each in independent) <= 0.07
    text = DOCUMENT.read_text(encoding="utf-8")
    for line in benchmark.table(rates):
        assert line in text
