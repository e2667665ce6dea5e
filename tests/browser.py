"""Debian's chromium for tests of pages; a test that cannot have it is skipped and says why."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def opened(server: str = "", **options) -> Iterator:
    """A page that may ask `server` alone; at the end, nothing may have been said in the console."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed (apt install chromium)")
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with driver.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(**options).new_page()
        said, asked, kinds = [], [], ("error",) if server else ("error", "warning")
        page.on("console", lambda message: said.append(message.text) if message.type in kinds else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        own = ("file:", "data:", "blob:", *([server.split("?")[0]] if server else []))
        page.on("request", lambda request: None if request.url.startswith(own) else asked.append(request.url))
        yield page
        browser.close()
        assert (said, asked) == ([], [])


def overflow(page) -> int:
    """By how many pixels the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


def complaints(page) -> list[str]:
    """What axe-core says against the page: names, roles, order, tables and contrast (WCAG 2.1 AA, best practice)."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
    found = axe.Axe().run(page, options={"runOnly": tags, "resultTypes": ["violations"]}).response["violations"]
    return [f"{one['id']}: {one['help']}: {node['html'][:200]}" for one in found for node in one["nodes"]]
