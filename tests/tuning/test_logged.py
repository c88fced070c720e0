"""Do trackers get a search: each trial, the runs that judge the best, and what was found, once?"""

import json
from pathlib import Path
from typing import Any

import pytest

import sadari
from sadari.loggers.live import read_state
from sadari.progress import Silent
from sadari.tuning.logged import log_found
from support.logged import in_tensorboard
from support.noted import begun, note_calls
from support.tuning import DATA, SEARCH, SMALL, planned, tried


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    return note_calls(monkeypatch)


def test_trials_and_judging_runs_are_one_group_and_the_trials_are_the_same(
    calls: list[tuple[str, Any]], tmp_path: Path
) -> None:
    logged = planned(trials=2, log_to="noted:here").run(tmp_path / "mine")
    assert tried(logged) == tried(planned(trials=2).run(tmp_path / "plain"))
    starts = begun(calls)
    assert {each.group for each in starts} == {"mine"}
    names = [each.name for each in starts]
    assert names[:2] == ["trial-0000", "trial-0001"]
    assert logged.final is not None
    assert sorted(names[2:]) == sorted(Path(run).name for arm in logged.final.arms for run in arm.runs)
    ends = [end for name, end in calls if name == "end"]
    assert ends[0].figures["scores/val/accuracy"] == logged.trials[0].accuracy
    assert not (tmp_path / "plain" / "loggers.json").exists()


def test_a_search_goes_on_where_it_was_logged_and_ends_there_once(calls: list[tuple[str, Any]], tmp_path: Path) -> None:
    planned(trials=1, log_to="noted:here").run(tmp_path / "mine")
    calls.clear()
    result = planned(trials=2).run(tmp_path / "mine")
    assert begun(calls)[0].name == "trial-0001"
    calls.clear()
    picture = tmp_path / "picture.png"
    for _ in range(2):
        log_found(result, lambda: [picture], Silent())
    [start] = begun(calls)
    assert (start.name, start.group, start.params["search/optimizer"]) == ("mine", "", "adam,sgd")
    [end] = [value for name, value in calls if name == "end"]
    assert result.best is not None and result.final is not None
    assert end.figures["validation/best"] == result.best.accuracy and end.figures["trials"] == 2
    best = result.final.arms[0]
    assert best.accuracy is not None and end.figures[f"low/{best.name}"] == best.accuracy.low
    assert result.gain in end.note and end.pictures == {"plots/picture": picture}


def test_workers_log_their_trials_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = sadari.tune(
        DATA, "mlp", search=SEARCH, trials=3, seeds=1, workers=2, out="mine", log_to="tensorboard:events", **SMALL
    )
    for trial in result.trials:
        seen = in_tensorboard("events", f"events/mine/trial-{trial.number:04d}", "")
        assert [step for step, _ in seen.rows["train_loss"]] == list(range(1, trial.epochs + 1))
    seen = in_tensorboard("events", "events/mine", "")
    assert {"plots/tune-history", "plots/curves"} <= seen.pictures
    assert read_state(tmp_path / "mine")["tensorboard:events"]["digest"]
    assert json.loads((tmp_path / "mine" / "tune.json").read_text(encoding="utf-8"))["sentences"]
