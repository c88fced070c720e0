"""Do decisions of a person change a set as they say, everywhere, and are those that do not fit refused?"""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from sadari.data.convert import convert
from sadari.data.decisions.apply import digests_of
from sadari.data.decisions.file import (
    DROP,
    KEEP,
    NAME,
    RELABEL,
    Decision,
    beside,
    read_decisions,
    write_decisions,
)
from sadari.data.load import fingerprint_of, load, open_source
from sadari.data.split import draw_split
from sadari.errors import SadariError, UsageError
from sadari.settings import Settings, with_overrides
from sadari.values import ImageSet, Prefetching
from support.sets import encode_all, small_pixels, write_csv, write_folder, write_npz, write_tar, write_zip

WHEN = "2026-11-30T02:00:00+00:00"
RELABELLED, DROPPED, KEPT = "train/cat/1.png", "train/dog/1.png", "test/bird/1.png"


def settings(**overrides: str | int) -> Settings:
    return with_overrides(Settings(), overrides)


def made(kind: str, folder: Path) -> Path:
    """Write the small set in one of its forms."""
    pixels = small_pixels()
    files = encode_all(pixels)
    writers = {
        "folder": lambda: write_folder(folder / "photos", files),
        "zip": lambda: write_zip(folder / "photos.zip", files),
        "tar": lambda: write_tar(folder / "photos.tar", files),
        "tar.gz": lambda: write_tar(folder / "photos.tar.gz", files),
        "csv": lambda: write_csv(folder / "photos.csv", files),
        "npz": lambda: write_npz(folder / "photos.npz", pixels),
    }
    return writers[kind]()


def decide(data: Path, **changes: str) -> Path:
    """Decide about three images of `data`; changes: fields of the relabelled one that are wrong."""
    images = load(data, settings(review="none"))
    first, second, third = ids_of(images)
    digests = digests_of(open_source(data).content(), [first, second, third])
    label_of = dict(zip(images.ids.tolist(), images.labels.tolist(), strict=True))
    decided = {
        name: Decision(name, kind, label, images.classes[label_of[name]], digests[name], WHEN)
        for name, kind, label in ((first, RELABEL, "bird"), (second, DROP, ""), (third, KEEP, ""))
    }
    decided[first] = Decision(**{**{each: getattr(decided[first], each) for each in Decision.__slots__}, **changes})
    path = beside(data)
    assert path is not None
    write_decisions(path, decided)
    return path


def ids_of(images: ImageSet) -> tuple[str, str, str]:
    """Return a cat of train, a dog of train, and a bird of test, whatever the source calls them."""
    found = [
        np.flatnonzero((images.labels == images.classes.index(label)) & (images.source_split == split))[1]
        for label, split in (("cat", "train"), ("dog", "train"), ("bird", "test"))
    ]
    first, second, third = (str(images.ids[at]) for at in found)
    return first, second, third


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tar.gz", "csv", "npz"])
def test_every_source_honours_the_decisions_beside_it(kind: str, tmp_path: Path) -> None:
    data = made(kind, tmp_path)
    before = load(data, settings())
    first, second, third = ids_of(before)
    path = decide(data)
    after = load(data, settings())
    assert len(after) == len(before) - 1 and second not in after.ids
    labels = dict(zip(after.ids.tolist(), after.labels.tolist(), strict=True))
    assert after.classes[labels[first]] == "bird" and after.classes[labels[third]] == "bird"
    at = before.ids.tolist().index(third)
    assert np.array_equal(after.images[after.ids.tolist().index(third)], before.images[at])
    assert np.array_equal(np.asarray(after.images), before.images[before.ids != second])
    assert after.fingerprint != before.fingerprint == fingerprint_of(data, settings(review="none"))
    assert after.fingerprint == fingerprint_of(data, settings())
    note = f"review: 1 label changed and 1 image left out by hand, as {path.name} says; review=none does without"
    assert note in after.notes and not any("test" in each for each in after.notes)
    without = load(data, settings(review="none"))
    assert without.fingerprint == before.fingerprint and without.notes == before.notes
    path.unlink()
    assert load(data, settings()).fingerprint == before.fingerprint


def test_a_set_without_decisions_is_what_it_was(tmp_path: Path) -> None:
    data = made("folder", tmp_path)
    source = open_source(data)
    assert load(data, settings()).fingerprint == source.fingerprint()


