"""A map of drawn pictures, of which a run has judged some, without a network."""

from dataclasses import fields

import numpy as np

from sadari.report.maps.copies import CopiesView
from sadari.report.maps.view import Thumbnails, view_of
from sadari.review.data_map import NOT_JUDGED, DataMap
from sadari.review.layout import Layout
from sadari.review.neighbours import agreement, kept, nearest
from sadari.values import ImageSet
from support.copies import photographs

CLASSES = ("cat", "dog")


def drawn_map(count: int = 50, judged: bool = True, images: ImageSet | None = None) -> DataMap:
    """Return a map of `count` drawings on a grid; a run has judged every fifth, and every tenth of all wrongly."""
    if images is None:
        labels, ids = np.arange(count) % 2, np.array([f"photos/{at:04d}.jpg" for at in range(count)])
        images = ImageSet("toy", photographs(count), labels, ids, CLASSES, np.array([""] * count), "0")
    count = len(images)
    side = int(np.ceil(np.sqrt(count)))
    grid = np.stack([np.arange(count) % side, np.arange(count) // side], axis=1)
    places = grid.astype(np.float32) / np.float32(max(1, side - 1))
    near = nearest(places)
    predicted = np.where(np.arange(count) % 5 == 0, images.labels, NOT_JUDGED)
    predicted = np.where(np.arange(count) % 10 == 0, 1 - images.labels % 2, predicted)
    return DataMap(
        name=images.name,
        images=images,
        positions=np.arange(count),
        splits=tuple(np.where(np.arange(count) % 5 == 0, "test", "train").tolist()),
        layout=Layout(places, near, kept(places, places, near)),
        origin="their pixels",
        seed=0,
        total=count,
        alike=agreement(near, images.labels) if count > 1 else np.ones(count, dtype=np.float32),
        run="first" if judged else "",
        predicted=predicted if judged else None,
        probability=np.linspace(0.5, 1, count, dtype=np.float32) if judged else None,
    )


def copied_view() -> CopiesView:
    """Return the first pictures of a map as two pairs of copies."""
    view = view_of(drawn_map(50))
    few = {each.name: getattr(view, each.name) for each in fields(Thumbnails)}
    lists = ("ids", "labels", "splits", "predicted", "probability")
    return CopiesView(**{**few, **{name: few[name][:4] for name in lists}}, kinds=("identical", "near-copies"), total=7)
