"""The follower: what was kept becomes cases once, in order, whatever it is; and hubs' answers are taken."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from centre.cases.case import Case
from centre.cases.events import Resolved, Took
from centre.intake import Aside, Intake
from centre.store.cases import Followed
from centre.work.commands import CommandBook
from centre.work.desk import Desk
from centre.work.follower import ASIDE, BATCH, CASES, Follower
from centre.work.reading import AGAIN_MS, AsideReader
from rules.reports import CommandDone, CommandRefused, PlanApplied, PlanRefused
from rules.values import Now
from tests.centre.work.town import Office, Site
from tests.support.voice import AT, CHECK_IN, CLOCK, RAISED, READING, WALL_MS, Voice


@pytest.fixture
def office(store: str, tmp_path: Path) -> Iterator[Office]:
    opened = Office(store, tmp_path)
    yield opened
    opened.close()


class Bench:
    """An intake and a follower over one store, driven by hand."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.site = Site()
        self.voice = Voice("hub-1", key=self.site.enrol("hub-1"))
        self.site.enrol("hub-2")
        self.intake = Intake(office.ledger, {"hub-1": [self.voice.public]})
        self.follower = self.another()

    def another(self) -> Follower:
        o = self.office
        return Follower(o.database, o.ledger, o.cases, o.desk, o.commands, o.plans, self.site)

    def say(self, token: bytes, topic: str = "", at: Now = AT) -> None:
        self.intake.receive(topic or self.voice.topic("event"), token, at)

    def follow(self) -> list[Case]:
        while self.follower.turn():
            pass
        return sorted(self.office.desk.standing(), key=lambda case: case.id)


@pytest.fixture
def bench(office: Office) -> Bench:
    return Bench(office)


def test_alarms_become_cases_and_readings_and_check_ins_do_not(bench: Bench) -> None:
    bench.say(bench.voice.event(READING))
    bench.say(bench.voice.event(CHECK_IN))
    bench.say(bench.voice.event(RAISED, 1))
    bench.say(bench.voice.event(replace(RAISED, alarm="alarm-2", kind="fall"), 2))
    (case,) = bench.follow()
    assert (case.hub, case.cause, [each.kind for each in case.alarms]) == ("hub-1", "alarm", ["pendant", "fall"])
    assert bench.office.cases.followed(CASES) == 3
    assert bench.follower.turn() == 0


def test_an_alarm_of_a_type_this_version_does_not_know_is_a_case_all_the_same(bench: Bench) -> None:
    bench.say(bench.voice.altered(type="hearthline.alarm.whispered"))
    bench.say(bench.voice.altered(seq=2, type="hearthline.alarm.whispered", data={"alarm": "alarm-2"}))
    alarm, unreadable = sorted(bench.follow()[0].alarms, key=lambda each: each.found)
    assert (alarm.kind, alarm.found) == ("pendant", False)
    assert (unreadable.kind, unreadable.priority) == ("unreadable", 1)
    assert "alarm.whispered" in unreadable.text


def test_s4_a_second_content_under_one_id_is_shown_and_its_alarm_taken(bench: Bench) -> None:
    bench.say(bench.voice.event(RAISED))
    bench.say(bench.voice.event(replace(RAISED, alarm="alarm-2", kind="smoke")))
    (case,) = bench.follow()
    assert [each.kind for each in case.alarms] == ["pendant", "conflict", "smoke"]


def test_s4_what_a_killed_follower_had_not_kept_is_made_again_and_nothing_twice(bench: Bench) -> None:
    for seq in range(1, 6):
        bench.say(bench.voice.event(replace(RAISED, alarm=f"alarm-{seq}"), seq))
    late = bench.another()
    late.turn()  # it has read as far as everybody
    bench.say(bench.voice.event(replace(RAISED, alarm="alarm-6"), 6))
    (case,) = bench.follow()
    assert len(case.alarms) == 6
    assert late.turn() == 1, "it sees the event, and that somebody was faster"
    assert late.turn() == 0
    assert bench.follow() == [case]
    assert len(bench.office.desk.story(case.id)) == 6


