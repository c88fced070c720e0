"""What does the page say about one arm? Its figures, curves, confusion matrix, pictures and tables."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sadari.comparison.arm_result import ArmResult
from sadari.comparison.splits.redraw import Redraw
from sadari.evaluation.per_class import per_class
from sadari.evaluation.probabilities.calibration import calibration_caution, expected_calibration_error, reliability
from sadari.explain.layers import layers_of
from sadari.models.layers.specs import shape_text
from sadari.report.calibrated import about_calibration
from sadari.report.contents import ArmPage, Cell, Detail, LayerRow, SeedCurve
from sadari.report.examples import ArmPredictions, cells, mistakes, renumbered
from sadari.report.thresholds import ThresholdCurve
from sadari.run import MODEL, RunRecord
from sadari.values import Predictions

MATRIX_CLASSES = 100  # with more classes there are only the cells that hold the most images


def arm_page(
    arm: ArmResult, detail: Detail, curves: Sequence[SeedCurve], folder: Path, redraw: Redraw | None = None
) -> ArmPage:
    """Return everything about `arm`. folder: runs are named from here. redraw: how the parts were drawn anew."""
    result = replace(
        arm,
        settings={key: str(value) for key, value in arm.settings.items()},
        runs=tuple(_relative(Path(run), folder) for run in arm.runs),
        diagnosis=None,
    )
    diagnosis = " ".join(arm.diagnosis.sentences) if arm.diagnosis else ""
    about_seeds = f"{arm.collapsed.sentence}." if arm.collapsed else ""
    networks, networks_are = redraw.seeds if redraw else len(arm.seeds), "seeds"
    if redraw and redraw.folds:
        networks, networks_are = redraw.repeats * redraw.seeds, "repeats"
    return ArmPage(result, diagnosis, tuple(curves), detail, networks, networks_are, about_seeds)


def detail_of(
    name: str,
    predictions: Sequence[Predictions],
    arm: ArmPredictions,
    layers: tuple[LayerRow, ...],
    most_examples: int,
    thresholds: tuple[ThresholdCurve, ...] = (),
) -> Detail:
    """Return the detail of the arm `name`, its pictures named by their positions among the judging images.

    predictions: one per seed; arm: the same, summed up. most_examples: of the pictures behind cells. thresholds: the
    curves of its classes.
    """
    error = float(np.mean([expected_calibration_error(reliability([each])) for each in predictions]))
    bins = reliability(predictions)
    return Detail(
        confusion=tuple(map(tuple, arm.matrix.tolist())) if arm.classes <= MATRIX_CLASSES else (),
        cells=cells(arm, most_examples),
        mistakes=mistakes(arm),
        per_class=per_class(predictions),
        calibration=bins,
        calibration_error=error,
        layers=layers,
        caution=calibration_caution(name, bins, error),
        thresholds=thresholds,
    )


def with_calibration(
    detail: Detail,
    records: Sequence[RunRecord],
    before: Sequence[Predictions],
    after: Sequence[Predictions],
    drawn_once: bool,
) -> Detail:
    """Return `detail` with what the temperature changes. before, after: the predictions without it and with it."""
    scaled = any(each.temperature != 1.0 for each in records)
    said = about_calibration(records, before, after, drawn_once)
    return replace(detail, uncalibrated=reliability(before) if scaled else (), about_calibration=said)


def on_sheet(detail: Detail, places: Mapping[int, int]) -> Detail:
    """Return `detail` with its pictures named by their places on the sheet, without those that it lacks.

    places: position among the judging images -> place on the sheet.
    """
    shown = {name: Cell(renumbered(cell.shown, places), cell.images) for name, cell in detail.cells.items()}
    return replace(
        detail,
        cells={name: cell for name, cell in shown.items() if cell.shown},
        mistakes=renumbered(detail.mistakes, places),
    )


def curves_of(records: Sequence[RunRecord]) -> tuple[SeedCurve, ...]:
    """Return loss and accuracy on train and val over the epochs, for every seed."""
    found = []
    for record in records:
        history, seed = record.history, record.job.seed
        for split in ("train", "val"):
            for figure in ("loss", "accuracy"):
                column = f"{split}_{figure}"
                values = tuple(row[column] for row in history if column in row)
                if values:
                    found.append(SeedCurve(seed, split, figure, values))
    return tuple(found)


def layer_rows(records: Sequence[RunRecord]) -> tuple[LayerRow, ...]:
    """Return the images, then each layer of the network that these runs, one a seed, have trained.

    () where no run has its weights any more. Raises SadariError for a damaged model.
    """
    run = next((each for each in records if (each.path / MODEL).is_file()), None)
    if run is None:
        return ()
    layers = layers_of(run)
    images = LayerRow("input", "", shape_text(layers.shape), 0, 0, "")
    rows = (
        LayerRow(row.text, name, shape_text(row.shape), row.total, row.trainable, row.how, row.params_how)
        for row, name in zip(layers.rows, layers.names, strict=True)
    )
    return (images, *rows)


def _relative(run: Path, folder: Path) -> str:
    return str(run.relative_to(folder) if run.is_relative_to(folder) else run)
