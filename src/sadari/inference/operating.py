"""What are the operating points of a run? Thresholds are chosen on its validation images; other images judge them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sadari.errors import UsageError
from sadari.evaluation.operating.costs import Costs, cost_table
from sadari.evaluation.operating.curves import class_areas
from sadari.evaluation.operating.points import Judges, Wanted, operating_points
from sadari.evaluation.operating.result import OperatingResult
from sadari.inference.evaluate import Evaluation, judge
from sadari.progress import Progress
from sadari.run import RunRecord

GivenCosts = str | Path | Mapping[tuple[str, str], float]


def operate(
    run: RunRecord,
    wanted: Sequence[Wanted | str] = (),
    *,
    data: str | None = None,
    sure: bool = False,
    costs: GivenCosts | None = None,
    judged: Evaluation | None = None,
    progress: Progress | None = None,
) -> OperatingResult:
    """Choose a threshold for each of `wanted` on the validation images of `run`, and judge it on its test images.

    data: other images that judge instead; those that trained the run are left out. sure: choose by a lower confidence
    bound. costs: what wrong decisions cost, as `Costs.of` reads it. judged: what was predicted for the judging images,
    where that is known. Raises UsageError where nothing is wanted, for a run without validation images and for what is
    out of reach, SadariError as `judge` does.
    """
    asked = [Wanted.parse(each) if isinstance(each, str) else each for each in wanted]
    if not asked and costs is None:
        raise UsageError("nothing is wanted: name an operating point such as precision>=0.95, or costs")
    require_validation(run)
    val = Judges(judge(run, None, "val", progress).predictions, run.groups_on("val"))
    classes = val.predictions.classes
    matrix = None if costs is None else Costs.of(costs, classes)
    judged = judged or judge(run, data, "test", progress)
    test, notes = _judges(run, judged, data)
    return OperatingResult(
        run=str(run.path),
        data=data or run.job.data,
        images=len(test.predictions),
        groups=0 if test.groups is None else len(np.unique(test.groups)),
        val_images=len(val.predictions),
        areas=class_areas([test.predictions], test.groups),
        points=operating_points(asked, val, test, sure),
        costs=() if matrix is None else cost_table(matrix, test, val),
        notes=notes,
    )


def require_validation(run: RunRecord) -> None:
    """Raise UsageError for a run without validation images, which chooses nothing."""
    if not len(run.split.val):
        raise UsageError(
            "the run has no validation images, on which a threshold is chosen; train with val_fraction=0.1, or with a "
            "source that gives a val split"
        )


def _judges(run: RunRecord, judged: Evaluation, data: str | None) -> tuple[Judges, tuple[str, ...]]:
    """Return the images that judge, without training images of `run`, and what is to be said about them."""
    predictions, notes = judged.predictions, [judged.note] if judged.note else []
    if judged.seen is not None and judged.seen.any():
        if judged.unseen is None:
            raise UsageError("all of these are training images of the run: they say nothing about other images")
        predictions = judged.unseen
        notes.append(f"{int(judged.seen.sum()):,} training images of the run are left out")
    groups = run.groups_on("test") if data is None else None
    own = groups is not None and len(groups) == len(predictions)
    return Judges(predictions, groups if own else None), tuple(notes)
