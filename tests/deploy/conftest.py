"""What several tests of serving share: one trained model, a server for it, and a browser."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import pytest
from fastapi.testclient import TestClient

from sadari.deploy.serve.limits import Limits
from sadari.deploy.serve.routes import make_app
from sadari.inference.classifier import Classifier
from sadari.run import RunRecord
from support.attacks import Beating, Server, serving
from support.browser import Open, Opened
from support.server import running, trained_on_digits

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """A small convolutional network, trained on the 8x8 digits."""
    return trained_on_digits(tmp_path_factory.mktemp("runs") / "digits")


@pytest.fixture(scope="session")
def classifier(digits_run: RunRecord) -> Classifier:
    return Classifier.open(digits_run.path)


@pytest.fixture(scope="session")
def client(classifier: Classifier) -> Iterator[TestClient]:
    """A client of a server with that network; test modules about other networks have a `client` of their own."""
    with TestClient(make_app(classifier)) as opened:
        yield opened


@pytest.fixture(scope="session")
def digits(classifier: Classifier) -> Iterator[str]:
    """The address of a server with that network."""
    with running(make_app(classifier, Limits(image_bytes=20_000))) as address:
        yield address


@pytest.fixture(scope="module")
def beating(classifier: Classifier) -> Iterator[tuple[str, Beating]]:
    """The address of a server, and what measures how long its event loop was held."""
    app = Beating(make_app(classifier, Limits(decode_seconds=1.0)))
    with running(app) as address:  # type: ignore[arg-type]
        yield address, app


@pytest.fixture
def server(digits_run: RunRecord) -> Iterator[Server]:
    """The command `sadari serve` with that network."""
    yield from serving(digits_run, os.cpu_count() or 1)


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
