"""Are the curves on the page those of the runs, few enough for the page, and of the classes that matter?"""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sadari.comparison.result import ComparisonResult
from sadari.evaluation.operating.curves import curve_of
from sadari.report import figures
from sadari.report.build import build_report
from sadari.report.plots.saving import save
from sadari.report.plots.thresholds import draw_thresholds, recall_and_precision
from sadari.report.thresholds import ALL_POINTS, MOST_CLASSES, MOST_POINTS, points_for, threshold_curves
from support.predictions import predictions_of


def drawn(count: int, classes: int) -> NDArray[np.float64]:
    generator = np.random.default_rng(count)
    shares = generator.random((count, classes))
    shares[np.arange(count), np.arange(count) % classes] += 0.5
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def test_the_page_holds_the_counts_of_the_first_network(stamped_result: ComparisonResult) -> None:
    report = build_report(stamped_result, "today")
    for arm in report.arms:
        predictions = stamped_result.records[arm.result.name][0].predictions
        assert [each.name for each in arm.detail.thresholds] == list(predictions.classes)
        for each in arm.detail.thresholds:
            curve = curve_of(predictions, each.name)
            assert (each.images, each.others) == (curve.images, curve.others)
            assert each.whole and each.thresholds[0] == 1.0 and each.hits[0] == each.alarms[0] == 0
            for threshold, hits, alarms in zip(each.thresholds[1:], each.hits[1:], each.alarms[1:], strict=True):
                at = curve.at(threshold)
                assert (hits, alarms) == (curve.hits[at], curve.alarms[at])
            assert each.auc.low < each.auc.mean <= each.auc.high or each.auc.mean == 0.5


def test_many_arms_and_classes_have_fewer_points_and_the_worst_classes() -> None:
    assert points_for(1, 2) == MOST_POINTS
    assert 20 * 100 * points_for(20, 1_000) <= 1.2 * ALL_POINTS
    classes = MOST_CLASSES + 20
    labels, shares = np.arange(3 * classes) % classes, drawn(3 * classes, classes)
    found = threshold_curves([predictions_of(labels, shares, [f"class {at}" for at in range(classes)])], 12)
    assert len(found) == MOST_CLASSES
    assert all(len(each.hits) <= 12 for each in found)


def test_the_plot_shows_the_worst_classes_and_comes_out_the_same_twice(tmp_path: Path) -> None:
    labels, shares = np.arange(200) % 8, drawn(200, 8)
    predictions = predictions_of(labels, shares)
    data = figures.thresholds("small", "cnn", [predictions])
    assert data is not None and len(data.curves) == 6 and data.title.endswith("cnn (6 of 8 classes)")
    recall, precision = recall_and_precision(data.curves[0])
    assert recall[-1] == 1.0 and precision[-1] == pytest.approx(25 / 200)
    assert (np.diff(recall) >= 0).all() and precision.max() <= 1
    first, second = (save(draw_thresholds, data, tmp_path / name) for name in ("one", "two"))
    assert first[1].read_bytes() == second[1].read_bytes()
    assert figures.thresholds("small", "cnn", [predictions_of([1, 1], np.full((2, 2), 0.5))]) is None
