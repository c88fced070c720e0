"""A made-up report, small or large, for the tests of the page; always the same, with every kind of content."""

import io
from base64 import b64encode
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sadari.models.layers.specs import shape_text
from sadari.models.parse import describe, parse
from sadari.report.contents import (
    ArmPage,
    Bin,
    ClaimRow,
    ClassRow,
    Curve,
    Example,
    Facts,
    LayerRow,
    Pair,
    Pictures,
    Report,
    Robustness,
    SweepPage,
    SweepPoint,
)

CLASSES = ("티셔츠", "trouser", "pullover", "coat")
ARMS = ("cnn", "mlp", "logistic")
SIDE = 28
COLUMNS = 25
EPOCHS = 12
CELLS = 90  # with pictures behind them
NETWORKS = ("conv 32, batchnorm, maxpool, flatten, dense 64", "flatten, dense 256", "flatten")


def small_report(
    *,
    classes: tuple[str, ...] = CLASSES,
    arms: tuple[str, ...] = ARMS,
    seeds: int = 3,
    per_class: int = 100,
    pictures: int = 200,
    per_cell: int = 4,
    failed: bool = True,
    epochs: int = EPOCHS,
) -> Report:
    """A report of these arms, best first, on `per_class` test images of each class; the last arm is a failed one."""
    shown = picture_sheet(pictures, classes)
    pages = [_arm(place, name, classes, seeds, per_class, shown, per_cell, epochs) for place, name in enumerate(arms)]
    if failed:
        pages.append(failed_arm("lstm", "out of memory at batch 512; set batch_size to 256"))
    return Report(
        title="clothes",
        made="2026-01-31 09:30",
        verdict=f"{arms[0]} is shown to be the best of {len(arms)}: 91.2 % of the images right.",
        conclusions=("cnn beats mlp by 2.4 points (1.7 to 3.1; p < 0.001).", "Every p is corrected by Holm's method."),
        notes=("One arm has failed.",),
        facts=_facts(classes, per_class),
        arms=tuple(pages),
        pairs=tuple(_pairs(arms)),
        sweeps=_sweeps(arms),
        robustness=_robustness(arms),
        pictures=shown,
        samples=tuple(range(min(25, pictures))),
        hardest=(Example(3, 1, 0.61, 7), Example(9, 2, 0.55, 1)),
        command="sadari compare clothes --models cnn,mlp,logistic,lstm --seeds 3",
        environment={"machine": "Linux x86_64, 2 cores", "torch": "2.11.0"},
        version="0.1.0",
        hardest_images=17,
        claims=(
            ClaimRow("cnn > mlp", "The convolutional network is better.", "supported", "cnn beats mlp by 2.4 points."),
            ClaimRow("mlp = logistic within 0.005", "", "not shown", "The difference is 0.1 points (-0.6 to 0.8)."),
        ),
    )


def picture_sheet(count: int, classes: Sequence[str]) -> Pictures:
    """`count` pictures, each its own gradient, labelled with the classes in turn."""
    rows = -(-count // COLUMNS)
    sheet = np.zeros((rows * SIDE, COLUMNS * SIDE), dtype=np.uint8)
    for place in range(count):
        top, left = place // COLUMNS * SIDE, place % COLUMNS * SIDE
        sheet[top : top + SIDE, left : left + SIDE] = _gradient(place)
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, "PNG")
    data = b64encode(buffer.getvalue()).decode("ascii")
    ids = tuple(f"test/{place:05d}" for place in range(count))
    labels = tuple(place % len(classes) for place in range(count))
    return Pictures(f"data:image/png;base64,{data}", SIDE, COLUMNS, ids, labels)


def failed_arm(name: str, reason: str) -> ArmPage:
    """An arm none of whose seeds has finished."""
    return ArmPage(
        name=name,
        model=name,
        status="failed",
        reason=reason,
        settings={"epochs": "12"},
        seeds=(),
        accuracy=None,
        train_accuracy=None,
        val_accuracy=None,
        gap=None,
        scores={},
        params=None,
        seconds=None,
        seconds_per_epoch=None,
        images_per_second=None,
        best_epoch=None,
        diagnosis="",
        curves=(),
        confusion=(),
        cells={},
        mistakes=(),
        per_class=(),
        calibration=(),
        calibration_error=None,
        runs=(),
    )


def _gradient(place: int) -> NDArray[np.float64]:
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    return np.asarray(255 * (0.5 + 0.5 * np.sin(place + 6 * rows * np.cos(place) + 6 * columns * np.sin(place))))


