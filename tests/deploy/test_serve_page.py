"""Can a user try a model on the page: draw, choose, drop, look inside, by mouse, finger and keyboard?"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest

from sadari.deploy.serve.limits import Limits
from sadari.deploy.serve.routes import make_app
from sadari.inference.classifier import Classifier
from sadari.inference.evaluate import own_images
from sadari.run import RunRecord
from sadari.training.job import make_job
from sadari.training.train import train
from support.jobs import QUIET
from support.models import RECURRENT, model_of
from support.server import noise, png, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
TEXT_CONTRAST = 4.5  # WCAG 2.2, 1.4.3, level AA
SEVEN = ((0.32, 0.2), (0.68, 0.2), (0.52, 0.5), (0.44, 0.82))  # the way of the pen, as shares of the pad

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]


@dataclass
class Opened:
    """A page, its faults, and the addresses that it asked for."""

    page: "Page"
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def digits(digits_run: RunRecord) -> Iterator[str]:
    with running(make_app(Classifier.open(digits_run.path), Limits(image_bytes=20_000))) as address:
        yield address


@pytest.fixture(scope="module")
def colour() -> Iterator[str]:
    """The address of a model whose images cannot be drawn, and that has no feature maps for Grad-CAM and no data."""
    model = model_of(RECURRENT, channels=3)
    with running(make_app(Classifier(Path("nowhere"), model))) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with playwright.sync_playwright() as driver:
        running_browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running_browser
        running_browser.close()


@pytest.fixture
def open_page(browser: "Browser") -> Iterator[Open]:
    """Open the page of a server; at the end fail on any fault, and on any request to another server."""
    opened: list[Opened] = []

    def opening(address: str, width: int = 1200, scheme: Literal["light", "dark"] = "light") -> "Page":
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, has_touch=width < 500)
        mine = Opened(page)
        opened.append(mine)
        page.on("console", lambda message: mine.faults.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: mine.faults.append(f"error: {error}"))
        page.on("request", lambda request: mine.asked.append(request.url))
        page.goto(address)
        page.wait_for_selector("html[data-ready=all]", state="attached")
        return page

    yield opening
    for each in opened:
        each.page.close()
        assert [fault for fault in each.faults if "Failed to load resource" not in fault] == []  # the page reports it
        root = each.asked[0]
        assert [address for address in each.asked if not address.startswith((root, "blob:", "data:"))] == []


def draw_seven(page: "Page") -> None:
    box = page.locator("#pad").bounding_box()
    assert box is not None
    places = [(box["x"] + across * box["width"], box["y"] + down * box["height"]) for across, down in SEVEN]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
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
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((value, place) => place % 4 === 3 && value > 0).length;
    }"""
    return int(page.evaluate(script, canvas))


def test_a_drawing_is_judged_as_it_is_drawn(open_page: Open, digits: str) -> None:
    page = open_page(digits)
    assert "cnn on digits · 8 \N{MULTIPLICATION SIGN} 8 grey · 10 classes" in page.locator("#facts").inner_text()
    assert page.locator("#bars li").count() == 10
    draw_seven(page)
    assert said(page) == "7"
    assert page.locator("#bars .best bdi").inner_text() == "7"
    shares = [float(text.split()[0]) for text in page.locator("#bars .figure").all_inner_texts()]
    assert sum(shares) == pytest.approx(100, abs=0.6)
    page.get_by_role("button", name="Clear").click()
    assert page.locator("#verdict").inner_text() == ""
    assert page.locator("#inside").is_hidden()
    assert painted(page, "pad") == painted(page, "seen-pixels") == 0


