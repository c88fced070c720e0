"""Is a warped image what scipy, Keras and a gather by hand make of it?"""

import functools
import math
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import affine_transform
from torch import Tensor

from sadari.data.augment.geometry import move, warp
from support.batches import drawn_maps, noise, redrawn, seeded

os.environ.setdefault("KERAS_BACKEND", "torch")

BATCH = np.random.default_rng(0).integers(0, 256, (40, 7, 5, 3), dtype=np.uint8)
SIZES = [(8, 8, 1), (9, 14, 3), (28, 28, 1), (224, 224, 3)]
Pixels = NDArray[np.uint8]


# Whole pixels


def by_hand(image: Pixels, flip: bool, down: int, right: int) -> Pixels:
    """Mirror, then cut a window `down` and `right` of the corner out of the image with its edges drawn outwards."""
    turned = image[:, ::-1] if flip else image
    height, width, _ = image.shape
    far = max(abs(down), abs(right))
    padded = np.pad(turned, ((far, far), (far, far), (0, 0)), mode="edge")
    return padded[far + down : far + down + height, far + right : far + right + width]


@pytest.mark.parametrize(("flip", "rows", "columns"), [(True, 0, 0), (False, 2, 1), (True, 1, 2), (False, 0, 3)])
def test_whole_moves_are_windows(flip: bool, rows: int, columns: int) -> None:
    seen: set[tuple[bool, int, int]] = set()
    for image, result in zip(BATCH, move(torch.from_numpy(BATCH), rows, columns, flip, seeded()).numpy(), strict=True):
        ways = [
            (mirror, down, right)
            for mirror in ([False, True] if flip else [False])
            for down in range(-rows, rows + 1)
            for right in range(-columns, columns + 1)
            if np.array_equal(by_hand(image, mirror, down, right), result)
        ]
        assert len(ways) == 1
        seen.add(ways[0])
    flips, downs, rights = (set(each) for each in zip(*seen, strict=True))
    assert flips == ({False, True} if flip else {False})
    assert (downs, rights) == (set(range(-rows, rows + 1)), set(range(-columns, columns + 1)))


def test_draws_are_even() -> None:
    pixels = torch.arange(11, dtype=torch.uint8).reshape(1, 1, 11, 1).expand(20_000, 1, 11, 1)
    result = move(pixels, 0, 2, True, seeded())
    centre = result[:, 0, 5, 0]
    flipped = result[:, 0, 6, 0] < centre
    assert abs(int(flipped.sum()) - 10_000) < 4.5 * 71
    counts = np.bincount(centre.numpy())[3:8]
    assert counts.sum() == 20_000
    assert np.abs(counts - 4_000).max() < 4.5 * 57


@pytest.mark.parametrize(
    ("text", "flip", "rows", "columns"),
    [
        ("flip", True, 0, 0),
        ("shift 0.1", False, 3, 2),
        ("crop 4", False, 4, 4),
        ("flip, shift 0.1, crop 2.0", True, 3, 2),
        ("crop 1,flip", True, 1, 1),
    ],
)
def test_whole_moves_give_the_bytes_that_they_always_gave(text: str, flip: bool, rows: int, columns: int) -> None:
    pixels, generator = noise(50, 30, 20, 3), seeded(4)
    down = torch.arange(30) + torch.randint(-rows, rows + 1, (50, 1), generator=generator)
    right = torch.arange(20) + torch.randint(-columns, columns + 1, (50, 1), generator=generator)
    down, right = down.clamp(0, 29), right.clamp(0, 19)
    if flip:
        right = torch.where(torch.randint(2, (50, 1), generator=generator) == 1, right.flip(1), right)
    expected = pixels[torch.arange(50)[:, None, None], down[:, :, None], right[:, None, :]]
    assert torch.equal(redrawn(text, pixels, seed=4)[0], expected)


# One affine look-up


def turned_by(degrees: float) -> Tensor:
    angle = math.radians(degrees)
    rows = [[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]]
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize("size", [(8, 8, 1), (33, 33, 3)], ids=str)
@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_quarter_turns_are_exact(quarters: int, size: tuple[int, int, int]) -> None:
    pixels = noise(3, *size)
    result = warp(pixels, turned_by(90 * quarters).expand(3, 3, 3))
    assert torch.equal(result, torch.rot90(pixels, -quarters, (1, 2)))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_whole_shifts_and_flips_are_the_gather(size: tuple[int, int, int]) -> None:
    pixels = noise(3, *size)
    maps = torch.eye(3, dtype=torch.float64).repeat(3, 1, 1)
    maps[1, :2, 2] = torch.tensor([2, -3])
    maps[2, 1, 1] = -1
    result = warp(pixels, maps).numpy()
    assert np.array_equal(result[0], pixels[0])
    assert np.array_equal(result[1], by_hand(pixels[1].numpy(), False, 2, -3))
    assert np.array_equal(result[2], by_hand(pixels[2].numpy(), True, 0, 0))


