"""A HEIC file that is damaged, or made to take long or much memory, is refused at once with one sentence."""

import struct
from dataclasses import replace
from time import thread_time

import numpy as np
import pytest
from PIL import Image

from sadari.data.decode import decode_image
from sadari.data.heic import MAX_BYTES, is_heic, pieces_of
from sadari.data.image_file import UnreadableImageError
from support.heic import Item, coded, crop_box, heic, kind_box, size_box, tiled, written

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
TILE = replace(coded(NOISE), hidden=True)


def reason(content: bytes, max_pixels: int = 0) -> str:
    """The sentence with which the file is refused, soon."""
    started = thread_time()
    with pytest.raises(UnreadableImageError) as caught:
        decode_image(content, size=28, max_pixels=max_pixels)
    assert thread_time() - started < 1
    sentence = str(caught.value)
    assert sentence.isprintable()
    return sentence


def declaring(width: int, height: int) -> bytes:
    """A photograph of 64 x 64 pixels that declares to have others."""
    content, real = heic(NOISE), size_box(64, 64)
    assert content.count(real) == 1
    return content.replace(real, size_box(width, height))


@pytest.mark.parametrize("side", [11_000, 60_000])
def test_too_many_pixels_are_refused_before_they_are_decoded(side: int) -> None:
    assert reason(declaring(side, side)).startswith(f"it is too large: {side} x {side} pixels, over the limit of 120,")


def test_the_limit_is_that_of_the_setting() -> None:
    assert decode_image(heic(NOISE), max_pixels=4096).shape == (64, 64, 3)
    assert "over the limit of 4,095 (max_megapixels)" in reason(heic(NOISE), 4095)


@pytest.mark.parametrize(
    ("width", "height"), [(0, 0), (64, 40), (32, 64), (65, 64), (5_000, 5_000), (2**32 - 1, 2**32 - 1)]
)
def test_a_picture_of_another_size_than_it_declares_is_refused(width: int, height: int) -> None:
    assert "damaged or cut short" in reason(declaring(width, height))


def test_every_cut_is_refused() -> None:
    content = heic(NOISE)
    for cut in (*range(12, 120, 9), *range(120, len(content), 397), len(content) - 1):
        assert "damaged or cut short" in reason(content[:cut])


def test_wrong_bytes_end_in_a_picture_or_a_sentence() -> None:
    content, generator = heic(NOISE), np.random.default_rng(0)
    for _ in range(60):
        wrong = bytearray(content)
        for at in generator.integers(8, 450, 3):
            wrong[at] = generator.integers(256)
        try:
            assert decode_image(bytes(wrong)).dtype == np.uint8
        except UnreadableImageError as error:
            assert str(error).isprintable()


@pytest.mark.parametrize("claimed", [16, 64])
def test_one_tile_that_is_placed_many_times_is_refused(claimed: int) -> None:
    """Some kilobytes that would decode for a minute: 255 tiles of which a small picture needs one."""
    content = written([tiled(255, 1, claimed, claimed, [2] * 255), TILE])
    assert pieces_of(content).all == claimed**2 + 255 * 64**2
    limit = 255 * 64**2 // 4
    assert "whose pieces have" in reason(content, limit)
    assert decode_image(content, max_pixels=limit + claimed**2).shape == (claimed, claimed, 3)


def test_a_crop_hides_no_pixels() -> None:
    whole = coded(NOISE)
    content = written([replace(whole, properties=[*whole.properties, crop_box(8, 8)])])
    assert decode_image(content).shape == (8, 8, 3)
    assert pieces_of(content).own == 64**2
    assert "whose pieces have 4,096" in reason(content, 1_000)


def test_large_transparency_of_a_small_picture_counts() -> None:
    large = coded(NOISE.resize((128, 128)))
    alpha = replace(large, properties=[*large.properties, kind_box(b"urn:mpeg:hevc:2015:auxid:1")], of=1, hidden=True)
    content = written([coded(NOISE), alpha])
    assert pieces_of(content).largest == 128**2
    assert "whose pieces have 20,480" in reason(content, 64**2)


def derived(kind: bytes, parts: list[int]) -> Item:
    return Item(kind, b"", [size_box(64, 64)], parts)


@pytest.mark.parametrize(
    "items",
    [
        [derived(b"iden", [1])],
        [derived(b"iden", [2]), derived(b"iden", [1])],
        [derived(b"iden", [number + 1]) for number in range(1, 20)] + [TILE],
        [derived(b"iovl", [2] * 200), TILE],
        [derived(b"grid", [7])],
    ],
    ids=["itself", "each other", "deep", "an overlay", "missing"],
)
def test_pieces_without_end_or_of_other_kinds_are_refused(items: list[Item]) -> None:
    assert "damaged or cut short" in reason(written(items))


def test_what_a_file_says_cannot_command_the_terminal() -> None:
    content = written([coded(NOISE)])
    assert content.count(b"pixi") == 1
    assert "property 'p?xi'" in reason(content.replace(b"pixi", b"p\x1bxi"))


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda content: content + box(b"meta", bytes(4)), "2 boxes 'meta'"),
        (lambda content: content + box(b"free", b"") * 20_000, "more than 20,000 boxes"),
        (lambda content: content + struct.pack(">I4s", 4, b"free"), "ends outside"),
    ],
    ids=["two", "many", "outside"],
)
def test_boxes_that_can_be_read_in_two_ways_are_refused(change: object, sentence: str) -> None:
    assert callable(change)
    assert sentence in reason(change(heic(NOISE)))


def test_endless_lists_of_pieces_are_refused() -> None:
    whole = tiled(1, 1, 64, 64, [2])
    content = written([whole, TILE, *[replace(whole, parts=[2] * 60_000, hidden=True) for _ in range(9)]])
    assert len(content) > MAX_BYTES
    assert "damaged or cut short" in reason(content)


@pytest.mark.parametrize("content", [b"", b"\0\0\0\x18ftyp", b"\0\0\0\x18ftypjpeg" + bytes(99), b"heic" * 9])
def test_what_is_no_heic(content: bytes) -> None:
    assert not is_heic(content)