def test_a_drawing_in_a_corner_is_placed_like_the_samples(open_page: Open, digits: str) -> None:
    page = open_page(digits)
    page.locator("#line").fill("0.6")
    box = page.locator("#pad").bounding_box()
    assert box is not None
    corner = [(box["x"] + 0.4 * x * box["width"], box["y"] + 0.4 * y * box["height"]) for x, y in SEVEN]
    page.mouse.move(*corner[0])
    page.mouse.down()
    for place in corner[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()
    assert said(page) == "7"
    filled = page.evaluate(SEEN_ROWS)
    assert filled[0] > 0 and filled[7] > 0, "it fills the frame from top to bottom"
    page.get_by_label("Place it like the samples").uncheck()
    page.wait_for_timeout(400)
    assert page.evaluate(SEEN_ROWS)[7] == 0, "it stays where it was drawn"


SEEN_ROWS = """() => {
    const copy = new OffscreenCanvas(8, 8).getContext("2d");
    copy.drawImage(document.getElementById("seen-pixels"), 0, 0);
    const { data } = copy.getImageData(0, 0, 8, 8);
    return [...Array(8).keys()].map((row) => Math.max(...[...Array(8).keys()].map((x) => data[4 * (8 * row + x)])));
}"""


def test_the_keyboard_draws(open_page: Open, digits: str) -> None:
    page = open_page(digits)
    page.locator("#pad").focus()
    for key in ("ArrowUp",) * 9 + (" ",) + ("ArrowDown",) * 18 + (" ",):
        page.keyboard.press(key)
    assert said(page) == "1"
    page.keyboard.press("Delete")
    assert page.locator("#verdict").inner_text() == ""


def test_the_keyboard_reaches_everything(open_page: Open, digits: str) -> None:
    page = open_page(digits)
    draw_seven(page)
    said(page)
    page.locator("#inside").wait_for()
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    seen, ringed = [], []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id"))
        ringed.append(page.evaluate(RING))
    assert {"pad", "clear", "pick", "explaining", "placed", "line", "layer", "channel"} <= set(seen)
    assert all(ringed[: seen.index("channel") + 1])


RING = """() => {
    const ringed = (element) => element && getComputedStyle(element).outlineStyle !== "none";
    return ringed(document.activeElement) || ringed(document.activeElement.nextElementSibling);
}"""


def test_a_sample_gets_the_answer_of_its_run(open_page: Open, digits: str, digits_run: RunRecord) -> None:
    page = open_page(digits)
    button = page.locator("#samples button").nth(4)
    button.click()
    predictions = digits_run.predictions
    place = predictions.ids.tolist().index(button.get_attribute("title"))
    assert said(page) == predictions.classes[predictions.predicted[place]]
    share = 100 * predictions.probabilities[place].max()
    right = predictions.predicted[place] == predictions.labels[place]
    assert float(page.locator("#verdict .sure").inner_text().split()[0]) == pytest.approx(share, abs=0.06)
    assert ("correct" in page.locator("#verdict").inner_text()) == right
    assert button.get_attribute("aria-pressed") == "true"
    assert page.locator("#picture").is_visible() and page.locator("#pad").is_hidden()
    page.get_by_role("button", name="Draw").click()
    assert page.locator("#pad").is_visible()
    assert button.get_attribute("aria-pressed") == "false"


def test_training_images_are_called_so(open_page: Open, digits: str, tmp_path: Path) -> None:
    assert open_page(digits).locator("#samples-words").inner_text().endswith("it was not trained on them.")
    job = make_job("digits", "majority", 0, {**QUIET, "val_fraction": 0.0, "test_fraction": 0.0})
    with running(make_app(Classifier.open(train(job, tmp_path / "run").path))) as address:
        page = open_page(address)
        assert page.locator("#samples-words").inner_text().startswith("Images that the model was trained on")


def test_files_are_chosen_dropped_and_pasted(
    open_page: Open, digits: str, digits_run: RunRecord, tmp_path: Path
) -> None:
    page = open_page(digits)
    images = own_images(digits_run)
    label = digits_run.predictions.predicted[:3]
    contents = [png(np.asarray(images.images[int(place)])) for place in digits_run.split.test[:3]]
    path = tmp_path / "one.png"
    path.write_bytes(contents[0])
    page.locator("#pick").set_input_files(path)
    assert said(page) == images.classes[label[0]]
    assert page.locator("#picture").get_attribute("alt") == "one.png"
    for kind, data, place in (("drop", "dataTransfer", 1), ("paste", "clipboardData", 2)):
        page.evaluate(BRING, [kind, data, list(contents[place])])
        page.wait_for_timeout(400)
        assert said(page) == images.classes[label[place]]


BRING = """([kind, field, bytes]) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], "other.png", { type: "image/png" }));
    const event = new Event(kind, { bubbles: true, cancelable: true });
    Object.defineProperty(event, field, { value: data });
    document.body.dispatchEvent(event);
}"""


def test_what_the_server_refuses_is_said(open_page: Open, digits: str, tmp_path: Path) -> None:
    page = open_page(digits)
    for name, content, words in (
        ("note.txt", b"no image", "it is no JPEG"),
        ("big.png", b"x" * 20_001, "send it smaller"),
    ):
        (tmp_path / name).write_bytes(content)
        page.locator("#pick").set_input_files(tmp_path / name)
        page.wait_for_function("(words) => document.getElementById('trouble').textContent.includes(words)", arg=words)
        assert name in page.locator("#trouble").inner_text()
    (tmp_path / "good.png").write_bytes(noise(1)[0])
    page.locator("#pick").set_input_files(tmp_path / "good.png")
    page.wait_for_selector("#trouble", state="hidden")


def test_it_shows_why(open_page: Open, digits: str) -> None:
    page = open_page(digits)
    draw_seven(page)
    said(page)
    assert page.locator("#heat").is_hidden()
    page.get_by_label("Show why").check(force=True)
    page.wait_for_selector("#heat", state="visible")
    assert painted(page, "heat") > 1000
    page.get_by_label("Show why").uncheck(force=True)
    page.wait_for_selector("#heat", state="hidden")


def test_sliding_through_the_layers(open_page: Open, digits: str) -> None:
    page = open_page(digits)
    draw_seven(page)
    page.locator("#inside").wait_for()
    assert (
        "conv 32 same · layer 1 of 12 · 32 maps of 8 \N{MULTIPLICATION SIGN} 8"
        in page.locator("#layer-words").inner_text()
    )
    first = page.locator("#grid").screenshot()
    page.locator("#layer").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(500)
    assert "64 maps of 4 \N{MULTIPLICATION SIGN} 4" in page.locator("#layer-words").inner_text()
    assert page.locator("#grid").screenshot() != first
    assert page.evaluate("[document.getElementById('large').width, document.getElementById('channel').max]") == [
        4,
        "63",
    ]
    large = page.locator("#large").screenshot()
    page.locator("#channel").fill("40")
    assert page.locator("#large-words").inner_text().startswith("Channel 41 of 64")
    assert page.locator("#large").screenshot() != large
    page.locator("#grid").click(position={"x": 3, "y": 3})
    assert page.locator("#large-words").inner_text().startswith("Channel 1 of 64")
    page.locator("#layer").fill("11")
    page.wait_for_timeout(500)
    assert "10 values" in page.locator("#layer-words").inner_text()
    assert page.locator("#large").is_hidden()


@pytest.mark.parametrize("width", [360, 1200])
def test_it_fits_and_can_be_read(open_page: Open, digits: str, width: int) -> None:
    for scheme in ("light", "dark"):
        page = open_page(digits, width=width, scheme=scheme)
        draw_seven(page)
        page.locator("#inside").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        poor = page.evaluate(POOR_CONTRAST, TEXT_CONTRAST)
        assert poor == []
        stage, verdict = (page.locator(place).bounding_box() for place in ("#stage", "#verdict"))
        assert stage is not None and verdict is not None
        assert verdict["y"] < stage["y"] + stage["height"] + 40, "the answer is beside or right below the drawing"


POOR_CONTRAST = """(least) => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const channels = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const luminance = ([red, green, blue]) => {
        const linear = [red, green, blue].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    };
    const background = (element) => {
        for (let each = element; each; each = each.parentElement) {
            const colour = channels(getComputedStyle(each).backgroundColor);
            if (colour[3] === 255) return colour;
        }
    };
    return [...document.querySelectorAll("p, span, bdi, h1, h2, li, strong, figcaption, label")]
        .filter((each) => each.checkVisibility() && [...each.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
        .filter((each) => {
            const colours = [channels(getComputedStyle(each).color), background(each)];
            const [a, b] = colours.map(luminance).sort((x, y) => y - x);
            return (a + 0.05) / (b + 0.05) < least;
        })
        .map((each) => each.textContent);
}"""


def test_a_model_that_cannot_be_drawn_for(open_page: Open, colour: str, tmp_path: Path) -> None:
    page = open_page(colour)
    for place in ("#pad", "#clear", "#draw", "#seen", "#explain", "#samples"):
        assert page.locator(place).is_hidden(), place
    assert "Drop an image here" in page.locator("#empty").inner_text()
    (tmp_path / "a.png").write_bytes(noise(1, 30)[0])
    page.locator("#pick").set_input_files(tmp_path / "a.png")
    assert said(page) in ("a", "b", "c")
    page.locator("#inside").wait_for()
    page.locator("#layer").fill("1")
    assert "12 steps of 6 values" in page.locator("#layer-words").inner_text()


def test_a_server_that_is_gone_is_said(open_page: Open, digits: str) -> None:
    page = open_page(digits)
    page.route("**/predict*", lambda route: route.abort("connectionrefused"))
    page.locator("#samples button").first.click()
    page.wait_for_selector("#trouble", state="visible")
    assert "does not answer any more" in page.locator("#trouble").inner_text()


def test_a_busy_server_is_asked_again(open_page: Open, digits: str) -> None:
    page = open_page(digits)
    tries = []

    def busy_once(route: "Route") -> None:
        tries.append(1)
        if len(tries) == 1:
            route.fulfill(status=503, headers={"Retry-After": "1"}, json={"detail": "the server has more to do"})
        else:
            route.continue_()

    page.route("**/predict*", busy_once)
    page.locator("#samples button").first.click()
    page.wait_for_selector("#trouble", state="visible")
    assert said(page) in "0123456789"
    assert len(tries) == 2
    assert page.locator("#trouble").is_hidden()
