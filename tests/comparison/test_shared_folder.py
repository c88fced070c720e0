"""Does one comparison end as it should when several machines work on it in one folder?"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor, Task, run_task
from sadari.comparison.request import Comparison
from sadari.comparison.workers.local import from_own_place
from sadari.errors import SadariError, UsageError
from sadari.files import read_json, write_text
from sadari.job import Job
from sadari.run import RunRecord
from sadari.training.run_folder import RunBusyError, RunLostError, only_one
from sadari.training.train import train
from support.interruptions import PROMISED, at_step, contents
from support.jobs import DROPPED, Listener, job_for, model_bytes, named_arms, network_file, parts, patterns
from support.stamped_training import StampedTrainer

MAIN = "from sadari.cli.main import main; main()"
# For such a process no lock of the operating system holds, as on a disk that has none between machines.
BEATS_ALONE = """
from sadari.locks import claim, folder
folder.system_lock = lambda path: None
claim.BEAT_SECONDS, claim.SILENT_SECONDS = 0.1, 3.0
"""
WORDS = (
    *("compare", "shapes:images=60,size=16", "--models", "majority,mlp,a4-dnn", "--seeds", "2", "--out", "shared"),
    *("--epochs", "100", "--workers", "1", "--set", "threads=1", "--set", "checkpoint_seconds=0.05", "--json"),
    *("--set", "tensorboard=off"),
)
# What depends on the machine and the place, not on the job.
TIMED = {"seconds", "seconds_per_epoch", "images_per_second", "out", "report", "runs", "data", "command"}
BOTH = pytest.mark.parametrize("code", [MAIN, BEATS_ALONE + MAIN], ids=["locks", "beats-alone"])


def start(folder: Path, code: str, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> dict[str, Any]:
    output, said = process.communicate(timeout=900)
    assert process.returncode == 0, said
    return {**json.loads(output), "said": said}


def figures(document: Any) -> Any:
    """Return a document of a comparison without what depends on the machine."""
    if isinstance(document, dict):
        return {key: figures(value) for key, value in document.items() if key not in TIMED | {"said"}}
    return [figures(each) for each in document] if isinstance(document, list) else document


def models(folder: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in folder.glob("*/model.safetensors")}


def holder_of_a_run(folder: Path, processes: "list[subprocess.Popen[str]]") -> "subprocess.Popen[str]":
    """Return the process that trains a network at this moment, when it has stored a state of it."""
    until = time.monotonic() + 900
    while time.monotonic() < until:
        for path in folder.glob("shared/*/checkpoint/state.safetensors"):
            for claim in path.parents[1].glob(".lock-*.part"):
                try:
                    number = json.loads(claim.read_text())["process"]
                except (OSError, ValueError):
                    continue
                return next(each for each in processes if each.pid == number)
        assert all(each.poll() is None for each in processes), "all is over before anything could be seen"
        time.sleep(0.005)
    raise AssertionError("nothing was trained")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return what one process makes of the comparison: its document, and the bytes of its models."""
    folder = tmp_path_factory.mktemp("alone")
    document = ended(start(folder, MAIN, *WORDS))
    return document, models(folder / "shared")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@BOTH
def test_three_processes_make_the_table_and_the_bytes_of_one(
    code: str, alone: tuple[dict[str, Any], dict[str, bytes]], tmp_path: Path
) -> None:
    processes = [start(tmp_path, code, *WORDS) for _ in range(3)]
    documents = [ended(each) for each in processes]
    stored = json.loads((tmp_path / "shared" / "comparison.json").read_text())
    assert [figures(each) for each in (*documents, stored)] == [figures(alone[0])] * 4
    assert models(tmp_path / "shared") == alone[1]
    assert len(alone[1]) == 6
    assert not list(tmp_path.rglob(".*.part"))
    assert "</html>" in (tmp_path / "shared" / "report.html").read_text()[-100:]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@BOTH
