"""From a link to being signed in by keyboard alone, in a real browser, and what axe-core finds on the staff's pages."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from centre.staff import codes
from centre.staff.values import SHELL
from tests.centre.console.browsing import chromium, page_of, violations
from tests.centre.console.desk_of_cases import DeskOfCases, served
from tests.support.renewing import HandClock
from tests.support.staff import PASSWORD, Member, make_roster, member

pytestmark = pytest.mark.slow

HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>'


@pytest.fixture
def desk(made: bytes, tmp_path: Path) -> Iterator[DeskOfCases]:
    opened = DeskOfCases(tmp_path, HandClock(), store=made)
    opened.services.roster = make_roster(opened.database, opened.services.keyring, opened.clock)
    yield opened
    opened.close()


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def typed(page: Page, *texts: str) -> None:
    """Type into the fields, one after the other, and send."""
    for number, text in enumerate(texts):
        if number:
            page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.keyboard.press("Enter")


def test_staff_s_pages_by_keyboard_and_for_everybody(desk: DeskOfCases) -> None:
    roster, clock = desk.services.roster, desk.clock
    sue = member(roster, clock, "sue-p", "supervisor", HOSTILE)
    roster.add(SHELL, "new-one", HOSTILE, "operator")
    consents = desk.services.consents
    consents.give("hub-3f7a", "resident", "listen-in", by="ines", how=HOSTILE)
    beth = roster.get("beth")
    assert beth is not None
    consents.override("hub-3f7a", "share-emergency-services", by=beth, why=HOSTILE)
    sue.sign_in(browser=HOSTILE)
    link = roster.links.make(SHELL, "new-one")
    with served(desk.services) as at, chromium() as browser:
        _signs_in(page_of(browser, at, desk, "asha"), desk, sue, link)
        narrow = {"width": 360, "height": 780}
        with page_of(browser, at, desk, "sue-p", color_scheme="dark", viewport=narrow) as page:
            for path in (
                *("/account", "/account/app", "/staff", "/staff/beth", "/staff/sue-p", "/audit"),
                *("/consent/hub-3f7a", "/welcome/gone", "/staff/not-there"),
            ):
                page.goto(path)
                assert violations(page) == [], path
                assert fits(page), path


def _signs_in(opened: AbstractContextManager[Page], desk: DeskOfCases, sue: Member, link: str) -> None:
    with opened as page:
        page.context.clear_cookies()
        page.goto(f"/welcome/{link}")
        assert violations(page) == []
        carried = page.get_attribute("input[name=carried]", "value") or ""
        offer = desk.services.roster.offered("new-one", carried)
        assert page.inner_text("code.secret") == codes.readable(offer.secret)
        typed(page, PASSWORD, PASSWORD, codes.code_at(offer.secret, desk.clock.now().wall_ms))
        page.wait_for_selector("ol.codes")
        assert violations(page) == []
        page.goto("/sign-in?next=/account")
        typed(page, "sue-p", "wrong", "1")
        expect(page.locator(".problem").first).to_be_focused()
        assert page.input_value("#f-name") == "sue-p"
        assert violations(page) == []
        page.focus("#f-password")
        typed(page, PASSWORD, sue.code())
        page.wait_for_url("**/account")
        assert page.inner_text("h1") == "Your account"
        cookies = {each["name"]: each for each in page.context.cookies()}
        session = cookies["hearthline-session"]
        assert (session["httpOnly"], session["sameSite"]) == (True, "Strict")
        assert page.evaluate("document.cookie").count("hearthline") == 0, "no script reads it"
        page.click("main >> text=Sign out")
        page.wait_for_url("**/sign-in")
        page.go_back()
        page.wait_for_url("**/sign-in?next=/account")
