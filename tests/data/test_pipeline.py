"""Does every word of the setting `augment` keep the contract, and is the text understood or refused?"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sadari.data.augment.pipeline import OPERATIONS, parse_augmentation
from sadari.data.augment.sampling import CHUNK, chunks
from sadari.errors import UsageError
from sadari.testing import AugmentationContract
from sadari.testing.images import redrawn
from sadari.testing.suites import noise
from sadari.training.randomness import generator_for
from sadari.values import ImageSet
from support.batches import parsed
from support.engines import batches_of
from support.jobs import patterns

STRONG = {"rotate": 30, "shift": 0.2, "crop": 2, "zoom": 0.2, "resized-crop": 0.3, "jitter": 0.4, "erase": 0.7}


def asked(name: str) -> str:
    return f"{name} {STRONG.get(name, 1)}" if OPERATIONS.get(name).takes else name


class TestOperations(AugmentationContract):
    words = tuple(asked(name) for name in OPERATIONS.own())
    few_views = ("flip", "alternate-flip")


def test_chunks_cover_a_batch_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = noise(30, 24, 24, 3)
    text = "rotate 20, zoom 0.1, jitter 0.4, mixup 1, cutmix 1"
    together, labels = redrawn(text, pixels)
    monkeypatch.setattr("sadari.data.augment.sampling.CHUNK", 24 * 24 * 7)
    assert [(some.start, some.stop) for some in chunks(pixels)] == [(0, 7), (7, 14), (14, 21), (21, 28), (28, 30)]
    apart, same_labels = redrawn(text, pixels)
    assert torch.equal(apart, together) and torch.equal(labels, same_labels)
    assert CHUNK >= 8 * 224 * 224


def test_seeds_decide() -> None:
    augmentation = parsed("flip, rotate 30, trivial, erase 0.5")
    again = [augmentation.apply(noise(40, 7, 5, 3), generator_for(1, "augment", 2, 3)) for _ in range(2)]
    assert torch.equal(*again)


# The epoch


def flat(count: int) -> ImageSet:
    """Image k is flat with the level k: recognised whatever is done to its geometry."""
    pixels = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 8, 8, 1)).copy()
    ids = np.array([f"{number:03}" for number in range(count)])
    return ImageSet("flat", pixels, np.arange(count) % 3, ids, ("a", "b", "c"), np.full(count, ""), "0")


@pytest.mark.parametrize("text", ["", "rotate 30, shift 0.2, zoom 0.2, flip", "resized-crop 0.3, flip, crop 2"])
def test_an_epoch_visits_every_image_once_and_no_more(text: str) -> None:
    images = flat(107)
    positions = np.arange(0, 107, 2)
    batches = batches_of(images, positions, 16, parse_augmentation(text, 8, 8))
    for epoch in range(3):
        steps = [batches.batch(epoch, step) for step in range(batches.steps_per_epoch)]
        seen = torch.cat([each.x[:, 4, 4, 0] for each in steps])
        assert sorted(seen.tolist()) == positions.tolist()
        assert torch.equal(torch.cat([each.labels for each in steps]), seen.long() % 3)


def test_a_step_is_the_same_wherever_its_epoch_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the place in memory, on which it depends how products are added up."""
    monkeypatch.setattr("sadari.training.batches.STRETCH_VALUES", 3 * 5 * (64 + 3))
    images = flat(59)
    whole = batches_of(images, np.arange(59), 5, None)
    for step in range(whole.steps_per_epoch):
        begun_here, gone_on = (each.batch(0, step) for each in (batches_of(images, np.arange(59), 5, None), whole))
        assert torch.equal(begun_here.x, gone_on.x) and torch.equal(begun_here.labels, gone_on.labels)
        assert begun_here.x.storage_offset() == gone_on.x.storage_offset() == 5 * 64 * (step % 3)


def test_an_image_left_over_joins_the_batch_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for at_once in (1, 2, 3, 100):
        monkeypatch.setattr("sadari.training.batches.STRETCH_VALUES", at_once * 5 * (64 + 3))
        images = flat(61)
        batches = batches_of(images, np.arange(61), 5, None)
        steps = [batches.batch(0, step) for step in range(batches.steps_per_epoch)]
        assert [len(each.x) for each in steps] == [len(each.labels) for each in steps] == [5] * 11 + [6]
        seen = torch.cat([each.x.flatten(1)[:, 0] for each in steps])
        assert sorted(seen.tolist()) == sorted(images.images[:, 0, 0, 0].tolist())


