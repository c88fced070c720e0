"""Do comparisons, folds and runs keep copies on one side where they are told to, and judge all arms on one side?"""

from pathlib import Path

import numpy as np
import pytest

from sadari.comparison.reopen import reopen
from sadari.comparison.request import Comparison
from sadari.comparison.splits.redraw import Redraw
from sadari.data.copies import search
from sadari.errors import UsageError
from sadari.training.train import resume, train
from support.comparing import run
from support.fake_training import FakeTrainer
from support.interruptions import at_step, ctrl_c
from support.jobs import QUIET, arrays_file, model_bytes, named_arms, named_job, patterns


@pytest.fixture
def given(tmp_path: Path) -> str:
    """50 small images in train, 20 in val and 20 in test; two of test are in train and one of val in both."""
    images = patterns()
    pixels = np.asarray(images.images)
    pixels[70], pixels[73], pixels[53], pixels[76] = pixels[1], pixels[4], pixels[8], pixels[8]
    return arrays_file(tmp_path, images)


def test_arms_that_drop_copies_are_judged_on_the_images_of_those_that_do_not(given: str, tmp_path: Path) -> None:
    arms, _ = named_arms(["softmax"], {"copies": ["report", "drop"]}, {})
    trainer = FakeTrainer()
    found = run(Comparison(given, arms, (0,)), tmp_path, trainer)
    usual, dropped = trainer.splits
    assert np.array_equal(usual.test, dropped.test)
    assert np.setdiff1d(usual.train, dropped.train).tolist() == [1, 4, 8]
    assert (len(usual.val), len(dropped.val)) == (20, 19)
    assert found.data.leaks == 4 and "left out" not in found.data.origin
    assert all(arm.without_copies is not None for arm in found.arms)
    [said] = [each for each in found.data.sentences if "left out" in each]
    assert said.startswith(f"{arms[1].name}: 3 train and 1 val images left out, which have an identical copy")
    assert said in reopen([found.out]).data.sentences
    alone = run(Comparison(given, arms[1:], (0,)), tmp_path / "alone", FakeTrainer())
    assert alone.data.leaks == 0 and alone.arms[0].without_copies is None
    assert alone.data.origin.startswith("train, val and test as given; 3 train and 1 val images left out, which have")


def test_arms_that_draw_copies_together_are_judged_on_other_images(tmp_path: Path, given: str) -> None:
    with np.load(given) as stored:
        pixels, labels = (np.concatenate([stored[f"{of}_{each}"] for each in ("train", "val", "test")]) for of in "Xy")
    np.savez(tmp_path / "drawn.npz", X=pixels, y=labels)
    arms, _ = named_arms(["softmax"], {"copies": ["report", "together"]}, {})
    with pytest.raises(UsageError, match=r"judged on different images .* copies \(report and drop judge the same"):
        run(Comparison(str(tmp_path / "drawn.npz"), arms, (0,)), tmp_path, FakeTrainer())
    with pytest.raises(UsageError, match="copies=drop leaves these copies out"):
        run(Comparison(given, arms[1:], (0,)), tmp_path, FakeTrainer())


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("drop", "7 images have an identical copy, which is left out of training where the other judges (copies=drop)"),
        ("together", "7 images have an identical copy, which is on the same side of every split (copies=together)"),
        ("report", "7 images have an identical copy, which may train where the other judges; remove all but one"),
    ],
)
@pytest.mark.parametrize("redraw", [Redraw(folds=3), Redraw(splits=2)], ids=["folds", "splits"])
def test_parts_that_are_drawn_anew_say_where_copies_are(
    redraw: Redraw, rule: str, said: str, given: str, tmp_path: Path
) -> None:
    arms, _ = named_arms(["softmax"], {}, {"copies": rule})
    trainer = FakeTrainer()
    found = run(Comparison(given, arms, redraw.all_seeds, redraw=redraw), tmp_path, trainer)
    assert said in found.data.sentences
    assert found.data.leaks == (7 if rule == "report" else 0)
    shared = [each for split in trainer.splits for each in ({1, 70}, {4, 73}, {8, 53, 76}) if across(split, each)]
    assert bool(shared) == (rule == "report")


def across(split: object, copies: set[int]) -> bool:
    return sum(bool(copies & set(getattr(split, name).tolist())) for name in ("train", "val", "test")) > 1


def test_a_run_that_drops_copies_goes_on_to_the_same_bytes_without_another_search(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = named_job(given, "mlp", 0, {**QUIET, "copies": "drop"})
    whole = train(job, tmp_path / "whole")
    with at_step(monkeypatch, 1, 1, ctrl_c), pytest.raises(KeyboardInterrupt):
        train(job, tmp_path / "stopped")
    monkeypatch.setattr(search, "_searched", None)
    gone_on = resume(tmp_path / "stopped")
    assert model_bytes(gone_on) == model_bytes(whole)
    assert gone_on.job.settings.copies == "drop" and "left out" in gone_on.split.origin
    plain = train(named_job(given, "mlp", 0, QUIET), tmp_path / "plain")
    assert model_bytes(plain) != model_bytes(whole)
