"""A made-up report, small or large, for the tests of the page; always the same, with every kind of content."""

import io
from base64 import b64encode
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sadari.comparison.analysis.data_facts import DataFacts
from sadari.comparison.analysis.robustness import CorruptionAccuracy
from sadari.comparison.analysis.sweep_point import SweepPoint
from sadari.comparison.claims.verdict import ClaimVerdict
from sadari.report.contents import Example, Pictures, Report
from sadari.report.figures import Fit, Sweep
from sadari.values import Interval, Verdict
from support.report_arms import SIDE, failed_arm, made_up_arm

CLASSES = ("티셔츠", "trouser", "pullover", "coat")
ARMS = ("cnn", "mlp", "logistic")
COLUMNS = 25
EPOCHS = 12
SIZES = {"train": 5, "val": 1, "test": 1}  # images of a class in each split, for one test image


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
    """Return a report of these arms, best first, on `per_class` test images of each class; the last arm failed."""
    shown = picture_sheet(pictures, classes)
    pages = [
        made_up_arm(place, name, classes, seeds, per_class, shown, per_cell, epochs) for place, name in enumerate(arms)
    ]
    if failed:
        pages.append(failed_arm("lstm", "out of memory at batch 512; set batch_size to 256"))
    return Report(
        title="clothes",
        made="2026-01-31 09:30",
        verdict=f"{arms[0]} is shown to be the best of {len(arms)}: 91.2 % of the images right.",
        conclusions=("cnn beats mlp by 2.4 points (1.7 to 3.1; p < 0.001).", "Every p is corrected by Holm's method."),
        notes=("One arm has failed.",),
        facts=_facts(classes, per_class),
        balance={split: (each * per_class,) * len(classes) for split, each in SIZES.items()},
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
            ClaimVerdict(
                "cnn > mlp", "The convolutional network is better.", "supported", "cnn beats mlp by 2.4 points."
            ),
            ClaimVerdict("mlp = logistic within 0.005", "", "not shown", "The difference is 0.1 points (-0.6 to 0.8)."),
        ),
    )


def picture_sheet(count: int, classes: Sequence[str]) -> Pictures:
    """Return `count` pictures, each its own gradient, labelled with the classes in turn."""
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


def _gradient(place: int) -> NDArray[np.float64]:
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    return np.asarray(255 * (0.5 + 0.5 * np.sin(place + 6 * rows * np.cos(place) + 6 * columns * np.sin(place))))


def _facts(classes: tuple[str, ...], per_class: int) -> DataFacts:
    return DataFacts(
        name="clothes",
        counts={split: each * per_class * len(classes) for split, each in SIZES.items()},
        classes=classes,
        shape=(SIDE, SIDE, 1),
        origin="test given by the set; val drawn from train (20 %, stratified, seed 0)",
        judged_on="test",
        leaks=2,
        sentences=("2 images of test are also in train.",),
    )


def _pairs(arms: tuple[str, ...]) -> list[Verdict]:
    found = []
    for first, a in enumerate(arms):
        for second, b in enumerate(arms[first + 1 :], start=first + 1):
            gap = 0.024 * (second - first)
            if second - first == 1 and first == 1:
                sentence = (
                    f"{a} and {b}: no difference shown (0.1, -0.6 to 0.8; p = 0.780); 9 seeds would show half a point."
                )
                found.append(Verdict(a, b, 0.001, -0.006, 0.008, 0.78, "no difference shown", sentence))
            else:
                sentence = f"{a} beats {b} by {100 * gap:.1f} points (p < 0.001; the same images, 3 seeds)."
                found.append(Verdict(a, b, gap, gap - 0.007, gap + 0.007, 0.0004, "better", sentence))
    return found


def _sweeps(arms: tuple[str, ...]) -> tuple[Sweep, ...]:
    shares = (0.05, 0.1, 0.25, 0.5, 1.0)
    lines = {
        arm: tuple(
            _point(
                f"{arm} train_fraction={share:g}",
                share,
                _interval(0.93 - 0.04 * place - 0.05 * share**-0.4, 0.01),
                _interval(0.3 + 0.2 * share**-0.3, 0.03),
            )
            for share in shares
        )
        for place, arm in enumerate(arms[:2])
    }
    grid = np.geomspace(0.05, 2, 30)
    middle = 0.93 - 0.05 * grid**-0.4
    fit = Fit(*(tuple(each.tolist()) for each in (grid, middle, middle - 0.006, middle + 0.006)))
    rates = (0.0, 0.25, 0.5, 0.75)
    dropout = {
        "": tuple(
            _point(
                f"{arms[0]} dropout={rate:g}",
                rate,
                _interval(0.91 - 0.2 * (rate - 0.5) ** 2, 0.004),
                _interval(0.3, 0.02),
            )
            for rate in rates
        )
    }
    sentence = "twice the data would bring 0.9 points (0.5 to 1.3)."
    return (
        Sweep("clothes: data", "train_fraction", lines, fits={arms[0]: fit}, sentences=(sentence,)),
        Sweep("clothes: dropout", "dropout", dropout, best=f"{arms[0]} dropout=0.5"),
    )


def _point(arm: str, value: float, accuracy: Interval, loss: Interval) -> SweepPoint:
    return SweepPoint(arm, value, accuracy, loss.mean, loss.low, loss.high)


def _interval(middle: float, half: float) -> Interval:
    return Interval(middle, 0.0, middle - half, middle + half)


def _robustness(arms: tuple[str, ...]) -> tuple[CorruptionAccuracy, ...]:
    corruptions = {
        "shift": ("none", "1 px", "2 px", "4 px"),
        "rotation": ("none", "5°", "15°", "30°"),
        "noise": ("none", "0.05", "0.1", "0.2"),
        "background": ("none", "grey", "stripes"),
    }
    return tuple(
        CorruptionAccuracy(
            name,
            "",
            tuple(map(float, range(len(labels)))),
            labels,
            {
                arm: tuple(
                    _interval(0.912 - 0.024 * place - 0.06 * step * (1 + kind / 2), 0.01) for step in range(len(labels))
                )
                for place, arm in enumerate(arms)
            },
        )
        for kind, (name, labels) in enumerate(corruptions.items())
    )
