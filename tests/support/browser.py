"""A page in a headless Chromium: what the tests of the serving page and of the report share."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SEVEN = ((0.32, 0.2), (0.68, 0.2), (0.52, 0.5), (0.44, 0.82))  # the way of the pen, as shares of the pad
NEEDS_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]

Open = Callable[..., "Page"]


@dataclass
class Opened:
    """A page, its faults, and the addresses that it asked for."""

    page: "Page"
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


def draw_seven(page: "Page", size: float = 1.0) -> None:
    """Draw a seven with the mouse; where `size` is below 1, smaller and in the upper left corner."""
    box = page.locator("#pad").bounding_box()
    assert box is not None
    points = [(box["x"] + size * x * box["width"], box["y"] + size * y * box["height"]) for x, y in SEVEN]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=6)
    page.mouse.up()


def said(page: "Page") -> str:
    """Return the class that the page names, once it does."""
    page.wait_for_selector("#verdict .label")
    page.wait_for_timeout(400)
    return str(page.locator("#verdict .label").inner_text())


def painted(page: "Page", canvas: str) -> int:
    """Return how many pixels of a canvas are not transparent."""
    script = """(id) => {
        const canvas = document.getElementById(id);
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
        copy.drawImage(canvas, 0, 0);
        const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((value, place) => place % 4 === 3 && value > 0).length;
    }"""
    return int(page.evaluate(script, canvas))
