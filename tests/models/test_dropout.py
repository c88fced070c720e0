"""Does the fast dropout do what dropout does?"""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from sadari.models.layers.dropout import Dropout, random_bits

RATES = [0.1, 0.25, 0.4, 0.5, 0.9]
COUNT = 1 << 20


def dropped(rate: float, x: Tensor, seed: int = 0) -> Tensor:
    layer = Dropout(rate).train()
    layer.generator.manual_seed(seed)
    result: Tensor = layer(x)
    return result


def zeros(rate: float, seed: int = 0) -> Tensor:
    return dropped(rate, torch.ones(COUNT), seed) == 0


def stds(count: int, among: int, rate: float) -> float:
    """Return how many standard deviations of a binomial `count` is away from `rate`."""
    return abs(count - rate * among) / math.sqrt(among * rate * (1 - rate))


@pytest.mark.parametrize("rate", RATES)
def test_the_rate_is_the_rate(rate: float) -> None:
    for seed in range(3):
        assert stds(int(zeros(rate, seed).sum()), COUNT, rate) < 4.5


@pytest.mark.parametrize("rate", RATES)
def test_every_lane_of_a_word_has_the_rate(rate: float) -> None:
    lanes = zeros(rate).view(-1, 8).sum(0).tolist()
    assert max(stds(lane, COUNT // 8, rate) for lane in lanes) < 4.5


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("apart", [1, 2, 4, 8])
def test_neighbours_do_not_know_of_each_other(rate: float, apart: int) -> None:
    mask = zeros(rate).double() - rate
    correlation = float((mask[:-apart] * mask[apart:]).mean()) / (rate * (1 - rate))
    assert abs(correlation) < 4.5 / math.sqrt(COUNT)


@pytest.mark.parametrize("rate", [*RATES, 0.003, 1 / 3])
def test_the_expectation_is_kept(rate: float) -> None:
    values = set(dropped(rate, torch.ones(COUNT)).tolist())
    scaled = max(values)
    assert values == {0.0, scaled}
    # The scale is that of the rate in fact used, which is within 2**-17 of the requested one.
    used = 1 - 1 / scaled
    assert used == pytest.approx(rate, abs=2**-17 + 1e-7)
    if rate in (0.25, 0.5):
        assert scaled == np.float32(1 / (1 - rate))


def test_a_rate_next_to_one_keeps_a_value_now_and_then() -> None:
    assert set(dropped(0.999999, torch.ones(COUNT)).tolist()) == {0.0, 65536.0}


@pytest.mark.parametrize("rate", [0.25, 0.4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_gradient_is_the_mask(rate: float, dtype: torch.dtype) -> None:
    x = torch.randn(50, 30, dtype=dtype, requires_grad=True)
    y = dropped(rate, x)
    assert y.dtype == dtype
    y.sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert torch.equal(y, x * x.grad)
    assert 0 < int((x.grad == 0).sum()) < x.numel()


@pytest.mark.parametrize("rate", [0.25, 0.4])
@pytest.mark.parametrize("shape", [(4, 3, 5, 7), (2, 8, 1, 1), (3, 1, 4, 4)])
def test_maps_keep_their_memory_order_and_the_same_draws(rate: float, shape: tuple[int, ...]) -> None:
    maps = torch.ones(shape).to(memory_format=torch.channels_last)
    y = dropped(rate, maps)
    assert y.shape == shape
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(y.permute(0, 2, 3, 1).flatten(), dropped(rate, torch.ones(maps.numel())))
    odd = torch.ones(shape).permute(0, 1, 3, 2)[:, :, ::2]  # neither order
    assert dropped(rate, odd).shape == odd.shape


def test_pieces_of_eight_images_draw_what_the_whole_batch_draws() -> None:
    for rate in (0.5, 0.4):
        whole = dropped(rate, torch.ones(20, 3, 5))
        layer = Dropout(rate).train()
        layer.generator.manual_seed(0)
        pieces = [layer(torch.ones(size, 3, 5)) for size in (8, 8, 4)]
        assert torch.equal(torch.cat(pieces), whole)


def test_seeds_decide() -> None:
    assert torch.equal(zeros(0.4, 3), zeros(0.4, 3))
    assert not torch.equal(zeros(0.4, 3), zeros(0.4, 4))
    layer = Dropout(0.4).train()
    layer.generator.manual_seed(3)
    assert not torch.equal(layer(torch.ones(100)), layer(torch.ones(100)))


def test_evaluation_and_a_rate_of_zero_change_nothing() -> None:
    x = torch.randn(5, 6)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0).train()(x) is x


def test_the_input_is_left_alone() -> None:
    x = torch.ones(1000)
    dropped(0.5, x)
    assert torch.equal(x, torch.ones(1000))


@pytest.mark.parametrize(("bits", "dtype"), [(8, torch.int8), (16, torch.int16)])
def test_bits_are_even(bits: int, dtype: torch.dtype) -> None:
    drawn = random_bits(torch.empty(1 << 18), bits, torch.Generator().manual_seed(1))
    assert drawn.dtype == dtype
    counts = np.bincount((drawn.long() + (1 << (bits - 1))).numpy() >> (bits - 8), minlength=256)
    assert len(counts) == 256
    expected = (1 << 18) / 256
    assert float(((counts - expected) ** 2 / expected).sum()) < 255 + 5 * math.sqrt(2 * 255)
