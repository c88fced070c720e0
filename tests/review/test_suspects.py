"""Are planted wrong labels found, and are decisions written, honoured and left alone where they stand?"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sadari
from sadari.data.decisions.file import NAME, read_decisions
from sadari.data.load import load
from sadari.errors import SadariError, UsageError
from sadari.locks.folder import LOCK, hold_folder
from sadari.review import desk
from sadari.review.odd import deviations, find_odd
from sadari.review.page.items import COPIES, LABELS, ODD, document, items_of
from sadari.review.suspects import make_review
from sadari.settings import Settings
from support.reviewing import CLASSES, PLANTED, bytes_of, drawing, planted_folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return planted_folder(tmp_path / "photos")


def test_planted_labels_come_first(data: Path) -> None:
    found = make_review(data, {})
    first = found.suspects[:2]
    assert {each.file for each in first} == {*PLANTED}
    assert {(each.label, each.suggested) for each in first} == {("left", "bottom"), ("right", "left")}
    assert all(each.probability > 0.5 > each.own for each in first)
    assert found.noise.low <= found.noise.share <= found.noise.high
    assert {pair[:2] for pair in found.pairs()} >= {("left", "bottom"), ("right", "left")}
    listed = found.document(top=1)
    assert listed["suspects"] == len(found.suspects) and len(listed["list"]) == 1
    assert found.to_frame()["file"].tolist() == [each.file for each in found.listed]
    assert {each.file for each in found.suspects} <= {each.file for each in found.listed}
    assert all(each.sure or each.probability > each.own for each in found.listed)
    assert not (data / NAME).exists()


def test_decisions_are_written_at_once_and_honoured(data: Path) -> None:
    pictures, before = bytes_of(data), load(data, Settings())
    found = make_review(data, {})
    made = found.decide(PLANTED[0], "relabel", "bottom")
    assert read_decisions(data / NAME) == {PLANTED[0]: made}
    assert (made.label, made.given_label) == ("bottom", "left")
    found.decide(PLANTED[1], "drop")
    found.decide("left/003.png", "keep")
    again = make_review(data, {})
    assert not {each.file for each in again.suspects} & {*PLANTED, "left/003.png"}
    assert len(again.found.labels) == len(before) - 1
    assert any("1 keep, 1 relabel, 1 drop" in sentence for sentence in again.sentences)
    after = load(data, Settings())
    assert np.bincount(after.labels).tolist() == [21, 20, 20]
    assert after.fingerprint != before.fingerprint
    assert bytes_of(data) == pictures


def test_relabelling_to_the_given_class_keeps(data: Path) -> None:
    made = make_review(data, {}).decide(PLANTED[0], "relabel", "left")
    assert (made.decision, made.label) == ("keep", "")


def test_two_desks_do_not_lose_each_others_decisions(data: Path) -> None:
    first, second = make_review(data, {}).desk(), make_review(data, {}).desk()
    first.decide(PLANTED[0], "keep")
    second.decide(PLANTED[1], "drop")
    first.decide("left/000.png", "drop")
    assert set(read_decisions(data / NAME)) == {*PLANTED, "left/000.png"}
    for name in (*PLANTED, "left/000.png"):
        second.put(name, None)
    assert not (data / NAME).exists()


def test_two_desks_at_once_lose_no_decision(data: Path) -> None:
    """Each reads all decisions and writes all of them: without a lock, one overwrites what the other just wrote."""
    names, made = sorted(bytes_of(data)), make_review(data, {})
    parts = [names[:20], names[30:50]]
    desks = [made.desk() for _ in parts]

    def work(at: int) -> None:
        for name in parts[at]:
            desks[at].decide(name, "drop")

    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(work, range(len(parts))))
    assert set(read_decisions(data / NAME)) == {*parts[0], *parts[1]}
    assert not (data / LOCK).exists()


def test_a_folder_that_is_held_is_one_sentence(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "PATIENCE", 0.0)
    made = make_review(data, {})
    with hold_folder(data), pytest.raises(SadariError, match="another process holds"):
        made.decide(PLANTED[0], "keep")
    made.decide(PLANTED[0], "keep")


def test_a_folder_that_cannot_be_written_says_where_decisions_can_go(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, _: object) -> None:
        raise SadariError(f"cannot write {path}: Permission denied")

    made = make_review(data, {})
    monkeypatch.setattr(desk, "write_decisions", refuse)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(SadariError, match=r"Permission denied; keep the decisions .* --decisions FILE.csv"):
        made.decide(PLANTED[0], "keep")


@pytest.mark.parametrize(
    ("file", "decision", "label", "sentence"),
    [
        ("left/none.png", "drop", "", "there is no image 'left/none.png' in photos"),
        (PLANTED[0], "burn", "", "a decision is one of keep, relabel, drop, not 'burn'"),
        (PLANTED[0], "relabel", "top", "'top' is no class of photos"),
    ],
)
def test_wrong_decisions_are_refused(data: Path, file: str, decision: str, label: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        make_review(data, {}).decide(file, decision, label)
    assert not (data / NAME).exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator writes everywhere")
def test_a_read_only_folder_is_one_sentence(data: Path) -> None:
    data.chmod(0o555)
    try:
        with pytest.raises(SadariError, match="cannot write"):
            make_review(data, {}).decide(PLANTED[0], "keep")
    finally:
        data.chmod(0o755)


def test_named_sets_need_a_file_for_decisions(tmp_path: Path) -> None:
    found = make_review("digits", {})
    assert len(found.suspects) > 0
    name = found.suspects[0].file
    with pytest.raises(UsageError, match="--decisions FILE"):
        found.decide(name, "keep")
    path = tmp_path / "mine.csv"
    make_review("digits", {}, path).decide(name, "drop")
    again = make_review("digits", {"review": str(path)})
    assert name not in {each.file for each in again.suspects}
    assert len(sadari.load("digits", review=str(path))) == 1796


def test_groups_stay_in_one_fold_and_a_set_of_one_class_is_no_failure(tmp_path: Path) -> None:
    data = planted_folder(tmp_path / "photos")
    assert make_review(data, {"group": "[0-9]+"}).suspects
    alone = tmp_path / "alone" / "cat"
    alone.mkdir(parents=True)
    for at in range(3):
        drawing("left", at).save(alone / f"{at}.png")
    found = make_review(alone.parent, {})
    assert found.suspects == () and found.noise.share == 0
    assert "1 class, 0 suspect" in found.sentences[0]
    assert found.sentences[1:] == ("with one class no label can be judged: there is no other that it could have",)


def test_a_share_of_wrong_labels_is_not_said_of_a_handful_of_images(tmp_path: Path) -> None:
    few = make_review(planted_folder(tmp_path / "few", each=2), {})
    assert few.fewest == 2 and "a class has only 2 images" in few.sentences[1]
    assert "% interval" not in " ".join(few.sentences)
    assert few.document()["wrong_share"] is None and list(few.pairs()) == [] and few.listed
    assert "% interval" in make_review(planted_folder(tmp_path / "more", each=6), {}).sentences[1]


def test_files_that_are_no_images_are_listed(data: Path) -> None:
    (data / "left" / "broken.png").write_bytes(b"no image")
    found = make_review(data, {})
    assert found.unreadable == ("left/broken.png",)
    assert "unreadable" in document(found, items_of(found))["kinds"]


def test_copies_and_odd_pictures_are_items(data: Path) -> None:
    (data / "right" / "copy.png").write_bytes((data / "left" / "004.png").read_bytes())
    Image.fromarray(np.zeros((12, 12), dtype=np.uint8)).save(data / "left" / "black.png")
    Image.fromarray(np.full((12, 12), 255, dtype=np.uint8)).save(data / "left" / "white.png")
    found = make_review(data, {})
    items = items_of(found)
    pictures = document(found, items)["pictures"]
    copies = [item for item in items if item.kind == COPIES]
    assert [pictures[at]["file"] for at in copies[0].positions] == ["left/004.png", "right/copy.png"]
    assert "under two labels" in copies[0].about
    odd = {pictures[item.positions[0]]["file"]: item.about for item in items if item.kind == ODD}
    assert odd["left/black.png"] in ("nearly black", "unlike all other pictures of the set")
    assert "left/white.png" in odd
    assert {pictures[item.positions[0]]["file"] for item in items if item.kind == LABELS} >= {*PLANTED}
    found.decide("right/copy.png", "drop")
    found.decide("left/white.png", "keep")
    later = items_of(make_review(data, {}))
    assert not [item for item in later if item.kind == COPIES]
    assert len([item for item in later if item.kind == ODD]) < len(odd) + 1


def test_blurred_tiny_and_long_pictures_are_odd(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for label in CLASSES[:2]:
        (tmp_path / "photos" / label).mkdir(parents=True)
        for at in range(15):
            pixels = rng.integers(0, 256, (80, 80), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{at}.png")
    odd = tmp_path / "photos" / CLASSES[0]
    Image.fromarray(rng.integers(0, 256, (4, 4), dtype=np.uint8)).resize((80, 80)).save(odd / "blurred.png")
    Image.fromarray(rng.integers(0, 256, (10, 10), dtype=np.uint8)).save(odd / "tiny.png")
    Image.fromarray(rng.integers(0, 256, (80, 400), dtype=np.uint8)).save(odd / "long.png")
    found = make_review(tmp_path / "photos", {"image_size": 80, "backbone": "auto", "weights": "random"})
    reasons: dict[str, list[str]] = {}
    for each in find_odd(found):
        reasons.setdefault(str(found.images.ids[each.position]).split("/")[1], []).append(each.about)
    assert any("blurred" in about for about in reasons["blurred.png"])
    assert any("tiny: 10 x 10" in about for about in reasons["tiny.png"])
    assert any("very long: 400 x 80" in about for about in reasons["long.png"])
    plain = [name for name in reasons if name.partition(".")[0].isdecimal()]
    assert len(plain) <= 3


def test_deviations_are_robust() -> None:
    values = np.concatenate([np.random.default_rng(0).normal(5, 1, 500), [500.0] * 20])
    found = deviations(values)
    assert (found[500:] > 100).all() and (found[:500] > 3.5).mean() < 0.01
    assert deviations(np.ones(5)).tolist() == [0.0] * 5
