"""Does one job become one run, whatever the folder holds already?"""

import errno
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import pytest
import torch

from sadari.data.load import load
from sadari.errors import SadariError, UsageError
from sadari.evaluation.metrics import score
from sadari.files import read_json
from sadari.inference import evaluate as evaluation
from sadari.inference.device import resolve_machine
from sadari.job import Job
from sadari.loggers.live import LiveLog
from sadari.run import RunRecord
from sadari.run_files import write_history
from sadari.training import classical, results, setup
from sadari.training import train as training
from sadari.training.checkpoint import FitState
from sadari.training.fit_loop import Watch
from sadari.training.setup import Setup
from sadari.training.train import resume, train
from sadari.values import ImageSet
from support.interruptions import PROMISED, contents, interrupted
from support.jobs import DROPPED, NORMED, Listener, arrays_file, job_for, model_bytes, network_file, parts, patterns

CLASSICAL = ("majority", "logistic", "sgd")


def trained(job: Job, out: Path, images: ImageSet | None = None) -> RunRecord:
    images = images or patterns()
    return train(job, out, images=images, split=parts(images))


def times(out: Path) -> dict[str, int]:
    return {each.name: each.stat().st_mtime_ns for each in out.iterdir()}


@pytest.mark.parametrize("model", [*CLASSICAL, DROPPED, NORMED])
def test_a_run_leaves_what_is_promised_and_nothing_else(model: str, tmp_path: Path) -> None:
    job = job_for(model if model in CLASSICAL else network_file(tmp_path, model), tensorboard="scalars")
    run = trained(job, tmp_path / "run")
    there = contents(run.path)
    (events,) = {name for name in there if name.startswith("events.")}
    missing = {"known.safetensors"} if model == "majority" else set()  # it answers all images alike
    assert there - {events} == PROMISED - missing
    assert run.finished
    assert run.job == replace(job.record, settings=resolve_machine(job.settings))
    summary = run.summary
    assert set(summary) >= {"run", "model", "data", "seed", "params", "epochs", "seconds", "scores"}
    assert set(summary["params"]) == {"total", "trainable"}
    assert set(summary["seconds"]) == {"train", "total"}
    assert summary["run"] == str((tmp_path / "run").resolve())
    assert summary["epochs"] == len(run.history)
    assert summary["judged_on"] == "test"
    assert summary["images"] == {"train": 50, "val": 20, "test": 20}
    assert score(run.predictions).values == pytest.approx(summary["scores"]["test"], abs=1e-6)
    log = (run.path / "log.txt").read_text(encoding="utf-8")
    assert "seed 0: drawn for a test" in log
    assert log.count("epoch ") == len(run.history)
    assert log.rstrip().endswith("finished")


def test_learning_is_learning(tmp_path: Path) -> None:
    run = trained(job_for(network_file(tmp_path, "flatten, dense 16"), epochs=30), tmp_path / "run", patterns(180))
    assert run.scores("test")["accuracy"] > 0.8


@pytest.mark.parametrize("model", CLASSICAL)
def test_a_classical_run_has_a_row_for_every_pass_and_shows_how_many_there_are(model: str, tmp_path: Path) -> None:
    images, listener = patterns(), Listener()
    job = job_for(model, epochs=4)
    run = train(job, tmp_path / "run", images=images, split=parts(images), progress=listener)
    most = {"majority": 1, "logistic": 100, "sgd": 4}[model]
    assert listener.tasks == [(model, most, "passes")]
    assert len(run.history) == (most if model != "logistic" else pytest.approx(50, abs=49))
    assert [row["epoch"] for row in run.history] == list(range(1, len(run.history) + 1))
    assert all(
        {"train_loss", "val_loss", "train_accuracy", "val_accuracy", "seconds"} <= set(row) for row in run.history
    )
    best = min(run.history, key=lambda row: row["val_loss"])
    assert run.scores("val")["loss"] == pytest.approx(best["val_loss"], abs=1e-5)


def test_a_finished_run_is_returned_as_it_is(tmp_path: Path) -> None:
    job = job_for(network_file(tmp_path, DROPPED))
    run = trained(job, tmp_path / "run")
    before = times(run.path)
    (run.path / "checkpoint").mkdir()  # as a kill between the last two steps leaves it
    (run.path / "checkpoint" / "state.safetensors").write_bytes(b"old")
    again = trained(job, tmp_path / "run")
    assert again == run
    assert resume(tmp_path / "run") == run
    assert times(run.path) == before


