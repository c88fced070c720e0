"""Do light, small changes and hidden parts do what torchvision and the papers say?"""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

from sadari.data.augment import trivial
from sadari.data.augment.colour import adjusted
from sadari.data.augment.erase import AREA, RATIO, erase, erased
from sadari.data.augment.trivial import CHANGES
from support.batches import noise, redrawn, seeded

SIZES = [(6, 8, 8, 1), (6, 28, 20, 3), (2, 224, 224, 3)]
ONE = torch.ones(6, dtype=torch.float64)
Twin = Callable[[Tensor, float], Tensor]
torchvision = v2.functional


def twin_of(function: Twin, pixels: Tensor, values: Tensor) -> Tensor:
    """torchvision's function on each image by itself, in channels-last like ours."""
    images = [
        function(image.permute(2, 0, 1), value)
        for image, value in zip(pixels, values[: len(pixels)].tolist(), strict=True)
    ]
    return torch.stack(images).permute(0, 2, 3, 1)


def furthest(one: Tensor, other: Tensor) -> int:
    return int((one.int() - other.int()).abs().max())


# Light


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("part", ["brightness", "contrast", "saturation"])
def test_each_factor_is_torchvisions(part: str, size: tuple[int, int, int, int]) -> None:
    pixels, factors = noise(*size), torch.tensor([0.0, 0.4, 0.9, 1.0, 1.3, 1.9], dtype=torch.float64)
    ones = {"brightness": ONE, "contrast": ONE, "saturation": ONE}
    chosen = {name: each[: len(pixels)] for name, each in (ones | {part: factors}).items()}
    # Its mean grey is a whole number, ours is not, and it cuts where we round: one level, and one of the mean's.
    assert furthest(adjusted(pixels, **chosen), twin_of(getattr(torchvision, f"adjust_{part}"), pixels, factors)) <= 2


def test_three_factors_are_one_after_the_other() -> None:
    pixels = noise(6, 20, 20, 3) // 4 + 90  # far from 0 and 255, where the order of cutting would show
    factors = [torch.linspace(low, high, 6, dtype=torch.float64) for low, high in ((0.8, 1.2), (1.3, 0.7), (0.6, 1.4))]
    result = adjusted(pixels, *factors)
    for part, factor in zip((0, 1, 2), factors, strict=True):
        pixels = adjusted(pixels, *(factor if number == part else ONE for number in range(3)))
    assert furthest(result, pixels) <= 2


def test_jitter_stays_in_its_range_and_draws_evenly() -> None:
    level = redrawn("jitter 0.3", torch.full((4000, 4, 4, 1), 100, dtype=torch.uint8))[0][:, 0, 0, 0].double()
    # On a flat image contrast and saturation change nothing: what is left is brightness.
    assert level.min() == 70 and level.max() == 130
    assert abs(level.mean() - 100) < 1.5 and abs(level.std() - 60 / 12**0.5) < 1


# Trivial


TWINS: dict[str, tuple[Twin, Callable[[float], float], int]] = {
    "identity": (lambda image, _: image, float, 0),
    "brightness": (torchvision.adjust_brightness, lambda s: 1 + 0.99 * s, 1),
    "contrast": (torchvision.adjust_contrast, lambda s: 1 + 0.99 * s, 2),
    "saturate": (torchvision.adjust_saturation, lambda s: 1 + 0.99 * s, 2),
    "sharpen": (torchvision.adjust_sharpness, lambda s: 1 + 0.99 * s, 1),
    "posterize": (torchvision.posterize, lambda s: 8 - round(abs(s) * 6), 0),
    "solarize": (torchvision.solarize, lambda s: 255 * (1 - abs(s)), 0),
    "autocontrast": (lambda image, _: torchvision.autocontrast(image), float, 1),
    "equalize": (lambda image, _: torchvision.equalize(image), float, 0),
}
PLACES = {"shear_x", "shear_y", "translate_x", "translate_y", "rotate"}


