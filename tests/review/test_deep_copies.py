"""Are pictures of one scene found by their features where their pixels differ, and few others?"""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sadari.data.check import check
from sadari.data.split import draw_split
from sadari.review import deep_copies
from sadari.review.deep_copies import LookAlike, alike, look_alike_sentences, whitened
from sadari.settings import Settings
from support.copies import copied_set, photographs
from support.terminal import Terminal


def rows(count: int = 200, width: int = 120) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return features that share a lot, as those of one kind of picture do, and of which three pairs share more."""
    generator = np.random.default_rng(0)
    kinds = 4 * generator.normal(size=(4, width))
    found = kinds[np.arange(count) % 4] + generator.normal(size=(count, width))
    for first, second in ((3, 100), (8, 9), (50, 199)):
        found[second] = found[first] + 0.4 * generator.normal(size=width)
    return found.astype(np.float32)


def test_pairs_that_share_more_than_their_kind_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    given = whitened(rows())
    assert given.shape == (200, 100) and np.linalg.norm(given, axis=1) == pytest.approx(np.ones(200), abs=1e-5)
    found = [pair[:2] for pair in alike(given)]
    assert found == [(3, 100), (8, 9), (50, 199)]
    monkeypatch.setattr(deep_copies, "BLOCK", 37)
    assert sorted(pair[:2] for pair in alike(given)) == found


def test_sentences_count_what_crosses_a_split() -> None:
    one = LookAlike(("a", "b"), ("train", "test"), ("cat", "cat"), 0.6)
    assert one.crosses and one.document()["likeness"] == 0.6
    [said] = look_alike_sentences([one])
    assert "1 pair of pictures is suspiciously alike by the features, in two splits: look" in said
    within = LookAlike(("a", "c"), ("train", "train"), ("cat", "cat"), 0.5)
    [said] = look_alike_sentences([one, within])
    assert "2 pairs of pictures are suspiciously alike by the features, 1 of them in two splits" in said
    assert "features, all of them in two splits" in look_alike_sentences([one, one])[0]
    assert look_alike_sentences([]) == ("no pair of pictures is suspiciously alike by its features",)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Write 120 drawings as files, of which one is a copy of another, and crops of three into the other split."""
    for at, each in enumerate(photographs(120)):
        crops = {7: 60, 11: 61, 12: 62}
        image = Image.fromarray(each)
        for number, picture in ((at, image), (crops.get(at), image.crop((8, 7, 92, 73)))):
            if number is None or (number == at and at in crops.values()):
                continue
            folder = tmp_path / "photos" / ("train" if number < 60 else "test") / ("cat", "dog")[number % 2]
            folder.mkdir(parents=True, exist_ok=True)
            if number == 90:
                picture = Image.fromarray(photographs(120)[91])
            picture.save(folder / f"{number:03d}.png")
    return tmp_path / "photos"


def test_data_check_lists_them_as_look_alikes(photos: Path, sadari: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deep_copies, "LIKENESS", -1.0)
    plain = sadari("data", "check", photos)
    assert "alike by" not in plain.out
    assert sadari("data", "check", photos, "--json").document["look_alikes"] is None
    answer = sadari("data", "check", photos, "--deep", "--html", "page.html", "--json")
    found = answer.document["look_alikes"]
    assert len(found) == 120 * 119 // 2 - 1, "the identical ones are known"
    assert found[0]["likeness"] >= found[-1]["likeness"]
    assert {"ids", "splits", "classes", "likeness"} == set(found[0])
    assert "to look at, not a fact: features alike" in Path("page.html").read_text(encoding="utf-8")
    assert "look at them, they are not facts" in Path("page.html").read_text(encoding="utf-8")
    told = sadari("data", "check", photos, "--deep").out
    assert "suspiciously alike by the features" in told and "more pairs; --json lists all" in told


def test_few_images_are_refused(sadari: Terminal, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deep_copies, "LEAST", 500)
    answer = sadari("data", "check", photos, "--deep")
    assert answer.status == 2 and "--deep compares from 500 to 50,000 images, and 'photos' has 120" in answer.err


def test_small_grey_images_are_refused(sadari: Terminal) -> None:
    answer = sadari("data", "check", "digits", "--deep")
    assert answer.status == 2 and "--deep compares photographs" in answer.err


def test_known_copies_are_no_look_alikes() -> None:
    images = copied_set("deep", {5: 4}, {9: 8})
    found = check(images, draw_split(images, Settings()))
    known = deep_copies._known(found)
    assert ("04", "05") in known and ("08", "09") in known


def test_the_page_has_the_measured_figures() -> None:
    root = Path(__file__).parents[2]
    measured = json.loads((root / "benchmarks" / "quality" / "deep_copies.json").read_text(encoding="utf-8"))
    text = (root / "docs" / "data-checks.md").read_text(encoding="utf-8")
    for change, share in measured["animals"]["found"].items():
        other = measured["flowers"]["found"][change]
        assert f"| {change} | {100 * share:.0f} % | {100 * other:.0f} % |" in text
    for name in ("animals", "flowers"):
        assert f"{measured[name]['look-alikes']} in `{name}`" in text
    planted = json.loads((root / "benchmarks" / "quality" / "planted_copies.json").read_text(encoding="utf-8"))
    for arm in planted["arms"].values():
        assert f"{arm['accuracy'][0]:.3f}" in text
