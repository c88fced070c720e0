"""Which folders are classes, which are splits, and what is said about everything that is left out."""

import json
import os
import shutil
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sadari.data.load import load
from sadari.data.sources.layout import is_image, lay_out, wrapper_of
from sadari.data.split import draw_split
from sadari.errors import SadariError, UsageError
from sadari.inference.evaluate import evaluate
from sadari.settings import Settings
from support.photographs import trained
from support.sets import encode, flat_files, write_folder, write_tar, write_zip
from support.terminal import Terminal

pytestmark = pytest.mark.usefixtures("own_cache")
NOISE = encode(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8))


def tree(*folders: str, count: int = 2) -> dict[str, bytes]:
    return {f"{folder}/{at}.png": NOISE for folder in folders for at in range(count)}


def splits_of(paths: Sequence[str], wanted: str = "auto") -> tuple[tuple[str, ...], set[str]]:
    layout = lay_out(list(paths), "the set", split_folders=wanted)
    return layout.classes, {each.source_split for each in layout.entries}


@pytest.mark.parametrize(
    ("tops", "splits"),
    [
        (("training_set", "test_set"), {"train", "test"}),
        (("seg_train", "seg_test"), {"train", "test"}),
        (("학습", "검증"), {"train", "val"}),
        (("1.학습데이터", "2.검증데이터", "3.평가데이터"), {"train", "val", "test"}),
        (("訓練", "テスト"), {"train", "test"}),
        (("训练集", "测试集"), {"train", "test"}),
        (("train2017", "val2017"), {"train", "val"}),
        (("dev", "holdout", "train-images"), {"train", "val", "test"}),
    ],
)
def test_folders_that_hold_the_same_folders_are_splits(tops: tuple[str, ...], splits: set[str]) -> None:
    paths = tree(*(f"{top}/{name}" for top in tops for name in ("cat", "dog")))
    assert splits_of(list(paths)) == (("cat", "dog"), splits)


def test_a_split_that_holds_a_folder_of_its_own_name(tmp_path: Path) -> None:
    names = [f"{top}/{top}/{name}" for top in ("training_set", "test_set") for name in ("cat", "dog")]
    images = load(write_folder(tmp_path / "set", tree(*names)), Settings())
    assert images.classes == ("cat", "dog")
    assert sorted(set(images.source_split)) == ["test", "train"]


PUBLISHED_SETS = [
    (("training_set", "test_set"), "", "single_prediction"),
    (("seg_train", "seg_test"), "same", "seg_pred"),
    (("train", "test"), "", "pred"),
    (("train", "val"), "", "submission"),
    (("학습", "검증"), "", "예측"),
]


@pytest.mark.parametrize(("tops", "form", "third"), PUBLISHED_SETS)
@pytest.mark.parametrize("wanted", ["auto", "named"])
def test_a_folder_of_images_without_classes_beside_splits_is_left_out(
    tops: tuple[str, str], form: str, third: str, wanted: str, tmp_path: Path
) -> None:
    names = [f"{top}/{top}/{name}" if form else f"{top}/{name}" for top in tops for name in ("cat", "dog")]
    files = tree(*names, f"{third}/{third}" if form else third)
    second = "val" if "val" in tops or "검증" in tops else "test"
    settings = Settings(split_folders="auto" if wanted == "auto" else f"train={tops[0]} {second}={tops[1]}")
    for path in (write_folder(tmp_path / "set", files), write_zip(tmp_path / "set.zip", files)):
        images = load(path, settings)
        assert images.classes == ("cat", "dog")
        assert sorted(set(images.source_split)) == sorted(("train", second))
        assert images.notes == (
            f"left out the folder '{third}' beside the splits: its 2 images are in no class folder",
        )


def test_a_split_without_class_folders_is_refused_with_the_option() -> None:
    paths = list(tree("training_set/cat", "training_set/dog", "val_set/cat", "val_set/dog", "test_set"))
    option = "train=training_set val=val_set"
    with pytest.raises(SadariError, match=rf"test_set holds images outside class folders.*split_folders='{option}'"):
        splits_of(paths)
    assert splits_of(paths, option) == (("cat", "dog"), {"train", "val"})


