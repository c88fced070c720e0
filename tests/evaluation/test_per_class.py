"""Is the table of classes the one that scikit-learn prints?"""

import numpy as np
import pytest
from sklearn.metrics import classification_report

from sadari.evaluation.metrics import score
from sadari.evaluation.per_class import AVERAGES, ClassScore, per_class, text_table
from sadari.values import Predictions
from support.predictions import predictions_of

CLASSES = ("ankle boot", "bag", "coat", "dress", "shirt")


def made(labels: list[int], predicted: list[int]) -> Predictions:
    """Return predictions of these labels in which each predicted class has probability 1."""
    return predictions_of(labels, np.eye(len(CLASSES))[predicted], CLASSES)


def drawn(seed: int, count: int = 120) -> Predictions:
    """Draw predictions; the labels are the same for every seed, as for the seeds of an arm."""
    labels = np.random.default_rng(0).choice(5, size=count, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    generator = np.random.default_rng(seed)
    predicted = np.where(generator.random(count) < 0.7, labels, generator.integers(5, size=count))
    return made(labels.tolist(), predicted.tolist())


def report(predictions: Predictions) -> dict[str, dict[str, float]]:
    """Return scikit-learn's own report."""
    found = classification_report(
        predictions.labels,
        predictions.predicted,
        labels=range(5),
        target_names=CLASSES,
        output_dict=True,
        zero_division=0,
    )
    return dict(found)


def test_every_figure_is_scikit_learns() -> None:
    predictions = drawn(1)
    expected = report(predictions)
    rows = per_class([predictions])
    assert [row.name for row in rows] == [*CLASSES, *AVERAGES] == list(expected)
    for row in rows:
        if row.name == "accuracy":
            assert (row.precision, row.recall, row.support) == (None, None, 120)
            assert row.f1 == pytest.approx(expected["accuracy"])
        else:
            figures = dict(zip(("precision", "recall", "f1-score", "support"), _figures(row), strict=True))
            assert figures == pytest.approx(expected[row.name])


def _figures(row: ClassScore) -> tuple[float | None, ...]:
    return row.precision, row.recall, row.f1, float(row.support)


def test_averages_are_the_registered_metrics() -> None:
    predictions = drawn(2)
    found = score(predictions)
    accuracy, macro, weighted = per_class([predictions])[-3:]
    assert accuracy.f1 == pytest.approx(found["accuracy"])
    assert (macro.precision, macro.recall, macro.f1) == pytest.approx(
        (found["macro_precision"], found["macro_recall"], found["macro_f1"])
    )
    assert weighted.f1 == pytest.approx(found["weighted_f1"])
    assert weighted.recall == pytest.approx(found["accuracy"])


def test_a_class_that_is_never_said_is_zero_and_one_that_is_nowhere_has_no_figures() -> None:
    rows = {row.name: row for row in per_class([made([0, 0, 1], [0, 0, 2])])}
    assert rows["bag"] == ClassScore("bag", 0.0, 0.0, 0.0, 1)
    assert rows["coat"] == ClassScore("coat", 0.0, 0.0, 0.0, 0)
    assert rows["dress"] == ClassScore("dress", None, None, None, 0)
    assert rows["macro avg"].f1 == pytest.approx(1 / 3)  # of the three classes that occur, as scikit-learn has it


def test_several_seeds_give_the_means() -> None:
    seeds = [drawn(1), drawn(2), drawn(3)]
    alone = [per_class([each]) for each in seeds]
    for place, row in enumerate(per_class(seeds)):
        assert row.support == alone[0][place].support
        for figure in ("precision", "recall", "f1"):
            values = [getattr(rows[place], figure) for rows in alone]
            expected = None if values[0] is None else pytest.approx(np.mean(values))
            assert getattr(row, figure) == expected


def test_a_class_that_only_one_seed_says_counts_in_that_seed_only() -> None:
    rows = {row.name: row for row in per_class([made([0, 0], [0, 0]), made([0, 0], [0, 2])])}
    assert rows["coat"] == ClassScore("coat", 0.0, 0.0, 0.0, 0)
    assert rows["ankle boot"].recall == 0.75
    assert rows["macro avg"].recall == pytest.approx((1 + 0.25) / 2)


def test_the_text_reads_as_scikit_learns() -> None:
    predictions = drawn(4)
    ours = text_table(per_class([predictions]))
    theirs = classification_report(
        predictions.labels, predictions.predicted, labels=range(5), target_names=CLASSES, digits=4, zero_division=0
    ).splitlines()
    words = [line.replace("f1-score", "f1").split() for line in theirs]
    assert [line.split() for line in ours] == [words[0], *words[2:]]  # theirs has an empty line below the heading
    assert len({len(line) for line in ours if line}) == 1


def test_what_does_not_exist_is_left_empty_in_the_text() -> None:
    line = next(line for line in text_table(per_class([made([0, 1], [0, 1])])) if "dress" in line)
    assert line.split() == ["dress", "0"]


def test_no_images_are_refused() -> None:
    with pytest.raises(ValueError, match="needs images"):
        per_class([])
    with pytest.raises(ValueError, match="needs images"):
        per_class([made([], [])])
