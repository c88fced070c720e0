"""What does a user of `sadari study` see of its claims, and with which status does it end?"""

import json
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner, Result

from sadari.cli import compare as door
from sadari.cli.output.comparison import show_claims
from sadari.comparison.claims.verdict import ClaimVerdict
from sadari.errors import SadariError, UsageError
from sadari.report import page as write
from support.fake_training import FakeTrainer

STUDY = """
title = "three networks"
data = "digits"
seeds = 3
arms = [{ model = "mlp" }, { model = "softmax" }, { model = "cnn" }]

[[claims]]
claim = "mlp > softmax"
words = "deeper is better"

[[claims]]
claim = "softmax >= cnn"

[[claims]]
claim = "loss(mlp) < 0.0001"

[[claims]]
claim = "mlp = cnn within 0.0001"
"""


@pytest.fixture(autouse=True)
def _without_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "write_report", lambda _: None)


def studied(text: str, *words: str) -> Result:
    Path("mine.toml").write_text(text, encoding="utf-8")
    app = typer.Typer()
    app.command("study")(door.study)
    app.callback()(lambda: None)
    return CliRunner().invoke(app, ["study", "mine.toml", *words])


def test_a_user_sees_each_claim_with_its_verdict_and_its_numbers(trainer: FakeTrainer) -> None:
    result = studied(STUDY)
    assert result.exit_code == 0, result.output  # whatever the verdicts
    lines = [line.strip() for line in result.stdout.splitlines()]
    at = lines.index("claims")
    assert lines[at + 1] == "supported  mlp > softmax  deeper is better"
    assert lines[at + 2].startswith("accuracy of mlp minus that of softmax: +")
    assert lines[at + 2].endswith("3 seeds; these models, this training set.")
    assert lines[at + 3] == "refuted    softmax >= cnn"
    assert lines[at + 5].startswith("refuted    loss(mlp) < 0.0001")
    assert "corrected by Holm's method over all claims" in lines[at + 9]
    assert at > next(number for number, line in enumerate(lines) if "95 % interval" in line)
    assert len(trainer.calls) == 9


def test_the_claims_are_in_the_json_and_in_the_file(trainer: FakeTrainer) -> None:
    result = studied(STUDY, "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert [each["verdict"] for each in document["claims"][:3]] == ["supported", "refuted", "refuted"]
    first = document["claims"][0]
    assert (first["claim"], first["words"]) == ("mlp > softmax", "deeper is better")
    assert set(first["findings"][0]) >= {"a", "b", "value", "low", "high", "p", "bound", "margin", "seeds"}
    stored = json.loads(Path("runs/mine-1/comparison.json").read_text(encoding="utf-8"))
    assert stored["claims"] == document["claims"]
    assert trainer.calls


def test_claims_that_come_later_train_nothing_again(trainer: FakeTrainer) -> None:
    studied(STUDY.partition("[[claims]]")[0])
    assert len(trainer.calls) == 9
    result = studied(STUDY)
    assert len(trainer.calls) == 9
    assert "supported  mlp > softmax" in result.stdout
    assert not Path("runs/mine-2").exists()


@pytest.mark.parametrize("wrong", ["mpl > softmax", "speed(mlp) > speed(cnn)", "mlp is best"])
def test_a_wrong_claim_ends_before_anything_is_trained(trainer: FakeTrainer, wrong: str) -> None:
    result = studied(STUDY.replace("mlp > softmax", wrong))
    assert isinstance(result.exception, UsageError)
    assert result.exception.status == 2
    assert not trainer.calls
    assert not Path("runs").exists()


def test_an_arm_that_is_there_to_fail_is_no_failure(trainer: FakeTrainer) -> None:
    trainer.fails = {"cnn": SadariError("the loss is no longer a number")}
    unforeseen = studied(STUDY)
    assert unforeseen.exit_code == 1
    assert "not shown  softmax >= cnn" in unforeseen.stdout
    foreseen = studied(STUDY + '[[claims]]\nclaim = "cnn fails"\n')
    assert foreseen.exit_code == 0
    assert "supported  cnn fails" in foreseen.stdout


def test_the_words_have_their_colours(capsys: pytest.CaptureFixture[str]) -> None:
    claims = [ClaimVerdict("a > b", "", word, "so it is.") for word in ("supported", "refuted", "not shown")]
    show_claims(claims, Console(force_terminal=True, color_system="standard"))
    green, red, yellow = "\x1b[1;32msupported", "\x1b[1;31mrefuted", "\x1b[1;33mnot shown"
    shown = capsys.readouterr().out
    assert all(word in shown for word in (green, red, yellow))
    assert "Holm" not in shown  # no p was shown
    show_claims([], Console())
    assert capsys.readouterr().out == ""
