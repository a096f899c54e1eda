"""A case's page: the whole story, the responder's card, every act by a form, and nothing typed ever lost."""

import html
import re
from typing import Any

import pytest
from msgspec.structs import replace

from centre.cases.case import Case
from centre.cases.events import HandedOver, Heard, Noted, Resolved, Took, Waits
from centre.console import case as module
from centre.console.case import ACTS, offered
from centre.console.words import DONE
from tests.centre.console.desk_of_cases import MARYS, Browser, DeskOfCases, SetClock


def act(browser: Browser, case: Case, did: str, **form: Any) -> Any:
    return browser.post(f"/cases/{case.id}/{did}", {"seen": case.version, **form})


def now(desk: DeskOfCases, case: Case) -> Case:
    found = desk.desk.get(case.id)
    assert found is not None
    return found


@pytest.fixture
def case(desk: DeskOfCases) -> Case:
    desk.record("hub-1")
    return desk.alarm("hub-1", "fall", more={"rule": "window-ended"})


@pytest.fixture
def mine(desk: DeskOfCases, case: Case) -> Case:
    return desk.act(Took, case, "beth")


def test_every_act_has_words_for_when_it_is_done() -> None:
    assert set(ACTS) == set(DONE)


def test_the_whole_life_of_a_case_by_forms(desk: DeskOfCases, case: Case) -> None:
    with desk.client("beth") as browser:
        for did, form, state, where in (
            ("take", {}, "taken", f"/cases/{case.id}?did=take"),
            ("begin", {}, "in-progress", f"/cases/{case.id}?did=begin"),
            ("note", {"text": "Spoke with her."}, "in-progress", f"/cases/{case.id}?did=note"),
            ("wait", {"for_whom": "ambulance", "minutes": "15"}, "waiting", f"/cases/{case.id}?did=wait"),
            ("resolve", {"outcome": "hospital"}, "resolved", f"/?did=resolve&case={case.id}"),
            ("reopen", {"why": "They rang back."}, "new", f"/cases/{case.id}?did=reopen"),
            ("take", {}, "taken", f"/cases/{case.id}?did=take"),
            ("hand-over", {"to": "carl"}, "taken", f"/?did=hand-over&case={case.id}"),
        ):
            answer = act(browser, now(desk, case), did, **form)
            assert (answer.status_code, answer.headers["location"]) == (303, where), answer.text
            assert now(desk, case).state == state
        page = browser.get(f"/cases/{case.id}").text
    assert now(desk, case).owner == "carl"
    for words in (
        "Spoke with her.",
        "waits for ambulance, 15 min",
        "taken to hospital",
        "They rang back.",
        "to Carl Jones",
    ):
        assert words in page


def test_until_when_it_waits_is_counted_from_now(desk: DeskOfCases, mine: Case, clock: SetClock) -> None:
    clock.move(5_000)
    with desk.client("beth") as browser:
        act(browser, mine, "wait", for_whom="a contact", minutes="30")
    assert now(desk, mine).until_ms == clock.wall_ms + 30 * 60_000


