"""What does a comparison in one process keep of a run that is over? Its folder on disk, and nothing of its network."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from weakref import ref

import pytest
import torch

import sadari
from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.request import Comparison
from sadari.run import RunRecord
from sadari.training import train as training
from support.jobs import QUIET, named_arms
from support.yardstick import load

SET = "shapes:images=60,size=32"
SETTINGS: dict[str, Any] = {**QUIET, "epochs": 1}
MODELS = ["softmax", "mlp", "cnn", "lstm", "logistic"]
GROWN_MIB = 24  # assumed: arenas of threads and caches of libraries settle within it; one kept network here takes more


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[], object]]]:
    """Weak references to what each run sets up; nothing is collected in between, so that only what is let go dies."""
    references: list[Callable[[], object]] = []
    set_up, make_engine = training.set_up, training.make_engine  # type: ignore[attr-defined]

    def noted_setup(*arguments: Any) -> Any:
        setup = set_up(*arguments)
        references.extend([ref(setup), ref(setup.network), ref(next(setup.network.parameters()))])
        return setup

    def noted_engine(*arguments: Any) -> Any:
        engine = make_engine(*arguments)
        references.extend([ref(engine), ref(engine.batches), ref(engine.loop), ref(engine.optimizer)])
        return engine

    monkeypatch.setattr(training, "set_up", noted_setup)
    monkeypatch.setattr(training, "make_engine", noted_engine)
    gc.collect()
    gc.disable()
    yield references
    gc.enable()


def test_nothing_of_a_run_lives_on(made: list[Callable[[], object]], tmp_path: Path) -> None:
    result = sadari.compare(SET, MODELS, seeds=1, workers=1, out=tmp_path / "out", **SETTINGS)
    assert all(arm.status == "done" for arm in result.arms)
    assert len(made) == 5 * 3 + 4 * 4  # logistic has no engine
    assert [each() for each in made if each() is not None] == []


def test_nothing_of_a_backbone_lives_on_although_its_graph_refers_to_itself(
    made: list[Callable[[], object]], tmp_path: Path
) -> None:
    chosen: dict[str, Any] = {**SETTINGS, "backbone": "test_resnet", "weights": "random", "image_size": 32}
    result = sadari.compare(SET, ["fine-tune"], seeds=2, workers=1, out=tmp_path / "out", **chosen)
    assert result.arms[0].status == "done" and len(made) == 2 * 7
    assert [each() for each in made if each() is not None] == []


def test_nothing_of_a_run_that_failed_lives_on(made: list[Callable[[], object]], tmp_path: Path) -> None:
    chosen: dict[str, Any] = {**SETTINGS, "learning_rate": 1e30, "optimizer": "sgd", "epochs": 3}
    result = sadari.compare(SET, ["mlp"], seeds=2, workers=1, out=tmp_path / "out", **chosen)
    assert result.arms[0].status == "failed" and made
    assert [each() for each in made if each() is not None] == []


def test_no_run_adds_tensors_to_those_that_are_there(tmp_path: Path) -> None:
    """Runs of the same arms again: bytes of all tensors that Python knows of, after each run."""
    alive: list[int] = []

    def counted(*arguments: Any, **named: Any) -> RunRecord:
        record = training.train(*arguments, **named)
        gc.collect()
        tensors = (each for each in gc.get_objects() if type(each) in (torch.Tensor, torch.nn.Parameter))
        stored = (each for each in tensors if each.layout == torch.strided)  # packed weights have no storage
        alive.append(sum(each.untyped_storage().nbytes() for each in stored))
        return record

    gc.collect()
    arms, _ = named_arms(["mlp", "cnn"], {}, SETTINGS)
    compare(Comparison(SET, arms, (0, 1, 2)), out=tmp_path / "out", executor=SerialExecutor(counted))
    assert len(alive) == 6 and len(set(alive)) == 1


@pytest.mark.slow
def test_a_long_comparison_holds_no_more_than_it_did_after_its_second_round(tmp_path: Path) -> None:
    """Its resident memory in a process of its own, networks of different sizes in turn."""
    memory, images = load("comparison_memory"), load("random_images")
    images.write_learnable(tmp_path / "set.npz", 1_000, 28, 10)
    models = ["mlp", "cnn", "lstm"]
    runs = memory.child(",".join(models), 4, tmp_path / "set.npz", "given back")["runs"]
    held = [run["held"] for run in runs]
    assert len(held) == 12
    assert max(held[len(models) * 2 :]) <= max(held[: len(models) * 2]) + GROWN_MIB
