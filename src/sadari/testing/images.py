"""Do augmentations and corruptions keep what is promised of all of them? They change pixels, by their draws alone."""

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from sadari.data.augment.pipeline import OPERATIONS, Augmentation, Mixing, parse_augmentation
from sadari.data.background import Background, find_background
from sadari.data.corruptions import CORRUPTIONS, Corruption, corrupted
from sadari.testing.suites import Contract, discs, noise, seeded
from sadari.values import ImageSet

SIZES = ((8, 8, 1), (9, 14, 3), (32, 32, 3), (28, 28, 1), (224, 224, 3))
SHAPES = ((8, 8, 1), (28, 28, 1), (32, 32, 3), (24, 40, 3))
EVERY_SHAPE = pytest.mark.parametrize("shape", SHAPES, ids=str)


def parsed(word: str, height: int = 100, width: int = 100) -> Augmentation:
    """Return what a text of the setting `augment` asks for."""
    found = parse_augmentation(word, height, width)
    assert found is not None, f"'{word}' changes nothing"
    return found


def redrawn(word: str, pixels: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return images, uint8 (N, H, W, C), and labels of three classes as an augmentation draws them."""
    augmentation, generator = parsed(word, *pixels.shape[1:3]), seeded(seed)
    labels = torch.arange(len(pixels)) % 3
    return augmentation.mix(augmentation.apply(pixels, generator), labels, 3, generator)


def mixes(word: str) -> bool:
    """Return whether an augmentation mixes images, which then depend on each other."""
    return isinstance(OPERATIONS.get(word.split()[0]).step, Mixing)


class AugmentationContract(Contract):
    """The contract of augmentations. words: as in the setting `augment`, with a number that changes images a lot.

    few_views: words that make fewer than eight versions of an image.
    """

    words: ClassVar[tuple[str, ...]] = ()
    few_views: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def cases(cls) -> dict[str, list[Any]]:
        return {"word": list(cls.words)}

    @pytest.mark.parametrize("size", SIZES, ids=str)
    def test_every_word_keeps_the_contract(self, word: str, size: tuple[int, int, int]) -> None:
        pixels = noise(12, *size)
        before = pixels.clone()
        result, labels = redrawn(word, pixels)
        assert (result.dtype, result.shape) == (torch.uint8, pixels.shape)
        assert torch.equal(pixels, before), "the input was written to"
        assert not torch.equal(result, pixels)
        again, same_labels = redrawn(word, pixels)
        assert torch.equal(again, result) and torch.equal(same_labels, labels), "a draw is not from the generator"
        assert not torch.equal(redrawn(word, pixels, seed=1)[0], result)
        if mixes(word):
            assert (labels.dtype, labels.shape) == (torch.float32, (12, 3))
        else:
            assert torch.equal(labels, torch.arange(12) % 3)

    def test_every_image_is_drawn_for_itself(self, word: str) -> None:
        one = noise(1, 16, 16, 3)
        result, _ = redrawn(word, torch.cat([one.expand(30, -1, -1, -1), noise(1, 16, 16, 3) // 2]))
        views = {image.numpy().tobytes() for image in result[:30]}
        # Under mixing with its own copies nothing changes, so there only the neighbour of the odd image can differ.
        assert len(views) >= (2 if mixes(word) or word in self.few_views else 8)

    def test_what_one_image_becomes_does_not_depend_on_the_others(self, word: str) -> None:
        if mixes(word):
            pytest.skip("it mixes images")
        pixels, others = noise(12, 20, 20, 3), noise(12, 20, 20, 3).flip(0)
        others[4] = pixels[4]
        assert torch.equal(redrawn(word, pixels)[0][4], redrawn(word, others)[0][4])

    def test_no_strength_is_no_change(self, word: str) -> None:
        name = word.split()[0]
        nothing = OPERATIONS.get(name).nothing
        if nothing is None:
            pytest.skip("there is no number at which it changes nothing")
        assert parse_augmentation(f"{name} {nothing}", 20, 20) is None
        pixels, generator = noise(8, 20, 20, 3), seeded()
        augmentation = Augmentation(((name, nothing),))
        assert torch.equal(augmentation.apply(pixels, generator), pixels)
        if augmentation.mixes and nothing > 0:
            assert torch.equal(augmentation.mix(pixels, torch.zeros(8).long(), 2, generator)[0], pixels)


def flat(images: ImageSet, colour: int = 0) -> ImageSet:
    """Return the same discs on a background of one colour, without masks."""
    assert images.evidence is not None
    pixels = np.where(images.evidence[..., None], images.images, np.uint8(colour))
    return ImageSet("flat", pixels, images.labels, images.ids, images.classes, images.source_split, "1")


def applied(
    images: ImageSet, corruption: Corruption, level: float, background: Background | None = None, seed: int = 0
) -> NDArray[np.uint8]:
    """Return all `images` corrupted, uint8 (N, H, W, C)."""
    background = background or find_background(images, np.arange(len(images)))
    return np.concatenate(list(corrupted(images, np.arange(len(images)), corruption, level, background, seed)))


def distance(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Return the mean absolute difference of two sets of pixels."""
    return float(np.abs(a.astype(np.float64) - b).mean())


class CorruptionContract(Contract):
    """The contract of corruptions. drawless: those that draw nothing, so that a seed makes no difference."""

    drawless: ClassVar[tuple[str, ...]] = ()

    @pytest.fixture
    def corruption(self, name: str) -> Corruption:
        """Return the corruption of this test."""
        return CORRUPTIONS.get(name)

    @EVERY_SHAPE
    @pytest.mark.parametrize("masked", [True, False])
    def test_level_0_changes_nothing(self, corruption: Corruption, shape: tuple[int, int, int], masked: bool) -> None:
        images = discs(shape) if masked else flat(discs(shape))
        assert np.array_equal(applied(images, corruption, 0.0), images.images)

    @EVERY_SHAPE
    def test_shape_and_dtype_stay(self, corruption: Corruption, shape: tuple[int, int, int]) -> None:
        images = discs(shape)
        before = np.array(images.images)
        for level in corruption.levels:
            pixels = applied(images, corruption, level)
            assert pixels.dtype == np.uint8
            assert pixels.shape == images.images.shape
        assert np.array_equal(images.images, before), "the images themselves were written to"

    def test_the_same_seed_gives_the_same_pixels_and_another_one_others(
        self, corruption: Corruption, name: str
    ) -> None:
        images = discs((28, 28, 1))
        first = applied(images, corruption, corruption.levels[-1])
        assert np.array_equal(first, applied(images, corruption, corruption.levels[-1]))
        if name not in self.drawless:
            assert not np.array_equal(first, applied(images, corruption, corruption.levels[-1], seed=1))

    @EVERY_SHAPE
    @pytest.mark.parametrize("masked", [True, False])
    def test_a_stronger_level_changes_more(
        self, corruption: Corruption, shape: tuple[int, int, int], masked: bool
    ) -> None:
        images = discs(shape) if masked else flat(discs(shape))
        changes = [distance(applied(images, corruption, level), images.images[:]) for level in corruption.levels]
        assert changes[-1] > changes[0] > 0 or (shape[0] == 8 and changes[-1] > changes[0] >= 0)
        assert changes == sorted(changes)

    def test_levels_ascend_and_have_names(self, corruption: Corruption) -> None:
        assert 3 <= len(corruption.levels) <= 4
        assert list(corruption.levels) == sorted(set(corruption.levels))
        assert corruption.levels[0] > 0
        assert len({corruption.label(level) for level in corruption.levels}) == len(corruption.levels)
        assert corruption.summary, "give it a summary, or its function a docstring"

    def test_the_order_of_the_positions_is_kept_over_blocks(
        self, corruption: Corruption, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        images = discs((16, 16, 1))
        monkeypatch.setattr("sadari.data.corruptions.VALUES_PER_BLOCK", 5 * 16 * 16)
        positions = np.array([7, 2, 11, 0, 4, 9, 3])
        background = find_background(images, positions)
        blocks = list(corrupted(images, positions, corruption, 0.0, background))
        assert [len(block) for block in blocks] == [5, 2]
        assert np.array_equal(np.concatenate(blocks), images.images[positions])
