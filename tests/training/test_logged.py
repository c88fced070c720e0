"""Does a run reach its trackers while it trains, does it stay the same run, and does none of them stop it?"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import sadari as python
from sadari.run import RunRecord
from sadari.training.train import resume, train
from support.jobs import job_for, parts, patterns
from support.logged import in_tensorboard
from support.noted import NOTED, Noted, note_calls


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    return note_calls(monkeypatch)


def test_a_run_is_logged_while_it_trains_and_is_the_same_run(calls: list[tuple[str, Any]], tmp_path: Path) -> None:
    images = patterns()
    drawn = tmp_path / "picture.png"
    logged = train(
        job_for("softmax"),
        tmp_path / "logged",
        images=images,
        split=parts(images),
        log_to=NOTED,
        draw=lambda run: [drawn] if run.finished else [],
    )
    plain = train(job_for("softmax"), tmp_path / "plain", images=images, split=parts(images))
    assert [name for name, _ in calls] == ["begin", "epoch", "epoch", "epoch", "end"]
    start, end = calls[0][1], calls[-1][1]
    assert (start.name, start.project, start.group, start.known) == ("logged", "patterns", "", "")
    assert (start.params["model"], start.params["epochs"]) == ("softmax", "3")
    assert start.tags["data_fingerprint"] == images.fingerprint
    assert end.figures["scores/test/accuracy"] == logged.scores("test")["accuracy"]
    assert (end.pictures, end.step) == ({"plots/picture": drawn}, 3)
    models = [(run.path / "model.safetensors").read_bytes() for run in (logged, plain)]
    assert models[0] == models[1]
    assert not (plain.path / "loggers.json").exists()


def test_an_interrupted_run_goes_on_in_the_same_run_of_the_tracker(
    calls: list[tuple[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, out, epoch = patterns(), tmp_path / "run", Noted.epoch

    def cut(self: Noted, row: Mapping[str, float]) -> None:
        epoch(self, row)
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Noted, "epoch", cut)
    with pytest.raises(KeyboardInterrupt):
        train(job_for("softmax"), out, images=images, split=parts(images), log_to=NOTED)
    assert ("stop", True) in calls
    monkeypatch.setattr(Noted, "epoch", epoch)
    calls.clear()
    train(job_for("softmax"), out, images=images, split=parts(images))  # without --log-to: it goes on where it was
    assert calls[0][1].known == "its id"
    assert [value for name, value in calls if name == "epoch"] == [2, 3]  # the one that was cut may come again
    assert calls[-1][0] == "end"


@pytest.mark.parametrize("when", ["begin", "epoch", "end"])
def test_a_tracker_that_fails_stops_nothing(
    when: str, calls: list[tuple[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Noted, "fails", when)
    images = patterns()
    run = train(job_for("softmax"), tmp_path / "run", images=images, split=parts(images), log_to=NOTED)
    assert run.finished and len(run.history) == 3
    text = (run.path / "log.txt").read_text(encoding="utf-8")
    assert text.count("Noted is left out (no such server); training goes on without it") == 1
    assert "end" not in dict(calls)


def test_a_run_that_fails_says_so_to_its_trackers(
    calls: list[tuple[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sadari.training import train as training

    def broken(*_: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(training, "write_results", broken)
    images = patterns()
    with pytest.raises(RuntimeError, match="out of memory"):
        train(job_for("softmax"), tmp_path / "run", images=images, split=parts(images), log_to=NOTED)
    assert calls[-1] == ("stop", False)


def test_a_finished_run_is_not_logged_again_and_says_what_does_it(
    calls: list[tuple[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sadari.cli.output.progress import TerminalProgress

    monkeypatch.chdir(tmp_path)
    named: dict[str, Any] = {"out": "run", "epochs": 1}
    run = python.train("shapes:images=60,size=16", "majority", **named)
    python.train("shapes:images=60,size=16", "majority", **named, log_to="noted", progress=TerminalProgress())
    assert f"nothing is logged; sadari log {run.path} sends finished runs" in capsys.readouterr().err
    assert resume(run.path).finished and calls == []


def test_runs_of_a_comparison_and_of_its_workers_are_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes, each run in its folder of TensorBoard's; the comparison beside them has pictures and figures."""
    monkeypatch.chdir(tmp_path)
    result = python.compare(
        "shapes:images=60,size=16", ["majority", "softmax"], seeds=2, epochs=2, workers=2, out="cmp",
        log_to="tensorboard:events",
    )  # fmt: skip
    names = sorted(path.name for path in Path("events").iterdir())
    assert names == ["cmp"]
    inside = sorted(path.name for path in Path("events/cmp").iterdir() if path.is_dir())
    assert inside == ["majority-seed0", "majority-seed1", "softmax-seed0", "softmax-seed1"]
    for run in [record for records in result.records.values() for record in records]:
        seen = in_tensorboard("events", str(Path("events/cmp") / run.path.name), "")
        losses = [round(row["train_loss"], 5) for row in run.history]
        assert [round(value, 5) for _, value in seen.rows["train_loss"]] == losses
        assert round(seen.figures["scores/test/accuracy"], 5) == round(run.scores("test")["accuracy"], 5)
        state = json.loads((run.path / "loggers.json").read_text(encoding="utf-8"))
        assert state["loggers"]["tensorboard:events"]["epochs"] == len(run.history)
    seen = in_tensorboard("events", "events/cmp", "")
    best = result.arms[0]
    assert best.accuracy is not None
    assert seen.figures[f"accuracy/{best.name}"] == pytest.approx(best.accuracy.mean)
    assert {"plots/curves", "plots/seconds"} <= seen.pictures


def test_a_run_of_its_own_has_its_pictures_in_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = python.train("shapes:images=60,size=16", "softmax", out="run", epochs=2, log_to="tensorboard")
    assert isinstance(run, RunRecord)
    seen = in_tensorboard("", "run", "")
    assert [step for step, _ in seen.rows["train_loss"]] == [1, 2]  # once, although the run writes scalars anyway
    assert {"plots/curves", "plots/confusion-run"} <= seen.pictures and (run.path / "plots" / "curves.png").is_file()
