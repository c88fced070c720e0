from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.model_selection import StratifiedGroupKFold

from sadari.data.check import check
from sadari.data.convert import convert
from sadari.data.groups.draw import apart, draw_whole, most_even
from sadari.data.load import fingerprint_of, load
from sadari.data.split import draw_split
from sadari.errors import SadariError, UsageError
from sadari.settings import Settings
from sadari.values import ImageSet


def write(folder: Path, names: list[str]) -> Path:
    """Write an image of its own for each of the names, such as "cat/p1_0.png"."""
    generator = np.random.default_rng(0)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (8, 8), dtype=np.uint8)).save(folder / name)
    return folder


def patients(folder: Path, between: str = "_") -> Path:
    """Write 12 patients with 1 to 4 images each, every second one a cat."""
    return write(
        folder,
        [
            f"{('cat', 'dog')[number % 2]}/p{number:02d}{between}{at}.png"
            for number in range(12)
            for at in range(1 + number % 4)
        ],
    )


def set_of(labels: list[int], groups: list[int], splits: list[str] | None = None) -> ImageSet:
    count = len(labels)
    return ImageSet(
        name="drawn",
        images=np.random.default_rng(0).integers(0, 256, (count, 4, 4, 1), dtype=np.uint8),
        labels=np.array(labels, dtype=np.int64),
        ids=np.array([f"{number:05d}" for number in range(count)]),
        classes=("a", "b", "c")[: max(labels) + 1],
        source_split=np.array(splits if splits is not None else [""] * count, dtype=np.str_),
        fingerprint="0",
        groups=np.array(groups, dtype=np.int64),
        group_names=tuple(f"g{number}" for number in range(max(groups) + 1)),
    )


def names_of(images: ImageSet) -> dict[str, str]:
    return dict(zip(images.to_frame()["id"], images.to_frame()["group"], strict=True))


def test_a_pattern_over_file_names_says_which_images_belong_together(tmp_path: Path) -> None:
    images = load(patients(tmp_path / "set"), Settings(group=r"^(p\d+)_"))
    assert names_of(images)["cat/p06_2.png"] == "p06"
    assert len(images.group_names) == 12
    assert any(note == "12 groups, 1 to 4 images each, by the pattern ^(p\\d+)_" for note in images.notes)


@pytest.mark.parametrize(
    ("pattern", "group"), [(r"p\d+", "p06"), (r"(x)|p\d", "p0"), (r"([a-z]+)/", "cat"), (r"\w+$", "png")]
)
def test_a_pattern_takes_its_first_part_or_the_whole_match_and_the_path_with_a_slash(
    tmp_path: Path, pattern: str, group: str
) -> None:
    folder = write(patients(tmp_path / "set"), ["cat/p99_0.jpg"])
    assert names_of(load(folder, Settings(group=pattern)))["cat/p06_2.png"] == group


def test_the_folder_below_the_class_is_a_group(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "set",
        [
            f"{split}/{c}/{p}/{at}.png"
            for split in ("train", "test")
            for c in "ab"
            for p in ("p1", "p2")
            for at in (1, 2)
        ],
    )
    images = load(folder, Settings(group="folder"))
    assert names_of(images)["train/a/p2/1.png"] == "p2"
    assert any("2 groups, 8 images each, by folder" in note for note in images.notes)
    assert any("2 folder names are in several classes, and counted as one group each" in n for n in images.notes)


def test_splits_inside_class_folders_are_no_groups(tmp_path: Path) -> None:
    names = [
        f"{c}/{split}/{p}/{at}.png" for c in "ab" for split in ("train", "test") for p in ("x", "y") for at in "12"
    ]
    images = load(write(tmp_path / "set", names), Settings(group="folder"))
    assert set(images.source_split.tolist()) == {"train", "test"}
    assert set(images.group_names) == {"x", "y"}


def table(folder: Path, column: str = "group", rows: str = "") -> Path:
    write(folder, ["a/0.png", "a/1.png", "a/2.png", "b/3.png", "b/4.png"])
    rows = rows or "a/0.png,a,x\na/1.png,a,x\na/2.png,a,y\nb/3.png,b,x\nb/4.png,b,z\n"
    (folder / "set.csv").write_text(f"path,label,{column}\n{rows}")
    return folder / "set.csv"


