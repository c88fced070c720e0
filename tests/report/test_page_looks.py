"""Can the page be read: in both schemes, in print, in a narrow window, and by those who cannot see it?"""

from typing import TYPE_CHECKING, Literal

from support.browser import NEEDS_BROWSER, Open
from support.reports import small_report

if TYPE_CHECKING:
    from playwright.sync_api import Page

TEXT_CONTRAST, MARK_CONTRAST = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11, level AA

pytestmark = NEEDS_BROWSER


def contrast(page: "Page", front: str, back: str) -> float:
    """The contrast ratio of two CSS colours, as WCAG defines it; the browser's own canvas resolves them."""

    def luminance(colour: str) -> float:
        script = """(colour) => {
            const probe = document.createElement("div");
            probe.style.color = colour;
            document.body.append(probe);
            const canvas = document.createElement("canvas").getContext("2d");
            canvas.fillStyle = getComputedStyle(probe).color;
            probe.remove();
            canvas.fillRect(0, 0, 1, 1);
            return [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)];
        }"""
        channels = [value / 255 for value in page.evaluate(script, colour)]
        red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels)
        return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)

    lighter, darker = sorted((luminance(front), luminance(back)), reverse=True)
    return float((lighter + 0.05) / (darker + 0.05))


def test_both_schemes(open_page: Open) -> None:
    backgrounds = []
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        page = open_page(small_report(), scheme=scheme)
        backgrounds.append(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
        for name in ("text", "quiet", "accent", "good", "bad"):
            for background in ("paper", "raised"):
                assert contrast(page, f"var(--{name})", f"var(--{background})") >= TEXT_CONTRAST, (
                    scheme,
                    name,
                    background,
                )
        for hue in range(7):
            assert contrast(page, f"var(--hue-{hue})", "var(--paper)") >= MARK_CONTRAST, (scheme, hue)
        for kind in ("hit", "miss"):
            assert contrast(page, "var(--text)", f"var(--{kind})") >= TEXT_CONTRAST, (scheme, kind)
    assert backgrounds[0] != backgrounds[1]


def test_the_switch_wins_over_the_system(open_page: Open) -> None:
    page = open_page(small_report(), scheme="light")
    background = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(background)
    page.locator("#scheme label").filter(has_text="dark").click()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark, "and it is remembered"
    page.locator("#scheme label").filter(has_text="auto").click()
    assert page.evaluate(background) == light


def test_print_shows_what_is_folded_and_no_controls(open_page: Open) -> None:
    page = open_page(small_report(), scheme="dark")
    assert page.locator("details[open]").count() == 0
    page.emulate_media(media="print")
    page.wait_for_selector("#sweeps details[open]", state="attached")
    assert page.locator("details:not([open])").count() == 0
    assert page.locator("#sweeps details td").first.is_visible()
    for hidden in ("nav", "#scheme", "#curves .slider", "#confusion fieldset", ".copy", ".skip"):
        assert not page.locator(hidden).first.is_visible(), hidden
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    page.emulate_media(media="screen")
    page.wait_for_selector("#sweeps details:not([open])", state="attached")
    assert page.locator("details[open]").count() == 0


def test_everything_drawn_has_a_name(open_page: Open) -> None:
    page = open_page(small_report())
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("svg[role=img]")].filter((each) => {
            const title = each.querySelector(":scope > title");
            return !title || !title.textContent.trim();
        }).length"""
    )
    assert nameless == 0
    assert page.locator("table:not([role=grid]):not(:has(caption))").count() == 0
    assert page.locator("main, nav[aria-label], header, footer").count() == 4
    assert page.locator("h1").count() == 1
    unnamed = "input:not([aria-label]), button, select:not([aria-label])"
    assert all(
        each.evaluate("(e) => !!(e.labels?.length || e.ariaLabel || e.textContent.trim())")
        for each in page.locator(unnamed).all()
    )


def test_a_narrow_window_scrolls_only_downwards(open_page: Open) -> None:
    page = open_page(small_report(), width=360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
