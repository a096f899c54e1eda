"""What is gathered from the store, on SQLite and PostgreSQL: all of the span, once, whatever the pages."""

from datetime import date, datetime
from itertools import pairwise
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
import sqlalchemy as sa

from centre.cases.events import Ended, Found, Resolved, Took
from centre.intake import Entry
from centre.reporting import gathering
from centre.reporting.gathering import BusyError, Span, SpanError, answering, homes, span
from centre.silence import Silence
from centre.silence.seen import Seen, Standing
from centre.store.cases import Cases
from centre.store.database import Database
from centre.store.ledger import StoredLedger
from centre.store.schema import FLOOR
from centre.work.commands import CommandBook
from centre.work.desk import Desk
from centre.work.finding import DEAF
from centre.work.keeping import WatchBook
from rules.reports import AlarmCancelled, AlarmRaised, Clock, FaultCleared, ReminderMissed, ReminderTaken
from rules.values import Now, utc
from tests.centre.cases.desk import said

LONDON = ZoneInfo("Europe/London")
DAY = 86_400_000
START = int(datetime(2026, 11, 2, tzinfo=LONDON).timestamp() * 1000)
NOW = START + 20 * DAY
WEEK = Span(date(2026, 11, 2), date(2026, 11, 8), LONDON)


class Centre:
    """A store, and what happens at a centre by a clock that is set."""

    def __init__(self, database: Database) -> None:
        self.database, self.at_ms, self.number = database, START, 0
        self.desk = Desk(database, Cases(database), CommandBook(database, self), self, lambda _: True)
        self.ledger = StoredLedger(database)

    boot = "b00t"

    def now(self) -> Now:
        return Now(self.at_ms, self.at_ms, True)

    def alarm(self, at_ms: int, answered_s: int | None = 10, outcome: str = "", **facts: Any) -> None:
        """An alarm comes 400 ms after its hub called; is answered, and perhaps resolved a minute later."""
        self.number, self.at_ms = self.number + 1, at_ms
        word = said("raised", f"a-{self.number}", at_ms, f"e-a-{self.number}", by=clock(at_ms - 400), **facts)
        [case] = self.desk.take_in(f"hub-{self.number}", [word])
        same = ("alarm", "kind", "priority", "sensor", "location", "person", "test", "silent")
        report = AlarmRaised(
            clock=clock(at_ms - 400), rule="x", detail="", triggers=1, triggered=clock(at_ms), linked=None,
            plan_version=1, **{name: getattr(word, name) for name in same},
        )  # fmt: skip
        self.event("alarm.raised", report, hub=f"hub-{self.number}")
        if answered_s is not None:
            self.at_ms += answered_s * 1000
            case = self.desk.act(case.id, Took(at_ms=self.at_ms, by="beth", seen=case.version))
        if outcome:
            self.at_ms += 60_000
            self.desk.act(case.id, Resolved(at_ms=self.at_ms, by="beth", seen=case.version, outcome=outcome))

    def event(self, kind: str, report: Any, *, hub: str = "hub-1", at_ms: int | None = None) -> None:
        self.number += 1
        body = msgspec.json.encode({"id": f"e-{self.number}", "data": report})
        at_ms = self.at_ms if at_ms is None else at_ms
        self.ledger.take(Entry(hub, f"e-{self.number}", "d", f"hearthline.{kind}", body, at_ms))


def clock(at_ms: int) -> Clock:
    return Clock("boot", 1, utc(at_ms), True)


@pytest.fixture
def centre(database: Database) -> Centre:
    return Centre(database)


