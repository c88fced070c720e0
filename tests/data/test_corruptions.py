"""Does every corruption keep what it promises, and do these six what they are called?"""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sadari.data import corruptions as corruptions
from sadari.data.background import find_background, other_backgrounds
from sadari.data.corruptions import CORRUPTIONS, View, corrupted
from sadari.testing import CorruptionContract
from sadari.testing.images import applied, distance, flat
from sadari.testing.suites import discs
from sadari.values import ImageSet


class TestCorruptions(CorruptionContract):
    names = tuple(CORRUPTIONS.own())
    drawless = ("blur", "contrast")


def test_there_are_the_six_that_are_promised() -> None:
    assert CORRUPTIONS.names() == ["shift", "rotation", "noise", "blur", "contrast", "background"]
    assert CORRUPTIONS.get("rotation").label(20) == "20°"
    assert CORRUPTIONS.get("shift").label(0.05) == "5 % of the side"


def view(pixels: NDArray[np.uint8]) -> View:
    return View(torch.from_numpy(pixels), torch.Generator().manual_seed(0))


def test_a_shift_moves_by_whole_pixels_in_one_direction_and_repeats_the_edge() -> None:
    images = discs((20, 20, 1), count=40)
    moved = applied(images, CORRUPTIONS.get("shift"), 0.1)
    directions = set()
    for before, after in zip(images.images, moved, strict=True):
        padded = np.pad(before, ((2, 2), (2, 2), (0, 0)), mode="edge")
        candidates = {
            (dy, dx): padded[2 - dy : 22 - dy, 2 - dx : 22 - dx] for dy, dx in ((2, 0), (-2, 0), (0, 2), (0, -2))
        }
        [match] = [way for way, candidate in candidates.items() if np.array_equal(candidate, after)]
        directions.add(match)
    assert len(directions) == 4


def test_a_rotation_by_90_degrees_is_a_quarter_turn() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 12, 12, 3), dtype=np.uint8)
    turned = CORRUPTIONS.get("rotation").change(view(pixels), 90.0).numpy()
    ways = [np.rot90(pixels, 1, axes=(1, 2)), np.rot90(pixels, -1, axes=(1, 2))]
    found = [
        [np.abs(after.astype(int) - way[number]).max() <= 1 for way in ways] for number, after in enumerate(turned)
    ]
    assert all(any(each) for each in found)
    assert {each[0] for each in found} == {True, False}  # to the left and to the right


def test_a_rotation_keeps_angles_in_wide_images() -> None:
    pixels = np.zeros((8, 20, 60, 1), dtype=np.uint8)
    pixels[:, 9:11, 20:40] = 255  # a level bar, 20 long
    turned = CORRUPTIONS.get("rotation").change(view(pixels), 90.0).numpy()
    assert (turned[:, :, 29:31] > 200).all()  # upright and as high as the image, no wider than it was high
    assert (turned[:, :, :28] < 50).all()


def test_noise_has_the_deviation_that_it_says() -> None:
    pixels = np.full((4, 64, 64, 1), 128, dtype=np.uint8)
    noisy = CORRUPTIONS.get("noise").change(view(pixels), 0.1).numpy().astype(np.float64)
    assert noisy.std() == pytest.approx(25.5, rel=0.05)
    assert noisy.mean() == pytest.approx(128, abs=0.5)


def test_blur_spreads_a_point_as_a_gaussian_and_loses_no_light() -> None:
    pixels = np.zeros((1, 41, 41, 1), dtype=np.uint8)
    pixels[:, 18:23, 18:23] = 250
    blurred = CORRUPTIONS.get("blur").change(view(pixels), 0.1).numpy()[0, :, :, 0].astype(np.float64)
    assert blurred.sum() == pytest.approx(float(pixels.sum()), rel=0.02)
    profile, at = blurred.sum(axis=0), np.arange(41) - 20
    # 4.1 pixels, and a twelfth for each pixel's own width; the tails that round to 0 are missing.
    assert (profile @ at**2) / profile.sum() == pytest.approx(2.0 + 4.1**2 + 1 / 12, rel=0.08)


def test_contrast_keeps_the_mean_and_takes_away_its_share() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    less = CORRUPTIONS.get("contrast").change(view(pixels), 0.5).numpy()
    assert np.allclose(less.mean(axis=(1, 2)), pixels.mean(axis=(1, 2)), atol=0.5)
    assert np.allclose(less.std(axis=(1, 2)), pixels.std(axis=(1, 2)) / 2, rtol=0.02)


@pytest.mark.parametrize("masked", [True, False])
def test_another_background_leaves_the_object_as_it_is(masked: bool) -> None:
    images = discs((28, 28, 3)) if masked else flat(discs((28, 28, 3)), colour=255)
    evidence = discs((28, 28, 3)).evidence
    assert evidence is not None
    pixels = applied(images, CORRUPTIONS.get("background"), 1.0)
    assert np.array_equal(pixels[evidence], images.images[evidence])
    assert distance(pixels[~evidence], images.images[~evidence]) > 5


def test_the_other_ground_is_that_of_another_image_and_shows_no_object() -> None:
    images = discs((28, 28, 1))
    assert images.evidence is not None
    backgrounds = other_backgrounds(images, np.arange(len(images)))
    assert backgrounds.max() < 100  # the discs are 210 and brighter
    outside = ~images.evidence
    assert np.array_equal(backgrounds[outside], images.images[outside])
    donors = corruptions._donors(np.arange(50), np.random.default_rng(0))
    assert sorted(donors) == list(range(50))
    assert not (donors == np.arange(50)).any()


def test_a_flat_ground_ends_at_the_object_and_does_not_reach_into_it() -> None:
    pixels = np.full((3, 12, 12, 1), 200, dtype=np.uint8)
    pixels[:2, 3:9, 3:9] = 60
    pixels[:2, 5:7, 5:7] = 200  # of the colour of the background, inside the object
    pixels[1, 0:4, 5] = 60
    ids = np.array(["a", "b", "empty"])  # the empty image's background is beside the other ones' insides
    images = ImageSet("squares", pixels, np.zeros(3, np.int64), ids, ("x",), np.full(3, ""), "0")
    background = find_background(images, np.arange(3))
    assert background is not None
    assert background.colour is not None
    assert background.colour.tolist() == [200]
    mask = background.mask(images, np.arange(3))
    assert mask.sum(axis=(1, 2)).tolist() == [144 - 36, 144 - 36 - 3, 144]


def test_textured_images_without_masks_have_no_ground() -> None:
    masked = discs((28, 28, 3))
    noise = np.random.default_rng(0).integers(0, 256, masked.images.shape, dtype=np.uint8)
    images = ImageSet("noise", noise, masked.labels, masked.ids, masked.classes, masked.source_split, "2")
    assert find_background(images, np.arange(12)) is None
    with pytest.raises(ValueError, match="background"):
        next(corrupted(images, np.arange(3), CORRUPTIONS.get("background"), 0.5))
