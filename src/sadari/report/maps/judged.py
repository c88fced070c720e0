"""Where are the mistakes of a comparison's best arm among the images that judge? A small map, if it costs seconds."""

from dataclasses import replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from sadari.comparison.result import ComparisonResult
from sadari.errors import SadariError
from sadari.job import find_job
from sadari.progress import Silent
from sadari.report.maps.view import MapView, view_of
from sadari.review.data_map import DataMap, answers_at
from sadari.review.features import PROBE, backbone_rows, is_small_grey, pixel_rows, unit_rows
from sadari.review.layout import lay_out
from sadari.review.neighbours import agreement
from sadari.review.sample import drawn_for_map, positions_of
from sadari.run import MODEL, RunRecord
from sadari.values import ImageSet, Predictions

MOST = 800  # pictures on the map of a report (assumed: it stays small, and t-SNE takes about a second)
LEAST = 30  # fewer need no map
PIXELS, BYTES = MOST * 32**2, 250_000  # of all thumbnails: 32 pixels each, a third of a megabyte as a data URI
MOST_SECONDS = 8.0  # that the features may take, by how long those of the first PROBED images took
PROBED = 16
BY_BACKBONE = (PROBE, "knn")  # models that read the features of a backbone as they are

Rows = NDArray[np.float32]
Positions = NDArray[np.int64]


def judged_map(result: ComparisonResult) -> tuple[MapView | None, str]:
    """Return the map of the images that judge, with the answers of the best arm's first network, and a note.

    None where there are no images any more, too few, or no features of them that cost seconds; the note says which
    features would have taken too long, and is "" otherwise.
    """
    images, best = result.images, result.best
    if images is None or best is None or not result.records[best.name]:
        return None, ""
    record = result.records[best.name][0]
    predictions = result.judged(best.name)[0] if result.redraw else record.predictions
    if len(predictions) < LEAST:
        return None, ""
    try:
        judging = positions_of(images, predictions.ids)
        positions = judging[drawn_for_map(images.labels[judging], MOST, 0)]
        rows, origin = _features(result, images, record, positions)
    except _TooSlowError as error:
        return None, f"The map of the judging images is left out: {error}."
    except SadariError:  # weights or images that are gone: the figures of the page need neither
        return None, ""
    if rows is None:
        return None, ""
    return view_of(_map(result, images, positions, predictions, rows, origin), PIXELS, BYTES), ""


def _map(
    result: ComparisonResult, images: ImageSet, positions: Positions, predictions: Predictions, rows: Rows, origin: str
) -> DataMap:
    assert result.best is not None
    layout = lay_out(rows, 0, Silent())
    predicted, probability = answers_at(images, positions, predictions)
    return DataMap(
        name=images.name,
        images=images,
        positions=positions,
        splits=(result.data.judged_on,) * len(positions),
        layout=layout,
        origin=origin,
        seed=0,
        total=len(predictions),
        alike=agreement(layout.near, images.labels[positions]),
        run=result.best.name,
        predicted=predicted,
        probability=probability,
    )


def _features(
    result: ComparisonResult, images: ImageSet, record: RunRecord, positions: Positions
) -> tuple[Rows | None, str]:
    """Return features of the images at `positions` that need no download and no minutes, and what they are.

    Those of a backbone where an arm has left them in the cache, pixels of small grey images, else what the class layer
    of the best arm's first network reads.
    """
    height, width, channels = images.shape
    if is_small_grey(min(height, width), channels == 3):
        return pixel_rows(images.images, positions), "their pixels"
    for arm in result.arms:
        records = result.records[arm.name]
        if records and records[0].job.model in BY_BACKBONE:
            rows = _stored(images, records[0], positions)
            if rows is not None:
                return rows, f"the features that {arm.name} reads"
    return _of_model(images, record, positions), f"the features that {result.best.name if result.best else ''} learned"


def _stored(images: ImageSet, record: RunRecord, positions: Positions) -> Rows | None:
    """Return the features of the backbone of `record` where the cache has them; no pixel is read for that."""
    job = find_job(record.job)
    side = job.settings.image_size or images.shape[0]
    blank = np.broadcast_to(np.zeros((), dtype=np.uint8), (len(images), side, side, job.settings.channels or 3))
    return backbone_rows(job, replace(images, images=blank, evidence=None), positions, Silent(), stored_only=True)


class _TooSlowError(Exception):
    pass


def _of_model(images: ImageSet, record: RunRecord, positions: Positions) -> Rows | None:
    """Return what the class layer of the network of `record` reads, vectors of length 1; None where it has none.

    Raises _TooSlowError where that takes longer than MOST_SECONDS.
    """
    if not (record.path / MODEL).is_file():
        return None
    import torch

    from sadari.inference.model import TrainedModel

    model = TrainedModel.load(record)
    if images.shape != model.architecture.shape:  # it read the images in another form, which may not be decoded now
        return None
    blocks, started = [], perf_counter()
    for start in range(0, len(positions), PROBED):
        pixels = torch.from_numpy(np.ascontiguousarray(images.images[positions[start : start + PROBED]]))
        with torch.inference_mode():
            blocks.append(model.network.features(model.preprocess.apply(pixels)).flatten(1).float().numpy())
        expected = (perf_counter() - started) / min(start + PROBED, len(positions)) * len(positions)
        if start >= PROBED and expected > MOST_SECONDS:  # the first block also loads code
            raise _TooSlowError(f"the features of {len(positions):,} images would take {expected:.0f} seconds")
    return unit_rows(np.concatenate(blocks))
