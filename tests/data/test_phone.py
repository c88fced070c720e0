"""A phone's folder just works: which files are photographs, and what is said about those that belong to them."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sadari.data.decode import decode_image
from sadari.data.load import load
from sadari.data.sources.layout import lay_out
from sadari.settings import Settings
from support.heic import heic
from support.sets import encode, write_csv, write_folder, write_tar, write_zip
from support.terminal import Terminal

pytestmark = pytest.mark.usefixtures("own_cache")


def notes_of(*names: str) -> tuple[str, ...]:
    """What is said of a folder `cat` with these files, beside another one."""
    return lay_out([*(f"cat/{name}" for name in names), "dog/1.png"], "the set").notes


def left_out(*names: str) -> int:
    """Count the photographs that are missing from such a set."""
    return lay_out([*(f"cat/{name}" for name in names), "dog/1.png"], "the set").photographs


BELONG = "read: moving parts of live photographs, raw copies and edits, which are not applied"


def test_the_film_of_a_live_photograph_is_told_and_missed_by_nobody() -> None:
    names = [f"IMG_{at:04}.{ending}" for at in range(3) for ending in ("HEIC", "MOV")]
    assert notes_of(*names) == (
        "left out 3 files that are no image: 3 .mov",
        f"3 .mov belong to photographs that are {BELONG}",
    )
    assert left_out(*names) == 0


def test_a_film_without_a_photograph_is_told_as_it_always_was() -> None:
    assert notes_of("IMG_0001.HEIC", "IMG_0002.MOV") == ("left out 1 file that is no image: 1 .mov",)
    assert lay_out(["cat/IMG_1.HEIC", "dog/IMG_1.MOV"], "the set").notes[:1] == (
        "left out 1 file that is no image: 1 .mov",
    )


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        (("IMG_0001.HEIC", "IMG_0001.AAE"), "1 .aae belongs to a photograph that is"),
        (("IMG_0001.HEIC", "IMG_O0001.aae"), "1 .aae belongs to a photograph that is"),
        (("IMG_0001.JPG", "IMG_0001.DNG", "img_0001.mov"), "1 .dng, 1 .mov belong to photographs that are"),
        (("DSC_1.JPG", "DSC_1.NEF"), "1 .nef belongs to a photograph that is"),
        (
            ("PXL_20240102_030405678.RAW-01.COVER.jpg", "PXL_20240102_030405678.RAW-02.ORIGINAL.dng"),
            "1 .dng belongs to a photograph that is",
        ),
    ],
)
def test_edits_and_raw_copies_of_photographs_that_are_read(names: tuple[str, ...], kinds: str) -> None:
    assert notes_of(*names)[1:] == (f"{kinds} {BELONG}",)
    assert left_out(*names) == 0


def test_a_raw_photograph_without_a_copy_is_missing() -> None:
    assert left_out("DSC_1.NEF", "DSC_2.JPG", "._DSC_1.NEF") == 1
    assert notes_of("IMG_1.JPG", "._IMG_1.MOV") == ("left out 1 file that is no image: 1 hidden",)


@pytest.mark.parametrize(
    ("second", "first"),
    [
        ("IMG_E1234.HEIC", "IMG_1234.HEIC"),
        ("IMG_E1234.JPG", "IMG_1234.JPG"),
        ("IMG_1234.HEIC", "IMG_1234.JPG"),
        ("PXL_20240102_030405678.PORTRAIT-02.ORIGINAL.jpg", "PXL_20240102_030405678.PORTRAIT-01.COVER.jpg"),
        ("PXL_20240102_030405678~2.jpg", "PXL_20240102_030405678.jpg"),
        ("PXL_20240102_030405678-edited.jpg", "PXL_20240102_030405678.MP.jpg"),
        ("00001IMG_00001_BURST20190102030405678.jpg", "00000IMG_00000_BURST20190102030405678_COVER.jpg"),
        ("20240102_030405_002.jpg", "20240102_030405_001.jpg"),
        ("20240102_030405(0).jpg", "20240102_030405.jpg"),
        ("IMG_20240102_030405~2.jpg", "IMG_20240102_030405.jpg"),
    ],
)
def test_second_versions_of_a_photograph_are_told(second: str, first: str) -> None:
    (note,) = notes_of(second, first)
    assert note.startswith("1 image is a second version of another one in the same folder, by the names, such as cat/")
    assert note.endswith("; keep one of each, else one may be trained on and the other judge")
    assert second in note and first in note


@pytest.mark.parametrize(
    "names",
    [
        ("IMG_1234.HEIC", "IMG_1235.HEIC"),
        ("0001.jpg", "0001.png"),
        ("IMG_E1234.HEIC",),
        ("PXL_20240102_030405678.MP.jpg", "PXL_20240102_030405679.MP.jpg"),
        ("20240102_030405.jpg", "20240102_030406.jpg"),
        ("cell_001.png", "cell_002.png"),
    ],
)
def test_other_photographs_are_no_versions(names: tuple[str, ...]) -> None:
    assert notes_of(*names) == ()
    assert lay_out(["cat/IMG_E1234.HEIC", "dog/IMG_1234.HEIC"], "the set").notes == ()


def colour(at: int) -> np.ndarray:
    return np.full((32, 48, 3), (5 * at, 90, 255 - 5 * at), np.uint8)


def phone(count: int = 5) -> dict[str, bytes]:
    """What a phone's folder holds once it is sorted: photographs, films, edits, and what a Mac adds."""
    files = {f"{name}/IMG_{at + k:04}.HEIC": heic(colour(at + k)) for k, name in ((0, "cat"), (20, "dog"))
             for at in range(count)}  # fmt: skip
    films = {name.replace("HEIC", "MOV"): b"film" for name in files}
    return files | films | {"cat/IMG_0000.AAE": b"<plist>", "cat/._IMG_0000.HEIC": b"Mac", ".DS_Store": b""}


