"""The desk: cases change whole or not at all, once, and of two operators one has each."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
import sqlalchemy as sa

from centre.cases.audit import Entry
from centre.cases.case import Case, TakenError, WordsError
from centre.cases.events import AnyEvent, Ended, Found, HandedOver, Heard, LetGo, Noted, Resolved, Tick, Took
from centre.cases.holding import ANSWER_MS, ASK_MS
from centre.cases.lifecycle import replay, step
from centre.intake import LedgerDownError
from centre.store.cases import AuditRow, ClashError, Followed
from centre.work.commands import CommandBook
from centre.work.desk import Desk, Told
from rules.values import Now
from tests.centre.work.town import Office

RACES = int(os.environ.get("HEARTHLINE_RACES", "100"))
"""Each is 25 ms on a busy machine; set it to a thousand when you have the time."""

AT_MS = 1_800_000_000_000


def heard(alarm: str = "a-1", what: str = "raised", ref: str = "", at_ms: int = AT_MS) -> Heard:
    return Heard(at_ms=at_ms, ref=ref or f"{alarm}-{what}", what=what, alarm=alarm, kind="pendant", priority=1)


class Stopped:
    """A clock that a test sets."""

    boot = "boot-1"

    def __init__(self, wall_ms: int = AT_MS) -> None:
        self.wall_ms = wall_ms

    def now(self) -> Now:
        return Now(self.wall_ms - AT_MS, self.wall_ms, synced=True)


def opened(office: Office, hub: str = "hub-1", alarm: str = "a-1") -> Case:
    (case,) = office.desk.take_in(hub, [heard(alarm)])
    return case


def took(by: str, seen: int = 1, over: str = "") -> Took:
    return Took(at_ms=AT_MS, by=by, seen=seen, over=over)


def test_a_case_is_there_with_its_story_and_can_be_made_from_it(office: Office) -> None:
    case = opened(office)
    assert (case.id, case.version) == ("case-1", 1)
    taken = office.desk.act(case.id, took("ann"))
    again = office.desk.take_in("hub-1", [heard("a-2"), heard("a-1", "joined")])
    assert [each.id for each in again] == ["case-1"]
    assert office.desk.get("case-1") == again[0]
    assert office.desk.standing() == again
    assert office.desk.of_home("hub-1") == again
    story = office.desk.story("case-1")
    assert [each.by for each in story] == ["hub", "ann", "hub", "hub"]
    assert replay(story) == again[0]
    assert [row.what for _, row in office.cases.audit()] == ["heard", "took", "heard", "heard"]
    assert taken.owner == "ann"


def test_cases_are_numbered_without_a_gap_though_words_that_open_none_come_between(office: Office) -> None:
    office.desk.take_in("hub-1", [heard("a-1")])
    office.desk.take_in("hub-1", [heard("a-1", "joined")])
    over = Ended(at_ms=AT_MS, cause="silence")
    changed = office.desk.take_all([Told("hub-2", over), Told("hub-3", heard("b-1")), Told("hub-2", heard("c-1"))])
    assert [(each.id, each.hub) for each in changed] == [("case-2", "hub-3"), ("case-3", "hub-2")]


def test_s4_a_word_taken_twice_changes_nothing(office: Office) -> None:
    case = opened(office)
    assert office.desk.take_in("hub-1", [heard("a-1")]) == []
    assert office.desk.get(case.id) == case
    assert len(office.desk.story(case.id)) == 1


def test_s4_what_was_followed_is_taken_once_though_two_follow(office: Office) -> None:
    office.desk.take_in("hub-1", [heard("a-1")], followed=Followed("cases", 0, 7))
    with pytest.raises(ClashError):
        office.desk.take_in("hub-2", [heard("b-1")], followed=Followed("cases", 0, 8))
    assert office.cases.followed("cases") == 7
    assert [each.hub for each in office.desk.standing()] == ["hub-1"]
    assert office.desk.take_all([], followed=Followed("cases", 7, 9)) == []
    assert office.cases.followed("cases") == 9


def test_what_the_hub_is_told_is_kept_with_the_case_or_neither_is(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = opened(office)

    def down(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("", {}, Exception("disk full"))

    with monkeypatch.context() as broken:
        broken.setattr(CommandBook, "_give", down)
        with pytest.raises(LedgerDownError):
            office.desk.act(case.id, took("ann"))
    assert office.desk.get(case.id) == case
    assert office.commands.waiting() == []
    office.desk.act(case.id, took("ann"))
    (command,) = office.commands.waiting()
    assert (command.hub, command.type, command.by, command.case_id) == ("hub-1", "acknowledge", "ann", case.id)
    assert msgspec.json.decode(command.data) == {"alarm": "a-1"}
    office.desk.act(case.id, Resolved(at_ms=AT_MS, by="ann", seen=2, outcome="hospital"))
    resolve = next(each for each in office.commands.waiting() if each.type == "resolve")
    assert (resolve.by, msgspec.json.decode(resolve.data)) == ("ann", {"alarm": "a-1", "outcome": "hospital"})


def commands_of(office: Office, case: Case) -> list[tuple[str, str]]:
    rows = sorted(office.commands.of_case(case.id, "hub-1"), key=lambda row: (row.at_ms, row.type))
    return [(row.type, row.state) for row in rows]


def test_s3_what_a_hub_that_was_away_was_to_be_told_is_forgotten_when_it_is_so_no_longer(office: Office) -> None:
    case = opened(office)
    office.desk.act(case.id, took("ann"))
    assert commands_of(office, case) == [("acknowledge", "waiting")]
    office.desk.act(case.id, Noted(at_ms=AT_MS, by="ann", seen=2, text="no state of the case changes"))
    assert commands_of(office, case) == [("acknowledge", "waiting")]
    office.desk.act(case.id, LetGo(at_ms=AT_MS, by="ann", seen=3))
    assert commands_of(office, case) == [("acknowledge", "superseded")]
    office.desk.act(case.id, took("bob", 4))
    office.desk.act(case.id, Resolved(at_ms=AT_MS, by="bob", seen=5, outcome="reassured"))
    assert [each for each in commands_of(office, case) if each[1] == "waiting"] == [("resolve", "waiting")]
    (again,) = office.desk.take_in("hub-1", [pressed_again()])
    assert again.open
    assert [each for each in commands_of(office, case) if each[1] == "waiting"] == []


def test_s4_a_hub_that_comes_back_is_told_once_however_often_it_was_said(office: Office) -> None:
    case = opened(office)
    office.desk.act(case.id, took("ann"))
    for minutes in (6, 12):
        word = Noted(at_ms=AT_MS + minutes * 60_000, by="ann", seen=2, text="still on the telephone")
        office.desk.act(case.id, word)
    states = sorted(state for _, state in commands_of(office, case))
    assert states == ["superseded", "superseded", "waiting"]
    (row,) = office.commands.waiting()
    assert office.commands.answered("hub-1", row.id, "done", "", 9) is not None
    old = next(each for each in office.commands.of_case(case.id, "hub-1") if each.state == "superseded")
    assert office.commands.answered("hub-1", old.id, "done", "", 9) is not None, "it had arrived all the same"


def pressed_again() -> Heard:
    pressed = heard(what="joined", ref="joined-2", at_ms=AT_MS + 1)
    return Heard(**{name: getattr(pressed, name) for name in pressed.__struct_fields__} | {"more": {"triggers": 2}})


def test_who_is_no_operator_changes_nothing_and_is_handed_nothing(office: Office) -> None:
    case = opened(office)
    with pytest.raises(WordsError, match="mallory is no operator"):
        office.desk.act(case.id, took("mallory"))
    office.desk.act(case.id, took("ann"))
    with pytest.raises(WordsError, match="mallory is no operator"):
        office.desk.act(case.id, HandedOver(at_ms=AT_MS, by="ann", seen=2, to="mallory"))
    with pytest.raises(KeyError):
        office.desk.act("case-404", took("ann"))
    assert len(office.desk.story(case.id)) == 2


def test_time_frees_the_case_of_an_operator_who_says_nothing(office: Office) -> None:
    clock = Stopped()
    desk = Desk(office.database, office.cases, office.commands, clock, lambda _: True)
    case = opened(office)
    desk.act(case.id, took("ann"))
    clock.wall_ms += ASK_MS + ANSWER_MS - 1
    desk.tick()
    assert _of(desk, case).owner == "ann"
    clock.wall_ms += 1
    desk.tick()
    assert (_of(desk, case).owner, _of(desk, case).state) == ("", "new")
    assert desk.story(case.id)[-1].by == "centre"


def test_s3_time_acts_on_the_other_cases_though_it_fails_at_one(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Stopped()
    desk = Desk(office.database, office.cases, office.commands, clock, lambda _: True)
    cases = [opened(office, hub) for hub in ("hub-1", "hub-2", "hub-3")]
    for case in cases:
        desk.act(case.id, took("ann"))

    def failing(case: Case, event: AnyEvent) -> object:
        if case.hub == "hub-1" and isinstance(event, Tick):
            raise ZeroDivisionError
        return step(case, event)

    monkeypatch.setattr("centre.work.desk.step", failing)
    clock.wall_ms += ASK_MS + ANSWER_MS
    with pytest.raises(ZeroDivisionError):
        desk.tick()
    assert [_of(desk, case).state for case in cases] == ["taken", "new", "new"]


def test_somebody_elses_entry_about_a_case_is_no_part_of_its_story(office: Office) -> None:
    case = opened(office)
    office.cases.keep([], [AuditRow(at_ms=AT_MS, who="ann", what="looked", case_id=case.id, hub="hub-1")])
    assert [type(each) for each in office.desk.story(case.id)] == [Entry]


def test_s4_two_operators_race_for_a_case_and_one_has_it_each_time(office: Office) -> None:
    case = opened(office)
    start, done = threading.Barrier(2), threading.Barrier(2)
    lost: list[tuple[str, str]] = []
    won: list[str] = []

    def race(me: str) -> None:
        for _ in range(RACES):
            known = _of(office.desk, case)
            start.wait(30)
            try:
                mine = office.desk.act(case.id, took(me, known.version))
            except TakenError as error:
                lost.append((me, error.owner))
                mine = None
            if mine is not None:
                assert mine.owner == me
                won.append(me)
            done.wait(30)
            if mine is not None:
                assert _of(office.desk, case).owner == me
                office.desk.act(case.id, LetGo(at_ms=AT_MS, by=me, seen=mine.version))
            done.wait(30)

    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(race, who) for who in ("ann", "bob")]:
            each.result(120)
    assert len(won) == len(lost) == RACES
    assert all(winner == owner for winner, (_, owner) in zip(won, lost, strict=True))


def test_of_two_who_write_at_once_both_are_heard(office: Office) -> None:
    case = opened(office)
    many = 20

    def note(who: str) -> None:
        for number in range(many):
            office.desk.act(case.id, Noted(at_ms=AT_MS, by=who, seen=1, text=f"{who} {number}"))

    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(note, who) for who in ("ann", "bob")]:
            each.result(60)
    notes = [each.event.text for each in office.desk.story(case.id) if isinstance(each.event, Noted)]
    assert sorted(notes) == sorted(f"{who} {number}" for who in ("ann", "bob") for number in range(many))
    assert _of(office.desk, case).version == 1 + 2 * many


def test_what_was_found_and_dealt_with_is_another_case_the_next_time(office: Office) -> None:
    found = Found(at_ms=AT_MS, cause="unreadable", subject="x")
    (first,) = office.desk.take_in("hub-1", [found])
    office.desk.act(first.id, took("ann"))
    office.desk.act(first.id, Resolved(at_ms=AT_MS, by="ann", seen=2, outcome="engineer-sent"))
    (second,) = office.desk.take_in("hub-1", [found])
    assert second.id != first.id


def _of(desk: Desk, case: Case) -> Case:
    known = desk.get(case.id)
    assert known is not None
    return known
