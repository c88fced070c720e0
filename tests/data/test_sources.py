"""The same small set is the same ImageSet, however it is handed over."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sadari.data.decode import fit_square
from sadari.data.levels import to_8_bits, to_channels
from sadari.data.load import load, named_sets, open_source
from sadari.data.packs.build import DEFAULT_SIZE
from sadari.settings import Settings
from sadari.values import ImageSet
from support.objects import write_parquet
from support.sets import (
    CLASSES,
    encode,
    encode_all,
    flat_files,
    small_pixels,
    write_csv,
    write_folder,
    write_npz,
    write_tar,
    write_zip,
)

pytestmark = pytest.mark.usefixtures("own_cache")


def wrapped(files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"./pets/{name}": content for name, content in reversed(files.items())}


def parquet(folder: Path) -> Path:
    pytest.importorskip("datasets", reason="needs the extra datasets")
    return write_parquet(folder, encode_all(small_pixels()))


SOURCES: dict[str, Callable[[Path], Path]] = {
    "folder": lambda tmp: write_folder(tmp / "pets", encode_all(small_pixels())),
    "zip": lambda tmp: write_zip(tmp / "pets.zip", encode_all(small_pixels())),
    "zip in a wrapper": lambda tmp: write_zip(tmp / "pets.zip", wrapped(encode_all(small_pixels()))),
    "tar": lambda tmp: write_tar(tmp / "pets.tar", encode_all(small_pixels())),
    "tar.gz": lambda tmp: write_tar(tmp / "pets.tar.gz", encode_all(small_pixels())),
    "tgz in a wrapper": lambda tmp: write_tar(tmp / "pets.tgz", wrapped(encode_all(small_pixels()))),
    "npz": lambda tmp: write_npz(tmp / "pets.npz", small_pixels()),
    "csv": lambda tmp: write_csv(tmp / "pets.csv", encode_all(small_pixels())),
    "parquet": lambda tmp: parquet(tmp / "pets"),
}


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("turn", ["first", "from the cache"])
def test_every_kind_of_source_gives_the_same_set(kind: str, turn: str, tmp_path: Path) -> None:
    path = SOURCES[kind](tmp_path)
    before = sorted(tmp_path.rglob("*"))
    images = load(path, Settings())
    if turn == "from the cache":
        images = load(str(path), Settings())
    pixels = small_pixels()
    # The .npz has its splits in the order train, test and numbers its images; the others sort by path.
    names = sorted(pixels, key=lambda name: name.startswith("test")) if kind == "npz" else list(pixels)
    assert images.name == "pets"
    assert images.classes == CLASSES
    assert images.notes == ()
    np.testing.assert_array_equal(images.images, np.stack([pixels[name] for name in names]))
    assert [images.classes[label] for label in images.labels] == [name.split("/")[1] for name in names]
    assert list(images.source_split) == [name.split("/")[0] for name in names]
    assert len(set(images.ids)) == len(names)
    if kind == "npz":
        assert list(images.ids[[0, 12]]) == ["train/00000", "test/00000"]
    else:
        assert list(images.ids) == names
    assert np.asarray(images.images).flags.writeable is False
    assert [path for path in before if path.exists()] == before
    assert {path.name for path in tmp_path.iterdir()} - {path.name for path in before} == {"cache"}


@pytest.mark.parametrize("kind", SOURCES)
def test_sizes_and_channels_apply_to_every_kind(kind: str, tmp_path: Path) -> None:
    path = SOURCES[kind](tmp_path)
    images = load(path, Settings(image_size=5, channels=1))
    assert images.images.shape == (18, 5, 5, 1)
    name = "train/bird/0.png"
    at = list(images.ids).index("train/00000" if kind == "npz" else name)
    expected = fit_square(to_channels(small_pixels()[name], 1), 5, "crop")
    np.testing.assert_array_equal(images.images[at], expected)


def test_classes_are_aligned_by_name_not_by_order(tmp_path: Path) -> None:
    files = {f"train/{name}/{at}.png": b"" for name in ("ant", "bee", "cow", "dog") for at in range(2)}
    files |= {f"test/{name}/{at}.png": b"" for name in ("bee", "dog") for at in range(2)}
    pixels = {name: np.full((4, 4, 1), at, dtype=np.uint8) for at, name in enumerate(sorted(files))}
    images = load(write_folder(tmp_path / "farm", encode_all(pixels)), Settings())
    assert images.classes == ("ant", "bee", "cow", "dog")
    test = images.source_split == "test"
    assert list(images.labels[test]) == [1, 1, 3, 3]
    assert list(images.labels[~test]) == [0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        (("Training", "Validation", "Testing"), ("train", "val", "test")),
        (("train", "valid", "eval"), ("train", "val", "test")),
        (("TRAIN", "dev"), ("train", "val")),
    ],
)
def test_split_folders_have_synonyms(folders: tuple[str, ...], splits: tuple[str, ...], tmp_path: Path) -> None:
    files = {f"{folder}/{name}": content for folder in folders for name, content in flat_files(a=1, b=2).items()}
    images = load(write_folder(tmp_path / "set", files), Settings())
    assert {
        (str(name).split("/")[0], str(split_name))
        for name, split_name in zip(images.ids, images.source_split, strict=True)
    } == set(zip(folders, splits, strict=True))


def test_without_split_folders_nothing_is_given(tmp_path: Path) -> None:
    images = load(write_folder(tmp_path / "set", flat_files(a=2, b=2)), Settings())
    assert set(images.source_split) == {""}


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    images = load(write_folder(tmp_path / "set", flat_files(bus=2, train=2, plane=2)), Settings())
    assert images.classes == ("bus", "plane", "train")
    assert set(images.source_split) == {""}


def test_nested_images_belong_to_their_class_folder(tmp_path: Path) -> None:
    files = flat_files(a=2, b=2)
    files["a/deep/er/1.png"] = files["a/1.png"]
    images = load(write_folder(tmp_path / "set", files), Settings())
    assert images.classes == ("a", "b")
    assert images.labels[list(images.ids).index("a/deep/er/1.png")] == 0


def test_hidden_and_other_files_are_left_out_and_counted(tmp_path: Path) -> None:
    files = flat_files(a=2, b=2)
    clutter = {".DS_Store": b"x", "README.md": b"x", "a/.hidden.png": b"x", "__MACOSX/a/._0.png": b"x", "a/x.txt": b"x"}
    stray = {"cover.png": files["a/0.png"]}
    expected = (
        "left out 5 files that are no image: 3 hidden, 1 .md, 1 .txt",
        "left out 1 image that is in no class folder",
    )
    for path in (
        write_folder(tmp_path / "set", files | clutter | stray),
        write_zip(tmp_path / "set.zip", files | clutter | stray),
    ):
        images = load(path, Settings())
        assert list(images.ids) == sorted(files)
        assert images.notes == expected


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    elsewhere = write_folder(tmp_path / "elsewhere", flat_files(b=2))
    root = write_folder(tmp_path / "set", flat_files(a=2))
    (root / "b").symlink_to(elsewhere / "b")
    (root / "a" / "again").symlink_to(root)
    (root / "a" / "self").symlink_to(root / "a" / "self")
    (root / "a" / "gone.png").symlink_to(root / "nowhere.png")
    images = load(root, Settings())
    assert {"a/0.png", "a/1.png", "b/0.png", "b/1.png"} <= set(images.ids)
    assert "left out 2 links that lead nowhere, such as a/gone.png" in images.notes


def test_grey_only_if_all_are_grey(tmp_path: Path) -> None:
    files = flat_files(a=3, b=3)
    assert load(write_folder(tmp_path / "grey", files), Settings()).shape == (4, 4, 1)
    for name in ("a/0.png", "b/2.png"):  # the order must not matter
        colour = np.full((4, 4, 3), (9, 8, 7), dtype=np.uint8)
        images = load(write_folder(tmp_path / name[0], files | {name: encode(colour)}), Settings())
        assert images.shape == (4, 4, 3)
        grey = images.images[list(images.ids).index("a/1.png")]
        assert (grey == grey[:, :, :1]).all()
        np.testing.assert_array_equal(images.images[list(images.ids).index(name)], colour)


def test_equal_sizes_are_kept_also_when_not_square(tmp_path: Path) -> None:
    pixels = {f"{name}/{at}.png": np.full((6, 9, 3), 50 + at, dtype=np.uint8) for name in "ab" for at in range(2)}
    images = load(write_folder(tmp_path / "wide", encode_all(pixels)), Settings())
    assert images.shape == (6, 9, 3)
    assert images.notes == ()


@pytest.mark.parametrize("odd", ["a/0.png", "b/1.png"])
def test_mixed_sizes_get_the_default_size_and_a_note(odd: str, tmp_path: Path) -> None:
    pixels = {f"{name}/{at}.png": np.full((6, 9, 3), 50, dtype=np.uint8) for name in "ab" for at in range(2)}
    pixels[odd] = np.full((30, 20, 1), 70, dtype=np.uint8)
    path = write_folder(tmp_path / "mixed", encode_all(pixels))
    images = load(path, Settings())
    assert images.shape == (DEFAULT_SIZE, DEFAULT_SIZE, 3)
    assert len(images.notes) == 1
    assert "different sizes" in images.notes[0]
    assert "image_size" in images.notes[0]
    assert {int(value) for value in images.images[:].max(axis=(1, 2, 3))} == {50, 70}
    assert load(path, Settings(image_size=12)).shape == (12, 12, 3)
    assert load(path, Settings(image_size=12)).notes == ()


def test_a_class_with_one_image_is_noted(tmp_path: Path) -> None:
    images = load(write_folder(tmp_path / "set", flat_files(a=3, b=1)), Settings())
    assert images.notes == ("the class 'b' has one image only",)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[[True, False]]] * 4), [[[255], [0]]]),
        (np.full((4, 1, 2), 51, dtype=np.uint8), [[[51], [51]]]),
        (np.full((4, 1, 2, 1), 51, dtype=np.uint8), [[[51], [51]]]),
        (np.full((4, 1, 2), 32768, dtype=np.uint16), [[[128], [128]]]),
        (np.full((4, 1, 2), 32768, dtype=">u2"), [[[128], [128]]]),
        (np.full((4, 1, 2, 3), 65535, dtype=np.uint16), [[[255] * 3] * 2]),
        (np.full((4, 1, 2, 4), (200, 100, 0, 51), dtype=np.uint8), [[[244, 224, 204]] * 2]),
    ],
)
def test_npz_kinds_of_pixels(array: np.ndarray, expected: list[object], tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", X=array, y=[0, 1, 0, 1])
    images = load(tmp_path / "x.npz", Settings())
    np.testing.assert_array_equal(images.images[3], expected)
    assert list(images.ids[:2]) == ["00000", "00001"]
    assert set(images.source_split) == {""}


@pytest.mark.parametrize(
    ("labels", "classes", "positions"),
    [
        (np.array([10, 9, 2, 10]), ("2", "9", "10"), [2, 1, 0, 2]),
        (np.array([[1], [0], [1], [0]], dtype=np.uint8), ("0", "1"), [1, 0, 1, 0]),
        (np.array(["pig", "cow", "pig", "ox"]), ("cow", "ox", "pig"), [2, 0, 2, 1]),
    ],
)
def test_npz_kinds_of_labels(
    labels: np.ndarray, classes: tuple[str, ...], positions: list[int], tmp_path: Path
) -> None:
    np.savez(tmp_path / "x.npz", x_train=np.zeros((4, 2, 2), dtype=np.uint8), y_train=labels, other=[1])
    images = load(tmp_path / "x.npz", Settings())
    assert images.classes == classes
    assert list(images.labels) == positions
    assert "left out the arrays other" in images.notes


def test_csv_keeps_the_order_of_its_rows(tmp_path: Path) -> None:
    write_folder(tmp_path, flat_files(a=2, b=2))
    (tmp_path / "list.csv").write_text(
        "label, path\nzebra,b/1.png\napple,a/0.png\nzebra,./a/1.png\n", encoding="utf-8-sig"
    )
    images = load(tmp_path / "list.csv", Settings())
    assert list(images.ids) == ["b/1.png", "a/0.png", "./a/1.png"]
    assert images.classes == ("apple", "zebra")
    assert list(images.labels) == [1, 0, 1]
    assert set(images.source_split) == {""}


def test_evidence_of_a_drawn_set_follows_the_pixels() -> None:
    as_drawn = load("shapes:images=60", Settings())
    half = load("shapes:images=60", Settings(image_size=16))
    assert as_drawn.evidence is not None
    assert half.evidence is not None
    assert as_drawn.evidence.shape == as_drawn.images.shape[:3]
    assert half.evidence.shape == half.images.shape[:3]
    assert 0.7 < half.evidence.mean() / as_drawn.evidence.mean() < 1.3


def test_every_named_set_is_listed_with_a_summary() -> None:
    names = named_sets().names()
    assert {"digits", "shapes", "fashion-mnist", "mnist", "cifar10", "cifar100", "svhn", "stl10"} <= set(names)
    assert all(each.summary for each in named_sets())


def test_a_name_comes_before_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path / "digits", flat_files(a=2, b=2))
    monkeypatch.chdir(tmp_path)
    assert len(open_source("digits").fingerprint()) == 40
    assert load("digits", Settings()).classes == tuple("0123456789")
    assert load("./digits", Settings()).classes == ("a", "b")
    assert isinstance(load("./digits", Settings()), ImageSet)


def test_16_bit_files_and_arrays_agree(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 65536, (4, 5, 6), dtype=np.uint16)
    for at, each in enumerate(values):
        path = tmp_path / "deep" / "ab"[at % 2] / f"{at}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(each).save(path)
    images = load(tmp_path / "deep", Settings())
    for name, image in zip(images.ids, images.images, strict=True):
        np.testing.assert_array_equal(image[:, :, 0], to_8_bits(values[int(Path(str(name)).stem)]))