def test_another_job_in_the_folder_is_refused(tmp_path: Path) -> None:
    model = network_file(tmp_path, DROPPED)
    run = trained(job_for(model), tmp_path / "run")
    before = times(run.path)
    for other in (job_for(model, seed=1), job_for(model, epochs=4), job_for("majority")):
        with pytest.raises(UsageError, match="holds a run with other settings"):
            trained(other, tmp_path / "run")
    assert times(run.path) == before


def test_a_folder_with_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder, file = tmp_path / "letters", tmp_path / "letter"
    folder.mkdir()
    (folder / "love.txt").write_text("dear")
    file.write_text("dear")
    with pytest.raises(UsageError, match="is not empty and holds no run"):
        trained(job_for("majority"), folder)
    with pytest.raises(UsageError, match="is a file"):
        trained(job_for("majority"), file)
    with pytest.raises(SadariError, match="Not a directory; choose another --out"):
        trained(job_for("majority"), file / "run")
    with pytest.raises(SadariError, match="File name too long; choose another --out"):
        trained(job_for("majority"), tmp_path / ("a" * 300))
    assert [each.name for each in folder.iterdir()] == ["love.txt"]
    with pytest.raises(UsageError, match="is not a run"):
        resume(folder)


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as theirs:
        for looking in ("exists", "is_dir", "is_file", "iterdir"):
            theirs.setattr(Path, looking, refused)
        with pytest.raises(SadariError, match="Permission denied; choose another --out"):
            trained(job_for("majority"), tmp_path / "theirs" / "run")


def test_what_a_kill_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    out = tmp_path / "run"
    (out / "checkpoint").mkdir(parents=True)
    (out / ".settings.toml.abc_d123.part").write_text("da")
    (out / "checkpoint").rmdir()
    run = trained(job_for("logistic"), out)
    assert contents(run.path) == PROMISED


@pytest.mark.parametrize(("model", "images"), [("a1-cnn", patterns()), ("conv 4 same, maxpool 9, flatten", patterns())])
def test_a_network_that_does_not_fit_leaves_no_folder(model: str, images: ImageSet, tmp_path: Path) -> None:
    job = job_for(model if model == "a1-cnn" else network_file(tmp_path, model))
    with pytest.raises(UsageError, match=r"layer \d+ `maxpool"):
        trained(job, tmp_path / "runs" / "one", images)
    assert not (tmp_path / "runs" / "one").exists()