def test_a_week_by_hand(centre: Centre) -> None:
    centre.alarm(START - 1)
    for day, seconds in enumerate((10, 20, 70)):
        centre.alarm(START + day * DAY, seconds, "accidental" if day == 0 else "hospital", kind="fall")
    centre.alarm(START + 6 * DAY, 5, test=True)
    centre.alarm(START + 7 * DAY - 1, None)
    centre.alarm(START + 7 * DAY)
    pressed = {
        "alarm": "a",
        "kind": "pendant",
        "priority": 1,
        "sensor": "",
        "location": "",
        "person": "",
        "silent": False,
    }
    for stage in ("pending", "raised"):
        word = AlarmCancelled(clock=clock(START), test=False, stage=stage, **pressed)  # type: ignore[arg-type]
        centre.event("alarm.cancelled", word, at_ms=START + 1)
    report = answering(centre.database, WEEK, NOW)
    total = report.total
    assert (total.alarms, total.waiting, report.left_out.tests, report.left_out.taken_back) == (4, 1, 1, 1)
    assert [(each.met, each.of) for each in total.within] == [(2, 4), (3, 4)]
    assert (total.receipt.measured, total.receipt.p50_ms, total.receipt.unknown) == (4, 400, 0)
    assert (total.resolved.longest_ms, total.false_alarms) == (130_000, 1)
    assert [each.alarms for each in report.bins] == [1, 1, 1, 0, 0, 0, 1]
    assert [(each.name, each.alarms) for each in report.kinds] == [("fall", 3), ("pendant", 1)]
    assert report.missing == ()


def test_every_row_is_read_once_however_small_the_pages_and_however_alike_the_moments(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "PAGE", 2)
    for _ in range(7):
        centre.alarm(START + DAY, 0)
    total = answering(centre.database, WEEK, NOW).total
    assert (total.alarms, total.receipt.measured) == (7, 7)


def test_a_second_content_under_one_id_counts_once(centre: Centre) -> None:
    centre.alarm(START)
    body = (
        b'{"data":{"kind":"pendant","priority":1,"test":false,"clock":{"wall":"2026-11-02T00:00:00Z","synced":true}}}'
    )
    for digest in ("a", "b"):
        centre.ledger.take(Entry("hub-1", "e-twice", digest, "hearthline.alarm.raised", body, START))
    assert answering(centre.database, WEEK, NOW).total.receipt.measured == 2


def test_what_cannot_be_read_is_left_out_and_said(centre: Centre) -> None:
    centre.ledger.take(Entry("hub-1", "e-1", "d", "hearthline.alarm.raised", b'{"data":{"kind":7}}', START))
    report = answering(centre.database, WEEK, NOW)
    assert report.missing == ("1 events are left out: they cannot be read as this version knows them.",)


def test_what_retention_has_deleted_and_what_is_yet_to_come_is_said(centre: Centre) -> None:
    with centre.database.writing() as connection:
        connection.execute(sa.update(FLOOR).where(FLOOR.c.name == "audit").values(before_ms=START + 1))
    missing = answering(centre.database, WEEK, START + DAY).missing
    assert [each.split(":")[0] for each in missing] == [
        "A part of this span is older than what is kept",
        "This span is not over yet.",
    ]


