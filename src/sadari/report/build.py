"""What stands on the report page? A comparison becomes a `Report`, which nothing has drawn yet.

runs -> predictions and detail of each arm -> pictures worth showing, on one sheet -> arms, pairs, sweeps, facts
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from sadari.comparison.arm_result import ArmResult
from sadari.comparison.result import ComparisonResult
from sadari.report import figures
from sadari.report.arms import (
    MATRIX_CLASSES,
    arm_page,
    curves_of,
    detail_of,
    layer_rows,
    on_sheet,
    with_calibration,
)
from sadari.report.calibrated import before_temperatures
from sadari.report.contents import Detail, Report, SeedCurve
from sadari.report.examples import Agreement, ArmPredictions, renumbered
from sadari.report.maps.copies import copies_view
from sadari.report.maps.judged import judged_map
from sadari.report.origin import environment_of, installed_version
from sadari.report.placement import place_pictures
from sadari.report.sentences import conclusions, verdict_sentence
from sadari.report.thresholds import ThresholdCurve, points_for, threshold_curves
from sadari.run import RunRecord
from sadari.values import SPLITS, Answers, Predictions, Verdict

# What keeps the page small and quick, whatever it is made of (assumed: nobody opens more).
DETAILED = 20  # arms with matrix, pictures, layers and tables: the best ones
DETAILED_CLASSES = 10_000  # rows in the tables per class, over all arms
EXAMPLES = 12_000  # pictures behind cells, over all arms: everything for 10 arms with 10 classes
MOST_PAIRS = 1_000
CURVE_VALUES = 150_000


def build_report(result: ComparisonResult, made: str = "") -> Report:
    """Return what the page says about `result`. Reads its runs and images; equal results give equal Reports.

    made: the time to be printed; the present minute where it is "". Raises SadariError where a file of a run is
    damaged.
    """
    records = result.records
    present = [arm for arm in result.arms if records[arm.name] and arm.accuracy is not None]
    detailed = present[: max(1, min(DETAILED, DETAILED_CLASSES // len(result.data.classes)))]
    agreement, details, judged = _read_predictions(result, present, detailed)
    hard, hard_images = agreement.hardest()
    placement = place_pictures(result, judged, hard, list(details.values()))
    curves = _curves(present, records)
    mapped, why_no_map = judged_map(result)
    return Report(
        title=result.title or result.data.name,
        made=made or datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        verdict=verdict_sentence(result),
        conclusions=conclusions(result, details[present[0].name].caution if details else ""),
        notes=(
            *result.notes,
            *(result.robustness.notes if result.robustness else ()),
            *_left_out(result, present, detailed, curves),
            *filter(None, [why_no_map]),
        ),
        facts=replace(result.data, grouping=None, pairs=()),
        balance=_balance(result, judged),
        arms=tuple(
            arm_page(
                arm,
                on_sheet(details.get(arm.name, Detail()), placement.places),
                curves.get(arm.name, ()),
                result.out.parent,
                result.redraw,
            )
            for arm in result.arms
        ),
        pairs=_pairs(result),
        sweeps=(*figures.sweeps(result), *filter(None, [figures.learning(result)])),
        robustness=result.robustness.corrupted if result.robustness else (),
        pictures=placement.pictures,
        samples=placement.samples,
        hardest=renumbered(hard, placement.places),
        command=result.command,
        environment=environment_of([record for arm in present for record in records[arm.name]]),
        version=installed_version(),
        hardest_images=hard_images,
        claims=result.claims,
        borrowing=result.borrowing.document() if result.borrowing else None,
        map=mapped,
        copies=copies_view(result),
    )


def _read_predictions(
    result: ComparisonResult, present: Sequence[ArmResult], detailed: Sequence[ArmResult]
) -> tuple[Agreement, dict[str, Detail], Answers | None]:
    """Read the predictions of one arm after the other: only one arm's are in memory at a time.

    Returns the answers of any run, too, for ids and labels; None without one.
    """
    agreement, records = Agreement(), result.records
    judged: Answers | None = None
    details: dict[str, Detail] = {}
    names = {arm.name for arm in detailed}
    for arm in present:
        predictions = result.judged(arm.name)
        if not predictions:  # no split or repeat is whole: the arm failed
            continue
        first = predictions[0]
        judged = judged or Answers(first.ids, first.labels, first.predicted, first.classes)
        summed = ArmPredictions.of(predictions)
        agreement.add(summed)
        if arm.name in names:
            layers = layer_rows(records[arm.name]) if arm.params else ()  # majority has none, and learns nothing
            thresholds = _thresholds(result, predictions, len(detailed))
            detail = detail_of(arm.name, predictions, summed, layers, EXAMPLES // len(detailed), thresholds)
            before = before_temperatures(result, arm.name, predictions)
            details[arm.name] = with_calibration(detail, records[arm.name], before, predictions, result.redraw is None)
    return agreement, details, judged


def _thresholds(result: ComparisonResult, predictions: Sequence[Predictions], arms: int) -> tuple[ThresholdCurve, ...]:
    """Return the curves of an arm's classes; none where training images judge, of which they say nothing."""
    if result.data.judged_on == "train":
        return ()
    groups = None if result.redraw else result.data.groups_of(result.split)
    return threshold_curves(predictions, points_for(arms, len(result.data.classes)), groups)


