"""Are the shares of a search what the arithmetic of successive halving says, and its settings what the models need?"""

import json
from dataclasses import replace
from decimal import ROUND_CEILING
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sadari.comparison.best.budget import budget_of_best, in_words, parse_budget
from sadari.comparison.best.cost_model import (
    CACHED_COST,
    CostModel,
    Counts,
    caches_features,
    length_setting,
    measure,
    shape_for,
)
from sadari.comparison.best.halving import (
    LEAST_FRACTION,
    TrainingPlan,
    best_first,
    least_seconds,
    plan_training,
    rounds_for,
    share_out,
    survivors,
)
from sadari.comparison.best.search import Search, planned_overrides
from sadari.comparison.best.state import FinalPlan, SearchState, Trial, holds
from sadari.comparison.request import Comparison
from sadari.data.load import load
from sadari.errors import SadariError, UsageError
from sadari.files import read_json, write_json
from sadari.job import Job
from sadari.models.catalog import find_model
from sadari.run import RunRecord
from sadari.run_files import write_history
from sadari.settings import Settings, Value
from sadari.training.train import train as train_for_real
from sadari.values import ImageSet, Split
from support.jobs import named_arm, named_job

DIGITS = Counts(1150, 288, 359)


# the budget


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1.5h", 5400), ("45", 45), (" 2 M ", 120), (30, 30), (0.5, 0.5), ("0.25m", 15)],
)
def test_a_budget_is_a_time(text: str | float, seconds: float) -> None:
    assert parse_budget(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0m", "-5m", "ten", "10 minutes", "1e3", "nan", "inf", "10mm", "9" * 309])
def test_anything_else_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(UsageError, match=f"such as 90s, 10m or 1.5h, not '{text}'"):
        parse_budget(text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.42, "0.42s"), (12.4, "12s"), (60, "1m"), (150, "2.5m"), (5400, "1.5h"), (10, "10s"), (3.6e6, "1000h")],
)
def test_times_are_said_as_budgets_are_written(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
    assert parse_budget(in_words(1.001 * seconds, ROUND_CEILING)) >= 1.001 * seconds


@pytest.mark.parametrize(
    ("models", "budget", "varied", "settings", "says"),
    [
        (["best"], None, [], [], "add a budget"),
        (["cnn"], "10m", [], [], "what --models best may spend"),
        (["best", "cnn"], "10m", [], [], "best alone"),
        (["best"], "10m", ["dropout"], [], "leave --vary out"),
        (["best"], "10m", [], ["epochs"], "decides epochs"),
        (["best"], "10m", [], ["train_fraction"], "decides train_fraction"),
        (["best"], "soon", [], [], "a time above 0"),
    ],
)
def test_what_contradicts_best_is_refused(
    models: list[str], budget: str | None, varied: list[str], settings: list[str], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        budget_of_best(models, budget, varied, settings)


def test_best_with_a_budget_is_asked_for_and_others_are_not() -> None:
    assert budget_of_best(["best"], "2m", [], ["batch_size"]) == 120
    assert budget_of_best(["cnn", "mlp"], None, ["dropout"], ["epochs"]) is None


# the arithmetic


def test_a_run_gives_back_the_costs_that_it_had() -> None:
    cost = CostModel(start=0.7, image=0.003)
    seconds = cost.seconds(4, DIGITS)
    assert seconds == pytest.approx(0.7 + 0.003 * (4 * (1150 + 96) + (1150 + 288 + 359) / 3))
    learning = 0.003 * 4 * (1150 + 96)
    found = CostModel.of_run(seconds, learning, 4, DIGITS)
    assert found.start == pytest.approx(0.7)
    assert found.image == pytest.approx(0.003)


def test_a_plan_fills_its_time_and_one_pass_more_would_not_fit() -> None:
    generator = np.random.default_rng(0)
    whole, part = 0, 0
    for _ in range(1000):
        cost = CostModel(generator.uniform(0, 2), 10 ** generator.uniform(-5, -1))
        share = 10 ** generator.uniform(-1, 3)
        found = plan_training(cost, DIGITS, share)
        if found is None:
            assert least_seconds(cost, DIGITS) > share * 0.99
            continue
        assert cost.seconds(found.passes, DIGITS.with_train_fraction(found.fraction)) <= share * 1.001
        if found.fraction == 1:
            whole += 1
            assert cost.seconds(found.passes + 1, DIGITS) > share
        else:
            part += 1
            assert LEAST_FRACTION <= found.fraction < 1
            assert cost.seconds(1, DIGITS) > share
            assert cost.seconds(1, DIGITS.with_train_fraction(found.fraction + 0.01)) > share * 0.99
    assert whole > 50 and part > 50


def test_a_third_goes_on_and_rounds_end_with_one() -> None:
    assert [survivors(count) for count in (1, 2, 3, 4, 6, 7, 18)] == [1, 1, 1, 2, 2, 3, 6]
    assert [rounds_for(count) for count in (1, 2, 3, 4, 6, 18, 19, 27)] == [0, 1, 1, 2, 2, 3, 3, 3]


def test_every_model_gets_the_same_share_and_the_slow_leave_theirs_to_the_others() -> None:
    fast, slow = CostModel(0.1, 1e-5), CostModel(0.1, 0.1)
    plans, share = share_out({"a": fast, "b": fast}, DIGITS, 2.0)
    assert share == 1.0 and plans == {"a": plan_training(fast, DIGITS, 1.0), "b": plan_training(fast, DIGITS, 1.0)}
    plans, share = share_out({"slow": slow, "a": fast, "b": fast}, DIGITS, 2.0)
    assert share == 1.0 and list(plans) == ["a", "b"]
    assert share_out({"slow": slow}, DIGITS, 2.0)[0] == {}


def test_the_best_is_most_often_right_and_of_equal_ones_the_surest() -> None:
    assert best_first({"a": (0.8, 0.5), "b": (0.9, 0.9), "c": (0.9, 0.4)}) == ["c", "b", "a"]


def test_a_plan_is_said_in_words() -> None:
    assert str(TrainingPlan(1)) == "1 pass" and str(TrainingPlan(1200)) == "1,200 passes"
    assert str(TrainingPlan(1, 0.125)) == "1 pass over 12.5 % of the training images"


# the settings


def overrides_of(model: str, passes: int, fraction: float = 1.0, **overrides: Value) -> dict[str, Value]:
    arm = named_arm(model, model, overrides)
    return planned_overrides(Comparison("digits", (arm,), (0,)), arm, TrainingPlan(passes, fraction))


def test_passes_are_epochs_or_iterations() -> None:
    assert overrides_of("mlp", 5) == {"epochs": 5}
    assert overrides_of("logistic", 300) == {"max_iter": 300}
    assert overrides_of("sgd", 300) == {"epochs": 300}
    assert length_setting(find_model("linear-probe")) == "max_iter"


def test_patience_ends_what_gains_no_more_and_only_that() -> None:
    assert overrides_of("mlp", 40) == {"epochs": 40, "patience": 10}
    assert overrides_of("mlp", 2000) == {"epochs": 2000, "patience": 200}
    assert overrides_of("mlp", 40, schedule="cosine") == {"epochs": 40, "schedule": "cosine"}
    assert overrides_of("mlp", 40, patience=0) == {"epochs": 40, "patience": 0}
    assert overrides_of("a2-cnn", 40) == {"epochs": 40}  # the article's own patience stays


def test_part_of_the_images_is_a_setting() -> None:
    assert overrides_of("cnn", 1, 0.25) == {"epochs": 1, "train_fraction": 0.25}


def test_the_shape_is_known_without_loading() -> None:
    digits = load("digits", Settings())
    assert shape_for(Settings(), digits) == (8, 8, 1) == digits.shape
    wanted = Settings(image_size=12, channels=3)
    assert shape_for(wanted, digits) == load("digits", wanted).shape


def test_features_are_kept_where_the_whole_backbone_stands_still() -> None:
    def cached(model: str, **overrides: Value) -> bool:
        return caches_features(named_job("digits", model, 0, {"weights": "random:0", **overrides}))

    assert cached("linear-probe") and cached("vgg16")
    assert not cached("fine-tune") and not cached("vgg16", augment="flip") and not cached("vgg16", train="all")
    assert not cached("linear-probe", cache="none")
    assert not caches_features(named_job("digits", "cnn", 0, {}))
    assert 0 < CACHED_COST < 1


@pytest.mark.parametrize(("model", "image"), [("linear-probe", 5.0), ("mlp", 0.1)])
def test_a_classical_model_costs_the_features_that_its_first_pass_computes(model: str, image: float) -> None:
    def train(_: Job, out: Path, *, images: ImageSet, split: Split) -> RunRecord:
        assert len(images) == len(split.train) + len(split.val)
        learnt_from = len(split.train) + len(split.val) / 3
        rows = [{"epoch": 1, "seconds": 5.0 * learnt_from}, {"epoch": 2, "seconds": 0.1 * learnt_from}]
        write_history(out / "history.csv", rows)
        write_json(out / "scores.json", {"seconds": {"total": 5.1 * learnt_from + 100.0}})
        return RunRecord(out)

    overrides: dict[str, Value] = {"weights": "random:0"} if model == "linear-probe" else {}
    cost = measure("digits", named_arm(model, model, overrides), 0, load("digits", Settings()), DIGITS, train)
    cached = model == "linear-probe"
    assert cost.image == pytest.approx(CACHED_COST * image if cached else image)
    if cached:
        assert cost.start > image * DIGITS.total


@pytest.mark.parametrize(("model", "features"), [("linear-probe", 36.0), ("mlp", 0.0)])
def test_features_that_the_first_trial_computed_cost_no_later_run_anything(
    model: str, features: float, tmp_path: Path
) -> None:
    measured = CostModel(0.5 + features, CACHED_COST * features / DIGITS.total if features else 1e-3)
    arm = named_arm(model, model, {"weights": "random:0"} if features else {})
    state = SearchState(tmp_path / "best.json", "", 60.0, costs={model: measured})
    nothing: Any = None
    search = Search(Comparison("digits", (arm,), (0,)), nothing, DIGITS, state, nothing, nothing, nothing)

    def start_after(seconds: float) -> float:
        judging = measured.image * replace(DIGITS, test=0).evaluation
        learning = measured.image * 4 * DIGITS.per_pass
        trial = Trial(1, model, 4, 1.0, seconds + learning + judging, 4, learning, 0.9, 0.3)
        return search.cost_after(trial, measured).start

    assert start_after(0.75 + features) == pytest.approx(0.75)
    assert start_after(0.75) == pytest.approx(0.5 if features else 0.75), "they were stored already"


def test_a_sample_holds_a_whole_batch_where_the_set_does() -> None:
    counted: list[int] = []

    def train(_: Job, out: Path, *, images: ImageSet, split: Split) -> RunRecord:
        assert len(images) == len(split.train) + len(split.val)
        counted.append(len(split.train))
        write_history(out / "history.csv", [{"epoch": 1, "seconds": 1.0}])
        write_json(out / "scores.json", {"seconds": {"total": 2.0}})
        return RunRecord(out)

    images = load("digits", Settings())
    for batch_size in (32, 500, 100_000):
        measure("digits", named_arm("mlp", "mlp", {"batch_size": batch_size}), 0, images, DIGITS, train)
    assert counted == [128, 500, DIGITS.train]


# the state of a search


def state_in(folder: Path) -> SearchState:
    return SearchState(
        folder / "best.json",
        "the request",
        60.0,
        measuring=2.0,
        costs={"cnn": CostModel(0.5, 0.001)},
        trials=[
            Trial(1, "cnn", 4, 1.0, 5.0, 4, 4.2, 0.9, 0.3),
            Trial(1, "mlp", 9, 0.5, 3.0, reason="diverged"),
            Trial(2, "cnn", 8, 1.0, 10.0, 8, 9.0, 0.95, 0.2),
        ],
        final_plan=FinalPlan({"cnn": TrainingPlan(50), "mlp": TrainingPlan(1, 0.25)}, 2),
        final_seconds={"cnn-seed0": 20.0},
        untried={"lstm": "no such device"},
        cut_off={"2/mlp-seed0": 1.5},
        final_reasons={"mlp-seed0": "the disk is full"},
    )


def test_a_state_reads_back_as_it_was_written(tmp_path: Path) -> None:
    written = state_in(tmp_path)
    written.write()
    assert SearchState.read(tmp_path) == written
    assert holds(tmp_path, "the request", 60.0)
    assert not holds(tmp_path, "the request", 61.0) and not holds(tmp_path, "something else", 60.0)
    assert not holds(tmp_path / "nowhere", "the request", 60.0)


def test_a_state_counts_what_is_spent(tmp_path: Path) -> None:
    state = state_in(tmp_path)
    assert (state.spent(before=1), state.spent(before=2), state.spent()) == (2.0, 10.0, 20.0)
    assert state.left() == 20.0
    assert state.trial(2, "cnn") == state.trials[2] and state.trial(2, "mlp") is None


def test_who_failed_later_comes_last_unless_all_did() -> None:
    state = state_in(Path())
    state.trials = [Trial(1, "cnn", 4, 1.0, 5.0, 4, 4.2, 0.9, 0.3), Trial(1, "mlp", 9, 0.5, 3.0, 9, 2.0, 0.8, 0.4)]
    state.trials += [Trial(1, "dnn", 9, 0.5, 3.0, 9, 2.0, 0.7, 0.4), Trial(2, "cnn", 8, 1.0, 1.0, reason="diverged")]
    assert [each.arm for each in state.ranking()] == ["cnn", "mlp", "dnn"]
    state.trials.append(Trial(2, "mlp", 9, 1.0, 3.0, 9, 2.0, 0.85, 0.4))
    assert [each.arm for each in state.ranking()] == ["mlp", "dnn", "cnn"]


def test_a_failed_trial_has_no_cost() -> None:
    assert state_in(Path()).trials[1].cost(DIGITS) is None
    assert replace(state_in(Path()).trials[0], fraction=0.5).cost(DIGITS) is not None


@pytest.mark.parametrize("damage", [{}, {"paces": []}, {"paces": {"cnn": 3}}, {"trials": 5}, {"untried": ["cnn"]}])
def test_a_damaged_state_is_reported(damage: dict[str, Any], tmp_path: Path) -> None:
    state_in(tmp_path).write()
    document = {**read_json(tmp_path / "best.json"), **damage} if damage else {"request": "the request"}
    (tmp_path / "best.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(SadariError, match="damaged"):
        SearchState.read(tmp_path)


def test_a_measurement_takes_few_steps_whatever_a_run_takes_at_least() -> None:
    """Else measuring a few images would take as many steps as the run that it is to foretell."""
    seen: list[Job] = []

    def watched(job: Job, out: Path, **given: Any) -> RunRecord:
        seen.append(job)
        return train_for_real(job, out, **given)

    arm = named_arm("mlp", "mlp", {"least_steps": "500"})
    assert measure("digits", arm, 0, load("digits", Settings()), DIGITS, watched).image > 0
    assert [job.settings.least_steps for job in seen] == [0]
