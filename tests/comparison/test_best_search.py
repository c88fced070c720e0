"""Does the search for the best model judge by validation alone, and spend its time as it says?"""

from pathlib import Path

import pytest

from sadari.comparison.best import candidates
from sadari.comparison.best.cost_model import CostModel
from sadari.comparison.best.halving import SEARCH_SHARE
from sadari.comparison.best.run import chosen_run
from sadari.comparison.best.state import SearchState
from sadari.models.catalog import find_model
from sadari.run import RunRecord
from support.best import BUDGET, MADE, MIDDLE, clocked, search
from support.clocked_training import ClockedTrainer, Made
from support.jobs import Listener

pytestmark = pytest.mark.usefixtures("few_models")


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
