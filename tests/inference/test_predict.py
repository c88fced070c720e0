"""Does the only inference code return what the network computes?"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sadari.data.prepare import Preprocess
from sadari.errors import SadariError
from sadari.inference import predict as predict_module
from sadari.inference.memory import is_out_of_memory
from sadari.inference.predict import Inputs, predict, predict_logits
from sadari.models.network import Network, build
from sadari.models.parse import parse
from support.engines import Hungry, out_of_memory_on_cuda
from support.jobs import ROWS, parts, patterns

IMAGES = patterns()
CHOSEN = np.array([5, 3, 80, 41, 7, 7, 0], dtype=np.int64)


def network() -> Network:
    return build(parse(ROWS, {}), IMAGES.shape, 3, seed=0).to(memory_format=torch.channels_last)


def convolutional() -> Network:
    return build(parse("conv 4, flatten", {}), IMAGES.shape, 3, seed=0).to(memory_format=torch.channels_last)


def preprocess() -> Preprocess:
    return Preprocess.fitted(IMAGES, parts(IMAGES).train, "channel", "crop")


def inputs() -> Inputs:
    return Inputs.pixels(IMAGES.images, preprocess())


def one_by_one(model: Network) -> Tensor:
    model.eval()
    with torch.no_grad():
        rows = [model(preprocess().apply(torch.from_numpy(IMAGES.images[each : each + 1]))) for each in CHOSEN]
    return torch.cat(rows)


def test_it_is_a_plain_loop() -> None:
    model = network()
    expected = one_by_one(model)
    predictions = predict(model, inputs(), IMAGES, CHOSEN)
    assert torch.allclose(predict_logits(model, inputs(), CHOSEN), expected, atol=1e-6)
    assert np.allclose(predictions.probabilities, expected.softmax(1).numpy(), atol=1e-6)
    assert predictions.probabilities.dtype == np.float32
    assert predictions.ids.tolist() == IMAGES.ids[CHOSEN].tolist()
    assert predictions.labels.tolist() == IMAGES.labels[CHOSEN].tolist()
    assert predictions.classes == IMAGES.classes
    assert predictions.seconds > 0


@pytest.mark.parametrize("values", [1, 600, 10**9])
def test_blocks_do_not_matter(values: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    expected = predict_logits(model, inputs(), CHOSEN)
    monkeypatch.setattr(predict_module, "VALUES_PER_PASS", values)
    assert inputs().at_once == max(predict_module.IMAGES_PER_PASS, values // 192)
    monkeypatch.setattr(predict_module, "IMAGES_PER_PASS", 1)
    assert inputs().at_once == max(1, values // 192)
    assert torch.allclose(predict_logits(model, inputs(), CHOSEN), expected, atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_of_the_network_is_left_alone(training: bool) -> None:
    model = network().train(training)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    first = predict(model, inputs(), IMAGES, CHOSEN)
    assert model.training is training
    assert all(module.training is training for module in model.modules())
    assert np.array_equal(predict(model, inputs(), IMAGES, CHOSEN).probabilities, first.probabilities)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())

    def fail(_: Tensor) -> Tensor:
        raise ValueError("broken")

    model.forward = fail  # type: ignore[method-assign, assignment]
    with pytest.raises(ValueError, match="broken"):
        predict(model, inputs(), IMAGES, CHOSEN)
    assert model.training is training


def test_no_images_give_no_rows() -> None:
    nothing = predict(network(), inputs(), IMAGES, CHOSEN[:0])
    assert nothing.probabilities.shape == (0, 3)
    assert len(nothing) == 0


def test_bfloat16_is_close_and_comes_back_as_float32() -> None:
    model = network()
    exact = predict_logits(model, inputs(), CHOSEN)
    rough = predict_logits(model, inputs(), CHOSEN, torch.bfloat16)
    assert rough.dtype == torch.float32
    assert not torch.equal(exact, rough)
    assert torch.allclose(exact, rough, atol=0.05)


def processor() -> Exception:
    return RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory")


def test_what_the_processor_really_says_is_understood() -> None:
    with pytest.raises(RuntimeError) as failure:
        torch.empty(1 << 55)
    assert is_out_of_memory(failure.value)
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


@pytest.mark.parametrize("error", [out_of_memory_on_cuda, processor, MemoryError])
@pytest.mark.parametrize("most", [1, 3])
def test_where_memory_runs_out_blocks_become_smaller(error: Callable[[], Exception], most: int) -> None:
    model = network()
    expected = predict_logits(model, inputs(), CHOSEN)
    model.head.append(Hungry(most, error))
    assert torch.allclose(predict_logits(model, inputs(), CHOSEN), expected, atol=1e-6)


def test_memory_for_no_image_at_all_ends_with_a_sentence_and_other_errors_stay() -> None:
    model = network()
    model.head.append(Hungry(0, out_of_memory_on_cuda))
    with pytest.raises(SadariError, match="does not hold this network with a single image"):
        predict(model, inputs(), IMAGES, CHOSEN)
    model.head[-1] = Hungry(0, lambda: RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="mat1"):
        predict(model, inputs(), IMAGES, CHOSEN)


@pytest.fixture
def three_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let three threads judge, in blocks of two images."""
    monkeypatch.setattr(predict_module, "VALUES_PER_CORE", 2 * 192)
    monkeypatch.setattr(predict_module, "IMAGES_PER_PASS", 1)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    assert torch.get_num_threads() == 3
    torch.set_num_threads(before)


