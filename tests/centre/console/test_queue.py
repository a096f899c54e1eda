"""The queue and the status above every page: who needs somebody, in order, and never a silence about ourselves."""

import html
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from centre.cases.events import HandedOver, Noted, Resolved, Took
from centre.intake import LedgerDownError
from centre.silence import Incident, Silence
from centre.work.keeping import Health, PartHealth, WatchBook
from tests.centre.console.desk_of_cases import DeskOfCases, SetClock, furnish

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\u202egnp.exe\u202c",
    "nul\0and",
    "{{ 7*7 }}{% raw %}",
    "x" * 4_000,
)


class Tags(HTMLParser):
    """What a browser makes elements of, with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.names = {tag for tag, _ in self.found}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def opened(page: str) -> list[str]:
    return re.findall(r'id="open-(case-\d+)"', page)


def row(page: str, case: str) -> str:
    found = re.search(rf'<li class="row[^>]*id="row-{case}">.*?</li>', page, re.DOTALL)
    assert found, case
    return found[0]


def test_the_most_urgent_comes_first_and_who_has_somebody_last(desk: DeskOfCases) -> None:
    furnish(desk)
    with desk.client() as browser:
        page = browser.get("/").text
    assert opened(page) == ["case-1", "case-2", "case-4", "case-3", "case-7", "case-5", "case-6"]
    assert "Need somebody now" in page
    assert re.findall(r'data-digit="(\d)"', page) == list("1234567")


def test_how_long_somebody_has_waited_is_said_in_words_and_by_a_class(desk: DeskOfCases, clock: SetClock) -> None:
    case = desk.alarm("hub-1")
    with desk.client() as browser:
        assert "over 1 minute" not in row(browser.get("/").text, case.id)
        clock.move(60_000)
        desk.watched()
        after_one = row(browser.get("/").text, case.id)
        clock.move(120_000)
        desk.watched()
        after_three = row(browser.get("/").text, case.id)
    assert "over 1 minute" in after_one
    assert " m1 " in after_one
    assert "over 3 minutes" in after_three
    assert "3 min 00 s" in after_three


def test_a_silent_alarm_a_new_one_and_one_opened_again_are_marked(desk: DeskOfCases) -> None:
    silent = desk.alarm("hub-1", "door-button", silent=True)
    with desk.client() as browser:
        assert "Silent: do not call back" in row(browser.get("/").text, silent.id)
        assert "New" in row(browser.get("/").text, silent.id)


def test_a_test_is_counted_apart_and_not_among_those_in_need(desk: DeskOfCases) -> None:
    test = desk.alarm("hub-1", "test", test=True, silent=True)
    with desk.client() as browser:
        page = browser.get("/").text
    assert test.id not in opened(page)
    assert "1 test is open" in page


def test_who_has_it_is_called_as_colleagues_call_them(desk: DeskOfCases) -> None:
    mine, carls = desk.alarm("hub-1"), desk.alarm("hub-2")
    desk.act(Took, mine, "beth")
    desk.act(Took, carls, "carl")
    with desk.client("beth") as browser:
        page = browser.get("/").text
    assert "Yours" in row(page, mine.id)
    assert "Carl Jones" in row(page, carls.id)
    assert "Take" not in row(page, carls.id)


def test_an_owner_who_must_look_is_asked_loudly(desk: DeskOfCases) -> None:
    case = desk.act(Took, desk.alarm("hub-1"), "carl")
    desk.act(HandedOver, case, "carl", to="beth")
    with desk.client("beth") as browser:
        page = browser.get("/").text
    assert "a word from you is due" in row(page, case.id)
    assert "needed" in row(page, case.id)


def test_the_queue_holds_no_personal_data_and_looks_at_none(desk: DeskOfCases) -> None:
    furnish(desk)
    with desk.client() as browser:
        page = browser.get("/").text + browser.get("/queue/part").text + browser.get("/status/part").text
    assert "Mary" not in page
    assert "Sample Street" not in page
    assert desk.services.records.looks() == []


def test_what_a_hostile_hub_says_is_text_and_nothing_else(desk: DeskOfCases) -> None:
    paths = ["/"]
    for place, text in enumerate(HOSTILE):
        word = text[:120]
        case = desk.alarm(f"hub-{place}", word, location=word, sensor=word, person=word)
        desk.act(Noted, desk.act(Took, case, "beth"), "beth", text=text)
        paths += [f"/cases/{case.id}", f"/cases/{desk.found(f'{word}-{place}', 'unreadable', text=text).id}"]
    with desk.client() as browser:
        for path in paths:
            page = browser.get(path)
            assert page.status_code == 200, path
            tags = Tags(page.text)
            scripts = [attributes for tag, attributes in tags.found if tag == "script"]
            assert scripts == [{"src": "/static/console.js", "type": "module"}]
            assert not tags.names & {"img", "b", "iframe", "style"}
            names = {name for _, attributes in tags.found for name in attributes}
            assert not {name for name in names if name.startswith("on") or name == "style"}
        shown = html.unescape(browser.get("/").text)
    for text in HOSTILE:
        assert text[:120].replace("\0", "\ufffd") in shown.replace("\0", "\ufffd")  # as it is, templates too


def test_the_queue_is_the_desks(desk: DeskOfCases) -> None:
    for name, status in (("asha", 200), ("beth", 200), ("ines", 403), ("otto", 403)):
        with desk.client(name) as browser:
            assert browser.get("/").status_code == status
            assert browser.get("/queue/part").status_code == status
            assert browser.get("/status/part").status_code == 200


def test_a_queue_too_long_is_cut_and_says_so(desk: DeskOfCases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("centre.console.queue.ROWS_MAX", 2)
    for number in range(4):
        desk.alarm(f"hub-{number}")
    with desk.client() as browser:
        page = browser.get("/").text
    assert len(opened(page)) == 2
    assert "2 more wait behind these" in page


# --- what is wrong with ourselves --------------------------------------------------------------------


def status(desk: DeskOfCases, name: str = "beth") -> str:
    desk.services.pulse.look()
    with desk.client(name) as browser:
        return str(browser.get("/status/part").text)


def test_s7_a_watch_that_has_stopped_is_said_to_everybody_and_in_the_title(desk: DeskOfCases, clock: SetClock) -> None:
    assert "Nobody is watching" not in status(desk)
    clock.move(30_001)
    said = status(desk)
    assert "Nobody is watching for silent homes" in said
    assert 'data-title="NOBODY IS WATCHING ' in said
    assert "data-trouble" in said
    assert "Nobody is watching for silent homes" in status(desk, "otto")
    desk.watched()
    assert "Nobody is watching" not in status(desk)


def test_s7_a_centre_that_hears_no_home_says_so(desk: DeskOfCases) -> None:
    desk.watched(Silence(deaf=True))
    assert "The centre hears no home" in status(desk)


def test_s7_a_store_that_is_down_is_said_and_the_queue_shows_what_was(
    desk: DeskOfCases, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = desk.alarm("hub-1")
    with desk.client() as browser:
        browser.get("/")
        _break(desk, monkeypatch)
        desk.services.pulse.look()
        part = browser.get("/queue/part")
        assert part.status_code == 503  # who asks cannot be told either: their session is in the store
    view = desk.services.pulse.view
    assert "disk" in view.down
    assert [each.id for each in view.cases] == [case.id]


def _break(desk: DeskOfCases, monkeypatch: pytest.MonkeyPatch) -> None:
    def reading() -> Any:
        raise LedgerDownError("disk I/O error")

    monkeypatch.setattr(desk.database, "reading", reading)


def test_what_the_centre_found_is_called_by_what_it_is(desk: DeskOfCases) -> None:
    fault = desk.found("hub-1", "fault", subject="driver", priority=2)
    deaf = desk.found("", "outage", subject="deaf")
    with desk.client() as browser:
        page = browser.get("/").text
    assert "A receiver does not work" in row(page, fault.id)
    assert "The centre hears no home" in row(page, deaf.id)
    assert "no single home" in row(page, deaf.id)


def test_a_process_of_the_centre_that_is_unwell_is_told_of(desk: DeskOfCases, clock: SetClock) -> None:
    def says(**how: Any) -> str:
        WatchBook(desk.database).say(Health(worker="worker-1", at_ms=desk.now_ms, **how))
        return status(desk)

    assert "unwell" not in says()
    assert "worker-1 has no line to the broker" in says(line="refused")
    dies = {"intake": PartHealth(restarts=2, why="ValueError: Mary", at_ms=desk.now_ms), "sender": PartHealth()}
    told = says(parts=dies)
    assert "worker-1 fails and is started again: intake. " in told
    assert "Mary" not in told
    clock.move(31_000)  # it was taken out of use: nobody is told for a day
    desk.watched()
    assert "unwell" not in status(desk)


def test_an_outage_is_one_line(desk: DeskOfCases) -> None:
    hubs = tuple(f"hub-{number}" for number in range(214))
    desk.watched(
        Silence(
            incidents=(
                Incident(id="incident-1", what="silence", first_ms=0, last_ms=9, hubs=hubs, announced_ms=9, lost=180),
            )
        )
    )
    said = status(desk)
    assert said.count("214 homes") == 1
    assert "214 homes are silent; 180 are not well again yet" in said


def test_what_waits_is_counted_and_every_need_to_look_anew_has_a_new_key(desk: DeskOfCases, clock: SetClock) -> None:
    def needs() -> list[str]:
        return re.findall(r'data-need="([^"]+)"', status(desk))

    assert needs() == []
    case = desk.alarm("hub-1", "fall", alarm="a1")
    first = needs()
    assert needs() == first
    assert 'data-title="(1, 1 URGENT) "' in status(desk)
    clock.move(1_000)
    desk.alarm("hub-1", "fall", alarm="a1", what="joined", more={"triggers": 2})
    assert len(needs()) == 1
    assert needs() != first
    taken = desk.act(Took, desk.desk.get(case.id) or case, "beth")
    assert needs() == []
    desk.act(Resolved, taken, "beth", outcome="reassured")
    assert "Nobody waits" in status(desk)
