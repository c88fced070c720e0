"""A report opened in Chromium: what its browser tests share. The fixture `open_page` is in tests/report/conftest.py."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HOSTILE = '<img src=x onerror="window.hacked=1">'
LOCAL = ("file:", "data:", "blob:", "about:")
IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]

Open = Callable[..., "Page"]


@dataclass
class Opened:
    """A page and all that went wrong on it."""

    page: "Page"
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


def arms_shown(page: "Page") -> list[str]:
    return [str(text) for text in page.locator("#leaderboard tbody th bdi").all_inner_texts()]
