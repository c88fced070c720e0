"""WebDataset's archives are the same set as class folders are, one or many, and read in place."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from sadari.data.load import is_there, load
from sadari.errors import SadariError
from sadari.settings import Settings
from sadari.values import ImageSet
from support.sets import CLASSES, encode_all, small_pixels, write_tar

pytestmark = pytest.mark.usefixtures("own_cache")
PIXELS = small_pixels()
FILES = encode_all(PIXELS)


def members(split: str = "", kind: str = "cls") -> dict[str, bytes]:
    """Return the members of an archive: for each image a PNG and its class."""
    found: dict[str, bytes] = {}
    for number, (path, content) in enumerate(FILES.items()):
        if path.startswith(split):
            label = path.split("/")[1]
            found[f"{number:04d}.png"] = content
            found[f"{number:04d}.{kind}"] = label.encode() if kind == "cls" else f'{{"label": "{label}"}}'.encode()
    return found


def seen(images: ImageSet) -> set[tuple[str, str, bytes]]:
    rows = zip(images.source_split, images.labels, images.images, strict=True)
    return {(str(split), images.classes[label], np.asarray(pixels).tobytes()) for split, label, pixels in rows}


def expected(split: bool) -> set[tuple[str, str, bytes]]:
    return {(p.split("/")[0] if split else "", p.split("/")[1], x.tobytes()) for p, x in PIXELS.items()}


def write_shards(folder: Path, ending: str = ".tar") -> Path:
    folder.mkdir()
    for split in ("train", "test"):
        every: Mapping[str, bytes] = members(split)
        names = sorted(every)
        for number, start in enumerate(range(0, len(names), 8)):
            shard = {name: every[name] for name in names[start : start + 8]}
            write_tar(folder / f"{split}-{number:04d}{ending}", shard)
    return folder


@pytest.mark.parametrize("kind", ["cls", "json"])
@pytest.mark.parametrize("ending", [".tar", ".tar.gz"])
def test_one_archive(kind: str, ending: str, tmp_path: Path) -> None:
    images = load(write_tar(tmp_path / f"pets{ending}", members(kind=kind)), Settings())
    assert images.classes == CLASSES and seen(images) == expected(split=False)
    assert any("(WebDataset)" in note for note in images.notes)


@pytest.mark.parametrize("ending", [".tar", ".tgz"])
def test_a_folder_of_archives(ending: str, tmp_path: Path) -> None:
    images = load(write_shards(tmp_path / "pets", ending), Settings())
    assert images.name == "pets" and images.classes == CLASSES
    assert seen(images) == expected(split=True)


def test_archives_are_streamed_where_they_lie(tmp_path: Path) -> None:
    root = write_shards(tmp_path / "pets")
    packed, streamed = load(root, Settings()), load(root, Settings(stream="always"))
    np.testing.assert_array_equal(streamed.images[np.array([3, 0, 17])], packed.images[np.array([3, 0, 17])])


def test_numbers_in_braces_name_archives(tmp_path: Path) -> None:
    root = write_shards(tmp_path / "pets")
    data = str(root / "train-{0000..0002}.tar")
    images = load(data, Settings())
    assert len(images) == 12 and images.name == "train" and is_there(data)


def test_a_member_that_says_no_class_is_named(tmp_path: Path) -> None:
    with pytest.raises(SadariError, match=r"0000.cls says no class"):
        load(write_tar(tmp_path / "pets.tar", members() | {"0000.cls": b""}), Settings())


def test_images_without_a_class_are_left_out_and_counted(tmp_path: Path) -> None:
    images = load(write_tar(tmp_path / "pets.tar", members() | {"9999.png": FILES["train/cat/0.png"]}), Settings())
    assert len(images) == len(FILES)
    assert any("gives 1 image no class" in note for note in images.notes)


def test_masks_and_second_images_of_a_key(tmp_path: Path) -> None:
    masks = {name.replace(".png", ".seg.png"): x for name, x in members().items() if name.endswith(".png")}
    images = load(write_tar(tmp_path / "masks.tar", members() | masks), Settings())
    assert seen(images) == expected(split=False)
    again = {name.replace(".png", ".bmp"): x for name, x in members().items() if name.endswith(".png")}
    assert len(load(write_tar(tmp_path / "twice.tar", members() | again), Settings())) == 2 * len(FILES)


def test_a_class_that_is_null_is_none(tmp_path: Path) -> None:
    found = members(kind="json")
    found["0000.json"] = b'{"label": null}'
    images = load(write_tar(tmp_path / "pets.tar", found), Settings())
    assert images.classes == CLASSES and len(images) == len(FILES) - 1


def test_many_archives_say_once_where_classes_are_from(tmp_path: Path) -> None:
    images = load(write_shards(tmp_path / "shards"), Settings())
    assert sum("(WebDataset)" in note for note in images.notes) == 1