def by_scipy(image: Pixels, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    centre = (np.array(image.shape[:2]) - 1) / 2
    offset = matrix[:2, 2] + centre - matrix[:2, :2] @ centre
    planes = [
        affine_transform(plane, matrix[:2, :2], offset, order=1, mode="nearest") for plane in np.moveaxis(image, 2, 0)
    ]
    return np.stack(planes, axis=2)


@pytest.mark.parametrize("size", [(8, 8, 1), (9, 14, 3), (64, 64, 3)], ids=str)
@pytest.mark.parametrize(
    "text", ["rotate 30, shift 0.2, zoom 0.2, flip", "rotate 180", "resized-crop 0.1, crop 2", "zoom 0.9"]
)
def test_all_geometry_is_one_affine_transform(text: str, size: tuple[int, int, int]) -> None:
    pixels = noise(20, *size)
    maps = functools.reduce(torch.matmul, drawn_maps(text, (20, *size[:2]), seed=5).values())
    result = redrawn(text, pixels, seed=5)[0].numpy().astype(float)
    for image, matrix, seen in zip(pixels.numpy(), maps.numpy(), result, strict=True):
        # Half a level is rounding; the rest is float32's place of a pixel, on noise that jumps 255 levels a pixel.
        assert np.abs(by_scipy(image.astype(float), matrix) - seen).max() <= 0.5 + 0.02


@pytest.mark.parametrize("seed", range(5))
def test_the_five_of_keras_mean_what_they_mean_there(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))  # keras writes a settings file when imported
    from keras.src.legacy.preprocessing import image as keras_image

    text, pixels = "flip, zoom 0.2, shift 0.2, rotate 30", noise(1, 20, 20, 3)
    result = redrawn(text, pixels, seed)[0][0].numpy().astype(float)
    drawn = drawn_maps(text, (1, 20, 20), seed)
    angle, shift, zoom, flip = (drawn[name][0] for name in ("rotate", "shift", "zoom", "flip"))
    # Keras swaps its two axes once too often: what it calls tx and zx moves and sizes columns.
    down, right = shift[:2, 2].tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Keras takes scipy's function from where it was
        expected = keras_image.apply_affine_transform(
            pixels[0].numpy().astype(float),
            theta=-math.degrees(math.atan2(angle[1, 0], angle[0, 0])),
            tx=right,
            ty=down,
            zx=float(zoom[1, 1]),
            zy=float(zoom[0, 0]),
            row_axis=0,
            col_axis=1,
            channel_axis=2,
        )
    expected = expected[:, ::-1] if flip[1, 1] < 0 else expected
    assert np.abs(expected - result).max() <= 0.52


RANGES: list[tuple[str, Callable[[Tensor], Tensor], float, float]] = [
    ("rotate 30", lambda maps: torch.atan2(maps[:, 1, 0], maps[:, 0, 0]).rad2deg(), -30, 30),
    ("shift 0.2", lambda maps: maps[:, 0, 2], -4, 4),
    ("shift 0.2", lambda maps: maps[:, 1, 2], -8, 8),
    ("zoom 0.2", lambda maps: maps[:, 0, 0], 0.8, 1.2),
    ("zoom 0.2", lambda maps: maps[:, 1, 1], 0.8, 1.2),
]


@pytest.mark.parametrize(
    ("text", "read", "low", "high"), RANGES, ids=[f"{each[0]} {n}" for n, each in enumerate(RANGES)]
)
def test_numbers_are_drawn_evenly_over_keras_ranges(
    text: str, read: Callable[[Tensor], Tensor], low: float, high: float
) -> None:
    share = (read(drawn_maps(text, (8000, 20, 40), seed=1)[text.split()[0]]) - low) / (high - low)
    assert 0 <= share.min() < 0.01 and 0.99 < share.max() <= 1
    counts = torch.histc(share, 8, 0, 1)
    assert (counts - 1000).abs().max() < 4.5 * 31


def test_the_two_sides_zoom_and_shift_for_themselves() -> None:
    for text, one, other in (("zoom 0.2", (0, 0), (1, 1)), ("shift 0.2", (0, 2), (1, 2))):
        maps = drawn_maps(text, (2000, 30, 30), seed=2)[text.split()[0]]
        both = torch.stack([maps[:, one[0], one[1]], maps[:, other[0], other[1]]])
        assert abs(float(torch.corrcoef(both)[0, 1])) < 0.1


@pytest.mark.parametrize("size", [(500, 64, 64), (500, 30, 60)], ids=str)
def test_resized_crops_are_windows_of_the_asked_area_and_ratio(size: tuple[int, int, int]) -> None:
    maps = drawn_maps("resized-crop 0.2", size, seed=3)["resized-crop"]
    _, height, width = size
    heights, widths = maps[:, 0, 0] * height, maps[:, 1, 1] * width
    area, ratio = heights * widths / (height * width), widths / heights
    whole = area == 1
    assert (area >= 0.2).all() and (area <= 1).all() and area.min() < 0.25
    assert (ratio[~whole] >= 3 / 4).all() and (ratio[~whole] <= 4 / 3).all() and ratio.std() > 0.1
    assert (maps[:, 0, 2].abs() <= (height - heights) / 2 + 1e-9).all()
    assert (maps[:, 1, 2].abs() <= (width - widths) / 2 + 1e-9).all()


def test_colour_planes_stay_together() -> None:
    grey = noise(6, 20, 20, 1).expand(-1, -1, -1, 3)
    result = redrawn("rotate 30, shift 0.2, zoom 0.2, flip, erase 0", grey)[0]
    assert torch.equal(result[..., 0], result[..., 1]) and torch.equal(result[..., 0], result[..., 2])
