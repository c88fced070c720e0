"""Are photographs found again that were saved again, resized, brightened or mirrored, and others left alone?"""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from sadari.data.check import check
from sadari.data.copies import pairs
from sadari.data.copies.codes import SIDE, difference_codes, have_codes, mirrored
from sadari.data.copies.pairs import Pair, near_pairs
from sadari.data.findings import Findings
from sadari.data.load import load
from sadari.data.split import draw_split
from sadari.progress import Silent
from sadari.settings import Settings, with_overrides
from sadari.values import ImageSet
from support.copies import COUNT, HEIGHT, WIDTH, Pixels, photographs, saved

CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "saved again": saved,
    "half the size": lambda image: saved(image.resize((WIDTH // 2, HEIGHT // 2))).resize((WIDTH, HEIGHT)),
    "brighter": lambda image: saved(ImageEnhance.Brightness(image).enhance(1.2)),
    "less contrast": lambda image: saved(ImageEnhance.Contrast(image).enhance(0.7)),
    "grey": lambda image: saved(image.convert("L").convert("RGB")),
    "cropped": lambda image: saved(image.crop((1, 1, WIDTH - 1, HEIGHT - 1))).resize((WIDTH, HEIGHT)),
    "mirrored": lambda image: saved(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_changed_photographs_are_found_again_and_no_others(change: str) -> None:
    given = photographs()
    changed = np.stack([np.asarray(CHANGES[change](Image.fromarray(each))) for each in given[:20]])
    found = near_pairs(difference_codes(np.concatenate([given, changed])), Silent())
    assert [(pair.first, pair.second) for pair in found] == [(at, COUNT + at) for at in range(20)]
    assert {pair.mirrored for pair in found} == {change == "mirrored"}


def test_all_blocks_of_pairs_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = difference_codes(photographs())
    codes[[7, 23, 59]] = codes[41]
    whole = near_pairs(codes, Silent())
    assert {(pair.first, pair.second) for pair in whole} == {(7, 23), (7, 41), (7, 59), (23, 41), (23, 59), (41, 59)}
    monkeypatch.setattr(pairs, "BLOCK", 11)
    assert [(each.first, each.second, each.mirrored) for each in near_pairs(codes, Silent())] == [
        (each.first, each.second, each.mirrored) for each in whole
    ]


def test_of_two_likenesses_of_a_pair_the_better_one_counts() -> None:
    [code] = difference_codes(photographs(1))
    half = code.reshape(SIDE, SIDE).copy()
    half[:, SIDE // 2 :] = -half[:, : SIDE // 2][:, ::-1]  # its own mirror image, exactly
    both = half.reshape(1, -1).repeat(2, axis=0)
    assert (mirrored(both) == both).all()
    both[1, 0] = 0
    [pair] = near_pairs(both, Silent())
    assert pair == Pair(0, 1, False, pair.cosine) and pair.cosine > 0.99


def test_the_code_of_a_mirror_image_is_the_mirrored_code() -> None:
    given = photographs(8)
    turned = difference_codes(given[:, :, ::-1])
    assert np.mean(turned == mirrored(difference_codes(given))) > 0.99


def test_plain_images_are_like_no_others_and_noise_on_them_changes_nothing() -> None:
    generator = np.random.default_rng(1)
    white = np.clip(255 - generator.integers(0, 3, (6, 64, 64, 3)), 0, 255).astype(np.uint8)
    white[:, 30:33, 30:33] = 0
    assert not difference_codes(white).any()
    assert near_pairs(difference_codes(white), Silent()) == []


def test_products_on_white_are_told_apart_and_found_again() -> None:
    """Most places are plain in all of them: these must count neither for nor against."""
    shown = photographs(30)[:, :48, :64]
    white = np.full((30, 96, 128, 3), 255, dtype=np.uint8)
    white[:, 24:72, 32:96] = shown
    again = np.stack([np.asarray(saved(Image.fromarray(each), 60)) for each in white[:5]])
    found = near_pairs(difference_codes(np.concatenate([white, again])), Silent())
    assert [(pair.first, pair.second) for pair in found] == [(at, 30 + at) for at in range(5)]


def test_grey_images_have_the_codes_of_their_brightness() -> None:
    grey = photographs(4)[..., :1]
    assert (difference_codes(grey) == difference_codes(grey.repeat(3, axis=3))).mean() > 0.999


def test_small_images_that_were_enlarged_are_not_looked_through() -> None:
    """They are blurred, and all alike: digits at 224 pixels were near-copies of each other by the thousand."""
    large = photographs(20)
    assert have_codes(large[:, :64, :64]) and not have_codes(large[:, :63])
    small = [Image.fromarray(each).resize((28, 28)) for each in large]
    enlarged = np.stack([np.asarray(each.resize((96, 96), Image.Resampling.BILINEAR)) for each in small])
    assert not have_codes(enlarged)
    assert not have_codes(load("digits", with_overrides(Settings(), {"image_size": 64}), Silent()).images)


def checked(images: Pixels, labels: NDArray[np.int64], splits: list[str]) -> Findings:
    ids = np.array([f"{split}/{at}" for at, split in enumerate(splits)])
    held = ImageSet("toy", images, labels, ids, ("cat", "dog"), np.array(splits), "0")
    return check(held, draw_split(held, Settings(val_fraction=0.0, test_fraction=0.0)))


def test_near_copies_across_splits_are_leaks_and_identical_ones_count_once() -> None:
    images, splits = photographs(), ["train"] * 40 + ["test"] * 20
    labels = np.arange(COUNT) % 2
    for at, of in ((40, 0), (41, 1), (43, 2)):  # 43 has another label than 2
        images[at] = np.asarray(saved(Image.fromarray(images[of])))
    images[42] = images[3]  # identical, and 4 is a near-copy of both
    images[4] = np.asarray(saved(Image.fromarray(images[3])))
    found = checked(images, labels, splits)
    assert (found.leaked["test"], found.near_leaked["test"], found.leaks) == (1, 3, 4)
    [identical, near, _, two_labels, *_] = found.sentences
    assert "1 test image of 20 is also in train" in identical
    assert near.startswith("3 test images of 20 are near-copies of some in train (saved again")
    assert "such as train/0 and test/40" in near
    assert [pair.ids for pair in found.near or () if pair.contradictory] == [
        ("train/2", "test/43"),
        ("train/3", "train/4"),
    ]
    assert "near-copies have two labels" in two_labels
    assert "train holds 1 pair of near-copies" in found.sentences[-1]
    document = found.document()
    assert document["near_leaked"] == {"val": 0, "test": 3} and len(document["near_copies"]) == 5


def test_small_images_are_not_looked_through_for_near_copies() -> None:
    small = photographs(20)[:, :63, :63]
    small[15] = small[0]
    found = checked(small, np.arange(20) % 2, ["train"] * 10 + ["test"] * 10)
    assert found.near is None and found.leaks == 1 and found.document()["near_copies"] is None