def _curves(
    present: Sequence[ArmResult], records: Mapping[str, Sequence[RunRecord]]
) -> dict[str, tuple[SeedCurve, ...]]:
    """Return the curves of the best arms, as many as the page holds."""
    found: dict[str, tuple[SeedCurve, ...]] = {}
    values = 0
    for arm in present:
        curves = curves_of(records[arm.name])
        values += sum(len(curve.value) for curve in curves)
        if found and values > CURVE_VALUES:
            break
        found[arm.name] = curves
    return found


def _left_out(
    result: ComparisonResult, present: Sequence[ArmResult], detailed: Sequence[ArmResult], curves: Mapping[str, object]
) -> list[str]:
    """Say in sentences what the page lacks."""
    notes = []
    if result.redraw and result.redraw.splits:
        notes.append("Matrices, pictures and tables of classes are those of the first split; all figures are of all.")
    if result.images is None and present:
        notes.append(f"The images of {result.data.name} could not be found again, so the report shows none of them.")
    if len(detailed) < len(present):
        notes.append(
            f"Matrices, pictures, layers and tables of classes are those of the best {len(detailed)} of {len(present)}."
        )
    if len(curves) < len(present):
        notes.append(f"Learning curves are those of the best {len(curves)} of {len(present)}.")
    if len(result.data.classes) > MATRIX_CLASSES:
        notes.append(f"{len(result.data.classes):,} classes are too many for a matrix; its fullest cells are listed.")
    if len(result.verdicts) > MOST_PAIRS:
        notes.append(f"Of {len(result.verdicts):,} pairs the table holds those of the best; comparison.json has all.")
    return notes


def _balance(result: ComparisonResult, judged: Answers | None) -> dict[str, tuple[int, ...]]:
    """Count the images of each class in each split; without images, in the split that the runs have predicted."""
    data = result.data
    if result.redraw and result.redraw.folds:  # each image is in each split once
        return {data.judged_on: _counts(judged.labels, data.classes)} if judged is not None else {}
    if result.images is not None:
        labels = result.images.labels
        return {split: _counts(labels[result.split.positions(split)], data.classes) for split in SPLITS}
    return {data.judged_on: _counts(judged.labels, data.classes)} if judged is not None else {}


def _counts(labels: NDArray[np.int64], classes: Sequence[str]) -> tuple[int, ...]:
    return tuple(np.bincount(labels, minlength=len(classes)).tolist())


def _pairs(result: ComparisonResult) -> tuple[Verdict, ...]:
    """Return all pairs, or those of the best arm where they are too many."""
    if len(result.verdicts) <= MOST_PAIRS or result.best is None:
        return result.verdicts
    return tuple(each for each in result.verdicts if result.best.name in (each.a, each.b))[:MOST_PAIRS]
