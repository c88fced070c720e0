"""Which judging images have a copy in an earlier split, side by side, and did the best arm get them right?"""

from dataclasses import dataclass

import numpy as np

from sadari.comparison.result import ComparisonResult
from sadari.report.maps.view import Thumbnails
from sadari.report.pictures import make_sheet
from sadari.review.data_map import answers_at
from sadari.review.sample import positions_of
from sadari.values import SPLITS

SHEET_BYTES = 300_000  # of all thumbnails; 0.4 MB as a data URI
SIDES = (96, 64)


@dataclass(frozen=True)
class CopiesView(Thumbnails):
    """Pairs of copies: the pictures at 2 k and 2 k + 1 are the k-th pair, the judging one first.

    kinds: which copies each pair is. total: how many judging images have a copy in an earlier split.
    """

    kinds: tuple[str, ...]
    total: int


def copies_view(result: ComparisonResult) -> CopiesView | None:
    """Return the pairs of copies across splits, with the answers of the best arm's first network; None without any."""
    images, best, pairs = result.images, result.best, result.data.pairs
    if images is None or best is None or not pairs or not result.records[best.name]:
        return None
    names = [name for pair in pairs for name in (pair.judging, pair.earlier)]
    positions = positions_of(images, np.array(names))
    predictions = result.judged(best.name)[0] if result.redraw else result.records[best.name][0].predictions
    predicted, probability = answers_at(images, positions, predictions)
    sheet = make_sheet(images, positions.tolist(), SHEET_BYTES, sides=SIDES)
    return CopiesView(
        classes=images.classes,
        ids=tuple(names),
        labels=tuple(images.labels[positions].tolist()),
        split_names=SPLITS,
        splits=tuple(SPLITS.index(each) for pair in pairs for each in (result.data.judged_on, pair.split)),
        run=best.name,
        predicted=tuple(predicted.tolist()),
        probability=tuple(probability.astype(float).round(3).tolist()),
        sheet=sheet.uri,
        side=sheet.side,
        columns=sheet.columns,
        shown=sheet.count,
        kinds=tuple(pair.kind for pair in pairs),
        total=len(result.data.copied),
    )
