"""Does a run that was interrupted, killed or without disk space end in the same bytes as one that was not?"""

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sadari import files, run_files
from sadari.errors import SadariError
from sadari.models.catalog import find_model
from sadari.models.spec import FittedBy
from sadari.run import RunRecord
from sadari.settings import OPTIMIZERS
from sadari.training.batches import Batch, Batches
from sadari.training.checkpoint import Checkpoint, Stored
from sadari.training.classical import ClassicalFit
from sadari.training.engine import Engine
from sadari.training.train import resume, train
from support.interruptions import PROMISED, at_step, contents, ctrl_c, interrupted, killed, quiet_environment
from support.jobs import DROPPED, NORMED, ROWS, figures, job_for, model_bytes, network_file, parts, patterns


@pytest.mark.parametrize("moments", [[(0, 0)], [(0, 2), (0, 3), (1, 1)], [(2, 3)]])
@pytest.mark.parametrize(
    ("layers", "overrides"),
    [
        (DROPPED, {"precision": "bfloat16", "optimizer": "adam"}),
        (NORMED, {"augment": "flip, crop 2", "optimizer": "momentum", "schedule": "one-cycle"}),
        (ROWS, {"optimizer": "rmsprop", "class_weights": "balanced", "patience": 1}),
    ],
)
def test_interrupted_runs_end_in_the_same_bytes(
    layers: str,
    overrides: dict[str, Any],
    moments: list[tuple[int, int]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = patterns()
    job = job_for(network_file(tmp_path, layers), **overrides)
    uninterrupted = train(job, tmp_path / "uninterrupted", images=images, split=parts(images))
    for epoch, step in moments:
        with at_step(monkeypatch, epoch, step, ctrl_c), pytest.raises(KeyboardInterrupt):
            train(job, tmp_path / "interrupted", images=images, split=parts(images))
        stored = Checkpoint(tmp_path / "interrupted" / "checkpoint" / "state.safetensors").read()
        steps = 4  # 50 images in batches of 16
        assert stored.groups
        assert stored.state.epoch * steps + stored.state.step == epoch * steps + step + 1
    resumed = train(job, tmp_path / "interrupted", images=images)
    assert model_bytes(resumed) == model_bytes(uninterrupted)
    assert figures(resumed) == figures(uninterrupted)
    assert resumed.summary["scores"] == uninterrupted.summary["scores"]
    assert contents(resumed.path) == PROMISED


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimiser_goes_on_as_if_nothing_had_been(
    optimizer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = patterns()
    job = job_for(network_file(tmp_path, "conv 4 same, conv 3, maxpool, flatten, dense 8"), optimizer=optimizer)
    uninterrupted = train(job, tmp_path / "uninterrupted", images=images, split=parts(images))
    with at_step(monkeypatch, 1, 2, ctrl_c), pytest.raises(KeyboardInterrupt):
        train(job, tmp_path / "interrupted", images=images, split=parts(images))
    assert model_bytes(train(job, tmp_path / "interrupted", images=images)) == model_bytes(uninterrupted)


def test_seconds_are_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, original = patterns(), Batches.batch

    def slow(self: Batches, epoch: int, step: int) -> Batch:
        time.sleep(0.1)
        return original(self, epoch, step)

    monkeypatch.setattr(Batches, "batch", slow)
    job = job_for(network_file(tmp_path, DROPPED))
    with at_step(monkeypatch, 1, 0, ctrl_c), pytest.raises(KeyboardInterrupt):
        train(job, tmp_path / "run", images=images, split=parts(images))
    stored = Checkpoint(tmp_path / "run" / "checkpoint" / "state.safetensors").read()
    assert stored.groups
    started = time.perf_counter()
    seconds = train(job, tmp_path / "run", images=images).summary["seconds"]
    here = time.perf_counter() - started
    assert stored.state.earlier > 5 * 0.03
    assert 12 * 0.1 < seconds["train"] < seconds["total"] < stored.state.earlier + here


def test_a_kill_behind_the_last_epoch_loses_no_telling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = patterns()
    job = job_for(network_file(tmp_path, DROPPED), tensorboard="all", checkpoint_seconds=0.0)
    uninterrupted = train(job, tmp_path / "uninterrupted", images=images, split=parts(images))
    with monkeypatch.context() as patch:
        patch.setattr("sadari.training.results.write_predictions", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(job, tmp_path / "interrupted", images=images, split=parts(images))
    resumed = train(job, tmp_path / "interrupted", images=images)
    assert model_bytes(resumed) == model_bytes(uninterrupted)
    assert scalars(resumed.path) == scalars(uninterrupted.path)
    assert len(scalars(resumed.path)) == 3 * 5


@pytest.mark.parametrize("model", ["own-net", "logistic", "sgd"])
def test_ctrl_c_while_the_network_is_judged_costs_no_training(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = patterns()
    job = job_for(network_file(tmp_path, DROPPED) if model == "own-net" else model, tensorboard="all")
    uninterrupted = train(job, tmp_path / "uninterrupted", images=images, split=parts(images))
    for moment in ("write_model", "write_predictions"):
        with monkeypatch.context() as patch:
            patch.setattr(f"sadari.training.results.{moment}", interrupted)
            with pytest.raises(KeyboardInterrupt):
                train(job, tmp_path / "interrupted", images=images, split=parts(images))
        for learner in (Engine, ClassicalFit):
            monkeypatch.setattr(learner, "fit", interrupted)
    resumed = train(job, tmp_path / "interrupted", images=images)
    assert model_bytes(resumed) == model_bytes(uninterrupted)
    assert figures(resumed) == figures(uninterrupted)
    assert resumed.summary["scores"] == uninterrupted.summary["scores"]
    assert resumed.summary["seconds"]["train"] == pytest.approx(sum(row["seconds"] for row in resumed.history))
    assert len(scalars(resumed.path)) == len(scalars(uninterrupted.path))


def scalars(out: Path) -> list[tuple[str, int, float]]:
    """Return what TensorBoard reads of the run: every scalar but the seconds."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (file,) = out.glob("events.*")
    events = EventAccumulator(str(file))
    events.Reload()
    tags = [tag for tag in events.Tags()["scalars"] if tag != "seconds_per_epoch"]
    return [(tag, each.step, each.value) for tag in tags for each in events.Scalars(tag)]


def full_after(monkeypatch: pytest.MonkeyPatch, name: str, writes: int) -> Callable[[], None]:
    """Simulate a disk with room for so many more files called `name`; return what makes room again."""
    left = [writes]

    def until_full(put: Callable[[Path, Any], None]) -> Callable[[Path, Any], None]:
        def limited(path: Path, content: Any) -> None:
            put(path, content)
            if f".{name}." in path.name:
                left[0] -= 1
                if left[0] < 0:
                    os.truncate(path, path.stat().st_size // 2)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        return limited

    writers = ((files, "_put"), (run_files, "_put_predictions"))
    originals = [(module, each, getattr(module, each)) for module, each in writers]
    for module, each, put in originals:
        monkeypatch.setattr(module, each, until_full(put))

    def make_room() -> None:
        for module, each, put in originals:
            monkeypatch.setattr(module, each, put)

    return make_room


@pytest.mark.parametrize(
    ("name", "writes"),
    [("settings.toml", 0), ("state.safetensors", 0), ("state.safetensors", 3), ("history.csv", 1),
     ("model.safetensors", 0), ("predictions.csv", 0), ("scores.json", 0)],
)  # fmt: skip
def test_a_full_disk_ends_with_a_sentence_and_costs_nothing_old(
    name: str, writes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = patterns()
    job = job_for(network_file(tmp_path, DROPPED), checkpoint_seconds=0.0)
    uninterrupted = train(job, tmp_path / "uninterrupted", images=images, split=parts(images))
    make_room = full_after(monkeypatch, name, writes)
    with pytest.raises(SadariError, match=rf"cannot write .*{name}: No space left on device") as failure:
        train(job, tmp_path / "interrupted", images=images, split=parts(images))
    assert failure.value.status == 1
    left = list((tmp_path / "interrupted").rglob("*"))
    assert not [each for each in left if each.name.endswith(".part")]
    if (name, writes) == ("state.safetensors", 3):
        stored = Checkpoint(tmp_path / "interrupted" / "checkpoint" / "state.safetensors").read()
        assert stored.groups
        assert stored.state.step == 3
    make_room()
    resumed = train(job, tmp_path / "interrupted", images=images, split=parts(images))
    assert model_bytes(resumed) == model_bytes(uninterrupted)
    assert contents(resumed.path) == PROMISED


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from sadari.cli.main import main; main()", *arguments]


def settings_of(**overrides: Any) -> list[str]:
    pairs = {"threads": 1, "precision": "float32", **overrides}
    return [word for key, value in pairs.items() for word in ("--set", f"{key}={value}")]


@pytest.mark.slow
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """No file may become larger than 100 kB: less than the network, more than everything written before it."""
    model = network_file(tmp_path, "flatten, dense 512")
    job = job_for(model, data="digits", epochs=1)
    uninterrupted = train(job, tmp_path / "uninterrupted")  # decodes digits, too
    most = 100_000
    failed = subprocess.run(
        command("train", "digits", "--model", model, "--epochs", "1", "--out", str(tmp_path / "run"),
                *settings_of(batch_size=16, checkpoint_seconds=1000.0)),
        env=quiet_environment(), capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
    )  # fmt: skip
    assert failed.returncode == 1, failed.stderr
    last = failed.stderr.strip().splitlines()[-1]
    assert last.startswith(f"error: cannot write {tmp_path}/run/model.safetensors: File too large"), failed.stderr
    assert "Traceback" not in failed.stderr
    assert model_bytes(resume(tmp_path / "run")) == model_bytes(uninterrupted)


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_ctrl_c_names_the_line_that_goes_on(number: int, status: int, tmp_path: Path) -> None:
    model, out = network_file(tmp_path, DROPPED), tmp_path / "my run"
    words = ("--model", model, "--epochs", "300", "--out", str(out), *settings_of(batch_size=64))
    process = subprocess.Popen(
        command("train", "digits", *words), env=quiet_environment(), stderr=subprocess.PIPE, text=True
    )
    while not (out / "history.csv").exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == status, said
    assert said.strip().splitlines()[-1] == f"interrupted; the work is kept, go on with: sadari resume '{out}'"
    record = RunRecord.open(out)
    assert not record.finished
    state = Checkpoint(out / "checkpoint" / "state.safetensors").read()
    assert state.groups
    assert 1 <= state.state.epoch < 300
    # The rest of 300 epochs is the same work; how it ends is tested above with epochs that last no minute.


KILLED_NETWORK = (DROPPED, "epochs=2", "batch_size=64", "checkpoint_seconds=0.0", "augment=shift 0.1")


@pytest.mark.slow
def test_killed_a_few_times(tmp_path: Path) -> None:
    killed(tmp_path, 6, network_file(tmp_path, KILLED_NETWORK[0]), *KILLED_NETWORK[1:])


@pytest.mark.slow
def test_killed_many_times(tmp_path: Path) -> None:
    killed(tmp_path, 40, network_file(tmp_path, KILLED_NETWORK[0]), *KILLED_NETWORK[1:])


@pytest.mark.slow
@pytest.mark.parametrize("model", ["sgd", "logistic"])
def test_classical_models_killed_many_times(model: str, tmp_path: Path) -> None:
    assert find_model(model).fitted_by is FittedBy.SOLVER
    killed(tmp_path, 20, model, "epochs=8", "checkpoint_seconds=0.0")


def test_a_checkpoint_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_for(network_file(tmp_path, DROPPED), "digits")
    with at_step(monkeypatch, 1, 1, ctrl_c), pytest.raises(KeyboardInterrupt):
        train(job, tmp_path / "run")
    read, original = [], Checkpoint.read

    def counted(self: Checkpoint) -> Stored:
        read.append(self.path)
        return original(self)

    monkeypatch.setattr(Checkpoint, "read", counted)
    assert resume(tmp_path / "run").finished
    assert len(read) == 1
