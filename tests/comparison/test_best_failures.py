"""What becomes of a search in which models fail?"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sadari.comparison.best.cost_model import CostModel, Counts
from sadari.comparison.best.finals import Finals
from sadari.comparison.best.halving import TrainingPlan
from sadari.comparison.best.profiler import Profiler
from sadari.comparison.best.run import chosen_run
from sadari.comparison.best.state import FinalPlan, SearchState
from sadari.comparison.request import Comparison
from sadari.data.load import load
from sadari.errors import SadariError
from sadari.job import Job
from sadari.progress import Silent
from sadari.run import RunRecord
from support.best import BUDGET, FAST, MADE, clocked, search
from support.clocked_training import ClockedTrainer
from support.jobs import Listener, named_arm

pytestmark = pytest.mark.usefixtures("few_models")


class FailsIn(ClockedTrainer):
    """A stand-in that fails in the folders `fail_in`: of round 2, or of the finals."""

    fail_in: tuple[str, ...] = ()

    def __call__(self, job: Job, out: Path, **given: object) -> RunRecord:
        if out.parent.name in self.fail_in:
            self.now += 0.1
            raise SadariError("the disk is full")
        return super().__call__(job, out, **given)  # type: ignore[arg-type]


def test_where_all_fail_in_a_later_round_the_one_before_decides(tmp_path: Path) -> None:
    using = FailsIn(made=MADE)
    using.fail_in = ("2",)
    result = search(using, tmp_path / "out")
    assert [arm.name for arm in result.arms] == ["cnn"]
    assert any(note.startswith("no model could be trained in round 2 of 2: ") for note in result.notes)
    using.fail_in = ("1",)
    with pytest.raises(SadariError, match=r"no model could be trained in round 1 of 2: .* the disk is full"):
        search(using, tmp_path / "other")


def test_a_model_that_fails_drops_out_with_its_reason(tmp_path: Path) -> None:
    class FailsOnDigits(ClockedTrainer):
        def __call__(self, job: Job, out: Path, **given: object) -> RunRecord:
            if job.model.name == "cnn" and job.settings.cache == "auto":
                self.now += 1.0
                raise SadariError("the loss is no longer a number")
            return super().__call__(job, out, **given)  # type: ignore[arg-type]

    using = FailsOnDigits(made=MADE)
    heard = Listener()
    result = search(using, tmp_path / "out", heard=heard)
    assert result.best is not None and result.best.name == "cnn-lstm"
    [sentence] = [each for each in result.notes if "cnn drops out" in each]
    assert sentence.endswith("it failed: the loss is no longer a number") and sentence in heard.said
    failed = SearchState.read(tmp_path / "out").trial(1, "cnn")
    assert failed is not None and failed.seconds == 1.0
    assert sentence in search(using, tmp_path / "out").notes, "the same again knows it too"


def test_a_model_that_fails_on_the_sample_is_not_tried(tmp_path: Path) -> None:
    using, heard = clocked(), Listener()
    using.fails = {"cnn": SadariError("no such device"), "dnn": RuntimeError("an operation is missing")}
    result = search(using, tmp_path / "out", heard=heard)
    assert "cnn was not tried: no such device" in heard.said
    assert result.best is not None and result.best.name != "cnn"
    sentences = {
        "cnn was not tried: no such device", "dnn was not tried: RuntimeError: an operation is missing"
    }  # fmt: skip
    for each in (result, search(using, tmp_path / "out")):
        assert sentences <= set(each.notes)


def test_a_seed_that_fails_behind_a_finished_run_gives_no_model_all_the_rest(tmp_path: Path) -> None:
    """Neither of the two others can begin within half of the time left; each could within all of it."""
    arms = tuple(named_arm(name, name, {}) for name in ("mlp", "cnn", "lstm"))
    state = SearchState(tmp_path / "best.json", "", 50.0, final_seconds={"mlp-seed0": 10.0, "mlp-seed1": 1.0})
    late = CostModel(25.0, 1e-3)
    request, counts = Comparison("digits", arms, (0, 1, 2)), Counts(1150, 288, 359)
    using, images = clocked(), load("digits", request.job(arms[0], 0).settings)
    finals = Finals(
        request,
        Profiler(request, images, counts, Silent(), using, using.clock),
        counts,
        state,
        [arm.name for arm in arms],
        {"mlp": FAST, "cnn": late, "lstm": late},
        [],
        Silent(),
        using,
        using.clock,
    )
    final_plan, failed = (
        FinalPlan({"mlp": TrainingPlan(5)}, 2),
        [SimpleNamespace(name="mlp", reason="the disk is full")],
    )
    finished: Any = SimpleNamespace(arms=failed, records={"mlp": ("a run",)})
    nothing: Any = SimpleNamespace(arms=failed, records={"mlp": ()})
    assert finals._wider(final_plan, finished) is None
    wider = finals._wider(final_plan, nothing)
    assert wider is not None and list(wider.plans) == ["mlp", "cnn"]


def test_where_every_model_fails_that_is_said(tmp_path: Path) -> None:
    using = clocked()
    using.fails = dict.fromkeys(MADE, SadariError("no such device"))
    with pytest.raises(SadariError, match="no model could be trained"):
        search(using, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_winner_that_fails_at_the_end_keeps_its_row_and_the_runner_up_is_trained(tmp_path: Path) -> None:
    failed: list[Path] = []

    class FailsAtTheEnd(ClockedTrainer):
        def __call__(self, job: Job, out: Path, **given: object) -> RunRecord:
            if job.model.name == "cnn" and out.parent.name == "final":
                self.now += 5.0
                failed.append(out)
                raise SadariError("the disk is full")
            return super().__call__(job, out, **given)  # type: ignore[arg-type]

    using = FailsAtTheEnd(made=MADE)
    result = search(using, tmp_path / "out")
    reasons = {arm.name: arm.reason for arm in result.arms}
    assert "the disk is full" in reasons["cnn"]
    assert result.best is not None and result.best.name != "cnn"
    chosen = chosen_run(result)
    assert chosen is not None and chosen.job.model == result.best.name
    assert chosen.summary["seconds"]["total"] > BUDGET / 2, "it has everything that is left"
    assert search(using, tmp_path / "out").document() == result.document()
    assert len(failed) == 1, "what has failed is not trained again"
