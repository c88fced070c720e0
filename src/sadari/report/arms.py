"""What does the page say about one arm? Its figures, curves, matrix, pictures and tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sadari.comparison.result import ArmResult
from sadari.evaluation.calibration import expected_calibration_error, reliability
from sadari.evaluation.per_class import per_class
from sadari.explain.summary import layers_of
from sadari.models.layers.specs import shape_text
from sadari.report.contents import ArmPage, Bin, ClassRow, Curve, Example, LayerRow, Number
from sadari.report.examples import ArmPredictions, Cell, cells, mistakes, renumbered
from sadari.run import RunRecord
from sadari.values import Predictions

MATRIX_CLASSES = 100  # with more classes there are only the cells that hold the most images


@dataclass(frozen=True, eq=False)
class Detail:
    """What is said of an arm beyond its row? Pictures are named by their places among the images that judge."""

    matrix: tuple[tuple[float, ...], ...]
    cells: Mapping[str, Cell]
    mistakes: tuple[Example, ...]
    per_class: tuple[ClassRow, ...]
    calibration: tuple[Bin, ...]
    calibration_error: float | None
    layers: tuple[LayerRow, ...]

    @classmethod
    def of(
        cls, predictions: Sequence[Predictions], opinion: ArmPredictions, layers: tuple[LayerRow, ...], most_sights: int
    ) -> "Detail":
        """From the predictions of the arm's seeds, with at most so many pictures behind cells."""
        diagrams = [reliability([each]) for each in predictions]
        return cls(
            matrix=_matrix(opinion) if opinion.classes <= MATRIX_CLASSES else (),
            cells=cells(opinion, most_sights),
            mistakes=mistakes(opinion),
            per_class=tuple(
                ClassRow(row.name, _short(row.precision), _short(row.recall), _short(row.f1), row.support)
                for row in per_class(predictions)
            ),
            calibration=tuple(
                Bin(*(short(value) for value in (each.low, each.high, each.confidence, each.accuracy, each.images)))
                for each in reliability(predictions)
            ),
            calibration_error=float(np.mean([expected_calibration_error(each) for each in diagrams])),
            layers=layers,
        )


NO_DETAIL = Detail((), {}, (), (), (), None, ())


def arm_page(
    arm: ArmResult,
    detail: Detail,
    curves: Sequence[Curve],
    diagnosis: str,
    places: Mapping[int, int],
    beside: Path,
) -> ArmPage:
    """Everything about `arm`. places: of the images that judge on the sheet. beside: where runs are named from."""
    shown = {name: renumbered(cell.shown, places) for name, cell in detail.cells.items()}
    shown = {name: pictures for name, pictures in shown.items() if pictures}
    accuracy = arm.accuracy
    return ArmPage(
        name=arm.name,
        model=arm.model,
        status=arm.status,
        reason=arm.reason,
        settings={key: str(value) for key, value in arm.settings.items()},
        seeds=arm.seeds,
        accuracy=(accuracy.mean, accuracy.sd, accuracy.low, accuracy.high) if accuracy else None,
        train_accuracy=arm.train_accuracy,
        val_accuracy=arm.val_accuracy,
        gap=arm.gap,
        scores={name: short(value) for name, value in arm.scores.items()},
        params=arm.params,
        seconds=arm.seconds,
        seconds_per_epoch=arm.seconds_per_epoch,
        images_per_second=arm.images_per_second,
        best_epoch=arm.best_epoch,
        diagnosis=diagnosis,
        curves=tuple(curves),
        confusion=detail.matrix,
        cells=shown,
        mistakes=renumbered(detail.mistakes, places),
        per_class=detail.per_class,
        calibration=detail.calibration,
        calibration_error=detail.calibration_error,
        runs=tuple(_from(beside, Path(run)) for run in arm.runs),
        cell_images={name: detail.cells[name].images for name in shown},
        published=arm.published,
        layers=detail.layers,
    )


def curves_of(records: Sequence[RunRecord]) -> tuple[Curve, ...]:
    """Loss and accuracy on train and val over the epochs, for every seed."""
    found = []
    for record in records:
        history, seed = record.history, record.job.seed
        for split in ("train", "val"):
            for figure in ("loss", "accuracy"):
                column = f"{split}_{figure}"
                values = tuple(short(row[column]) for row in history if column in row)
                if values:
                    found.append(Curve(seed, split, figure, values))
    return tuple(found)


def short(value: float) -> Number:
    """`value` to five digits, as few letters as that takes: the page holds ten thousands of figures."""
    rounded = float(f"{value:.5g}")
    return int(rounded) if rounded.is_integer() else rounded


def _short(value: float | None) -> Number | None:
    return None if value is None else short(value)


def _matrix(opinion: ArmPredictions) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(short(value) for value in row) for row in opinion.matrix.tolist())


def _from(beside: Path, run: Path) -> str:
    return str(run.relative_to(beside) if run.is_relative_to(beside) else run)


def layer_rows(records: Sequence[RunRecord]) -> tuple[LayerRow, ...]:
    """The images, then each layer of the network that these runs, one a seed, have trained.

    () where no weights lie beside the results any more. Raises SadariError for a damaged model.
    """
    run = next((each for each in records if (each.path / "model.safetensors").is_file()), None)
    if run is None:
        return ()
    layers = layers_of(run)
    images = LayerRow("input", "", shape_text(layers.shape), 0, 0, "")
    rows = zip(layers.rows, layers.names, strict=True)
    return (images, *(LayerRow(r.text, name, shape_text(r.shape), r.total, r.trainable, r.how) for r, name in rows))
