"""Which pictures does the page show, and where is each on the sheet? What matters most comes first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from sadari.comparison.result import ComparisonResult
from sadari.report.contents import Detail, Example, Pictures
from sadari.report.figures import sample_positions
from sadari.report.pictures import make_sheet
from sadari.values import Answers

MOST_NAMED = 3_000  # images that are named where they cannot be shown


@dataclass(frozen=True, eq=False)
class Placement:
    """The pictures of the page. samples: those of the sample grid.

    places: position among the judging images -> place on the sheet, of those that are on it.
    """

    pictures: Pictures
    samples: tuple[int, ...]
    places: Mapping[int, int]


def place_pictures(
    result: ComparisonResult, judged: Answers | None, hard: Sequence[Example], details: Sequence[Detail]
) -> Placement:
    """Make one sheet with samples, the images that all get wrong, the worst mistakes, and the images behind cells.

    judged: the answers of any run, for ids and labels. hard, details: by positions among the judging images. Where
    there are too many for the sheet, the last pictures of each cell are left out first.
    """
    wanted = list(dict.fromkeys(_by_worth(hard, details)))
    if result.images is None:
        wanted = wanted[:MOST_NAMED]
        return Placement(_named(judged, wanted), (), {position: place for place, position in enumerate(wanted)})
    samples = sample_positions(result.images, result.split).tolist()
    positions = [*samples, *_in_images(result, judged, wanted)]
    sheet = make_sheet(result.images, positions)
    kept = np.array(positions[: sheet.count], dtype=np.int64)
    pictures = Pictures(
        sheet=sheet.uri,
        side=sheet.side,
        columns=sheet.columns,
        ids=tuple(result.images.ids[kept].tolist()),
        labels=tuple(result.images.labels[kept].tolist()),
    )
    shown = wanted[: max(len(kept) - len(samples), 0)]
    places = {position: place for place, position in enumerate(shown, start=len(samples))}
    return Placement(pictures, tuple(range(min(len(samples), len(kept)))), places)


def _by_worth(hard: Sequence[Example], details: Sequence[Detail]) -> Iterator[int]:
    """Yield positions among the judging images, what is most worth a picture first; some more than once."""
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


def _in_images(result: ComparisonResult, judged: Answers | None, wanted: Sequence[int]) -> list[int]:
    """Return the positions in the image set of the images at `wanted` among the judging ones."""
    if judged is None or result.images is None:
        return []
    judging: NDArray[np.int64] = result.split.positions(result.data.judged_on)
    if not np.array_equal(result.images.ids[judging], judged.ids):  # another arm's split may have another order
        position = {name: at for at, name in enumerate(result.images.ids.tolist())}
        judging = np.array([position[name] for name in judged.ids.tolist()], dtype=np.int64)
    return [int(each) for each in judging[list(wanted)]]
