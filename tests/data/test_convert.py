"""Is a converted set read back equal, written whole or not at all, and never over something else?"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sadari.data.convert import convert
from sadari.data.load import load
from sadari.errors import SadariError, UsageError
from sadari.settings import Settings
from sadari.values import ImageSet


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))


def image_set(
    channels: int = 3, splits: Sequence[str] = (), classes: Sequence[str] = ("cat", "dog", "eel")
) -> ImageSet:
    source_split = list(splits) or [""] * 24
    count = len(source_split)
    return ImageSet(
        name="toy",
        images=np.random.default_rng(0).integers(0, 256, (count, 9, 9, channels)).astype(np.uint8),
        labels=np.arange(count, dtype=np.int64) % len(classes),
        ids=np.array([f"{at:03d}" for at in range(count)]),
        classes=tuple(classes),
        source_split=np.array(source_split),
        fingerprint="0",
    )


THREE_SPLITS = ["train"] * 12 + ["val"] * 6 + ["test"] * 6


def assert_equal(read: ImageSet, written: ImageSet) -> None:
    assert read.classes == written.classes
    assert np.array_equal(read.images, written.images)
    assert np.array_equal(read.labels, written.labels)
    assert np.array_equal(read.source_split, written.source_split)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("splits", [[], THREE_SPLITS, ["train"] * 12 + ["test"] * 12])
def test_an_npz_is_read_back_equal(tmp_path: Path, channels: int, splits: list[str]) -> None:
    written = image_set(channels, splits)
    assert convert(written, tmp_path / "new" / "toy.npz") == ()
    assert_equal(load(tmp_path / "new" / "toy.npz", Settings()), written)
    assert [each.name for each in (tmp_path / "new").iterdir()] == ["toy.npz"]


def test_the_keys_are_those_of_the_parts_and_nothing_is_pickled(tmp_path: Path) -> None:
    convert(image_set(splits=THREE_SPLITS), tmp_path / "splits.npz")
    convert(image_set(), tmp_path / "whole.npz")
    with np.load(tmp_path / "splits.npz", allow_pickle=False) as stored:
        assert sorted(stored) == ["X_test", "X_train", "X_val", "classes", "y_test", "y_train", "y_val"]
        assert stored["X_val"].dtype == np.uint8
        assert stored["y_val"].tolist() == [0, 1, 2, 0, 1, 2]
        assert stored["classes"].tolist() == ["cat", "dog", "eel"]
    with np.load(tmp_path / "whole.npz", allow_pickle=False) as stored:
        assert sorted(stored) == ["X", "classes", "y"]


def test_parts_that_are_mixed_in_the_source_stay_with_their_images(tmp_path: Path) -> None:
    written = image_set(splits=["train", "train", "train", "test", "test", "test"] * 4)
    convert(written, tmp_path / "toy.npz")
    read = load(tmp_path / "toy.npz", Settings())
    order = np.argsort(written.source_split == "test", kind="stable")
    assert np.array_equal(read.images, written.images[order])
    assert np.array_equal(read.source_split, written.source_split[order])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("splits", [[], THREE_SPLITS])
def test_a_folder_of_pngs_is_read_back_equal(tmp_path: Path, channels: int, splits: list[str]) -> None:
    written = image_set(channels, splits)
    assert convert(written, tmp_path / "toy") == ()
    read = load(tmp_path / "toy", Settings())
    # A folder is read in the order of its paths; the number in the name is the old position.
    order = np.array([int(Path(name).stem) for name in read.ids])
    assert sorted(order) == list(range(24))
    assert read.classes == written.classes
    assert np.array_equal(read.images, written.images[order])
    assert np.array_equal(read.labels, written.labels[order])
    assert np.array_equal(read.source_split, written.source_split[order])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cache", "toy"]


def test_a_class_whose_name_is_no_folder_name_is_renamed_and_said(tmp_path: Path) -> None:
    written = image_set(classes=("T-shirt/top", ".hidden", "..", "a b"))
    notes = convert(written, tmp_path / "toy")
    assert sorted(each.name for each in (tmp_path / "toy").iterdir()) == ["--", "-hidden", "T-shirt-top", "a b"]
    assert notes[0] == ("the class 'T-shirt/top' became the folder 'T-shirt-top', since a folder cannot have its name")
    assert len(notes) == 3
    assert len(load(tmp_path / "toy", Settings())) == 24


@pytest.mark.parametrize("names", [("a/b", "a-b"), ("Cat", "cat")])
def test_classes_that_would_share_a_folder_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    with pytest.raises(SadariError, match="would share the folder"):
        convert(image_set(classes=names), tmp_path / "toy")
    assert not (tmp_path / "toy").exists()


@pytest.mark.parametrize("name", ["toy.npz", "toy"])
def test_nothing_is_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError, match=f"{name} exists already; remove it or choose another name"):
        convert(image_set(), tmp_path / name)
    assert (tmp_path / name).read_text() == "mine"


def test_an_empty_folder_is_not_overwritten_either(tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        convert(image_set(), tmp_path / "toy")


def test_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"toy\.zip is to be a \.zip file, but the output is a \.npz file or a folder"):
        convert(image_set(), tmp_path / "toy.zip")


@pytest.mark.parametrize("name", ["toy.npz", "toy"])
def test_a_failure_on_the_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("PIL.Image.Image.save", full)
    monkeypatch.setattr("numpy.savez_compressed", full)
    with pytest.raises(SadariError, match=r"cannot write .*toy.*: No space left on device"):
        convert(image_set(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("PIL.Image.Image.save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        convert(image_set(), tmp_path / "toy")
    assert list(tmp_path.iterdir()) == []


def test_lost_evidence_is_said(tmp_path: Path) -> None:
    images = image_set()
    drawn = replace(images, evidence=np.zeros(images.images.shape[:3], np.bool_))
    assert convert(drawn, tmp_path / "toy.npz") == ("the evidence is not written",)
