"""The arms of the made-up report: figures, curves, confusion matrices and pictures that look like those of runs."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from sadari.comparison.arm_result import ArmResult
from sadari.evaluation.per_class import ClassScore
from sadari.evaluation.probabilities.calibration import ReliabilityBin
from sadari.models.layers.specs import shape_text
from sadari.models.parse import describe, parse
from sadari.report.contents import ArmPage, Cell, Detail, Example, LayerRow, Pictures, SeedCurve
from sadari.report.thresholds import ThresholdCurve
from sadari.values import Interval

SIDE = 28
CELLS = 90  # with pictures behind them
NETWORKS = ("conv 32, batchnorm, maxpool, flatten, dense 64", "flatten, dense 256", "flatten")


def failed_arm(name: str, reason: str) -> ArmPage:
    """Return an arm of which no seed has finished."""
    row = ArmResult(
        name=name,
        model=name,
        settings={"epochs": "12"},
        status="failed",
        reason=reason,
        params=None,
        seeds=(),
        accuracy=None,
        val_accuracy=None,
        train_accuracy=None,
        gap=None,
        macro_f1=None,
        loss=None,
        seconds=None,
        images_per_second=None,
        runs=(),
    )
    return ArmPage(row, "", (), Detail())


def made_up_arm(
    place: int,
    name: str,
    classes: tuple[str, ...],
    seeds: int,
    per_class: int,
    shown: Pictures,
    per_cell: int,
    epochs: int,
) -> ArmPage:
    """Return the arm at `place` of the ranking."""
    accuracy = 0.912 - 0.024 * place
    row = ArmResult(
        name=name,
        model=name.split()[0],
        settings={"epochs": str(epochs), "optimizer": "adam", "batch_size": str(64 * 2**place)},
        status="done",
        reason="",
        params=[93_962, 218_058, 7_850][place % 3] * (1 + place // 3),
        seeds=tuple(range(seeds)),
        accuracy=Interval(accuracy, 0.003, accuracy - 0.007, accuracy + 0.006),
        val_accuracy=accuracy + 0.001,
        train_accuracy=accuracy + 0.03,
        gap=0.03,
        macro_f1=accuracy - 0.002,
        loss=0.25 + 0.06 * place,
        seconds=[161.0, 21.0, 9.0][place % 3] * (1 + place // 3),
        images_per_second=[48_100.0, 310_000.0, 920_000.0][place % 3] / (1 + place // 3),
        runs=tuple(f"runs/clothes-1/{name}-seed{seed}" for seed in range(seeds)),
        published={"accuracy": 0.9094} if place == 0 else {},
        scores={"accuracy": accuracy, "loss": 0.25 + 0.06 * place, "macro_f1": accuracy - 0.002},
        seconds_per_epoch=1.5,
        best_epoch=epochs - 2.0,
    )
    diagnosis = f"{name} stops gaining on validation after epoch {epochs - 2} and over-fits from there."
    detail = _detail(place, accuracy, classes, seeds, per_class, shown, per_cell)
    return ArmPage(row, diagnosis, tuple(_curves(place, accuracy, seeds, epochs)), detail, seeds)


def _detail(
    place: int,
    accuracy: float,
    classes: tuple[str, ...],
    seeds: int,
    per_class: int,
    shown: Pictures,
    per_cell: int,
) -> Detail:
    matrix = _matrix(place, accuracy, len(classes), per_class)
    rates = [row[label] / sum(row) for label, row in enumerate(matrix)]
    rows = [
        ClassScore(each, rate - 0.01, rate, rate - 0.005, per_class) for each, rate in zip(classes, rates, strict=True)
    ]
    average = ClassScore("macro avg", accuracy, accuracy, accuracy, per_class * len(classes))
    return Detail(
        confusion=matrix,
        cells=_cells(matrix, shown, per_cell, seeds),
        mistakes=tuple(
            Example(at, (shown.labels[at] + 1) % len(classes), 0.99 - at / 100, seeds) for at in range(place, place + 6)
        ),
        per_class=(*rows, average),
        calibration=tuple(_bins(accuracy)),
        calibration_error=0.031 + place / 100,
        layers=_layers(NETWORKS[place % 3], len(classes)),
        thresholds=tuple(
            _curve(each, rate, per_class, len(classes)) for each, rate in zip(classes, rates, strict=True)
        ),
    )


def _curve(name: str, rate: float, per_class: int, classes: int) -> ThresholdCurve:
    """Return the curve of a class of which `rate` are found before others are."""
    others = per_class * (classes - 1)
    steps = np.linspace(0, 1, 30)
    hits = np.round(per_class * np.minimum(1, steps ** (1 - rate) * (steps > 0))).astype(int)
    alarms = np.round(others * steps**2).astype(int)
    area = Interval(rate, 0.0, rate - 0.02, min(rate + 0.02, 1.0))
    thresholds = tuple(np.linspace(1, 0.001, 30).tolist())
    return ThresholdCurve(
        name, per_class, others, thresholds, tuple(hits.tolist()), tuple(alarms.tolist()), True, area, area
    )


def _layers(text: str, classes: int) -> tuple[LayerRow, ...]:
    shape = (SIDE, SIDE, 1)
    rows = (
        LayerRow(
            row.text, f"layer{row.number}", shape_text(row.shape), row.total, row.trainable, row.how, row.params_how
        )
        for row in describe(parse(text, {}), shape, classes)
    )
    return (LayerRow("input", "", shape_text(shape), 0, 0, ""), *rows)


def _matrix(place: int, accuracy: float, size: int, per_class: int) -> tuple[tuple[float, ...], ...]:
    """Return a matrix: diagonal about `accuracy`, most mistakes in the neighbour classes, one class never mistaken."""
    generator = np.random.default_rng(place)
    weights = generator.random((size, size)) ** 4 / (1 + np.abs(np.subtract.outer(np.arange(size), np.arange(size))))
    np.fill_diagonal(weights, 0)
    wrong = per_class * (1 - accuracy) * 2 * generator.random((size, 1))
    counts = np.round(weights / weights.sum(axis=1, keepdims=True) * wrong, 1)
    counts[min(1, size - 1)] = 0
    np.fill_diagonal(counts, per_class - counts.sum(axis=1))
    return tuple(tuple(float(each) for each in row) for row in np.round(counts, 1))


def _cells(matrix: Sequence[Sequence[float]], shown: Pictures, per_cell: int, seeds: int) -> dict[str, Cell]:
    """Return at most per_cell pictures of the true class behind each of the largest wrong cells."""
    by_label: dict[int, list[int]] = {}
    for picture, label in enumerate(shown.labels):
        by_label.setdefault(label, []).append(picture)
    wrong = [
        (count, truth, predicted)
        for truth, row in enumerate(matrix)
        for predicted, count in enumerate(row)
        if truth != predicted
    ]
    found = {}
    for count, truth, predicted in sorted(wrong, reverse=True)[:CELLS]:
        if count > 0 and truth in by_label:
            pictures = by_label[truth][:per_cell]
            examples = (Example(each, predicted, 0.9 - 0.05 * at, 1 + at % seeds) for at, each in enumerate(pictures))
            found[f"{truth},{predicted}"] = Cell(tuple(examples), per_cell + 8)
    return found


def _curves(place: int, accuracy: float, seeds: int, epochs: int) -> list[SeedCurve]:
    generator = np.random.default_rng(100 + place)
    steps = np.arange(epochs)
    found = []
    for seed in range(seeds):
        for split, gain in (("train", 0.03), ("val", 0.0)):
            rise = (accuracy + gain) - 0.35 * np.exp(-steps / 2) + generator.normal(0, 0.004, epochs)
            fall = (
                0.25
                + 2 * np.exp(-steps / 2)
                + (0.01 * steps if split == "val" else 0)
                + generator.normal(0, 0.01, epochs)
            )
            found.append(SeedCurve(seed, split, "accuracy", tuple(rise.clip(0, 1).round(5).tolist())))
            found.append(SeedCurve(seed, split, "loss", tuple(fall.round(5).tolist())))
    return found


def _bins(accuracy: float) -> list[ReliabilityBin]:
    edges = np.linspace(0, 1, 11).tolist()
    return [
        ReliabilityBin(
            low, high, (low + high) / 2, min(1.0, (low + high) / 2 * accuracy + 0.02), 10.0 * 2 ** (10 * low)
        )
        for low, high in pairwise(edges[2:])
    ]
