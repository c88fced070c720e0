"""Does each of several runs at once get a GPU for itself? The GPUs are made up here; none is used."""

import os
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from sadari.comparison.executor import Outcome, SerialExecutor, Task
from sadari.comparison.workers import local, side_by_side
from sadari.comparison.workers.gpus import sees_only, takes_any_gpu, visible_gpus
from sadari.comparison.workers.local import LocalExecutor
from sadari.comparison.workers.worker import Worker
from sadari.data.load import load
from sadari.data.split import draw_split
from sadari.progress import Progress
from sadari.run import RunRecord
from support.fake_training import FakeTrainer
from support.jobs import Listener, job_for


@pytest.fixture
def four_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_, **__: True)
    monkeypatch.setattr(local, "cores", lambda: 16)
    monkeypatch.setattr("sadari.comparison.workers.sharing.LITTLE_IN_ALL", 0)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, int]]:
    """Collect (GPU, run, threads) of every run; runs of workers are made here, by a trainer that learns nothing."""
    made: list[tuple[str, str, int]] = []
    trainer = FakeTrainer()

    class Stand:
        """A worker without a process."""

        def __init__(self, gpu: str = "") -> None:
            self.gpu = gpu

        def do(self, task: Task, *_: Path | Progress) -> Outcome:
            made.append((self.gpu, task.label, task.threads))
            return Outcome(task.out, trainer(task.job, task.out, images=task.images, split=task.split))

        def stop(self) -> None: ...

        def kill(self) -> None: ...

        def wait(self) -> int:
            return 0

    def here(job: Any, out: Path, **named: Any) -> RunRecord:
        made.append(("here", out.name, named.get("threads", 0)))
        return trainer(job, out, images=named["images"], split=named["split"])

    monkeypatch.setattr(side_by_side, "Worker", Stand)
    monkeypatch.setattr(side_by_side, "train", here)
    monkeypatch.setattr(local, "SerialExecutor", lambda: SerialExecutor(here))
    return made


def tasks(folder: Path, count: int, device: str = "auto", devices: int = 1) -> list[Task]:
    jobs = [job_for("mlp", "digits", seed, device=device, devices=devices) for seed in range(count)]
    images = load("digits", jobs[0].settings)
    split = draw_split(images, jobs[0].settings)
    return [Task(job, folder / f"{job.seed}", images, split, f"{job.seed}") for job in jobs]


def ran(wanted: Sequence[Task], workers: int | None = None) -> tuple[int, list[str]]:
    heard = Listener()
    outcomes = LocalExecutor(workers).run(wanted, heard)
    assert all(outcome.record is not None for outcome in outcomes)
    return len(outcomes), heard.said


@pytest.mark.usefixtures("four_gpus")
def test_the_gpus_are_those_that_the_variable_names_or_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert visible_gpus() == ("0", "1", "2", "3")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-5f,MIG-1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert visible_gpus() == ("3", "GPU-5f", "MIG-1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)  # CUDA does not know the second name
    assert visible_gpus() == ("3",)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert visible_gpus() == ()


@pytest.mark.usefixtures("four_gpus")
def test_each_run_has_a_gpu_and_its_share_of_the_cores(tmp_path: Path, given: list[tuple[str, str, int]]) -> None:
    count, said = ran(tasks(tmp_path, 12))
    assert count == 12
    assert {gpu for gpu, _, _ in given} <= {"here", "1", "2", "3"}
    assert {threads for _, _, threads in given} == {4}
    assert "12 runs train side by side, 4 at a time on a GPU each" in said


@pytest.mark.usefixtures("four_gpus")
def test_workers_are_started_for_all_gpus_but_the_first(
    tmp_path: Path, given: list[tuple[str, str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    stand: Any = vars(side_by_side)["Worker"]

    def start(gpu: str = "") -> Any:
        started.append(gpu)
        return stand(gpu)

    monkeypatch.setattr(side_by_side, "Worker", start)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    ran(tasks(tmp_path / "all", 5))
    assert started == ["5", "6", "7"], "this process takes the first one"
    started.clear()
    ran(tasks(tmp_path / "two", 5), workers=2)
    assert started == ["5"]
    started.clear()
    ran(tasks(tmp_path / "few", 3))
    assert started == ["5", "6"], "no more than there are runs"
    assert len(given) == 13


@pytest.mark.usefixtures("four_gpus")
@pytest.mark.parametrize(("workers", "device"), [(1, "auto"), (None, "cuda:2"), (None, "cpu")])
def test_one_worker_a_named_gpu_and_processors_start_no_other_process_for_a_gpu(
    workers: int | None, device: str, tmp_path: Path, given: list[tuple[str, str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "goes_beside", lambda *_: False)
    ran(tasks(tmp_path, 3, device), workers)
    assert {gpu for gpu, _, _ in given} == {"here"}


@pytest.mark.usefixtures("four_gpus")
def test_a_run_that_takes_several_gpus_is_alone_with_them(tmp_path: Path, given: list[tuple[str, str, int]]) -> None:
    ran(tasks(tmp_path, 3, devices=2))
    assert {gpu for gpu, _, _ in given} == {"here"}


def test_a_worker_sees_its_own_gpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    environments: list[dict[str, str]] = []

    def start(*_: object, **named: Any) -> SimpleNamespace:
        environments.append(named["env"])
        return SimpleNamespace(stdin=StringIO(), stdout=StringIO())

    monkeypatch.setattr("subprocess.Popen", start)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    Worker("5")
    Worker()
    assert [each["CUDA_VISIBLE_DEVICES"] for each in environments] == ["5", "4,5"]
    assert sees_only("") == {}
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,5"


@pytest.mark.usefixtures("four_gpus")
def test_a_run_of_several_devices_is_not_locked_up_with_one() -> None:
    assert takes_any_gpu(job_for("mlp", device="cuda"))
    assert not takes_any_gpu(job_for("mlp", device="cuda", devices=2))
    assert not takes_any_gpu(job_for("mlp", device="cuda:1"))
