"""Where does a function cross zero? Brent's method, as SciPy computes it, to the bits.

`scipy.optimize` takes a quarter of a second of a processor to load, with all of its solvers, for this one of them.
"""

from collections.abc import Callable
from math import copysign

RELATIVE = 8.881784197001252e-16  # four times the distance of 1 from the next number, as SciPy's default
MOST_STEPS = 100


def brentq(f: Callable[[float], float], a: float, b: float, xtol: float = 2e-12, rtol: float = RELATIVE) -> float:
    """Return where `f` is zero between `a` and `b`, where it has different signs.

    The result is within xtol + rtol * |result| of a crossing. Raises ValueError where the signs are the same, and
    RuntimeError after MOST_STEPS steps. Brent, Algorithms for Minimization without Derivatives, 1973, chapter 4.
    """
    before, now, other = a, b, 0.0  # the last two points, and one on the other side of zero
    f_before, f_now, f_other = f(before), f(now), 0.0
    last, step = 0.0, 0.0
    if f_before == 0:
        return before
    if f_now == 0:
        return now
    if copysign(1.0, f_before) == copysign(1.0, f_now):
        raise ValueError("the function has the same sign at both ends")
    for _ in range(MOST_STEPS):
        if f_before != 0 and f_now != 0 and copysign(1.0, f_before) != copysign(1.0, f_now):
            other, f_other = before, f_before
            last = step = now - before
        if abs(f_other) < abs(f_now):
            before, now, other = now, other, now
            f_before, f_now, f_other = f_now, f_other, f_now
        near, half = (xtol + rtol * abs(now)) / 2, (other - now) / 2
        if f_now == 0 or abs(half) < near:
            return now
        last, step = _steps((before, now, other), (f_before, f_now, f_other), (last, step), near, half)
        before, f_before = now, f_now
        now += step if abs(step) > near else copysign(near, half)
        f_now = f(now)
    raise RuntimeError(f"no zero was found within {MOST_STEPS} steps")


def _steps(
    x: tuple[float, float, float],
    f: tuple[float, float, float],
    steps: tuple[float, float],
    near: float,
    half: float,
) -> tuple[float, float]:
    """Return the last step and the next one: by interpolation where that is short enough, else to the middle."""
    (before, now, other), (f_before, f_now, f_other), (last, step) = x, f, steps
    if abs(last) > near and abs(f_now) < abs(f_before):
        if before == other:
            tried = -f_now * (now - before) / (f_now - f_before)
        else:
            of_before, of_other = (f_before - f_now) / (before - now), (f_other - f_now) / (other - now)
            tried = -f_now * (f_other * of_other - f_before * of_before) / (of_other * of_before * (f_other - f_before))
        if 2 * abs(tried) < min(abs(last), 3 * abs(half) - near):
            return step, tried
    return half, half