def test_a_folder_of_a_phone_is_read_checked_and_converted(tmp_path: Path, sadari: Terminal) -> None:
    path = write_folder(tmp_path / "photos", phone())
    document = json.loads(sadari("data", "info", path, "--json").out)
    assert (document["images"], document["classes"], document["channels"]) == (10, ["cat", "dog"], 3)
    assert document["notes"][:2] == [
        "left out 13 files that are no image: 10 .mov, 2 hidden, 1 .aae",
        f"1 .aae, 10 .mov belong to photographs that are {BELONG}",
    ]
    answer = sadari("data", "check", path)
    assert (answer.status, "no leaks found" in answer.out) == (0, True)
    assert sadari("data", "convert", path, tmp_path / "pngs").status == 0
    converted = load(tmp_path / "pngs", Settings())
    pixels = np.stack([np.asarray(image) for image in load(path, Settings()).images])
    assert sorted(map(bytes, np.asarray(converted.images))) == sorted(map(bytes, pixels))


def test_a_photograph_that_is_cut_short_is_named(tmp_path: Path, sadari: Terminal) -> None:
    files = phone()
    files["dog/IMG_0020.HEIC"] = files["dog/IMG_0020.HEIC"][:-9]
    answer = sadari("data", "check", write_folder(tmp_path / "photos", files))
    assert answer.status == 1
    assert "1 file cannot be read: dog/IMG_0020.HEIC (it is damaged or cut short" in " ".join(answer.out.split())


def test_archives_and_tables_hold_the_same_photographs(tmp_path: Path) -> None:
    files = {f"{split}/{name}/IMG_{at}.heif": heic(colour(at + 20 * k + 8 * (split == "test")))
             for k, name in enumerate(("cat", "dog")) for split in ("train", "test") for at in range(2)}  # fmt: skip
    expected = load(write_folder(tmp_path / "folder", files), Settings())
    (tmp_path / "table").mkdir()
    for path in (
        write_zip(tmp_path / "set.zip", files),
        write_tar(tmp_path / "set.tar", files),
        write_csv(tmp_path / "table" / "set.csv", files),
    ):
        found = load(path, Settings())
        order = np.argsort(found.ids)
        np.testing.assert_array_equal(np.asarray(found.images)[order], np.asarray(expected.images))
    streamed = load(tmp_path / "folder", Settings(stream="always"))
    np.testing.assert_array_equal(np.stack([streamed.images[at] for at in range(8)]), np.asarray(expected.images))


FILM = b"\0\0\0\x18ftypmp42" + bytes(200) + b"\xff\xd8\xff\xe0 no picture"


def test_a_film_behind_a_photograph_changes_nothing() -> None:
    """As in `.MP.jpg` of Google and motion photos of Samsung."""
    plain = encode(np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8), "JPEG")
    np.testing.assert_array_equal(decode_image(plain + FILM), decode_image(plain))
    np.testing.assert_array_equal(decode_image(plain + FILM, size=8), decode_image(plain, size=8))


@pytest.mark.parametrize("size", [0, 8])
def test_of_a_jpeg_with_a_gain_map_the_photograph_is_read(size: int) -> None:
    """Ultra HDR, and portraits with depth: a second JPEG behind the first one (MPO)."""
    photo, gain = Image.new("RGB", (256, 192), (200, 60, 40)), Image.new("L", (64, 48), 9)
    buffer = io.BytesIO()
    photo.save(buffer, "MPO", save_all=True, append_images=[gain], quality=95)
    assert Image.open(io.BytesIO(buffer.getvalue())).format == "MPO"
    decoded = decode_image(buffer.getvalue(), size=size)
    assert decoded.shape == ((size, size, 3) if size else (192, 256, 3))
    assert np.abs(decoded.astype(int) - (200, 60, 40)).max() <= 3