def test_keeping_images_leaves_the_fingerprint(tmp_path: Path) -> None:
    data = made("folder", tmp_path)
    before = load(data, settings())
    path = decide(data)
    kept = {name: each for name, each in read_decisions(path).items() if each.decision == KEEP}
    write_decisions(path, kept)
    after = load(data, settings())
    assert (after.fingerprint, after.notes) == (before.fingerprint, before.notes)
    write_decisions(path, {})
    assert not path.exists()


def test_a_set_with_other_labels_says_whose_pixels_it_has(tmp_path: Path) -> None:
    data = made("folder", tmp_path)
    before = load(data, settings())
    path = decide(data)
    assert (before.pixels_of, load(data, settings()).pixels_of) == ("", ""), "without an image the rows are others"
    decided = read_decisions(path)
    write_decisions(path, {name: each for name, each in decided.items() if each.decision == RELABEL})
    after = load(data, settings())
    assert after.pixels_of == before.fingerprint != after.fingerprint
    assert np.array_equal(np.asarray(after.images), np.asarray(before.images))
    grouped = load(data, settings(review="none", group=r"(\d)\.png"))
    assert grouped.pixels_of == before.fingerprint != grouped.fingerprint


def test_changed_test_images_are_said(tmp_path: Path) -> None:
    data = made("folder", tmp_path)
    path = decide(data)
    decided = read_decisions(path)
    kept = decided[KEPT]
    write_decisions(path, {KEPT: Decision(KEPT, DROP, "", kept.given_label, kept.digest, WHEN)})
    notes = load(data, settings()).notes
    assert any("1 of these is a test image" in note and "suggestions of a model" in note for note in notes)


def test_drawn_test_images_are_said(tmp_path: Path) -> None:
    files = {name.removeprefix("train/"): each for name, each in encode_all(small_pixels()).items() if "train" in name}
    data = write_folder(tmp_path / "photos", files)
    images = load(data, settings())
    name = str(images.ids[0])
    digest = digests_of(open_source(data).content(), [name])[name]
    write_decisions(data / NAME, {name: Decision(name, RELABEL, "dog", "bird", digest, WHEN)})
    assert any("where test images are drawn from this set" in note for note in load(data, settings()).notes)


def test_a_named_file_counts_for_any_set(tmp_path: Path) -> None:
    images = load("digits", settings())
    name = str(images.ids[3])
    digest = digests_of(open_source("digits").content(), [name])[name]
    given = images.classes[images.labels[3]]
    path = tmp_path / "mine.csv"
    write_decisions(path, {name: Decision(name, DROP, "", given, digest, WHEN)})
    after = load("digits", settings(review=str(path)))
    assert len(after) == len(images) - 1 and name not in after.ids
    assert len(draw_split(after, settings()).train) > 0
    with pytest.raises(UsageError, match="there is no file"):
        load("digits", settings(review=str(tmp_path / "none.csv")))


def test_groups_are_those_of_the_images_that_are_left(tmp_path: Path) -> None:
    data = made("folder", tmp_path)
    rule = "[0-9]"
    before = load(data, settings(group=rule))
    decide(data)
    after = load(data, settings(group=rule))
    assert after.group_names == before.group_names and after.groups is not None
    names = np.array(after.group_names)[after.groups]
    assert names.tolist() == [name[-5] for name in after.ids.tolist()]
    assert after.fingerprint == fingerprint_of(data, settings(group=rule)) != before.fingerprint


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"label": "horse"}, "gets the class 'horse', which is none of bird, cat, dog"),
        ({"given_label": "dog"}, "has the label 'cat' now, and had 'dog'"),
        ({"digest": "00"}, "is another picture now"),
        ({"decision": "burn"}, "the decision is one of keep, relabel, drop, not 'burn'"),
        ({"label": ""}, "a relabelled image has no label"),
    ],
)
def test_decisions_that_do_not_fit_are_refused(changes: dict[str, str], sentence: str, tmp_path: Path) -> None:
    data = made("folder", tmp_path)
    decide(data, **changes)
    with pytest.raises(SadariError, match=sentence) as raised:
        load(data, settings())
    assert "review=none" in str(raised.value) and NAME in str(raised.value)
    assert len(load(data, settings(review="none"))) == 18


def test_a_picture_that_changed_is_noticed_after_it_fitted(tmp_path: Path) -> None:
    data = made("folder", tmp_path)
    decide(data)
    load(data, settings())
    shutil.copy(data / "train/bird/0.png", data / RELABELLED)
    with pytest.raises(SadariError, match="is another picture now"):
        load(data, settings())


