"""Pages of homes: how each is at a glance, and who lives there, by role, every look recorded."""

import logging
import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from agent.wire.messages import SensorNote
from centre.console.home_status import Known, glance
from centre.console.homes import WHY
from centre.homes import Home
from centre.silence import Silence
from centre.silence.seen import Seen, Standing
from centre.silence.troubles import Trouble
from centre.site.registry import HubRecord
from centre.store.records import ContactPerson, Person, Record
from rules.reports import ReminderMissed, ReminderTaken, VisitEnded
from tests.centre.console.desk_of_cases import MARYS
from tests.centre.console.homes_desk import DAY_MS, MINUTE_MS, HomesDesk
from tests.centre.console.homes_fixtures import bare_site, homes  # noqa: F401 -- fixtures

# ruff: noqa: F811 -- fixtures

NOW = 1_800_000_000_000
HUB = "hub-3f9a2c"
HOSTILE = "<script>alert(1)</script>"
ENROLLED = HubRecord(hub=HUB, state="enrolled", issued_ms=1, enrolled_ms=2)


def seen(**facts: Any) -> Seen:
    given: dict[str, Any] = {"online": True, "online_ms": NOW - 9_000_000, "checked_in_ms": NOW - 60_000}
    return Seen(**{"hub": HUB, "enrolled_ms": 1, **given, **facts})


def fault(priority: int, name: str = "mains") -> Standing:
    return Standing(fault=name, subject="", priority=priority, known_ms=NOW - 5_000)


SILENT = Trouble(hub=HUB, what="silence", priority=2, why="lost", since_ms=NOW - 99_000, lost_ms=NOW, due_ms=NOW)


@pytest.mark.parametrize(
    ("known", "mark", "since_ms"),
    [
        (Known(hub=HUB, record=ENROLLED, seen=seen()), "well", None),
        (Known(hub=HUB, record=ENROLLED), "unheard", 2),
        (Known(hub=HUB, record=replace(ENROLLED, state="waiting", token_ends_ms=NOW + 1)), "awaited", 1),
        (Known(hub=HUB, record=replace(ENROLLED, state="waiting", token_ends_ms=NOW)), "lapsed", NOW),
        (Known(hub=HUB, record=replace(ENROLLED, state="revoked", revoked_ms=7), seen=seen()), "revoked", 7),
        (Known(hub=HUB, record=ENROLLED, seen=seen(), left_ms=8), "left", 8),
        (Known(hub=HUB, record=ENROLLED, seen=seen(faults=(fault(3),))), "notes", NOW - 5_000),
        (Known(hub=HUB, record=ENROLLED, seen=seen(faults=(fault(3), fault(2)))), "unwell", NOW - 5_000),
        # A line that is gone for less than 90 s may be back before anybody reads this; the watch's word counts at once.
        (Known(hub=HUB, record=ENROLLED, seen=seen(gone_ms=NOW - 89_000)), "well", None),
        (Known(hub=HUB, record=ENROLLED, seen=seen(gone_ms=NOW - 90_000)), "silent", NOW - 90_000),
        (Known(hub=HUB, record=ENROLLED, seen=seen(), troubles=(SILENT,)), "silent", NOW - 99_000),
        (Known(hub=HUB, record=ENROLLED, seen=seen(), troubles=(replace(SILENT, back_ms=NOW),)), "well", None),
        # Without a watch, what the intake knows of its connections.
        (Known(hub=HUB, home=Home(hub=HUB, lines=("n",), heard_ms=NOW)), "well", None),
        (Known(hub=HUB, home=Home(hub=HUB, heard_ms=NOW - 90_000)), "silent", NOW - 90_000),
    ],
)
def test_how_a_home_is(known: Known, mark: str, since_ms: int | None) -> None:
    found = glance(known, NOW)
    assert (found.mark, found.since_ms) == (mark, since_ms)


