"""Do copies stay on one side of a split where the setting `copies` says so, and is that said and found only once?"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sadari.comparison.splits.drawn import draw_fold
from sadari.data.cache.digests import digest_texts
from sadari.data.check import check
from sadari.data.copies import search
from sadari.data.copies.search import Found, find_copies
from sadari.data.split import draw_split
from sadari.errors import SadariError, UsageError
from sadari.progress import Progress
from sadari.settings import Settings
from sadari.values import ImageSet, Split
from support.copies import COUNT, copied_set
from support.terminal import Terminal

PARTS = ["train"] * 40 + ["val"] * 8 + ["test"] * 12
COPIES, NEAR = {48: 0, 49: 41, 42: 2, 9: 8}, {50: 4, 51: 43, 44: 5}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(search, "_held", {})


def given_set() -> ImageSet:
    return copied_set("given parts", COPIES, NEAR, PARTS)


def test_what_has_a_copy_in_a_later_split_is_left_out_of_training() -> None:
    images = given_set()
    usual, split = draw_split(images, Settings()), draw_split(images, Settings(copies="drop"))
    assert set(usual.train) - set(split.train) == {0, 2, 4, 5}
    assert set(usual.val) - set(split.val) == {41, 43}
    assert np.array_equal(usual.test, split.test)
    assert split.origin == (
        "train, val and test as given; 4 train and 2 val images left out, which have an identical or near-copy in val "
        "or test"
    )
    assert check(images, usual).leaks == 6 and check(images, split).leaks == 0


def test_an_image_that_val_loses_keeps_no_other_out_of_training() -> None:
    images = copied_set("chain", {}, {}, PARTS)
    found = Found(np.full(COUNT, -1), np.array([[3, 40], [40, 48]]), True)
    search._held[digest_texts(*search._metadata(images, Settings()).values())] = found
    split = draw_split(images, Settings(copies="drop"))
    assert 3 in split.train and 40 not in split.val


def test_where_nothing_has_a_copy_that_is_said() -> None:
    images = copied_set("no copies", {}, {}, PARTS)
    split = draw_split(images, Settings(copies="drop"))
    assert split.origin.endswith("; no training image has an identical or near-copy in val or test")
    drawn = replace(images, source_split=np.full(COUNT, ""))
    usual, together = (draw_split(drawn, Settings(copies=each)) for each in ("report", "together"))
    assert np.array_equal(usual.test, together.test)
    assert together.origin == f"{usual.origin}; no image has an identical or near-copy"


@pytest.mark.parametrize("seed", range(4))
def test_copies_are_drawn_together(seed: int) -> None:
    images = copied_set("drawn parts", COPIES, NEAR)
    split = draw_split(images, Settings(copies="together", split_seed=seed))
    assert check(images, split).leaks == 0
    assert len(split.train) + len(split.val) + len(split.test) == COUNT and 10 <= len(split.test) <= 14
    assert split.origin.endswith("14 images that have an identical or near-copy are kept together, in 7 groups")
    assert "groups, whole" in split.origin


def test_copies_join_the_groups_that_there_are() -> None:
    images = copied_set("groups", {2: 0, 40: 0}, {41: 1})
    grouped = replace(images, groups=np.arange(COUNT) // 4, group_names=tuple(map(str, range(COUNT // 4))))
    joined, copied, kinds = find_copies(grouped, Settings()).joined(grouped.groups)
    assert (copied, kinds) == (5, 2)
    assert len(set(joined[[0, 1, 2, 3, 40, 41, 42, 43]])) == 1 and len(set(joined)) == COUNT // 4 - 1
    split = draw_split(grouped, Settings(copies="together"))
    for positions in (split.train, split.val, split.test):
        assert not set(joined[positions]) & set(np.delete(joined, positions))


def test_given_parts_that_share_copies_cannot_be_drawn_together() -> None:
    expected = (
        r"copies=together draws parts, and toy gives its own: 4 test images have an identical or near-copy in train or "
        r"val, and stay there; copies=drop leaves these copies out of training"
    )
    with pytest.raises(UsageError, match=expected):
        draw_split(given_set(), Settings(copies="together"))
    images = copied_set("given and apart", {9: 8}, {}, PARTS)
    assert draw_split(images, Settings(copies="together")).origin.endswith("kept together, in 1 groups")


@pytest.mark.parametrize("rule", ["drop", "together"])
def test_folds_keep_copies_apart(rule: str) -> None:
    images, judged = copied_set("folds", COPIES, NEAR), []
    for number in range(5):
        split = draw_fold(images, Settings(copies=rule), 5, number)
        assert check(images, split).leaks == 0
        judged.extend(split.test.tolist())
    assert sorted(judged) == list(range(COUNT))


def test_of_small_images_only_identical_copies_are_known_and_that_is_said() -> None:
    images = given_set()
    small = replace(images, images=np.ascontiguousarray(np.asarray(images.images)[:, ::2, ::2]), fingerprint="small")
    split = draw_split(small, Settings(copies="drop"))
    assert split.origin.endswith(
        "2 train and 1 val images left out, which have an identical copy (near-copies are looked for in images of 64 "
        "pixels and more) in val or test"
    )


def test_a_class_of_nothing_but_copies_is_refused() -> None:
    images = copied_set("all copies", {48 + at: 2 * at + 1 for at in range(12)}, {}, PARTS)
    labels = np.where(np.isin(np.arange(COUNT), [1, 3, *range(48, 60)]), 1, 0)
    with pytest.raises(SadariError, match="no training image of the class 'dog'; copies=drop leaves out"):
        draw_split(replace(images, labels=labels), Settings(copies="drop"))


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return a function that returns how often pixels were searched."""
    seen: list[ImageSet] = []
    original = search._searched

    def watched(images: ImageSet, progress: Progress) -> Found:
        seen.append(images)
        return original(images, progress)

    monkeypatch.setattr(search, "_searched", watched)
    return lambda: len(seen)


