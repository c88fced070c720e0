"""A report opened in Chromium: what its browser tests share. The fixture `open_page` is in tests/report/conftest.py."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE = '<img src=x onerror="window.hacked=1">'
LOCAL = ("file:", "data:", "blob:", "about:")


def arms_shown(page: "Page") -> list[str]:
    return [str(text) for text in page.locator("#leaderboard tbody th bdi").all_inner_texts()]
