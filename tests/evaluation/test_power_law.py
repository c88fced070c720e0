"""Does the power law find what made the points, and does it know how sure it is?"""

import numpy as np
import pytest
from scipy.stats import norm

from sadari.evaluation.power_law import PowerLaw, fit_power_law, fit_power_law_of_draws
from sadari.evaluation.statistics import Bools

SIZES = [400, 800, 2000, 4000, 8000]


def judged(errors: list[float], images: int, seeds: int, of_seed: float, generator: np.random.Generator) -> list[Bools]:
    """Draw networks with these true errors, std `of_seed` over seeds; some images are hard for all of them."""
    hardness = 0.8 * generator.standard_normal(images)
    results = []
    for error in errors:
        of_seeds = np.clip(error + of_seed * generator.standard_normal(seeds), 1e-4, 0.99)
        own = 0.6 * generator.standard_normal((seeds, images))
        results.append(hardness + own <= norm.ppf(1 - of_seeds)[:, None])
    return results


def law(a: float, b: float, c: float, sizes: list[int] = SIZES) -> list[float]:
    return [a * (size / sizes[-1]) ** -b + c for size in sizes]


def test_many_images_give_the_law_back() -> None:
    found = fit_power_law(SIZES, judged(law(0.05, 0.4, 0.03), 300_000, 3, 0.0, np.random.default_rng(0)))
    assert (found.a, found.b, found.c) == pytest.approx((0.05, 0.4, 0.03), abs=0.02)
    assert found.largest == 8000
    assert found.error(np.array([400.0, 8000.0])) == pytest.approx([0.05 * 20**0.4 + 0.03, 0.08], abs=0.003)
    best, low, high = found.gain(2)
    assert 0 < low < best < high
    assert best == pytest.approx(0.05 * (1 - 2**-0.4), abs=0.002)
    assert found.left_b.min() < 0.4 < found.left_b.max()
    assert found.left_c.min() < 0.03 < found.left_c.max()


# True a, b and c, images, seeds, standard deviation over seeds: with and without a floor, and with nothing to gain.
CASES = [
    (0.02, 0.5, 0.0, 2000, 3, 0.004),
    (0.05, 0.35, 0.05, 360, 3, 0.01),
    (0.1, 0.7, 0.1, 2000, 2, 0.005),
    (0.03, 0.3, 0.0, 2000, 1, 0.0),
    (0.0, 1.0, 0.1, 2000, 3, 0.004),
]


@pytest.mark.parametrize("sizes", [SIZES, SIZES[2:]], ids=["five sizes", "three sizes"])
def test_intervals_of_the_prediction_cover_the_truth(sizes: list[int]) -> None:
    """Nominal: 95 %. 5 x 40 simulated studies have a standard error of 1.5 %; measured: 96 to 99 %."""
    generator, repeats = np.random.default_rng(1), 40
    gains, errors = [], []
    for a, b, c, images, seeds, of_seed in CASES:
        for _ in range(repeats):
            found = fit_power_law(sizes, judged(law(a, b, c, sizes), images, seeds, of_seed, generator))
            gains.append(_covers(found, a * (1 - 2**-b)))
            low, high = found.band(np.array([2.0 * sizes[-1]]))
            errors.append(bool(low[0] <= a * 2**-b + c <= high[0]))
    assert np.mean(gains) >= 0.92
    assert np.mean(errors) >= 0.92
    assert all(np.mean(gains[start : start + repeats]) >= 0.82 for start in range(0, len(gains), repeats))


def _covers(found: PowerLaw, gain: float) -> bool:
    _, low, high = found.gain(2)
    return low - 1e-9 <= gain <= high + 1e-9


def test_intervals_say_something_where_there_is_something_to_say() -> None:
    """Covering is easy with wide intervals: with many images these are narrow."""
    generator = np.random.default_rng(2)
    few = fit_power_law(SIZES, judged(law(0.1, 0.7, 0.1), 1000, 3, 0.004, generator))
    many = fit_power_law(SIZES, judged(law(0.1, 0.7, 0.1), 50_000, 3, 0.0005, generator))
    assert many.gain(2)[2] - many.gain(2)[1] < 0.01 < few.gain(2)[2] - few.gain(2)[1] < 0.1