def test_how_homes_fared_by_hand(centre: Centre) -> None:
    faults = (Standing(fault="battery", subject="s", priority=3, known_ms=NOW - 5_000),)
    seen = [Seen(hub=f"hub-{each}", enrolled_ms=0, faults=faults if each == 1 else ()) for each in (1, 2, 3)]
    WatchBook(centre.database).keep(Silence(at_ms=NOW), seen)
    for hub, day, word in (("hub-1", 1, Found), ("hub-1", 2, Ended), ("hub-2", 3, Ended)):
        centre.at_ms = START + day * DAY
        if hub == "hub-2":
            centre.at_ms = START - DAY
            centre.desk.take_in(hub, [Found(at_ms=centre.at_ms, cause="silence")])
            centre.at_ms = START + day * DAY
        centre.desk.take_in(hub, [word(at_ms=centre.at_ms, cause="silence")])
    outages = ((1, Found, "incident-1"), (2, Found, "incident-2"), (3, Ended, "incident-1"), (4, Ended, "incident-2"))
    for day, word, subject in (*outages, (5, Found, DEAF), (6, Ended, DEAF)):
        centre.at_ms = START + day * DAY
        centre.desk.take_in("", [word(at_ms=centre.at_ms, cause="outage", subject=subject)])
    centre.alarm(START + DAY, outcome="accidental")
    facts: dict[str, Any] = {"reminder": "r", "kind": "medicine", "person": "p", "date": "2026-11-03"}
    for slot, make in (("08:00", ReminderTaken), ("12:00", ReminderMissed)):
        more: dict[str, Any] = {"how": "lid", "after_ms": 5} if make is ReminderTaken else {"why": "away"}
        outcome = make(clock=clock(START), prompts=1, slot=slot, due=f"2026-11-03T{slot}:00.000Z", **facts, **more)
        centre.event(f"reminder.{'taken' if make is ReminderTaken else 'missed'}", outcome, at_ms=START + DAY)
    cleared = FaultCleared(clock=clock(START), fault="mains", subject="", lasted_ms=7_000)
    centre.event("fault.cleared", cleared, at_ms=START + DAY)

    report = homes(centre.database, WEEK, NOW)
    one, two, three = report.homes
    assert (one.alarms, one.false_alarms, one.faults, one.oldest_fault_ms) == (1, 1, 1, 5_000)
    assert (one.reminders.due, one.reminders.on_time, one.reminders.missed, one.reminders.percent) == (2, 1, 1, 50.0)
    assert (one.uptime.silent_ms, one.uptime.silences, one.uptime.percent) == (DAY, 1, 85.71)
    assert (two.uptime.silent_ms, three.uptime.percent) == (3 * DAY, 100.0)
    assert (report.outages.outages, report.outages.lasted_ms, report.outages.deaf_ms) == (1, 3 * DAY, DAY)
    assert [(each.fault, each.standing, each.cleared.p50_ms) for each in report.faults] == [
        ("battery", 1, None),
        ("mains", 0, 7_000),
    ]
    assert report.missing == ()


def test_a_centre_that_never_watched_knows_nothing_of_uptime_and_says_so(centre: Centre) -> None:
    centre.alarm(START)
    report = homes(centre.database, WEEK, NOW)
    assert [each.uptime.percent for each in report.homes] == [None]
    assert report.uptime.percent is None
    assert "nothing is known of uptime" in report.missing[0]


def test_one_report_at_a_time(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "TURN_S", 0.01)
    refused: list[Exception] = []

    def ask() -> None:
        try:
            answering(centre.database, WEEK, NOW)
        except BusyError as error:
            refused.append(error)

    with gathering._alone():
        other = Thread(target=ask)
        other.start()
        other.join()
    assert len(refused) == 1
    ask()
    assert len(refused) == 1


# --- spans -------------------------------------------------------------------------------------------


def test_days_are_the_centres_own_also_when_clocks_change() -> None:
    edges = Span(date(2026, 10, 24), date(2026, 10, 26), LONDON).edges
    assert [after - before for before, after in pairwise(edges)] == [DAY, DAY + 3_600_000, DAY]


def test_a_long_span_is_drawn_by_weeks_and_ends_with_its_last_day() -> None:
    edges = Span(date(2026, 1, 1), date(2026, 12, 31), LONDON).edges
    assert len(edges) == 54
    assert gathering.day_of(edges[-1], LONDON) == date(2027, 1, 1)


def test_without_days_it_is_the_last_28() -> None:
    assert span("", "", LONDON, START) == Span(date(2026, 10, 6), date(2026, 11, 2), LONDON)
    assert span("2026-10-01", "", LONDON, START).last == date(2026, 11, 2)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("yesterday", ""),
        ("2026-02-30", ""),
        ("2026-11-02", "2026-11-01"),
        ("2025-01-01", "2026-11-01"),
        ("0001-01-01", "0001-01-02"),
        ("9999-12-30", "9999-12-31"),
        ("2026-W01-1", "\0"),
    ],
)
def test_what_is_no_span_is_refused_in_words(first: str, last: str) -> None:
    with pytest.raises(SpanError):
        span(first, last, LONDON, START)