@pytest.mark.parametrize("more", ["training_set", "extra/bird", "extra/cat/deep"])
def test_splits_beside_what_cannot_be_left_out_are_refused(more: str) -> None:
    paths = list(tree("training_set/cat", "training_set/dog", "test_set/cat", "test_set/dog", more))
    with pytest.raises(SadariError, match=r"outside class folders|beside 'extra', which is none"):
        splits_of(paths)


def test_folders_of_classes_stay_classes_beside_one_split_or_other_classes() -> None:
    assert splits_of(list(tree("test tube/a", "test tube/b", "beaker", "flask")))[0] == ("beaker", "flask", "test tube")
    assert splits_of(list(tree("test tube/a", "train station/b", "beaker")))[1] == {""}


def test_unknown_folders_that_hold_the_same_folders_are_refused_with_the_option() -> None:
    paths = list(tree("A/cat", "A/dog", "B/cat", "B/dog"))
    with pytest.raises(SadariError, match=r"splits or classes\? Say it with --set split_folders='train=A test=B'"):
        splits_of(paths)
    assert splits_of(paths, "train=A test=B") == (("cat", "dog"), {"train", "test"})
    assert splits_of(paths, "none") == (("A", "B"), {""})
    for wrong in ("train=A", "train=A tset=B", "train=A test=C", "train=A test=B val=C", "nonsense"):
        with pytest.raises(UsageError):
            splits_of(paths, wrong)


@pytest.mark.parametrize("tops", [("train", "test"), ("1.Training", "2.Validation")])
@pytest.mark.parametrize("inner", ["images", "원천데이터"])
def test_a_folder_that_wraps_the_classes_of_each_split_is_skipped(tops: tuple[str, str], inner: str) -> None:
    second = "test" if "test" in tops else "val"
    paths = list(tree(*(f"{top}/{inner}/{name}" for top in tops for name in ("cat", "dog"))))
    for wanted in ("auto", f"train={tops[0]} {second}={tops[1]}"):
        assert splits_of(paths, wanted) == (("cat", "dog"), {"train", second})
    assert f"the classes are the folders in the folder '{inner}' of each split" in lay_out(paths, "the set").notes


@pytest.mark.parametrize("paths", [("train/cat/a", "test/cat/b"), ("train/x/a", "train/x/b", "test/y/a", "test/y/b")])
def test_folders_inside_the_classes_of_splits_are_no_classes(paths: tuple[str, ...]) -> None:
    assert splits_of(list(tree(*paths)))[0] != ("a", "b")


def test_folders_with_spaces_can_be_named_as_splits_and_the_option_can_be_copied() -> None:
    paths = list(tree("반 1/cat", "반 1/dog", "반 2/cat", "반 2/dog"))
    with pytest.raises(SadariError, match=r"split_folders='train=반 1 test=반 2'"):
        splits_of(paths)
    assert splits_of(paths, "train=반 1 test=반 2") == (("cat", "dog"), {"train", "test"})
    assert splits_of(paths, "train=반 1, test=반 2") == (("cat", "dog"), {"train", "test"})


def test_an_example_of_the_option_keeps_the_splits_that_are_known() -> None:
    paths = list(tree(*(f"{top}/{name}" for top in ("prediction", "test", "train") for name in ("cat", "dog"))))
    with pytest.raises(SadariError, match=r"split_folders='train=train test=test val=prediction'"):
        splits_of(paths)


def test_two_folders_that_become_one_split_are_told() -> None:
    paths = list(tree(*(f"{top}/{name}" for top in ("Test", "test", "train") for name in ("cat", "dog"))))
    assert lay_out(paths, "the set").notes == ("the folders Test, test became one split, test",)


def test_splits_inside_class_folders_are_splits() -> None:
    layout = lay_out(list(tree("cat/train", "cat/test", "dog/train", "dog/test")), "the set")
    assert layout.classes == ("cat", "dog")
    assert {(layout.classes[each.label], each.source_split) for each in layout.entries} == {
        (name, split) for name in ("cat", "dog") for split in ("train", "test")
    }
    assert "the classes are the top folders" in layout.notes[0]


def test_a_class_may_have_the_name_of_a_stem() -> None:
    assert splits_of(list(tree("test tube", "train station", "beaker")))[1] == {""}
    assert splits_of(list(tree("test tube/a", "beaker/b", "flask/c")))[0] == ("beaker", "flask", "test tube")


