"""Does work end well where nobody reads what it says: without streams, after the terminal was closed, below nohup?"""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sadari.run import RunRecord
from sadari.training.checkpoint import Checkpoint
from support.sets import encode, write_folder
from support.terminal import Terminal

PICTURE = encode(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8))
CODE = "from sadari.cli.main import main; main()"
TRAIN = ("train", "shapes:images=60,size=16", "--model", "mlp", "--out", "run")


def shell(folder: Path, line: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHON": sys.executable, "CODE": CODE}
    return subprocess.run(["sh", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "closed",
    [
        "2>&-",
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("<&- >&- 2>&-", ">&-", "<&-", "2>/dev/full")),
    ],
)
def test_a_run_needs_no_streams(closed: str, tmp_path: Path) -> None:
    done = shell(tmp_path, f'"$PYTHON" -c "$CODE" {" ".join(TRAIN)} --epochs 1 {closed}')
    assert done.returncode == 0, done.stderr
    run = RunRecord.open(tmp_path / "run")
    assert run.finished
    assert run.summary["scores"]["test"]


def test_an_error_without_a_stream_keeps_its_status(tmp_path: Path) -> None:
    assert shell(tmp_path, '"$PYTHON" -c "$CODE" train nothing-here 2>&-').returncode == 2


@pytest.mark.parametrize("command", ["settings", "--version", "--help", "models mlp --json"])
def test_a_full_disk_behind_the_output_is_one_sentence(command: str, tmp_path: Path) -> None:
    done = shell(tmp_path, f'"$PYTHON" -c "$CODE" {command} > /dev/full')
    assert done.returncode == 1
    assert done.stderr == "error: cannot write the result to standard output: No space left on device\n"


@pytest.mark.parametrize("command", ["settings", "models", "models mlp --json"])
def test_a_reader_that_has_seen_enough_is_no_failure(command: str, tmp_path: Path) -> None:
    """The pipe is closed before anything is written, so that each command finds it so."""
    code = (
        f"import os, sys; sys.argv[1:] = '{command}'.split(); r, w = os.pipe(); os.dup2(w, 1); os.close(w); os.close(r)"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; {CODE}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_letters_that_the_output_cannot_encode_are_escaped(tmp_path: Path) -> None:
    write_folder(tmp_path / "photos", {f"{name}/{at}.png": PICTURE for name in ("고양이", "dog") for at in range(6)})
    for command in (
        "data info photos",
        "data check photos",
        "train photos --model majority --out run",
        "predict run photos",
    ):
        done = shell(tmp_path, f'PYTHONIOENCODING=ascii "$PYTHON" -c "$CODE" {command}')
        assert (done.returncode, "unexpectedly" in done.stderr) in ((0, False), (1, False)), done.stderr
    assert "\\uace0\\uc591\\uc774" in done.stdout


def test_names_that_this_process_cannot_read_are_not_blamed_on_the_user(tmp_path: Path) -> None:
    write_folder(tmp_path / "photos", {f"{name}/{at}.png": PICTURE for name in ("고양이", "dog") for at in range(2)})
    plain = "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0"
    done = shell(tmp_path, f'{plain} "$PYTHON" -c "$CODE" data info photos')
    assert done.returncode == 1
    assert done.stderr.endswith(" that needs a process in UTF-8; set PYTHONUTF8=1\n")


def started(tmp_path: Path, terminal: int, *before: str) -> "subprocess.Popen[bytes]":
    words = (*before, sys.executable, "-c", CODE, *TRAIN, "--epochs", "3000")
    process = subprocess.Popen(
        words, cwd=tmp_path, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
    )
    while not (tmp_path / "run" / "history.csv").exists() and process.poll() is None:
        time.sleep(0.02)
    return process


def test_a_closed_terminal_costs_no_work(tmp_path: Path) -> None:
    ours, terminal = pty.openpty()
    process = started(tmp_path, terminal)
    os.close(terminal)
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 129
    state = Checkpoint(tmp_path / "run" / "checkpoint" / "state.safetensors").read()
    assert state.groups
    assert state.state.epoch >= 1
    assert not RunRecord.open(tmp_path / "run").finished


@pytest.mark.slow
def test_below_nohup_a_run_goes_on(tmp_path: Path) -> None:
    with Path(os.devnull).open("r+b") as nothing:
        process = started(tmp_path, nothing.fileno(), "nohup")
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143


COMMANDING = "we\x1b[31mird\x9b31m\u202ename"


@pytest.mark.parametrize("colours", ["FORCE_COLOR", pytest.param("NO_COLOR", marks=pytest.mark.slow)])
def test_names_command_no_terminal(
    colours: str, tmp_path: Path, sadari: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / COMMANDING, {f"{name}/{at}.png": PICTURE for name in ("cat", "dog") for at in range(6)})
    monkeypatch.setenv(colours, "1")
    monkeypatch.chdir(tmp_path)
    fast = "--models majority,softmax --epochs 1 --seeds 1 --workers 1"
    for command in (
        "data info NAME",
        "data check NAME",
        "data info missing-NAME",
        "train NAME --model majority --out run-NAME",
        "evaluate run-NAME",
        "predict run-NAME NAME",
        "explain run-NAME",
        "export run-NAME --to safetensors",
        "log run-NAME",
        f"compare NAME {fast} --out c",
        f"compare missing-NAME {fast} --out d",
        f"compare NAME {fast} --out c-NAME",
        "report c-NAME",
        "resume missing-NAME",
    ):
        answer = sadari(*(word.replace("NAME", COMMANDING) for word in command.split()))
        said = answer.out + answer.err
        assert answer.status in (0, 1, 2), said
        assert "unexpectedly" not in said
        assert "ird" in said, (command, said)
        assert not re.search("we\x1b|\x9b|\u202e", said), (command, said)
