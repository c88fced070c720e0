"""Does the page work in a browser: sorting, cells and their pictures, keyboard, both schemes, print, and no network?"""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from sadari.report.contents import Report
from sadari.report.page import render
from sadari.values import Interval
from support.report_arms import failed_arm
from support.reports import small_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HOSTILE = '<img src=x onerror="window.hacked=1">'
TEXT_CONTRAST, MARK_CONTRAST = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11, level AA
LOCAL = ("file:", "data:", "blob:", "about:")
OPENS_WITHIN_MS = 3000  # one second is promised; a machine that does other work gets three

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]


@dataclass
class Opened:
    """A page and all that went wrong on it."""

    page: "Page"
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def open_page(browser: "Browser", tmp_path: Path) -> Iterator[Open]:
    """Opens a report in a window of its own; afterwards nothing may have been complained of or asked for."""
    opened: list[Opened] = []

    def opening(report: Report, width: int = 1440, scheme: Literal["light", "dark"] = "light") -> "Page":
        path = tmp_path / f"report-{len(opened)}.html"
        path.write_text(render(report), encoding="utf-8")
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        mine = Opened(page)
        opened.append(mine)
        page.on("console", lambda message: mine.faults.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: mine.faults.append(f"error: {error}"))
        page.on("request", lambda request: mine.asked.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-drawn=all]", state="attached")
        return page

    yield opening
    for each in opened:
        each.page.close()
        assert each.faults == []
        assert [address for address in each.asked if not address.startswith(LOCAL)] == []


def arms_shown(page: "Page") -> list[str]:
    return [str(text) for text in page.locator("#leaderboard tbody th bdi").all_inner_texts()]


def head(page: "Page", label: str) -> "Locator":
    return page.locator("#leaderboard thead th").filter(has=page.get_by_role("button", name=label, exact=True))


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


def test_the_first_screen_answers(open_page: Open) -> None:
    page = open_page(small_report())
    assert page.locator("h1").inner_text() == "cnn is shown to be the best of 3: 91.2 % of the images right."
    assert arms_shown(page) == ["cnn", "mlp", "logistic", "lstm"]
    for place in ("#leaderboard svg.forest-row >> nth=0", "#cost svg >> nth=0"):
        box = page.locator(place).bounding_box()
        assert box is not None
        assert 0 < box["y"] < 900 - box["height"], place


def test_a_column_sorts_with_the_mouse(open_page: Open) -> None:
    page = open_page(small_report())
    assert head(page, "Accuracy %").get_attribute("aria-sort") == "descending"
    page.get_by_role("button", name="Params", exact=True).click()
    assert arms_shown(page) == ["logistic", "cnn", "mlp", "lstm"]
    assert head(page, "Params").get_attribute("aria-sort") == "ascending"
    assert head(page, "Accuracy %").get_attribute("aria-sort") == "none"
    page.get_by_role("button", name="Params", exact=True).click()
    assert arms_shown(page) == ["mlp", "cnn", "logistic", "lstm"], "the failed arm stays last"
    assert head(page, "Params").get_attribute("aria-sort") == "descending"


def test_every_column_sorts_with_the_keyboard(open_page: Open) -> None:
    page = open_page(small_report())
    buttons = page.locator("#leaderboard thead button")
    assert buttons.count() == 10
    for place in range(buttons.count()):
        buttons.nth(place).focus()
        page.keyboard.press("Enter")
        chosen = page.locator("#leaderboard thead th").nth(place).get_attribute("aria-sort")
        assert chosen in ("ascending", "descending"), place
        assert arms_shown(page)[-1] == "lstm"
    page.locator("#leaderboard thead button").first.focus()
    page.keyboard.press("Space")
    assert arms_shown(page) == ["cnn", "logistic", "mlp", "lstm"]


