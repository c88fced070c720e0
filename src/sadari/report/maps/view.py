"""What does a drawn map of pictures need? Places, names and answers as short lists, and a sheet of thumbnails."""

from dataclasses import dataclass

import numpy as np

from sadari.report.pictures import make_sheet
from sadari.review.data_map import NOT_JUDGED, DataMap
from sadari.values import SPLITS

GRID = 10_000  # places are whole numbers from 0 to this: finer than a pixel of a map enlarged ten times
NEAR_SHOWN = 6  # of the most similar pictures, as thumbnails beside a chosen one
# 5,000 thumbnails of 48 pixels; decoded 46 MB. Phones decode no more than 16.7 million pixels whole (assumed: iOS).
SHEET_PIXELS = 12_000_000
SHEET_BYTES = 6_000_000  # as a data URI 8 MB
SIDES = (96, 64, 48, 32)  # of a thumbnail, the largest of which all fit


@dataclass(frozen=True)
class Thumbnails:
    """Pictures with what is known of each; one entry a picture in each list. The page's script reads them.

    labels: positions in `classes`. splits: positions in `split_names`. run: whose answers these are: `predicted`,
    positions in `classes`, -1 where it did not judge, and `probability`; "" and empty without one. sheet, side,
    columns: thumbnails as in `report.pictures.Sheet`, of the first `shown` pictures.
    """

    classes: tuple[str, ...]
    ids: tuple[str, ...]
    labels: tuple[int, ...]
    split_names: tuple[str, ...]
    splits: tuple[int, ...]
    run: str
    predicted: tuple[int, ...]
    probability: tuple[float, ...]
    sheet: str
    side: int
    columns: int
    shown: int


@dataclass(frozen=True)
class MapView(Thumbnails):
    """A map: `x` and `y` of each picture are whole numbers in 0..GRID.

    alike: the share of the nearest pictures with the same class. near: the `near_each` most similar pictures of each in
    a row, as positions on the map. sentences: what the map shows and what it does not.
    """

    x: tuple[int, ...]
    y: tuple[int, ...]
    alike: tuple[float, ...]
    near: tuple[int, ...]
    near_each: int
    sentences: tuple[str, ...]


def view_of(found: DataMap, pixels: int = SHEET_PIXELS, most_bytes: int = SHEET_BYTES) -> MapView:
    """Return what is drawn of the map `found`; pixels, most_bytes: of all thumbnails together, at most."""
    sheet = make_sheet(found.images, found.positions.tolist(), most_bytes, pixels, SIDES)
    names = tuple(name for name in (*SPLITS, "") if name in found.splits)
    near = found.layout.near[:, :NEAR_SHOWN]
    x, y = np.rint(found.layout.places.T * GRID).astype(int).tolist()
    return MapView(
        classes=found.images.classes,
        ids=tuple(found.ids.tolist()),
        labels=tuple(found.labels.tolist()),
        split_names=names,
        splits=tuple(map(names.index, found.splits)),
        x=tuple(x),
        y=tuple(y),
        alike=tuple(found.alike.round(2).tolist()),
        near=tuple(near.reshape(-1).tolist()),
        near_each=near.shape[1],
        run=found.run,
        predicted=tuple(found.predicted.tolist()) if found.predicted is not None else (),
        probability=tuple(_rounded(found)),
        sheet=sheet.uri,
        side=sheet.side,
        columns=sheet.columns,
        shown=sheet.count,
        sentences=found.sentences,
    )


def _rounded(found: DataMap) -> list[float]:
    if found.probability is None or found.predicted is None:
        return []
    return [float(each) for each in np.where(found.predicted == NOT_JUDGED, 0, found.probability).round(3)]