def test_mixing_keeps_the_number_of_images_and_the_sum_of_labels() -> None:
    images = patterns()
    batches = batches_of(images, np.arange(50), 16, parsed("mixup 1, cutmix 1"))
    steps = [batches.batch(0, step) for step in range(batches.steps_per_epoch)]
    assert sum(len(each.x) for each in steps) == 50
    labels = torch.cat([each.labels for each in steps])
    assert labels.shape == (50, len(images.classes))
    assert torch.allclose(labels.sum(1), torch.ones(50))


def test_each_epoch_draws_anew_and_each_step_again_the_same() -> None:
    images = patterns(10)
    images = replace(images, images=np.repeat(images.images[:1], 10, axis=0))  # the order of equal images does not tell
    batches = batches_of(images, np.arange(10), 5, parsed("rotate 30, erase 0.5"))
    batch = batches.batch(0, 0)[0]
    assert torch.equal(batches.batch(0, 0)[0], batch)
    assert not torch.equal(batches.batch(1, 0)[0], batch)
    assert not torch.equal(batches.batch(0, 1)[0], batch)


def test_an_alternating_flip_shows_every_image_on_its_other_side_in_the_next_epoch() -> None:
    images = patterns(40)
    batches = batches_of(images, np.arange(40), 16, parsed("alternate-flip"))
    seen = []
    for epoch in range(4):
        steps = [batches.batch(epoch, step).x for step in range(batches.steps_per_epoch)]
        sides = {image.numpy().tobytes() for image in torch.cat(steps)}
        as_it_is = np.array([image.tobytes() in sides for image in images.images])
        turned = np.array([np.ascontiguousarray(image[:, ::-1]).tobytes() in sides for image in images.images])
        assert (as_it_is ^ turned).all()
        seen.append(as_it_is)
    assert 8 < seen[0].sum() < 32, "about half of them begin mirrored"
    assert np.array_equal(seen[0], ~seen[1]) and np.array_equal(seen[0], seen[2]) and np.array_equal(seen[1], seen[3])


# The text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        (" , ", ()),
        ("shift 0, rotate 0, mixup 0, resized-crop 1", ()),
        ("flip", (("flip", 1.0),)),
        ("flip,  shift 0.2 ,zoom 0.2, rotate 30", (("rotate", 30.0), ("shift", 0.2), ("zoom", 0.2), ("flip", 1.0))),
        ("cutmix 1, mixup 0.2, trivial", (("trivial", 1.0), ("mixup", 0.2), ("cutmix", 1.0))),
    ],
)
def test_text_is_understood(text: str, expected: tuple[tuple[str, float], ...]) -> None:
    found = parse_augmentation(text, 30, 20)
    assert (found.steps if found else ()) == expected


@pytest.mark.parametrize("text", ["flip 1", "trivial 2", "shift", "shift 1", "shift -0.1", "shift nan", "crop 1.5"])
@pytest.mark.parametrize("before", ["", "flip, "])
def test_wrong_numbers_are_refused_with_what_the_word_takes(text: str, before: str) -> None:
    name = text.split()[0]
    with pytest.raises(UsageError, match=f"^augment takes {name} .*, not '{text}'$"):
        parse_augmentation(before + text, 30, 20)


@pytest.mark.parametrize("name", [name for name in OPERATIONS.names() if OPERATIONS.get(name).takes])
@pytest.mark.parametrize("number", ["-1", "nan", "inf", "1000000000000", "x", "0.5 0.5", ""])
def test_every_number_has_limits(name: str, number: str) -> None:
    with pytest.raises(UsageError, match=f"augment takes {name} {OPERATIONS.get(name).takes}, "):
        parse_augmentation(f"{name} {number}", 30, 20)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("flop", "flip"),
        ("rotation 30", "rotate DEGREES"),
        ("Zoom 0.2", "zoom FRACTION"),
        ("mixxup 1", "mixup ALPHA"),
        ("?", ""),
    ],
)
def test_unknown_words_are_refused_with_all_that_are_known(text: str, meant: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_augmentation(f"flip, {text}", 30, 20)
    sentence = str(raised.value)
    assert f"not '{text}'" in sentence and all(name in sentence for name in OPERATIONS.names())
    assert sentence.endswith(f"; did you mean '{meant}'?") if meant else "did you mean" not in sentence


def test_a_word_is_named_once() -> None:
    with pytest.raises(UsageError, match="augment names flip twice in 'flip, flip'"):
        parse_augmentation("flip, flip", 30, 20)


def test_a_crop_leaves_something_to_see() -> None:
    with pytest.raises(UsageError, match="'crop 20' moves images of 30x20 pixels out of sight"):
        parse_augmentation("crop 20", 30, 20)
    assert parse_augmentation("crop 19", 30, 20) is not None


@given(st.text(max_size=30))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        parse_augmentation(text, 30, 20)
    except UsageError as error:
        assert str(error).startswith("augment ")
