"""Does the row of an arm hold what its runs say, those of older versions included?"""

import json
from pathlib import Path

import numpy as np
import pytest

from sadari.cli.output.comparison import conclusions, places
from sadari.comparison.arm_result import judging_scores
from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.evaluation.metrics import METRICS, score
from sadari.files import read_json, write_json
from sadari.report import sentences
from sadari.run import RunRecord
from support.fake_training import FakeTrainer
from support.jobs import named_arms


@pytest.fixture
def result(tmp_path: Path) -> ComparisonResult:
    return compared(tmp_path)


def compared(folder: Path) -> ComparisonResult:
    arms, _ = named_arms(["softmax", "majority"], {}, {"epochs": "8"})
    return compare(Comparison("digits", arms, (0, 1)), out=folder / "out", executor=SerialExecutor(FakeTrainer()))


def rewritten(record: RunRecord, metrics: set[str]) -> None:
    """Leave only `metrics` in the stored scores, as an older version would have."""
    summary = read_json(record.path / "scores.json")
    for scores in summary["scores"].values():
        for name in set(scores or {}) - metrics:
            del scores[name]
    write_json(record.path / "scores.json", summary)


def test_scores_are_means_over_the_seeds(result: ComparisonResult) -> None:
    arm = result.arms[0]
    assert arm.accuracy is not None
    assert list(arm.scores) == METRICS.names()
    expected = [score(record.predictions).values for record in result.records[arm.name]]
    for name, value in arm.scores.items():
        assert value == pytest.approx(np.mean([each[name] for each in expected]), abs=1e-6)
    assert arm.scores["accuracy"] == pytest.approx(arm.accuracy.mean)
    assert (arm.scores["macro_f1"], arm.scores["loss"]) == (arm.macro_f1, arm.loss)


def test_figures_on_training_images_have_no_interval(result: ComparisonResult, tmp_path: Path) -> None:
    softmax = result.arms[0]
    assert softmax.accuracy is not None and softmax.accuracy.exists
    assert {"macro_f1", "loss", "gap", "drop"} <= set(softmax.intervals)
    arms, _ = named_arms(["softmax"], {}, {"val_fraction": "0", "test_fraction": "0"})
    request = Comparison("digits", arms, (0, 1))
    [on_train] = compare(request, out=tmp_path / "train", executor=SerialExecutor(FakeTrainer())).arms
    assert on_train.accuracy is not None and not on_train.accuracy.exists
    assert on_train.intervals == {} and on_train.scores["macro_f1"] > 0


def test_runs_of_an_older_version_are_scored_from_their_predictions(result: ComparisonResult, tmp_path: Path) -> None:
    before = result.arms[0]
    for record in result.records[before.name]:
        rewritten(record, {"accuracy", "loss"})
    after = compared(tmp_path).arms[0]
    assert after.scores == pytest.approx(before.scores, abs=1e-6)
    assert after.macro_f1 == pytest.approx(before.macro_f1, abs=1e-6)
    assert after.runs == before.runs


def test_what_was_stored_goes_first_and_unknown_figures_are_left_out(result: ComparisonResult) -> None:
    records = result.records["softmax"]
    summary = records[0].summary
    summary["scores"]["test"] |= {"loss": 100.0, "of the future": 1.0}
    del summary["scores"]["test"]["macro_recall"]
    write_json(records[0].path / "scores.json", summary)
    found = judging_scores(records)
    assert found["loss"] == pytest.approx((100.0 + records[1].scores("test")["loss"]) / 2)
    assert "of the future" not in found and "macro_recall" in found


def test_no_runs_have_no_scores() -> None:
    assert judging_scores([]) == {}


def test_seconds_and_epochs(result: ComparisonResult) -> None:
    arm = result.arms[0]
    summaries = [record.summary for record in result.records[arm.name]]
    assert arm.seconds is not None and arm.seconds_per_epoch is not None
    assert arm.seconds_per_epoch == pytest.approx(np.mean([each["seconds"]["train"] / 8 for each in summaries]))
    assert arm.best_epoch == pytest.approx(np.mean([each["best_epoch"] for each in summaries]))


def test_the_diagnosis_stands_in_the_row_and_in_the_document(result: ComparisonResult) -> None:
    arm = result.arms[0]
    found = arm.diagnosis
    assert found is not None
    assert (found.name, found.turn, found.epochs, found.seeds, found.by_gradient) == ("softmax", 4, 8, 2, True)
    assert found.gap == pytest.approx((arm.train_accuracy or 0) - (arm.val_accuracy or 0))
    document = json.loads((result.out / "comparison.json").read_text(encoding="utf-8"))
    diagnoses = {each["name"]: each["diagnosis"] for each in document["arms"]}
    assert diagnoses["softmax"]["verdict"] == "over-fitting"
    assert (diagnoses["softmax"]["more_epochs"], diagnoses["softmax"]["more_data"]) == (False, True)
    assert diagnoses["softmax"]["sentences"] == list(found.sentences)
    assert diagnoses["majority"]["by_gradient"] is False


def test_the_frame_has_a_column_for_every_score(result: ComparisonResult) -> None:
    frame = result.to_frame()
    assert len(set(frame.columns)) == len(frame.columns)
    assert set(METRICS.names()) < set(frame.columns)
    assert frame["top_5"].tolist() == [arm.scores["top_5"] for arm in result.arms]
    assert frame["diagnosis"][0].startswith("softmax over-fits")


def revalidated(result: ComparisonResult, accuracies: dict[str, float | None]) -> None:
    """Store other validation accuracies in the runs of each arm; None: no validation images."""
    for name, accuracy in accuracies.items():
        for record in result.records[name]:
            summary = read_json(record.path / "scores.json")
            scores = summary["scores"]["val"]
            summary["scores"]["val"] = None if accuracy is None else {**scores, "accuracy": accuracy}
            write_json(record.path / "scores.json", summary)


def test_validation_chooses_what_to_go_on_with_and_test_images_judge(result: ComparisonResult, tmp_path: Path) -> None:
    assert result.best is not None and result.chosen == result.best
    assert result.choice.endswith("): softmax.")
    revalidated(result, {"softmax": 0.5, "majority": 0.75})
    after = compared(tmp_path)
    assert after.best is not None and after.best.name == "softmax"  # the table is ordered by the test images
    assert after.chosen is not None and after.chosen.name == "majority"
    assert after.choice == (
        "Chosen by validation accuracy (0.7500): majority; softmax has the highest accuracy on test."
    )
    assert after.document()["chosen"] == {"arm": "majority", "by": "val"}
    assert after.choice in conclusions(after) and after.choice in sentences.conclusions(after, "")
    [(_, following)] = [row for row in places(after, "digits", ()) if row[0] == "next"]
    assert "majority-seed0" in following and "softmax" not in following


def test_equal_validation_leaves_the_choice_to_the_order_of_the_request(
    result: ComparisonResult, tmp_path: Path
) -> None:
    revalidated(result, {"softmax": 0.5, "majority": 0.5})
    chosen = compared(tmp_path).chosen
    assert chosen is not None and chosen.name == "softmax"


def test_without_validation_images_the_judges_choose_and_that_is_said(result: ComparisonResult, tmp_path: Path) -> None:
    revalidated(result, {"majority": None})
    after = compared(tmp_path)
    assert after.chosen == after.best and after.chosen is not None and after.chosen.name == "softmax"
    assert "by the images that judge" in after.choice and "flatters" in after.choice
    assert after.document()["chosen"] == {"arm": "softmax", "by": "test"}
