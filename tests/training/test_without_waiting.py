"""Does a training step ever wait for the device? Nothing that was computed there is read within a step."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from sadari.data.augment.trivial import equalize
from sadari.data.prepare import Preprocess, to_device
from sadari.inference.predict import Inputs
from sadari.models.layers.dropout import DropPath
from sadari.training import engine as engine_module
from support.engines import engine_for
from support.jobs import DROPPED, NORMED, PLAIN, ROWS, patterns

# Operations that wait for a graphics processor: each gives the processor a number, or a shape that numbers decide.
WAITING = {
    "_local_scalar_dense",
    "nonzero",
    "is_nonzero",
    "masked_select",
    "bincount",
    "unique_dim",
    "_unique2",
    "equal",
}
# What moves numbers into Python, or to the processor.
READING = {"item", "tolist", "cpu", "numpy", "__bool__", "__float__", "__int__", "__index__"}


class Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Inside, operations that would wait are noted."""

    def __init__(self, waits: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.waits = waits

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        del types
        name = func.overloadpacket.__name__
        masked = name in ("index", "index_put", "index_put_") and any(
            isinstance(each, Tensor) and each.dtype in (torch.bool, torch.uint8) for each in args[1]
        )
        if name in WAITING or masked:
            self.waits.append(name)
        return func(*args, **(kwargs or {}))


class Methods(TorchFunctionMode):
    """Inside, methods that read a tensor are noted."""

    def __init__(self, waits: list[str]) -> None:
        super().__init__()
        self.waits = waits

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        del types
        if getattr(func, "__name__", "") in READING:
            self.waits.append(func.__name__)
        return func(*args, **(kwargs or {}))


def waits_in(do: Callable[[], object]) -> list[str]:
    """Return what would have waited for a graphics processor in `do`."""
    waits: list[str] = []
    with Methods(waits), Operations(waits):
        do()
    return waits


WEIGHTS = torch.tensor([1.0, 2.0, 0.5])
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "dense": (PLAIN, {}),
    "dropout": (DROPPED, {}),
    "batch norm": (NORMED, {}),
    "recurrent": (ROWS, {}),
    "class weights": (NORMED, {"class_weights": WEIGHTS}),
    "smoothed": (NORMED, {"label_smoothing": 0.1}),
    **{name: (NORMED, {"optimizer": name}) for name in ("sgd", "nesterov", "adamw", "rmsprop", "adadelta", "muon")},
    "weights averaged": (NORMED, {"weights_average": 0.9}),
    "bfloat16": (NORMED, {"precision": "bfloat16"}),
}


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_read_within_a_step(name: str, tmp_path: Path) -> None:
    """The first step is left out: it makes the state of the optimiser."""
    layers, settings = CASES[name]
    engine = engine_for(layers, tmp_path, **settings)
    engine.stack = None  # that of dense networks is for the processor alone
    engine.network.train()
    engine._step(engine.batches.batch(0, 0))
    engine.state.step = 1
    batch = engine.batches.batch(0, 1)
    assert waits_in(lambda: engine._step(batch)) == []


def test_a_step_in_pieces_reads_nothing(tmp_path: Path) -> None:
    engine = engine_for(NORMED, tmp_path, class_weights=WEIGHTS)
    engine.state.micro_batch = 5
    batch = engine.batches.batch(0, 0)
    assert waits_in(lambda: engine._gradients(batch, 0)) == []


def test_reading_is_noticed() -> None:
    numbers = torch.arange(4.0)
    assert waits_in(lambda: numbers.sum().item()) == ["item", "_local_scalar_dense"]
    assert waits_in(lambda: numbers[numbers > 2]) != []
    assert "__bool__" in waits_in(lambda: bool(numbers[0] > 2))
    assert waits_in(lambda: torch.bincount(numbers.long())) == ["bincount"]


def test_changes_of_pixels_wait_for_no_histogram() -> None:
    pixels = torch.from_numpy(np.asarray(patterns(6).images[:]))
    assert waits_in(lambda: equalize(pixels, torch.zeros(6))) == []


def test_looking_by_the_clock_changes_nothing_but_how_often_it_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    look = engine_module.Engine._look

    def counted(engine: Any, outputs: list[Any]) -> None:
        looks.append(len(outputs))
        look(engine, outputs)

    monkeypatch.setattr(engine_module.Engine, "_look", counted)
    histories = []
    for name, seconds in (("often", 0.0), ("seldom", 1e9)):
        monkeypatch.setattr(engine_module, "LOOK_SECONDS", seconds)
        engine = engine_for(NORMED, tmp_path / name, images=patterns(300), class_weights=WEIGHTS, epochs=2)
        engine.by_clock, engine.look_every = True, 1 << 20
        histories.append([{**row, "seconds": 0.0} for row in engine.fit().history])
        steps = engine.batches.steps_per_epoch
        assert looks == ([1] * 2 * steps if name == "often" else [steps] * 2)
        looks.clear()
    assert histories[0] == histories[1]


def test_on_a_processor_it_looks_after_so_many_steps(tmp_path: Path) -> None:
    engine = engine_for(PLAIN, tmp_path)
    assert not engine.by_clock and engine.look_every == engine_module.LOOK_EVERY


def test_numbers_are_sent_from_pinned_memory_without_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no graphics processor here: the calls are watched."""
    sent: list[tuple[dict[str, bool], Any]] = []

    def noted(numbers: Tensor, to: torch.device, **options: bool) -> Tensor:
        sent.append((options, to))
        return numbers

    monkeypatch.setattr(Tensor, "pin_memory", lambda numbers: numbers.clone())
    monkeypatch.setattr(Tensor, "to", noted)
    numbers = torch.arange(3)
    to_device(numbers, torch.device("cuda"))
    to_device(numbers, torch.device("cpu"))
    assert sent == [({"non_blocking": True}, torch.device("cuda")), ({}, torch.device("cpu"))]


def test_the_scale_of_pixels_is_sent_once() -> None:
    images = patterns(8)
    preprocess = Preprocess.fitted(images, np.arange(8), "channel", "crop")
    pixels = torch.from_numpy(np.asarray(images.images[:]))
    first = Inputs.pixels(images.images, preprocess).prepare(pixels)
    assert waits_in(lambda: preprocess.apply(pixels)) == []
    values = preprocess._values_on(torch.device("cpu"))
    assert preprocess._values_on(torch.device("cpu"))[0] is values[0]
    assert torch.equal(preprocess.apply(pixels), first)


def test_stochastic_depth_draws_what_it_drew() -> None:
    """Its draws come from the processor on every device; on this one they are those of before."""
    layer = DropPath(0.5)
    layer.generator.manual_seed(3)
    expected = (torch.rand(6, generator=torch.Generator().manual_seed(3)) >= 0.5).float() / 0.5
    assert torch.equal(layer(torch.ones(6, 2))[:, 0], expected)
