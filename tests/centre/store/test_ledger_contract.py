"""What the intake relies on, of every ledger there is: the stop-gap's file, and the store on either database."""

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Protocol

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from centre.homes import Home
from centre.intake import Aside, Entry, Intake, Ledger
from centre.lanes import Lane, Missing, Position, Span
from centre.ledger import SqliteLedger
from centre.store.database import Database
from centre.store.ledger import QUARANTINE_MAX, QUARANTINE_PER_HUB_MAX, StoredLedger
from rules.reports import Gap
from tests.centre.store.conftest import address
from tests.support.examples import examples
from tests.support.voice import AT, CLOCK, RAISED, READING, Voice

HUB = Voice("hub-1")
FIRST = Position("e1", "a", 1)
ENTRY = Entry("hub-1", "e1-a-1", "d1", "hearthline.alarm.raised", b"{}", 1, FIRST)
OTHER = Entry("hub-1", "e1-a-1", "d2", "hearthline.alarm.raised", b"[]", 2, FIRST)


class Whole(Ledger, Protocol):
    """The intake's protocol, and what those ask who look."""

    def events(self, *, after: int = 0, limit: int = 1_000) -> list[tuple[int, Entry, bool]]: ...
    def quarantine(self) -> list[Aside]: ...
    def state(self, hub: str) -> bytes | None: ...
    def homes(self) -> list[Home]: ...


