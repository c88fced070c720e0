"""Does a search keep its budget, whatever measuring and rounds turn out to take?"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sadari.comparison.best import candidates
from sadari.comparison.best.cost_model import CACHED_COST, CostModel, Counts
from sadari.comparison.best.finals import Finals
from sadari.comparison.best.halving import TrainingPlan, plan_training
from sadari.comparison.best.profiler import Profiler
from sadari.comparison.best.state import FinalPlan, SearchState
from sadari.comparison.request import Comparison
from sadari.data.load import load
from sadari.errors import SadariError
from sadari.job import Job
from sadari.models.catalog import find_model
from sadari.progress import Silent
from sadari.run import RunRecord
from sadari.values import ImageSet, Split
from support.best import BUDGET, FAST, MADE, clocked, search
from support.clocked_training import ClockedTrainer, Made
from support.jobs import Listener, named_arm

pytestmark = pytest.mark.usefixtures("few_models")


def test_a_budget_that_is_too_short_says_what_is_needed_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SadariError, match=r"a budget of 0.1s is too short for these images; .* is enough") as refused:
        search(clocked(), tmp_path / "out", budget=0.1)
    assert not (tmp_path / "out").exists()
    text = str(refused.value).partition("; ")[2].split()[0]
    enough = float(text[:-1]) * {"s": 1, "m": 60}[text[-1]]
    result = search(clocked(), tmp_path / "out", budget=enough)
    assert result.best is not None


def test_measuring_never_eats_the_budget_and_one_model_has_what_is_left(tmp_path: Path) -> None:
    """Where none begins well, all of them were measured once, and then nothing was trained."""
    slow = {name: Made(made.skill, made.half, CostModel(0.2, 1e-2)) for name, made in MADE.items()}
    using, heard = ClockedTrainer(made=slow), Listener()
    result = search(using, tmp_path / "out", budget=25.0, heard=heard)
    state = SearchState.read(tmp_path / "out")
    assert len(state.costs) == 2 < len(MADE)
    [chosen] = [each for each in heard.said if each.endswith("which comes nearest to that, has what is left")]
    assert chosen.startswith("the budget is too short to begin well with any of 2 models: ")
    assert chosen in result.notes
    assert [arm.name for arm in result.arms if arm.accuracy] == [chosen.rpartition(": ")[2].partition(",")[0]]
    assert using.now <= 25.0


def test_what_the_winner_leaves_is_spent_on_models_that_were_not_measured_at_first(tmp_path: Path) -> None:
    stopping = {name: Made(made.skill, made.half, made.cost, stops=8) for name, made in MADE.items()}
    using, heard = ClockedTrainer(made=stopping), Listener()
    result = search(using, tmp_path / "out", budget=40.0, heard=heard)
    state = SearchState.read(tmp_path / "out")
    late = "measuring those that are more promising took the time for it"
    assert f"a4-dnn, mlp, softmax, dnn were not tried: {late}" in heard.said
    assert {"a4-dnn", "mlp"} <= set(state.late_costs), "the most promising of them"
    assert {arm.name for arm in result.arms} >= {"cnn-lstm", "cnn", *state.late_costs}
    assert not any(name in note for note in result.notes if late in note for name in state.late_costs)
    assert using.now <= 40.0
    count = len(using.calls)
    assert search(using, tmp_path / "out", budget=40.0).document() == result.document()
    assert len(using.calls) == count, "the same again measures and trains nothing"


def test_a_rest_that_nothing_fits_into_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MODELS", [find_model(name) for name in ("softmax", "mlp")])
    heard = Listener()
    stopping = {name: Made(0.8, 1, FAST, stops=8) for name in ("softmax", "mlp")}
    search(ClockedTrainer(made=stopping), tmp_path / "out", heard=heard)
    [rest] = [each for each in heard.said if " are left: " in each]
    assert rest.endswith(" of 2.5m are left: no further model or seed fits into them; a smaller budget is enough here")


def test_features_that_a_finalist_has_cached_cost_another_nothing(tmp_path: Path) -> None:
    arms = tuple(named_arm(name, name, {}) for name in ("knn", "linear-probe", "fine-tune"))
    request, counts = Comparison("digits", arms, (0,)), Counts(1150, 288, 359)
    state = SearchState(tmp_path / "best.json", "", 100.0, final_seconds={"knn-seed0": 70.0})
    state.final_plan = FinalPlan({"knn": TrainingPlan(1)}, 1)
    cached = CostModel(0.5 + 0.004 * counts.total, 0.004 * CACHED_COST)  # 7 seconds for the features of all images
    slow = CostModel(0.5, 0.04)
    using, images = clocked(), load("digits", request.job(arms[1], 0).settings)
    finals = Finals(
        request,
        Profiler(request, images, counts, Silent(), using, using.clock),
        counts,
        state,
        ["knn", "fine-tune", "linear-probe"],
        {"knn": cached, "fine-tune": slow, "linear-probe": cached},
        [],
        Silent(),
        using,
        using.clock,
    )
    finished: Any = SimpleNamespace(arms=[], records={"knn": ("a run",)})
    part = finals._plan("fine-tune", 30.0)
    assert part is not None and part.fraction < 1
    wider = finals._wider(state.final_plan, finished)
    assert wider is not None and list(wider.plans) == ["knn", "linear-probe"], "a part of a pass compares badly"
    with_features = plan_training(cached, counts, 30.0)
    assert with_features is not None and with_features.passes < wider.plans["linear-probe"].passes


class Late(ClockedTrainer):
    """A stand-in whose first run of a round takes longer than all rounds may."""

    def __call__(self, job: Job, out: Path, **given: object) -> RunRecord:
        record = super().__call__(job, out, **given)  # type: ignore[arg-type]
        if out.parts[-3:-1] == ("rounds", "1") and self.late:
            self.now, self.late = self.now + self.late, 0.0
        return record

    late = 40.0


def test_a_round_that_takes_too_long_leaves_what_it_has_found(tmp_path: Path) -> None:
    using, heard = Late(made=MADE), Listener()
    result = search(using, tmp_path / "out", heard=heard)
    assert [arm.name for arm in result.arms] == ["cnn"], "the best of the only round"
    [ending] = [each for each in result.notes if each.startswith("no time is left for round 2 of 2")]
    assert ending in heard.said
    assert search(clocked(), tmp_path / "out").document() == result.document()


def test_measuring_ends_with_its_part_of_the_budget_where_a_model_begins_well(tmp_path: Path) -> None:
    """Measuring lstm alone takes longer than a twentieth of this budget."""
    using, heard = clocked(), Listener()
    result = search(using, tmp_path / "out", budget=40.0, heard=heard)
    state = SearchState.read(tmp_path / "out")
    assert list(state.costs) == ["cnn-lstm", "cnn", "lstm"]
    why = "measuring those that are more promising took the time for it"
    sentence = f"a4-dnn, mlp, softmax, dnn were not tried: {why}"
    assert sentence in heard.said and sentence in result.notes
    models = [job.model.name for job in using.calls]
    assert set(models) == {*state.costs, "dnn"}
    assert models.count("dnn") == 1 and models[0] == "dnn", "the libraries are loaded by the fastest model"


def test_two_are_measured_however_long_it_takes(tmp_path: Path) -> None:
    slow_to_start = CostModel(1.0, 2e-4)
    using = clocked(cnn=Made(0.95, 2, slow_to_start), cnn_lstm=Made(0.9, 3, slow_to_start))
    search(using, tmp_path / "out", budget=20.0)
    assert list(SearchState.read(tmp_path / "out").costs) == ["cnn-lstm", "cnn"]


def test_what_every_run_costs_is_learnt_from_the_rounds(tmp_path: Path) -> None:
    class Slower(ClockedTrainer):
        """Every run on the images begins with eight seconds, which the sample of noise does not show."""

        def _leave(self, record: RunRecord, job: Job, images: ImageSet, split: Split) -> RunRecord:
            record = super()._leave(record, job, images, split)
            if images.name != "a sample":
                self.now += 8.0
            return record

    using = Slower(made=MADE)
    search(using, tmp_path / "out")
    assert 0.9 * BUDGET < using.now <= BUDGET
