"""A streamed set is the packed one: the same images, byte for byte, with nothing of them on disk."""

import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from numpy.typing import NDArray

from sadari.data import prepare
from sadari.data.cache.digests import cache_dir
from sadari.data.check import check
from sadari.data.convert import convert
from sadari.data.copies import examine
from sadari.data.decode import Frame
from sadari.data.load import load
from sadari.data.packs import build
from sadari.data.packs.stream import StreamedImages
from sadari.data.prepare import Preprocess
from sadari.data.split import draw_split
from sadari.errors import SadariError, UsageError
from sadari.settings import Settings, Value, with_overrides
from sadari.values import ImageSet
from support.sets import encode, encode_all, small_pixels, write_csv, write_folder, write_npz, write_tar, write_zip

pytestmark = pytest.mark.usefixtures("own_cache")

Write = Callable[[Path, dict[str, bytes]], Path]
FORMS: dict[str, Write] = {
    "folder": lambda root, files: write_folder(root / "photos", files),
    "zip": lambda root, files: write_zip(root / "photos.zip", {f"wrapped/{name}": files[name] for name in files}),
    "tar": lambda root, files: write_tar(root / "photos.tar", files),
    "csv": lambda root, files: write_csv(root / "photos" / "table.csv", files),
}
SQUARE: dict[str, Value] = {"image_size": 8}


def photographs(grey_too: bool = True) -> dict[str, bytes]:
    """JPEGs and PNGs of many sizes, some of them grey: everything that has to be made alike."""
    generator = np.random.default_rng(5)
    files = {}
    for number, name in enumerate(sorted(small_pixels())):
        height, width = generator.integers(20, 90, 2)
        pixels = generator.integers(0, 256, (height, width, 1 if grey_too and number % 5 == 2 else 3), dtype=np.uint8)
        files[name] = encode(pixels, "JPEG" if number % 2 else "PNG")
    return files


def streamed(data: Path, **settings: Value) -> ImageSet:
    images = load(data, with_overrides(Settings(), {**settings, "stream": "always"}))
    assert isinstance(images.images, StreamedImages)
    return images


def packed(data: Path, **settings: Value) -> ImageSet:
    images = load(data, with_overrides(Settings(), settings))
    assert isinstance(images.images, np.memmap)
    return images


def all_of(images: ImageSet) -> NDArray[np.uint8]:
    return np.asarray(images.images[:])


def require_equal(one: ImageSet, other: ImageSet) -> None:
    np.testing.assert_array_equal(all_of(one), all_of(other))
    np.testing.assert_array_equal(one.labels, other.labels)
    assert one.ids.tolist() == other.ids.tolist()
    assert one.source_split.tolist() == other.source_split.tolist()
    assert (one.name, one.classes, one.fingerprint) == (other.name, other.classes, other.fingerprint)
    assert (one.notes, one.shape, len(one)) == (other.notes, other.shape, len(other))


def must_not_run(*_: object) -> None:
    raise AssertionError("this must not run")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"image_size": 12},
        {"image_size": 12, "fit": "pad", "interpolation": "bicubic", "channels": 1},
        {"image_size": 20, "fit": "squash", "threads": 1},
    ],
    ids=["own size", "crop", "pad grey bicubic", "squash"],
)
def test_streamed_images_are_the_packed_ones(form: str, settings: dict[str, Value], tmp_path: Path) -> None:
    data = FORMS[form](tmp_path, photographs())
    require_equal(streamed(data, **settings), packed(data, **settings))


def test_images_that_have_one_size_keep_it(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "photos", encode_all(small_pixels(channels=1)))
    require_equal(streamed(data), packed(data))
    assert streamed(data).shape == (8, 8, 1)


@pytest.mark.parametrize(
    "which",
    [3, -1, slice(2, 9), slice(None, None, -3), [5, 1, 1, 17], [], np.array([[0, 1], [2, 3]]), np.arange(18) % 2 == 0],
    ids=str,
)
def test_images_are_named_as_those_of_an_array(which: Any, tmp_path: Path) -> None:
    data = write_folder(tmp_path / "photos", photographs())
    expected = np.array(packed(data, **SQUARE).images)
    which = np.array(which, dtype=np.int64) if isinstance(which, list) else which
    images = streamed(data, **SQUARE).images
    np.testing.assert_array_equal(images[which], expected[which])
    assert (images.shape, images.dtype, images.ndim) == (expected.shape, expected.dtype, expected.ndim)
    np.testing.assert_array_equal(list(images), expected)
    with pytest.raises(IndexError):
        images[18]


