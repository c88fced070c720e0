"""Do processes that begin together share a folder where they should, and never take each other's?"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from sadari.comparison import executor as room
from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.request import Comparison, numbered_folder
from sadari.errors import UsageError
from sadari.job import Job
from sadari.run import RunRecord
from sadari.training.run_folder import RunBusyError
from support.jobs import Listener, named_arms
from support.stamped_training import StampedTrainer

CODE = "from sadari.cli.main import main; main()"
DATA = "shapes:images=60,size=16"


def start(folder: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CODE, *words],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    output, said = process.communicate(timeout=120)
    return process.returncode, output, said


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_two_processes_on_one_comparison_both_end_with_the_whole_table(workers: str, tmp_path: Path) -> None:
    words = ("compare", DATA, "--models", "majority,mlp,a4-dnn", "--seeds", "2", "--epochs", "30", "--out", "both")
    both = [ended(each) for each in [start(tmp_path, *words, "--workers", workers, "--json") for _ in range(2)]]
    assert [status for status, _, _ in both] == [0, 0], both
    documents = [json.loads(output) for _, output, _ in both]
    for document in (*documents, json.loads((tmp_path / "both" / "comparison.json").read_text())):
        assert [arm["reason"] for arm in document["arms"]] == [""] * 3
        assert [len(arm["runs"]) for arm in document["arms"]] == [2] * 3
    assert documents[0]["arms"] == documents[1]["arms"]
    assert not list(tmp_path.rglob(".*.part"))


@pytest.mark.slow
def test_different_requests_that_begin_together_take_different_folders(tmp_path: Path) -> None:
    words = ("--seeds", "1", "--epochs", "2", "--json")
    begun = [start(tmp_path, "compare", DATA, "--models", f"majority,{each}", *words) for each in ("mlp", "a4-dnn")]
    both = [ended(each) for each in begun]
    assert [status for status, _, _ in both] == [0, 0], both
    folders = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert folders == ["shapes-compare-1", "shapes-compare-2"]
    for folder in folders:
        document = json.loads((tmp_path / "runs" / folder / "comparison.json").read_text())
        assert len(document["arms"]) == 2
        assert all(not arm["reason"] for arm in document["arms"])


def test_the_making_of_a_folder_decides_who_has_it(tmp_path: Path) -> None:
    taken: list[Path] = []
    threads = [
        Thread(target=lambda: taken.append(numbered_folder("set-compare", tmp_path / "runs", lambda _: False)))
        for _ in range(16)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(taken)) == 16


def test_a_run_that_another_process_trains_comes_last_and_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "WAIT_SECONDS", 0.01)
    trainer, refused, heard = StampedTrainer(), [0], Listener()

    def busy_at_first(job: Job, out: Path, **given: Any) -> RunRecord:
        if job.model.name == "softmax" and job.seed == 0 and refused[0] < 4:
            refused[0] += 1
            raise RunBusyError("another process is training it")
        return trainer(job, out, **given)

    arms, _ = named_arms(("softmax", "mlp"), {}, {"epochs": 2})
    asked = Comparison("digits", arms, (0, 1))
    result = compare(asked, out=tmp_path / "x", executor=SerialExecutor(busy_at_first), progress=heard)
    assert [arm.reason for arm in result.arms] == ["", ""]
    assert [(job.model.name, job.seed) for job in trainer.calls][-1] == ("softmax", 0)
    assert sum("is trained by another process" in each for each in heard.said) == 1
    assert not any("failed" in each for each in heard.said)


@pytest.mark.parametrize("left", [".comparison.toml.k3j_x9aa.part", ".comparison.toml.0123abcd.part", ".lock.part"])
def test_a_kill_during_the_first_write_locks_no_folder(left: str, tmp_path: Path) -> None:
    out = tmp_path / "x"
    out.mkdir()
    (out / left).write_text("da")
    arms, _ = named_arms(("softmax", "mlp"), {}, {"epochs": 2})
    compare(Comparison("digits", arms, (0,)), out=out, executor=SerialExecutor(StampedTrainer()))
    assert not list(out.rglob(".*.part"))


@pytest.mark.parametrize("name", ["film.part", ".movie.mkv.part"])
def test_unfinished_files_of_others_are_foreign(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("a download of somebody")
    arms, _ = named_arms(("softmax", "mlp"), {}, {"epochs": 2})
    with pytest.raises(UsageError, match="not empty and holds no comparison"):
        compare(Comparison("digits", arms, (0,)), out=tmp_path, executor=SerialExecutor(StampedTrainer()))
    assert (tmp_path / name).exists()


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_stores_the_work_of_all_workers(workers: str, tmp_path: Path) -> None:
    words = ("compare", DATA, "--models", "mlp,a4-dnn", "--seeds", "2", "--epochs", "3000", "--out", "c")
    process = start(tmp_path, *words, "--workers", workers)
    while not list(tmp_path.glob("c/*/history.csv")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    status, _, said = ended(process)
    assert status == 143, said
    assert "interrupted; what is finished is kept, go on with: sadari compare" in said
    assert list(tmp_path.glob("c/*/checkpoint/state.safetensors"))
    assert not list(tmp_path.rglob(".*.part"))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_same_command_goes_on_after_a_kill_at_any_moment_of_its_beginning(tmp_path: Path) -> None:
    words = ("compare", DATA, "--models", "majority,mlp", "--seeds", "1", "--epochs", "2", "--out", "c")
    for number in range(4):
        process = start(tmp_path, *words)
        while not (tmp_path / "c").exists() and process.poll() is None:
            time.sleep(0.001)
        time.sleep(number * 0.01)
        process.kill()
        process.communicate()
        status, _, said = ended(start(tmp_path, *words))
        assert status == 0, said
        assert not list((tmp_path / "c").rglob(".*.part"))
        shutil.rmtree(tmp_path / "c")
