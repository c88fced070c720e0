"""Can a user give the page an image: draw, choose, drop, paste, take a sample, by mouse and keyboard?"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sadari.deploy.serve.routes import make_app
from sadari.inference.classifier import Classifier
from sadari.inference.evaluate import own_images
from sadari.run import RunRecord
from sadari.training.train import train
from support.browser import NEEDS_BROWSER, Open, draw_seven, painted, said
from support.jobs import QUIET, named_job
from support.models import RECURRENT, model_of
from support.server import noise, png, running

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def colour() -> Iterator[str]:
    """The address of a model whose images cannot be drawn, and that has no feature maps for Grad-CAM and no data."""
    model = model_of(RECURRENT, channels=3)
    with running(make_app(Classifier(Path("nowhere"), model))) as address:
        yield address


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
    draw_seven(page, size=0.4)
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
    share = min(99.9, 100 * predictions.probabilities[place].max())  # the page never says 100
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
    job = named_job("digits", "majority", 0, {**QUIET, "val_fraction": 0.0, "test_fraction": 0.0})
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


def blank(page: "Page") -> bool:
    """Whether nothing on the page speaks of an image before: no verdict, no bars, no heatmap, no feature maps."""
    idle = "idle" in (page.locator("#bars").get_attribute("class") or "")
    figures = "".join(page.locator("#bars .figure").all_inner_texts())
    verdict = page.locator("#verdict .label").count()
    return idle and not figures and not verdict and page.locator("#heat").is_hidden() and painted(page, "grid") == 0


def judged(page: "Page") -> None:
    """Have a sample judged and explained."""
    page.locator("#samples button").first.click()
    said(page)
    page.locator("#explaining").check()
    page.wait_for_selector("#heat", state="visible")
    page.locator("#inside").wait_for()
    page.wait_for_timeout(300)
    assert painted(page, "grid") > 0


def test_no_answer_stays_beside_another_image(open_page: Open, digits: str, tmp_path: Path) -> None:
    page = open_page(digits)
    judged(page)
    (tmp_path / "note.png").write_bytes(b"no image")
    page.locator("#pick").set_input_files(tmp_path / "note.png")
    page.wait_for_selector("#trouble", state="visible")
    assert blank(page)
    judged(page)
    page.route("**/predict*", lambda route: route.abort("connectionrefused"))
    page.locator("#samples button").nth(1).click()
    page.wait_for_selector("#trouble", state="visible")
    assert blank(page)


def test_a_slow_answer_is_waited_for(open_page: Open, digits: str) -> None:
    page = open_page(digits)
    judged(page)
    held: list[Route] = []
    page.route("**/predict*", lambda route: held.append(route))
    page.locator("#samples button").nth(1).click()
    assert blank(page)
    page.locator("#verdict").get_by_text("thinking\u2026").wait_for()
    assert blank(page)
    held[0].continue_()
    page.wait_for_selector("#verdict .label")
    assert not blank(page)


def test_a_failed_look_leaves_no_maps_of_another_image(open_page: Open, digits: str) -> None:
    page = open_page(digits)
    judged(page)
    page.route("**/feature-maps*", lambda route: route.abort("connectionrefused"))
    page.route("**/grad-cam*", lambda route: route.abort("connectionrefused"))
    page.locator("#samples button").nth(1).click()
    page.wait_for_selector("#trouble", state="visible")
    page.wait_for_timeout(300)
    assert painted(page, "grid") == 0
    assert page.locator("#heat").is_hidden()
