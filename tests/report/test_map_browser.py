"""Does the page of a map work in a browser: pointer, keyboard, touch, filters, search, 5,000 pictures?"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sadari.report.maps.page import render_map
from sadari.review.data_map import DataMap
from sadari.values import ImageSet
from support.browser import NEEDS_BROWSER, Opened
from support.maps import drawn_map
from support.report_pages import LOCAL

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = NEEDS_BROWSER
OpenMap = Callable[..., "Page"]
SMOOTH = 100  # milliseconds of a quarter of the drawings at most (assumed: a busy machine without a graphics card)


@pytest.fixture
def open_map(browser: "Browser", tmp_path: Path) -> Iterator[OpenMap]:
    """Open the page of a map; afterwards there may be no complaint and no request."""
    opened: list[Opened] = []

    def opening(found: DataMap, width: int = 1280, **more: Any) -> "Page":
        path = tmp_path / f"map-{len(opened)}.html"
        path.write_text(render_map(found), encoding="utf-8")
        page = browser.new_page(viewport={"width": width, "height": 900}, **more)
        mine = Opened(page)
        opened.append(mine)
        page.on("console", lambda message: mine.faults.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: mine.faults.append(f"error: {error}"))
        page.on("request", lambda request: mine.asked.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("canvas[data-shown]")
        return page

    yield opening
    for each in opened:
        each.page.close()
        assert each.faults == []
        assert [address for address in each.asked if not address.startswith(LOCAL)] == []


def state(page: "Page", name: str) -> str:
    page.wait_for_timeout(80)  # a frame
    return str(page.locator("canvas").get_attribute(f"data-{name}"))


def place_of(page: "Page", found: DataMap, at: int) -> tuple[float, float]:
    """Return where the mark of a picture is in the window, while the whole map is shown."""
    page.locator("canvas").scroll_into_view_if_needed()
    box = page.locator("canvas").bounding_box()
    assert box is not None
    unit = min(box["width"], box["height"]) - 52
    x, y = map(float, found.layout.places[at])
    return box["x"] + box["width"] / 2 + (x - 0.5) * unit, box["y"] + box["height"] / 2 + (y - 0.5) * unit


def test_the_picture_under_the_pointer_is_shown(open_map: OpenMap) -> None:
    found = drawn_map(50)
    page = open_map(found)
    assert page.locator(".tip").is_hidden()
    page.mouse.move(*place_of(page, found, 20))
    tip = page.locator(".tip")
    assert tip.locator(".picture").is_visible() and "photos/0020.jpg" in tip.inner_text()
    assert "wrong: predicted dog" in tip.inner_text() and state(page, "meant") == ""
    page.mouse.click(*place_of(page, found, 15))
    assert state(page, "meant") == "photos/0015.jpg"
    detail = page.locator(".detail").inner_text()
    assert "dog · test" in detail and "right: predicted dog" in detail
    assert page.locator(".detail .row .picture").count() == 6
    page.mouse.click(*place_of(page, found, 21))
    assert "predicted" not in page.locator(".detail").inner_text(), "it was not judged"


def test_the_keyboard_reaches_everything(open_map: OpenMap) -> None:
    page = open_map(drawn_map(49))
    page.locator("canvas").focus()
    page.keyboard.press("ArrowRight")
    first = state(page, "meant")
    assert first == "photos/0024.jpg"  # the one in the middle
    for key, expected in (("ArrowRight", 25), ("ArrowDown", 32), ("ArrowLeft", 31), ("ArrowUp", 24)):
        page.keyboard.press(key)
        assert state(page, "meant") == f"photos/{expected:04d}.jpg", key
    said = page.locator("[aria-live].unseen").inner_text()
    assert said.startswith("cat, ") and said.endswith("photos/0024.jpg")
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert float(state(page, "scale")) == pytest.approx(2.25)
    assert state(page, "pictures") == "yes" and int(state(page, "shown")) < 49
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("0")
    assert float(state(page, "scale")) == 1 and state(page, "shown") == "49"
    page.keyboard.press("Escape")
    assert state(page, "meant") == ""


def test_wheel_and_drag_move_the_map(open_map: OpenMap) -> None:
    found = drawn_map(50)
    page = open_map(found)
    page.mouse.move(*place_of(page, found, 0))
    page.mouse.wheel(0, -600)
    assert float(state(page, "scale")) > 2
    page.get_by_label("Show the whole map").click()
    assert float(state(page, "scale")) == 1
    left, top = place_of(page, found, 0)
    page.mouse.move(left + 30, top + 30)
    page.mouse.down()
    page.mouse.move(left + 150, top + 130, steps=4)
    page.mouse.up()
    page.mouse.move(left + 120, top + 100)
    assert "photos/0000.jpg" in page.locator(".tip").inner_text()


def test_classes_splits_and_mistakes_are_filtered(open_map: OpenMap) -> None:
    found = drawn_map(50)
    page = open_map(found)
    assert page.get_by_role("radio", name="right or wrong").is_checked()
    assert [each.inner_text().split("\n")[0] for each in page.locator(".legend").nth(0).locator(".entry").all()] == [
        "wrong", "right", "not judged",
    ]  # fmt: skip
    page.locator(".legend").nth(0).get_by_role("button", name="none").click()
    assert state(page, "shown") == "0"
    page.get_by_role("checkbox", name="wrong").check()
    assert state(page, "shown") == "5"
    page.locator(".legend").nth(0).get_by_role("button", name="all").click()
    page.locator(".legend").nth(1).get_by_role("checkbox", name="dog").uncheck()
    assert state(page, "shown") == "25"
    page.mouse.click(*place_of(page, found, 15))
    assert state(page, "meant") == "", "what is filtered out cannot be meant"
    page.get_by_role("checkbox", name="train").uncheck(force=True)
    assert state(page, "shown") == "5"  # of cats, those in test
    page.get_by_role("radio", name="class", exact=True).check(force=True)
    assert page.locator(".legend").count() == 1 and state(page, "shown") == "5"


def test_a_file_is_found_by_its_name(open_map: OpenMap) -> None:
    page = open_map(drawn_map(50))
    assert (
        page.locator(".found li").count() == 5
        and "Wrong, the most confident first" in page.locator(".search").inner_text()
    )
    page.get_by_label("Search by file name").fill("/004")
    assert page.locator(".found li").count() == 10 and "10 pictures found" in page.locator(".search").inner_text()
    page.locator(".found button").nth(3).click()
    assert state(page, "meant") == "photos/0043.jpg"
    page.get_by_label("Search by file name").fill("nothing")
    assert "0 pictures found" in page.locator(".search").inner_text() and page.locator(".found li").count() == 0


def test_a_finger_taps_and_two_enlarge(open_map: OpenMap) -> None:
    found = drawn_map(50)
    page = open_map(found, width=360, has_touch=True)
    page.touchscreen.tap(*place_of(page, found, 15))
    assert state(page, "meant") == "photos/0015.jpg" and page.locator(".tip").is_visible()
    page.locator("canvas").evaluate("""(canvas) => {
        const send = (type, pointerId, clientX) => canvas.dispatchEvent(
            new PointerEvent(type, { pointerId, clientX, clientY: 300, pointerType: "touch", bubbles: true }));
        canvas.setPointerCapture = () => {};
        send("pointerdown", 1, 150); send("pointerdown", 2, 200);
        send("pointermove", 2, 300); send("pointerup", 1, 150); send("pointerup", 2, 300);
    }""")
    assert float(state(page, "scale")) == pytest.approx(3, rel=0.01)


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_wider_than_the_window(open_map: OpenMap, width: int) -> None:
    page = open_map(drawn_map(50), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def many(count: int, classes: int) -> DataMap:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (count, 16, 16, 3)).astype(np.uint8)
    names = tuple(f"class {at}" for at in range(classes))
    ids = np.array([f"{at:05d}" for at in range(count)])
    return drawn_map(
        images=ImageSet("many", pixels, np.arange(count) % classes, ids, names, np.array([""] * count), "0")
    )


def test_five_thousand_pictures_move_smoothly(open_map: OpenMap) -> None:
    page = open_map(many(5_000, 10))
    page.get_by_role("radio", name="class", exact=True).check(force=True)
    assert state(page, "shown") == "5000"
    taken = page.evaluate("""async () => {
        const canvas = document.querySelector("canvas");
        const times = [];
        for (let turn = 0; turn < 20; turn += 1) {
            const started = performance.now();
            canvas.dispatchEvent(new KeyboardEvent("keydown", { key: turn % 2 ? "-" : "+" }));
            await new Promise((done) => requestAnimationFrame(done));
            times.push(performance.now() - started);
        }
        return times.sort((a, b) => a - b)[5];
    }""")
    assert taken < SMOOTH


def test_many_classes_are_found_in_the_legend(open_map: OpenMap) -> None:
    page = open_map(many(200, 100))
    page.get_by_role("radio", name="class", exact=True).check(force=True)
    assert "35 marks for 100 classes" in page.locator(".legend").inner_text()
    page.get_by_label("Find a class").fill("class 42")
    page.locator(".legend").get_by_role("button", name="none").click()
    assert state(page, "shown") == "198"  # what is hidden in the list stays as it is