def test_pictures_that_are_gone_are_said_and_no_failure(tmp_path: Path) -> None:
    data = made("folder", tmp_path)
    decide(data)
    (data / DROPPED).unlink()
    notes = load(data, settings()).notes
    assert "review: 1 decision is on an image that is not there any more, and without effect" in notes
    for name in (RELABELLED, KEPT):
        (data / name).unlink()
    with pytest.raises(SadariError, match="none of its 3 files is in photos"):
        load(data, settings())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "lacks the column 'file'"),
        ("file,decision\n", "lacks the column 'label'"),
        ("file,decision,label,given_label,digest,when\na.png,drop\n", "line 2 has 2 cells instead of 6"),
        ("file,decision,label,given_label,digest,when\n,drop,,cat,00,\n", "line 2: the file is empty"),
        ("file,decision,label,given_label,digest,when\na,drop,,cat,,\n", "the digest is empty"),
        ("file,decision,label,given_label,digest,when\na,drop,,c,0,\na,keep,,c,0,\n", "'a' a second time"),
        ('file,decision,label,given_label,digest,when\n"a,drop', "unexpected end of data"),
    ],
)
def test_damaged_decisions_are_one_sentence(text: str, reason: str, tmp_path: Path) -> None:
    data = made("folder", tmp_path)
    (data / NAME).write_text(text, encoding="utf-8")
    with pytest.raises(SadariError, match="cannot be used") as raised:
        load(data, settings())
    assert reason in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_what_a_spreadsheet_saves_is_read(separator: str, tmp_path: Path) -> None:
    data = made("folder", tmp_path)
    path = decide(data)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    before = read_decisions(path)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=separator).writerows(rows)
    assert b"\r\n" in path.read_bytes()
    assert read_decisions(path) == before and len(before) == 3


def test_other_encodings_are_one_sentence(tmp_path: Path) -> None:
    path = decide(made("folder", tmp_path))
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-16")
    with pytest.raises(SadariError, match="cannot be used: it is not written in UTF-8; mend or remove"):
        read_decisions(path)


def test_a_class_whose_images_are_all_left_out_is_said(tmp_path: Path) -> None:
    data = made("folder", tmp_path)
    images = load(data, settings())
    cats = images.ids[images.labels == images.classes.index("cat")].tolist()
    digests = digests_of(open_source(data).content(), cats)
    write_decisions(data / NAME, {name: Decision(name, DROP, "", "cat", digests[name], WHEN) for name in cats})
    left = load(data, settings())
    with pytest.raises(SadariError, match=r"image of the class 'cat'; decisions by hand .*; review=none"):
        draw_split(left, settings())


def test_decisions_are_no_data(tmp_path: Path) -> None:
    data = made("folder", tmp_path)
    decide(data)
    with pytest.raises(UsageError, match="has decisions about images"):
        load(data / NAME, settings())
    assert not any("left out 1 file" in note for note in load(data, settings()).notes)


def test_names_of_any_kind_come_back(tmp_path: Path) -> None:
    names = ['a,"b"\nc.png', "데이터/사진.png", "=x.png", " spaced .png"]
    decided = {name: Decision(name, DROP, "", "cat", "00", WHEN) for name in names}
    write_decisions(tmp_path / NAME, decided)
    assert read_decisions(tmp_path / NAME) == decided


def test_a_streamed_set_honours_decisions(tmp_path: Path) -> None:
    data = made("folder", tmp_path)
    decide(data)
    packed, streamed = load(data, settings()), load(data, settings(stream="always"))
    assert isinstance(streamed.images, Prefetching) and not isinstance(packed.images, Prefetching)
    order = np.array([5, 2, 9])
    streamed.images.prefetch(order)
    assert np.array_equal(streamed.images[order], packed.images[order])
    assert np.array_equal(np.stack(list(streamed.images)), np.asarray(packed.images))


def test_a_converted_set_has_the_decisions_in_it(tmp_path: Path) -> None:
    data = made("folder", tmp_path)
    decide(data)
    images = load(data, settings())
    convert(images, tmp_path / "out")
    again = load(tmp_path / "out", settings())
    assert np.bincount(again.labels).tolist() == np.bincount(images.labels).tolist() == [7, 5, 5]