@pytest.mark.parametrize("column", ["group", "Patient_ID"])
def test_a_column_of_a_table_says_which_images_belong_together(tmp_path: Path, column: str) -> None:
    images = load(table(tmp_path, column), Settings())
    assert names_of(images) == {"a/0.png": "x", "a/1.png": "x", "a/2.png": "y", "b/3.png": "x", "b/4.png": "z"}
    assert any(f"3 groups, 1 to 3 images each, by column {column.lower()}" in note for note in images.notes)
    assert load(tmp_path / "set.csv", Settings(group="none")).groups is None


def test_another_column_is_named_and_a_missing_one_refused(tmp_path: Path) -> None:
    path = table(tmp_path, "camera")
    assert load(path, Settings()).groups is None
    assert load(path, Settings(group="column:camera")).group_names == ("x", "y", "z")
    with pytest.raises(SadariError, match="no column 'film' for group=column:film; it has path, label, camera"):
        load(path, Settings(group="column:film"))


@pytest.mark.parametrize("stream", ["never", "always"])
def test_groups_are_there_from_the_cache_and_where_images_are_streamed_or_skipped(tmp_path: Path, stream: str) -> None:
    path = table(tmp_path)
    (tmp_path / "a/1.png").write_bytes(b"no image")
    for _ in range(2):
        images = load(path, Settings(stream=stream, unreadable="skip"))
        assert names_of(images) == {"a/0.png": "x", "a/2.png": "y", "b/3.png": "x", "b/4.png": "z"}


def test_a_pack_without_groups_is_used_for_the_same_images_with_groups(tmp_path: Path) -> None:
    folder = patients(tmp_path / "set")
    plain, grouped = load(folder, Settings()), load(folder, Settings(group=r"p\d+"))
    assert plain.groups is None
    assert plain.images.filename == grouped.images.filename  # type: ignore[attr-defined]
    assert plain.fingerprint != grouped.fingerprint == fingerprint_of(folder, Settings(group=r"p\d+"))
    assert grouped.fingerprint != load(folder, Settings(group=r"p\d")).fingerprint


def test_a_changed_group_changes_the_fingerprint(tmp_path: Path) -> None:
    path = table(tmp_path)
    before = load(path, Settings()).fingerprint
    path.write_text(path.read_text().replace("b,z", "b,y"))
    assert load(path, Settings()).fingerprint != before


def test_an_npz_keeps_groups(tmp_path: Path) -> None:
    images = load(table(tmp_path), Settings())
    assert convert(images, tmp_path / "set.npz") == ()
    again = load(tmp_path / "set.npz", Settings())
    assert again.groups is not None and images.groups is not None
    assert [again.group_names[at] for at in again.groups] == [images.group_names[at] for at in images.groups]
    assert load(tmp_path / "set.npz", Settings(group="none")).groups is None
    assert "the groups are not written" in convert(images, tmp_path / "folder")[0]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (r"^(p0\d)_", r"7 of 30 images of set do not match, such as cat/p10_0.png.*end it with \|\.\+"),
        ("folder", "are in no folder inside their class folder"),
        ("(p", "'\\(p' is no such expression"),
        ("column:x", "group=column:x is for a .csv, and set is none"),
        ("p", "puts all 30 images of set into one group, 'p'"),
    ],
)
def test_images_without_a_group_and_wrong_rules_are_one_sentence(tmp_path: Path, rule: str, message: str) -> None:
    with pytest.raises((SadariError, UsageError), match=message):
        load(patients(tmp_path / "set"), Settings(group=rule))


def test_an_empty_cell_is_one_sentence(tmp_path: Path) -> None:
    path = table(tmp_path, rows="a/0.png,a,x\na/1.png,a,\nb/3.png,b,x\nb/4.png,b,y\n")
    with pytest.raises(SadariError, match=r"line 3: the group is empty; give every image one .*group=none"):
        load(path, Settings())


def test_images_that_are_groups_of_their_own_are_no_groups(tmp_path: Path) -> None:
    images = load(patients(tmp_path / "set"), Settings(group=".+"))
    assert images.groups is None
    assert "by the pattern .+, each image is a group of its own" in images.notes


# --- drawing ----------------------------------------------------------------------------------------------------------


