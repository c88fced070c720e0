"""Is a run the same in any process, beside any other run, and is nothing lost when the work ends early?"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor, Task
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.comparison.workers import sharing, side_by_side
from sadari.comparison.workers.local import LocalExecutor
from sadari.comparison.workers.side_by_side import run_side_by_side
from sadari.comparison.workers.worker import Worker
from sadari.data.load import load
from sadari.data.split import draw_split
from sadari.errors import SadariError
from sadari.files import read_json
from sadari.job import Job
from sadari.progress import Silent
from sadari.run import RunRecord
from sadari.run_files import write_split
from sadari.training.train import train
from support.jobs import QUIET, Listener, figures, job_for, model_bytes, named_arm

PATIENCE = 120.0  # seconds: longer than any machine needs to start a worker
LONG: dict[str, Any] = {"epochs": 100_000}  # no test waits for its end
ARMS = (named_arm("softmax", "softmax", QUIET), named_arm("mlp", "mlp", QUIET))


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sadari.comparison.workers.local.cores", lambda: 2)
    monkeypatch.setattr(sharing, "LITTLE_IN_ALL", 0)  # else no run of a test would be worth a worker


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Enable Ctrl-C, which a process ignores that a script has started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


def tasks_of(folder: Path, jobs: Sequence[Job]) -> list[Task]:
    images = load("digits", jobs[0].settings)
    split = draw_split(images, jobs[0].settings)
    return [Task(job, folder / str(n), images, split, f"run {n}", threads=1) for n, job in enumerate(jobs)]


def one_after_the_other(folder: Path, jobs: Sequence[Job]) -> list[Path]:
    return [outcome.out for outcome in SerialExecutor().run(tasks_of(folder, jobs), Silent())]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[Path], None]]:
    """Return a list of what this process, the parent of the workers, does before it trains."""
    before: list[Callable[[Path], None]] = []

    def train_later(job: Job, out: Path, **named: Any) -> RunRecord:
        for each in before:
            each(out)
        return train(job, out, **named)

    monkeypatch.setattr(side_by_side, "train", train_later)
    return before


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[Worker]:
    """Collect the workers that are started."""
    started: list[Worker] = []

    class Known(Worker):
        def __init__(self, gpu: str = "") -> None:
            super().__init__(gpu)
            started.append(self)

    monkeypatch.setattr(side_by_side, "Worker", Known)
    return started


def compared(out: Path, workers: int) -> ComparisonResult:
    return compare(Comparison("digits", ARMS, (0, 1)), out=out, executor=LocalExecutor(workers))


def test_a_run_has_the_same_bytes_and_place_alone_and_beside_others(
    tmp_path: Path,
    here: list[Callable[[Path], None]],
    workers: list[Worker],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["sadari", "compare", "digits"])
    alone = compared(tmp_path / "alone", 1)
    assert workers == []
    # What is trained here comes last, so that the runs end in another order than they were asked for.
    here.append(lambda out: until(lambda: len(list(out.parent.glob("*/scores.json"))) == 3))
    beside = compared(tmp_path / "beside", 2)
    assert len(workers) == 1
    assert [arm.name for arm in beside.arms] == [arm.name for arm in alone.arms]
    for arm in ARMS:
        for one, other in zip(alone.records[arm.name], beside.records[arm.name], strict=True):
            assert other.path == beside.out / one.path.name
            assert model_bytes(one) == model_bytes(other)
            assert (one.path / "predictions.csv").read_bytes() == (other.path / "predictions.csv").read_bytes()
            assert figures(one) == figures(other)
            commands = [read_json(each.path / "environment.json")["command"] for each in (one, other)]
            assert commands == [" ".join(["sadari", "compare", "digits"])] * 2
    assert beside.verdicts == alone.verdicts


def test_a_worker_tells_what_it_does_and_why_it_failed(tmp_path: Path) -> None:
    jobs = [job_for("softmax", "digits", epochs=2), job_for("mlp", "digits", optimizer="sgd", learning_rate=1e30)]
    good, bad = tasks_of(tmp_path / "there", jobs)
    heard, split = Listener(), tmp_path / "split.npz"
    write_split(split, good.split)
    worker = Worker()
    try:
        record = worker.do(good, split, heard).record
        assert record is not None and record.finished
        assert [label for label, _, _ in heard.tasks[:2]] == ["run 0 epoch 1/2", "run 0 epoch 2/2"]
        [_, failed] = SerialExecutor().run(tasks_of(tmp_path / "here", jobs), Silent())
        reason = worker.do(bad, split, heard).reason
        assert "the loss is no longer a number" in reason
        assert reason == failed.reason
    finally:
        worker.stop()
    assert worker.wait() == -signal.SIGKILL  # it had nothing to do


def test_a_worker_that_is_killed_ends_the_work_with_one_sentence(
    tmp_path: Path, here: list[Callable[[Path], None]], workers: list[Worker]
) -> None:
    tasks = tasks_of(tmp_path, [job_for("softmax", "digits", seed=seed, **LONG) for seed in range(3)])

    def kill_the_worker(_: Path) -> None:
        until((tasks[1].out / "history.csv").is_file)
        os.kill(workers[0]._process.pid, signal.SIGKILL)

    here.append(kill_the_worker)
    with pytest.raises(
        SadariError, match="the process that trained run 1 was ended by SIGKILL; the same command goes on"
    ):
        run_side_by_side(tasks, Silent(), 2)
    assert (tasks[0].out / "checkpoint").is_dir() or not (tasks[0].out / "history.csv").is_file()
    assert not tasks[2].out.exists()


@pytest.mark.slow
def test_what_ctrl_c_stops_goes_on_to_the_same_bytes(tmp_path: Path, here: list[Callable[[Path], None]]) -> None:
    jobs = [job_for("mlp", "digits", seed=seed, epochs=60) for seed in range(2)]
    tasks = tasks_of(tmp_path / "stopped", jobs)

    def press_ctrl_c(_: Path) -> None:
        until((tasks[1].out / "history.csv").is_file)
        signal.raise_signal(signal.SIGINT)

    here.append(press_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        run_side_by_side(tasks, Silent(), 2)
    assert (tasks[1].out / "checkpoint" / "state.safetensors").is_file()
    assert 0 < len(RunRecord(tasks[1].out).history) < 60
    here.clear()
    assert all(outcome.record for outcome in run_side_by_side(tasks, Silent(), 2))
    whole = one_after_the_other(tmp_path / "whole", jobs)
    assert [model_bytes(task.out) for task in tasks] == [model_bytes(out) for out in whole]


def test_finished_runs_need_no_worker(tmp_path: Path, workers: list[Worker]) -> None:
    jobs = [job_for("softmax", "digits", seed=seed) for seed in range(2)]
    one_after_the_other(tmp_path, jobs)
    assert all(outcome.record for outcome in run_side_by_side(tasks_of(tmp_path, jobs), Silent(), 2))
    assert workers == []


def test_a_lone_run_has_one_thread_too(tmp_path: Path, workers: list[Worker], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sadari.inference.device.cores", lambda: 2)
    arm = named_arm("mlp", "mlp", {**QUIET, "threads": 0, "batch_size": 1024})  # where it is trained by itself, two
    compare(Comparison("digits", (arm,), (0,)), out=tmp_path)
    assert read_json(tmp_path / "mlp-seed0" / "environment.json")["threads"] == 1
    assert workers == []


def test_nothing_begins_once_a_worker_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Losing(side_by_side._Crew):
        def _next(self) -> Task | None:
            task = super()._next()
            if task is not None:
                self._lose("a worker is gone")
            return task

    monkeypatch.setattr(side_by_side, "_Crew", Losing)
    with pytest.raises(SadariError, match="a worker is gone"):
        run_side_by_side(tasks_of(tmp_path, [job_for("softmax", "digits")]), Silent(), 1)
    assert not (tmp_path / "0").exists()


def test_a_worker_says_nothing_but_what_becomes_of_its_task(tmp_path: Path) -> None:
    loud = tmp_path / "torch.py"  # a library that prints while it is loaded
    loud.write_text("print('welcome')\nraise ImportError('and ends')\n", encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    found = subprocess.run(
        [sys.executable, "-P", "-m", "sadari.comparison.workers.worker_main"],
        env={**os.environ, "PYTHONPATH": path},
        input="",
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert found.stdout == ""
    assert "welcome" in found.stderr and "and ends" in found.stderr


def test_a_line_that_no_worker_writes_is_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = subprocess.Popen
    says = [sys.executable, "-c", 'import time; print(\'{"say": "half a\', flush=True); time.sleep(600)']
    monkeypatch.setattr(subprocess, "Popen", lambda _, **named: start(says, **named))
    [task] = tasks_of(tmp_path, [job_for("softmax", "digits")])
    worker = Worker()
    with pytest.raises(SadariError, match="the process that trained run 0 was ended by SIGKILL"):
        worker.do(task, tmp_path / "split.npz", Silent())
    worker.stop()


def test_changed_images_are_noticed_by_a_worker(tmp_path: Path) -> None:
    [task] = tasks_of(tmp_path, [job_for("softmax", "digits")])
    split = tmp_path / "split.npz"
    write_split(split, task.split)
    object.__setattr__(task.images, "fingerprint", "another")
    worker = Worker()
    try:
        assert (
            "the images of 'digits' have changed since the comparison began" in worker.do(task, split, Silent()).reason
        )
    finally:
        worker.stop()
        worker.wait()