def test_nothing_of_the_pixels_is_kept(tmp_path: Path, own_cache: Path) -> None:
    data = write_folder(tmp_path / "photos", photographs())
    streamed(data, image_size=64)
    (entry,) = (own_cache / "packs").iterdir()
    assert {path.name for path in entry.iterdir()} == {"pack.json", "checksums.npy", "entry.json"}
    assert sum(path.stat().st_size for path in entry.iterdir()) < 64 * 64 * 3


def test_the_second_time_nothing_is_decoded_until_it_is_asked_for(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "photos", photographs())
    first = streamed(data, **SQUARE)
    with patch.object(Frame, "decode", must_not_run):
        second = streamed(data, **SQUARE)
    require_equal(first, second)


def test_a_set_that_the_cache_cannot_hold_is_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_folder(tmp_path / "photos", photographs())
    size = 18 * 40 * 40 * 3
    monkeypatch.setenv("SADARI_CACHE_LIMIT", str((size - 1) / 2**30))
    for _ in range(2):  # when that is found out, and when it is known
        images = load(data, Settings(image_size=40))
        assert isinstance(images.images, StreamedImages)
        (note,) = images.notes
        assert "SADARI_CACHE_LIMIT" in note and "stream=never" in note and "8.05e-05 GiB" in note
        with patch.object(build, "_decode_block", must_not_run):  # nothing is packed in vain once it is known
            require_equal(load(data, Settings(image_size=40)), images)
    monkeypatch.setenv("SADARI_CACHE_LIMIT", str(size / 2**30))
    assert packed(data, image_size=40).notes == ()
    monkeypatch.setenv("SADARI_CACHE_LIMIT", "0")
    assert isinstance(load(data, Settings(image_size=40)).images, np.memmap)  # what is there is used