@hypothesis_settings(max_examples=12, deadline=None)
@given(st.integers(6, 30), st.integers(2, 3), st.integers(0, 2**31))
def test_drawn_splits_keep_groups_whole_and_every_class_in_train(many: int, classes: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    groups = np.repeat(np.arange(many), generator.integers(1, 9, many))
    labels = np.concatenate([np.arange(classes), generator.integers(0, classes, len(groups))])
    groups = np.concatenate([groups, many + np.arange(classes)]).tolist()
    images = set_of(labels[: len(groups)].tolist(), groups)
    split = draw_split(images, Settings(split_seed=seed % 100))
    assert images.groups is not None
    parts = [set(images.groups[each].tolist()) for each in (split.train, split.val, split.test)]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    assert sorted(np.concatenate([split.train, split.val, split.test]).tolist()) == list(range(len(images)))
    assert len(np.unique(images.labels[split.train])) == classes


def test_the_origin_says_how_well_the_classes_are_in_proportion() -> None:
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(50), 6).tolist()
    split = draw_split(set_of(generator.integers(0, 2, 300).tolist(), groups), Settings(split_seed=3))
    assert split.origin.startswith(
        "test drawn from all (20 %: 10 of 50 groups, whole; shares of classes differ by at most 0."
    )
    assert "; seed 3); val drawn from the rest (20 %: 8 of 40 groups, whole;" in split.origin


def test_classes_are_as_even_as_scikit_learn_has_them_or_better() -> None:
    ours, theirs = [], []
    for seed in range(5):
        generator = np.random.default_rng(seed)
        sizes = generator.integers(1, 41, 60)
        groups = np.repeat(np.arange(60), sizes)
        pure = np.repeat(generator.integers(0, 5, 60), sizes)
        labels = np.where(np.repeat(generator.random(60) < 0.5, sizes), pure, generator.integers(0, 5, len(groups)))
        ours.append(draw_whole(labels, groups, np.arange(len(labels)), 0.2, generator).apart)
        _, test = next(StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(labels, labels, groups))
        counts = np.zeros((60, 5))
        np.add.at(counts, (groups, labels), 1.0)
        theirs.append(apart(counts, np.isin(np.arange(60), groups[test])))
    assert np.mean(ours) < np.mean(theirs) / 2


def test_another_seed_draws_other_groups_and_small_groups_are_not_preferred() -> None:
    sizes = np.random.default_rng(0).integers(1, 41, 100)
    counts = np.stack([sizes - sizes // 2, sizes // 2], axis=1).astype(np.float64)
    drawn = np.stack([most_even(counts, 0.2, np.random.default_rng(seed)) for seed in range(20)])
    assert (drawn.sum(axis=1) == 20).all()
    assert len({each.tobytes() for each in drawn}) == 20
    assert abs(float((drawn @ sizes).mean()) / sizes.sum() - 0.2) < 0.01
    assert drawn.any(axis=0).mean() > 0.9


def test_the_last_images_are_cut_off_in_whole_groups() -> None:
    images = set_of([0, 1] * 10, np.repeat(np.arange(5), 4).tolist())
    split = draw_split(images, Settings(split="last", test_fraction=0.3, val_fraction=0.0))
    assert split.test.tolist() == [16, 17, 18, 19]
    assert split.origin == "test is the last 20 % of all, in whole groups; no val"


def test_groups_that_cannot_be_drawn_are_one_sentence() -> None:
    with pytest.raises(SadariError, match=r"no whole group of drawn can be held out for test.*group=none"):
        draw_split(set_of([0] * 10 + [1] * 10, [0] * 10 + [1] * 10), Settings())


# --- given splits -----------------------------------------------------------------------------------------------------


def test_groups_on_both_sides_of_given_splits_are_a_finding() -> None:
    images = set_of([0, 1] * 6, [0, 0, 1, 1, 2, 2, 0, 0, 3, 3, 4, 4], ["train"] * 6 + ["test"] * 6)
    found = check(images, draw_split(images, Settings(val_fraction=0.0)))
    assert found.groups.shared == {"val": 0, "test": 2}
    assert any(
        sentence.startswith(
            "2 test images of 6 are of groups that train has too (g0): the accuracy on them says little"
        )
        for sentence in found.sentences
    )
    document = found.document()["groups"]
    assert document["count"] == 5
    assert document["splits"] == {"train": 3, "val": 0, "test": 3}


def test_drawn_splits_share_no_groups(tmp_path: Path) -> None:
    images = load(patients(tmp_path / "set"), Settings(group=r"p\d+"))
    found = check(images, draw_split(images, Settings()))
    assert found.groups.shared == {"val": 0, "test": 0}
    assert not any("groups" in sentence for sentence in found.sentences)
