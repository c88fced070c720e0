"""What several tests of the report share: a comparison whose runs have everything that a page shows, and a browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.report.contents import Report
from sadari.report.page import render
from support.browser import Open, Opened
from support.jobs import named_arms
from support.report_pages import LOCAL
from support.stamped_training import StampedTrainer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def stamped_result(tmp_path_factory: pytest.TempPathFactory) -> ComparisonResult:
    """Two seeds of majority, softmax and mlp on the digits, untrained; best first: mlp, softmax, majority."""
    arms, _ = named_arms(["majority", "softmax", "mlp"], {}, {"epochs": "6"})
    trainer = StampedTrainer()
    return compare(
        Comparison("digits", arms, (0, 1)), runs=tmp_path_factory.mktemp("runs"), executor=SerialExecutor(trainer)
    )


@pytest.fixture
def open_page(browser: "Browser", tmp_path: Path) -> Iterator[Open]:
    """Open a report in a window of its own; afterwards there may be no complaint and no request."""
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