def rows(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/homes/([^"]+)">', page)


def test_who_needs_somebody_comes_first_and_who_has_gone_is_listed_apart(homes: HomesDesk) -> None:
    homes.home("hub-b")
    homes.home("hub-a", faults=(fault(3),))
    homes.enrolled("hub-c")
    homes.seen("hub-c", gone_ms=NOW - 600_000, online_ms=1)
    homes.home("hub-d")
    homes.services.records.left("hub-d", "supervisor", "asha", NOW)
    with homes.client("ines") as browser:
        assert rows(browser.get("/homes").text) == ["hub-c", "hub-a", "hub-b"]
        assert rows(browser.get("/homes?show=left").text) == ["hub-d"]
        assert rows(browser.get("/homes?show=well").text) == ["hub-b"]
        assert "Add a home" not in browser.get("/homes").text


def test_the_watch_says_who_is_silent(homes: HomesDesk) -> None:
    homes.home(HUB)
    homes.watched(Silence(troubles={HUB: (SILENT,)}))
    homes.services.pulse.look()
    with homes.client() as browser:
        page = browser.get(f"/homes/{HUB}").text
    assert "g-silent" in page
    assert "No sign of life since" in page


def test_a_long_list_has_pages(homes: HomesDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("centre.console.homes.PAGE", 2)
    for name in "abcde":
        homes.awaited(f"hub-{name}")
    with homes.client() as browser:
        found, path = [], "/homes"
        while path:
            page = browser.get(path).text
            found.append(rows(page))
            more = re.search(r'href="([^"]+)">More<', page)
            path = more[1].replace("&amp;", "&") if more else ""
        assert found == [["hub-a", "hub-b"], ["hub-c", "hub-d"], ["hub-e"]]
        assert rows(browser.get("/homes?start=hub-nobody").text) == ["hub-a", "hub-b"]


def test_a_homes_health_tells_faults_and_what_to_do_and_nothing_of_people(homes: HomesDesk) -> None:
    homes.home(
        HUB, faults=(fault(2), Standing(fault="sensor-battery-low", subject="pendant-1", priority=3, known_ms=NOW))
    )
    homes.record(HUB)
    facts: dict[str, Any] = {
        "clock": homes.reading(),
        "reminder": "tablets",
        "kind": "medication",
        "person": "p",
        "due": "x",
    }
    for day, kept in (("2027-01-01", True), ("2027-01-02", False), ("2027-01-03", True)):
        at: dict[str, Any] = {"date": day, "slot": "08:30"}
        kept_one = ReminderTaken(**facts, **at, how="lid", prompts=1, after_ms=1)
        homes.report(HUB, kept_one if kept else ReminderMissed(**facts, **at, why="away", prompts=0), ago_ms=DAY_MS)
    # The same occasion told again, as after a restart of the hub, counts once.
    homes.report(HUB, ReminderTaken(**facts, date="2027-01-01", slot="08:30", how="lid", prompts=1, after_ms=1))
    homes.report(HUB, VisitEnded(clock=homes.reading(), visit="breakfast", sensor="v", lasted_ms=None, forgotten=True))
    homes.alarm(HUB)
    with homes.client() as browser:
        page = " ".join(re.sub(r"<[^>]+>", " ", browser.get(f"/homes/{HUB}").text).split())
    for told in (
        "Needs somebody today",
        "Call the home: plug, fuse, or a cut in the street?",
        "A sensor's battery is low".replace("'", "&#39;"),
        "Mains , battery 97 %".replace(" ,", ","),
        "tablets 2 1 2027-01-02: nobody at home",
        "breakfast, did not check out",
        "Urgent Pendant pressed, bathroom",
    ):
        assert told in page, told
    for secret in ("Mary", "Priya", "4711", "960", "Sample Street"):
        assert secret not in page
    assert homes.looks() == []


def test_a_clock_that_is_not_set_and_a_sensor_that_calls_are_told(homes: HomesDesk) -> None:
    homes.home(HUB)
    homes.said(HUB, clock=homes.reading(synced=False), power="battery", hours_left=3.24, mode="engineer")
    with homes.client() as browser:
        page = browser.get(f"/homes/{HUB}/part").text
    for told in ("its times are doubtful", "about 3.2 h left", "alarms are tests"):
        assert told in page, told


def test_there_is_no_page_of_a_home_that_there_is_not(homes: HomesDesk) -> None:
    homes.record("hub-stranger")  # something is kept under the name, and it is none of this site's
    homes.seen("hub-stranger", online=True, online_ms=NOW)
    with homes.client("asha") as browser:
        for path in ("", "/part", "/record", "/plan", "/plan/part", "/plan/edit", "/commands", "/commands/part"):
            for name in ("hub-stranger", "%3Cscript%3E", "hub-%00"):
                answer = browser.get(f"/homes/{name}{path}")
                assert answer.status_code == 404, path
                assert "<script>e" not in answer.text
    assert homes.looks() == []


# --- who lives there -----------------------------------------------------------------------------------


def test_s11_who_lives_there_is_shown_for_a_reason_and_the_look_is_recorded(homes: HomesDesk) -> None:
    homes.home(HUB)
    homes.record(HUB)
    with homes.client() as browser:
        asked = browser.get(f"/homes/{HUB}/record")
        refused = browser.post(f"/homes/{HUB}/record", {"why": "because"})
        assert (asked.status_code, refused.status_code) == (200, 422)
        assert homes.looks() == []
        assert "Mary" not in asked.text + refused.text
        page = browser.post(f"/homes/{HUB}/record", {"why": "help"}).text
    assert "Mary Example" in page
    assert "4711" in page
    ((hub, who, why, fields),) = homes.looks()
    assert (hub, who, why) == (HUB, "beth", WHY["help"])
    assert "key_safe" in fields


def test_s11_a_role_sees_its_own_fields_alone(homes: HomesDesk) -> None:
    homes.home(HUB)
    homes.record(HUB)
    with homes.client("ines") as browser:
        page = browser.post(f"/homes/{HUB}/record", {"why": "visit"}).text
    assert "Sample Street" in page
    for secret in ("4711", "Priya", "Insulin"):
        assert secret not in page
    with homes.client("otto") as browser:
        assert browser.post(f"/homes/{HUB}/record", {"why": "visit"}).status_code == 403


def form(page: str) -> dict[str, str]:
    """What a browser would send back of a page's record form."""
    page = page[page.index('class="record"') :]
    unescape = {"&#39;": "'", "&#34;": '"', "&lt;": "<", "&gt;": ">", "&amp;": "&"}

    def plain(text: str) -> str:
        for coded, sign in unescape.items():
            text = text.replace(coded, sign)
        return text

    found = {}
    for tag in re.findall(r"<input[^>]*>", page):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r' value="([^"]*)"', tag)
        if name and value and ('type="checkbox"' not in tag or " checked" in tag):
            found[name[1]] = plain(value[1])
    for name, text in re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>\n(.*?)</textarea>', page, re.DOTALL):
        found[name] = plain(text)
    found.pop("csrf")
    return found


def kept(homes: HomesDesk) -> Record:
    return homes.services.records.record(HUB, "supervisor", "asha", "a test", NOW).record


def test_what_is_saved_unchanged_stays_as_it_was(homes: HomesDesk) -> None:
    homes.home(HUB)
    homes.record(HUB)
    with homes.client("asha") as browser:
        page = browser.post(f"/homes/{HUB}/record", {"why": "change"}).text
        assert browser.post(f"/homes/{HUB}/record/save", form(page)).headers["location"] == f"/homes/{HUB}?said=kept"
    assert kept(homes) == MARYS
    assert len(homes.audit("record-changed")) == 1  # the one by which it was first written


def test_a_new_home_is_written_down_and_short_words_are_made(homes: HomesDesk) -> None:
    homes.awaited(HUB)
    typed = {
        "person-0-name": f"  Ann {HOSTILE} ",
        "person-0-born": "1938",
        "address": "1 Mill Lane\r\nLeft door\x00",
        "contact-0-name": "Bo",
        "contact-0-relation": "Night Service",
        "contact-0-telephone": "01632 960 009",
        "contact-0-key": "yes",
        "contact-2-name": "Cy",
    }
    with homes.client("asha") as browser:
        page = browser.post(f"/homes/{HUB}/record", {"why": "new"}).text
        browser.post(f"/homes/{HUB}/record/save", form(page) | typed)
        shown = browser.post(f"/homes/{HUB}/record", {"why": "new"}).text
    record = kept(homes)
    assert record.persons == (Person(ref="resident-1", name=f"Ann {HOSTILE}"),)
    assert record.health[0].born == "1938"
    assert record.address == "1 Mill Lane\nLeft door"
    assert record.contacts == (
        ContactPerson(
            ref="night-service", name="Bo", telephone="01632 960 009", relation="Night Service", holds_key=True
        ),
        ContactPerson(ref="contact-2", name="Cy", telephone=""),
    )
    assert HOSTILE not in shown
    assert "&lt;script&gt;" in shown
    ((_, who, body),) = homes.audit("record-changed")
    assert who == "asha"
    assert b"Ann" not in body
    assert b"960" not in body


def test_what_cannot_be_kept_is_told_and_nothing_typed_is_lost(homes: HomesDesk) -> None:
    homes.home(HUB)
    homes.record(HUB)
    with homes.client("asha") as browser:
        before = form(browser.post(f"/homes/{HUB}/record", {"why": "change"}).text)
        wrong = {"person-0-ref": "Mrs Example", "contact-1-name": "", "notes": "n" * 4_001, "contact-1-ref": "daughter"}
        answer = browser.post(f"/homes/{HUB}/record/save", before | wrong)
    assert answer.status_code == 422
    problem = re.search(r'class="problem"[^>]*>(.*?)</p>', answer.text, re.DOTALL)
    assert problem is not None
    for told in ("person who lives there 1", "contact 2", "another has the same", "Notes: longer"):
        assert told in problem[1], told
    assert "Example" not in problem[1]
    assert form(answer.text) == before | wrong
    assert kept(homes) == MARYS


def test_more_empty_rows_keep_what_was_typed(homes: HomesDesk) -> None:
    homes.home(HUB)
    with homes.client("asha") as browser:
        page = form(browser.post(f"/homes/{HUB}/record", {"why": "new"}).text)
        more = form(browser.post(f"/homes/{HUB}/record/save", page | {"person-0-name": "Ann", "do": "rows"}).text)
    assert more["person-0-name"] == "Ann"
    assert "person-3-name" in more
    assert "person-3-name" not in page
    assert kept(homes) == Record()


def test_what_two_change_at_once_is_told_to_the_second_and_neither_is_lost(homes: HomesDesk) -> None:
    homes.home(HUB)
    homes.record(HUB)
    with homes.client("asha") as browser, homes.client("beth") as other:
        mine, theirs = (form(each.post(f"/homes/{HUB}/record", {"why": "change"}).text) for each in (browser, other))
        assert other.post(f"/homes/{HUB}/record/save", theirs | {"notes": "Theirs"}).status_code == 303
        # Another field: both are kept.
        assert browser.post(f"/homes/{HUB}/record/save", mine | {"address": "Elsewhere"}).status_code == 303
        assert (kept(homes).notes, kept(homes).address) == ("Theirs", "Elsewhere")
        clash = browser.post(f"/homes/{HUB}/record/save", mine | {"notes": "Mine"})
        assert clash.status_code == 422
        assert "Somebody else changed notes" in clash.text
        assert form(clash.text)["notes"] == "Mine"
        assert kept(homes).notes == "Theirs"
        browser.post(f"/homes/{HUB}/record/save", form(clash.text))  # knowing that
    assert kept(homes).notes == "Mine"


def test_s11_a_form_changes_only_what_the_role_may(homes: HomesDesk) -> None:
    homes.home(HUB)
    homes.record(HUB)
    forged = {"address": "Elsewhere", "key_safe": "0000", "person-0-name": "Nobody", "notes": "Rings twice"}
    with homes.client("beth") as browser:
        page = form(browser.post(f"/homes/{HUB}/record", {"why": "change"}).text)
        assert "address" not in page
        again = browser.post(f"/homes/{HUB}/record/save", page | {"contact-0-ref": "No Word"})
        assert again.status_code == 422
        assert "Sample Street" in again.text  # what is only read is shown again, too
        assert browser.post(f"/homes/{HUB}/record/save", page | forged).status_code == 303
    assert kept(homes) == replace(MARYS, notes="Rings twice")
    with homes.client("ines") as browser:
        page = form(browser.post(f"/homes/{HUB}/record", {"why": "visit"}).text)
        browser.post(f"/homes/{HUB}/record/save", page | {"key_safe": "0000", "address": "Elsewhere"})
    assert kept(homes) == replace(MARYS, notes="Rings twice", address="Elsewhere")


# --- found -------------------------------------------------------------------------------------------


def test_a_home_is_found_by_name_address_or_number(homes: HomesDesk) -> None:
    homes.home(HUB)
    homes.record(HUB)
    homes.home("hub-other")
    homes.record("hub-other", Record(persons=(Person(ref="r", name="Zoe"),)))
    sought = ("mary", "EXAMPLE mary", "sample street", "01632960001", "632 960 002", "nextdoor")
    with homes.client() as browser:
        for words in sought:
            page = browser.post("/homes/find", {"words": words})
            assert page.status_code == 200
            assert rows(page.text) == [HUB], words
            assert "Zoe" not in page.text
    looks = [(hub, who, why) for hub, who, why, _ in homes.looks()]
    assert looks == [("", "beth", "search"), (HUB, "beth", "search")] * len(sought)


def test_s11_what_is_sought_stands_nowhere(homes: HomesDesk, caplog: pytest.LogCaptureFixture) -> None:
    homes.home(HUB)
    homes.record(HUB)
    with homes.client() as browser, caplog.at_level(logging.DEBUG):
        page = browser.post("/homes/find", {"words": "mary example"})
        assert "location" not in page.headers
        assert browser.get("/homes/find?words=mary").status_code in (404, 405)
    homes.database.close()
    everything = b"".join(path.read_bytes() for path in homes.services.settings.data.glob("store.db*"))
    assert b"mary example" not in everything
    ours = [each.getMessage() for each in caplog.records if each.name != "httpx"]
    assert "mary example" not in "\n".join(ours)


def test_a_search_that_finds_nobody_or_asks_nothing_says_so(homes: HomesDesk) -> None:
    homes.home(HUB)
    homes.record(HUB)
    with homes.client() as browser:
        assert "Nobody is written down like that" in browser.post("/homes/find", {"words": "zoe"}).text
        assert browser.post("/homes/find", {"words": "  "}).status_code == 422
        assert browser.post("/homes/find", {"words": "m" * 201}).status_code == 422
    with homes.client("ines") as browser:  # an installer does not see contacts, and does not find by them
        assert rows(browser.post("/homes/find", {"words": "nextdoor"}).text) == []
        assert rows(browser.post("/homes/find", {"words": "mary"}).text) == [HUB]
    with homes.client("otto") as browser:
        assert browser.post("/homes/find", {"words": "mary"}).status_code == 403


def test_a_search_shows_a_few_and_says_that_there_are_more(homes: HomesDesk) -> None:
    for number in range(21):
        homes.awaited(f"hub-{number:02}")
        homes.record(f"hub-{number:02}")
    with homes.client() as browser:
        page = browser.post("/homes/find", {"words": "mary"}).text
    assert len(rows(page)) == 20
    assert "there are more" in page
    assert len(homes.looks()) == 21


def test_a_home_leaves_and_comes_back_by_a_supervisors_word(homes: HomesDesk) -> None:
    homes.home(HUB)
    with homes.client("beth") as browser:
        assert browser.post(f"/homes/{HUB}/left", {"gone": "yes"}).status_code == 403
    with homes.client("asha") as browser:
        page = browser.post(f"/homes/{HUB}/left", {"gone": "yes"}, follow_redirects=True).text
        assert "this home has left" in page
        assert "m-left" in page
        page = browser.post(f"/homes/{HUB}/left", {"gone": "no"}, follow_redirects=True).text
        assert "m-well" in page


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_moments_that_no_calendar_has_break_no_page(homes: HomesDesk, zone: str) -> None:
    homes.services.zone = ZoneInfo(zone)
    homes.home(HUB)
    odd = ("0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999Z", "1969-12-31", "soon")
    homes.said(
        HUB,
        sensors=tuple(
            SensorNote(sensor=f"s-{number}", kind="pendant", location="hall", heard=heard, active=False)
            for number, heard in enumerate(odd)
        ),
    )
    with homes.client("beth") as browser:
        page = browser.get(f"/homes/{HUB}")
        assert page.status_code == 200
        assert page.text.count("not since the box started") == len(odd)
        assert browser.get(f"/homes/{HUB}/part").status_code == 200


def test_what_a_hostile_hub_says_of_itself_is_inert(homes: HomesDesk) -> None:
    homes.home(
        HUB, faults=(Standing(fault=HOSTILE, subject=HOSTILE, priority=1, known_ms=NOW - MINUTE_MS, reason=HOSTILE),)
    )
    homes.said(HUB, mode="home", software=HOSTILE, power="mains")
    with homes.client("asha") as browser:
        for path in ("/homes", f"/homes/{HUB}", f"/homes/{HUB}/commands", "/worklist"):
            page = browser.get(path)
            assert page.status_code == 200
            assert HOSTILE not in page.text
