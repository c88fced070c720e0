"""Is every turn of the benchmark against the peers kept, taken once, and taken by the right entrants?"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sadari.errors import SadariError, UsageError
from support.yardstick import MACHINE, SHAPES, entrants, load, records, task_of, tasks, turn_of, turns

yardstick, pages = load("yardstick"), load("race.page")


@pytest.fixture
def record(tmp_path: Path) -> Any:
    return records.Record.open(tmp_path / "yardstick.json", MACHINE)


def test_turns_are_kept_and_not_taken_again(record: Any) -> None:
    task, other = task_of(), task_of(images=999)
    record.add(turn_of(task, 0, sadari=200.0, torch=100.0))
    record.add(turn_of(task, 1, sadari=200.0, torch="no memory"))
    again = records.Record.open(record.path, MACHINE)
    assert again.turns == record.turns
    assert again.missing(task, ["sadari", "torch"], 5) == 3  # who fails has taken part
    assert again.missing(task, ["sadari", "skorch"], 5) == 5
    assert again.missing(task, ["sadari"], 1) == 0
    assert again.missing(other, ["sadari"], 5) == 5
    assert len(again.of(task)) == 2


def test_figures_of_another_machine_are_not_mixed_in(record: Any) -> None:
    record.add(turn_of(task_of(), 0, sadari=1.0))
    with pytest.raises(SadariError, match="another machine"):
        records.Record.open(record.path, {**MACHINE, "cores": 64})


def test_everybody_comes_first_equally_often() -> None:
    orders = [turns.rotated("abc", number) for number in range(6)]
    assert [order[0] for order in orders] == [*"abcabc"]
    assert all(sorted(order) == [*"abc"] for order in orders)


def plan_of(models: list[str], peers: list[str], pairs: int) -> Any:
    wanted = {**tasks.NETWORKS, **tasks.CLASSICAL}
    ours, theirs = list(entrants.OURS.values()), [entrants.PEERS[each] for each in peers]
    return yardstick.Plan({name: wanted[name] for name in models}, ours, theirs, pairs, own=False)


def test_only_the_missing_turns_are_taken(
    record: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three of five pairs of one network are there: two are taken of it, five of the other, in rounds; then none."""
    taken: list[tuple[str, int]] = []

    def take(task: Any, who: Any, seed: int, file: Path, own: bool) -> Any:
        assert file == tmp_path / "pictures.npz" and not own
        taken.append((task.model, seed))
        return turn_of(task, seed, **{each.name.replace("-", "_"): 100.0 for each in who})

    monkeypatch.setattr(yardstick, "take_turn", take)
    monkeypatch.setattr(
        yardstick, "describe_pictures", lambda kind: tasks.Pictures("made-up", 1000, 500, SHAPES[kind], 10)
    )
    monkeypatch.setattr(yardstick, "write_pictures", lambda *_: tmp_path / "pictures.npz")
    for seed in range(3):
        record.add(turn_of(task_of(), seed, sadari=200.0, sadari_float32=150.0, torch=100.0))
    plan = plan_of(["mlp", "lstm", "logistic"], ["torch"], 5)
    yardstick.measure(plan, record, tmp_path / "RESULTS.md")
    assert [seed for model, seed in taken if model == "mlp"] == [3, 4]
    assert [seed for model, seed in taken if model == "lstm"] == [0, 1, 2, 3, 4]
    assert taken[-2:] == [("mlp", 4), ("lstm", 4)]
    assert (tmp_path / "RESULTS.md").read_text(encoding="utf-8") == pages.page(record, yardstick.COMMAND)
    assert "5/5 mlp: sadari 100/s, sadari-float32 100/s, torch 100/s" in capsys.readouterr().out
    yardstick.measure(plan, records.Record.open(record.path, MACHINE), None)
    assert len(taken) == 7


def test_who_computes_what() -> None:
    plan = plan_of(["mlp"], ["keras-jax", "scikit-learn"], 1)
    assert [each.name for each in plan.entrants(task_of("mlp"))] == ["sadari", "sadari-float32", "keras-jax"]
    assert [each.name for each in plan.entrants(task_of("sgd"))] == ["sadari", "scikit-learn"]
    assert plan_of(["mlp"], ["scikit-learn"], 1).entrants(task_of("mlp")) == []


def test_a_peer_has_an_environment_of_its_own(tmp_path: Path) -> None:
    keras = entrants.PEERS["keras-jax"]
    command = keras.command(own=True)
    assert command[:2] == ["uv", "run"] and "--isolated" in command and command[-1].endswith("keras_training.py")
    assert all("==" in command[at + 1] for at, word in enumerate(command) if word == "--with")
    assert keras.environment(tmp_path)["KERAS_BACKEND"] == "jax"
    assert entrants.OURS["auto"].command(own=True)[0] == keras.command(own=False)[0] == sys.executable


def test_a_wrong_name_is_answered() -> None:
    assert list(yardstick.chosen("cnn, mlp", tasks.NETWORKS, "network")) == ["cnn", "mlp"]
    assert yardstick.chosen("", tasks.NETWORKS, "network") == tasks.NETWORKS
    with pytest.raises(UsageError, match="keras-jax"):
        yardstick.chosen("keras-jaks", entrants.PEERS, "peer")


@pytest.mark.slow
def test_one_real_turn(tmp_path: Path) -> None:
    """Sadari, the PyTorch loop and Keras learn a few images each, in processes of their own."""
    draw = np.random.default_rng(0)
    labels = np.arange(64) % 10
    images = draw.integers(0, 100, (64, 28, 28, 1), dtype=np.uint8)
    images += (15 * labels).astype(np.uint8)[:, None, None, None]
    np.savez(tmp_path / "x.npz", X_train=images, y_train=labels, X_test=images, y_test=labels)
    task = task_of("mlp", 64)
    who = [entrants.OURS["float32"], *(entrants.PEERS[name] for name in entrants.INSTALLED)]
    turn = turns.take_turn(task, who, 1, tmp_path / "x.npz", own=False)
    assert turn["order"] == ["keras-torch", "torch", "sadari-float32"]
    for name in turn["order"]:
        figure = turn["figures"][name]
        assert "failed" not in figure, figure
        assert len(figure["seconds"]) == 3 and min(figure["seconds"]) > 0
        assert figure["precision"] == "float32" and 0 <= figure["accuracy"] <= 1


def test_a_failing_entrant_keeps_its_row(tmp_path: Path) -> None:
    broken = entrants.Entrant("broken", "no_such_program.py", "float32")
    turn = turns.take_turn(task_of(), [broken], 0, tmp_path / "x.npz", own=False)
    assert "no_such_program.py" in turn["figures"]["broken"]["failed"]
