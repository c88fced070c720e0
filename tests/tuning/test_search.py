"""Are trials judged by validation images alone, are poor ones stopped, and does one that fails stop no other?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sadari.errors import SadariError, UsageError
from sadari.inference.predict import Inputs
from sadari.run import RunRecord
from sadari.training.engine import DivergedError
from sadari.training.run_folder import RunBusyError
from sadari.training.train import train
from sadari.tuning.finals import DEFAULT, finalists
from sadari.tuning.journal import CLAIMS, Journal
from sadari.tuning.request import Tuning
from sadari.tuning.result import TuneResult
from sadari.tuning.run import reopen_tuning
from sadari.tuning.search import LEAST_FAILURES, Limit, Searcher, TrialData
from sadari.tuning.trials import (
    DONE,
    FAILED,
    STOPPED,
    Trial,
    finished,
    front,
    objective_value,
    trial_folder,
)
from support.jobs import Listener
from support.tuning import DATA, planned


def trial(number: int, accuracy: float, speed: float = 1.0, **more: Any) -> Trial:
    return Trial(number, {"C": float(number)}, DONE, accuracy, 0.5, accuracy, speed, **more)


def searched(out: Path, train: Any, trials: int = 8, **more: Any) -> tuple[Trial, ...]:
    """Make trials by `train`, without the comparison at the end."""
    request = planned(**more).request
    out.mkdir(parents=True)
    data = TrialData(request, Listener())
    _, split = data.of(request.job({}))
    journal = Journal(out, request, len(split.val), 3)
    Searcher(journal, data, Limit(trials=trials), Listener(), threads=1, train=train).work()
    return journal.trials()


def test_a_trial_that_another_process_has_is_not_told_to_have_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sadari.tuning.search.WAIT_SECONDS", 0.0)
    refused: list[Any] = []

    def busy_at_first(*given: Any, **named: Any) -> RunRecord:
        if len(refused) < 2:
            refused.append(given)
            raise RunBusyError("another process is training it")
        if len(refused) < 3:  # its claim is lost while it trains
            refused.append(given)
            next((tmp_path / "out" / CLAIMS).glob("*/.lock-1.part")).unlink()
        return train(*given, **named)

    trials = searched(tmp_path / "out", busy_at_first, trials=2)
    assert [each.state for each in trials] == [DONE, DONE]
    assert len(refused) == 3


def test_accuracy_decides_and_log_loss_between_equals() -> None:
    assert objective_value(0.91, 9.0, 100) > objective_value(0.90, 0.0, 100)
    assert objective_value(0.9, 0.3, 100) > objective_value(0.9, 0.4, 100)
    assert 0.9 - objective_value(0.9, 1e9, 100) <= 0.5 / 100
    assert objective_value(0.9, float("inf"), 100) == 0.9 - 0.005


def test_the_first_trial_is_the_default_and_every_trial_has_the_seed(whole: TuneResult) -> None:
    first = whole.trials[0]
    assert first.default and dict(first.params) == dict(whole.default)
    assert not any(each.default for each in whole.trials[1:])
    assert {each.run(whole.out).job.seed for each in whole.trials} == {whole.request.seed}


def test_a_default_outside_of_the_ranges_is_no_trial(tmp_path: Path) -> None:
    result = planned(trials=1, search={"learning_rate": "0.01:0.1:log"}).run(tmp_path / "out")
    assert not result.trials[0].default and result.default == {}
    assert result.final is not None and set(result.final.records) == {DEFAULT, "trial 0"}


def test_no_trial_sees_a_test_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: set[int] = set()
    original = Inputs.pixels.__func__  # type: ignore[attr-defined]

    class Seen:
        def __init__(self, rows: Any) -> None:
            self._rows = rows

        def __getattr__(self, name: str) -> Any:
            return getattr(self._rows, name)

        def __len__(self) -> int:
            return len(self._rows)

        def __getitem__(self, which: Any) -> Any:
            import numpy as np

            read.update(np.atleast_1d(np.arange(len(self._rows))[which]).tolist())
            return self._rows[which]

    monkeypatch.setattr(Inputs, "pixels", classmethod(lambda cls, rows, *more: original(cls, Seen(rows), *more)))
    request = planned().request
    trials = searched(tmp_path / "out", train, trials=2)
    data = TrialData(request, Listener())
    images, split = data.of(request.job({}))
    assert not len(split.test) and "test left closed" in split.origin
    inside = {*split.train.tolist(), *split.val.tolist()}
    assert read and read <= inside and len(inside) < len(images)
    assert all(RunRecord(trial_folder(tmp_path / "out", each.number)).summary["judged_on"] == "val" for each in trials)


def test_a_trial_that_promises_little_is_stopped_and_its_run_is_whole(tmp_path: Path) -> None:
    ranges = {"learning_rate": "0.0000001:0.1:log"}
    trials = searched(tmp_path / "out", train, trials=12, search=ranges, set={"epochs": 5})
    stopped = [each for each in trials if each.state == STOPPED]
    assert stopped and all(0 < each.epochs < 5 for each in stopped)
    for each in stopped:
        run = RunRecord(trial_folder(tmp_path / "out", each.number))
        assert run.finished and run.summary["stopped"] == each.reason == f"after epoch {each.epochs} it promised little"
        assert len(run.history) == each.epochs == len(each.curve)
        assert not (run.path / "checkpoint").exists()
    assert not {each.number for each in stopped} & set(range(5)), "the first ones say what the median is"
    assert not {each.number for each in stopped} & {each.number for each in finished(trials)}


@pytest.mark.parametrize(("pruner", "stops"), [("none", False), ("hyperband", True)])
def test_the_pruner_is_chosen(pruner: str, stops: bool, tmp_path: Path) -> None:
    ranges = {"learning_rate": "0.0000001:0.1:log"}
    trials = searched(tmp_path / "out", train, trials=12, search=ranges, pruner=pruner, set={"epochs": 9})
    assert any(each.state == STOPPED for each in trials) == stops


def test_a_solver_is_never_stopped(tmp_path: Path) -> None:
    trials = searched(tmp_path / "out", train, model="logistic", search={"C": "0.00001:10:log"}, set={"epochs": 1})
    assert all(each.state == DONE and not each.curve for each in trials)


def test_a_trial_whose_loss_is_no_number_counts_as_poor(tmp_path: Path) -> None:
    def diverging(job: Any, out: Path, **given: Any) -> RunRecord:
        if job.settings.learning_rate > 0.01:
            raise DivergedError("the loss is no longer a number")
        return train(job, out, **given)

    trials = searched(tmp_path / "out", diverging)
    lost = [each for each in trials if float(each.params["learning_rate"]) > 0.01]
    assert lost and all(each.state == STOPPED and "no longer a number" in each.reason for each in lost)
    assert finished(trials) and not any(each in lost for each in finished(trials))


def test_a_trial_that_fails_stops_no_other_until_all_fail(tmp_path: Path) -> None:
    def failing(job: Any, out: Path, **given: Any) -> RunRecord:
        if job.settings.optimizer == "sgd":
            raise SadariError("no memory for that")
        return train(job, out, **given)

    trials = searched(tmp_path / "out", failing)
    failed = [each for each in trials if each.params["optimizer"] == "sgd"]
    assert failed and all(each.state == FAILED and each.reason == "no memory for that" for each in failed)

    def never(*_: Any, **__: Any) -> RunRecord:
        raise SadariError("no memory at all")

    with pytest.raises(SadariError, match=f"the last {LEAST_FAILURES} trials failed; the last one: no memory at all"):
        searched(tmp_path / "other", never)


def test_without_validation_images_nothing_is_searched(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="trials are judged on validation images, and there are none"):
        planned(data="digits", set={"val_fraction": 0.0}).run(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_finalists_are_the_best_different_settings() -> None:
    request = planned(model="logistic", search={"C": "0.1:10:log"}).request
    trials = [trial(0, 0.8, default=True), trial(1, 0.7), trial(2, 0.9), trial(3, 0.85), trial(4, 0.6)]
    twice = [*trials, Trial(5, {"C": 2.0}, DONE, 0.9, 0.5, 0.9, 1.0)]
    assert [each.number for each in finalists(request, twice)] == [2, 3, 1]
    stopped = [*trials, Trial(6, {"C": 6.0}, STOPPED, 0.99, 0.1, 0.99, 1.0)]
    assert [each.number for each in finalists(request, stopped)] == [2, 3, 1]


def test_two_objectives_have_a_front() -> None:
    trials = [trial(0, 0.9, 10.0), trial(1, 0.8, 50.0), trial(2, 0.85, 5.0), trial(3, 0.7, 50.0), trial(4, 0.6, 99.0)]
    assert [each.number for each in front(trials)] == [0, 1, 4]
    request = planned(model="logistic", search={"C": "0.1:10:log"}, objective="accuracy,images_per_second").request
    assert not request.prunes
    more = [*trials, trial(5, 0.55, 120.0), trial(6, 0.5, 150.0)]
    assert [each.number for each in finalists(request, more)] == [0, 4, 6], "the best, the middle and the fastest"


def test_a_search_with_two_objectives_says_what_was_measured(tmp_path: Path) -> None:
    result = planned(trials=5, objective="accuracy,images_per_second").run(tmp_path / "out")
    assert all(each.state == DONE and each.images_per_second for each in result.trials)
    assert result.front and result.speed_note in result.sentences
    assert "measured once for each trial" in result.speed_note and "no trial was stopped early" in result.speed_note
    assert [each.number for each in reopen_tuning(tmp_path / "out").front] == [each.number for each in result.front]


def test_the_request_is_read_back_as_it_was(tmp_path: Path) -> None:
    network = tmp_path / "small.toml"
    network.write_text('layers = "conv $filters, flatten, dropout $dropout"\n[variables]\nfilters = 4\ndropout = 0.2\n'
                       "[settings]\nepochs = 2\nlearning_rate = 0.01\n")  # fmt: skip
    plan = planned(model=str(network), search={"dropout": "0:0.5", "filters": "2:8"}, trials=1)
    result = plan.run(tmp_path / "out")
    network.unlink()
    again = Tuning.read(tmp_path / "out")
    for params in ({}, {"dropout": 0.1, "filters": 3}):
        assert again.job(params).record == result.request.job(params).record
    assert again.space == result.request.space
    assert reopen_tuning(tmp_path / "out").sentences == result.sentences


def test_other_pixels_are_loaded_for_trials_that_read_them() -> None:
    request = planned(search={"image_size": "8,12"}).request
    data = TrialData(request, Listener())
    small, split = data.of(request.job({"image_size": 8}))
    large, same = data.of(request.job({"image_size": 12}))
    assert small.shape[0] == 8 and large.shape[0] == 12
    assert split.val.tolist() == same.val.tolist()
    assert request.data == DATA


def test_what_watches_a_run_may_end_it(tmp_path: Path) -> None:
    rows: list[Mapping[str, float]] = []

    def watch(row: Mapping[str, float]) -> str:
        rows.append(row)
        return "enough" if row["epoch"] == 2 else ""

    job = planned().request.job({})
    run = train(job, tmp_path / "run", watch=watch)
    assert [row["epoch"] for row in rows] == [1, 2] == [row["epoch"] for row in run.history]
    assert run.summary["stopped"] == "enough" and run.summary["epochs"] == 2
    assert "stopped" not in train(job, tmp_path / "other", watch=lambda _: "").summary
