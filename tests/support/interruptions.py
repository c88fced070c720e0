"""Runs that are interrupted or killed at a moment that a test chooses."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sadari.run import RunRecord
from sadari.training.batches import Batch, Batches
from support.jobs import figures, model_bytes

TESTS = Path(__file__).parents[1]


PROMISED = {
    "settings.toml", "environment.json", "preprocess.json", "split.npz", "history.csv", "model.safetensors",
    "predictions.csv", "correct.npz", "calibration.json", "known.safetensors", "validated.npz", "scores.json",
    "log.txt",
}  # fmt: skip


@contextmanager
def at_step(monkeypatch: pytest.MonkeyPatch, epoch: int, step: int, do: Callable[[], Any]) -> Iterator[None]:
    """Call `do` while the batch of this step is gathered."""
    original = Batches.batch

    def watched(self: Batches, now_epoch: int, now_step: int) -> Batch:
        if (now_epoch, now_step) == (epoch, step):
            do()
        return original(self, now_epoch, now_step)

    with monkeypatch.context() as patch:
        patch.setattr(Batches, "batch", watched)
        yield


def interrupted(*_: object) -> None:
    """Raise what Python raises after Ctrl-C, without the test runner's own handler."""
    raise KeyboardInterrupt


def ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)  # to this thread: TensorBoard has others


def contents(out: Path) -> set[str]:
    """Return the names of what is in the folder."""
    return {each.name for each in out.iterdir()}


def killed(tmp_path: Path, kills: int, model: str, *pairs: str) -> None:
    """Kill training so many times, and require the files and bytes of a run that was not killed."""
    command = [sys.executable, "-m", "support.killing", str(tmp_path), str(kills), "11", model, *pairs]
    environment = {
        **quiet_environment(),
        "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
    }
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    document = json.loads(process.stdout)
    assert document["kills"] == kills
    uninterrupted = RunRecord.open(document["uninterrupted"])
    for out in document["runs"]:
        run = RunRecord.open(out)
        assert run.finished
        assert model_bytes(run) == model_bytes(uninterrupted)
        assert figures(run) == figures(uninterrupted)
        assert contents(run.path) == PROMISED


def quiet_environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
