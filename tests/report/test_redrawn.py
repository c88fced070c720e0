"""Does the report of folds show all images, and say what its verdicts speak of?"""

from pathlib import Path

import pytest

from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.comparison.splits.redraw import Redraw
from sadari.evaluation.sentences import SUCH_SETS
from sadari.report.build import build_report
from sadari.report.page import render
from support.comparing import run
from support.fake_training import FakeTrainer
from support.jobs import named_arms

IMAGES = 1797  # of digits


def made(folder: Path, redraw: Redraw, *models: str) -> ComparisonResult:
    arms, _ = named_arms(models or ("softmax", "mlp"), {}, {})
    return run(Comparison("digits", arms, redraw.all_seeds, redraw=redraw), folder, FakeTrainer())


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory) -> ComparisonResult:
    return made(tmp_path_factory.mktemp("folds"), Redraw(folds=2))


def test_matrix_classes_and_mistakes_cover_all_images(folds: ComparisonResult) -> None:
    report = build_report(folds)
    for arm in report.arms:
        assert sum(map(sum, arm.detail.confusion)) == IMAGES
        assert arm.detail.per_class[-1].support == IMAGES
        assert (arm.networks, arm.networks_are) == (1, "repeats")
    assert folds.images is not None
    judged = {record.split.test.tobytes() for record in folds.records["mlp"]}
    assert len(judged) == 2
    shown = {report.pictures.ids[each.picture] for each in report.arms[0].detail.mistakes}
    first = set(folds.images.ids[folds.records["mlp"][0].split.test].tolist())
    assert shown - first and shown & first
    assert sum(report.balance["test"]) == IMAGES
    assert set(report.balance) == {"test"}


def test_the_page_says_what_its_verdicts_speak_of(folds: ComparisonResult) -> None:
    report = build_report(folds)
    assert report.verdict.startswith("mlp is shown to be the better of the two: ")
    assert " of the 1,797 images right" in report.verdict
    assert report.verdict.endswith(f"({SUCH_SETS}).")
    assert [each.estimand for each in report.pairs] == [SUCH_SETS]
    assert f'"estimand":"{SUCH_SETS}"' in render(report)


def test_the_page_of_splits_shows_the_first_one_and_says_so(tmp_path: Path) -> None:
    report = build_report(made(tmp_path, Redraw(splits=2), "mlp"))
    assert (
        "Matrices, pictures and tables of classes are those of the first split; all figures are of all." in report.notes
    )
    assert sum(map(sum, report.arms[0].detail.confusion)) == 359
    assert "test images of 2 splits right" in report.verdict
    assert report.verdict.endswith(f"2 splits; {SUCH_SETS}).")
