"""What does a user of `sadari report` see, where does the page go, and is it the page of the comparison itself?"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from sadari.cli import compare as comparing
from sadari.cli import main as entrance
from sadari.cli import report as door
from sadari.comparison import compare as room
from sadari.comparison.executor import SerialExecutor
from sadari.errors import SadariError, UsageError
from sadari.report.plots import files as plots
from support.stamped_training import StampedTrainer

MADE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StampedTrainer:
    """The commands run in `tmp_path` with a trainer that learns nothing, and without plots."""
    fake, original = StampedTrainer(), room.compare
    monkeypatch.chdir(tmp_path)

    def with_fake(*arguments: Any, **named: Any) -> Any:
        return original(*arguments, **{**named, "executor": SerialExecutor(fake)})

    monkeypatch.setattr(room, "compare", with_fake)
    monkeypatch.setattr(plots, "write_plots", lambda _: ())
    return fake


def typed(*words: str) -> Result:
    app = typer.Typer()
    app.command("compare")(comparing.compare)
    app.command("study")(comparing.study)
    app.command("report")(door.report)
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})


def compared(*words: str) -> Path:
    result = typed("compare", "digits", "--models", "softmax,mlp", "--seeds", "2", "--epochs", "2", *words)
    assert result.exit_code == 0, result.output
    return Path("runs/digits-compare-1")


def undated(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    assert MADE.search(text)
    return MADE.sub("then", text)


def test_compare_leaves_a_report_and_says_where(trainer: StampedTrainer) -> None:
    del trainer
    result = typed("compare", "digits", "--models", "softmax,mlp", "--seeds", "1", "--epochs", "2", "--json")
    document = json.loads(result.stdout)
    page = Path(document["report"])
    assert page == Path.cwd() / "runs" / "digits-compare-1" / "report.html"
    assert page.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")
    shown = typed("compare", "digits", "--models", "softmax,mlp", "--seeds", "1", "--epochs", "2").stdout
    assert "report  runs/digits-compare-1/report.html" in shown.splitlines()


def test_a_study_leaves_the_same_page_that_report_makes(trainer: StampedTrainer) -> None:
    Path("nets.toml").write_text(
        'title = "two nets"\ndata = "digits"\nseeds = [4, 7]\nnotes = ["a note"]\nclaims = ["mlp > softmax"]\n'
        "[settings]\nepochs = 2\n[[arms]]\nmodel = 'softmax'\npublished = { accuracy = 0.7 }\n[[arms]]\nmodel = 'mlp'\n"
        "[[arms]]\nmodel = 'cnn'\n",
        encoding="utf-8",
    )
    trainer.fails = {"cnn": SadariError("no memory")}
    assert typed("study", "nets.toml").exit_code == 1  # one of them failed
    first = undated(Path("runs/nets-1/report.html"))
    assert typed("report", "runs/nets-1").exit_code == 0
    assert undated(Path("runs/nets-1/report.html")) == first
    for words in ("two nets", "a note", "mlp \\u003e softmax", "no memory"):
        assert words in first


def test_the_page_of_a_comparison_is_the_same_whoever_makes_it(trainer: StampedTrainer) -> None:
    del trainer
    folder = compared()
    first = undated(folder / "report.html")
    result = typed("report", str(folder), "--out", "mail.html")
    assert result.exit_code == 0, result.output
    assert undated(Path("mail.html")) == first
    sentence, place = result.stdout.splitlines()
    assert sentence.startswith("mlp ")
    assert place == f"report  {Path.cwd() / 'mail.html'}"


def test_runs_are_joined_under_the_next_free_name(trainer: StampedTrainer) -> None:
    del trainer
    folder = compared()
    runs = [str(folder / f"mlp-seed{seed}") for seed in (0, 1)]
    assert typed("report", *runs).exit_code == 0
    assert Path("report.html").is_file()
    assert typed("report", *runs).stdout.splitlines()[-1] == f"report  {Path.cwd() / 'report-2.html'}"
    assert typed("report", runs[0]).exit_code == 0
    assert (Path(runs[0]) / "report.html").is_file()


def test_json_is_the_document_of_the_comparison_with_the_page(trainer: StampedTrainer) -> None:
    del trainer
    folder = compared()
    result = typed("report", str(folder), "--json", "--out", "mail.html")
    document = json.loads(result.stdout)
    assert document["report"] == str(Path.cwd() / "mail.html")
    stored = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    assert document | {"report": None} == stored


@pytest.mark.parametrize("name", ["mail.txt", "mail", "folder.html"])
def test_a_place_that_is_no_html_file_is_refused_before_any_work(
    trainer: StampedTrainer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    del trainer
    Path("folder.html").mkdir()
    monkeypatch.setattr("sadari.comparison.reopen.reopen", lambda *_: pytest.fail("work"))
    result = typed("report", "runs", "--out", name)
    assert isinstance(result.exception, UsageError)
    assert "name of an HTML file" in str(result.exception)


def test_a_refusal_leaves_no_page(trainer: StampedTrainer) -> None:
    del trainer
    folder = compared()
    (folder / "report.html").unlink()
    (folder / "mlp-seed1" / "scores.json").unlink()
    assert isinstance(typed("report", str(folder)).exception, SadariError)
    assert isinstance(typed("report", str(folder / "mlp-seed0"), "nowhere").exception, UsageError)
    assert not list(Path().rglob("report*.html"))


def test_a_page_that_cannot_be_written_says_nothing_of_an_old_one_where_there_is_none(trainer: StampedTrainer) -> None:
    del trainer
    folder = compared()
    Path("file").write_text("in the way", encoding="utf-8")
    refused = typed("report", str(folder), "--out", "file/mail.html").exception
    assert isinstance(refused, SadariError)
    assert "cannot write" in str(refused)
    assert "kept" not in str(refused)


def test_a_page_that_cannot_be_written_keeps_the_old_one(
    trainer: StampedTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    del trainer
    folder = compared()
    before = (folder / "report.html").read_bytes()

    def full(_: Path, __: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sadari.files._put", full)
    result = typed("report", str(folder))
    assert isinstance(result.exception, SadariError)
    assert "No space left" in str(result.exception)
    assert (folder / "report.html").read_bytes() == before
    assert not list(folder.glob(".report*"))


def test_the_command_is_there_and_ends_with_its_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for words, status, says in (
        (["report"], 2, "Missing argument 'RUN|COMPARISON...'"),
        (["report", str(tmp_path)], 2, "neither a run nor"),
    ):
        monkeypatch.setattr(sys, "argv", ["sadari", *words])
        with pytest.raises(SystemExit) as left:
            entrance.main()
        assert left.value.code == status
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ") and says in line


def test_latex_takes_standard_output_and_what_else_there_is_to_say_goes_to_standard_error(
    trainer: StampedTrainer,
) -> None:
    del trainer
    folder = compared()
    compare = typed("compare", "digits", "--models", "softmax,mlp", "--seeds", "2", "--epochs", "2", "--latex")
    report = typed("report", str(folder), "--latex")
    for result in (compare, report):
        assert result.exit_code == 0, result.output
        assert result.stdout.startswith("% needs the LaTeX package booktabs\n% sadari compare digits")
        assert result.stdout.endswith("\\end{table}\n")
        assert "report  " in result.stderr
    assert compare.stdout == report.stdout
    both = typed("report", str(folder), "--latex", "--json")
    assert isinstance(both.exception, UsageError) and "both want standard output" in str(both.exception)