def test_it_is_said_which_level_became_the_classes() -> None:
    notes = lay_out(list(tree("animal/cat", "animal/dog", "plant/rose", "plant/oak")), "the set").notes
    assert notes == (
        "folders inside a class folder do not count as classes, such as 'animal/cat', 'animal/dog', 'plant/oak', "
        "'plant/rose'; the classes are the folders above them",
    )


@pytest.mark.parametrize("wrapper", ["", "set/", "data/set/", "a/b/c/"])
@pytest.mark.parametrize("stray", [[], ["README.png"]])
def test_wrappers_are_skipped_alike_in_folders_and_archives(wrapper: str, stray: list[str], tmp_path: Path) -> None:
    files = {f"{wrapper}{name}": each for name, each in tree("train/cat", "train/dog", "test/cat", "test/dog").items()}
    files |= dict.fromkeys(stray, NOISE)
    for path in (
        write_folder(tmp_path / "set", files),
        write_zip(tmp_path / "set.zip", files),
        write_tar(tmp_path / "set.tar", files),
    ):
        images = load(path, Settings())
        assert images.classes == ("cat", "dog")
        assert images.ids[0] == "test/cat/0.png"
        assert sorted(set(images.source_split)) == ["test", "train"]
        assert load(path, Settings(stream="always")).images[0].shape == (8, 8, 3)


def test_a_folder_with_one_class_is_no_wrapper() -> None:
    assert wrapper_of(["cat/0.png", "cat/1.png"]) == ""
    assert wrapper_of(["train/cat/0.png", "train/dog/1.png"]) == ""


