"""Bad input is refused with one clear sentence, and leaves nothing behind."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from sadari.data.cache import digests as cache
from sadari.data.load import load
from sadari.data.split import draw_split
from sadari.errors import SadariError, UsageError
from sadari.settings import Settings
from support.photographs import raw_png
from support.sets import encode, flat_files, write_csv, write_folder, write_tar, write_zip

pytestmark = pytest.mark.usefixtures("own_cache")

Writer = Callable[[Path, Mapping[str, bytes]], Path]


def refusal(data: str | Path, settings: Settings | None = None) -> str:
    """The sentence with which `data` is refused; checks that it is one, and that no pack was kept."""
    with pytest.raises(SadariError) as caught:
        load(data, settings or Settings())
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert caught.value.status == (2 if isinstance(caught.value, UsageError) else 1)
    packs = cache.cache_dir() / "packs"
    assert not packs.exists() or list(packs.iterdir()) == []
    return sentence


def untrainable(data: str | Path, settings: Settings | None = None) -> str:
    """The sentence with which images that can be loaded, and judged, are refused for training."""
    images = load(data, settings or Settings())
    with pytest.raises(SadariError) as caught:
        draw_split(images, settings or Settings())
    return str(caught.value)


def test_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    assert "is empty; put the images of each class into a folder" in refusal(tmp_path / "set")


def test_folder_without_images(tmp_path: Path) -> None:
    write_folder(tmp_path / "set", {"a/notes.txt": b"x", "b/notes.txt": b"x"})
    assert "holds 2 files but no images" in refusal(tmp_path / "set")


def test_folder_without_class_folders(tmp_path: Path) -> None:
    write_folder(tmp_path / "set", {name.replace("/", "-"): body for name, body in flat_files(a=2, b=2).items()})
    assert "holds 4 images but no class folders" in refusal(tmp_path / "set")


@pytest.mark.parametrize("kind", ["folder", "zip", "npz", "csv"])
def test_one_class(kind: str, tmp_path: Path) -> None:
    files = flat_files(cat=3)
    if kind == "npz":
        np.savez(tmp_path / "set.npz", X=np.zeros((3, 2, 2), dtype=np.uint8), y=[7, 7, 7])
    path = {
        "folder": lambda: write_folder(tmp_path / "set", files),
        "zip": lambda: write_zip(tmp_path / "set.zip", files),
        "npz": lambda: tmp_path / "set.npz",
        "csv": lambda: write_csv(tmp_path / "set.csv", {f"train/{name}": body for name, body in files.items()}),
    }[kind]()
    assert f"holds one class only, '{'7' if kind == 'npz' else 'cat'}'" in untrainable(path)


def test_test_class_that_nothing_can_learn(tmp_path: Path) -> None:
    files = {f"train/{name}": body for name, body in flat_files(cat=2, dog=2).items()}
    files |= {f"test/{name}": body for name, body in flat_files(Cat=1, dog=1).items()}
    assert "the class 'Cat' of" in untrainable(write_folder(tmp_path / "set", files))


def test_split_folders_beside_others(tmp_path: Path) -> None:
    files = {f"train/{name}": body for name, body in flat_files(a=2, b=2).items()}
    assert "split folder 'train' beside 'more'" in refusal(write_folder(tmp_path / "set", files | flat_files(more=2)))
    assert "test holds images outside class folders" in refusal(
        write_folder(tmp_path / "other", files | flat_files(test=2))
    )


BROKEN = {
    "a truncated JPEG": encode(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8), "JPEG")[:700],
    "a text file": b"I am no image at all",
    "a decompression bomb": raw_png(30_000, 30_000, b"\0" * 1000),
    "an empty file": b"",
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize(("write", "suffix"), [(write_folder, ""), (write_zip, ".zip"), (write_tar, ".tar")])
def test_unreadable_images(kind: str, write: Writer, suffix: str, tmp_path: Path) -> None:
    files = flat_files(a=3, b=3)
    path = write(tmp_path / f"set{suffix}", {**files, "a/1.png": BROKEN[kind], "b/bad.jpg": BROKEN[kind]})
    sentence = refusal(path)
    assert "2 of 7 images of" in sentence
    assert "a/1.png (" in sentence
    assert f"sadari data check {path}" in sentence
    images = load(path, Settings(unreadable="skip"))
    assert list(images.ids) == ["a/0.png", "a/2.png", "b/0.png", "b/1.png", "b/2.png"]
    assert "left out 2 of 7 files that cannot be read: a/1.png" in images.notes[0]
    good = load(write_folder(tmp_path / "good", {str(name): files[str(name)] for name in images.ids}), Settings())
    np.testing.assert_array_equal(images.images, good.images)
    np.testing.assert_array_equal(images.labels, good.labels)


def test_all_of_a_class_unreadable(tmp_path: Path) -> None:
    files = flat_files(a=3) | {"b/0.png": b"x", "b/1.png": b"y"}
    assert "no training image of the class 'b'" in untrainable(
        write_folder(tmp_path / "set", files), Settings(unreadable="skip")
    )


CLIMBING = ["../evil.png", "a/../../evil.png", "/etc/evil.png", "..\\evil.png", "C:/evil.png", "\\\\host\\evil.png"]


@pytest.mark.parametrize("name", CLIMBING)
@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_climbing_archive(name: str, write: Writer, tmp_path: Path) -> None:
    path = write(tmp_path / f"set.{write.__name__[6:]}", {**flat_files(a=2, b=2), name: b"x"})
    assert "points outside the archive" in refusal(path)
    assert {each.name for each in tmp_path.iterdir()} <= {path.name, "cache"}


def with_special(path: Path, kind: bytes, target: str) -> Path:
    with tarfile.open(path, "a") as packed:
        info = tarfile.TarInfo("a/link.png")
        info.type, info.linkname = kind, target
        packed.addfile(info)
    return path


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_tar_with_devices(kind: bytes, tmp_path: Path) -> None:
    path = with_special(write_tar(tmp_path / "set.tar", flat_files(a=2, b=2)), kind, "")
    assert "'a/link.png' is a device or sparse file" in refusal(path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_that_lead_out_of_a_tar_are_left_out(kind: bytes, tmp_path: Path) -> None:
    path = with_special(write_tar(tmp_path / "set.tar", flat_files(a=2, b=2)), kind, "/etc/passwd")
    images = load(path, Settings())
    assert list(images.ids) == ["a/0.png", "a/1.png", "b/0.png", "b/1.png"]
    assert any("left out 1 link of the archive, such as a/link.png" in note for note in images.notes)


@pytest.mark.parametrize("packing", ["tar", "tar.gz"])
def test_a_hard_link_of_a_tar_is_the_file_that_it_names(packing: str, tmp_path: Path) -> None:
    files = flat_files(a=2, b=2)
    path = with_special(write_tar(tmp_path / "set.tar", files), tarfile.LNKTYPE, "a/1.png")
    if packing == "tar.gz":
        path = tmp_path / "set.tar.gz"
        path.write_bytes(gzip.compress((tmp_path / "set.tar").read_bytes()))
    images = load(path, Settings())
    ids = list(images.ids)
    assert len(ids) == 5
    np.testing.assert_array_equal(images.images[ids.index("a/link.png")], images.images[ids.index("a/1.png")])


def test_an_archive_that_is_whole_is_not_called_damaged(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "windows.zip", flat_files(a=2, b=2))
    path.write_bytes(path.read_bytes().replace(b"\x14\0\0\0\x08\0", b"\x14\0\0\0\x09\0"))
    sentence = refusal(path)
    assert "packed by Deflate64" in sentence and "damaged" not in sentence
    (tmp_path / "set.tar.xz").write_bytes(b"\xfd7zXZ")
    assert "an archive of a kind that is not read in place" in refusal(tmp_path / "set.tar.xz")


def test_a_link_of_a_zip_is_left_out(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", flat_files(a=2, b=2))
    with zipfile.ZipFile(path, "a") as packed:
        info = zipfile.ZipInfo("a/link.png")
        info.external_attr = 0o120777 << 16
        packed.writestr(info, "/etc/passwd")
    images = load(path, Settings())
    assert len(images) == 4
    assert any("left out 1 link of the archive, such as a/link.png" in note for note in images.notes)


def test_zip_that_unpacks_to_100_gb(tmp_path: Path) -> None:
    """25 members that declare 4.3 GB each, the most without zip64; nothing may be read to find out."""
    path = write_zip(tmp_path / "set.zip", flat_files(a=2, b=2) | {f"a/huge-{at}.png": b"x" * 77 for at in range(25)})
    declare(path, 77, 0xFFFFFFF0)
    with zipfile.ZipFile(path) as packed:
        assert sum(info.file_size for info in packed.infolist()) > 100 * 10**9
    assert "it unpacks to more than 50 GB" in refusal(path)


def test_tar_that_unpacks_to_100_gb(tmp_path: Path) -> None:
    path = tmp_path / "set.tar.gz"
    with tarfile.open(path, "w:gz") as packed:
        info = tarfile.TarInfo("a/huge.png")
        info.size = 100 * 10**9
        packed.fileobj.write(info.tobuf())
    assert "it unpacks to more than 50 GB" in refusal(path)


def declare(path: Path, size: int, claimed: int) -> None:
    """Rewrite the uncompressed size of the zip member of `size` bytes in both of its headers."""
    content = path.read_bytes()
    path.write_bytes(content.replace(size.to_bytes(4, "little"), claimed.to_bytes(4, "little")))


def test_zip_that_lies_about_a_size(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", {**flat_files(a=2, b=2), "a/lie.png": b"\0" * 1_000_003})
    declare(path, 1_000_003, 77)
    assert "cannot read" in refusal(path)


def test_member_that_is_too_large_for_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("sources.members", "sources.folder", "decode"):
        monkeypatch.setattr(f"sadari.data.{module}.MAX_FILE_BYTES", 2000)
    files = {**flat_files(a=2, b=2), "a/large.png": b"x" * 5000}
    for path in (write_zip(tmp_path / "set.zip", files), write_folder(tmp_path / "set", files)):
        assert "a/large.png (the file is larger than" in refusal(path)


def test_tar_header_that_asks_for_all_memory(tmp_path: Path) -> None:
    path = tmp_path / "set.tar"
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 8 * 10**9
    path.write_bytes(info.tobuf() + b"\0" * 4096)
    assert "a header of" in refusal(path)


def test_tar_that_walks_in_a_circle(tmp_path: Path) -> None:
    """A member of -512 bytes ends where its own header begins."""
    first = tarfile.TarInfo("a/0.png").tobuf(tarfile.GNU_FORMAT)
    back = bytearray(tarfile.TarInfo("a/back.png").tobuf(tarfile.GNU_FORMAT))
    back[124:136] = (-512).to_bytes(12, "big", signed=True)
    back[148:156] = b" " * 8
    back[148:156] = b"%06o\0 " % sum(back)
    (tmp_path / "set.tar").write_bytes(first + bytes(back) + bytes(1024))
    assert "negative size" in refusal(tmp_path / "set.tar")


@pytest.mark.parametrize("name", ["set.zip", "set.tar", "set.tar.gz"])
@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
def test_damaged_archive(name: str, damage: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    files = {f"{folder}/{at}.png": encode(noise) for folder in "ab" for at in range(3)}
    path = (write_zip if name.endswith("zip") else write_tar)(tmp_path / name, files)
    content = path.read_bytes()
    path.write_bytes({"cut": content[: len(content) // 2], "text": b"no archive", "empty": b""}[damage])
    assert "damaged, cut short or no such archive" in refusal(path)


def test_archive_with_one_name_twice(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "set.tar", flat_files(a=2, b=2))
    with tarfile.open(path, "a") as packed:
        info = tarfile.TarInfo("a/0.png")
        packed.addfile(info, io.BytesIO(b""))
    assert "holds 'a/0.png' twice" in refusal(path)


GOOD_X = np.zeros((4, 3, 3), dtype=np.uint8)
BAD_ARRAYS: dict[str, tuple[dict[str, object], str]] = {
    "pickled": ({"X": np.array([{"a": 1}] * 4, dtype=object), "y": [0, 1, 0, 1]}, "is pickled"),
    "pickled labels": ({"X": GOOD_X, "y": np.array(["a", None, "b", 1], dtype=object)}, "is pickled"),
    "floats": ({"X": GOOD_X.astype(np.float32), "y": [0, 1, 0, 1]}, "holds float32 values"),
    "wide integers": ({"X": GOOD_X.astype(np.int64), "y": [0, 1, 0, 1]}, "holds int64 values"),
    "float labels": ({"X": GOOD_X, "y": [0.0, 1.0, 0.0, 1.0]}, "labels are integers or names"),
    "one-hot labels": ({"X": GOOD_X, "y": np.eye(4, dtype=int)}, "has the shape (4, 4)"),
    "lengths": ({"X": GOOD_X, "y": [0, 1, 0]}, "X holds 4 images but y 3 labels"),
    "negative label": ({"X": GOOD_X, "y": [0, 1, -1, 1]}, "the label -1 is below 0"),
    "label beyond": ({"X": GOOD_X, "y": [0, 1, 2, 1], "classes": ["a", "b"]}, "the label 2 with 2 different names"),
    "channels first": ({"X": np.zeros((4, 3, 8, 8), np.uint8), "y": [0, 1, 0, 1]}, "has the shape (4, 3, 8, 8)"),
    "no images": ({"X": GOOD_X[:0], "y": np.zeros(0, int)}, "has the shape (0, 3, 3)"),
    "other keys": ({"pictures": GOOD_X, "names": [0, 1, 0, 1]}, "holds the arrays pictures, names"),
    "lone X": ({"X_train": GOOD_X, "y_train": [0, 1, 0, 1], "X_test": GOOD_X}, "X_test has no partner"),
    "both forms": ({"X": GOOD_X, "y": [0, 1, 0, 1], "X_train": GOOD_X, "y_train": [0, 1, 0, 1]}, "holds both"),
    "two shapes": (
        {"X_train": GOOD_X, "y_train": [0, 1, 0, 1], "X_test": GOOD_X[:, :2], "y_test": [0, 1, 0, 1]},
        "different shapes",
    ),
}


@pytest.mark.parametrize("kind", BAD_ARRAYS)
def test_bad_npz(kind: str, tmp_path: Path) -> None:
    arrays, expected = BAD_ARRAYS[kind]
    save: Callable[..., None] = np.savez
    save(tmp_path / "set.npz", **arrays)
    assert expected in refusal(tmp_path / "set.npz")


def test_npz_with_a_class_that_nothing_can_learn(tmp_path: Path) -> None:
    labels = {"y_train": [0, 1, 0, 1], "y_val": [0, 1, 2, 1]}
    np.savez(tmp_path / "set.npz", X_train=GOOD_X, X_val=GOOD_X, **labels)  # type: ignore[arg-type]
    assert "the class '2' of set is in val but not in train" in untrainable(tmp_path / "set.npz")


def test_npz_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "set.npz").write_bytes(b"no archive")
    assert "cannot read" in refusal(tmp_path / "set.npz")
    write_zip(tmp_path / "set.npz", {"X.npy": b"no array", "y.npy": b""})
    assert "cannot read" in refusal(tmp_path / "set.npz")


def test_npz_whose_header_claims_more_than_there_is(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "|u1", "fortran_order": False, "shape": (10**6, 10**4, 10**3)}
    )
    write_zip(tmp_path / "set.npz", {"X.npy": buffer.getvalue() + b"\0" * 100, "y.npy": buffer.getvalue()})
    assert "its array X is cut short" in refusal(tmp_path / "set.npz")


BAD_TABLES = {
    "missing files": ("path,label\na/0.png,a\na/7.png,a\nb/8.png,b\n", "2 of 3 images that are not there"),
    "no rows": ("path,label\n", "names no images"),
    "no header": ("a/0.png,a\nb/0.png,b\n", "has the columns a/0.png,a; it needs path,label[,split][,group]"),
    "nothing": ("", "has the columns none"),
    "empty label": ("path,label\na/0.png,a\nb/0.png,\n", "line 3: the label is empty"),
    "short row": ("path,label\na/0.png\n", "line 2: the label is empty"),
    "unknown split": ("path,label,split\na/0.png,a,tset\n", "line 2: split is train, val or test, not 'tset'"),
    "one twice": ("path,label\na/0.png,a\na/0.png,b\n", "holds 'a/0.png' twice"),
}


@pytest.mark.parametrize("kind", BAD_TABLES)
def test_bad_csv(kind: str, tmp_path: Path) -> None:
    write_folder(tmp_path, flat_files(a=2, b=2))
    text, expected = BAD_TABLES[kind]
    (tmp_path / "set.csv").write_text(text)
    assert expected in refusal(tmp_path / "set.csv")


def test_csv_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "set.csv").write_bytes(b"path,label\n\xff\xfe\x00,a\n")
    assert "as UTF-8 text" in refusal(tmp_path / "set.csv")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("fashion-mnits", "did you mean 'fashion-mnist'?"),
        ("digts:size=3", "did you mean 'digits'?"),
        ("nonsense-set-xyz", "unknown data set 'nonsense-set-xyz'"),
        ("some/where", "there is no file or folder some/where"),
        ("photos.zip", "there is no file or folder photos.zip"),
        ("", "unknown data set ''"),
        ("x" * 5000, "unknown data set"),
        ("shapes:size", "the options of shapes are key=value, not 'size'"),
    ],
)
def test_unknown_data(data: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(data, Settings())
    assert expected in str(caught.value)


def test_file_of_another_form(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(UsageError, match="of no accepted form; the data is a named set, a folder of class folders"):
        load(tmp_path / "photo.jpg", Settings())


def test_two_channels(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not 2"):
        load(write_folder(tmp_path / "set", flat_files(a=2, b=2)), Settings(channels=2))
