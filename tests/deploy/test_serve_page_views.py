"""Does the page show what is inside the network, and can it be read in any width and colour scheme?"""

import pytest
from fastapi.testclient import TestClient

from support.browser import NEEDS_BROWSER, Open, draw_seven, painted, said

pytestmark = NEEDS_BROWSER

TEXT_CONTRAST = 4.5  # WCAG 2.2, 1.4.3, level AA


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


def test_why_can_be_asked_for_any_class_and_has_a_legend(open_page: Open, digits: str) -> None:
    page = open_page(digits)
    draw_seven(page)
    answer = said(page)
    assert page.locator("#why").is_hidden()
    page.get_by_label("Show why").check(force=True)
    page.wait_for_selector("#heat", state="visible")
    assert page.locator("#why").inner_text().startswith("What speaks for")
    assert page.locator("#why .ramp").is_visible()
    assert page.locator("#why-class option").all_inner_texts() == [f"the answer, {answer}", *"0123456789"]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    other = "3" if answer != "3" else "4"
    with page.expect_response(lambda response: "grad-cam" in response.url):
        page.locator("#why-class").select_option(other)
    assert next(each for each in asked if "grad-cam" in each).endswith(f"label={other}")


def test_zero_is_black_in_the_maps_of_every_layer(open_page: Open, digits: str) -> None:
    page = open_page(digits)
    draw_seven(page)
    page.locator("#inside").wait_for()
    for layer in ("0", "2"):
        page.locator("#layer").fill(layer)
        page.wait_for_timeout(500)
        low, high = page.locator("#maps-legend > span:not(.ramp)").all_inner_texts()
        low_value, high_value = (float(each.replace("\N{MINUS SIGN}", "-")) for each in (low, high))
        assert low_value <= 0 <= high_value
        assert page.evaluate(COLOUR_OF_ZERO) == [[0, 0, 4]] * 3


def test_poor_probabilities_are_warned_of(open_page: Open, digits: str, client: TestClient) -> None:
    page = open_page(digits)
    model = client.get("/model").json()
    said = " ".join(filter(None, [model["caution"], model["calibration"]]))
    assert page.locator("#caution").inner_text() == said
    assert page.locator("#caution").is_visible() == bool(said)


def test_long_names_are_whole_beside_their_bars(open_page: Open, digits: str) -> None:
    page = open_page(digits, width=360)
    names = ["골든 리트리버와 토이 푸들 잡종", "Golden retriever and standard poodle mix"]
    page.evaluate(SHOW_BARS, names)
    for place, name in enumerate(names):
        shown = page.locator("#bars bdi").nth(place)
        assert shown.inner_text() == name
        assert shown.evaluate("(e) => e.scrollWidth <= e.clientWidth && e.scrollHeight <= e.clientHeight + 1")
    figures = page.locator("#bars .figure")
    assert all(each.evaluate("(e) => e.scrollWidth <= e.clientWidth") for each in figures.all())


SHOW_BARS = """async (names) => {
    const bars = await import(new URL("web/bars.js", location.href));
    bars.prepare(names);
    const top = names.map((label, place) => ({ label, probability: place ? 0.999 : 0.001 }));
    bars.show({ ...top[1], top });
}"""
# The colour that the page gives to 0 in a map with values on both sides of it, and in one without.
COLOUR_OF_ZERO = """async () => {
    const maps = await import(new URL("web/maps.js", location.href));
    const both = maps.coloursOf({ low: -1, high: 254 });
    const colours = [maps.coloursOf({ low: 0, high: 3 })[0], both[1], maps.coloursOf({ low: 0, high: 0 })[77]];
    return colours.map((each) => each.slice(0, 3));
}"""


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


@pytest.mark.parametrize("width", [360, pytest.param(1200, marks=pytest.mark.slow)])
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
