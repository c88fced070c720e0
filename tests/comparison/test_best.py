"""Does `--models best` keep its budget, choose by validation alone, and go on where it was interrupted?"""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sadari.comparison.best import candidates
from sadari.comparison.best.cost_model import CACHED_COST, CostModel, Counts
from sadari.comparison.best.finals import Finals
from sadari.comparison.best.halving import SEARCH_SHARE, TrainingPlan, plan_training
from sadari.comparison.best.profiler import Profiler
from sadari.comparison.best.run import FLATTERED, BestRequest, chosen_run, find_best
from sadari.comparison.best.state import FinalPlan, SearchState
from sadari.comparison.reopen import reopen
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.data.check import check
from sadari.data.load import load
from sadari.errors import SadariError, UsageError
from sadari.job import Job
from sadari.models.catalog import find_model
from sadari.progress import Silent
from sadari.run import RunRecord
from sadari.settings import Value
from sadari.values import ImageSet, Split
from support.clocked_training import ClockedTrainer, Made
from support.jobs import Listener, named_arm

FAST, MIDDLE, SLOW = CostModel(0.05, 2e-5), CostModel(0.1, 2e-4), CostModel(0.2, 1e-2)
# cnn takes ten times as long for a pass as mlp and is hardly better at first; lstm would be the best, and is too slow.
MADE = {
    "softmax": Made(0.75, 0.2, FAST),
    "dnn": Made(0.7, 0.3, FAST),
    "mlp": Made(0.85, 1, FAST),
    "a4-dnn": Made(0.8, 1, FAST),
    "cnn": Made(0.95, 2, MIDDLE),
    "cnn-lstm": Made(0.9, 3, MIDDLE),
    "lstm": Made(0.99, 2, SLOW),
}


BUDGET = 150.0  # six of them begin well within a quarter of it


@pytest.fixture(autouse=True)
def few_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MODELS", [find_model(name) for name in MADE])


def clocked(**changed: Made) -> ClockedTrainer:
    return ClockedTrainer(made={**MADE, **{name.replace("_", "-"): made for name, made in changed.items()}})


def search(
    using: ClockedTrainer, folder: Path, budget: float = BUDGET, heard: Listener | None = None, **overrides: Value
) -> ComparisonResult:
    request = BestRequest("digits", budget, overrides)
    return find_best(request, out=folder, progress=heard, train=using, clock=using.clock)


def jobs_in(using: ClockedTrainer, folder: Path) -> list[Job]:
    """Return the jobs whose runs are in `folder`, without the samples."""
    stored = [RunRecord.open(path.parent).job for path in sorted(folder.rglob("settings.toml"))]
    return [job for job in using.calls if job.record in stored]


def test_the_model_that_is_best_when_trained_for_long_wins_with_most_of_the_budget(tmp_path: Path) -> None:
    using = clocked()
    result = search(using, tmp_path / "out")
    assert [arm.name for arm in result.arms] == ["cnn"]
    [run] = result.records["cnn"]
    assert run.path == tmp_path / "out" / "final" / "cnn-seed0" and chosen_run(result) == run
    assert 0.95 * (1 - SEARCH_SHARE) * BUDGET - 0.3 <= run.summary["seconds"]["total"] <= BUDGET
    assert using.now <= BUDGET
    assert using.now >= 0.9 * BUDGET, "the budget is there to be used"


def test_only_the_final_run_sees_the_test_images(tmp_path: Path) -> None:
    using = clocked()
    search(using, tmp_path / "out")
    final = len(list((tmp_path / "out" / "final").glob("*-seed*")))
    assert final == 1 and len(using.splits) > 10
    assert [len(split.test) for split in using.splits[:-1]] == [0] * (len(using.splits) - 1)
    assert len(using.splits[-1].test) == 359
    for path in (tmp_path / "out" / "rounds").rglob("scores.json"):
        assert RunRecord(path.parent).scores("test") == {}