def test_s12_a_hub_that_never_stops_talking_hides_nothing_and_breaks_no_page(
    desk: DeskOfCases, mine: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STORY_MAX", 5)
    with desk.client("beth") as browser:
        act(browser, mine, "note", text="Her daughter has the key.")
        word = Heard(at_ms=desk.now_ms, ref="", what="joined", alarm=mine.alarms[0].alarm, kind="pendant", priority=1)
        words = [replace(word, ref=f"more-{number}", more={"triggers": number}) for number in range(2, 32)]
        desk.desk.take_in(mine.hub, words)
        page = browser.get(f"/cases/{mine.id}").text
    assert "Her daughter has the key." in page
    assert "31 times by now" in page
    assert "26 times by now" not in page
    assert "earlier changes are not shown here" in page
    assert page.count('class="by-') <= 10


def test_what_was_just_done_is_said(desk: DeskOfCases, mine: Case) -> None:
    with desk.client("beth") as browser:
        assert "The note is kept." in browser.get(f"/cases/{mine.id}?did=note").text
        assert "case-1: Resolved." in browser.get(f"/?did=resolve&case={mine.id}").text
        hostile = browser.get("/?did=<script>&case=<script>").text
    assert "<script>&" not in hostile


# --- what cannot be done, and why --------------------------------------------------------------------


REFUSED: tuple[tuple[str, dict[str, str], int, str], ...] = (
    ("note", {"text": "  "}, 422, "A note has 1 to 4000 characters"),
    ("note", {"text": "x" * 4_001}, 422, "A note has 1 to 4000 characters"),
    ("wait", {"for_whom": "", "minutes": "15"}, 422, "For whom has 1 to 4000 characters"),
    ("wait", {"for_whom": "ambulance", "minutes": "9999999"}, 422, "within the next 4 hours"),
    ("wait", {"for_whom": "ambulance", "minutes": "-5"}, 422, "within the next 4 hours"),
    ("resolve", {"outcome": ""}, 422, "An outcome is one of"),
    ("resolve", {"outcome": "other"}, 422, "The note of the outcome"),
    ("hand-over", {"to": "nobody-here"}, 422, "no operator here"),
    ("hand-over", {"to": "otto"}, 422, "no operator here"),
    ("reopen", {"why": "They rang back."}, 409, "cannot reopen"),
    ("begin", {"seen": "999"}, 422, "never on anybody"),
)


def test_a_refusal_says_why_and_keeps_what_was_typed(desk: DeskOfCases, mine: Case) -> None:
    with desk.client("beth") as browser:
        for did, form, status, said in REFUSED:
            answer = act(browser, mine, did, **form)
            assert (answer.status_code, said in answer.text) == (status, True), did
            assert 'role="alert" tabindex="-1" data-focus' in answer.text
            assert now(desk, mine).version == mine.version
            # In its own form, or as a note where that form is not offered any more.
            where = did if did in offered(mine, "beth") else "note"
            if did not in ("begin", "take"):
                assert f'id="act-{where}" name="act" open' in answer.text
            typed = form.get("text") or form.get("for_whom") or form.get("why") or ""
            assert typed.strip() in answer.text


def test_s4_a_lost_race_says_who_has_it_and_nothing_typed_is_lost(desk: DeskOfCases, case: Case) -> None:
    desk.act(Took, case, "carl")
    with desk.client("beth") as browser:
        taken = act(browser, case, "take")
        noted = act(browser, case, "resolve", outcome="reassured", note="Half an hour's typing.")
    assert taken.status_code == noted.status_code == 409
    assert "Carl Jones has this case" in taken.text
    assert now(desk, case).owner == "carl"
    # The form is not offered to who has not got the case; a note by anybody is.
    assert "Carl Jones has this case" in noted.text
    assert "Half an hour&#39;s typing." in noted.text


def test_taking_over_names_from_whom(desk: DeskOfCases, case: Case) -> None:
    desk.act(Took, case, "carl")
    with desk.client("beth") as browser:
        page = browser.get(f"/cases/{case.id}").text
        assert 'name="over" value="carl"' in page
        assert act(browser, now(desk, case), "take", over="carl").status_code == 303
    assert now(desk, case).owner == "beth"


def test_nobody_closes_a_case_over_an_alarm_that_was_not_on_the_screen(desk: DeskOfCases, mine: Case) -> None:
    desk.alarm("hub-1", "pendant")
    with desk.client("beth") as browser:
        answer = act(browser, mine, "resolve", outcome="reassured", note="All is well.")
        assert answer.status_code == 409
        assert "Another alarm came while you were closing" in answer.text
        assert "All is well." in answer.text
        assert 'value="reassured" selected' in answer.text
        assert now(desk, mine).open
        # The page that came back shows it: now it can be closed.
        seen = re.search(r'name="seen" value="(\d+)"', answer.text)
        assert seen
        assert browser.post(f"/cases/{mine.id}/resolve", {"seen": seen[1], "outcome": "reassured"}).status_code == 303


def test_a_version_that_is_none_counts_as_having_seen_nothing(desk: DeskOfCases) -> None:
    with desk.client("beth") as browser:
        for place, seen in enumerate(("", "x", "-1", "1.5", "9" * 30, "\u0663")):
            case = desk.alarm(f"hub-{place}")
            browser.post(f"/cases/{case.id}/take", {"seen": seen})
            held = now(desk, case)
            assert (held.owner, held.unseen) == ("beth", True), seen


def test_what_is_not_there_is_said(desk: DeskOfCases, case: Case) -> None:
    with desk.client("beth") as browser:
        for path in ("/cases/case-99", "/cases/%3Cscript%3E", "/cases/case-99/part"):
            answer = browser.get(path)
            assert answer.status_code == 404
            assert "<script>alert" not in answer.text
        assert act(browser, case, "delete").status_code == 404
        assert browser.post("/cases/case-99/take", {"seen": "1"}).status_code == 404


def test_a_case_is_the_desks(desk: DeskOfCases, case: Case) -> None:
    for name in ("ines", "otto"):
        with desk.client(name) as browser:
            assert browser.get(f"/cases/{case.id}").status_code == 403
            assert browser.get(f"/cases/{case.id}/part").status_code == 403
            assert act(browser, case, "take").status_code == 403
    assert now(desk, case).owner == ""


# --- the responder's card ----------------------------------------------------------------------------


def test_the_card_shows_what_helps_whoever_goes_there(desk: DeskOfCases, case: Case) -> None:
    with desk.client("beth") as browser:
        page = browser.get(f"/cases/{case.id}").text
    for words in (
        "Mary Example",
        "speaks Punjabi",
        "Left of the door, behind the meter: 4711",
        "The dog bites.",
        "Insulin",
    ):
        assert words in page
    assert '<a class="tel" href="tel:+441632960002">+44 1632 960 002</a>' in page
    assert "has a key" in page
    assert "Mary" not in re.findall(r"<title>(.*?)</title>", page)[0]


def test_s11_one_look_is_recorded_for_a_page_opened_and_none_for_its_live_parts(desk: DeskOfCases, case: Case) -> None:
    with desk.client("beth") as browser:
        browser.get(f"/cases/{case.id}")
        part = browser.get(f"/cases/{case.id}/part").text
        after_act = browser.post(
            f"/cases/{case.id}/take", {"seen": case.version}, headers={"x-part": "1"}, follow_redirects=True
        ).text
    looks = desk.services.records.looks()
    assert [(look.who, look.hub, look.why) for _, look in looks] == [("beth", "hub-1", "case case-1")]
    assert "Mary" not in part + after_act
    assert "You have this case." in after_act


def test_at_a_silent_alarm_the_homes_number_is_no_link(desk: DeskOfCases, case: Case) -> None:
    silent = desk.alarm("hub-2", "door-button", silent=True)
    desk.record("hub-2")
    with desk.client("beth") as browser:
        page = browser.get(f"/cases/{silent.id}").text
    assert "SILENT: do not call back" in page
    assert "tel:01632960001" not in page
    assert "tel:+441632960002" in page  # contacts may be called


def test_what_is_no_number_is_no_link(desk: DeskOfCases, case: Case) -> None:
    with desk.client("beth") as browser:
        for number in ("javascript:alert(1)", "<script>", "1" * 40, "01632 960 001;ext=5", "\u0660\u0661\u0662"):
            desk.record("hub-1", replace(MARYS, telephone=number, contacts=()))
            page = browser.get(f"/cases/{case.id}").text
            assert "tel:" not in page
            assert html.escape(number) in page
            assert page.count("<script") == 1


def test_a_case_of_no_home_has_no_card_and_records_no_look(desk: DeskOfCases) -> None:
    outage = desk.found("", "outage", text="the broker is gone")
    with desk.client("beth") as browser:
        page = browser.get(f"/cases/{outage.id}").text
    assert "This case is of no one home." in page
    assert desk.services.records.looks() == []


def test_a_home_of_which_nothing_is_known_says_so(desk: DeskOfCases) -> None:
    unknown = desk.alarm("hub-9")
    with desk.client("beth") as browser:
        assert "Nothing is known of this home" in browser.get(f"/cases/{unknown.id}").text


# --- the time-line -----------------------------------------------------------------------------------


def test_the_time_line_tells_it_newest_first_with_who(desk: DeskOfCases, mine: Case) -> None:
    desk.act(Noted, mine, "carl", text="I know her: try the garden.")
    with desk.client("beth") as browser:
        page = browser.get(f"/cases/{mine.id}").text
    told = re.findall(r"<strong>([^<]+)</strong> ([^<\n]+)", page[page.index("case-story") :])
    assert told[:3] == [
        ("Carl Jones", "noted"),
        ("Beth Morgan", "has it"),
        ("The home", "called: fall detected, bathroom (nobody cancelled it)"),
    ]


def test_what_the_home_was_told_and_what_became_of_it(desk: DeskOfCases, mine: Case) -> None:
    command = desk.services.commands.of_case(mine.id, "hub-1")[0]
    with desk.client("beth") as browser:
        assert "not sent yet" in browser.get(f"/cases/{mine.id}").text
        desk.services.commands.answered("hub-1", command.id, "refused", "<b>no such alarm</b>", desk.now_ms)
        page = browser.get(f"/cases/{mine.id}/part").text
    assert "refused by the box" in page
    assert "&lt;b&gt;no such alarm" in page


def test_what_a_case_waits_for_and_whom_it_was_given_to_is_shown(desk: DeskOfCases, mine: Case) -> None:
    waiting = desk.act(Waits, mine, "beth", for_whom="our responder", until_ms=desk.now_ms + 600_000)
    with desk.client("carl") as browser:
        assert "for our responder" in browser.get("/").text
        desk.act(HandedOver, waiting, "beth", to="carl")
        assert "A word from you is due" in browser.get(f"/cases/{mine.id}").text


def test_a_resolved_case_says_how_it_ended_and_can_be_opened_again(desk: DeskOfCases, mine: Case) -> None:
    desk.act(Resolved, mine, "beth", outcome="accidental")
    with desk.client("beth") as browser:
        page = browser.get(f"/cases/{mine.id}").text
    assert "Pressed or set off by mistake" in page
    assert "Open again" in page
    assert 'id="act-resolve"' not in page
