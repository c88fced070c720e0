"""Does Python offer what the command line does, and load nothing before it is used?"""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import sadari
from sadari.api.comparisons import compare
from sadari.comparison import compare as room
from sadari.comparison.plan import Plan
from sadari.comparison.request import Comparison
from sadari.comparison.workers.local import LocalExecutor
from sadari.job import Job
from support.terminal import Terminal


def test_import_loads_neither_torch_nor_pandas() -> None:
    script = "import sys, sadari; dir(sadari); print(sorted({'torch', 'pandas', 'sklearn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    for name in sadari.__all__:
        assert getattr(sadari, name).__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'cmopare'"):
        _ = sadari.cmopare


def test_load_takes_settings_as_keywords() -> None:
    images = sadari.load("digits", image_size=16, channels=3)
    assert images.shape == (16, 16, 3)
    with pytest.raises(sadari.UsageError, match="did you mean 'image_size'"):
        sadari.load("digits", image_sise=16)


def test_train_returns_the_run(tmp_path: Path) -> None:
    run = sadari.train("digits", "mlp", out=tmp_path / "run", epochs=2, tensorboard="off")
    assert [row["epoch"] for row in run.history] == [1, 2]
    test = run.scores("test")
    assert np.mean(run.predictions.predicted == run.predictions.labels) == pytest.approx(test["accuracy"])
    assert 0.5 < test["accuracy"] < 0.97  # two epochs learn a good deal, and cannot learn everything


def test_compare_returns_frames(tmp_path: Path) -> None:
    result = sadari.compare(
        "digits", ["majority", "mlp"], seeds=2, vary={"learning_rate": [0.001, 0.01]}, out=tmp_path, epochs=1,
        tensorboard="off",
    )  # fmt: skip
    frame = result.to_frame()
    assert len(frame) == 3  # majority has no learning rate
    assert frame["accuracy"].is_monotonic_decreasing
    histories = result.histories()
    assert set(histories["seed"]) == {0, 1}


def test_python_and_the_command_line_plan_the_same_runs(
    sadari: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[Plan] = []

    def stopped(plan: Plan, **_: object) -> None:
        plans.append(plan)
        raise KeyboardInterrupt

    def jobs(plan: Plan) -> list[Job]:
        assert isinstance(plan.request, Comparison)
        return [plan.request.job(arm, seed) for arm in plan.request.arms for seed in plan.request.seeds]

    (tmp_path / "own.toml").write_text('layers = "flatten, dropout $dropout"\n[variables]\ndropout = 0.1\n')
    monkeypatch.setattr(Plan, "run", stopped)
    words = ("--models", "mlp,own.toml", "--vary", "dropout=0,0.5", "--seeds", "2", "--epochs", "3", "--workers", "2")
    assert sadari("compare", "digits", *words).status == 130
    with pytest.raises(KeyboardInterrupt):
        compare("digits", ["mlp", "own.toml"], vary={"dropout": [0, 0.5]}, seeds=2, epochs=3, workers=2)
    typed, called = plans
    assert jobs(typed) == jobs(called) and len(jobs(typed)) == 6  # mlp has no dropout
    assert typed.workers == called.workers == 2
    assert (typed.searches, called.searches) == (False, False)


def test_the_old_name_of_workers_is_taken_with_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int | None] = []

    def compared(*_: object, executor: LocalExecutor, **__: object) -> SimpleNamespace:
        asked.append(executor.workers)
        return SimpleNamespace(out=tmp_path)

    monkeypatch.setattr(room, "compare", compared)
    sadari.compare("digits", "mlp", out=tmp_path, workers=2)
    with pytest.warns(DeprecationWarning, match="jobs is called workers now") as warned:
        sadari.compare("digits", "mlp", out=tmp_path, jobs=3)
    assert asked == [2, 3]
    assert warned[0].filename == __file__
    with pytest.raises(sadari.UsageError, match="leave jobs out"):
        sadari.compare("digits", "mlp", workers=2, jobs=2)


def test_type_checkers_see_the_annotations() -> None:
    assert Path(sadari.__file__).with_name("py.typed").is_file()