def test_a_third_goes_on_each_time_with_more_passes(tmp_path: Path) -> None:
    search(clocked(), tmp_path / "out")
    trials = SearchState.read(tmp_path / "out").trials
    first, second = ([each for each in trials if each.round == number] for number in (1, 2))
    assert {each.arm for each in first} == set(MADE) - {"lstm"}
    best_two = sorted(first, key=lambda each: -(each.accuracy or 0))[:2]
    assert {each.arm for each in second} == {each.arm for each in best_two}
    assert {each.round for each in trials} == {1, 2}
    before = {each.arm: each.passes for each in first}
    assert all(each.passes > before[each.arm] for each in second)


def test_shares_are_equal_and_the_rounds_take_a_quarter(tmp_path: Path) -> None:
    search(clocked(), tmp_path / "out")
    state = SearchState.read(tmp_path / "out")
    first = [each.seconds for each in state.trials if each.round == 1]
    share = (SEARCH_SHARE * BUDGET - state.measuring) / 2 / 6  # half of it for the first round, six are fast enough
    assert all(0.5 * share < seconds <= share * 1.001 for seconds in first)
    assert state.spent() <= SEARCH_SHARE * BUDGET


def test_what_is_tried_and_why_models_drop_out_is_said_and_kept_in_the_notes(tmp_path: Path) -> None:
    heard = Listener()
    result = search(clocked(), tmp_path / "out", heard=heard)
    assert "7 models could be tried: softmax, dnn, mlp, a4-dnn, cnn, cnn-lstm, lstm" in heard.said
    chosen = "the budget is long enough to begin well with 6 of 7 measured models: "
    chosen += "cnn-lstm, cnn, a4-dnn, mlp, softmax, dnn"
    assert chosen in heard.said
    [standings] = [each for each in heard.said if "out: " in each and each.startswith("round 1")]
    assert "cnn 0." in standings.partition("out: ")[0]
    [final] = [each for each in heard.said if each.startswith("final")]
    assert "cnn, " in final and "passes at most" in final
    assert chosen in result.notes and standings in result.notes
    assert "by time" in result.notes[-1]
    assert result.title == "the best of 6 models within 2.5m"


def test_time_that_the_winner_leaves_trains_others_for_as_long_and_then_further_seeds(tmp_path: Path) -> None:
    stopping = {name: Made(made.skill, made.half, made.cost, stops=8) for name, made in MADE.items()}
    using = ClockedTrainer(made=stopping)
    result = search(using, tmp_path / "out")
    seconds = {name: records[0].summary["seconds"]["total"] for name, records in result.records.items()}
    assert result.arms[0].name == "cnn" and len(result.arms) == 6 == len(MADE) - 1
    assert all(arm.seeds == result.arms[0].seeds for arm in result.arms) and len(result.arms[0].seeds) > 1
    assert using.now <= BUDGET and sum(seconds.values()) < BUDGET / 2
    planned = SearchState.read(tmp_path / "out").final_plan
    assert planned is not None
    order = [trial.arm for trial in SearchState.read(tmp_path / "out").ranking()]
    assert list(planned.plans) == order[:6], "as they dropped out, the best first"
    first = planned.plans["cnn"]
    for name, each in planned.plans.items():
        faster = MADE["cnn"].cost.image / MADE[name].cost.image
        assert each.passes > 8, name
        assert each.passes < 1.1 * faster * first.passes


def test_the_run_to_use_is_chosen_on_validation(tmp_path: Path) -> None:
    using = clocked(cnn=Made(0.95, 2, MIDDLE, stops=15))
    result = search(using, tmp_path / "out")
    records = [record for records in result.records.values() for record in records]
    best = max(record.scores("val")["accuracy"] for record in records)
    chosen = chosen_run(result)
    assert chosen is not None and chosen.scores("val")["accuracy"] == best


