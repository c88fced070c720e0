"""Is the page of a map one file of bounded size, in which names of files and classes are text and nothing else?"""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from sadari.report.maps.page import render_map
from sadari.report.maps.view import view_of
from sadari.review.data_map import DataMap
from support.maps import drawn_map
from support.report_pages import HOSTILE


def contents(text: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="contents-data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


def test_the_page_holds_every_picture_and_its_thumbnail() -> None:
    found = drawn_map(50)
    view = view_of(found)
    assert view.ids == tuple(found.images.ids.tolist()) and view.labels == tuple(found.images.labels.tolist())
    assert view.shown == 50 and view.side == 96 and view.sheet.startswith("data:image/webp;base64,")
    assert len(view.near) == 50 * view.near_each == 300
    assert (
        min(view.x) >= 0
        and max(view.x) <= 10_000
        and [view.split_names[each] for each in view.splits] == list(found.splits)
    )
    judged = [at for at, each in enumerate(view.predicted) if each >= 0]
    assert len(judged) == 10 and all(view.probability[at] > 0 for at in judged)
    stored = contents(render_map(found))
    assert isinstance(stored["map"], dict) and stored["map"]["ids"] == list(view.ids)


def test_many_pictures_get_smaller_thumbnails_within_a_bound() -> None:
    found = drawn_map(50)
    assert view_of(found, pixels=50 * 64**2).side == 64
    assert view_of(found, pixels=50 * 48**2).side == 48
    small = view_of(found, pixels=50 * 32**2, most_bytes=6_000)
    assert small.side == 32 and len(small.sheet) < 8_200 and 0 < small.shown < 50


def test_the_same_map_gives_the_same_page() -> None:
    assert render_map(drawn_map(20)) == render_map(drawn_map(20))


def test_names_are_text_and_nothing_is_fetched() -> None:
    found = drawn_map(20)
    images = replace(found.images, classes=(HOSTILE, "</script>"), ids=np.array([f"{HOSTILE}{at}" for at in range(20)]))
    text = render_map(replace(found, images=images, notes=(HOSTILE,), name=HOSTILE))
    assert HOSTILE not in text and text.count("</script>") == 2
    assert not re.search(r'(?:src|href)="(?!data:|#)', text) and "http:" not in text.replace("http://www.w3.org", "")


def test_places_on_this_machine_are_not_on_the_page() -> None:
    found: DataMap = replace(drawn_map(20), notes=("skipped '/home/somebody/photos/a.png'",))
    assert "/home/somebody" not in render_map(found)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_pictures_have_a_page_too(count: int) -> None:
    assert "a map of its pictures" in render_map(drawn_map(count, judged=False))
