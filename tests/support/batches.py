"""Batches of noise, and what the operations of the setting `augment` make of them."""

from torch import Tensor

from sadari.data.augment.pipeline import OPERATIONS, Geometric
from sadari.testing.images import parsed as parsed
from sadari.testing.images import redrawn as redrawn
from sadari.testing.suites import noise as noise
from sadari.testing.suites import seeded as seeded


def drawn_maps(text: str, size: tuple[int, int, int], seed: int) -> dict[str, Tensor]:
    """Return the maps that the geometric operations of `text` draw when `redrawn` gets the same seed."""
    generator, drawn = seeded(seed), {}
    for name, number in parsed(text, *size[1:]).steps:
        step = OPERATIONS.get(name).step
        assert isinstance(step, Geometric)
        drawn[name] = step.maps(number, size, generator)
    return drawn