def test_the_fourteen_changes_are_the_papers() -> None:
    assert set(CHANGES.names()) == set(TWINS) | PLACES
    assert len(CHANGES) == 14


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", TWINS)
def test_changes_are_torchvisions(name: str, size: tuple[int, int, int, int]) -> None:
    function, value, levels = TWINS[name]
    strengths = torch.tensor([0.0, 1.0, -1.0, 0.5, -1 / 3, 0.1], dtype=torch.float64)[: size[0]]
    pixels = noise(*size)
    pixels[0, : size[1] // 2] //= 3  # an uneven histogram
    values = torch.tensor([value(each) for each in strengths.tolist()], dtype=torch.float64)
    if name == "posterize":
        expected = twin_of(lambda image, bits: function(image, int(bits)), pixels, values)
    else:
        expected = twin_of(function, pixels, values)
    assert furthest(CHANGES.get(name)(pixels, strengths), expected) <= levels


@pytest.mark.parametrize("name", CHANGES.names())
@pytest.mark.parametrize("size", [(5, 1, 1, 1), (5, 2, 9, 3), (5, 8, 8, 3)], ids=str)
def test_changes_bear_flat_and_tiny_images(name: str, size: tuple[int, int, int, int]) -> None:
    pixels = torch.full(size, 7, dtype=torch.uint8)
    before = pixels.clone()
    result = CHANGES.get(name)(pixels, torch.tensor([0.0, 1.0, -1.0, 0.5, -0.5], dtype=torch.float64))
    assert (result.dtype, result.shape) == (torch.uint8, pixels.shape)
    assert torch.equal(pixels, before)
    if name in PLACES | {"equalize", "autocontrast", "contrast", "saturate", "sharpen", "identity"}:
        assert torch.equal(result, pixels)


@pytest.mark.parametrize(
    ("name", "strength", "row", "column"),
    [
        ("translate_x", 5 / 32, 10, 15), ("translate_x", -5 / 32, 10, 5), ("translate_y", 5 / 32, 15, 10),
        ("translate_y", -5 / 32, 5, 10), ("shear_x", 1 / 0.99, 10, 20), ("shear_y", 1 / 0.99, 20, 10),
        ("rotate", 90 / 135, 9, 10),
    ],
)  # fmt: skip
def test_places_are_looked_up_where_the_paper_says(name: str, strength: float, row: int, column: int) -> None:
    level = torch.arange(900, dtype=torch.float32).reshape(1, 30, 30, 1)
    image = torch.cat([level // 30 * 8, level % 30 * 8, level * 0], dim=3).to(torch.uint8)
    seen = CHANGES.get(name)(image, torch.tensor([strength], dtype=torch.float64))[0, 10, 10]
    if name.startswith("shear"):  # half a pixel further, being a shear about the corner of the pixels
        assert abs(int(seen[0]) - row * 8) <= 4 and abs(int(seen[1]) - column * 8) <= 4
    elif name == "rotate":  # about the centre at 14.5: 4.5 above and 4.5 left of it comes what is 4.5 below and left
        assert seen[:2].tolist() == [10 * 8, 19 * 8] or seen[:2].tolist() == [19 * 8, 10 * 8]
    else:
        assert seen[:2].tolist() == [row * 8, column * 8]


def test_changes_and_strengths_are_drawn_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[int, list[float]] = {}
    for number, name in enumerate(CHANGES.names()):

        def watched(pixels: Tensor, strength: Tensor, number: int = number) -> Tensor:
            drawn[number] = strength.tolist()
            return pixels

        monkeypatch.setitem(CHANGES._entries, name, watched)
    trivial.trivial(1, torch.zeros(14_000, 1, 1, 1, dtype=torch.uint8), seeded())
    counts = np.array([len(drawn[number]) for number in range(14)])
    assert np.abs(counts - 1000).max() < 4.5 * 31
    strengths = np.concatenate([drawn[number] for number in range(14)])
    levels, times = np.unique(np.abs(strengths), return_counts=True)
    assert np.allclose(levels, np.arange(31) / 30) and np.abs(times - 14_000 / 31).max() < 4.5 * 22
    assert abs((strengths < 0).mean() - 30 / 31 / 2) < 0.02


# Erasing


@pytest.mark.parametrize("size", [(3000, 32, 32), (3000, 20, 40)], ids=str)
def test_erased_windows_are_those_of_the_paper(size: tuple[int, int, int]) -> None:
    hidden, fits = erased(size, seeded())
    assert fits.float().mean() > 0.99
    for mask in hidden[fits][:300]:
        rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
        assert mask.sum() == len(rows) * len(columns)
        assert len(rows) == rows[-1] - rows[0] + 1 and len(columns) == columns[-1] - columns[0] + 1
    area = hidden[fits].double().mean((1, 2))
    assert area.min() > AREA[0] * 0.7 and area.max() < AREA[1] * 1.1
    assert abs(area.mean() - sum(AREA) / 2) < 0.03
    ratio = hidden[fits].any(1).sum(1) / hidden[fits].any(2).sum(1)
    assert ratio.min() > RATIO[0] * 0.7 and ratio.max() < RATIO[1] * 1.3 and (ratio > 1).double().mean() > 0.3
    assert hidden[fits].double().mean(0).min() > 0, "some places are never hidden"


def test_erasing_hides_the_asked_share_of_images_under_even_noise() -> None:
    pixels = torch.full((2000, 16, 16, 3), 3, dtype=torch.uint8)
    result = erase(0.25, pixels, seeded())
    changed = (result != 3).flatten(1).any(1)
    assert abs(changed.double().mean() - 0.25) < 0.04
    values = result[result != 3].double()
    assert values.min() == 0 and values.max() == 255 and abs(values.mean() - 127.5) < 2 and abs(values.std() - 73.9) < 1
    inside = result[changed][0]
    assert (inside[..., 0] != inside[..., 1]).any(), "channels share their noise"
