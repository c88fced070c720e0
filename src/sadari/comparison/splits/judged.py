"""What do the runs of an arm say together, where each was judged on parts of its own? Predictions and figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sadari.comparison.analysis.measuring import LOST, SPLIT_OF
from sadari.comparison.splits.redraw import Redraw
from sadari.evaluation.draws.training_sets import of_folds, of_splits
from sadari.evaluation.figures import Measured
from sadari.evaluation.influence import Scale
from sadari.evaluation.metrics import METRICS
from sadari.run import RunRecord
from sadari.values import Predictions

Floats = NDArray[np.float64]


Read = Callable[[RunRecord], Predictions]


def read_predictions(record: RunRecord) -> Predictions:
    """Read what a run predicted for the images that judge it."""
    return record.predictions


def whole_predictions(redraw: Redraw, records: Sequence[RunRecord], read: Read = read_predictions) -> list[Predictions]:
    """Return predictions of the same images in the same order: of folds, one of all images per repeat and seed.

    Of splits they are those of the first split that has all of its runs. None where no repeat, or split, is whole.
    """
    if redraw.folds:
        return [_joined(runs, read) for runs in _repeats(redraw, records)]
    whole = next((runs for runs in _by_draw(redraw, records).values() if len(runs) == redraw.seeds), [])
    return [read(record) for record in whole]


def measure_redrawn(redraw: Redraw, records: Sequence[RunRecord]) -> dict[str, Measured]:
    """Return every figure of an arm over its draws, as `measure_all` does for one split; none for fewer than two.

    The metrics of folds count images and folds; all others, and those of splits, have one value a draw.
    """
    draws = [runs for runs in _by_draw(redraw, records).values() if len(runs) == redraw.seeds]
    if len(draws) < 2:
        return {}
    found: dict[str, Measured] = _of_folds(redraw, records) if redraw.folds else {}
    for metric in METRICS:
        if metric.name not in found and not redraw.folds:
            of = _of_draws(draws, _judging(metric.name), metric.scale, float(metric.name == "accuracy"))
            found |= {metric.name: of} if of else {}
    for figure in SPLIT_OF:
        of = _of_draws(draws, _on_other(figure), Scale.ANY if figure in LOST else Scale.SHARE, 1.0)
        found |= {figure: of} if of else {}
    return found


def _of_draws(
    draws: Sequence[Sequence[RunRecord]], value_of: Callable[[RunRecord], float | None], scale: Scale, unit: float
) -> Measured | None:
    """Return the figure with the mean value of each draw; None where a run has none."""
    values = np.array([[value_of(record) for record in runs] for runs in draws], dtype=np.float64)
    if not np.isfinite(values).all():
        return None
    summary = draws[0][0].summary
    images = summary["images"]
    return of_splits(values.mean(axis=1), images[summary["judged_on"]], images["train"], scale, unit)


def _judging(metric: str) -> Callable[[RunRecord], float | None]:
    return lambda record: record.scores(record.summary["judged_on"]).get(metric)


def _on_other(figure: str) -> Callable[[RunRecord], float | None]:
    """Return what reads an accuracy on val or train, or what is lost from there to the images that judge."""

    def value(record: RunRecord) -> float | None:
        there, here = record.scores(SPLIT_OF[figure]).get("accuracy"), _judging("accuracy")(record)
        if there is None or here is None:
            return None
        return there - here if figure in LOST else there

    return value


def _of_folds(redraw: Redraw, records: Sequence[RunRecord]) -> dict[str, Measured]:
    repeats = _repeats(redraw, records)
    if not repeats:
        return {}
    predictions = [_joined(runs) for runs in repeats]
    fold_of = np.stack([_fold_of(redraw, runs) for runs in repeats[:: redraw.seeds]])
    found: dict[str, Measured] = {}
    for metric in METRICS:
        if not all(metric.is_defined(each) for each in predictions):
            continue
        networks = [metric.per_image(each) for each in predictions]
        if all(np.isfinite(each.values).all() for each in networks):
            by_repeat = [networks[at : at + redraw.seeds] for at in range(0, len(networks), redraw.seeds)]
            found[metric.name] = of_folds(by_repeat, fold_of, metric.scale, records[0].groups)
    return found


def _by_draw(redraw: Redraw, records: Sequence[RunRecord]) -> Mapping[int, list[RunRecord]]:
    found: dict[int, list[RunRecord]] = {}
    for record in sorted(records, key=lambda each: each.job.seed):
        found.setdefault(redraw.draw_of(record.job.seed), []).append(record)
    return found


def _repeats(redraw: Redraw, records: Sequence[RunRecord]) -> list[list[RunRecord]]:
    """Return the runs that judge all images together: for each whole repeat one list for each seed of a fold."""
    by_draw = _by_draw(redraw, records)
    found = []
    for repeat in range(redraw.repeats):
        draws = [by_draw.get(repeat * redraw.folds + fold, []) for fold in range(redraw.folds)]
        if all(len(runs) == redraw.seeds for runs in draws):
            found += [[runs[at] for runs in draws] for at in range(redraw.seeds)]
    return found


def _joined(records: Sequence[RunRecord], read: Read = read_predictions) -> Predictions:
    """Join what the runs of one repeat say, in the order of the image set."""
    parts = [read(record) for record in records]
    order = np.argsort(np.concatenate([record.split.test for record in records]))
    return replace(
        parts[0],
        ids=np.concatenate([each.ids for each in parts])[order],
        labels=np.concatenate([each.labels for each in parts])[order],
        probabilities=np.concatenate([each.probabilities for each in parts])[order],
        seconds=sum(each.seconds for each in parts),
    )


def _fold_of(redraw: Redraw, records: Sequence[RunRecord]) -> NDArray[np.int64]:
    """Return the fold that judged each image, in the order of the image set."""
    positions = np.concatenate([record.split.test for record in records])
    folds = np.repeat(np.arange(redraw.folds), [len(record.split.test) for record in records])
    return np.asarray(folds[np.argsort(positions)], dtype=np.int64)
