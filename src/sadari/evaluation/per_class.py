"""On which classes is a model good? scikit-learn's `classification_report`, as data and as text."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sadari.evaluation.metrics import ClassFigures, class_figures
from sadari.values import Predictions

FIGURES = ("precision", "recall", "f1")
AVERAGES = ("accuracy", "macro avg", "weighted avg")  # the last rows, under scikit-learn's names


@dataclass(frozen=True)
class ClassScore:
    """One row of the table: the figures of a class or of an average over classes, each in [0, 1].

    name: the class, or one of AVERAGES. None where a figure does not exist: those of a class that occurs nowhere, and
    precision and recall of the row "accuracy", whose value is in the column F1 as in scikit-learn's report. support:
    images.
    """

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


def per_class(predictions: Sequence[Predictions]) -> tuple[ClassScore, ...]:
    """Return a row per class, then the rows "accuracy", "macro avg" and "weighted avg".

    predictions: one per seed, of the same images; every figure is the mean over the seeds that have it. A figure with
    denominator 0, such as the precision of a class that is never predicted, is 0 (`zero_division=0`); a class that is
    neither true nor predicted has no figures and is in no average. Raises ValueError without seeds or images.
    """
    if not predictions or not all(len(each) for each in predictions):
        raise ValueError(f"a table of classes needs images; got {[len(each) for each in predictions]}")
    seeds = [class_figures(each) for each in predictions]
    classes = predictions[0].classes
    rows = [_class_row(name, index, seeds) for index, name in enumerate(classes)]
    return (*rows, *_averages(seeds))


def text_table(rows: Sequence[ClassScore], digits: int = 4) -> list[str]:
    """Return the lines of the table: a heading, the classes, an empty line, the averages."""
    width = max(len(row.name) for row in rows)
    lines = [f"{'':{width}}  precision  recall      f1  support"]
    for index, row in enumerate(rows):
        if index == len(rows) - len(AVERAGES):
            lines.append("")
        figures = (row.precision, row.recall, row.f1)
        precision, recall, f1 = ("" if each is None else f"{each:.{digits}f}" for each in figures)
        lines.append(f"{row.name:>{width}}  {precision:>9}  {recall:>6}  {f1:>6}  {row.support:>7,}")
    return lines


def _class_row(name: str, index: int, seeds: Sequence[ClassFigures]) -> ClassScore:
    support = int(seeds[0].support[index])
    occurring = [each for each in seeds if each.occurs[index]]
    if not occurring:
        return ClassScore(name, None, None, None, support)
    precision, recall, f1 = (float(np.mean([getattr(each, figure)[index] for each in occurring])) for figure in FIGURES)
    return ClassScore(name, precision, recall, f1, support)


def _averages(seeds: Sequence[ClassFigures]) -> tuple[ClassScore, ...]:
    support = int(seeds[0].support.sum())
    macro = [float(np.mean([each.macro(getattr(each, name)) for each in seeds])) for name in FIGURES]
    weighted = [float(np.mean([each.weighted(getattr(each, name)) for each in seeds])) for name in FIGURES]
    accuracy = weighted[1]  # recall weighted by images is the share of images classified correctly
    return (
        ClassScore(AVERAGES[0], None, None, accuracy, support),
        ClassScore(AVERAGES[1], macro[0], macro[1], macro[2], support),
        ClassScore(AVERAGES[2], weighted[0], weighted[1], weighted[2], support),
    )