def test_one_event_that_we_fail_at_is_a_case_and_holds_up_nobody(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for seq in range(1, 4):
        bench.say(bench.voice.event(replace(RAISED, alarm=f"alarm-{seq}"), seq))
    keep = Desk.take_all

    def failing(self: Desk, told: Any, **more: Any) -> Any:
        if any(getattr(each.word, "alarm", "") == "alarm-2" for each in told):
            raise ZeroDivisionError
        return keep(self, told, **more)

    monkeypatch.setattr(Desk, "take_all", failing)
    (case,) = bench.follow()
    assert [each.alarm for each in case.alarms] == ["alarm-1", "unreadable:e1-a-2", "alarm-3"]
    assert "ZeroDivisionError" in case.alarms[1].text
    assert bench.follower.bugs == 2
    assert bench.office.cases.followed(CASES) == 3


def test_s3_an_answer_that_we_fail_at_holds_up_no_alarm(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [bench.office.commands.give("hub-1", "locate", {}, by="ann") for _ in range(2)]
    for seq, name in enumerate(names, 1):
        bench.say(bench.voice.event(CommandDone(clock=CLOCK, command=name, type="locate"), seq))
    bench.say(bench.voice.event(RAISED, 3))
    answered = CommandBook.answered

    def failing(self: CommandBook, hub: str, command: str, *rest: Any, **more: Any) -> Any:
        if command == names[0]:
            raise ZeroDivisionError
        return answered(self, hub, command, *rest, **more)

    monkeypatch.setattr(CommandBook, "answered", failing)
    (case,) = bench.follow()
    assert [each.alarm for each in case.alarms] == ["alarm-1"]
    assert [bench.office.commands.get(name).state for name in names] == ["waiting", "done"]  # type: ignore[union-attr]
    assert bench.follower.bugs == 2


def test_more_than_a_batch_is_read_in_the_order_it_came(bench: Bench) -> None:
    many = BATCH + 20
    for seq in range(1, many + 1):
        bench.say(bench.voice.event(replace(READING, value=float(seq)), seq))
    bench.say(bench.voice.event(RAISED, 1))
    assert len(bench.follow()) == 1
    assert bench.office.cases.followed(CASES) == many + 1


@pytest.mark.parametrize(
    ("report", "state"),
    [
        (lambda name: CommandDone(clock=CLOCK, command=name, type="locate"), "done"),
        (lambda name: CommandRefused(clock=CLOCK, command=name, type="locate", reason="no"), "refused"),
    ],
)
def test_what_a_hub_answers_to_a_command_is_kept(
    bench: Bench, report: Callable[[str], CommandDone | CommandRefused], state: str
) -> None:
    name = bench.office.commands.give("hub-1", "locate", {}, by="ann")
    other = bench.office.commands.give("hub-2", "locate", {}, by="ann")
    bench.say(bench.voice.event(report(other), 1))
    bench.say(bench.voice.event(report(name), 2))
    assert bench.follow() == []
    assert [(each.id, each.state) for each in bench.office.commands.of_home("hub-1")] == [(name, state)]
    assert [each.state for each in bench.office.commands.of_home("hub-2")] == ["waiting"]


def test_what_a_hub_answers_to_a_plan_is_kept(bench: Bench) -> None:
    for version in (1, 2):
        bench.office.plans.send("hub-1", {"version": version}, "ann")
        if version == 1:
            bench.say(bench.voice.event(PlanRefused(clock=CLOCK, version=1, reason="no", in_force=0), 1))
        else:
            bench.say(bench.voice.event(PlanApplied(clock=CLOCK, version=2, before=0), 2))
        bench.follow()
    assert [(each.version, each.state, each.reason) for each in bench.office.plans.of_home("hub-1")] == [
        (2, "applied", ""),
        (1, "refused", "no"),
    ]


# --- what cannot be taken --------------------------------------------------------------------------


def test_an_alarm_of_a_hub_that_nobody_knows_opens_a_case(bench: Bench) -> None:
    stranger = Voice("hub-9")
    bench.say(stranger.event(CHECK_IN), stranger.topic("event"))
    bench.say(stranger.status(), stranger.topic("status"))
    assert bench.follow() == []
    bench.say(stranger.event(replace(RAISED, kind="fall")), stranger.topic("event"))
    (case,) = bench.follow()
    assert (case.hub, case.cause, case.priority, len(case.alarms)) == ("hub-9", "unknown-hub", 1, 1)
    assert "a hub that nobody knows sent alarm.raised fall" in case.alarms[0].text
    assert bench.office.cases.followed(ASIDE) == 3


def test_an_alarm_of_a_revoked_hub_opens_a_case_that_says_so(bench: Bench) -> None:
    bench.site.revoke("hub-1")
    bench.intake.forget("hub-1")
    bench.say(bench.voice.event(RAISED))
    (case,) = bench.follow()
    assert (case.hub, case.cause) == ("hub-1", "unknown-hub")
    assert case.alarms[0].text.startswith("a revoked hub sent alarm.raised pendant")


def test_what_is_not_proven_or_does_not_read_opens_one_case_of_its_home(bench: Bench) -> None:
    bench.say(b"rubbish")
    bench.say(Voice("hub-1").event(READING))
    bench.say(bench.voice.altered(READING, 4, data={"what": 1}))
    bench.say(b"more rubbish")
    (case,) = bench.follow()
    assert (case.cause, case.priority, len(case.alarms)) == ("unreadable", 2, 1)
    forged = Voice("hub-1").event(RAISED)
    bench.say(forged)
    (case,) = bench.follow()
    assert (case.priority, len(case.alarms)) == (1, 2)
    assert "signed by an unknown key" in case.alarms[1].text


def test_s12_a_stranger_who_sends_the_same_again_and_again_does_not_keep_a_case_from_being_closed(
    bench: Bench,
) -> None:
    stranger = Voice("hub-9")
    desk = bench.office.desk
    bench.say(stranger.event(RAISED), stranger.topic("event"))
    (case,) = bench.follow()
    desk.act(case.id, Took(at_ms=WALL_MS, by="ann", seen=1))
    for minute in range(1, 60):
        bench.say(stranger.event(RAISED), stranger.topic("event"), replace(AT, wall_ms=AT.wall_ms + minute * 60_000))
    (case,) = bench.follow()
    assert (case.version, case.unseen) == (2, False)
    desk.act(case.id, Resolved(at_ms=WALL_MS, by="ann", seen=case.version, outcome="engineer-sent"))
    assert bench.follow() == []
    bench.say(stranger.event(RAISED), stranger.topic("event"), replace(AT, wall_ms=AT.wall_ms + AGAIN_MS))
    assert [each.cause for each in bench.follow()] == ["unknown-hub"]


@pytest.mark.parametrize(
    "token",
    [b"", b"..", b"a.b.c", b"a.\xff.c", b"." + b"e30" + b".", b".eyJpZCI6MX0.", b".W10.", b"." * 100],
)
def test_s12_nothing_that_was_put_aside_trips_the_reader(token: bytes) -> None:
    told = AsideReader().read(Aside("hub-9", "hearthline/v1/hub-9/event", token, "why", 1), {}, {})
    assert told is not None
    assert told.word.priority == 2  # type: ignore[union-attr]


def test_an_old_cursor_moves_only_from_where_it_is(bench: Bench) -> None:
    bench.say(bench.voice.event(RAISED))
    bench.office.desk.take_all([], followed=Followed(CASES, 0, 1))
    assert bench.follow() == [], "somebody else has read it, and kept what came of it"