def test_a_set_that_turns_out_too_large_midway_is_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first images are grey, and as many of them would fit."""
    pixels = small_pixels(channels=1)
    files = encode_all(pixels)
    last = max(pixels)
    files[last] = encode(np.repeat(pixels[last], 3, axis=2))
    data = write_folder(tmp_path / "photos", files)
    monkeypatch.setenv("SADARI_CACHE_LIMIT", str(18 * 8 * 8 * 2 / 2**30))
    images = load(data, Settings())
    assert isinstance(images.images, StreamedImages)
    monkeypatch.delenv("SADARI_CACHE_LIMIT")
    np.testing.assert_array_equal(all_of(images), all_of(packed(data)))


def test_a_full_disk_is_a_reason_to_stream(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "photos", photographs())
    usage = namedtuple("usage", "total used free")
    with patch.object(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 1000, 1000)):
        assert isinstance(load(data, Settings(image_size=40)).images, StreamedImages)
    assert isinstance(load(data, Settings(image_size=40)).images, np.memmap)


def test_never_packs_what_is_larger_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_folder(tmp_path / "photos", photographs())
    monkeypatch.setenv("SADARI_CACHE_LIMIT", "0")
    packed(data, image_size=40, stream="never")


@pytest.mark.parametrize("stream_", ["always", "auto"])
def test_a_compressed_tar_is_named_with_what_to_do(
    stream_: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_tar(tmp_path / "photos.tar.gz", photographs())
    monkeypatch.setenv("SADARI_CACHE_LIMIT", "0")
    with pytest.raises(SadariError, match=r"photos\.tar\.gz is a compressed \.tar.*unpack it.*stream=never") as caught:
        load(data, Settings(image_size=40, stream=stream_))
    assert "\n" not in str(caught.value)
    packed(data, image_size=40, stream="never")


def test_arrays_are_not_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_npz(tmp_path / "set.npz", small_pixels())
    monkeypatch.setenv("SADARI_CACHE_LIMIT", "0")
    packed(data)
    with pytest.raises(UsageError, match="holds arrays"):
        load(data, Settings(stream="always"))


def test_unreadable_files_are_found_when_the_set_is_loaded(tmp_path: Path) -> None:
    files = photographs()
    for name, content in list(files.items())[3:12:4]:
        files[name] = content[: len(content) // 2]
    data = write_folder(tmp_path / "photos", files)
    messages = []
    for choice in ("always", "never"):
        with pytest.raises(SadariError, match="3 of 18 images") as caught:
            load(data, Settings(image_size=8, stream=choice))
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    both = [load(data, Settings(image_size=8, unreadable="skip", stream=choice)) for choice in ("always", "never")]
    require_equal(*both)
    assert len(both[0]) == 15


def test_a_file_that_changes_while_it_is_in_use_is_one_sentence(tmp_path: Path) -> None:
    files = photographs()
    data = write_folder(tmp_path / "photos", files)
    images = streamed(data, **SQUARE)
    before = all_of(images)
    name = str(images.ids[4])
    (data / name).write_bytes(files[str(images.ids[5])])
    np.testing.assert_array_equal(images.images[:4], before[:4])
    with pytest.raises(SadariError, match=rf"{name} of .*photos has changed while it was in use") as caught:
        images.images[2:6]
    assert "\n" not in str(caught.value)
    (data / name).unlink()
    with pytest.raises(SadariError, match=rf"cannot read .*{name}"):
        images.images[4]
    (data / name).write_bytes(files[name])
    np.testing.assert_array_equal(all_of(images), before)


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_an_archive_that_is_cut_short_while_in_use_is_one_sentence(form: str, tmp_path: Path) -> None:
    data = FORMS[form](tmp_path, photographs())
    images = streamed(data, **SQUARE)
    with data.open("r+b") as file:
        file.truncate(200)
    with pytest.raises(SadariError, match=r"photos\.(zip|tar)") as caught:
        all_of(images)
    assert "\n" not in str(caught.value)


def test_a_damaged_survey_is_made_again(tmp_path: Path, own_cache: Path) -> None:
    data = write_folder(tmp_path / "photos", photographs())
    expected = all_of(streamed(data, **SQUARE))
    (entry,) = (own_cache / "packs").iterdir()
    for name, content in (("pack.json", b"{"), ("checksums.npy", b"\x93NUMPY"), ("checksums.npy", None)):
        (entry / name).unlink()
        if content is not None:
            (entry / name).write_bytes(content)
        np.testing.assert_array_equal(all_of(streamed(data, **SQUARE)), expected)


def test_the_fingerprint_needs_no_decoding(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "photos", photographs())
    streamed(data, **SQUARE)
    (data / "train" / "cat" / "0.png").write_bytes(b"no image any more")
    with patch.object(Frame, "decode", must_not_run), pytest.raises(AssertionError):
        streamed(data, **SQUARE)  # the change was seen before anything was decoded


def test_what_looks_at_everything_goes_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = photographs()
    files["test/cat/copy.png"] = files["train/dog/0.png"]
    data = write_folder(tmp_path / "photos", files)
    monkeypatch.setattr(examine, "BLOCK_BYTES", 4 * 8 * 8 * 3)
    monkeypatch.setattr(prepare, "BLOCK_VALUES", 3 * 8 * 8 * 3)
    sizes: list[int] = []
    original = StreamedImages.__getitem__

    def watched(self: StreamedImages, which: object) -> NDArray[np.uint8]:
        pixels = original(self, which)
        sizes.append(len(pixels))
        return pixels

    monkeypatch.setattr(StreamedImages, "__getitem__", watched)
    results = []
    for images in (streamed(data, **SQUARE), packed(data, **SQUARE)):
        split = draw_split(images, Settings())
        fitted = [Preprocess.fitted(images, split.train, scaling, "crop").to_json() for scaling in ("channel", "pixel")]
        results.append((fitted, check(images, split).document()))
    assert results[0] == results[1]
    assert results[0][1]["leaks"] == 1
    assert max(sizes) == 4


def test_a_streamed_set_is_converted_like_a_packed_one(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "photos", photographs())
    convert(streamed(data, **SQUARE), tmp_path / "one")
    convert(packed(data, **SQUARE), tmp_path / "other")
    written = [{path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.png")} for name in ("one", "other")]
    assert written[0] == written[1]
    assert len(written[0]) == 18


def test_the_cache_lists_what_was_told_of_a_streamed_set(tmp_path: Path) -> None:
    from sadari.data.cache.entries import describe, entries

    streamed(write_folder(tmp_path / "photos", photographs()), **SQUARE)
    (entry,) = entries()
    assert describe(entry) == "18 images of 3 classes"
    assert entry.folder.parent == cache_dir() / "packs"
