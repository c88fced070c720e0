"""Does a comparison do every job once, and leave the promised rows, documents and frames?"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sadari.comparison.claims.judging import judge_claims
from sadari.comparison.claims.parse import parse_claim
from sadari.comparison.request import Comparison
from sadari.errors import SadariError, UsageError
from sadari.report.sentences import verdict_sentence
from sadari.run import RunRecord
from support.comparing import request, run
from support.fake_training import FakeTrainer
from support.jobs import named_arm, named_arms


def test_every_arm_runs_with_every_seed_and_the_table_is_sorted(tmp_path: Path) -> None:
    trainer = FakeTrainer()
    result = run(request("softmax", "majority", "mlp", seeds=3), tmp_path, trainer)
    assert [(job.model.name, job.seed) for job in trainer.calls] == [
        (model, seed) for model in ("softmax", "majority", "mlp") for seed in range(3)
    ]
    assert [arm.name for arm in result.arms] == ["mlp", "softmax", "majority"]
    assert result.out == tmp_path / "runs" / "digits-compare-1"
    best = result.arms[0]
    assert best.status == "done" and best.reason == ""
    assert best.seeds == (0, 1, 2)
    assert best.runs == tuple(str(result.out / f"mlp-seed{seed}") for seed in range(3))
    assert best.accuracy is not None
    assert best.accuracy.low < best.accuracy.mean < best.accuracy.high


def test_the_row_is_the_mean_over_the_runs(tmp_path: Path) -> None:
    result = run(request("mlp", seeds=3), tmp_path, FakeTrainer())
    [arm] = result.arms
    summaries = [RunRecord.open(path).summary for path in arm.runs]
    accuracies = [each["scores"]["test"]["accuracy"] for each in summaries]
    assert arm.accuracy is not None and arm.train_accuracy is not None
    assert arm.accuracy.mean == pytest.approx(np.mean(accuracies))
    assert arm.accuracy.sd == pytest.approx(np.std(accuracies, ddof=1))
    assert arm.macro_f1 == pytest.approx(np.mean([each["scores"]["test"]["macro_f1"] for each in summaries]))
    assert arm.loss == pytest.approx(np.mean([each["scores"]["test"]["loss"] for each in summaries]))
    assert arm.val_accuracy == pytest.approx(np.mean([each["scores"]["val"]["accuracy"] for each in summaries]))
    assert arm.gap == pytest.approx(arm.train_accuracy - arm.accuracy.mean)
    assert (arm.params, arm.seconds, arm.images_per_second) == (1000, 3.0, 1234.0)


def test_every_job_gets_the_one_stored_split(tmp_path: Path) -> None:
    trainer = FakeTrainer()
    result = run(request("softmax", "mlp"), tmp_path, trainer)
    stored = RunRecord(result.out).split
    for split in trainer.splits:
        assert np.array_equal(split.test, stored.test)
        assert np.array_equal(split.val, stored.val)
        assert np.array_equal(split.train, stored.train)


def test_a_stored_split_has_the_last_word(tmp_path: Path) -> None:
    first = run(request("softmax"), tmp_path, FakeTrainer())
    trainer = FakeTrainer()
    other = first.split
    from sadari.run_files import write_split
    from sadari.values import Split

    write_split(first.out / "split.npz", Split(other.val, other.train, other.test, "exchanged"))
    run(request("softmax", "mlp"), tmp_path, trainer, out=first.out)
    assert all(np.array_equal(split.train, other.val) for split in trainer.splits)


def test_a_stored_split_stays_with_the_arms_that_draw_like_it(tmp_path: Path) -> None:
    few, many = (named_arm(str(fraction), "softmax", {"val_fraction": fraction}) for fraction in (0.1, 0.3))
    first = run(Comparison("digits", (few,), (0,)), tmp_path, FakeTrainer())
    run(Comparison("digits", (many, few), (0,)), tmp_path, FakeTrainer(), out=first.out)
    sizes = {name: len(RunRecord(first.out / f"{name}-seed0").split.val) for name in ("0.1", "0.3")}
    assert sizes["0.1"] == len(first.split.val)
    assert sizes["0.3"] == pytest.approx(3 * sizes["0.1"], abs=3)


@pytest.mark.parametrize(("splits", "says"), [(("train", "val"), "chose each model"), (("train",), "training images")])
def test_figures_without_test_images_are_called_what_they_are(
    splits: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 2, 2), dtype=np.uint8)
    labels = np.arange(40) % 2
    arrays: dict[str, Any] = {f"X_{name}": images for name in splits} | {f"y_{name}": labels for name in splits}
    np.savez(tmp_path / "given.npz", **arrays)
    none = {"test_fraction": 0.0, "val_fraction": 0.0}
    arms = tuple(named_arm(name, name, none) for name in ("softmax", "mlp"))
    result = run(Comparison(str(tmp_path / "given.npz"), arms, (0,)), tmp_path, FakeTrainer())
    assert result.data.judged_on == splits[-1]
    assert says in result.data.sentences[0]
    of_others = splits[-1] != "train"
    assert (len(result.verdicts), bool(result.differences)) == (int(of_others), of_others)
    [claim] = judge_claims([parse_claim("mlp > softmax", ["softmax", "mlp"])], result.arms, result.records)
    assert ("training images judge, which say nothing about others" in claim.sentence) == (not of_others)
    assert of_others or (claim.verdict == "not shown" and not result.overstated)
    assert ("which says nothing about others" in verdict_sentence(result)) == (not of_others)
    assert ("since there are no validation images" in result.choice) == (not of_others)


def test_arms_may_differ_in_validation_but_not_in_the_test(tmp_path: Path) -> None:
    arms = (named_arm("all", "softmax", {"val_fraction": 0.0}), named_arm("part", "mlp", {"val_fraction": 0.2}))
    trainer = FakeTrainer()
    result = run(Comparison("digits", arms, (0,)), tmp_path, trainer)
    assert [len(split.val) for split in trainer.splits] == [0, 288]
    assert next(arm for arm in result.arms if arm.name == "all").val_accuracy is None
    assert len(result.verdicts) == 1
    arms = (named_arm("a", "softmax", {"test_fraction": 0.1}), named_arm("b", "mlp"))
    with pytest.raises(UsageError, match="a and b would be judged on different images"):
        run(Comparison("digits", arms, (0,)), tmp_path, trainer)


def test_the_document_is_the_promised_one(tmp_path: Path) -> None:
    result = run(request("softmax", "mlp"), tmp_path, FakeTrainer())
    document = json.loads((result.out / "comparison.json").read_text())
    assert document == json.loads(json.dumps(result.document()))
    assert {"out", "report", "data", "arms", "verdicts"} <= set(document)
    assert document["out"] == str(result.out)
    assert document["data"] == "digits"
    promised = {
        "name", "model", "settings", "status", "reason", "params", "seeds", "accuracy", "val_accuracy",
        "train_accuracy", "gap", "macro_f1", "loss", "seconds", "images_per_second", "runs",
    }  # fmt: skip
    for arm in document["arms"]:
        assert promised <= set(arm)
        assert set(arm["accuracy"]) == {"mean", "sd", "low", "high"}
    [found] = document["verdicts"]
    assert {"a", "b", "difference", "low", "high", "p", "verdict"} <= set(found)
    assert (found["a"], found["b"], found["verdict"]) == ("mlp", "softmax", "better")


def test_settings_of_a_row_are_what_differs_from_the_defaults(tmp_path: Path) -> None:
    arms, _ = named_arms(["mlp"], {"optimizer": ["sgd"]}, {"epochs": "3"})
    result = run(Comparison("digits", arms, (0,)), tmp_path, FakeTrainer())
    assert result.arms[0].settings == {"epochs": 3, "optimizer": "sgd"}


def test_frames_hold_the_rows_and_the_histories(tmp_path: Path) -> None:
    result = run(request("softmax", "mlp", epochs="4"), tmp_path, FakeTrainer())
    frame = result.to_frame()
    assert list(frame["name"]) == ["mlp", "softmax"]
    assert (frame["low"] < frame["accuracy"]).all() and (frame["accuracy"] < frame["high"]).all()
    histories = result.histories()
    assert len(histories) == 2 * 2 * 4
    assert set(histories.columns) >= {"arm", "seed", "epoch", "train_loss", "val_accuracy"}


def test_frames_keep_a_model_that_failed(tmp_path: Path) -> None:
    result = run(request("softmax", "mlp"), tmp_path, FakeTrainer(fails={"mlp": SadariError("diverged")}))
    frame = result.to_frame().set_index("name")
    assert frame.loc["mlp", "status"] == "failed"
    assert bool(frame["accuracy"].isna()["mlp"])
