"""What does a user of `sadari compare` see, and with which status does it end?"""

import json
from pathlib import Path
from typing import Any

import pytest

from sadari.comparison import compare as room
from sadari.comparison.workers.local import LocalExecutor
from sadari.errors import SadariError, UsageError
from sadari.report.plots import files as plots
from support.compare_command import STUDY, typed
from support.fake_training import FakeTrainer

PROMISED = {"out", "report", "data", "arms", "verdicts"}
REAL_PLOTS = plots.write_plots


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
    assert "plots   runs/digits-compare-1/plots (7, as PNG and SVG)" in lines
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
