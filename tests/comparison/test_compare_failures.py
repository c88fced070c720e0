"""What is kept where a part of a comparison fails, and what is refused before it begins?"""

import json
from pathlib import Path

import pytest

from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.request import Comparison
from sadari.comparison.variants import folder_name
from sadari.errors import SadariError, UsageError
from support.comparing import request, run
from support.fake_training import FakeTrainer
from support.jobs import Listener, named_arm


def test_a_failing_model_keeps_its_row_and_the_others_go_on(tmp_path: Path) -> None:
    progress = Listener()
    trainer = FakeTrainer(fails={"softmax": SadariError("the loss is no longer a number")})
    result = compare(request("softmax", "mlp"), runs=tmp_path, executor=SerialExecutor(trainer), progress=progress)
    good, bad = result.arms
    assert (good.name, good.status) == ("mlp", "done")
    assert (bad.name, bad.status, bad.accuracy, bad.seeds) == ("softmax", "failed", None, ())
    assert bad.reason == "seed 0: the loss is no longer a number; seed 1: the loss is no longer a number"
    assert result.verdicts == ()
    assert any("softmax seed 0" in sentence and "no longer a number" in sentence for sentence in progress.said)


def test_a_mistake_of_ours_in_one_arm_does_not_take_the_table(tmp_path: Path) -> None:
    result = run(request(), tmp_path, FakeTrainer(fails={"mlp": RuntimeError("shapes")}))
    assert [arm.status for arm in result.arms] == ["done", "failed"]
    assert "RuntimeError: shapes" in result.arms[1].reason


def test_one_failed_seed_marks_the_arm_and_takes_it_out_of_the_verdicts(tmp_path: Path) -> None:
    class SecondSeedFails(FakeTrainer):
        def __call__(self, job, out, **rest):  # type: ignore[no-untyped-def]
            if (job.model.name, job.seed) == ("mlp", 1):
                raise SadariError("memory ran out")
            return super().__call__(job, out, **rest)

    result = run(request("softmax", "mlp", "majority"), tmp_path, SecondSeedFails())
    assert [(arm.name, arm.status) for arm in result.arms] == [
        ("softmax", "done"),
        ("majority", "done"),
        ("mlp", "failed"),
    ]
    failed = result.arms[2]
    assert failed.seeds == (0,) and failed.accuracy is not None
    assert {each for verdict in result.verdicts for each in (verdict.a, verdict.b)} == {"softmax", "majority"}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (
            Comparison("digits", (named_arm("mlp", "mlp"), named_arm("x", "mlp", {"epochs": "many"})), (0,)),
            "whole number",
        ),
        (Comparison("digits", (named_arm("mlp", "mlp"), named_arm("deep", "a4-first")), (0,)), "deep: layer"),
        (
            Comparison("digits", (named_arm("mlp", "mlp"), named_arm("x", "mlp", {"augment": "twist"})), (0,)),
            "x: .*twist",
        ),
        (Comparison("digitz", (named_arm("mlp", "mlp"),), (0,)), "did you mean 'digits'"),
        (Comparison("digits", (named_arm("x", "mlp", {"device": "tpu"}),), (0,)), "device"),
    ],
    ids=["setting", "layers", "augmentation", "data", "device"],
)
def test_what_can_be_known_before_is_refused_before_any_job(asked: Comparison, says: str, tmp_path: Path) -> None:
    trainer = FakeTrainer()
    with pytest.raises(UsageError, match=says):
        run(asked, tmp_path, trainer)
    assert trainer.calls == []
    assert not (tmp_path / "runs").exists()


def test_a_result_that_loses_runs_leaves_the_former_one_beside_it(tmp_path: Path) -> None:
    out, heard = tmp_path / "kept", Listener()
    run(request(), tmp_path, FakeTrainer(), out)
    (out / "report.html").write_text("the page about all runs", encoding="utf-8")
    (out / folder_name("mlp", 1) / "scores.json").unlink()
    failing = SerialExecutor(FakeTrainer(fails={"mlp": SadariError("its weights are gone")}))
    for _ in range(2):
        worse = compare(request(), out=out, executor=failing, progress=heard)
    assert [arm.seeds for arm in worse.arms] == [(0, 1), (0,)]
    former = json.loads((out / "comparison-former.json").read_text())
    assert [arm["seeds"] for arm in former["arms"]] == [[0, 1], [0, 1]]
    assert (out / "report-former.html").read_text() == "the page about all runs"
    [said] = [each for each in heard.said if "former result" in each]
    assert said.startswith("mlp seed 1 had finished and cannot be used now")
    assert str(out / "comparison-former.json") in said and str(out / "report-former.html") in said
    assert not (out / "comparison-former-2.json").exists()


def test_two_former_results_both_stay(tmp_path: Path) -> None:
    out = tmp_path / "kept"
    for lost in ("mlp", "softmax"):
        run(request(), tmp_path, FakeTrainer(), out)
        (out / folder_name(lost, 0) / "scores.json").unlink()
        run(request(), tmp_path, FakeTrainer(fails={lost: SadariError("no")}), out)
    names = ["comparison-former-2.json", "comparison-former.json", "comparison.json"]
    assert sorted(path.name for path in out.glob("comparison*.json")) == names


def test_a_better_result_replaces_the_former_one(tmp_path: Path) -> None:
    out = tmp_path / "kept"
    run(request("mlp", seeds=1), tmp_path, FakeTrainer(), out)
    run(request("softmax", "mlp"), tmp_path, FakeTrainer(), out)
    assert [path.name for path in out.glob("comparison*.json")] == ["comparison.json"]
