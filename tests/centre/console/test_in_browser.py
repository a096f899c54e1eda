"""The console in a real browser: from an alarm to resolved by keyboard alone, live, loud, and for everybody's eyes."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, Page, expect

from centre.cases.events import Noted, Resolved, Took
from centre.intake import LedgerDownError
from tests.centre.console.browsing import chromium, focus, heard, page_of, violations
from tests.centre.console.desk_of_cases import DeskOfCases, served

PRESS = "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '1', bubbles: true}))"
QUEUE = "document.querySelector('[data-live^=\"/queue\"]')"
HIDE = """Object.defineProperty(document, "hidden", {value: %s, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"))"""


class Opens(Protocol):
    def __call__(self, name: str = "beth", **options: Any) -> AbstractContextManager[Page]: ...


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def evening(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DeskOfCases, str]]:
    """A desk by the real clock, and where its console is served."""
    desk = DeskOfCases(tmp_path_factory.mktemp("evening"))
    with served(desk.services) as at:
        yield desk, at
    desk.close()


@pytest.fixture
def desk(evening: tuple[DeskOfCases, str]) -> Iterator[DeskOfCases]:
    """The evening's desk; what a test leaves open is closed behind it."""
    desk, _ = evening
    desk.watched()
    yield desk
    for case in desk.desk.standing():
        taken = desk.act(Took, case, "asha", over=case.owner)
        desk.act(Resolved, taken, "asha", outcome="test")


@pytest.fixture
def opens(browser: Browser, evening: tuple[DeskOfCases, str]) -> Opens:
    desk, at = evening

    def opened(name: str = "beth", **options: Any) -> AbstractContextManager[Page]:
        return page_of(browser, at, desk, name, **options)

    return opened


def go(page: Page, path: str) -> None:
    page.goto(path)
    page.wait_for_selector("body.live")


def test_from_a_new_alarm_to_resolved_by_keyboard_alone(desk: DeskOfCases, opens: Opens) -> None:
    desk.record("hub-1")
    with opens() as page:
        go(page, "/")
        assert page.title() == "Queue · Hearthline"
        case = desk.alarm("hub-1", "fall")

        # Seen, heard, said and titled, without a touch.
        expect(page.locator(f"#open-{case.id}")).to_be_visible()
        expect(page).to_have_title("(1, 1 URGENT) Queue · Hearthline")
        expect(page.locator("#shout")).to_have_text("New. Urgent: Fall detected, bathroom")
        assert heard(page) == ["alarm"]
        page.wait_for_timeout(700)  # keys hold still for as long after the page changed under one's hands

        page.keyboard.press("1")
        page.wait_for_url(f"**/cases/{case.id}")
        expect(page.locator("#card")).to_contain_text("4711")
        page.keyboard.press("t")
        expect(page.locator("#case-done .done")).to_be_focused()
        expect(page.locator("#case-head")).to_contain_text("Yours")
        page.keyboard.press("n")
        expect(page.locator("#f-note")).to_be_focused()
        page.keyboard.type("Spoke with her; t and r are letters here.")
        page.keyboard.press("Control+Enter")
        expect(page.locator("#case-done .done")).to_be_focused()
        expect(page.locator("#case-story")).to_contain_text("t and r are letters here.")
        page.keyboard.press("r")
        expect(page.locator("#f-outcome")).to_be_focused()
        page.keyboard.type("Spoke")
        page.keyboard.press("Tab")
        page.keyboard.type("All well.")
        page.keyboard.press("Control+Enter")
        page.wait_for_url("**/?did=resolve*")
        expect(page.locator("main .done")).to_have_text(f"{case.id}: Resolved.")
        expect(page.locator("#needed-h")).to_have_text("Nobody waits")
        expect(page.locator("#main")).to_be_focused()
    assert desk.desk.get(case.id).outcome == "reassured"  # type: ignore[union-attr]
    assert len(desk.services.records.looks(hub="hub-1")) == 1  # S11: the card was shown once


def test_rows_are_walked_by_j_and_k_and_taken_by_t(desk: DeskOfCases, opens: Opens) -> None:
    first, second = desk.alarm("hub-1", ago_ms=9_000), desk.alarm("hub-2", ago_ms=5_000)
    with opens() as page:
        go(page, "/")
        page.keyboard.press("j")
        assert focus(page) == f"open-{first.id}"
        page.keyboard.press("j")
        page.keyboard.press("j")
        assert focus(page) == f"open-{second.id}"
        page.keyboard.press("k")
        assert focus(page) == f"open-{first.id}"
        page.keyboard.press("j")
        # What comes above does not take the focus away.
        third = desk.alarm("hub-3", "smoke", ago_ms=60_500)
        expect(page.locator(".queue .open").first).to_have_id(f"open-{third.id}")
        assert focus(page) == f"open-{second.id}"
        page.wait_for_timeout(700)
        page.keyboard.press("t")
        page.wait_for_url(f"**/cases/{second.id}**")
        expect(page.locator("#case-done .done")).to_be_focused()
        page.keyboard.press("u")
        page.wait_for_url("**/")
        page.keyboard.press("g")
        page.keyboard.press("h")
        page.wait_for_url("**/homes")
        page.keyboard.press("?")
        expect(page.locator("#keys")).to_be_visible()


def test_a_key_pressed_as_the_queue_changes_opens_nobody_elses_case(desk: DeskOfCases, opens: Opens) -> None:
    first = desk.alarm("hub-1", "flood")
    with opens() as page:
        go(page, "/")
        page.evaluate(f"new MutationObserver(() => {PRESS}).observe({QUEUE}, {{childList: true}})")
        above = desk.alarm("hub-2", "smoke")
        expect(page.locator(".queue .open").first).to_have_id(f"open-{above.id}")
        page.wait_for_timeout(700)
        assert page.url.endswith("/")
        page.evaluate(PRESS)
        page.wait_for_url(f"**/cases/{above.id}")
    assert not first.held


def test_a_page_out_of_sight_gives_up_its_line_and_is_current_when_it_is_seen(desk: DeskOfCases, opens: Opens) -> None:
    with opens() as page:
        go(page, "/")
        other = page.context.new_page()
        go(other, "/")
        requests: list[str] = []
        other.on("request", lambda request: requests.append(request.url))
        other.evaluate(HIDE % "true")
        case = desk.alarm("hub-1")
        expect(page.locator(f"#open-{case.id}")).to_be_visible()
        assert requests == []
        expect(other.locator("#lost")).to_be_hidden()
        other.evaluate(HIDE % "false")
        expect(other.locator(f"#open-{case.id}")).to_be_visible()


def test_nothing_typed_is_lost_by_what_arrives(desk: DeskOfCases, opens: Opens) -> None:
    case = desk.act(Took, desk.alarm("hub-1"), "beth")
    with opens() as page:
        go(page, f"/cases/{case.id}")
        page.keyboard.press("r")
        page.keyboard.type("Spoke")
        page.keyboard.press("Tab")
        page.keyboard.type("Half a sen")
        desk.alarm("hub-1", "fall")
        expect(page.locator("#case-story")).to_contain_text("fall detected")
        expect(page.locator("#case-acts .stale")).to_be_visible()
        page.keyboard.type("tence.")
        expect(page.locator("#f-resolve-note")).to_have_value("Half a sentence.")
        expect(page.locator("#f-resolve-note")).to_be_focused()
        # Nobody closes a case over an alarm that came while they were writing.
        page.keyboard.press("Control+Enter")
        expect(page.locator("#case-acts .problem")).to_be_focused()
        expect(page.locator("#case-acts .problem")).to_contain_text("Another alarm came")
        expect(page.locator("#f-resolve-note")).to_have_value("Half a sentence.")
        assert desk.desk.get(case.id).open  # type: ignore[union-attr]
        # What came back with the problem is the form's own now, and no less theirs.
        desk.act(Noted, case, "carl", text="I am on my way.")
        expect(page.locator("#case-story")).to_contain_text("I am on my way.")
        expect(page.locator("#f-resolve-note")).to_have_value("Half a sentence.")
        page.locator("#f-resolve-note").focus()
        page.keyboard.press("Control+Enter")
        page.wait_for_url("**/?did=resolve*")


def test_what_cannot_be_sent_stays_and_a_lost_line_is_loud(desk: DeskOfCases, opens: Opens) -> None:
    case = desk.act(Took, desk.alarm("hub-1"), "beth")
    with opens() as page:
        page.route("**/live", lambda route: route.abort())
        page.goto(f"/cases/{case.id}")
        page.keyboard.press("n")
        page.keyboard.type("Written in a tunnel.")
        page.route("**/note", lambda route: route.abort())
        page.keyboard.press("Control+Enter")
        expect(page.locator("#act-note .problem")).to_be_focused()
        expect(page.locator("#act-note .problem")).to_contain_text("Not sent")
        expect(page.locator("#f-note")).to_have_value("Written in a tunnel.")
        expect(page.locator("#lost")).to_contain_text("Connection lost")
        expect(page.locator("#line-words")).to_have_text("NOT LIVE")
        assert page.title().startswith("CONNECTION LOST ")
        assert "lost" in heard(page)
        page.unroute("**/live")
        page.unroute("**/note")
        expect(page.locator("#lost")).to_be_hidden()
        page.locator("#f-note").focus()
        page.keyboard.press("Control+Enter")
        expect(page.locator("#case-story")).to_contain_text("Written in a tunnel.")


def test_a_store_that_is_down_is_told_on_the_open_page_until_it_is_back(
    desk: DeskOfCases, opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down() -> None:
        raise LedgerDownError("the disk is full")

    with opens() as page:
        go(page, "/")
        with monkeypatch.context() as broken:
            broken.setattr(desk.database, "reading", down)
            expect(page.locator("#lost")).to_contain_text("What is shown may be old. the disk is full")
            page.wait_for_timeout(300)
        case = desk.alarm("hub-1")
        expect(page.locator(f"#open-{case.id}")).to_be_visible()
        expect(page.locator("#lost")).to_be_hidden()


def test_somebody_who_waits_past_the_marks_is_heard_again_and_one_signed_out_is_told(
    desk: DeskOfCases, evening: tuple[DeskOfCases, str], opens: Opens
) -> None:
    desk.alarm("hub-1", ago_ms=61_000)
    with opens("carl") as page:
        go(page, "/")
        expect(page.locator(".row.m1 .mark-words")).to_have_text("over 1 minute")
        for _ in range(200):
            if "waiting" in heard(page):
                break
            page.wait_for_timeout(100)
        assert "waiting" in heard(page)
        desk.services.roster.sessions.end_all("carl")
        desk.alarm("hub-2")
        expect(page.locator("#lost")).to_be_visible(timeout=12_000)


def test_keys_and_sounds_can_be_switched_off(desk: DeskOfCases, opens: Opens) -> None:
    case = desk.alarm("hub-1", ago_ms=61_000)
    desk.services.roster.prefer("carl", keys=False, sounds=False)
    with opens("carl") as page:
        go(page, "/")
        page.keyboard.press("1")
        page.keyboard.press("j")
        desk.alarm("hub-2")
        expect(page.locator(".queue .row")).to_have_count(2)
        assert page.url.endswith("/")
        assert focus(page) != f"open-{case.id}"
        assert heard(page) == []
        expect(page.locator("#sound")).to_have_text("Sound off")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(desk: DeskOfCases, opens: Opens, scheme: Any) -> None:
    desk.record("hub-1")
    free = desk.alarm("hub-1", "fall", ago_ms=200_000)
    desk.alarm("hub-2", "pendant", ago_ms=70_000)
    silent = desk.alarm("hub-3", "door-button", silent=True)
    mine = desk.act(Took, desk.alarm("hub-4", "cold"), "beth")
    over = desk.act(Took, desk.alarm("hub-5", "heat"), "beth")
    desk.act(Noted, over, "beth", text="A note.")
    over = desk.act(Resolved, desk.desk.get(over.id) or over, "beth", outcome="reassured")
    with opens(color_scheme=scheme) as page:
        for path, key in (
            ("/", "?"),
            (f"/cases/{free.id}", "n"),
            (f"/cases/{silent.id}", "c"),
            (f"/cases/{mine.id}", "r"),
            (f"/cases/{over.id}", "o"),
            ("/cases/case-0", "Tab"),
        )[: 6 if scheme == "light" else 3]:
            page.goto(path)
            page.keyboard.press(key)
            assert violations(page) == [], f"{path} after {key}"


@pytest.mark.parametrize(("width", "height"), [(700, 450), (768, 1024), (320, 640)])
def test_nothing_is_cut_off_and_everything_can_be_hit(desk: DeskOfCases, opens: Opens, width: int, height: int) -> None:
    desk.record("hub-1")
    case = desk.act(Took, desk.alarm("hub-1", "fall", ago_ms=200_000), "beth")
    desk.alarm("hub-with-a-very-long-name-" + "x" * 60, "pendant", location="y" * 90)
    small = """[...document.querySelectorAll("a, button, summary, select, input:not([type=hidden])")]
        .filter((each) => each.checkVisibility() && !each.closest(".sr, p, dl, .skip") && !each.matches(".skip, .open"))
        .map((each) => [each.outerHTML.slice(0, 80), each.getBoundingClientRect()])
        .filter(([, box]) => box.height < 24 || box.width < 24).map(([html]) => html)"""
    with opens(viewport={"width": width, "height": height}) as page:
        for path in ("/", f"/cases/{case.id}"):
            go(page, path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert page.evaluate(small) == [], path


def test_the_look_is_chosen_and_kept(desk: DeskOfCases, opens: Opens) -> None:
    ground = partial(Page.evaluate, expression="getComputedStyle(document.documentElement).backgroundColor")
    with opens(color_scheme="light") as page:
        go(page, "/")
        light = ground(page)
        page.locator("#theme").click()
        page.locator("#theme").click()
        expect(page.locator("#theme")).to_have_text("Look: dark")
        dark = ground(page)
        assert dark != light
        go(page, "/")
        assert ground(page) == dark
