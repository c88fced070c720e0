"""Which outlines can a drawn shape have? Masks of points, all inside the unit circle."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def _circle(x: Floats, y: Floats) -> Mask:
    return x**2 + y**2 <= 0.8**2


def _square(x: Floats, y: Floats) -> Mask:
    return (np.abs(x) <= 0.7) & (np.abs(y) <= 0.7)


def _triangle(x: Floats, y: Floats) -> Mask:
    inside: Mask = (y >= -0.5) & (np.abs(x) * np.sqrt(3.0) + y <= 1.0)
    return inside


def _cross(x: Floats, y: Floats) -> Mask:
    upright = (np.abs(x) <= 0.27) & (np.abs(y) <= 0.95)
    return upright | (np.abs(y) <= 0.27) & (np.abs(x) <= 0.95)


def _ring(x: Floats, y: Floats) -> Mask:
    squared = x**2 + y**2
    return (squared >= 0.5**2) & (squared <= 0.95**2)


def _bar(x: Floats, y: Floats) -> Mask:
    return (np.abs(x) <= 0.95) & (np.abs(y) <= 0.3)


def _star(x: Floats, y: Floats) -> Mask:
    # Between two neighbouring tips the outline is the straight line through (1, 0) and the notch at 36 degrees.
    sector = 2 * np.pi / 5
    angle = np.abs((np.arctan2(y, x) + sector / 2) % sector - sector / 2)
    radius = np.hypot(x, y)
    notch_x, notch_y = 0.4 * np.cos(sector / 2), 0.4 * np.sin(sector / 2)
    along, across = radius * np.cos(angle), radius * np.sin(angle)
    inside: Mask = notch_y * (1.0 - along) >= across * (1.0 - notch_x)
    return inside


def _crescent(x: Floats, y: Floats) -> Mask:
    return (x**2 + y**2 <= 0.95**2) & ((x - 0.45) ** 2 + y**2 >= 0.75**2)


# By name; a set of n classes takes the first n. Each says which points (x, y) are inside the shape.
KINDS: dict[str, Callable[[Floats, Floats], Mask]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "cross": _cross,
    "ring": _ring,
    "bar": _bar,
    "star": _star,
    "crescent": _crescent,
}
