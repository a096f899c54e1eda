"""A real browser for tests: Chromium without a screen, and axe-core's word on what it shows."""

import contextlib
import shutil
from collections.abc import AsyncIterator

from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Browser, Page, async_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
LIMIT_MS = 30_000
"""Long, for a machine busy with other things: waiting ends as soon as what is waited for is there."""


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start it, and end it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def opened(browser: Browser, address: str, **options: object) -> AsyncIterator[tuple[Page, list[str]]]:
    """Open a page in a browser of its own; give it, and what it complains of, as it does."""
    context = await browser.new_context(**options)  # type: ignore[arg-type]
    complaints: list[str] = []
    try:
        page = await context.new_page()
        page.set_default_timeout(LIMIT_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        await page.goto(address)
        yield page, complaints
    finally:
        await context.close()


async def violations(page: Page) -> list[str]:
    """Name what axe-core finds wrong with a page as it is now, and where."""
    found = (await Axe().run(page)).response["violations"]
    return [f"{each['id']}: {node['target']} {node['failureSummary']}" for each in found for node in each["nodes"]]
