"""A new supervisor adds a home, its people and its plan, by keyboard alone, in a real browser; axe finds nothing."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from centre.silence.seen import Standing
from rules.commands import Nothing
from tests.centre.console import browsing
from tests.centre.console.desk_of_cases import served
from tests.centre.console.homes_desk import HomesDesk
from tests.centre.console.homes_fixtures import bare_site, homes  # noqa: F401 -- fixtures

# ruff: noqa: F811 -- fixtures

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing.chromium() as launched:
        yield launched


@pytest.fixture
def page(homes: HomesDesk, browser: Browser) -> Iterator[Page]:
    with served(homes.services) as address, browsing.page_of(browser, address, homes, "asha") as opened:
        opened.set_default_timeout(20_000)
        yield opened


def violations(page: Page) -> list[str]:
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return [*browsing.violations(page), *([f"{wide} px too wide"] if wide > 0 else [])]


def test_a_home_is_added_written_down_and_given_its_plan_by_keyboard_alone(homes: HomesDesk, page: Page) -> None:
    homes.awaited("hub-first")
    page.goto("/homes")
    page.keyboard.press("n")
    page.wait_for_url("**/homes/new")
    hub = page.input_value("#f-hub")
    assert violations(page) == []
    page.keyboard.press("i")
    page.wait_for_selector("figcaption")
    assert violations(page) == []
    page.keyboard.press("w")
    page.wait_for_selector("#f-person-0-name")
    assert violations(page) == []
    page.focus("#f-person-0-name")
    page.keyboard.type("Ann Invented")
    page.focus("#f-address")
    page.keyboard.type("1 Mill Lane")
    page.focus("#f-contact-0-name")
    for typed in ("Bo Invented", "01632 960 009", "daughter"):
        page.keyboard.type(typed)
        page.keyboard.press("Tab")
    page.focus("button[value=save]")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/homes/{hub}?said=kept")
    record = homes.services.records.record(hub, "supervisor", "asha", "a test", homes.now_ms).record
    assert (record.persons[0].name, record.contacts[0].ref) == ("Ann Invented", "daughter")
    homes.enrolled(hub)
    page.keyboard.press("p")
    page.wait_for_url(f"**/homes/{hub}/plan")
    page.keyboard.press("e")
    page.wait_for_url("**/plan/edit")
    page.focus("text=A couple")
    page.keyboard.press("Enter")
    page.wait_for_url("**begin=couple")
    assert violations(page) == []
    page.keyboard.press("c")
    expect(page.locator("#verdict-h")).to_be_focused()
    assert "Proven: this plan may be sent" in page.inner_text("#verdict-h")
    assert violations(page) == []
    page.keyboard.press("s")
    page.wait_for_url(f"**/homes/{hub}/plan?said=sent")
    assert violations(page) == []
    assert [each.version for each in homes.services.plans.of_home(hub)] == [1]
    page.click("text=in plain words")
    page.wait_for_url("**/plan/read**")
    assert violations(page) == []


def test_no_page_of_homes_has_a_fault_that_axe_finds_dark_or_narrow(homes: HomesDesk, page: Page) -> None:
    mains = Standing(fault="mains", subject="", priority=2, known_ms=homes.now_ms - 60_000, reason="6 h left")
    homes.home("hub-a", faults=(mains, Standing(fault="sensor-tamper", subject="pendant-1", priority=3, known_ms=1)))
    homes.record("hub-a")
    homes.services.commands.give("hub-a", "locate", Nothing(), by="beth")
    homes.taken_back("hub-a")
    homes.alarm("hub-a")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 400, "height": 800})
    for path in ("", "/hub-a", "/hub-a/commands", "/hub-a/plan", "/hub-a/record", "/hub-a/revoke", "/hub-a/export"):
        page.goto(f"/homes{path}")
        assert violations(page) == [], path
    for path in ("/worklist", "/tests"):
        page.goto(path)
        assert violations(page) == [], path
    page.goto("/homes")
    page.fill("#f-words", "mary")
    page.press("#f-words", "Enter")
    page.wait_for_url("**/homes/find")
    assert violations(page) == []