def test_a_process_that_is_killed_costs_nothing_but_what_it_had_not_stored(
    code: str, alone: tuple[dict[str, Any], dict[str, bytes]], tmp_path: Path
) -> None:
    processes = [start(tmp_path, code, *WORDS) for _ in range(3)]
    killed = holder_of_a_run(tmp_path, processes)
    killed.kill()
    killed.communicate()
    documents = [ended(each) for each in processes if each is not killed]
    assert [figures(each) for each in documents] == [figures(alone[0])] * 2
    assert models(tmp_path / "shared") == alone[1]
    assert not list(tmp_path.rglob(".*.part"))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_process_that_was_suspended_writes_nothing_more_into_a_run_that_it_lost(
    alone: tuple[dict[str, Any], dict[str, bytes]], tmp_path: Path
) -> None:
    processes = [start(tmp_path, BEATS_ALONE + MAIN, *WORDS) for _ in range(2)]
    suspended = holder_of_a_run(tmp_path, processes)
    suspended.send_signal(signal.SIGSTOP)
    (other,) = [each for each in processes if each is not suspended]
    document = ended(other)
    # Not what it was just writing: that goes when it sees that the run is another's.
    files = [path for path in (tmp_path / "shared").glob("*/*") if path.is_file() and path.suffix != ".part"]
    before = {path: path.stat().st_mtime_ns for path in files}
    suspended.send_signal(signal.SIGCONT)
    late = ended(suspended)
    assert figures(document) == figures(late) == figures(alone[0])
    assert "has taken over" in late["said"]
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "shared").glob("*/*") if path.is_file()}
    runs = {path.parent for path in before if path.name == "scores.json"}
    assert len(runs) == 6
    assert {path: after[path] for path in before if path.parent in runs} == {
        path: time for path, time in before.items() if path.parent in runs
    }
    assert not list(tmp_path.rglob(".*.part"))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@BOTH
def test_a_search_for_settings_is_shared_too(code: str, tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="the extra `tune` is not installed")
    words = ("tune", "shapes:images=60,size=16", "--model", "mlp", "--trials", "6", "--seeds", "1", "--epochs", "10")
    more = ("--out", "t", "--set", "tensorboard=off", "--set", "threads=1", "--json")
    documents = [ended(each) for each in [start(tmp_path, code, *words, *more) for _ in range(3)]]
    for document in documents:
        assert [trial["number"] for trial in sorted(document["trials"], key=lambda each: int(each["number"]))] == [
            *range(6)
        ]
    numbers = sorted(path.name for path in (tmp_path / "t" / "trials").iterdir())
    assert len(numbers) == 6
    assert not list(tmp_path.rglob(".*.part"))


def test_who_comes_second_with_another_request_is_refused(tmp_path: Path) -> None:
    def compared(*models: str) -> None:
        arms, _ = named_arms(models, {}, {"epochs": 2})
        compare(Comparison("digits", arms, (0,)), out=tmp_path / "x", executor=SerialExecutor(StampedTrainer()))

    class Slower(StampedTrainer):
        """Begins while another request is on its way to the same folder."""

        def __call__(self, job: Job, out: Path, **given: Any) -> RunRecord:
            if not self.calls:
                with pytest.raises(UsageError, match="holds a comparison of other data, models"):
                    compared("dnn", "mlp")
            return super().__call__(job, out, **given)

    arms, _ = named_arms(("softmax", "mlp"), {}, {"epochs": 2})
    compare(Comparison("digits", arms, (0,)), out=tmp_path / "x", executor=SerialExecutor(Slower()))


def test_a_smaller_request_that_ends_last_replaces_nothing(tmp_path: Path) -> None:
    def compared(trainer: StampedTrainer, *models: str) -> None:
        arms, _ = named_arms(models, {}, {"epochs": 2})
        compare(Comparison("digits", arms, (0,)), out=tmp_path / "x", executor=SerialExecutor(trainer))

    class Slower(StampedTrainer):
        """Trains while another process asks for a model more, and is done sooner."""

        def __call__(self, job: Job, out: Path, **given: Any) -> RunRecord:
            made = super().__call__(job, out, **given)
            compared(StampedTrainer(), "softmax", "mlp")
            return made

    with pytest.raises(UsageError, match=r"another process has added models or seeds to .*x meanwhile"):
        compared(Slower(), "softmax")
    assert len(read_json(tmp_path / "x" / "comparison.json")["arms"]) == 2
    assert not list((tmp_path / "x").glob("comparison-former*")), "nothing was set aside"
    compared(StampedTrainer(), "softmax", "mlp")


def test_results_are_written_by_one_after_the_other(tmp_path: Path) -> None:
    """Between the runs and the table, another process has the folder for a while."""
    arms, _ = named_arms(("softmax", "mlp"), {}, {"epochs": 2})
    asked, heard = Comparison("digits", arms, (0,)), Listener()

    class Last(StampedTrainer):
        def __call__(self, job: Job, out: Path, **given: Any) -> RunRecord:
            if job.model.name == "mlp":
                self.holding = subprocess.Popen(
                    [
                        *(sys.executable, "-c"),
                        "import sys, time; from pathlib import Path; from sadari.locks.folder import hold_folder\n"
                        "with hold_folder(Path(sys.argv[1])): print('held', flush=True); time.sleep(1)",
                        str(tmp_path / "x"),
                    ],
                    stdout=subprocess.PIPE,
                )
                assert self.holding.stdout is not None
                assert self.holding.stdout.readline() == b"held\n"
            return super().__call__(job, out, **given)

    trainer = Last()
    compare(asked, out=tmp_path / "x", executor=SerialExecutor(trainer), progress=heard)
    trainer.holding.communicate()
    assert sum("another process writes in" in each for each in heard.said) == 1
    assert not list(tmp_path.rglob(".*.part"))