def test_where_no_model_begins_well_the_fastest_train_on_part_of_the_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "MODELS", [find_model(name) for name in ("softmax", "mlp")])
    very_slow = CostModel(0.2, 2e-2)
    using = clocked(softmax=Made(0.75, 0.2, very_slow), mlp=Made(0.85, 1, very_slow))
    heard = Listener()
    search(using, tmp_path / "out", budget=130.0, heard=heard)
    trials = SearchState.read(tmp_path / "out").trials
    assert (
        "the budget is too short to begin well with any of 2 models: the fastest are tried, mlp, softmax" in heard.said
    )
    assert [trial.round for trial in trials] == [1, 1]
    for trial in trials:
        assert trial.passes == 1 and 0.05 <= trial.fraction < 1
        job = RunRecord.open(tmp_path / "out" / "rounds" / "1" / f"{trial.arm}-seed0").job
        assert job.settings.train_fraction == trial.fraction


def test_where_only_one_begins_well_it_has_the_budget_and_others_what_it_leaves(tmp_path: Path) -> None:
    heard = Listener()
    result = search(clocked(), tmp_path / "out", budget=15.0, heard=heard)
    alone = "one model has the budget, the most promising of 3 that were measured: cnn-lstm"
    assert alone in heard.said and alone in result.notes
    assert SearchState.read(tmp_path / "out").trials == [] and not (tmp_path / "out" / "rounds").exists()
    assert [arm.name for arm in result.arms] == ["cnn-lstm"]
    assert result.title == "the most promising of 7 models within 15s"
    stopping = clocked(cnn_lstm=Made(0.9, 3, MIDDLE, stops=8))
    names = {arm.name for arm in search(stopping, tmp_path / "other", budget=15.0).arms}
    assert "cnn-lstm" in names and len(names) > 1


def test_the_same_again_trains_nothing_and_gives_the_same(tmp_path: Path) -> None:
    using = clocked(cnn=Made(0.95, 2, MIDDLE, stops=15))
    first = search(using, tmp_path / "out")
    count = len(using.calls)
    again = search(using, tmp_path / "out")
    assert len(using.calls) == count
    assert again.document() == first.document()


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_wherever_it_is_interrupted_it_goes_on_to_the_same_end(every: int, tmp_path: Path) -> None:
    stops = {"cnn": Made(0.95, 2, MIDDLE, stops=15)}
    whole = clocked(**stops)
    wanted = search(whole, tmp_path / "whole").document()["arms"]
    trained = jobs_in(whole, tmp_path / "whole")
    samples = len(whole.calls) - len(trained)
    for call in range(samples, len(whole.calls) + 1, every):
        using, folder = clocked(**stops), tmp_path / str(call)
        using.stop_at = call
        with pytest.raises(KeyboardInterrupt):
            search(using, folder)
        found = search(using, folder).document()["arms"]
        if call > samples:
            assert jobs_in(using, folder) == trained, "every run is trained once"
        for arm, other in zip(found, wanted, strict=True):
            assert {**arm, "runs": None} == {**other, "runs": None}


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


def test_models_that_learn_the_same_with_every_seed_have_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MODELS", [find_model(name) for name in ("logistic", "softmax")])
    stopping = {"logistic": Made(0.9, 0.2, FAST, stops=8), "softmax": Made(0.8, 0.2, FAST, stops=8)}
    using = ClockedTrainer(made=stopping)
    result = search(using, tmp_path / "out")
    assert {arm.name: arm.seeds for arm in result.arms} == {"logistic": (0,), "softmax": (0, 1, 2)}
    again = reopen([result.out])
    assert [(arm.name, arm.seeds) for arm in again.arms] == [(arm.name, arm.seeds) for arm in result.arms]
    assert again.verdicts == result.verdicts


@pytest.mark.parametrize(
    ("model", "overrides", "wanted"),
    [
        ("logistic", {}, False),
        ("logistic", {"augment": "flip"}, True),
        ("knn", {}, False),
        ("linear-probe", {}, False),
        ("linear-probe", {"weights": "random"}, True),
        ("sgd", {}, True),
        ("softmax", {}, True),
        ("fine-tune", {}, True),
    ],
)
def test_which_results_depend_on_the_seed(model: str, overrides: dict[str, Value], wanted: bool) -> None:
    arm = named_arm(model, model, overrides)
    assert candidates.draws(Comparison("digits", (arm,), (0,)).job(arm, 0)) is wanted