def test_more_spread_of_the_seeds_means_less_certainty() -> None:
    widths = []
    for of_seed in (0.0, 0.01, 0.03):
        found = fit_power_law(SIZES, judged(law(0.1, 0.7, 0.1), 5000, 3, of_seed, np.random.default_rng(3)))
        widths.append(found.gain(2)[2] - found.gain(2)[1])
    assert widths == sorted(widths)
    assert widths[-1] > 2 * widths[0]


def test_points_off_the_law_are_seen_and_widen_the_interval() -> None:
    straight, bent = law(0.1, 0.5, 0.05), [0.5, 0.48, 0.2, 0.19, 0.1]
    generator = np.random.default_rng(4)
    on, off = (fit_power_law(SIZES, judged(errors, 20_000, 3, 0.001, generator)) for errors in (straight, bent))
    assert on.misfit < 3 < off.misfit
    assert off.gain(2)[2] - off.gain(2)[1] > 2 * (on.gain(2)[2] - on.gain(2)[1])


def test_no_error_at_all_is_no_certainty() -> None:
    found = fit_power_law(SIZES[2:], [np.ones((3, 200), dtype=np.bool_)] * 3)
    best, low, high = found.gain(2)
    assert best == pytest.approx(0, abs=1e-6)
    assert low == 0
    assert 0 < high < 0.05


def test_an_error_that_grows_with_the_images_promises_nothing() -> None:
    found = fit_power_law(SIZES[2:], judged([0.1, 0.2, 0.3], 5000, 3, 0.001, np.random.default_rng(5)))
    assert found.gain(2)[0] == pytest.approx(0, abs=1e-3)
    assert found.gain(2)[1] == 0


def test_seeds_that_all_say_the_same_are_one_network() -> None:
    one = judged(law(0.1, 0.5, 0.05), 2000, 1, 0.0, np.random.default_rng(6))
    same = fit_power_law(SIZES, [np.repeat(each, 3, axis=0) for each in one])
    assert same.gain(2) == fit_power_law(SIZES, one).gain(2)


def test_the_order_of_the_sizes_does_not_matter() -> None:
    results = judged(law(0.1, 0.5, 0.05), 1000, 3, 0.01, np.random.default_rng(7))
    assert fit_power_law(SIZES[::-1], results[::-1]).gain(2) == pytest.approx(fit_power_law(SIZES, results).gain(2))


@pytest.mark.parametrize("sizes", [[100, 200], [100, 200, 200]])
def test_two_sizes_are_refused(sizes: list[int]) -> None:
    with pytest.raises(ValueError, match="3 different sizes"):
        fit_power_law(sizes, [np.ones((1, 10), dtype=np.bool_)] * len(sizes))


def test_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match="same images"):
        fit_power_law([1, 2, 3], [np.ones((1, count), dtype=np.bool_) for count in (10, 10, 11)])


def test_draws_that_differ_more_leave_more_curves() -> None:
    """Accuracies of draws along a known law: the truth is inside, and a larger spread is a wider interval."""
    sizes, generator = [100, 300, 1000], np.random.default_rng(0)
    true = 1 - (0.1 * (np.array(sizes) / 1000) ** -0.5 + 0.02)
    gained = 0.1 * (1 - 2**-0.5)
    widths = []
    for spread in (0.001, 0.03):
        _, low, high = fit_power_law_of_draws(sizes, true + spread * generator.standard_normal((8, 3)), 250).gain(2)
        assert low <= gained <= high
        widths.append(high - low)
    assert widths[1] > 2 * widths[0]
    for wrong in (np.ones((1, 3)), np.ones((4, 2))):
        with pytest.raises(ValueError, match="needs two draws of 3 different sizes"):
            fit_power_law_of_draws(sizes, wrong, 250)
