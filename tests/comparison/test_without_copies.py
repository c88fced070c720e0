"""Does each accuracy stand beside that on the images of which no earlier split has a copy, where the two can differ?"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from sadari.cli.output.tables import arm_table
from sadari.comparison.correct import correctness
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.evaluation.statistics import interval
from sadari.report.build import build_report
from sadari.report.page import render
from support.comparing import run
from support.fake_training import FakeTrainer
from support.jobs import named_arms


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """20 images of 64 pixels in train and 20 in test, of which one is identical to a training image and two near it."""
    noise = np.random.default_rng(0).standard_normal((40, 64, 64))
    images = gaussian_filter(noise, (0, 4, 4)) + 0.15 * gaussian_filter(noise, (0, 0.7, 0.7))
    images = (255 * (images - images.min()) / np.ptp(images)).astype(np.uint8)
    images[20] = images[3]
    images[25:27] = np.clip(images[7:9].astype(int) + 9, 0, 255)
    labels = np.arange(40) % 2
    np.savez(tmp_path / "given.npz", X_train=images[:20], y_train=labels[:20], X_test=images[20:], y_test=labels[20:])
    return tmp_path / "given.npz"


def compared(data: Path, out: Path) -> ComparisonResult:
    arms, _ = named_arms(["softmax", "mlp"], {}, {"val_fraction": 0.0})
    return run(Comparison(str(data), arms, (0, 1)), out, FakeTrainer())


def test_the_accuracy_without_copies_is_that_of_the_other_images(data: Path, tmp_path: Path) -> None:
    found = compared(data, tmp_path)
    assert found.data.leaks == 3 and len(found.data.copied) == 3
    for arm in found.arms:
        correct = correctness(found.records[arm.name])
        kept = np.setdiff1d(np.arange(20), [0, 5, 6])
        assert arm.without_copies == interval(correct[:, kept])
        assert arm.without_copies != arm.accuracy


def test_it_is_in_table_report_document_and_frame(data: Path, tmp_path: Path) -> None:
    found = compared(data, tmp_path)
    [first, *_] = found.arms
    assert first.without_copies is not None
    heads, row, *_ = arm_table(found.arms, None)
    assert "no copies  95 % interval" in heads
    cells = [cell.strip() for cell in row.split("  ") if cell.strip()]
    assert cells[3:5] == [f"{first.without_copies.mean:.3f}", first.without_copies.span]
    document: dict[str, Any] = found.document()
    assert document["copied"] == list(found.data.copied)
    assert document["arms"][0]["without_copies"]["mean"] == first.without_copies.mean
    frame = found.to_frame()
    assert frame["without_copies"][0] == first.without_copies.mean
    assert (frame["without_copies_low"] < frame["without_copies"]).all()
    page = render(build_report(found))
    assert "No copies" in page and '"without_copies":{"mean":' in page


def test_without_copies_there_is_no_such_figure(tmp_path: Path) -> None:
    arms, _ = named_arms(["softmax"], {}, {})
    found = run(Comparison("digits", arms, (0,)), tmp_path, FakeTrainer())
    assert found.data.copied == () and found.arms[0].without_copies is None
    assert "no copies" not in arm_table(found.arms, None)[0]
    assert found.to_frame()["without_copies"].isna().all()
