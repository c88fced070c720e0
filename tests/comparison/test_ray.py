"""Do three nodes of a Ray cluster make the comparison that one machine makes, also when one of them is killed?"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sadari
from sadari.comparison.cluster.cluster import LOSSES
from sadari.run import CHECKPOINT, RunRecord
from support.jobs import figures, model_bytes
from support.ray_nodes import Nodes, ray_nodes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
pytest.importorskip("ray", reason="training on a Ray cluster needs: uv sync --extra ray")

PATIENCE = 300.0  # seconds: Ray and torch start slowly where cores are busy
PROGRAM = [sys.executable, "-c", "from sadari.cli.main import main; main()"]
SETTINGS = ["--set", "threads=1", "--set", "tensorboard=off", "--set", "checkpoint_seconds=0.5"]


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with ray_nodes(3) as three:
        yield three


def until(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)


def begun(nodes: Nodes, out: Path, *words: str) -> "subprocess.Popen[str]":
    """Start a command on the cluster."""
    command = [*PROGRAM, *words, *SETTINGS, "--out", str(out), "--ray", nodes.address, "--json"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def ended(process: "subprocess.Popen[str]", status: int = 0) -> tuple[dict[str, Any], str]:
    """Return the document and the sentences of a command."""
    printed, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == status, said
    return (json.loads(printed) if printed else {}), said


def checkpoints(out: Path) -> int:
    return len(list(out.glob(f"*/{CHECKPOINT}")))


def table(document: dict[str, Any]) -> list[Any]:
    """Return what a table shows of each arm, without times and places."""
    arms = [(arm["name"], arm["accuracy"], arm["runs"] and len(arm["runs"])) for arm in document["arms"]]
    return [arms, document["verdicts"]]


def on_one_machine(out: Path, *words: str) -> dict[str, Any]:
    command = [*PROGRAM, *words, *SETTINGS, "--workers", "1", "--out", str(out), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def assert_same(one: Path, other: Path) -> None:
    runs = sorted(path.parent.name for path in one.glob("*/scores.json"))
    assert runs == sorted(path.parent.name for path in other.glob("*/scores.json"))
    for name in runs:
        assert model_bytes(one / name) == model_bytes(other / name)
        assert (one / name / "predictions.csv").read_bytes() == (other / name / "predictions.csv").read_bytes()
        assert figures(RunRecord(one / name)) == figures(RunRecord(other / name))
        assert {each.name for each in (one / name).iterdir()} == {each.name for each in (other / name).iterdir()}


def test_ctrl_c_keeps_the_state_and_the_same_command_goes_on(nodes: Nodes, tmp_path: Path) -> None:
    words = ("compare", "digits", "--models", "mlp", "--seeds", "3", "--epochs", "60")
    process = begun(nodes, tmp_path / "there", *words)
    until(lambda: checkpoints(tmp_path / "there") >= 1, process)
    os.kill(process.pid, signal.SIGINT)
    _, said = ended(process, 130)
    assert "interrupted; what is finished is kept" in said
    states = [tmp_path / "there" / f"mlp-seed{seed}" for seed in range(3)]
    assert any(RunRecord.is_run(each) for each in states)
    document, _ = ended(begun(nodes, tmp_path / "there", *words))
    assert table(document) == table(on_one_machine(tmp_path / "here", *words))
    assert_same(tmp_path / "here", tmp_path / "there")
    assert not any((cache / "packs").exists() for cache in nodes.caches), "no node has decoded an image itself"


def test_folds_go_there_and_a_failure_comes_back(nodes: Nodes, tmp_path: Path) -> None:
    words = ("compare", "digits", "--models", "softmax,mlp", "--folds", "3", "--epochs", "2")
    document, said = ended(begun(nodes, tmp_path / "there", *words))
    assert "6 runs train on Ray: 3 nodes, 3 cores" in said
    assert table(document) == table(on_one_machine(tmp_path / "here", *words))
    assert_same(tmp_path / "here", tmp_path / "there")
    bad = ("compare", "digits", "--models", "mlp", "--set", "learning_rate=1e30", "--seeds", "1", "--epochs", "1")
    document, said = ended(begun(nodes, tmp_path / "bad", *bad, "--set", "optimizer=sgd"), 1)
    assert "the loss is no longer a number" in said


def test_a_search_trains_its_trials_there(nodes: Nodes, tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="searching for settings needs: uv sync --extra tune")
    words = ("tune", "digits", "--model", "mlp", "--search", "learning_rate=1e-4:1e-1:log", "--trials", "8")
    more = ("--epochs", "6", "--seeds", "1", "--workers", "auto")
    document, said = ended(begun(nodes, tmp_path / "there", *words, *more))
    assert "3 at once" in said
    assert len(document["trials"]) == 8
    found = sadari.reopen_tuning(tmp_path / "there")
    assert found.best is not None
    assert found.final is not None


def test_a_node_that_is_killed_costs_a_checkpoints_interval(nodes: Nodes, tmp_path: Path) -> None:
    words = ("compare", "digits", "--models", "mlp", "--seeds", "4", "--epochs", "150")
    process = begun(nodes, tmp_path / "there", *words)
    until(lambda: checkpoints(tmp_path / "there") == 3, process)
    nodes.kill_one()
    document, said = ended(process)
    assert said.count("it goes on elsewhere from its last checkpoint") == 1, said
    assert any(f"{loss}; it goes on elsewhere" in said for loss in LOSSES.values()), said
    assert table(document) == table(on_one_machine(tmp_path / "here", *words))
    assert_same(tmp_path / "here", tmp_path / "there")
