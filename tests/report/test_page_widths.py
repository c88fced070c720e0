"""Is every figure whole at every width and on paper, and do long names keep both of their ends?"""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sadari.report.contents import Report
from support.browser import NEEDS_BROWSER, Open
from support.reports import small_report

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = NEEDS_BROWSER

WIDTHS = (360, 768, 1280)
PAPER = 696  # pixels: A4 without the margins of print.css
KINDS = (
    "골든 리트리버와 토이 푸들 잡종",
    "Golden retriever and standard poodle mix",
    "North American red squirrel (adult)",
)
LONG = tuple(f"{KINDS[place % 3]} {place}" for place in range(60))
ARMS = ("convnext_tiny fine-tuned, augment=rotate 30", "majority", "골든 리트리버만 잘 구별하는 아주 긴 이름의 신경망")
# Figures that are cut: wider than their own box, or beyond what an ancestor that clips, or the window, lets be seen.
CUT = """() => {
    const figures = ".number, td.main, .meter, [role=gridcell], .figures, output, .plot svg text, .forest-row text";
    const cut = (figure) => {
        const box = figure.getBoundingClientRect();
        if (!box.width || figure.closest(".unseen, .figureless")) return false;
        if (figure.clientWidth && figure.scrollWidth > figure.clientWidth + 1) return true;
        for (let each = figure.parentElement; each; each = each.parentElement) {
            if (each instanceof SVGElement || getComputedStyle(each).overflowX === "visible") continue;
            const seen = each.getBoundingClientRect();
            if (box.left < seen.left - 1 || box.right > seen.right + 1) return true;
        }
        return box.left < -1 || box.right > innerWidth + 1;
    };
    return [...document.querySelectorAll(figures)].filter(cut).map((each) => `${each.tagName} ${each.textContent}`);
}"""


def long_names() -> Report:
    report = small_report(classes=LONG, arms=ARMS)
    majority = replace(report.arms[1].result, model="majority")
    return replace(report, arms=(report.arms[0], replace(report.arms[1], result=majority), *report.arms[2:]))


def unfold(page: "Page") -> None:
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")


SHORT_NAMES = (small_report(), small_report(classes=tuple("0123456789")))


@pytest.mark.parametrize(
    "report", [*(pytest.param(each, marks=pytest.mark.slow) for each in SHORT_NAMES), long_names()]
)
def test_no_figure_is_cut_at_any_width(open_page: Open, report: Report) -> None:
    page = open_page(report, width=WIDTHS[0])
    unfold(page)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)
        assert page.evaluate(CUT) == [], width
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("screen", [360, 1280])
def test_nothing_is_cut_on_paper(open_page: Open, screen: int) -> None:
    page = open_page(long_names(), width=screen)
    page.emulate_media(media="print")
    page.wait_for_selector("#sweeps details[open]", state="attached")
    page.set_viewport_size({"width": PAPER, "height": 1000})
    assert page.evaluate(CUT) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PAPER


def test_names_are_cut_in_their_middle(open_page: Open) -> None:
    report = small_report(classes=(*LONG[:12], "short"), arms=("cnn", "mlp"))
    page = open_page(report, width=360)
    page.wait_for_timeout(200)
    heads = page.locator("#confusion .matrix tbody th").all_inner_texts()
    assert heads[-1] == "short"
    for name, shown in zip(LONG, heads[:-1], strict=False):
        first, last = shown.split("…")
        assert name.startswith(first) and name.endswith(last) and len(last) >= 2, shown


def test_many_classes_are_led_by_the_worst(open_page: Open) -> None:
    report = long_names()
    page = open_page(report)
    shown = page.locator("#classes table").first
    assert shown.locator("tbody tr").count() == 20
    worst = min(report.arms[0].detail.per_class[:60], key=lambda each: each.f1 or 0.0)
    assert shown.locator("tbody th").first.inner_text() == worst.name
    assert page.locator("#classes details tbody tr").count() == 40
    assert not page.locator("#classes details table").is_visible()


def test_the_commonest_confusions_are_a_list_beside_the_matrix(open_page: Open) -> None:
    report = long_names()
    page = open_page(report)
    matrix = report.arms[0].detail.confusion
    count, truth, predicted = max(
        (count, -truth, -predicted)
        for truth, row in enumerate(matrix)
        for predicted, count in enumerate(row)
        if truth != predicted
    )
    entries = page.locator("#confusion .confusions button")
    assert entries.first.get_attribute("aria-pressed") == "true"
    assert f"{count:g}" in entries.first.inner_text()
    entries.nth(1).click()
    chosen = page.locator('#confusion [aria-selected="true"]').get_attribute("data-cell")
    assert chosen is not None and chosen != f"{-truth},{-predicted}"
    names = [LONG[int(place)] for place in chosen.split(",")]
    assert all(name in entries.nth(1).inner_text() for name in names)
    assert not page.get_by_text("shares of the row").is_visible(), "no cell shows figures: there is nothing to choose"
