"""Are the judging images on a map of the report, with the best arm's answers, by features that cost seconds?"""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.report.build import build_report
from sadari.report.maps import judged
from sadari.report.maps.copies import copies_view
from sadari.report.maps.judged import judged_map
from sadari.report.maps.view import view_of
from sadari.report.page import render
from support.backbones import QUICK
from support.browser import CHROMIUM, Open
from support.copies import photographs, saved
from support.jobs import QUIET, named_arms
from support.maps import copied_view, drawn_map
from support.reports import small_report


def test_digits_are_compared_by_their_pixels(stamped_result: ComparisonResult) -> None:
    found, note = judged_map(stamped_result)
    assert found is not None and note == ""
    best = stamped_result.arms[0].name
    run = stamped_result.records[best][0].predictions
    assert (found.run, len(found.ids), found.shown, found.side) == (best, 359, 359, 8)
    answers = dict(zip(run.ids.tolist(), run.predicted.tolist(), strict=True))
    assert [answers[name] for name in found.ids] == list(found.predicted)
    labels = dict(zip(run.ids.tolist(), run.labels.tolist(), strict=True))
    assert [labels[name] for name in found.ids] == list(found.labels)
    assert found.sentences[0].startswith("359 pictures by their pixels")


def test_the_map_is_small_beside_the_page(stamped_result: ComparisonResult, monkeypatch: pytest.MonkeyPatch) -> None:
    report = build_report(stamped_result, "today")
    assert report.map is not None and report.copies is None
    without = len(render(replace(report, map=None)))
    assert len(render(report)) - without < 200_000
    monkeypatch.setattr(judged, "MOST", 100)
    found, _ = judged_map(stamped_result)
    assert found is not None and len(found.ids) == 100 and "a random sample of 359" in found.sentences[0]


def test_without_images_or_with_few_there_is_no_map(
    stamped_result: ComparisonResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert judged_map(replace(stamped_result, images=None)) == (None, "")
    monkeypatch.setattr(judged, "LEAST", 360)
    assert judged_map(stamped_result) == (None, "")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write 60 photographs in train and 40 in test, two of which are copies of those in train."""
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    drawn = list(map(Image.fromarray, photographs(100)))
    drawn[60], drawn[61] = drawn[2], saved(drawn[3])
    for at, each in enumerate(drawn):
        folder = tmp_path / "photos" / ("train" if at < 60 else "test") / ("cat", "dog")[at % 2]
        folder.mkdir(parents=True, exist_ok=True)
        each.save(folder / f"{at:03d}.png")
    return tmp_path / "photos"


def photographed(photos: Path, models: list[str], **settings: object) -> ComparisonResult:
    arms, _ = named_arms(models, {}, {**QUIET, **settings, "val_fraction": 0.0})  # type: ignore[dict-item]
    return compare(Comparison(str(photos), arms, (0,)), runs=photos.parent / "runs", executor=SerialExecutor())


def test_photographs_are_compared_by_the_features_in_the_cache(photos: Path) -> None:
    result = photographed(photos, ["knn"], **QUICK)
    found, note = judged_map(result)
    assert found is not None and note == "" and len(found.ids) == 40
    assert found.sentences[0].startswith("40 pictures by the features that knn reads")


def test_without_them_by_what_the_best_arm_learned_unless_that_takes_long(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = photographed(photos, ["mlp"], image_size=16, epochs=1)
    found, note = judged_map(result)
    assert found is not None and note == ""
    assert found.sentences[0].startswith("40 pictures by the features that mlp learned")
    seconds = iter(range(0, 10_000, 100))
    monkeypatch.setattr(judged, "perf_counter", lambda: next(seconds))
    found, note = judged_map(result)
    assert found is None and note.startswith("The map of the judging images is left out: the features of 40 images")
    assert note in build_report(result, "today").notes


def test_pairs_of_copies_are_shown_with_their_splits_and_answers(photos: Path) -> None:
    result = photographed(photos, ["mlp"], image_size=64, epochs=1)
    assert len(result.data.copied) == 2
    found = copies_view(result)
    assert found is not None and found.total == 2 and found.shown == 4
    assert found.ids[:2] == ("test/cat/060.png", "train/cat/002.png") and found.kinds[0] == "identical"
    assert found.ids[2:] == ("test/dog/061.png", "train/dog/003.png") and found.kinds[1].startswith("near-copies, 0.")
    assert [found.split_names[each] for each in found.splits] == ["test", "train"] * 2
    answers = result.records["mlp"][0].answers
    at = answers.ids.tolist().index("test/cat/060.png")
    assert found.predicted[0] == answers.predicted[at] and found.predicted[1] == -1
    assert copies_view(replace(result, data=replace(result.data, pairs=()))) is None
    assert "copied-pairs" in render(build_report(result, "today"))


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
@pytest.mark.parametrize("width", [360, 1280])
def test_map_and_copies_work_on_the_page(open_page: Open, width: int) -> None:
    report = replace(small_report(), map=view_of(drawn_map(50)), copies=copied_view())
    page = open_page(report, width=width)
    assert (
        page.locator("#contents a", has_text="Map").count()
        == page.locator("#contents a", has_text="Copies").count()
        == 1
    )
    page.locator("#map canvas").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(80)
    chosen = page.locator("#map canvas").get_attribute("data-meant")
    assert chosen and chosen in page.locator("#map .detail").inner_text()
    pairs = page.locator("#copies .copied-pairs > li")
    assert pairs.count() == 2 and pairs.first.locator(".picture").count() == 2
    assert "first has 0 of these 1 right; 2 of 7 are shown" in page.locator("#copies .caption").inner_text()
    assert "wrong: predicted dog" in pairs.first.inner_text() and "identical" in pairs.first.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
