"""What does a temperature change on images that did not fit it? Log loss and calibration error, before and after."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation.figures import interval, measured
from sadari.evaluation.influence import PerImage, Scale
from sadari.evaluation.metrics import METRICS
from sadari.values import Interval, Predictions

CHANGED = ("loss", "calibration_error")


@dataclass(frozen=True)
class Change:
    """A figure without and with the temperature, means over the networks.

    difference: after minus before, with its 95 % interval over other seeds and other images; the same networks on the
    same images are paired. None where the images were not drawn once for all networks.
    """

    figure: str
    before: float
    after: float
    difference: Interval | None


def changes(
    before: Sequence[Predictions],
    after: Sequence[Predictions],
    groups: NDArray[np.int64] | None = None,
    drawn_once: bool = True,
) -> tuple[Change, ...]:
    """Return what changes of CHANGED; `before` and `after`: one a network, of the same images in the same order.

    groups: of the images, int64 (N,). drawn_once: whether all networks share train and test images.
    """
    return tuple(_change(name, before, after, groups, drawn_once) for name in CHANGED)


def _change(
    name: str,
    before: Sequence[Predictions],
    after: Sequence[Predictions],
    groups: NDArray[np.int64] | None,
    drawn_once: bool,
) -> Change:
    metric = METRICS.get(name)
    values = [[metric.per_image(each) for each in side] for side in (before, after)]
    moved = [PerImage(b.values - a.values, b.unit) for a, b in zip(*values, strict=True)]
    means = [float(np.mean([each.values.mean() for each in side])) for side in values]
    found = interval(measured(moved, Scale.ANY, groups=groups)) if drawn_once else None
    if found is not None:
        found = replace(found, mean=means[1] - means[0])
    return Change(name, means[0], means[1], found)