def test_the_search_is_kept_in_the_cache_for_these_images_in_this_form(
    searches: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    images, drop = given_set(), Settings(copies="drop")
    first = draw_split(images, drop)
    search._held.clear()  # another process
    again = draw_split(images, drop)
    assert searches() == 1 and equal(first, again)
    draw_split(images, Settings(copies="drop", image_size=64))
    draw_split(replace(images, fingerprint="other content"), drop)
    assert searches() == 3
    monkeypatch.setenv("SADARI_CACHE_LIMIT", "0")
    monkeypatch.setenv("SADARI_CACHE_DIR", "elsewhere")
    search._held.clear()
    assert equal(first, draw_split(images, drop)) and equal(first, draw_split(images, drop))
    assert searches() == 4


def test_a_set_without_copies_is_searched_once_too(searches: Callable[[], int]) -> None:
    images = copied_set("nothing at all", {}, {})
    for _ in range(2):
        search._held.clear()
        assert not len(find_copies(images, Settings()).near)
    assert searches() == 1


def test_nothing_is_searched_by_default(searches: Callable[[], int]) -> None:
    draw_split(given_set(), Settings())
    assert searches() == 0


def test_check_says_what_is_left_out(sadari: Terminal) -> None:
    answer = sadari("data", "check", "digits", "--set", "copies=drop")
    assert answer.status == 0
    assert "note  copies=drop: test drawn from all (20 %" in answer.out
    assert "no training image has an identical copy (near-copies are looked for in images of 64 pixels" in answer.out
    refused = sadari("data", "check", "digits", "--set", "copies=keep")
    assert refused.status == 2 and "copies is one of report, drop, together, not 'keep'" in refused.err


def equal(one: Split, other: Split) -> bool:
    return one.origin == other.origin and all(
        np.array_equal(one.positions(name), other.positions(name)) for name in ("train", "val", "test")
    )
