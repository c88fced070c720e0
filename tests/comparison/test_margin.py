"""Does a margin reach the verdicts, from the command line and from Python?"""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import sadari
from sadari.cli import compare as commands
from sadari.comparison import compare as room
from sadari.comparison.executor import SerialExecutor
from sadari.errors import UsageError
from sadari.report import page as write
from sadari.report.plots import files as plots
from support.fake_training import FakeTrainer


@pytest.fixture(autouse=True)
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTrainer:
    """A stand-in for `train`: the accuracy of softmax is 0.7, that of mlp 0.8."""
    fake, original = FakeTrainer(), room.compare
    monkeypatch.chdir(tmp_path)

    def with_fake(*arguments: Any, **named: Any) -> Any:
        return original(*arguments, **{**named, "executor": SerialExecutor(fake)})

    monkeypatch.setattr(room, "compare", with_fake)
    monkeypatch.setattr(plots, "write_plots", lambda _: ())
    monkeypatch.setattr(write, "write_report", lambda _: None)
    return fake


def test_the_command_line_finds_equality_within_the_margin() -> None:
    app = typer.Typer()
    app.command("compare")(commands.compare)
    words = ["digits", "--models", "softmax,mlp", "--seeds", "3", "--margin", "0.4", "--json"]
    document = json.loads(CliRunner().invoke(app, words).stdout)
    [found] = document["verdicts"]
    assert found["margin"] == 0.4
    assert found["equal_p"] < 0.05
    assert found["verdict"] == "better"
    assert found["sentence"].endswith(", less than the margin of 40 points.")


def test_without_a_margin_there_is_no_equality() -> None:
    result = sadari.compare("digits", ["softmax", "mlp"], seeds=2)
    assert (result.verdicts[0].margin, result.verdicts[0].equal_p) == (None, None)
    assert "--margin" not in result.command


def test_the_command_that_repeats_it_keeps_the_margin() -> None:
    assert sadari.compare("digits", ["softmax", "mlp"], seeds=2, margin=0.005).command.endswith("--margin 0.005")


def test_a_margin_that_is_none_is_refused_before_any_work(trainer: FakeTrainer) -> None:
    for margin in (0.0, -0.1, 5.0):
        with pytest.raises(UsageError, match=f"between 0 and 1, not {margin:g}; half a point is 0.005"):
            sadari.compare("digits", ["softmax", "mlp"], margin=margin)
    assert trainer.calls == []
