"""Which layers of a network become one, and by which algebra?"""

import pytest
import torch
from torch import nn

from sadari.inference.prepared.folding import Scaling
from sadari.inference.prepared.parts import Part, parts_of
from sadari.inference.prepared.steps import POOLED_FROM, largest_of_squares
from sadari.models.layers.batchnorm import BatchNorm
from sadari.models.layers.dropout import Dropout
from sadari.models.layers.modules import LSTM, Conv, Dense, Flatten, Relu, Rows

NO_SHIFT = Scaling(torch.full((2,), 0.5, dtype=torch.float64), torch.zeros(2, dtype=torch.float64))
SHIFTED = Scaling(NO_SHIFT.scale, NO_SHIFT.scale)


def conv(activation: str = "relu", padding: int = 1, inputs: int = 2) -> Conv:
    return Conv(inputs, 3, 3, 1, (padding,) * 4, activation).eval()


def norm(features: int = 3, factor: float = 1.0) -> BatchNorm:
    made = BatchNorm(features).eval()
    made.weight.data.fill_(factor)
    return made


def pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(2)


def kinds(*layers: nn.Module, first: Scaling = NO_SHIFT) -> list[str]:
    """Return the names of the parts; those of products have their activation behind them."""
    return [_name(each) for each in parts_of(layers, len(layers), first)]


def _name(part: Part) -> str:
    return f"{type(part).__name__} {getattr(part, 'activation', '')}".strip()


def test_a_norm_becomes_part_of_the_convolution_before_it() -> None:
    assert kinds(conv("linear"), norm(), Relu()) == ["Convolution relu"]
    assert kinds(conv("linear"), pool(), norm(), Relu()) == ["Convolution relu", "MaxPool"]
    assert kinds(conv(), norm(), Dropout(0.5), pool()) == ["Convolution linear", "MaxPool", "Bound"]
    assert kinds(conv(), pool(), norm()) == ["Convolution linear", "MaxPool", "Bound"]


def test_a_factor_below_zero_does_not_change_places_with_a_max_pool() -> None:
    assert kinds(conv("linear"), pool(), norm(factor=-1)) == ["Convolution linear", "MaxPool", "Scaling"]
    assert kinds(conv(), norm(factor=-1), pool()) == ["Convolution linear", "MaxPool", "Bound"]


def test_a_norm_behind_other_activations_stays() -> None:
    assert kinds(conv("sigmoid"), norm(), pool()) == ["Convolution sigmoid", "Scaling", "MaxPool"]


def test_the_scaling_of_pixels_becomes_part_of_the_first_product() -> None:
    assert kinds(conv(), first=NO_SHIFT) == ["Convolution relu"]
    assert kinds(conv(padding=0), first=SHIFTED) == ["Convolution relu"]
    assert kinds(Flatten(), Dense(8, 3, "relu"), first=SHIFTED) == ["Flatten", "Dense relu"]
    assert kinds(Rows(), LSTM(8, 3, sequence=False), first=SHIFTED) == ["Rows", "Recurrence gates"]


def test_a_shift_before_zeros_of_padding_stays() -> None:
    assert kinds(conv(), first=SHIFTED) == ["Scaling", "Convolution relu"]


def test_a_norm_between_products_becomes_part_of_the_one_behind_it() -> None:
    dense = Dense(3, 3, "relu")
    assert kinds(Flatten(), Dense(8, 3, "relu"), norm(), dense) == ["Flatten", "Dense relu", "Dense relu"]
    assert kinds(Rows(), LSTM(8, 3, sequence=True), norm(), LSTM(3, 3, sequence=False)) == [
        "Rows", "Recurrence gates", "Recurrence gates",
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("sides", [(8, 8), (7, 11)])
def test_the_largest_values_are_those_of_a_max_pool(size: int, sides: tuple[int, int]) -> None:
    maps = torch.randn(40, 32, *sides, generator=torch.Generator().manual_seed(0))
    maps[3, 2, 1, 1] = torch.nan
    maps = maps.contiguous(memory_format=torch.channels_last)
    assert maps.numel() > POOLED_FROM
    found = largest_of_squares(maps, size)
    torch.testing.assert_close(found, nn.functional.max_pool2d(maps, size), rtol=0, atol=0, equal_nan=True)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(largest_of_squares(maps[:1], size), nn.functional.max_pool2d(maps[:1], size))