def test_a_click_on_a_cell_shows_its_pictures(open_page: Open) -> None:
    report = small_report()
    page = open_page(report)
    for cell in ("0,1", "2,1", "3,0"):
        page.locator(f'#confusion [data-cell="{cell}"]').click()
        shown = report.arms[0].detail.cells[cell].shown
        pictures = page.locator("#confusion .gallery li")
        ids = [pictures.nth(place).get_attribute("data-id") for place in range(pictures.count())]
        assert ids == [report.pictures.ids[each.picture] for each in shown]
        first = pictures.first.inner_text()
        truth, said = (report.facts.classes[int(each)] for each in cell.split(","))
        assert f"{truth} → {said}" in first
        assert "90\u202f% · 1 of 3 seeds" in first
        assert report.pictures.ids[shown[0].picture] in first
        assert page.locator('#confusion [aria-selected="true"]').get_attribute("data-cell") == cell


def test_a_picture_is_the_right_part_of_the_sheet(open_page: Open) -> None:
    report = small_report()
    page = open_page(report)
    page.locator('#confusion [data-cell="2,1"]').click()
    picture = report.arms[0].detail.cells["2,1"].shown[1].picture
    style = page.locator("#confusion .gallery .picture").nth(1).evaluate("(element) => element.style.cssText")
    size = 84
    assert f"--left: {-size * (picture % 25)}px" in style
    assert f"--top: {-size * (picture // 25)}px" in style
    image = page.locator("#confusion .gallery .picture").nth(1).screenshot()
    other = page.locator("#confusion .gallery .picture").nth(0).screenshot()
    assert image != other


def test_an_empty_cell_says_so(open_page: Open) -> None:
    page = open_page(small_report())
    page.locator('#confusion [data-cell="1,0"]').click()
    assert "No image fell into this cell." in page.locator(".cell-pictures").inner_text()
    page.locator('#confusion [data-cell="1,1"]').click()
    assert "holds no pictures" in page.locator(".cell-pictures").inner_text()


def test_the_matrix_is_walked_with_the_keyboard(open_page: Open) -> None:
    page = open_page(small_report())
    assert page.locator('#confusion [role="gridcell"][tabindex="0"]').count() == 1
    page.locator('#confusion [role="gridcell"][tabindex="0"]').focus()
    places = []
    for key in ("Control+Home", "ArrowUp", "ArrowDown", "ArrowDown", "End", "ArrowRight", "Home", "ArrowRight"):
        page.keyboard.press(key)
        places.append(page.evaluate("document.activeElement.dataset.cell"))
    assert places == ["0,0", "0,0", "1,0", "2,0", "2,3", "2,3", "2,0", "2,1"]
    assert "pullover taken for trouser" in page.locator("#confusion .reading").inner_text()
    page.keyboard.press("Enter")
    assert page.locator("#confusion .gallery li").first.get_attribute("data-id") == "test/00002"
    page.keyboard.press("Control+End")
    page.keyboard.press("Space")
    assert "coat recognised" in page.locator(".cell-pictures h3").inner_text()
    assert page.locator('#confusion [role="gridcell"][tabindex="0"]').count() == 1


def test_the_keyboard_alone_reaches_everything(open_page: Open) -> None:
    page = open_page(small_report())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "report"
    seen = set()
    for _ in range(140):
        page.keyboard.press("Tab")
        seen.add(
            page.evaluate("(document.activeElement.closest('section') ?? {}).id + ' ' + document.activeElement.tagName")
        )
        outline = page.evaluate(
            """() => {
                const now = document.activeElement;
                const seen = getComputedStyle(now).opacity === "0" ? now.nextElementSibling : now;
                return now === document.body || getComputedStyle(seen).outlineStyle !== "none";
            }"""
        )
        assert outline, "what has the focus shows it"
    assert {"confusion TD", "standings BUTTON", "curves INPUT", "sweeps SUMMARY", "origin BUTTON"} <= seen


def test_choosing_an_arm_changes_what_is_shown_of_it(open_page: Open) -> None:
    report = small_report()
    page = open_page(report)
    page.locator("#confusion label").filter(has_text="mlp").click()
    assert page.locator("#confusion [data-arm]").get_attribute("data-arm") == "1"
    mine = page.locator("#mistakes .gallery li").first.get_attribute("data-id")
    assert mine == report.pictures.ids[report.arms[1].detail.mistakes[0].picture]
    assert page.locator("#classes .caption").inner_text().startswith("mlp")
    assert page.locator('#calibration input[value="1"]').is_checked()


