"""What every test may use: a cache of its own, the command line, a browser."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

# Two processes share two cores: a thread that waits must not spin. Read when torch's threads start, so before it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest

from support.browser import CHROMIUM
from support.terminal import Terminal

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from sadari.tuning.result import TuneResult


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("SADARI_CACHE_DIR")
    os.environ["SADARI_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["SADARI_CACHE_DIR"]
    else:
        os.environ["SADARI_CACHE_DIR"] = before


@pytest.fixture
def sadari(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """The command line, in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)
    return Terminal(monkeypatch, capsys)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> "TuneResult":
    """A small search for settings, of six trials, that nothing interrupted."""
    from support.tuning import planned

    return planned(trials=6).run(tmp_path_factory.mktemp("whole") / "out")


@pytest.fixture(scope="module")  # not longer: its event loop would be in the way of other tests
def browser() -> "Iterator[Browser]":
    """A headless Chromium; `open_page` of the serving page and of the report open their pages in it."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()
