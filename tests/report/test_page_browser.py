"""Does the page work in a browser: sorting, cells and their pictures, the keyboard, choices, jumps?"""

from dataclasses import replace
from typing import TYPE_CHECKING

from sadari.evaluation.statistics import wilson
from sadari.report.contents import Report
from sadari.values import Interval
from support.browser import NEEDS_BROWSER, Open
from support.report_pages import arms_shown
from support.reports import small_report

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = NEEDS_BROWSER


def head(page: "Page", label: str) -> "Locator":
    return page.locator("#leaderboard thead th").filter(has=page.get_by_role("button", name=label, exact=True))


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
        truth, predicted = (report.facts.classes[int(each)] for each in cell.split(","))
        assert f"{truth} → {predicted}" in first
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
    assert lines[0] == ["input", "28x28x1", "", "", "", ""]
    assert lines[1] == ["conv 32", "26x26x32", "28 - 3 + 1 = 26", "320", "(3x3x1 + 1) x 32 = 320", "layer1"]
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


def test_the_command_is_copied(open_page: Open) -> None:
    report = small_report()
    page = open_page(report)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy", exact=True).click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == report.command


def test_a_jump_lands_on_its_section(open_page: Open) -> None:
    page = open_page(small_report())
    page.emulate_media(reduced_motion="reduce")
    page.locator("nav a").filter(has_text="Calibration").click()
    box = page.locator("#calibration").bounding_box()
    assert box is not None
    assert abs(box["y"]) < 120
    page.wait_for_selector('nav a[aria-current][href="#calibration"]')


def with_majority() -> Report:
    """Return a report of cnn, mlp and majority, which is right in 10 % of the images; mlp has 72 passes, cnn 12."""
    report = small_report(arms=("cnn", "mlp", "majority"), classes=tuple("0123456789"))
    cnn, mlp, last, failed = report.arms
    guess = Interval(0.1, 0.0, 0.08, 0.12)
    majority = replace(last, result=replace(last.result, model="majority", accuracy=guess), curves=())
    longer = tuple(replace(each, value=tuple(each.value[at // 6] for at in range(72))) for each in mlp.curves)
    return replace(report, arms=(cnn, replace(mlp, curves=longer), majority, failed))


def test_axes_are_made_for_the_contenders_and_majority_is_at_their_edge(open_page: Open) -> None:
    page = open_page(with_majority())
    interval = page.locator("#leaderboard tbody tr >> nth=0 >> line.interval").bounding_box()
    forest = page.locator("#leaderboard tbody td.forest >> nth=0").bounding_box()
    assert interval is not None and forest is not None
    assert interval["width"] > 0.2 * forest["width"]
    edge = page.locator("#leaderboard tbody tr >> nth=2 >> svg.forest-row.edge")
    assert "below the scale" in (edge.get_attribute("aria-label") or "")
    assert edge.locator("text").text_content() == "10.0"
    assert page.locator("#cost .edge").count() == 1
    assert "majority 10.0" in (page.locator("#cost svg.plot, #cost .plot svg").text_content() or "")


def test_pairs_with_majority_are_folded_and_no_verdict_is_said_twice(open_page: Open) -> None:
    page = open_page(with_majority())
    shown = page.locator("#verdicts > .body > .fitting tbody th")
    assert shown.all_inner_texts() == ["cnn against mlp"]
    assert page.locator("#verdicts details tbody tr").count() == 2
    assert not page.locator("#verdicts details table").is_visible()
    assert "beats" not in page.locator("#verdicts").inner_text()


def test_curves_begin_at_the_best_epoch_and_passes_do_not_squeeze_epochs(open_page: Open) -> None:
    page = open_page(with_majority())
    assert page.locator("#curves output").inner_text() == "10"
    lines = page.locator("#curves .plot >> nth=1 >> path.curve.val-line:not(.seed-line)")
    short, long = lines.nth(0).bounding_box(), lines.nth(1).bounding_box()
    assert short is not None and long is not None
    assert short["width"] > 0.5 * long["width"]


def test_a_picture_opens_large_and_closes_again(open_page: Open) -> None:
    report = small_report()
    page = open_page(report)
    page.locator("#mistakes .picture").first.click()
    large = page.locator("dialog[open]")
    box = large.locator(".picture").bounding_box()
    assert box is not None and box["width"] >= 500
    assert report.pictures.ids[report.arms[0].detail.mistakes[0].picture] in large.inner_text()
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")


def test_poor_calibration_is_warned_of(open_page: Open) -> None:
    report = small_report()
    first = report.arms[0]
    warning = "The probabilities of cnn are too high: read them as an order."
    arms = (replace(first, detail=replace(first.detail, caution=warning)), *report.arms[1:])
    page = open_page(replace(report, arms=arms))
    assert warning in page.locator("#calibration").inner_text()
    page.locator("#calibration label").filter(has_text="mlp").click()
    assert warning not in page.locator("#calibration").inner_text()


def test_the_threshold_is_moved_with_the_keyboard_and_its_counts_follow(open_page: Open) -> None:
    report = small_report()
    page = open_page(report)
    section, curve = page.locator("#thresholds"), report.arms[0].detail.thresholds[1]
    section.locator("label", has_text="trouser").click()
    slider = section.locator("input[type=range]")
    slider.focus()
    page.keyboard.press("Home")
    for place in range(1, 5):
        hits, alarms = curve.hits[place], curve.alarms[place]
        counts = section.locator("table").nth(1).locator("tbody tr")
        assert counts.nth(0).locator("td, th").all_inner_texts()[1:] == [str(hits), str(curve.images - hits)]
        assert counts.nth(1).locator("td, th").all_inner_texts()[1:] == [str(alarms), str(curve.others - alarms)]
        said = slider.get_attribute("aria-valuetext")
        assert said is not None and f"sensitivity (recall) {100 * hits / curve.images:.1f}" in said
        page.keyboard.press("ArrowRight")
    recall = section.locator("table").first.locator("tbody tr").nth(1)
    hits = curve.hits[5]
    low, high = wilson(hits / curve.images, 1.959964**2 / curve.images)
    assert f"{100 * low:.1f} \u2013 {100 * high:.1f}" in recall.inner_text()
    section.locator("label", has_text="mlp").click()
    assert section.locator("input[type=radio]:checked").nth(1).get_attribute("value") == "trouser"
    assert section.locator("svg path.curve").count() == 2


def test_a_class_of_many_is_chosen_from_a_list(open_page: Open) -> None:
    page = open_page(small_report(classes=tuple(f"class {number}" for number in range(12)), per_class=20))
    chooser = page.locator("#thresholds select").last
    chooser.select_option("class 7")
    assert page.locator("#thresholds .caption").first.inner_text().find("class 7 where its probability") > 0
