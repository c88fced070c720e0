"""Are zeros and binomial probabilities those of SciPy, to the bits, without its packages that load slowly?"""

from collections.abc import Callable
from math import cos, exp, log
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq as of_scipy
from scipy.stats import binom

from sadari.evaluation.roots import brentq
from sadari.evaluation.statistics import mid_p


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x**3 - 2 * x - 5,
        lambda x: cos(x) - x,
        lambda x: exp(-x) - 0.3,
        lambda x: log(x + 10) - 2.5,
        lambda x: (x - 1.5) ** 3 + x - 1.5,
        lambda x: float(x > 2) - 0.5,
        lambda x: x / (1 + abs(x)) - 0.7,
    ],
)
@pytest.mark.parametrize("tolerance", [{}, {"xtol": 1e-9}, {"xtol": 1e-13}, {"rtol": 1e-12}])
def test_each_zero_has_the_bits_of_scipy(f: Callable[[float], float], tolerance: dict[str, Any]) -> None:
    generator = np.random.default_rng(0)
    found = 0
    for _ in range(200):
        a, b = generator.uniform(-9, 9, 2).tolist()
        if f(a) * f(b) > 0:
            continue
        found += 1
        assert brentq(f, a, b, **tolerance) == of_scipy(f, a, b, **tolerance)
    assert found > 10


def test_zeros_at_the_ends_and_the_same_signs() -> None:
    assert brentq(lambda x: x, 0.0, 1.0) == 0.0
    assert brentq(lambda x: x, -1.0, 0.0) == 0.0
    with pytest.raises(ValueError, match="the same sign"):
        brentq(lambda x: x * x + 1, -1.0, 1.0)


@pytest.mark.parametrize("solver", [brentq, of_scipy])
def test_a_zero_that_is_not_found_is_an_error(solver: Callable[..., float]) -> None:
    with pytest.raises(RuntimeError, match="100"):
        solver(lambda x: (x - 1.5) ** 9, -4.0, 5.0)


def test_the_mid_p_has_the_bits_of_scipy() -> None:
    for count in (*range(40), 200, 999):
        for least in range(0, count // 2 + 1, max(1, count // 40)):
            below, at = float(binom.cdf(least - 1, count, 0.5)), float(binom.pmf(least, count, 0.5))
            assert mid_p(least, count - least) == min(2 * below + at, 1.0), (least, count)
