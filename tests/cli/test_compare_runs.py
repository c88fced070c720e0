"""Do a study and a comparison that really train, or are interrupted, print and leave what they should?"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sadari.errors import SadariError
from sadari.report.plots import files as plots
from support.compare_command import STUDY, typed
from support.fake_training import FakeTrainer


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
