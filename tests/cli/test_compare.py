"""What does a user of `sadari compare` and `sadari study` see, and with which status does it end?"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner, Result

from sadari.cli import compare as door
from sadari.cli.output import comparison as shown
from sadari.cli.output import tables
from sadari.cli.output.console import new_table
from sadari.comparison import compare as room
from sadari.comparison.arm_result import ArmResult
from sadari.comparison.workers.local import LocalExecutor
from sadari.errors import SadariError, UsageError
from sadari.report.plots import files as plots
from sadari.values import Interval
from support.fake_training import FakeTrainer

PROMISED = {"out", "report", "data", "arms", "verdicts"}
REAL_PLOTS = plots.write_plots


def typed(*words: str) -> Result:
    app = typer.Typer()
    app.command("compare")(door.compare)
    app.command("study")(door.study)
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})


def test_the_default_is_a_ladder_of_four_with_three_seeds(trainer: FakeTrainer) -> None:
    trainer.fails = {"logistic": SadariError("not here")}
    typed("compare", "digits")
    models = list(dict.fromkeys(job.model.name for job in trainer.calls))
    assert models == ["majority", "logistic", "mlp", "cnn"]
    assert {job.seed for job in trainer.calls} == {0, 1, 2}


def test_a_user_sees_the_images_the_table_the_verdicts_and_what_is_next(
    trainer: FakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "write_plots", REAL_PLOTS)
    result = typed("compare", "digits", "--models", "softmax,mlp,majority", "--seeds", "2", "--epochs", "8")
    assert result.exit_code == 0, result.output
    assert {job.settings.epochs for job in trainer.calls} == {8}
    lines = result.stdout.splitlines()
    assert lines[0] == "digits   1,150 train · 288 val · 359 test   8x8 grey   10 classes   no leaks found"
    assert "test drawn from all (20 %" in lines[1]
    heading = next(line for line in lines if "95 % interval" in line)
    for word in ("model", "accuracy", "sd", "train", "val", "gap", "macro F1", "loss", "params", "time", "images/s"):
        assert word in heading
    at = lines.index(heading)
    assert [line.split()[0] for line in lines[at + 1 : at + 4]] == ["mlp", "softmax", "majority"]
    assert "mlp beats softmax by" in result.stdout
    assert "mlp over-fits: its validation loss turned after epoch 4 of 8 and ended 80 % higher" in result.stdout
    assert "more images, augmentation or dropout might help" in result.stdout
    assert "plots   runs/digits-compare-1/plots (6, as PNG and SVG)" in lines
    assert "next    sadari evaluate runs/digits-compare-1/mlp-seed0 --split val" in result.stdout
    assert "sadari train digits --model mlp --epochs 8 --set 'augment=shift 0.1'" in result.stdout
    assert "each interval is that of its pair alone" in result.stdout
    assert Path("runs/digits-compare-1/plots/curves.svg").is_file()


def test_json_is_one_document_on_standard_output(trainer: FakeTrainer) -> None:
    result = typed("compare", "digits", "--models", "softmax,mlp", "--seeds", "1", "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert set(document) >= PROMISED
    stored = json.loads(Path("runs/digits-compare-1/comparison.json").read_text(encoding="utf-8"))
    assert document | {"report": None} == stored
    assert document["report"] == str(Path.cwd() / "runs" / "digits-compare-1" / "report.html")
    assert "mlp beats softmax" in result.stderr
    assert trainer.calls


def test_vary_and_set_reach_the_jobs(trainer: FakeTrainer) -> None:
    result = typed(
        "compare", "digits", "--models", "softmax", "--seeds", "1", "--vary", "learning_rate=0.1:0.3:0.1",
        "--vary", "optimizer=sgd,adam", "--set", "batch_size=32", "--out", "here",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert [(job.settings.learning_rate, job.settings.optimizer) for job in trainer.calls] == [
        (rate, name) for rate in (0.1, 0.2, 0.3) for name in ("sgd", "adam")
    ]
    assert {job.settings.batch_size for job in trainer.calls} == {32}
    [line] = [line for line in result.stdout.splitlines() if line.startswith("next")]
    assert "--model softmax --epochs 10 --set batch_size=32 --set learning_rate=0." in line


def test_what_is_next_can_be_typed_without_validation(trainer: FakeTrainer) -> None:
    result = typed("compare", "digits", "--models", "mlp", "--seeds", "1", "--set", "val_fraction=0")
    assert "next    sadari evaluate runs/digits-compare-1/mlp-seed0 --split train" in result.stdout
    assert trainer.calls


def test_longer_training_is_advised_where_the_best_model_still_gains_and_could_use_it(trainer: FakeTrainer) -> None:
    lines = [
        line
        for words in (("mlp", "--epochs", "4"), ("mlp", "--set", "augment=flip"), ("majority", "--epochs", "4"))
        for line in typed("compare", "digits", "--models", *words, "--seeds", "1").stdout.splitlines()
        if line.startswith("next")
    ]
    assert ["sadari train" in line for line in lines] == [True, False, False]
    assert {job.model.name for job in trainer.calls} == {"mlp", "majority"}
    assert lines[0].endswith("sadari train digits --model mlp --epochs 8")


def test_a_failed_model_has_a_row_and_status_1(trainer: FakeTrainer) -> None:
    trainer.fails = {"mlp": SadariError("the loss is no longer a number")}
    result = typed("compare", "digits", "--models", "softmax,mlp", "--seeds", "1")
    assert result.exit_code == 1
    assert "  mlp  failed: seed 0: the loss is no longer a number" in result.stdout
    assert "  softmax  " in result.stdout
    document = json.loads(Path("runs/digits-compare-1/comparison.json").read_text(encoding="utf-8"))
    assert [(arm["name"], arm["status"]) for arm in document["arms"]] == [("softmax", "done"), ("mlp", "failed")]


def test_nothing_done_is_said_and_is_status_1(trainer: FakeTrainer) -> None:
    trainer.fails = {"mlp": SadariError("no")}
    result = typed("compare", "digits", "--models", "mlp", "--seeds", "1")
    assert result.exit_code == 1
    assert "no model is done" in result.stdout


def test_an_interruption_ends_with_130_and_the_line_that_goes_on(
    trainer: FakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["sadari", "compare", "my digits", "--seeds", "1"])
    trainer.fails = {"mlp": KeyboardInterrupt()}
    words = ("compare", "digits", "--models", "softmax,mlp", "--seeds", "1")
    result = typed(*words)
    assert result.exit_code == 130
    assert "go on with: sadari compare 'my digits' --seeds 1" in result.stderr
    assert result.stdout == ""
    trainer.fails, trainer.calls = {}, []
    assert typed(*words).exit_code == 0
    assert [job.model.name for job in trainer.calls] == ["mlp"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--models", "mpl"), "did you mean 'mlp'"),
        (("--models", ","), "names no model"),
        (("--models", "mlp,mlp"), "twice"),
        (("--vary", "dropuot=1"), "unknown setting"),
        (("--set", "epochs"), "key=value"),
        (("--set", "epochs=3", "--epochs", "3"), "twice"),
        (("--set", "epochs=three"), "whole number"),
        (("--workers", "all"), "--workers is a number from 1 up, or auto, not 'all'"),
        (("--workers", "0"), "workers is a number from 1 up"),
        (("--workers", "2", "--jobs", "2"), "--jobs is the old name of --workers; leave --jobs out"),
        (("--models", "best", "--budget", "10s", "--workers", "2"), "best trains one run at a time"),
        (("--models", "best", "--budget", "10s", "--jobs", "0"), "best trains one run at a time"),
    ],
)
def test_a_wrong_command_line_is_refused_before_anything_is_written(
    trainer: FakeTrainer, words: tuple[str, ...], says: str
) -> None:
    result = typed("compare", "digits", *words)
    assert isinstance(result.exception, UsageError)
    assert says in str(result.exception)
    assert not Path("runs").exists()
    assert not trainer.calls


@pytest.mark.parametrize(
    ("words", "workers"),
    [((), None), (("--workers", "auto"), None), (("--workers", "3"), 3), (("--jobs", "3"), 3)],
)
@pytest.mark.parametrize("command", [("compare", "digits"), ("study", "small.toml")])
def test_workers_reach_the_comparison(
    command: tuple[str, ...],
    words: tuple[str, ...],
    workers: int | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int | None] = []

    def stopped(*_: Any, executor: LocalExecutor, **__: Any) -> None:
        asked.append(executor.workers)
        raise KeyboardInterrupt

    monkeypatch.setattr(room, "compare", stopped)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(STUDY, encoding="utf-8")
    result = typed(*command, *words)
    assert result.exit_code == 130
    assert asked == [workers]
    assert ("--jobs is called --workers now" in result.stderr) == ("--jobs" in words)


def test_relative_paths_become_absolute(trainer: FakeTrainer, tmp_path: Path) -> None:
    import numpy as np

    generator = np.random.default_rng(0)
    np.savez("set.npz", X=generator.integers(0, 256, (60, 6, 6), dtype=np.uint8), y=np.arange(60) % 3)
    result = typed("compare", "set.npz", "--models", "mlp", "--seeds", "1")
    assert result.exit_code == 0, result.output
    assert trainer.calls[0].data == str(tmp_path / "set.npz")
    assert Path("runs/set-compare-1").is_dir()


STUDY = """
title = "a small study"
data = "digits"
seeds = [7]
notes = ["the paper rounds"]
[[arms]]
name = "theirs"
model = "mlp"
published = { accuracy = 0.5, loss = 0.25 }
[[arms]]
model = "softmax"
"""


def test_a_study_prints_the_published_figures_beside_ours(trainer: FakeTrainer, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(STUDY, encoding="utf-8")
    result = typed("study", "small.toml")
    assert result.exit_code == 0, result.output
    assert {job.seed for job in trainer.calls} == {7}
    assert result.stdout.startswith("a small study\n")
    assert "note: the paper rounds" in result.stdout
    document = json.loads(Path("runs/small-1/comparison.json").read_text(encoding="utf-8"))
    ours = document["arms"][0]
    assert ours["published"] == {"accuracy": 0.5, "loss": 0.25}
    row = next(line for line in result.stdout.splitlines() if line.startswith("  theirs"))
    accuracy, loss = ours["accuracy"]["mean"] - 0.5, ours["loss"] - 0.25
    assert re.search(rf"0\.5000 +{re.escape(f'{accuracy:+.4f}')} +0\.2500 +{re.escape(f'{loss:+.4f}')}$", row)


def test_a_study_runs_on_other_data_and_shorter(trainer: FakeTrainer, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(STUDY, encoding="utf-8")
    other = "shapes:images=100,size=16"
    result = typed("study", "small.toml", "--data", other, "--epochs", "1", "--seeds", "2", "--out", "o")
    assert result.exit_code == 0, result.exception
    assert {job.data for job in trainer.calls} == {other}
    assert {job.settings.epochs for job in trainer.calls} == {1}


def test_a_real_comparison_of_two_small_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    words = (
        "--models",
        "majority,softmax",
        "--seeds",
        "2",
        "--epochs",
        "3",
        "--set",
        "threads=1",
        "--set",
        "learning_rate=0.05",
    )
    result = typed("compare", "digits", *words, "--json")
    assert result.exit_code == 0, result.output
    softmax, majority = json.loads(result.stdout)["arms"]
    assert (softmax["name"], softmax["params"]) == ("softmax", 650)
    # Three epochs of one dense layer: far better than chance, and too good would be a leak.
    assert 0.75 < softmax["accuracy"]["mean"] < 0.97
    assert 0.09 < majority["accuracy"]["mean"] < 0.11
    assert majority["accuracy"]["sd"] == 0


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "from sadari.cli.main import main; main()", "compare", "digits"]
    words += ["--models", "softmax,cnn", "--seeds", "2", "--epochs", "40", "--set", "threads=1"]
    environment = {**os.environ, "SADARI_CACHE_DIR": str(tmp_path / "cache")}
    started = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out = tmp_path / "runs" / "digits-compare-1"
    begun = out / "cnn-seed0" / "history.csv", out / "softmax-seed1" / "scores.json"
    deadline = time.monotonic() + 120
    while not all(map(Path.is_file, begun)) and time.monotonic() < deadline:
        time.sleep(0.05)
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=60)
    assert started.returncode == 130, said.decode()
    assert b"go on with: sadari compare digits" in said
    before = (out / "softmax-seed1" / "scores.json").stat().st_mtime_ns
    again = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, timeout=240, check=False)
    assert again.returncode == 0, again.stderr.decode()
    assert (out / "softmax-seed1" / "scores.json").stat().st_mtime_ns == before
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["digits-compare-1"]
    assert len(json.loads((out / "comparison.json").read_text(encoding="utf-8"))["arms"]) == 2


def arm(name: str, **changes: Any) -> ArmResult:
    usual: dict[str, Any] = {
        "name": name, "model": name, "settings": {}, "status": "done", "reason": "", "params": 1234567, "seeds": (0, 1),
        "accuracy": Interval(0.9, 0.01, 0.88, 0.92), "val_accuracy": 0.91, "train_accuracy": 0.95, "gap": 0.05,
        "macro_f1": 0.89, "loss": 0.3, "seconds": 75.0, "images_per_second": 1000.0, "runs": (),
    }  # fmt: skip
    return ArmResult(**{**usual, **changes})


def test_a_narrow_terminal_keeps_what_matters() -> None:
    wide = tables.arm_table([arm("cnn"), arm("mlp")], None)
    narrow = tables.arm_table([arm("cnn"), arm("mlp")], 60)
    assert max(map(len, narrow)) <= 60 < max(map(len, wide))
    for heading in ("model", "accuracy", "95 % interval", "gap", "time"):
        assert heading in narrow[0]
    assert "1,234,567" in wide[1] and "1m 15s" in wide[1]


def test_further_scores_are_shown_where_there_is_room() -> None:
    scored = {"top_5": 0.991, "balanced_accuracy": 0.892, "calibration_error": 0.045}
    heading, line, older = tables.arm_table([arm("cnn", scores=scored, seconds_per_epoch=12.5), arm("mlp")], None)
    for name, figure in {"top 5": "0.991", "balanced": "0.892", "calibration": "0.045", "s/epoch": "12.5"}.items():
        at = heading.index(name) + len(name)
        assert line[:at].endswith(f" {figure}")
        assert older[:at].endswith(" -")  # what a run does not have is said to be missing
    narrow = tables.arm_table([arm("cnn", scores=scored, seconds_per_epoch=12.5)], 110)[0]
    assert len(narrow) <= 110 and "macro F1" in narrow and "balanced" not in narrow


def test_columns_stand_under_their_headings() -> None:
    lines = tables.arm_table([arm("cnn"), arm("a much longer name", params=1)], None)
    assert len({len(line) for line in lines}) == 1


def test_korean_names_stand_in_line_and_take_two_columns_a_letter() -> None:
    lines = tables.arm_table([arm("cnn"), arm("아주 긴 이름의 신경망")], None)
    assert len({cell_len(line) for line in lines}) == 1


def test_a_long_name_is_cut_in_its_middle_and_no_figure_is() -> None:
    names = [f"convnext_tiny fine-tuned with augment=rotate 30, shift 0.2, flip seed {each}" for each in "ab"]
    lines = tables.arm_table(
        [arm(names[0]), arm(names[1]), arm("골든 리트리버만 잘 구별하는 아주 긴 이름의 신경망")], 80
    )
    assert max(map(cell_len, lines)) <= 80
    assert all("0.900  0.880 - 0.920" in line and "1m 15s" in line for line in lines[1:])
    assert lines[1].startswith("  convnext_tiny") and "…" in lines[1] and "seed a " in lines[1]
    assert len({line.split("0.900")[0] for line in lines[1:]}) == 3, "each row says which one it is"


def test_names_that_differ_in_their_middle_are_not_made_alike() -> None:
    names = [f"{'x' * 30}{each}{'y' * 30}" for each in "ab"]
    first, second = tables.cut_names(names, 20)
    assert first != second


@pytest.mark.parametrize("width", [40, 80])
def test_no_figure_of_a_table_is_cut_on_a_narrow_terminal(width: int) -> None:
    table = new_table("class", "train", "val", "test", right=("train", "val", "test"))
    table.add_row("골든리트리버와스탠더드푸들의잡종강아지", "1,234,567", "123,456", "123,456")
    console = Console(width=width, file=StringIO())
    console.print(table)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(figure in shown for figure in ("1,234,567", "123,456")) and "…" not in shown


def test_a_failed_seed_shows_the_figures_and_the_reason() -> None:
    lines = tables.arm_table([arm("cnn", status="failed", reason="seed 1: no memory", seeds=(0,))], None)
    assert lines[1].startswith("  cnn  ") and "0.900" in lines[1]
    assert lines[2] == "  cnn  failed: seed 1: no memory"


def test_colour_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    def printed(**options: Any) -> str:
        out = io.StringIO()
        shown._line(Console(file=out, **options), "accuracy", "bold yellow")
        return out.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[1;33m" in printed(force_terminal=True)
    assert printed(force_terminal=False) == "accuracy\n"
    monkeypatch.setenv("NO_COLOR", "1")
    assert "33m" not in printed(force_terminal=True)


def test_the_table_is_shown_even_where_no_plot_can_be_drawn(
    trainer: FakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> tuple[Path, ...]:
        raise SadariError("the disk is full")

    monkeypatch.setattr(plots, "write_plots", full)
    result = typed("compare", "digits", "--models", "softmax,majority", "--seeds", "1", "--json")
    assert json.loads(result.stdout)["data"] == "digits"
    assert isinstance(result.exception, SadariError)
    assert trainer.calls