def _facts(classes: tuple[str, ...], per_class: int) -> Facts:
    sizes = {"train": 5 * per_class, "val": per_class, "test": per_class}
    return Facts(
        name="clothes",
        counts={part: size * len(classes) for part, size in sizes.items()},
        classes=classes,
        shape=(SIDE, SIDE, 1),
        origin="test given by the set; val drawn from train (20 %, stratified, seed 0)",
        judged_on="test",
        leaks=2,
        sentences=("2 images of test are also in train.",),
        balance={part: (size,) * len(classes) for part, size in sizes.items()},
    )


def _arm(
    place: int,
    name: str,
    classes: tuple[str, ...],
    seeds: int,
    per_class: int,
    shown: Pictures,
    per_cell: int,
    epochs: int,
) -> ArmPage:
    accuracy = 0.912 - 0.024 * place
    matrix = _matrix(place, accuracy, len(classes), per_class)
    cells = _cells(matrix, shown, per_cell, seeds)
    rates = [row[label] / sum(row) for label, row in enumerate(matrix)]
    rows = [
        ClassRow(each, rate - 0.01, rate, rate - 0.005, per_class) for each, rate in zip(classes, rates, strict=True)
    ]
    average = ClassRow("macro avg", accuracy, accuracy, accuracy, per_class * len(classes))
    return ArmPage(
        name=name,
        model=name.split()[0],
        status="done",
        reason="",
        settings={"epochs": str(epochs), "optimizer": "adam", "batch_size": str(64 * 2**place)},
        seeds=tuple(range(seeds)),
        accuracy=(accuracy, 0.003, accuracy - 0.007, accuracy + 0.006),
        train_accuracy=accuracy + 0.03,
        val_accuracy=accuracy + 0.001,
        gap=0.03,
        scores={"accuracy": accuracy, "loss": 0.25 + 0.06 * place, "macro_f1": accuracy - 0.002},
        params=[93_962, 218_058, 7_850][place % 3] * (1 + place // 3),
        seconds=[161.0, 21.0, 9.0][place % 3] * (1 + place // 3),
        seconds_per_epoch=1.5,
        images_per_second=[48_100.0, 310_000.0, 920_000.0][place % 3] / (1 + place // 3),
        best_epoch=epochs - 2.0,
        diagnosis=f"{name} stops gaining on validation after epoch {epochs - 2} and over-fits from there.",
        curves=tuple(_curves(place, accuracy, seeds, epochs)),
        confusion=matrix,
        cells=cells,
        mistakes=tuple(
            Example(at, (shown.labels[at] + 1) % len(classes), 0.99 - at / 100, seeds) for at in range(place, place + 6)
        ),
        per_class=(*rows, average),
        calibration=tuple(_bins(accuracy)),
        calibration_error=0.031 + place / 100,
        runs=tuple(f"runs/clothes-1/{name}-seed{seed}" for seed in range(seeds)),
        cell_images=dict.fromkeys(cells, per_cell + 8),
        published={"accuracy": 0.9094} if place == 0 else {},
        layers=_layers(NETWORKS[place % 3], len(classes)),
    )


def _layers(text: str, classes: int) -> tuple[LayerRow, ...]:
    shape = (SIDE, SIDE, 1)
    rows = (
        LayerRow(row.text, f"layer{row.number}", shape_text(row.shape), row.total, row.trainable, row.how)
        for row in describe(parse(text, {}), shape, classes)
    )
    return (LayerRow("input", "", shape_text(shape), 0, 0, ""), *rows)


def _matrix(place: int, accuracy: float, size: int, per_class: int) -> tuple[tuple[float, ...], ...]:
    """Diagonal about `accuracy`, most mistakes in the neighbour classes, one class never mistaken."""
    generator = np.random.default_rng(place)
    weights = generator.random((size, size)) ** 4 / (1 + np.abs(np.subtract.outer(np.arange(size), np.arange(size))))
    np.fill_diagonal(weights, 0)
    wrong = per_class * (1 - accuracy) * 2 * generator.random((size, 1))
    counts = np.round(weights / weights.sum(axis=1, keepdims=True) * wrong, 1)
    counts[min(1, size - 1)] = 0
    np.fill_diagonal(counts, per_class - counts.sum(axis=1))
    return tuple(tuple(float(each) for each in row) for row in np.round(counts, 1))


def _cells(
    matrix: Sequence[Sequence[float]], shown: Pictures, per_cell: int, seeds: int
) -> dict[str, tuple[Example, ...]]:
    """At most per_cell pictures of the true class behind each of the largest wrong cells."""
    by_label: dict[int, list[int]] = {}
    for picture, label in enumerate(shown.labels):
        by_label.setdefault(label, []).append(picture)
    wrong = [
        (count, truth, said) for truth, row in enumerate(matrix) for said, count in enumerate(row) if truth != said
    ]
    return {
        f"{truth},{said}": tuple(
            Example(picture, said, 0.9 - 0.05 * rank, 1 + rank % seeds)
            for rank, picture in enumerate(by_label[truth][:per_cell])
        )
        for count, truth, said in sorted(wrong, reverse=True)[:CELLS]
        if count > 0 and truth in by_label
    }


def _curves(place: int, accuracy: float, seeds: int, epochs: int) -> list[Curve]:
    generator = np.random.default_rng(100 + place)
    steps = np.arange(epochs)
    found = []
    for seed in range(seeds):
        for part, gain in (("train", 0.03), ("val", 0.0)):
            rise = (accuracy + gain) - 0.35 * np.exp(-steps / 2) + generator.normal(0, 0.004, epochs)
            fall = (
                0.25
                + 2 * np.exp(-steps / 2)
                + (0.01 * steps if part == "val" else 0)
                + generator.normal(0, 0.01, epochs)
            )
            found.append(Curve(seed, part, "accuracy", tuple(rise.clip(0, 1).round(5).tolist())))
            found.append(Curve(seed, part, "loss", tuple(fall.round(5).tolist())))
    return found


def _bins(accuracy: float) -> list[Bin]:
    edges = np.linspace(0, 1, 11).tolist()
    return [
        Bin(low, high, (low + high) / 2, min(1.0, (low + high) / 2 * accuracy + 0.02), 10.0 * 2 ** (10 * low))
        for low, high in pairwise(edges[2:])
    ]


def _pairs(arms: tuple[str, ...]) -> list[Pair]:
    found = []
    for first, a in enumerate(arms):
        for second, b in enumerate(arms[first + 1 :], start=first + 1):
            gap = 0.024 * (second - first)
            if second - first == 1 and first == 1:
                sentence = (
                    f"{a} and {b}: no difference shown (0.1, -0.6 to 0.8; p = 0.780); 9 seeds would show half a point."
                )
                found.append(Pair(a, b, 0.001, -0.006, 0.008, 0.78, "no difference shown", sentence))
            else:
                sentence = f"{a} beats {b} by {100 * gap:.1f} points (p < 0.001; the same images, 3 seeds)."
                found.append(Pair(a, b, gap, gap - 0.007, gap + 0.007, 0.0004, "better", sentence))
    return found


def _sweeps(arms: tuple[str, ...]) -> tuple[SweepPage, ...]:
    shares = (0.05, 0.1, 0.25, 0.5, 1.0)
    lines = {
        f"{arm}": tuple(
            SweepPoint(
                share,
                f"{arm} train_fraction={share:g}",
                _interval(0.93 - 0.04 * place - 0.05 * share**-0.4, 0.01),
                _interval(0.3 + 0.2 * share**-0.3, 0.03),
            )
            for share in shares
        )
        for place, arm in enumerate(arms[:2])
    }
    grid = np.geomspace(0.05, 2, 30)
    middle = 0.93 - 0.05 * grid**-0.4
    fit = {
        arms[0]: tuple(
            zip(grid.tolist(), middle.tolist(), (middle - 0.006).tolist(), (middle + 0.006).tolist(), strict=True)
        )
    }
    rates = (0.0, 0.25, 0.5, 0.75)
    dropout = {
        "": tuple(
            SweepPoint(
                rate,
                f"{arms[0]} dropout={rate:g}",
                _interval(0.91 - 0.2 * (rate - 0.5) ** 2, 0.004),
                _interval(0.3, 0.02),
            )
            for rate in rates
        )
    }
    return (
        SweepPage("train_fraction", lines, "", fit, "Twice the data would bring 0.9 points (0.5 to 1.3)."),
        SweepPage("dropout", dropout, f"{arms[0]} dropout=0.5", {}, ""),
    )


def _interval(middle: float, half: float) -> tuple[float, float, float]:
    return (middle, middle - half, middle + half)


def _robustness(arms: tuple[str, ...]) -> tuple[Robustness, ...]:
    corruptions = {
        "shift": ("none", "1 px", "2 px", "4 px"),
        "rotation": ("none", "5°", "15°", "30°"),
        "noise": ("none", "0.05", "0.1", "0.2"),
        "background": ("none", "grey", "stripes"),
    }
    return tuple(
        Robustness(
            name,
            levels,
            {
                arm: tuple(0.912 - 0.024 * place - 0.06 * step * (1 + kind / 2) for step in range(len(levels)))
                for place, arm in enumerate(arms)
            },
        )
        for kind, (name, levels) in enumerate(corruptions.items())
    )
