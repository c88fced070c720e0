"""Does the page of a review let a person decide by keys and buttons, and is each decision on disk at once?"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from sadari.data.decisions.file import NAME, read_decisions
from sadari.deploy.serve.access import Access, Guarded
from sadari.review.page.app import make_app
from sadari.review.suspects import make_review
from support.browser import NEEDS_BROWSER, Opened
from support.reviewing import CLASSES, PLANTED, bytes_of, planted_folder
from support.server import running
from support.terminal import Terminal

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TOKEN = "a-token-of-the-test"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = planted_folder(tmp_path / "photos")
    (root / "right" / "copy.png").write_bytes((root / "right" / "004.png").read_bytes())
    return root


@pytest.fixture
def client(photos: Path) -> Iterator[TestClient]:
    app = make_app(make_review(photos, {}))
    app.add_middleware(Guarded, access=Access(frozenset(), TOKEN))
    with TestClient(app, base_url="http://127.0.0.1", headers={"Authorization": f"Bearer {TOKEN}"}) as opened:
        yield opened


def test_strangers_are_refused(client: TestClient, photos: Path) -> None:
    wanted = {"file": PLANTED[0], "decision": "drop"}
    for headers, status in (
        ({"Authorization": ""}, 401),
        ({"Host": "evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ):
        assert client.post("/decide", json=wanted, headers=headers).status_code == status
        assert client.get("/review", headers=headers).status_code == status
    assert client.post("/decide", data=wanted).status_code == 415
    assert not (photos / NAME).exists()


def test_decisions_are_written_and_undone(client: TestClient, photos: Path) -> None:
    pictures = bytes_of(photos)
    answer = client.post("/decide", json={"file": PLANTED[0], "decision": "relabel", "label": "bottom"})
    assert answer.json() == {"file": PLANTED[0], "decision": "relabel", "label": "bottom"}
    assert read_decisions(photos / NAME)[PLANTED[0]].label == "bottom"
    client.post("/decide", json={"file": PLANTED[0], "decision": "drop"})
    assert client.get("/review").json()["decided"] == {PLANTED[0]: {"decision": "drop", "label": ""}}
    assert client.post("/decide", json={"file": "", "decision": "undo"}).json()["label"] == "bottom"
    assert client.post("/decide", json={"file": "", "decision": "undo"}).json()["decision"] == ""
    assert not (photos / NAME).exists()
    assert client.post("/decide", json={"file": "", "decision": "undo"}).status_code == 422
    assert bytes_of(photos) == pictures


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"file": "none.png", "decision": "drop"}, "there is no image 'none.png'"),
        ({"file": PLANTED[0], "decision": "relabel", "label": "<b>"}, "is no class"),
        ({"file": PLANTED[0]}, "a decision is a JSON object"),
        ({"file": ["a"], "decision": "drop"}, "a decision is a JSON object"),
        ({"file": "a" * 100_000, "decision": "drop"}, "a decision is a JSON object"),
    ],
)
def test_wrong_decisions_are_one_sentence(client: TestClient, body: dict[str, object], sentence: str) -> None:
    answer = client.post("/decide", json=body)
    assert answer.status_code == 422 and sentence in answer.json()["detail"]


def test_a_file_that_cannot_be_written_is_said(client: TestClient, photos: Path) -> None:
    (photos / NAME).mkdir()
    answer = client.post("/decide", json={"file": PLANTED[0], "decision": "drop"})
    assert answer.status_code == 500 and "nothing was decided" in answer.json()["detail"]


def test_pictures_are_made_on_demand(client: TestClient) -> None:
    small, large = client.get("/picture/0"), client.get("/picture/0?large=true")
    assert small.headers["content-type"] == large.headers["content-type"] == "image/webp"
    assert client.get("/picture/9999").status_code == client.get("/picture/-1").status_code == 404
    assert client.get("/web/main.js").status_code == 200
    assert client.get("/web/..%2Fapp.py").status_code == 404
    assert "default-src 'self'" in client.get("/").headers["content-security-policy"]


@contextmanager
def opened(browser: "Browser", photos: Path, width: int = 1280) -> "Iterator[Page]":
    """Open the page of a review of `photos`; afterwards there may be no complaint, and no request to another server."""
    app = make_app(make_review(photos, {}))
    app.add_middleware(Guarded, access=Access(frozenset(), TOKEN))
    with running(app) as address:
        page = browser.new_page(viewport={"width": width, "height": 900})
        mine = Opened(page)
        page.on("console", lambda message: mine.faults.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: mine.faults.append(f"error: {error}"))
        page.on("request", lambda request: mine.asked.append(request.url))
        page.goto(f"{address}/?token={TOKEN}")
        page.wait_for_selector("html[data-ready=all]", state="attached")
        yield page
        page.close()
        assert mine.faults == []
        assert [each for each in mine.asked if not each.startswith((address, "data:"))] == []


def said(page: "Page", text: str) -> None:
    page.wait_for_function("(text) => document.getElementById('said').textContent.includes(text)", arg=text)


@pytest.mark.browser
@NEEDS_BROWSER[1]
def test_keys_decide_and_a_later_command_honours_it(browser: "Browser", photos: Path, sadari: Terminal) -> None:
    with opened(browser, photos) as page:
        first = page.locator("#pictures figcaption").inner_text().split(" · ")[-1]
        assert first in PLANTED and page.locator("#typical img").count() == 12
        label = page.locator("#label").input_value()
        page.keyboard.press("r")
        said(page, f"relabel to {label}: {first}")
        assert read_decisions(photos / NAME)[first].label == label
        second = page.locator("#pictures figcaption").inner_text().split(" · ")[-1]
        assert {first, second} == {*PLANTED}
        page.keyboard.press("d")
        said(page, f"drop: {second}")
        page.keyboard.press("u")
        said(page, f"undone: {second}")
        assert set(read_decisions(photos / NAME)) == {first}
        page.keyboard.press("k")
        said(page, f"keep: {second}")
        page.keyboard.press("ArrowLeft")
        page.wait_for_function("document.getElementById('relabel').getAttribute('aria-pressed') === 'true'")
        page.keyboard.press("s")
        said(page, "skipped")
        page.reload()
        page.wait_for_selector("html[data-ready=all]", state="attached")
        assert page.locator("#tabs [data-kind=labels]").inner_text().endswith(" 0")
    document = sadari("data", "info", photos, "--json").document
    assert document["images"] == 63
    assert sum(document["counts"][split][label] for split in document["sizes"]) == 21
    assert any("1 label changed" in note for note in document["notes"])


@pytest.mark.browser
@NEEDS_BROWSER[1]
def test_copies_are_side_by_side_and_one_is_dropped(browser: "Browser", photos: Path) -> None:
    with opened(browser, photos) as page:
        page.locator("#tabs [data-kind=copies]").click()
        assert page.locator("#pictures img").count() == 2
        page.get_by_role("button", name="Drop this (2)").click()
        said(page, "drop: right/copy.png")
        assert set(read_decisions(photos / NAME)) == {"right/copy.png"}
        page.keyboard.press("u")
        said(page, "undone")
        page.keyboard.press("1")
        said(page, "drop: right/004.png")


@pytest.mark.browser
@NEEDS_BROWSER[1]
def test_another_label_is_chosen_by_keyboard_on_a_narrow_page(browser: "Browser", photos: Path) -> None:
    with opened(browser, photos, width=360) as page:
        assert page.evaluate("document.documentElement.scrollWidth <= 360")
        label, *_, file = page.locator("#pictures figcaption").inner_text().split(" · ")
        other = next(name for name in CLASSES if name not in (label, page.locator("#label").input_value()))
        page.locator("#label").select_option(other)
        page.locator("#label").press("r")
        said(page, f"relabel to {other}: {file}")
        assert read_decisions(photos / NAME)[file].label == other
        seen = set()
        page.evaluate("document.activeElement.blur()")
        for _ in range(25):
            page.keyboard.press("Tab")
            seen.add(page.evaluate("document.activeElement.id || document.activeElement.dataset.kind"))
        assert {"keep", "relabel", "label", "drop", "skip", "undo", "next", "labels", "copies"} <= seen
        sizes = page.evaluate(
            "[...document.querySelectorAll('#actions button')].map((each) => each.getBoundingClientRect().height)"
        )
        assert min(sizes) >= 40
