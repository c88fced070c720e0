"""Is a redrawn batch what redrawing each image by hand gives?"""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sadari.data.augment import Augmentation, parse_augmentation
from sadari.errors import UsageError
from sadari.training.randomness import generator_for

BATCH = np.random.default_rng(0).integers(0, 256, (40, 7, 5, 3), dtype=np.uint8)
Pixels = NDArray[np.uint8]


def redrawn(augmentation: Augmentation, seed: int = 0) -> Pixels:
    pixels = augmentation.apply(torch.from_numpy(BATCH), torch.Generator().manual_seed(seed))
    return np.asarray(pixels.numpy())


def by_hand(image: Pixels, flip: bool, down: int, right: int) -> Pixels:
    """Mirror, then cut a window `down` and `right` of the corner out of the image with its edges drawn outwards."""
    mirrored = image[:, ::-1] if flip else image
    height, width, _ = image.shape
    far = max(abs(down), abs(right))
    padded = np.pad(mirrored, ((far, far), (far, far), (0, 0)), mode="edge")
    return padded[far + down : far + down + height, far + right : far + right + width]


def ways(image: Pixels, result: Pixels, augmentation: Augmentation) -> list[tuple[bool, int, int]]:
    """Which allowed redrawings turn `image` into `result`?"""
    return [
        (flip, down, right)
        for flip in ([False, True] if augmentation.flip else [False])
        for down in range(-augmentation.rows, augmentation.rows + 1)
        for right in range(-augmentation.columns, augmentation.columns + 1)
        if np.array_equal(by_hand(image, flip, down, right), result)
    ]


@pytest.mark.parametrize(
    "augmentation",
    [Augmentation(True, 0, 0), Augmentation(False, 2, 1), Augmentation(True, 1, 2), Augmentation(False, 0, 3)],
)
def test_every_image_is_redrawn_for_itself(augmentation: Augmentation) -> None:
    chosen = [ways(image, result, augmentation) for image, result in zip(BATCH, redrawn(augmentation), strict=True)]
    assert all(len(each) == 1 for each in chosen)
    flips, downs, rights = zip(*(each[0] for each in chosen), strict=True)
    assert set(flips) == ({False, True} if augmentation.flip else {False})
    assert set(downs) == set(range(-augmentation.rows, augmentation.rows + 1))
    assert set(rights) == set(range(-augmentation.columns, augmentation.columns + 1))


def test_draws_are_even() -> None:
    pixels = torch.arange(11, dtype=torch.uint8).reshape(1, 1, 11, 1).expand(20_000, 1, 11, 1)
    result = Augmentation(True, 0, 2).apply(pixels, torch.Generator().manual_seed(0))
    centre = result[:, 0, 5, 0]
    flipped = result[:, 0, 6, 0] < centre
    assert abs(int(flipped.sum()) - 10_000) < 4.5 * 71
    counts = np.bincount(centre.numpy())[3:8]
    assert counts.sum() == 20_000
    assert np.abs(counts - 4_000).max() < 4.5 * 57


def test_seeds_decide() -> None:
    augmentation = Augmentation(True, 2, 2)
    assert np.array_equal(redrawn(augmentation, 3), redrawn(augmentation, 3))
    assert not np.array_equal(redrawn(augmentation, 3), redrawn(augmentation, 4))
    again = [augmentation.apply(torch.from_numpy(BATCH), generator_for(1, "augment", 2, 3)) for _ in range(2)]
    assert torch.equal(*again)


def test_the_input_is_left_alone() -> None:
    before = BATCH.copy()
    redrawn(Augmentation(True, 2, 2))
    assert np.array_equal(BATCH, before)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        (" , ", None),
        ("shift 0", None),
        ("flip", Augmentation(True, 0, 0)),
        ("shift 0.1", Augmentation(False, 3, 2)),
        ("crop 4", Augmentation(False, 4, 4)),
        ("flip, shift 0.1, crop 2.0", Augmentation(True, 3, 2)),
        ("crop 1,flip", Augmentation(True, 1, 1)),
    ],
)
def test_text_is_understood(text: str, expected: Augmentation | None) -> None:
    assert parse_augmentation(text, 30, 20) == expected


@pytest.mark.parametrize(
    "text",
    ["flop", "flip 1", "shift", "shift 1", "shift -0.1", "shift nan", "crop 1.5", "crop -1", "crop inf", "shift 0.1 2"],
)
def test_other_text_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(UsageError, match=f"augment takes flip, shift FRACTION and crop PIXELS.*not '{text}'"):
        parse_augmentation(f"flip, {text}", 30, 20)