@pytest.fixture(params=["file", "sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return address(request, tmp_path)


@pytest.fixture
def opening(request: pytest.FixtureRequest, place: str, tmp_path: Path) -> Iterator[Callable[[], Whole]]:
    """Opens the same ledger, as often as one likes."""
    closing: list[Callable[[], None]] = []

    def opened() -> Whole:
        if request.node.callspec.params["place"] == "file":
            ledger = SqliteLedger(tmp_path / "ledger.db")
            closing.append(ledger.close)
            return ledger
        database = Database(place)
        closing.append(database.close)
        return StoredLedger(database)

    yield opened
    for close in closing:
        close()


@pytest.fixture
def ledger(opening: Callable[[], Whole]) -> Whole:
    return opening()


def at(seq: int, *, lane: str = "a", epoch: str = "e1", hub: str = "hub-1") -> Entry:
    return Entry(hub, f"{epoch}-{lane}-{seq}", "d", "hearthline.x", b"{}", seq, Position(epoch, lane, seq))


def test_s2_everything_is_there_after_reopening(opening: Callable[[], Whole]) -> None:
    ledger = opening()
    home = Home(hub="hub-1", epoch="e1", nonce="nonce-0001", past=("nonce-0000",), oldest={"a": None})
    ledger.take(ENTRY)
    ledger.keep_home(home, {"a": 4})
    ledger.keep_state(home, b"state \x00\xff", {"a": 3, "t": 1})
    ledger.put_aside(Aside("hub-9", "topic", b"\x00token", "unknown", 7))
    again = opening()
    assert again.homes() == [home]
    assert again.state("hub-1") == b"state \x00\xff"
    assert again.state("hub-2") is None
    assert again.lanes("hub-1") == [Lane("e1", "a", 4, (Span(1, 1),)), Lane("e1", "t", 1, ())]
    assert again.lanes("hub-2") == []
    ((number, entry, conflict),) = again.events()
    assert (entry.id, entry.body, conflict) == ("e1-a-1", b"{}", False)
    assert again.events(after=number) == []
    assert again.quarantine() == [Aside("hub-9", "topic", b"\x00token", "unknown", 7)]


def test_s4_the_same_event_again_changes_nothing(ledger: Whole) -> None:
    assert [ledger.take(ENTRY), ledger.take(ENTRY)] == ["new", "same"]
    assert len(ledger.events()) == 1


def test_s4_other_content_under_one_id_is_kept_beside_the_first_and_stays_marked(ledger: Whole) -> None:
    assert [ledger.take(each) for each in (ENTRY, OTHER, OTHER, ENTRY)] == ["new", "conflict", "conflict", "same"]
    assert [(entry.body, conflict) for _, entry, conflict in ledger.events()] == [(b"{}", False), (b"[]", True)]


def test_s4_two_hubs_may_use_one_id(ledger: Whole) -> None:
    assert [ledger.take(at(1)), ledger.take(at(1, hub="hub-2"))] == ["new", "new"]


def test_events_are_read_on_from_a_number(ledger: Whole) -> None:
    for seq in range(1, 8):
        ledger.take(at(seq))
    page = ledger.events(limit=3)
    assert [entry.at_ms for _, entry, _ in page] == [1, 2, 3]
    assert [entry.at_ms for _, entry, _ in ledger.events(after=page[-1][0])] == [4, 5, 6, 7]


def test_lanes_are_told_by_their_runs_and_by_what_was_dropped(ledger: Whole) -> None:
    for seq in (1, 2, 3, 6, 9, 10):
        ledger.take(at(seq))
    ledger.take(at(5, lane="t"))
    ledger.take(at(1, epoch="e2"))
    gap = Entry("hub-1", "e2-a-2", "d", "hearthline.gap", b"{}", 1, Position("e2", "a", 2), (Position("e1", "a", 4), 5))
    assert [ledger.take(gap), ledger.take(gap)] == ["new", "same"]
    found = {(each.epoch, each.lane): set(each.accounted) for each in ledger.lanes("hub-1")}
    assert found == {
        ("e1", "a"): {Span(1, 3), Span(6, 6), Span(9, 10), Span(4, 5)},
        ("e1", "t"): {Span(5, 5)},
        ("e2", "a"): {Span(1, 2)},
    }
    assert Intake(ledger, {}).missing("hub-1") == [Missing("e1", "a", 7, 8), Missing("e1", "t", 1, 4)]


def test_what_a_hub_claims_never_sinks(ledger: Whole) -> None:
    home = Home(hub="hub-1", epoch="e1")
    for claim in (5, 3, 10**18 - 1, 7):
        ledger.keep_home(home, {"a": claim})
    assert ledger.lanes("hub-1") == [Lane("e1", "a", 10**18 - 1, ())]


def test_s12_the_quarantine_is_bounded_and_one_hub_cannot_push_anothers_out(
    ledger: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("centre.ledger", "centre.store.ledger"):  # 100 and 1,000, and a commit takes its time
        monkeypatch.setattr(f"{module}.QUARANTINE_PER_HUB_MAX", 3)
        monkeypatch.setattr(f"{module}.QUARANTINE_MAX", 5)
    for number in range(6):
        ledger.put_aside(Aside("loud", "t", b"", "r", number))
    for number in range(2):
        ledger.put_aside(Aside("quiet", "t", b"", "r", number))
    kept = [(each.hub, each.at_ms) for each in ledger.quarantine()]
    assert kept == [("loud", 3), ("loud", 4), ("loud", 5), ("quiet", 0), ("quiet", 1)]
    ledger.put_aside(Aside("third", "t", b"", "r", 0))
    assert [each.hub for each in ledger.quarantine()] == ["loud", "loud", "quiet", "quiet", "third"]


def test_s12_the_bounds_are_those_of_the_stop_gap() -> None:
    assert (QUARANTINE_PER_HUB_MAX, QUARANTINE_MAX) == (100, 1_000)


def test_s4_two_workers_that_take_one_event_at_once_keep_it_once(url: str) -> None:
    """Each by connections of its own: what the broker does with a shared subscription when a worker is slow."""
    rounds, barrier = 40, Barrier(2)

    def taking(made: list[Entry]) -> list[str]:
        database = Database(url)
        kept: list[str] = []
        for entry in made:
            barrier.wait(10)
            kept.append(StoredLedger(database).take(entry))
        database.close()
        return kept

    same = [at(seq) for seq in range(rounds)]
    other = [Entry(each.hub, each.id, "other", each.type, b"[]", 1, each.position) for each in same]
    with ThreadPoolExecutor(2) as threads:
        for pair, expected in (((same, same), {"new", "same"}), ((same, other), {"same", "conflict"})):
            one, two = threads.map(taking, pair)
            assert all({a, b} == expected for a, b in zip(one, two, strict=True))


@given(
    words=st.text(max_size=20),
    number=st.integers(0, 2**63 - 1),
    body=st.binary(max_size=50),
)
@example(words="a\0b", number=1, body=b"\0")
@example(words="half \ud83d of a pair", number=1, body=b"")
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_s12_whatever_a_hub_writes_can_be_kept(database: Database, words: str, number: int, body: bytes) -> None:
    """PostgreSQL has no NUL in texts, and neither database half a character: what cannot be kept is never receipted."""
    ledger = StoredLedger(database)
    entry = Entry("hub-1", f"id-{words}", "d", words, body, number, Position(words, "a", min(number, 10**18)))
    assert ledger.take(entry) in ("new", "same")
    ledger.put_aside(Aside("hub-1", words, body, words, number))
    assert ledger.quarantine()[-1].token == body


def test_s12_what_one_hub_names_at_length_is_no_store_that_is_down(ledger: Whole) -> None:
    long = secrets.token_hex(4_000)  # more than an index of PostgreSQL's holds, and nothing to compress
    intake = Intake(ledger, {"hub-1": [HUB.public]})
    heard = [
        ("status", HUB.status(epoch=long)),
        ("state", HUB.state(epoch=long)),
        ("event", HUB.altered(RAISED, 1, type=f"hearthline.alarm.{long}")),
        ("event", HUB.event(Gap(clock=CLOCK, epoch=long, lane="t", first=3, last=9, count=7), 2)),
    ]
    for channel, token in heard:
        outcome = intake.receive(HUB.topic(channel), token, AT)
        assert (outcome.verdict, outcome.reason) == ("accepted" if channel == "event" else channel, "")
    assert [entry.type[:25] for _, entry, _ in ledger.events()] == [f"hearthline.alarm.{long[:8]}", "hearthline.gap"]
    assert long.encode() in ledger.events()[0][1].body


def test_s2_the_intake_works_over_it(opening: Callable[[], Whole]) -> None:
    intake = Intake(opening(), {"hub-1": [HUB.public]})
    assert intake.receive(HUB.topic("status"), HUB.status(), AT).verdict == "status"
    event = HUB.event(READING)
    assert intake.receive(HUB.topic("event"), event, AT).verdict == "accepted"
    again = Intake(opening(), {"hub-1": [HUB.public]})
    outcome = again.receive(HUB.topic("event"), event, AT)
    assert outcome.verdict == "repeated"
    assert outcome.receipt is not None
