"""Is a model that was trained on all images judged by the folds of its own kind, and by nothing else?"""

import json
from pathlib import Path

import pytest

import sadari
from sadari.comparison.request import Comparison
from sadari.comparison.splits.judges import judges_of
from sadari.comparison.splits.redraw import Redraw
from sadari.deploy.card import model_card
from sadari.errors import UsageError
from sadari.inference.model import TrainedModel
from sadari.progress import Silent
from sadari.run import RunRecord
from sadari.run_lookup import find_run
from support.comparing import request, run
from support.fake_training import FakeTrainer
from support.jobs import named_arms, named_job


class Heard(Silent):
    """Progress that keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


@pytest.fixture
def folds(tmp_path: Path) -> Path:
    redraw = Redraw(folds=3)
    arms, _ = named_arms(["softmax"], {}, {"epochs": 4})
    return run(Comparison("digits", arms, redraw.all_seeds, redraw=redraw), tmp_path, FakeTrainer()).out


def test_the_run_its_scores_and_its_card_say_what_judges_it(folds: Path, tmp_path: Path) -> None:
    record = sadari.train(
        "digits", "softmax", out=tmp_path / "final", epochs=4, all_images=True, judged_by=folds, threads=1
    )
    assert record.summary["images"] == {"train": 1797, "val": 0, "test": 0}
    assert record.summary["scores"]["test"] is None
    judges = record.summary["judged_by"]
    assert (judges["folder"], judges["arm"], judges["folds"]) == (str(folds), "softmax", 3)
    [row] = json.loads((folds / "comparison.json").read_text())["arms"]
    assert judges["accuracy"] == row["accuracy"]
    sentence = f"judged by the folds of {folds.name}: accuracy {row['accuracy']['mean']:.3f}"
    assert any(note.startswith(sentence) for note in record.notes)
    assert RunRecord(record.path).judged_by["sentence"].startswith(sentence)
    card = model_card(record, TrainedModel.load(record))
    assert "It is judged by the folds of digits-compare-1: accuracy" in card
    assert "it has not been tested" in card


def test_the_newest_folds_of_the_same_model_judge(folds: Path, tmp_path: Path) -> None:
    job = named_job("digits", "softmax", 0, {"epochs": 4, "split": "all"})
    run(request("softmax", epochs=4), tmp_path, FakeTrainer())  # newer, on one split
    found = judges_of(job, None, tmp_path / "runs", Silent())
    assert found is not None
    assert found["folder"] == str(folds)
    other = named_job("digits", "softmax", 0, {"epochs": 5, "split": "all"})
    assert judges_of(other, None, tmp_path / "runs", Silent()) is None
    with pytest.raises(UsageError, match="does not judge this run: it has no arm of softmax"):
        judges_of(other, folds, tmp_path, Silent())


def test_the_best_run_of_folds_says_how_to_train_on_all_images(folds: Path) -> None:
    heard = Heard()
    find_run(folds, heard)
    assert heard.said[0].endswith(f"sadari train digits --model softmax --all-images --judged-by {folds}")


def test_other_runs_are_judged_by_their_test_part(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="others are judged by their test part"):
        sadari.train("digits", "softmax", out=tmp_path, judged_by=tmp_path)


def test_a_run_on_all_images_that_nothing_judges_says_how_to_judge_it(tmp_path: Path) -> None:
    heard = Heard()
    job = named_job("digits", "softmax", 0, {"split": "all"})
    assert judges_of(job, None, tmp_path, heard) is None
    assert heard.said[0].endswith("make one with: sadari compare digits --models softmax --folds 5")


def test_a_folder_without_a_comparison_judges_nothing(tmp_path: Path) -> None:
    job = named_job("digits", "softmax", 0, {"epochs": 4, "split": "all"})
    with pytest.raises(UsageError, match="holds no comparison; name a folder that `sadari compare --folds` made"):
        judges_of(job, tmp_path / "nowhere", tmp_path, Silent())