def test_wrong_augmentation_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="augment takes"):
        trained(job_for("softmax", augment="flop"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("model", "name", "value"), [("logistic", "C", 0), ("logistic", "max_iter", 0), ("sgd", "alpha", -1)]
)
def test_wrong_variables_of_classical_models_leave_no_folder(model: str, name: str, value: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{name} is a number above 0, not {value}"):
        overrides: dict[str, Any] = {name: value}
        trained(job_for(model, **overrides), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_two_processes_do_not_train_in_one_folder(tmp_path: Path) -> None:
    out = tmp_path / "run"
    held = "lock = take_folder(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    code = f"import sys; from pathlib import Path; from sadari.locks.folder import take_folder; {held}"
    out.mkdir()
    other = subprocess.Popen([sys.executable, "-c", code, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None
    assert other.stdin is not None
    with other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(SadariError, match="another process is training in"):
            trained(job_for("majority"), out)
        assert out.is_dir()  # it is the other one's, with nothing but its lock as yet
        other.stdin.close()
    assert trained(job_for("majority"), out).finished


def test_changed_images_are_noticed(tmp_path: Path) -> None:
    images = patterns()
    data = arrays_file(tmp_path, images)
    job = job_for("majority", data=data)
    run = train(job, tmp_path / "run")
    (run.path / "scores.json").unlink()
    assert resume(run.path).finished
    (run.path / "scores.json").unlink()
    changed = np.array(images.images)
    changed[0, 0, 0, 0] ^= 1
    arrays_file(tmp_path, replace(images, images=changed))
    with pytest.raises(SadariError, match=r"have changed since .* began"):
        resume(run.path)
    with pytest.raises(SadariError, match="have changed since the run; name them to evaluate on them"):
        evaluation.evaluate(run)
    assert len(evaluation.evaluate(run, data)) == 20


@pytest.mark.parametrize("model", CLASSICAL)
def test_a_classical_run_names_the_settings_that_only_networks_read(model: str, tmp_path: Path) -> None:
    images, listener = patterns(), Listener()
    only_networks: dict[str, Any] = {"class_weights": "balanced", "patience": 2}
    job = job_for(model, precision="bfloat16", batch_size=128, epochs=2, **only_networks)
    train(job, tmp_path / "one", images=images, split=parts(images), progress=listener)
    assert listener.said == [f"{model} is not fitted by gradient steps: class_weights, patience have no effect"]
    network = job_for(network_file(tmp_path, DROPPED), epochs=1, **only_networks)
    train(network, tmp_path / "other", images=images, split=parts(images), progress=listener)
    assert len(listener.said) == 1


@pytest.mark.parametrize("now", [patterns(classes=4), patterns(count=45)], ids=["a class more", "half the images"])
def test_changed_images_are_noticed_before_what_is_kept_is_read(
    now: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = arrays_file(tmp_path, patterns())
    monkeypatch.setattr(results, "write_predictions", interrupted)
    own = network_file(tmp_path, DROPPED)
    with pytest.raises(KeyboardInterrupt):
        train(job_for(own, data=data, epochs=1, checkpoint_seconds=0.0, scaling="channel"), tmp_path / "run")
    arrays_file(tmp_path, now)
    with pytest.raises(SadariError, match=r"have changed since .* began"):
        resume(tmp_path / "run")


def test_the_seconds_of_a_pass_are_those_of_learning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(path: Path, history: list[dict[str, float]]) -> None:
        sleep(0.1)
        write_history(path, history)

    monkeypatch.setattr(training, "write_history", slow)
    monkeypatch.setattr(classical, "REPORT_SECONDS", 0.0)
    run = trained(job_for("sgd", epochs=3), tmp_path / "run")
    assert min(row["seconds"] for row in run.history[1:]) < 0.1  # the machine may be busy once


def test_a_run_without_or_with_a_damaged_model_says_so(tmp_path: Path) -> None:
    run = train(job_for("majority", data="digits"), tmp_path / "run")
    model = run.path / "model.safetensors"
    model.write_bytes(model_bytes(run)[:-5])
    with pytest.raises(SadariError, match=r"the model of .* cannot be read"):
        evaluation.evaluate(run)
    model.unlink()
    with pytest.raises(SadariError, match=r"is finished, but its model\.safetensors is gone"):
        evaluation.evaluate(run)
    (run.path / "settings.toml").write_text("data = ")
    with pytest.raises(SadariError, match=r"cannot read .*settings.toml"):
        resume(run.path)


def test_a_damaged_checkpoint_says_so(tmp_path: Path) -> None:
    model = network_file(tmp_path, DROPPED)
    run = trained(job_for(model), tmp_path / "run")
    (run.path / "scores.json").unlink()
    (run.path / "checkpoint").mkdir()
    (run.path / "checkpoint" / "state.safetensors").write_bytes(b"no checkpoint")
    with pytest.raises(SadariError, match=r"checkpoint .* cannot be read .*delete it to start over"):
        trained(job_for(model), tmp_path / "run")


def test_a_run_stands_on_its_own_feet(tmp_path: Path) -> None:
    """Its network is read from the run, not from the file that described it; its environment is stamped."""
    model = network_file(tmp_path, DROPPED)
    run = train(job_for(model, data="digits", epochs=1), tmp_path / "run")
    Path(model).unlink()
    assert score(evaluation.evaluate(run)).values == pytest.approx(run.scores("test"), abs=1e-6)
    stamp = read_json(run.path / "environment.json")
    assert set(stamp["packages"]) >= {"sadari", "torch", "numpy"}
    assert stamp["data"]["fingerprint"] == load("digits", run.job.settings).fingerprint


def test_a_run_goes_on_with_the_threads_that_it_began_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(setup, "threads_for", lambda *_: 1)
        patched.setattr(training, "_fit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(job_for("majority"), tmp_path / "run", images=patterns())
    monkeypatch.setattr(setup, "threads_for", lambda *_: 2)
    used, fit = [], training._fit

    def noted(given: Setup, watch: Watch | None, live: LiveLog) -> FitState:
        used.append(torch.get_num_threads())
        return fit(given, watch, live)

    monkeypatch.setattr(training, "_fit", noted)
    run = train(job_for("majority"), tmp_path / "run", images=patterns())
    assert used == [1] and run.threads == 1
