"""What do the sweeps of a comparison show? Accuracy and loss over each varied setting; the best where it is shown."""

from collections.abc import Mapping, Sequence

from sadari.comparison.result import ComparisonResult
from sadari.report import figures
from sadari.report.arms import short
from sadari.report.contents import SweepPage, SweepPoint

IMAGES = "training images"


def sweep_pages(result: ComparisonResult) -> tuple[SweepPage, ...]:
    """One page for each setting that takes several numbers; that of train_fraction counts images and has its law."""
    pages = [SweepPage(each.key, _lines(each.lines), each.best, {}, "") for each in figures.sweeps(result)]
    learning = figures.learning(result)
    return tuple([*pages, _of_images(learning, result)] if learning else pages)


def _of_images(learning: figures.Learning, result: ComparisonResult) -> SweepPage:
    names = [point.arm for line in learning.lines.values() for point in line]
    return SweepPage(
        key=IMAGES,
        lines=_lines(learning.lines),
        best=figures.best_of(names, result.verdicts),
        fit={name: _fitted(fit) for name, fit in learning.fits.items()},
        sentence=" ".join(sentence[:1].upper() + sentence[1:] for sentence in learning.sentences),
    )


def _lines(lines: Mapping[str, Sequence[figures.SweepPoint]]) -> dict[str, tuple[SweepPoint, ...]]:
    return {name: tuple(_point(point) for point in line) for name, line in lines.items()}


def _point(point: figures.SweepPoint) -> SweepPoint:
    accuracy = point.accuracy
    return SweepPoint(
        value=point.value,
        arm=point.arm,
        accuracy=(accuracy.mean, accuracy.low, accuracy.high),
        loss=(point.loss, point.loss_low, point.loss_high),
    )


def _fitted(fit: figures.Fit) -> tuple[tuple[float, float, float, float], ...]:
    columns = (column.tolist() for column in (fit.images, fit.accuracy, fit.low, fit.high))
    return tuple(
        (short(at), short(mean), short(low), short(high)) for at, mean, low, high in zip(*columns, strict=True)
    )