def test_shares_of_the_row_can_be_shown(open_page: Open) -> None:
    report = small_report(per_class=50)
    page = open_page(report)
    cell = page.locator('#confusion [data-cell="1,1"]')
    assert cell.inner_text() == "50"
    page.locator("#confusion label").filter(has_text="shares of the row").click()
    assert cell.inner_text() == "100"


def test_arms_can_be_taken_out_of_the_curves(open_page: Open) -> None:
    page = open_page(small_report())
    lines = page.locator("#curves svg .curve.val-line:not(.seed-line)")
    before = lines.count()
    page.locator("#curves fieldset label").filter(has_text="mlp").click()
    assert lines.count() == before - 2
    assert page.locator("#curves tbody th").all_inner_texts() == ["cnn", "logistic"]


def test_an_epoch_is_read(open_page: Open) -> None:
    report = small_report()
    page = open_page(report)
    page.locator("#curves input[type=range]").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    curves = [each.value[1] for each in report.arms[0].curves if each.split == "val" and each.figure == "accuracy"]
    expected = f"{100 * sum(curves) / len(curves):.1f}"
    assert page.locator("#curves tbody tr >> nth=0 >> td >> nth=1").inner_text() == expected
    assert page.locator("#curves output").inner_text() == "2"


def test_the_layers_of_a_network_are_unfolded(open_page: Open) -> None:
    page = open_page(small_report(arms=("cnn", "mlp", "logistic", "cnn again")))
    networks = page.locator("#layers details")
    names = [each.locator("summary bdi").all_inner_texts() for each in networks.all()]
    assert names == [["cnn", "cnn again"], ["mlp"], ["logistic"]], "arms with the same layers share a table"
    first = networks.first
    assert first.locator("summary").inner_text().endswith("6 layers, 346,884 params, 346,820 of them trainable")
    assert networks.nth(1).locator("summary").inner_text().endswith("3 layers, 201,988 params")
    assert not first.locator("table").is_visible()
    first.locator("summary").click()
    lines = [row.locator("th, td").all_inner_texts() for row in first.locator("tbody tr").all()]
    assert lines[0] == ["input", "28x28x1", "", "", ""]
    assert lines[1] == ["conv 32", "26x26x32", "28 - 3 + 1 = 26", "320", "layer1"]
    assert first.locator("table").is_visible() and len(lines) == 7


def test_cost_can_be_parameters(open_page: Open) -> None:
    page = open_page(small_report())
    page.locator("#cost label").filter(has_text="parameters").click()
    assert page.locator("#cost svg title").first.text_content() == "Accuracy against parameters"


def test_the_best_value_of_a_sweep_is_ringed_only_where_it_is_shown(open_page: Open) -> None:
    page = open_page(small_report())
    assert page.locator("#sweeps .sweep >> nth=0 >> .ring").count() == 0
    assert page.locator("#sweeps .sweep >> nth=1 >> .ring").count() == 1
    assert page.locator("#sweeps .band").count() == 1


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


def test_hostile_names_stay_text_in_the_browser(open_page: Open) -> None:
    report = small_report(classes=(HOSTILE, "b", "c"), arms=(HOSTILE, "mlp", "logistic"))
    broken = replace(report.arms[-1], result=replace(report.arms[-1].result, name=f"{HOSTILE} failed", reason=HOSTILE))
    ids = tuple(f"{HOSTILE}{place}" for place in range(len(report.pictures.ids)))
    page = open_page(
        replace(
            report,
            arms=(*report.arms[:-1], broken),
            pictures=replace(report.pictures, ids=ids),
            verdict=HOSTILE,
            command=HOSTILE,
            environment={HOSTILE: HOSTILE},
        )
    )
    page.locator('#confusion [data-cell="0,1"]').click()
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    assert page.locator("h1").inner_text() == HOSTILE
    assert arms_shown(page)[0] == HOSTILE
    assert HOSTILE in page.locator(".cell-pictures h3").inner_text()
    assert page.locator("#confusion .gallery li").first.get_attribute("data-id") == ids[0]
    assert page.locator(".command code").inner_text() == HOSTILE


def test_the_command_is_copied(open_page: Open) -> None:
    report = small_report()
    page = open_page(report)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy", exact=True).click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == report.command


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
        each.evaluate("(e) => !!(e.labels?.length || e.textContent.trim())") for each in page.locator(unnamed).all()
    )


