"""Which pictures does the page show, and where is each on the sheet? What matters most comes first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from sadari.comparison.result import ComparisonResult
from sadari.report.arms import Detail
from sadari.report.contents import Example, Pictures
from sadari.report.examples import renumbered
from sadari.report.figures import sample_positions
from sadari.report.pictures import make_sheet
from sadari.values import Answers

MOST_NAMED = 3_000  # images that are named where they cannot be shown


@dataclass(frozen=True, eq=False)
class Album:
    """The pictures of the page. samples: those of the sample grid. places: of the images that judge, on the sheet."""

    pictures: Pictures
    samples: tuple[int, ...]
    places: Mapping[int, int]

    def placed(self, shown: Sequence[Example]) -> tuple[Example, ...]:
        """`shown` by the places of their pictures on the sheet, without those that it lacks."""
        return renumbered(shown, self.places)


def make_album(
    result: ComparisonResult, judged: Answers | None, hard: Sequence[Example], details: Sequence[Detail]
) -> Album:
    """One sheet with samples, the images that all get wrong, the worst mistakes, and what stands behind cells.

    judged: the answers of any run, for ids and labels. hard, details: by places among the images that judge.
    Where there are too many for the sheet, the less telling pictures of each cell are left out first.
    """
    wanted = list(dict.fromkeys(_by_worth(hard, details)))
    if result.images is None:
        wanted = wanted[:MOST_NAMED]
        return Album(_named(judged, wanted), (), {place: number for number, place in enumerate(wanted)})
    samples = sample_positions(result.images, result.split).tolist()
    positions = [*samples, *_positions(result, judged, wanted)]
    sheet = make_sheet(result.images, positions)
    kept = np.array(positions[: sheet.count], dtype=np.int64)
    pictures = Pictures(
        sheet=sheet.uri,
        side=sheet.side,
        columns=sheet.columns,
        ids=tuple(result.images.ids[kept].tolist()),
        labels=tuple(result.images.labels[kept].tolist()),
    )
    places = {place: len(samples) + at for at, place in enumerate(wanted[: max(len(kept) - len(samples), 0)])}
    return Album(pictures, tuple(range(min(len(samples), len(kept)))), places)


def _by_worth(hard: Sequence[Example], details: Sequence[Detail]) -> Iterator[int]:
    yield from (each.picture for each in hard)
    for ranked in zip_longest(*(detail.mistakes for detail in details)):
        yield from (each.picture for each in ranked if each)
    largest_first = sorted(
        (cell for detail in details for cell in detail.cells.values()), key=lambda cell: -cell.images
    )
    for ranked in zip_longest(*(cell.shown for cell in largest_first)):
        yield from (each.picture for each in ranked if each)


def _named(judged: Answers | None, wanted: Sequence[int]) -> Pictures:
    if judged is None:
        return Pictures("", 0, 1, (), ())
    return Pictures("", 0, 1, tuple(judged.ids[wanted].tolist()), tuple(judged.labels[wanted].tolist()))


def _positions(result: ComparisonResult, judged: Answers | None, wanted: Sequence[int]) -> list[int]:
    """Where in the images lie those at `wanted` among the ones that judge?"""
    if judged is None or result.images is None:
        return []
    part: NDArray[np.int64] = result.split.positions(result.data.judged_on)
    if not np.array_equal(result.images.ids[part], judged.ids):  # another arm's split may hold them in another order
        position = {name: at for at, name in enumerate(result.images.ids.tolist())}
        part = np.array([position[name] for name in judged.ids.tolist()], dtype=np.int64)
    return [int(each) for each in part[list(wanted)]]
