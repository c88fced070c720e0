"""Is the page of a search drawn in Chromium, in a wide window and in a narrow one?"""

from typing import TYPE_CHECKING

import pytest

from sadari.report.tuned.page import write_tuned
from sadari.tuning.result import TuneResult
from sadari.tuning.trials import DONE
from support.browser import NEEDS_BROWSER

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = NEEDS_BROWSER


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_drawn_in_a_browser(width: int, whole: TuneResult, browser: "Browser") -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(write_tuned(whole).as_uri())
    page.wait_for_selector('html[data-drawn="all"]')
    done = sum(each.state == DONE for each in whole.trials)
    assert page.locator("#history circle").count() == len(whole.trials)
    assert page.locator("#parallel .trial-line").count() == done
    assert page.locator("#slices svg").count() == len(whole.request.space)
    assert page.locator("#trials tbody tr").count() == len(whole.trials)
    page.locator("#parallel g:has(> .trial-line)").last.dispatch_event("click")
    assert page.locator("#parallel .reading").inner_text().startswith("Trial ")
    assert page.locator("#parallel .is-chosen").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not wrong
    page.close()