def test_a_narrow_window_scrolls_only_downwards(open_page: Open) -> None:
    page = open_page(small_report(), width=360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_jump_lands_on_its_section(open_page: Open) -> None:
    page = open_page(small_report())
    page.emulate_media(reduced_motion="reduce")
    page.locator("nav a").filter(has_text="Calibration").click()
    box = page.locator("#calibration").bounding_box()
    assert box is not None
    assert abs(box["y"]) < 120
    page.wait_for_selector('nav a[aria-current][href="#calibration"]')


def odd_reports() -> dict[str, Report]:
    report = small_report()
    only = replace(report, arms=report.arms[:1], pairs=(), sweeps=(), robustness=(), hardest=(), claims=(), samples=())
    first = only.arms[0]
    detail = replace(first.detail, confusion=(), calibration=(), calibration_error=None, per_class=())
    bare = replace(first, curves=(), detail=detail)
    ruined = failed_arm("cnn", "the images cannot be read")
    training = tuple(each for each in first.curves if each.split == "train")
    row = replace(first.result, val_accuracy=None, best_epoch=None)
    unvalidated = replace(first, result=row, curves=training)
    untimed = replace(first, result=replace(first.result, seconds=None, params=0, images_per_second=None))
    flawless = replace(
        first,
        result=replace(first.result, accuracy=Interval(1.0, 0.0, 1.0, 1.0)),
        detail=replace(first.detail, mistakes=(), cells={}),
    )
    none = replace(report.pictures, sheet="", ids=(), labels=())
    return {
        "two classes": small_report(classes=("no", "yes")),
        "sixteen arms": small_report(arms=tuple(f"cnn dropout={place / 20}" for place in range(16))),
        "one seed": small_report(seeds=1),
        "three epochs": small_report(epochs=3),
        "no validation": replace(only, arms=(unvalidated,)),
        "only one arm": only,
        "too many classes for a matrix": replace(only, arms=(bare,)),
        "all failed": replace(only, arms=(ruined,), pictures=none, verdict="No model is done."),
        "nothing to time": replace(only, arms=(untimed,)),
        "perfect": replace(only, arms=(flawless,)),
    }


@pytest.mark.parametrize("name", list(odd_reports()))
@pytest.mark.parametrize("width", [1440, 390])
def test_odd_reports_are_drawn(open_page: Open, name: str, width: int) -> None:
    report = odd_reports()[name]
    page = open_page(report, width=width)
    assert page.locator("#leaderboard tbody tr").count() == len(report.arms)
    shown = page.locator("body").inner_text()
    assert "could not be drawn" not in shown
    assert not re.search(r"\b(NaN|undefined|Infinity|null)\b", shown)
    assert "NaN" not in page.evaluate("[...document.querySelectorAll('svg *')].map((e) => e.outerHTML).join('')")


def test_confusions_without_a_matrix_are_listed(open_page: Open) -> None:
    report = odd_reports()["too many classes for a matrix"]
    page = open_page(report)
    page.locator("#confusion fieldset label").nth(1).click()
    first = page.locator("#confusion .gallery li").first.get_attribute("data-id")
    assert first in report.pictures.ids
    assert page.locator("#confusion .matrix").count() == 0


def test_a_hundred_classes_are_walked(open_page: Open) -> None:
    page = open_page(small_report(classes=tuple(f"클래스 {place}" for place in range(100)), arms=("cnn", "mlp")))
    assert page.locator('#confusion [role="gridcell"]').count() == 10_000
    page.locator('#confusion [role="gridcell"][tabindex="0"]').focus()
    page.keyboard.press("Control+End")
    assert "클래스 99 recognised" in page.locator("#confusion .reading").inner_text()


def test_ten_arms_on_ten_thousand_images_open_at_once(open_page: Open) -> None:
    arms = tuple(f"arm-{place}" for place in range(10))
    report = small_report(
        classes=tuple("0123456789"), arms=arms, seeds=5, per_class=1000, pictures=2000, per_cell=12, epochs=60
    )
    page = open_page(report)
    took = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert 0 < took < OPENS_WITHIN_MS, f"{took:.0f} ms"