class Meeting(nn.Module):
    """A layer that waits for three threads, and notes the rows, torch threads and inference mode of each call."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, int, bool]] = []
        self.barrier = threading.Barrier(3, timeout=20)

    def forward(self, x: Tensor) -> Tensor:
        self.barrier.wait()
        self.seen.append((len(x), torch.get_num_threads(), torch.is_inference_mode_enabled()))
        return x


@pytest.mark.usefixtures("three_cores")
def test_cores_share_small_images() -> None:
    """Three threads are in the network at a time, each with a block and a core of its own; every row has its place."""
    model = convolutional()
    positions = np.concatenate([CHOSEN, CHOSEN[:5]])  # six blocks, which three threads can only take together
    expected = torch.cat([one_by_one(model), one_by_one(model)[:5]])
    meeting = Meeting()
    model.head.append(meeting)
    assert torch.allclose(predict_logits(model, inputs(), positions), expected, atol=1e-6)
    assert meeting.seen == [(2, 1, True)] * 6


@pytest.mark.usefixtures("three_cores")
def test_what_gains_nothing_by_it_is_not_shared() -> None:
    """Dense layers, and bfloat16: as while a network trains."""
    dense, low = build(parse("flatten, dense 8", {}), IMAGES.shape, 3, seed=0), convolutional()
    for model, precision in ((dense, torch.float32), (low, torch.bfloat16)):
        counting = Failing(at=2)
        model.head.append(counting)
        predict_logits(model, inputs(), CHOSEN, precision)
        assert counting.calls == 1


@pytest.mark.usefixtures("three_cores")
def test_the_number_of_threads_makes_no_difference() -> None:
    model, positions = convolutional(), np.arange(90)
    among_three = predict_logits(model, inputs(), positions)
    torch.set_num_threads(2)
    assert torch.equal(predict_logits(model, inputs(), positions), among_three)
    torch.set_num_threads(3)


class Streamed:
    """Images that must be read in the order of `prefetch`, by one thread at a time."""

    def __init__(self) -> None:
        self.shape = IMAGES.images.shape
        self.order: list[int] = []
        self.reading = False

    def __len__(self) -> int:
        return len(IMAGES.images)

    def prefetch(self, order: NDArray[np.int64]) -> None:
        self.order = order.tolist()

    def __getitem__(self, which: Any, /) -> NDArray[np.uint8]:
        assert not self.reading
        self.reading = True
        time.sleep(0.002)
        assert [self.order.pop(0) for _ in which] == which.tolist()
        self.reading = False
        return np.asarray(IMAGES.images[which])


@pytest.mark.usefixtures("three_cores")
def test_rows_are_read_in_order_and_one_block_at_a_time() -> None:
    rows = Streamed()
    found = predict_logits(convolutional(), Inputs(rows, preprocess().apply), CHOSEN)  # type: ignore[arg-type]
    assert rows.order == []
    assert torch.allclose(found, one_by_one(convolutional()), atol=1e-6)


class Failing(nn.Module):
    """A layer that counts its calls, and fails at one of them."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at, self.calls = at, 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == self.at:
            raise ValueError("broken")
        time.sleep(0.005)
        return x


@pytest.mark.usefixtures("three_cores")
def test_where_one_thread_fails_all_stop() -> None:
    model, failing = convolutional(), Failing(at=3)
    model.head.append(failing)
    with pytest.raises(ValueError, match="broken"):
        predict_logits(model, inputs(), np.arange(90))
    assert failing.calls < 10  # of 45


@pytest.mark.usefixtures("three_cores")
@pytest.mark.parametrize("most", [1, 0])
def test_memory_may_run_out_in_every_thread(most: int) -> None:
    model = convolutional()
    expected = one_by_one(model)
    model.head.append(Hungry(most, processor))
    if most:
        assert torch.allclose(predict_logits(model, inputs(), CHOSEN), expected, atol=1e-6)
    else:
        with pytest.raises(SadariError, match="does not hold this network with a single image"):
            predict_logits(model, inputs(), CHOSEN)


def test_large_images_are_judged_pass_by_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    small, large = (side * side for side in (28, 224))
    assert predict_module.shares(small, 10_000) == (127, 4)
    assert predict_module.shares(small, 200) == (127, 2)
    assert predict_module.shares(small, 100) == (510, 1)
    assert predict_module.shares(large, 10_000) == (16, 1)