def test_the_error_names_the_folders_that_were_seen(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", {"0.png": NOISE, "1.png": NOISE})
    (path / "cat").mkdir()
    with pytest.raises(SadariError, match=r"no class folders \(it holds the folders cat, without images\)"):
        load(path, Settings())


def test_classes_without_a_read_image_are_named(tmp_path: Path) -> None:
    files = tree("cat", "dog") | {f"owl/DSC_{at}.CR2": b"x" for at in range(30)}
    path = write_folder(tmp_path / "set", files)
    (path / "fox").mkdir()
    expected = (
        "left out 30 files that are no image: 30 .cr2",
        "there is no class 'fox': its folder is empty",
        "there is no class 'owl': no file of its folder was read (30 .cr2)",
    )
    assert load(path, Settings()).notes[:3] == expected
    with_folder = shutil.make_archive(str(tmp_path / "packed"), "zip", path)
    assert load(with_folder, Settings()).notes[:3] == expected


SYSTEM = [
    "@eaDir/cat/0.png", "cat/@eaDir/0.png/SYNOPHOTO_THUMB_M.jpg", "$RECYCLE.BIN/S-1/0.png", "#recycle/cat/0.png",
    "System Volume Information/x.png", "cat/.ipynb_checkpoints/0-checkpoint.png", "__MACOSX/cat/._0.png",
    "lost+found/0.png", "cat/._0.png", "@Recycle/cat/0.png", "cat/~$0.png",
]  # fmt: skip


@pytest.mark.parametrize("name", SYSTEM)
def test_what_systems_leave_behind_is_no_image(name: str) -> None:
    assert not is_image(name.split("/"))
    assert lay_out([*tree("cat", "dog"), name], "the set").classes == ("cat", "dog")


@pytest.mark.parametrize("name", ["jpg", "cat/png", "cat/.jpg"])
def test_a_name_is_no_ending(name: str) -> None:
    assert not is_image(name.split("/"))


def test_one_image_of_another_kind_is_told() -> None:
    paths = [f"{name}/{at}.jp{'e' * (at % 2)}g" for name in ("cat", "dog") for at in range(15)]
    assert lay_out(paths, "the set").notes == ()
    (note,) = lay_out([*paths, "cat/sorry.gif"], "the set").notes
    assert note == "one image is a .gif among 30 .jpg, cat/sorry.gif; look whether it is meant"


def test_notes_on_left_out_files_are_those_of_today(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", flat_files(a=2, b=2))
    assert load(path, Settings()).notes == ()
    (path / "a" / "one.cr2").write_bytes(b"x")
    assert load(path, Settings()).notes == ("left out 1 file that is no image: 1 .cr2",)
    (path / "a" / "one.cr2").unlink()
    assert load(path, Settings()).notes == ()


def test_dead_links_are_not_nothing(tmp_path: Path) -> None:
    (tmp_path / "set" / "a").mkdir(parents=True)
    for at in range(3):
        (tmp_path / "set" / "a" / f"{at}.png").symlink_to("/nowhere.png")
    with pytest.raises(SadariError, match=r"holds 3 links that lead nowhere, such as a/0\.png, and no files"):
        load(tmp_path / "set", Settings())


def test_one_class_can_be_judged_and_not_trained(tmp_path: Path) -> None:
    images = load(write_folder(tmp_path / "set", tree("cat")), Settings())
    assert images.classes == ("cat",)
    with pytest.raises(SadariError, match="holds one class only, 'cat'"):
        draw_split(images, Settings())


def test_a_model_judges_images_of_one_of_its_classes(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    files = {
        f"{name}/{at}.png": encode(generator.integers(low, low + 60, (8, 8, 3), dtype=np.uint8))
        for name, low in (("고양이", 0), ("dog", 180))
        for at in range(12)
    }
    run = trained(write_folder(tmp_path / "set", files), tmp_path / "run", "logistic")
    nfd = unicodedata.normalize("NFD", "고양이")
    other = {f"{nfd}/{name[4:]}": content for name, content in files.items() if name.startswith("고양이")}
    judged = evaluate(run, str(write_folder(tmp_path / "other", other)))
    assert len(judged) == 12
    assert {judged.classes[label] for label in judged.labels} == {"고양이"}


def test_notes_can_be_printed_whatever_files_are_called(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", tree("cat", "dog"))
    (path / os.fsdecode(b"\xbb\xe7")).mkdir()
    (path / "esc\x1b[31m").mkdir()
    (path / "cat" / "gone\n.png").symlink_to("/nowhere")
    notes = load(path, Settings()).notes
    assert len(notes) == 3
    assert all(note.isprintable() and note.encode() for note in notes)


def test_check_says_what_info_says_and_ends_with_1_where_photographs_are_missing(
    tmp_path: Path, sadari: Terminal
) -> None:
    files = {f"{name}/{at}.png": encode(np.random.default_rng(at + 50 * k).integers(0, 256, (8, 8, 3), dtype=np.uint8))
             for k, name in enumerate(("cat", "dog", "Dog ")) for at in range(20)}  # fmt: skip
    path = write_folder(tmp_path / "set", files | {f"cat/DSC_{at}.CR2": b"x" for at in range(16)})
    answer = sadari("data", "check", path)
    assert answer.status == 1
    assert "16 photographs are in a format that is not read" in answer.out
    assert "classes whose names differ only in case, spaces or the form of letters or numbers: 'Dog ' and 'dog'" in (
        " ".join(answer.out.split())
    )
    assert "nothing else was found" not in answer.out
    notes = json.loads(sadari("data", "info", path, "--json").out)["notes"]
    assert notes[0] == "left out 16 files that are no image: 16 .cr2"
    assert [note.partition(":")[0] for note in notes[1:]] == [
        "classes whose names differ only in case, spaces or the form of letters or numbers"
    ]
    assert answer.out.count("differ only in case") == 1
    assert all(note in " ".join(answer.out.split()) for note in notes)
    assert json.loads(sadari("data", "check", path, "--json").out)["notes"] == notes


def test_check_says_which_files_cannot_be_read_where_too_few_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = tree("cat", "dog")
    path = write_folder(tmp_path / "set", dict.fromkeys(files, b"nothing"))
    terminal = Terminal(monkeypatch, capsys)
    answer = terminal("data", "check", path)
    assert answer.status == 1
    assert "4 files cannot be read: cat/0.png (it is no JPEG" in answer.err
    assert "and 1 more; without them" in answer.err
    write_folder(path, {name: content for name, content in files.items() if name.startswith("cat")})
    answer = terminal("data", "check", path)
    assert "2 files cannot be read: dog/0.png" in answer.err
    assert "without them, set has no training image of the class 'dog'" in answer.err


def test_show_prints_what_was_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_folder(tmp_path / "set", {**tree("cat", "dog"), "cat/x.cr2": b"x", "cat/y.raw": b"y"})
    answer = Terminal(monkeypatch, capsys)("data", "show", path, "--out", tmp_path / "samples.png")
    assert "note  left out 2 files that are no image" in answer.out