def test_photographs_have_augmented_arms_unless_the_user_says_how_to_augment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MODELS", [find_model(name) for name in ("mlp", "cnn", "fine-tune")])
    arms, _ = candidates.learning_arms({})
    assert [arm.name for arm in candidates.with_augmentation(arms, (28, 28, 1))] == ["mlp", "cnn", "fine-tune"]
    found = candidates.with_augmentation(arms, (64, 64, 3))
    assert [arm.name for arm in found] == ["mlp", "cnn", "cnn augmented", "fine-tune", "fine-tune augmented"]
    jobs = {arm.name: Comparison("digits", found, (0,)).job(arm, 0) for arm in found}
    assert {name for name, job in jobs.items() if job.settings.augment} == {"cnn augmented", "fine-tune augmented"}
    mine, _ = candidates.learning_arms({"augment": "flip"})
    assert [arm.name for arm in candidates.with_augmentation(mine, (64, 64, 3))] == ["mlp", "cnn", "fine-tune"]


def test_photographs_without_weights_are_told_what_weights_would_bring() -> None:
    excluded = {"linear-probe": candidates.NO_WEIGHTS, "knn": candidates.NO_WEIGHTS, "a1-cnn": "too large"}
    said = candidates.advice_on_weights(excluded, (64, 64, 3))
    assert said.startswith("linear-probe, knn begin with a network that has learnt from a million photographs")
    assert "leave out backbone" in said and "`sadari train DATA --model linear-probe --set backbone=NAME` down" in said
    assert candidates.advice_on_weights(excluded, (28, 28, 1)) == ""
    assert candidates.advice_on_weights({"a1-cnn": "too large"}, (64, 64, 3)) == ""


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


def test_two_searches_never_share_a_folder(tmp_path: Path) -> None:
    class Another(ClockedTrainer):
        def __call__(self, job: Job, out: Path, **given: object) -> RunRecord:
            with pytest.raises(SadariError, match=r"another process is training in .*out'"):
                search(clocked(), tmp_path / "out")
            return super().__call__(job, out, **given)  # type: ignore[arg-type]

    search(Another(made=MADE), tmp_path / "out")
    assert all(not trial.reason for trial in SearchState.read(tmp_path / "out").trials)


def test_the_images_are_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Split] = []

    def looking(images: ImageSet, split: Split, **named: Any) -> Any:
        looked.append(split)
        return check(images, split, **named)

    monkeypatch.setattr("sadari.comparison.facts.check", looking)
    result = search(clocked(cnn=Made(0.95, 2, MIDDLE, stops=15)), tmp_path / "out")
    assert len(result.arms) > 1 and len(looked) == 1
    assert result.data.leaks == 0


def test_without_test_images_it_is_said_that_the_figures_flatter(tmp_path: Path) -> None:
    assert FLATTERED not in search(clocked(), tmp_path / "out").notes
    assert FLATTERED in search(clocked(), tmp_path / "flattered", test_fraction=0).notes


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


class StoppedIn(ClockedTrainer):
    """Ctrl-C once, `after` seconds into the run whose path ends with `where`."""

    where: tuple[str, ...] = ()
    after: float = 0.0

    def __call__(self, job: Job, out: Path, **given: Any) -> RunRecord:
        if self.where and out.parts[-len(self.where) :] == self.where:
            self.where, self.now = (), self.now + self.after
            raise KeyboardInterrupt
        return super().__call__(job, out, **given)


def test_time_before_ctrl_c_counts(tmp_path: Path) -> None:
    using = StoppedIn(made=MADE)
    using.where, using.after = ("final", "cnn-seed0"), 30.0
    with pytest.raises(KeyboardInterrupt):
        search(using, tmp_path / "out")
    assert SearchState.read(tmp_path / "out").final_seconds == pytest.approx({"cnn-seed0": 30.0})
    search(using, tmp_path / "out")
    resumed = RunRecord(tmp_path / "out" / "final" / "cnn-seed0").summary["seconds"]["total"]
    assert SearchState.read(tmp_path / "out").final_seconds["cnn-seed0"] == pytest.approx(30.0 + resumed)