def test_a_comparison_in_a_folder_that_cannot_be_held_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("sadari.locks.folder.system_lock", refused)
    arms, _ = named_arms(("softmax", "mlp"), {}, {"epochs": 2})
    with pytest.raises(SadariError, match=r"cannot write to '.*x': Permission denied; choose another --out"):
        compare(Comparison("digits", arms, (0,)), out=tmp_path / "x", executor=SerialExecutor(StampedTrainer()))


def test_one_that_died_is_not_to_wait_for_one_that_is_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two runs that others train, the second one is given free first, and taken first."""
    monkeypatch.setattr("sadari.comparison.executor.WAIT_SECONDS", 0.01)
    trainer, refused = StampedTrainer(), {0: 9, 1: 3}

    def busy(job: Job, out: Path, **given: Any) -> RunRecord:
        if job.model.name == "softmax" and refused[job.seed]:
            refused[job.seed] -= 1
            raise RunBusyError("another process is training it")
        return trainer(job, out, **given)

    arms, _ = named_arms(("softmax", "mlp"), {}, {"epochs": 2})
    compare(Comparison("digits", arms, (0, 1)), out=tmp_path / "x", executor=SerialExecutor(busy))
    assert [(job.model.name, job.seed) for job in trainer.calls][-2:] == [("softmax", 1), ("softmax", 0)]


def test_a_run_that_was_taken_over_is_busy_not_failed(tmp_path: Path) -> None:
    with pytest.raises(RunLostError, match="has taken over"), only_one(tmp_path / "run"):
        (tmp_path / "run" / ".lock-1.part").unlink()
        write_text(tmp_path / "run" / "log.txt", "late")


def test_a_run_that_was_taken_over_ends_with_its_next_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new holder goes on to the bytes of a run that nobody disturbed."""
    images, out = patterns(), tmp_path / "run"
    job = job_for(network_file(tmp_path, DROPPED), checkpoint_seconds=0.0)
    undisturbed = train(job, tmp_path / "undisturbed", images=images, split=parts(images))

    def take_over() -> None:
        before.update({path: path.read_bytes() for path in out.rglob("*") if path.is_file()})
        (out / ".lock-1.part").rename(out / ".lock-2.part")  # the claim of somebody else, who lives

    before: dict[Path, bytes] = {}
    heard = Listener()
    with at_step(monkeypatch, 1, 2, take_over):
        outcome = run_task(Task(job, out, images, parts(images), "net seed 0"), heard, train)
    assert outcome.busy and outcome.record is None
    assert heard.said[-1].startswith("net seed 0: another process has taken over")
    after = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert {path.name for path in after} - {path.name for path in before} == {".lock-2.part"}
    assert all(after[path] == content for path, content in before.items() if path in after)
    (out / ".lock-2.part").unlink()
    assert model_bytes(train(job, out, images=images)) == model_bytes(undisturbed)
    assert contents(out) == PROMISED


@pytest.mark.parametrize(
    ("environment", "order"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"SLURM_ARRAY_TASK_ID": "4", "SLURM_ARRAY_TASK_MIN": "3", "SLURM_ARRAY_TASK_COUNT": "3"}, [2, 3, 4, 5, 0, 1]),
        ({"SLURM_ARRAY_TASK_ID": "1"}, [1, 2, 3, 4, 5, 0]),
        ({"SLURM_ARRAY_TASK_ID": "9", "SLURM_ARRAY_TASK_COUNT": "3"}, [0, 1, 2, 3, 4, 5]),
        ({"SLURM_PROCID": "1", "SLURM_NTASKS": "2"}, [3, 4, 5, 0, 1, 2]),
        (
            {
                "SLURM_ARRAY_TASK_ID": "1",
                "SLURM_ARRAY_TASK_COUNT": "2",
                "SLURM_PROCID": "1",
                "SLURM_NTASKS": "3",
            },
            [4, 5, 0, 1, 2, 3],
        ),
        ({"JOB_COMPLETION_INDEX": "5"}, [5, 0, 1, 2, 3, 4]),
        ({"SLURM_ARRAY_TASK_ID": "abc", "SLURM_ARRAY_TASK_COUNT": "0"}, [0, 1, 2, 3, 4, 5]),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "0"}, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_the_processes_of_an_array_begin_at_different_places(environment: dict[str, str], order: list[int]) -> None:
    tasks: Any = [*range(6)]
    ordered: Any = from_own_place(tasks, environment)
    assert ordered == order
    none: list[Task] = []
    assert from_own_place(none, environment) == []
