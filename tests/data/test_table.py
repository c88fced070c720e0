"""Tables as Excel, Kaggle and scripts write them name the same images, and nothing of them is dropped in silence."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sadari.data.load import load
from sadari.errors import SadariError
from sadari.settings import Settings
from support.sets import flat_files, write_folder

pytestmark = pytest.mark.usefixtures("own_cache")
ROWS = [("a/0.png", "고양이"), ("a/1.png", "개"), ("b/0.png", "고양이"), ("b/1.png", "개")]


def table(header: str, separator: str = ",", end: str = "\n") -> str:
    return header + end + "".join(separator.join(row) + end for row in ROWS)


DIALECTS: dict[str, Callable[[], bytes]] = {
    "plain": lambda: table("path,label").encode(),
    "semicolon": lambda: table("path;label", ";").encode(),
    "tab": lambda: table("path\tlabel", "\t").encode(),
    "bar": lambda: table("path|label", "|").encode(),
    "utf-16": lambda: table("path,label").encode("utf-16"),
    "utf-8 with a mark": lambda: table("path,label").encode("utf-8-sig"),
    "cp949": lambda: table("path,label").encode("cp949"),
    "excel": lambda: ("sep=;\r\n" + table("path;label", ";", "\r\n") + ";\r\n;\r\n").encode("utf-8-sig"),
    "trailing commas": lambda: ("path,label,,\n" + "".join(f"{','.join(row)},,\n" for row in ROWS) + ",,,\n").encode(),
    "extra commas": lambda: ("path,label\n" + "".join(f"{','.join(row)},,\n" for row in ROWS)).encode(),
    "quoted": lambda: ('"path","label"\n' + "".join(f'"{name}","{label}"\n' for name, label in ROWS)).encode(),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path, flat_files(a=2, b=2))


@pytest.mark.parametrize("kind", DIALECTS)
def test_every_dialect_is_the_same_table(kind: str, folder: Path) -> None:
    (folder / "set.csv").write_bytes(DIALECTS[kind]())
    images = load(folder / "set.csv", Settings())
    assert [(str(name), images.classes[label]) for name, label in zip(images.ids, images.labels, strict=True)] == ROWS
    assert images.notes == (("set.csv is not UTF-8; it was read as cp949, save it as UTF-8 if that is wrong",)
                            if kind == "cp949" else ())  # fmt: skip


@pytest.mark.parametrize(
    "header", ["file_name,label", "filename,class", "image,category", "image_id,target", "파일명,라벨", "Path,Label"]
)
def test_usual_names_of_columns_are_known_and_told(header: str, folder: Path) -> None:
    (folder / "set.csv").write_text(table(header))
    images = load(folder / "set.csv", Settings())
    assert len(images) == 4
    assert len(images.notes) == (header != "Path,Label")


@pytest.mark.parametrize(
    ("column", "cells", "expected"),
    [
        ("subset", ["train", "train", "test", "test"], ["train", "train", "test", "test"]),
        ("is_train", ["1", "1", "0", "0"], ["train", "train", "test", "test"]),
        ("is_train", ["True", "True", "False", "False"], ["train", "train", "test", "test"]),
        ("split", ["학습", "검증", "시험", "holdout"], ["train", "val", "test", "test"]),
        ("fold", ["0", "1", "2", "3"], [""] * 4),
        ("weight", ["1", "2", "3", "4"], [""] * 4),
    ],
)
def test_columns_that_say_the_split_are_read_and_others_named(
    column: str, cells: list[str], expected: list[str], folder: Path
) -> None:
    rows = "".join(f"{','.join(row)},{cell}\n" for row, cell in zip(ROWS, cells, strict=True))
    (folder / "set.csv").write_text(f"path,label,{column}\n{rows}")
    images = load(folder / "set.csv", Settings())
    assert list(images.source_split) == expected
    if column == "split":
        assert images.notes == ()
        return
    told = f"took the column '{column}' as split" if expected[0] else f"did not read the column {column}"
    assert images.notes == (told,)


def test_a_note_on_columns_is_that_of_todays_table(folder: Path) -> None:
    (folder / "set.csv").write_text(table("path,label"))
    assert load(folder / "set.csv", Settings()).notes == ()
    (folder / "set.csv").write_text("path,label,fold\n" + "".join(f"{','.join(row)},1\n" for row in ROWS))
    assert load(folder / "set.csv", Settings()).notes == ("did not read the column fold",)


REFUSED = {
    "a comma in a label": ("path,label\na/0.png,cat, tabby\n", "line 2: 3 cells under 2 columns; put a cell"),
    "a column twice": ("path,label,label\na/0.png,x,y\n", "has the column label twice"),
    "is_train says more": ("path,label,is_train\na/0.png,x,2\n", "line 2: split is 0 or 1, not '2'"),
    "a name too long": (f"path,label\n{'x' * 5000},a\n", "1 of 1 images that are not there"),
    "a file by two paths": ("path,label\na/0.png,x\n./a/0.png,y\n", "one file twice, as 'a/0.png' and './a/0.png'"),
    "a name with NUL": ("path,label\na\0b.png,a\n", "that are not there"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_meant_is_one_sentence(kind: str, folder: Path) -> None:
    text, expected = REFUSED[kind]
    (folder / "set.csv").write_text(text)
    with pytest.raises(SadariError) as caught:
        load(folder / "set.csv", Settings())
    assert expected in str(caught.value) and "\n" not in str(caught.value)


def test_a_table_of_pixels_is_a_short_sentence(folder: Path) -> None:
    (folder / "set.csv").write_text("label," + ",".join(f"pixel{at}" for at in range(784)) + "\n")
    with pytest.raises(SadariError) as caught:
        load(folder / "set.csv", Settings())
    assert len(str(caught.value)) < 300 and "and 777 more; it needs path,label" in str(caught.value)


def test_a_name_without_an_ending_that_could_be_two_images_is_refused(folder: Path) -> None:
    (folder / "a" / "0.jpg").write_bytes((folder / "a" / "0.png").read_bytes())
    (folder / "set.csv").write_text("id,class\na/0,x\nb/0,y\n")
    with pytest.raises(SadariError, match=r"names 0, which could be 0\.jpg and 0\.png; write the ending"):
        load(folder / "set.csv", Settings())


MORE_KEYS = {
    "medmnist": ("train_images", "train_labels", "test_images", "test_labels"),
    "keras": ("x_train", "y_train", "x_test", "y_test"),
    "turned": ("train_x", "train_y", "test_x", "test_y"),
}


@pytest.mark.parametrize("kind", MORE_KEYS)
def test_arrays_under_the_names_that_others_use(kind: str, tmp_path: Path) -> None:
    x, y = np.full((4, 3, 3), 90, np.uint8), np.array([[0], [1], [0], [1]])
    arrays = dict(zip(MORE_KEYS[kind], (x, y, x, y), strict=True))
    np.savez(tmp_path / "set.npz", **arrays)  # type: ignore[arg-type]
    images = load(tmp_path / "set.npz", Settings())
    assert list(images.source_split) == ["train"] * 4 + ["test"] * 4
    assert images.notes == ()


@pytest.mark.parametrize("names", [("images", "labels"), ("data", "target"), ("image", "label"), ("X", "y")])
@pytest.mark.parametrize("labels", [np.array([True, False, True, False]), np.array([b"True", b"False"] * 2)])
def test_arrays_of_one_split_with_labels_of_other_kinds(
    names: tuple[str, str], labels: np.ndarray, tmp_path: Path
) -> None:
    np.savez(tmp_path / "set.npz", **{names[0]: np.full((4, 3, 3), 90, np.uint8), names[1]: labels})  # type: ignore[arg-type]
    images = load(tmp_path / "set.npz", Settings())
    assert images.classes == ("False", "True")
    assert images.labels.tolist() == [1, 0, 1, 0]


def test_labels_of_bytes_that_are_no_utf8_are_one_sentence(tmp_path: Path) -> None:
    labels = np.array([name.encode("cp949") for name in ("고양이", "개")] * 2)
    np.savez(tmp_path / "set.npz", X=np.full((4, 3, 3), 90, np.uint8), y=labels)
    with pytest.raises(SadariError, match=r"set\.npz: y holds names that are not UTF-8 .*; save them as text"):
        load(tmp_path / "set.npz", Settings())


def test_labels_that_differ_in_case_alone_are_classes_with_a_note(folder: Path) -> None:
    rows = [("a/0.png", "cat"), ("a/1.png", "Cat"), ("b/0.png", "dog"), ("b/1.png", "dog")]
    (folder / "t.csv").write_text("path,label\n" + "".join(f"{','.join(row)}\n" for row in rows), encoding="utf-8")
    images = load(folder / "t.csv", Settings())
    assert images.classes == ("Cat", "cat", "dog")
    assert (
        "classes whose names differ only in case, spaces or the form of letters or numbers: 'Cat' and 'cat'; "
        "if they are one class, give it one name"
    ) in images.notes
