"""A real browser for the console's tests: one for the session, and what its pages did that nobody sees."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, expect, sync_playwright

from centre.console import security
from tests.centre.console.desk_of_cases import DeskOfCases

LIMIT_MS = 20_000
"""A loaded computer is given time; nothing waits for it to pass."""

expect.set_options(timeout=LIMIT_MS)
WIDE = {"width": 1400, "height": 900}
HEARD = "addEventListener('hearthline:sound', (e) => (window.heard ??= []).push(e.detail), true)"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; without one the test is skipped."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium on the PATH: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def page_of(browser: Browser, at: str, desk: DeskOfCases, name: str, **options: Any) -> Iterator[Page]:
    """A page of somebody's, signed in. An error in it, or a refusal of its content policy, fails the test."""
    context = browser.new_context(base_url=at, **{"viewport": WIDE, **options})
    context.set_default_timeout(LIMIT_MS)
    session = security.cookie_name("session", secure=False)
    context.add_cookies([{"name": session, "value": desk.token(name), "url": at}])
    context.add_init_script(f"document.{HEARD}")
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    context.close()
    assert wrong == []


def violations(page: Page) -> list[str]:
    """What axe-core finds against accessibility, in words."""
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['help']}: {[node['html'][:120] for node in each['nodes']]}" for each in found]


def focus(page: Page) -> str:
    """What has the focus: its id, or its words."""
    return str(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim().slice(0, 80)"))


def heard(page: Page) -> list[str]:
    """What sounded, since the page was opened."""
    return list(page.evaluate("window.heard ?? []"))