def test_time_before_ctrl_c_in_a_round_counts(tmp_path: Path) -> None:
    using = StoppedIn(made=MADE)
    using.where, using.after = ("rounds", "1", "cnn-seed0"), 5.0
    with pytest.raises(KeyboardInterrupt):
        search(using, tmp_path / "out")
    assert SearchState.read(tmp_path / "out").cut_off == pytest.approx({"1/cnn-seed0": 5.0})
    search(using, tmp_path / "out")
    resumed = RunRecord(tmp_path / "out" / "rounds" / "1" / "cnn-seed0").summary["seconds"]["total"]
    trial = SearchState.read(tmp_path / "out").trial(1, "cnn")
    assert trial is not None and trial.seconds == pytest.approx(5.0 + resumed)
    assert using.now <= BUDGET


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


def test_settings_reach_every_model(tmp_path: Path) -> None:
    using = clocked()
    search(using, tmp_path / "out", batch_size="64", dropout="0.2")
    assert {job.settings.batch_size for job in using.calls} == {64}
    assert {job.variables["dropout"] for job in using.calls if job.model.name == "lstm"} == {0.2}


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'dropout'"):
        search(clocked(), tmp_path / "out", dropuot="0.2")


def test_without_validation_images_nothing_can_be_chosen(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="set val_fraction above 0"):
        search(clocked(), tmp_path / "out", val_fraction=0)


def test_a_wrong_margin_is_refused_at_once(tmp_path: Path) -> None:
    using = clocked()
    with pytest.raises(UsageError, match="between 0 and 1"):
        find_best(BestRequest("digits", 60.0), out=tmp_path / "out", margin=2, train=using, clock=using.clock)
    assert not using.calls


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="not empty and holds no search"):
        search(clocked(), tmp_path)
    with pytest.raises(UsageError, match="is a file"):
        search(clocked(), tmp_path / "file")
    search(clocked(), tmp_path / "out")
    with pytest.raises(UsageError, match="holds no search for just this"):
        search(clocked(), tmp_path / "out", budget=61.0)


def test_a_folder_that_cannot_be_written_costs_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    using = clocked()
    with pytest.raises(SadariError, match=r"cannot write to '.*': File name too long; choose another --out"):
        search(using, tmp_path / ("a" * 300))
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path / "out")
    with pytest.raises(SadariError, match="cannot write to"):
        search(using, tmp_path / "out")
    assert not using.calls


def test_folders_are_numbered_and_the_same_request_finds_its_own(tmp_path: Path) -> None:
    def found(budget: float) -> Path:
        using = clocked()
        request = BestRequest("digits", budget)
        return find_best(request, runs=tmp_path / "runs", train=using, clock=using.clock).out

    assert found(60.0) == tmp_path / "runs" / "digits-best-1" / "final"
    assert found(50.0) == tmp_path / "runs" / "digits-best-2" / "final"
    assert found(60.0) == tmp_path / "runs" / "digits-best-1" / "final"


# which models are tried


def test_models_that_do_not_fit_and_backbones_without_weights_stay_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SADARI_WEIGHTS_DIR", raising=False)
    monkeypatch.setattr("sadari.models.backbone.tensors.in_hub_cache", lambda _: None)
    names = ("softmax", "mlp", "vgg16", "a1-cnn")
    monkeypatch.setattr(candidates, "MODELS", [find_model(name) for name in names])
    heard = Listener()
    result = search(clocked(), tmp_path / "out", heard=heard)
    said = [each for each in heard.said if "is not tried" in each]
    assert said[0] == "vgg16 is not tried: the weights are not on this machine, and best downloads none"
    assert said[1].startswith("a1-cnn is not tried: ") and "maxpool" in said[1]
    assert "2 models could be tried: softmax, mlp" in heard.said
    assert any(note.startswith("vgg16 was not tried") for note in result.notes)


def test_majority_learns_nothing_and_is_no_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MODELS", [find_model(name) for name in ("majority", "softmax")])
    arms, _ = candidates.learning_arms({})
    assert [arm.name for arm in arms] == ["softmax"]
