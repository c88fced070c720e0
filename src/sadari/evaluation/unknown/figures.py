"""How well does a score tell unknown images from known ones? Area under the ROC curve, and shares at a threshold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation import figures
from sadari.evaluation.influence import Scale
from sadari.evaluation.ranking import area_between
from sadari.evaluation.statistics import interval
from sadari.values import Interval

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class UnknownFigures:
    """What one score does, each figure with its 95 % interval over other images of both kinds.

    auroc: the share of the pairs of a known and an unknown image in which the known one has the higher score. accepted:
    the share of unknown images at or above the threshold, which are taken for known. kept: the share of known images
    that are, which the validation images promise to be `promised`.
    """

    score: str
    threshold: float
    promised: float
    auroc: Interval
    accepted: Interval
    kept: Interval


def unknown_figures(
    score: str,
    known: Floats,
    unknown: Floats,
    threshold: float,
    promised: float,
    groups: NDArray[np.int64] | None = None,
) -> UnknownFigures:
    """Return the figures of a score whose values are `known`, (n,), and `unknown`, (m,). Both have images.

    groups: int64 (n,), of the known images. Raises ValueError without images.
    """
    together = None if groups is None else np.concatenate([groups, groups.max() + 1 + np.arange(len(unknown))])
    auroc = figures.interval(figures.measured([area_between(known, unknown)], Scale.SHARE, groups=together))
    accepted = interval((unknown >= threshold)[None])
    kept = interval((known >= threshold)[None], groups=groups)
    return UnknownFigures(score, threshold, promised, auroc, accepted, kept)


def text_table(rows: Sequence[UnknownFigures], used: str) -> list[str]:
    """Return the figures as lines, a row a score, an asterisk at the one in use."""
    heading = ("score", "threshold", "auroc", "95 % interval", "accepted", "95 % interval", "kept", "95 % interval")
    cells = [heading, *(_cells(each, used) for each in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(row)).rstrip()
        for row in (list(zip(each, widths, strict=True)) for each in cells)
    ]


def _cells(row: UnknownFigures, used: str) -> tuple[str, ...]:
    shares = [cell for each in (row.auroc, row.accepted, row.kept) for cell in _share(each)]
    return (f"{row.score} *" if row.score == used else row.score, f"{row.threshold:.4g}", *shares)


def _share(of: Interval) -> tuple[str, str]:
    return f"{of.mean:.3f}", of.span
