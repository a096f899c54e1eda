"""The day team's worklist, and the page of tests."""

import re
from html import unescape

from centre.silence.seen import Standing
from rules.commands import Test
from tests.centre.console.homes_desk import DAY_MS, MINUTE_MS, HomesDesk
from tests.centre.console.homes_fixtures import bare_site, homes  # noqa: F401 -- fixtures

# ruff: noqa: F811 -- fixtures

NOW = 1_800_000_000_000


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).replace("\N{EN DASH}", "-").split())


def test_the_worklist_groups_what_stands_the_most_urgent_first(homes: HomesDesk) -> None:
    low = Standing(
        fault="sensor-battery-low", subject="pendant-1", priority=3, known_ms=NOW - 3 * DAY_MS, reason="12 %"
    )
    mains = Standing(fault="mains", subject="", priority=2, known_ms=NOW - 40 * MINUTE_MS)
    homes.home("hub-a", faults=(low,))
    homes.home("hub-b", faults=(low, mains))
    homes.enrolled("hub-c")  # never heard of, and no watch has looked at it yet
    homes.enrolled("hub-d")
    homes.seen("hub-d", gone_ms=NOW - 2 * 3_600_000, online_ms=1)
    homes.home("hub-gone", faults=(mains,))
    homes.services.records.left("hub-gone", "supervisor", "asha", NOW)
    homes.awaited("hub-waits")
    with homes.client("ines") as browser:
        page = browser.get("/worklist").text
    found = re.findall(r'<h2 id="g-\d">.*?</h2>', page, re.DOTALL)
    assert [words(each) for each in found] == [
        "High Silent for long 1",
        "High Power cut: the box runs on its battery 1",
        "Medium A sensor's battery is low 2",
        "Medium Enrolled, and never heard of 1",
    ]
    assert "hub-gone" not in page
    assert "hub-waits" not in page
    assert "hub-d the box 2 h 00 min - The desk has it as a case, too" in words(page)
    assert "hub-a pendant-1 3 days 12 % The day team" in words(page)


def test_an_empty_worklist_says_that_all_is_well(homes: HomesDesk) -> None:
    homes.home("hub-a")
    with homes.client() as browser:
        assert "Nothing waits" in browser.get("/worklist").text
        homes.clock.move(20 * 365 * DAY_MS)  # type: ignore[attr-defined]
        assert 'class="problem"' in browser.get("/worklist/part").text  # the site's own authority runs down


def test_tests_are_listed_apart_with_what_was_announced_and_taken_back(homes: HomesDesk) -> None:
    homes.home("hub-a")
    homes.home("hub-b")
    test = homes.alarm("hub-a", "test", test=True, silent=True, location="")
    homes.alarm("hub-b", "pendant")
    give = homes.services.commands.give
    homes.services.commands.answered(
        "hub-b", give("hub-b", "test", Test(expect="pendant-1", minutes=20), by="beth"), "done", "", NOW
    )
    give("hub-a", "test", Test(), by="beth")  # a self-test is none that was announced
    homes.taken_back("hub-b", location="bed-room")
    homes.taken_back("hub-a", stage="raised")  # cancelled after it was sent: a case has it
    with homes.client("ines") as browser:
        page = browser.get("/tests").text
    text = words(page)
    assert f"{test.id} Installer's test hub-a" in text
    assert "hub-b pendant-1" in text
    assert "Expects it" in text
    assert "hub-b Pendant pressed bed room" in text
    assert text.count("hub-a") == 1
    assert f'href="/cases/{test.id}"' not in page  # an installer has no cases
    with homes.client("beth") as browser:
        assert f'href="/cases/{test.id}"' in browser.get("/tests/part").text


def test_neither_page_is_an_auditors(homes: HomesDesk) -> None:
    with homes.client("otto") as browser:
        for path in ("/worklist", "/worklist/part", "/tests", "/tests/part"):
            assert browser.get(path).status_code == 403
