"""What does a user of `sadari compare DATA --models best` see, and with which status does it end?"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

import sadari
from sadari.cli import compare as door
from sadari.comparison.best import candidates
from sadari.comparison.best import run as find
from sadari.comparison.best.cost_model import CostModel
from sadari.errors import SadariError, UsageError
from sadari.job import Job
from sadari.models.catalog import find_model
from sadari.report import page as write
from sadari.report.plots import files as plots
from sadari.run import RunRecord
from support.clocked_training import ClockedTrainer, Made

COST = CostModel(0.05, 1e-4)
MADE = {"softmax": Made(0.7, 1, COST), "mlp": Made(0.8, 1, COST), "cnn": Made(0.95, 1, COST, stops=20)}


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClockedTrainer:
    """The commands run in `tmp_path` with a trainer that learns nothing, and without pictures."""
    fake, original = ClockedTrainer(made=MADE), find.find_best

    def with_fake(*arguments: Any, **named: Any) -> Any:
        return original(*arguments, **{"train": fake, **named}, clock=fake.clock)

    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(candidates, "MODELS", [find_model(name) for name in MADE])
    monkeypatch.setattr(find, "find_best", with_fake)
    monkeypatch.setattr(plots, "write_plots", lambda result: (result.out / "plots" / "samples.png",))
    monkeypatch.setattr(write, "write_report", lambda result: result.out / "report.html")
    return fake


def typed(*words: str) -> Result:
    app = typer.Typer()
    app.command("compare")(door.compare)
    app.command("study")(door.study)
    return CliRunner().invoke(app, ["compare", *words], env={"COLUMNS": "200"})


def test_a_user_sees_the_rounds_the_table_and_the_run_to_use(trainer: ClockedTrainer) -> None:
    result = typed("digits", "--models", "best", "--budget", "20s", "--seeds", "2")
    assert result.exit_code == 0, result.output
    said = result.stderr.splitlines()
    assert "3 models could be tried: softmax, mlp, cnn" in said
    assert any(line.startswith("round 1 of 1: 3 models, ") for line in said)
    lines = result.stdout.splitlines()
    assert lines[0] == "the best of 3 models within 20s"
    assert "report  runs/digits-best-1/final/report.html" in lines
    [winner] = [line for line in lines if line.startswith("winner")]
    assert winner.startswith("winner  runs/digits-best-1/final/cnn-seed")
    assert Path(winner.split()[1], "scores.json").is_file()
    assert trainer.now <= 20.0


def test_json_names_the_winner(trainer: ClockedTrainer) -> None:
    result = typed("digits", "--models", "best", "--budget", "20s", "--json")
    document = json.loads(result.stdout)
    assert Path(document["winner"]).is_relative_to(Path(document["out"]))
    assert document["arms"][0]["name"] == "cnn" and trainer.calls


def test_json_says_that_there_is_no_winner_where_all_finalists_fail(
    trainer: ClockedTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(job: Job, out: Path, **given: Any) -> RunRecord:
        if out.parent.name == "final":
            raise SadariError("the disk is full")
        return trainer(job, out, **given)

    fake = find.find_best
    monkeypatch.setattr(find, "find_best", lambda *asked, **named: fake(*asked, **named, train=failing))
    result = typed("digits", "--models", "best", "--budget", "20s", "--json")
    assert result.exit_code == 1, result.output
    assert json.loads(result.stdout)["winner"] is None


def test_ctrl_c_names_the_command_that_goes_on(trainer: ClockedTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("digits", "--models", "best", "--budget", "20s")
    monkeypatch.setattr(sys, "argv", ["sadari", "compare", *words])
    trainer.stop_at = 6  # behind the samples
    result = typed(*words)
    assert result.exit_code == 130
    assert "go on with: sadari compare digits --models best --budget 20s" in result.stderr
    assert typed(*words).exit_code == 0
    assert sorted(path.name for path in Path("runs").iterdir()) == ["digits-best-1"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--models", "best"], "add a budget"),
        (["--models", "cnn", "--budget", "5m"], "what --models best may spend"),
        (["--models", "best,cnn", "--budget", "5m"], "best alone"),
        (["--models", "best", "--budget", "5m", "--vary", "dropout=0,0.5"], "leave --vary out"),
        (["--models", "best", "--budget", "5m", "--epochs", "3"], "decides epochs"),
        (["--models", "best", "--budget", "later"], "such as 90s, 10m or 1.5h, not 'later'"),
    ],
)
def test_what_contradicts_best_is_refused_before_any_work(trainer: ClockedTrainer, words: list[str], says: str) -> None:
    result = typed("digits", *words)
    assert isinstance(result.exception, UsageError) and says in str(result.exception)
    assert not trainer.calls and not Path("runs").exists()


def test_python_asks_the_same_way(trainer: ClockedTrainer, tmp_path: Path) -> None:
    for models in ("best", ["best"]):
        result = sadari.compare("digits", models, budget="20s", seeds=1, out=tmp_path / "out")
        assert result.arms[0].name == "cnn" and result.out == tmp_path / "out" / "final"
    with pytest.raises(UsageError, match="add a budget"):
        sadari.compare("digits", "best")
    for workers in (0, 2):
        with pytest.raises(UsageError, match="one run at a time"):
            sadari.compare("digits", "best", budget="20s", workers=workers)
    assert {job.seed for job in trainer.calls} == {0}


@pytest.mark.slow
def test_a_real_search_hands_over_a_model_that_predicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    names = ("softmax", "logistic", "mlp", "lstm", "cnn")
    monkeypatch.setattr(candidates, "MODELS", [find_model(name) for name in names])
    result = sadari.compare("digits", "best", budget="40s", seeds=1, out=tmp_path / "out")
    chosen = find.chosen_run(result)
    assert chosen is not None and chosen.scores("test")["accuracy"] > 0.93  # logistic regression has 0.95 to 0.97
    again = sadari.train("digits", chosen.job.model, out=chosen.path, seed=0, **repeated(chosen))
    assert again.path == chosen.path and again.finished
    assert sadari.write_report(sadari.reopen(result.out), tmp_path / "report.html").stat().st_size > 10_000


def repeated(run: sadari.RunRecord) -> dict[str, Any]:
    """The settings that a run's file holds, as somebody would type them."""
    from dataclasses import asdict

    return {**asdict(run.job.settings), **run.job.variables}
