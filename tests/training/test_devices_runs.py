"""Does a run on two devices end as it should, whatever becomes of one of them? Each test starts processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from sadari.data.packs.stream import StreamedImages
from sadari.errors import SadariError
from sadari.run import RunRecord
from sadari.training.checkpoint import Checkpoint
from sadari.training.devices.crew import Member
from sadari.training.devices.handed import hand_over
from sadari.training.train import train
from sadari.values import ImageSet
from support.interruptions import PROMISED, at_step, contents, ctrl_c
from support.jobs import arrays_file, figures, job_for, model_bytes, network_file, parts, patterns
from support.sets import encode, write_folder

EVERYTHING = "conv 4 same, batchnorm, dropout 0.25, maxpool, flatten, dense 8, batchnorm"
PROGRAM = "from sadari.cli.main import main; main()"
LIVELY: dict[str, Any] = {"augment": "flip, shift 0.2, mixup 0.4", "class_weights": "balanced", "optimizer": "momentum"}


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The ids of the processes that runs start; all of them must have ended."""
    started: list[int] = []
    original = Member.begin

    def noted(self: Member, order: dict[str, Any]) -> None:
        started.append(self._process.pid)
        original(self, order)

    monkeypatch.setattr(Member, "begin", noted)
    yield started
    for process in started:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return patterns()


@pytest.fixture(scope="module")
def uninterrupted(images: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    out = tmp_path_factory.mktemp("uninterrupted")
    return train(_job(out), out / "run", images=images, split=parts(images))


def _job(folder: Path, **overrides: Any) -> Any:
    return job_for(network_file(folder, EVERYTHING), **{"devices": 2, **LIVELY, **overrides})


def _require_same(run: RunRecord, other: RunRecord) -> None:
    assert model_bytes(run) == model_bytes(other)
    assert figures(run) == figures(other)
    assert run.summary["scores"] == other.summary["scores"]
    assert contents(run.path) == PROMISED


@pytest.mark.usefixtures("processes")
def test_two_devices_learn_what_one_learns(tmp_path: Path) -> None:
    model = network_file(tmp_path, "conv 4 same, batchnorm, maxpool, flatten, dense 8, batchnorm")
    data = arrays_file(tmp_path, patterns())  # which each process reads for itself
    runs = [train(job_for(model, data, devices=count, weights_average=0.5), tmp_path / f"{count}") for count in (1, 2)]
    weights = [load_file(run.path / "model.safetensors") for run in runs]
    for name, tensor in weights[0].items():
        np.testing.assert_allclose(weights[1][name], tensor, atol=1e-4)
    for one, two in zip(*map(figures, runs), strict=True):
        assert two == pytest.approx(one, abs=1e-4)
    assert RunRecord.open(tmp_path / "2").job.settings.devices == 2


def test_an_interrupted_run_ends_in_the_same_bytes(
    uninterrupted: RunRecord,
    images: ImageSet,
    processes: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "run"
    with at_step(monkeypatch, 1, 1, ctrl_c), pytest.raises(KeyboardInterrupt):
        train(_job(tmp_path), out, images=images, split=parts(images))
    stored = Checkpoint(out / "checkpoint" / "state.safetensors").read()
    assert (stored.state.epoch, stored.state.step) == (1, 2)  # the step of Ctrl-C was finished
    _require_same(train(_job(tmp_path), out, images=images), uninterrupted)
    assert len(processes) == 2


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_a_killed_process_ends_the_run_which_then_goes_on(
    by: signal.Signals,
    uninterrupted: RunRecord,
    images: ImageSet,
    processes: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, job = tmp_path / "run", _job(tmp_path)

    def kill() -> None:
        os.kill(processes[-1], by)

    sentence = f"^the process of device 2 of 2 was ended by {by.name}; what the run has stored is kept, and the same"
    with at_step(monkeypatch, 0, 2, ctrl_c), pytest.raises(KeyboardInterrupt):
        train(job, out, images=images, split=parts(images))
    with at_step(monkeypatch, 1, 2, kill), pytest.raises(SadariError, match=sentence):
        train(job, out, images=images)
    assert Checkpoint(out / "checkpoint" / "state.safetensors").read().state.step == 3
    assert by.name in (out / "log.txt").read_text(encoding="utf-8")
    _require_same(train(job, out, images=images), uninterrupted)


def test_what_a_process_cannot_do_is_one_sentence(
    images: ImageSet, processes: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def spoiled(_: ImageSet, *rest: Any) -> str:
        return hand_over(patterns(seed=1), *rest)

    monkeypatch.setattr("sadari.training.devices.crew.hand_over", spoiled)
    with pytest.raises(SadariError, match=r"^the images of 'patterns' have changed since"):
        train(_job(tmp_path), tmp_path / "run", images=images, split=parts(images))
    assert len(processes) == 1


@pytest.mark.usefixtures("processes")
def test_whoever_watches_ends_all(images: ImageSet, tmp_path: Path) -> None:
    run = train(_job(tmp_path), tmp_path / "run", images=images, split=parts(images), watch=lambda _: "seen enough")
    assert run.summary["stopped"] == "seen enough"
    assert len(run.history) == 1


@pytest.mark.usefixtures("processes")
def test_a_streamed_set_is_divided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    generator = np.random.default_rng(3)
    pictures = {
        f"{name}/{number:02d}.png": encode(np.clip(generator.normal(level, 40, (12, 12, 3)), 0, 255).astype(np.uint8))
        for name, level in (("dark", 90), ("light", 150))
        for number in range(45)
    }
    read: list[int] = []
    before = list[int]()
    take = StreamedImages.__getitem__

    def noted(self: StreamedImages, which: Any) -> Any:
        read.extend(np.ravel(which).tolist())
        return take(self, which)

    def end(_: Any) -> str:
        before.extend(read)  # judging, which the first process does alone, has not begun
        return "one epoch is enough"

    monkeypatch.setattr(StreamedImages, "__getitem__", noted)
    model, data = network_file(tmp_path, "conv 4 same, flatten, dense 8"), write_folder(tmp_path / "photos", pictures)
    run = train(job_for(model, str(data), devices=2, stream="always"), tmp_path / "run", watch=end)
    images = run.summary["images"]
    assert (images["train"], images["val"]) == (58, 14)
    assert len(before) == len(set(before)) == 29 + 7
    assert set(before) <= {*run.split.train.tolist(), *run.split.val.tolist()}


@pytest.mark.slow
@pytest.mark.usefixtures("processes")
def test_three_devices_go_on_to_the_same_bytes(
    images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = _job(tmp_path, devices=3)
    whole = train(job, tmp_path / "whole", images=images, split=parts(images))
    with at_step(monkeypatch, 1, 0, ctrl_c), pytest.raises(KeyboardInterrupt):
        train(job, tmp_path / "run", images=images, split=parts(images))
    _require_same(train(job, tmp_path / "run", images=images), whole)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
def test_no_process_outlives_a_command_that_is_killed(tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["train", "digits", "--model", "mlp", "--epochs", "100000", "--set", "devices=2", "--out", str(out)]
    command = subprocess.Popen([sys.executable, "-c", PROGRAM, *words], stderr=subprocess.DEVNULL)
    try:
        _wait_for((out / "history.csv").is_file, 120)
        others = _children(command.pid)
        assert len(others) == 1
    finally:
        command.kill()
        command.wait()
    _wait_for(lambda: not any(Path(f"/proc/{each}").exists() for each in others), 20)


def _children(process: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(status.read_text().rpartition(")")[2].split()[1]) == process:
                found.append(int(status.parent.name))
    return found


def _wait_for(happened: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.1)
