"""What was measured of the arms, and which is better, on one split or on many? Read from their finished runs."""

from collections.abc import Mapping, Sequence

import numpy as np

from sadari.comparison.analysis.measuring import measure_all
from sadari.comparison.correct import correctness
from sadari.comparison.groups.grouping import Grouping
from sadari.comparison.splits.judged import measure_redrawn, whole_predictions
from sadari.comparison.splits.redraw import Redraw
from sadari.evaluation.draws import training_sets
from sadari.evaluation.figures import Measured
from sadari.evaluation.statistics import Bools
from sadari.run import RunRecord
from sadari.values import Verdict


def measured(
    redraw: Redraw | None, records: Mapping[str, Sequence[RunRecord]], grouping: Grouping | None = None
) -> tuple[dict[str, Bools], dict[str, dict[str, Measured]]]:
    """Return by arm which images each network classified correctly, and every figure; arms without a run are left out.

    Of splits drawn anew the first is empty: their networks judge different images. grouping: which images count
    together.
    """
    finished = {name: runs for name, runs in records.items() if runs}
    if redraw is None:
        figures = {name: measure_all(runs, grouping) for name, runs in finished.items()}
        return {name: correctness(runs) for name, runs in finished.items()}, figures
    whole = {name: whole_predictions(redraw, runs) for name, runs in finished.items()} if redraw.folds else {}
    correct = {
        name: np.stack([each.predicted == each.labels for each in found]) for name, found in whole.items() if found
    }
    return correct, {name: measure_redrawn(redraw, runs) for name, runs in finished.items()}


def redrawn_verdicts(
    redraw: Redraw,
    accuracies: Sequence[tuple[str, Measured]],
    images: int,
    margin: float | None,
    judged_on: str = "test",
    groups: int = 0,
) -> tuple[Verdict, ...]:
    """Judge every pair of arms over the draws of their parts.

    accuracies: by arm. images: that judge in a draw, of the split `judged_on`. groups: of the images of folds, if any.
    """
    each = f"{redraw.basis}, {images:,} {judged_on} image{'' if images == 1 else 's'} each"
    in_groups = f" in {groups:,} groups" if groups else ""
    basis = f"all {images:,} images{in_groups}, {redraw.basis}" if redraw.folds else each
    return tuple(training_sets.verdicts(accuracies, basis, redraw.more, margin))
