"""Several messages in one commit: receipted after it alone, and one by one where that cannot be."""

import contextlib
import threading
from collections.abc import Iterator

import msgspec
import pytest

from agent.wire.envelope import HUB_ALGORITHM, Signer
from agent.wire.messages import CENTRE, Status, encode_event
from agent.wire.topics import topic
from centre.intake import Entry, LedgerDownError
from centre.store.ledger import StoredLedger
from centre.work.bell import Bell
from centre.work.line import Note
from centre.work.worker import Heard, JointLedger, Worked, Worker
from rules.actions import Send
from rules.reports import Clock, CommandDone
from tests.centre.work.town import Office, Town

READING = Clock(boot="b", monotonic_ms=1, wall="2026-01-01T00:00:00.000Z", synced=True)


def entry(number: int, body: bytes = b"{}") -> Entry:
    return Entry("hub-1", f"e-a-{number}", f"{number:064}", "hearthline.alarm.raised", body, 1)


# --- the ledger ---------------------------------------------------------------------------------------


def test_what_is_kept_together_is_there_whole_or_not_at_all(office: Office) -> None:
    ledger, other = office.ledger, StoredLedger(office.database)
    with ledger.together():
        assert [ledger.take(entry(1)), ledger.take(entry(2)), ledger.take(entry(1))] == ["new", "new", "same"]
        assert other.events() == []
    assert len(other.events()) == 2
    with contextlib.suppress(RuntimeError), ledger.together():
        ledger.take(entry(3))
        raise RuntimeError
    assert len(other.events()) == 2
    assert ledger.take(entry(3)) == "new"  # a commit of its own again


def test_another_thread_is_no_part_of_it(office: Office) -> None:
    said: list[str] = []
    ledger = office.ledger

    def take() -> None:
        said.append(ledger.take(entry(9)))

    thread = threading.Thread(target=take)
    with contextlib.suppress(RuntimeError), ledger.together():
        ledger.take(entry(1))
        thread.start()
        raise RuntimeError
    thread.join(10)
    assert said == ["new"]
    assert [each.id for _, each, _ in ledger.events()] == ["e-a-9"]


# --- the worker ---------------------------------------------------------------------------------------


class Failing:
    """A ledger whose commits of several fail, at their end."""

    def __init__(self, ledger: StoredLedger) -> None:
        self._ledger = ledger
        self.tried = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._ledger, name)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        self.tried += 1
        with self._ledger.together():
            yield
            raise LedgerDownError("the disk is full")


def signed(town: Town, hub: str, channel: str, document: bytes) -> Heard:
    token = Signer(town.site.keys[hub], HUB_ALGORITHM).seal(document)
    return Heard(Note(topic(hub, "status" if channel == "status" else "event"), token, False), town.clock.now(), _done)


def _done() -> None:
    """Nobody waits."""


def online(nonce: str) -> bytes:
    return msgspec.json.encode(
        Status(aud=CENTRE, iat=1, online=True, nonce=nonce, boot="b", epoch="e1", monotonic_ms=1)
    )


def messages(town: Town, hub: str) -> list[Heard]:
    """Give a hub's status, and two events of it."""
    heard = [signed(town, hub, "status", online("n" * 12))]
    for number in (1, 2):
        done = CommandDone(command=f"c{number}", type="report", clock=READING)
        heard.append(signed(town, hub, "event", encode_event(hub, Send("e1", "a", number, 1, done))))
    return heard


async def worker_of(town: Town, ledger: JointLedger) -> Worker:
    made = Worker(town.line(), "worker-1", ledger, town.site, town.clock, Bell())
    made._open()
    return made


async def test_s2_what_waits_goes_in_one_commit_and_is_receipted_after_it(town: Town) -> None:
    town.site.enrol("hub-1")
    worker = await worker_of(town, town.office.ledger)
    worked = worker._taken_together(messages(town, "hub-1"))
    assert [each.outcome.verdict for each in worked if each.outcome] == ["status", "accepted", "accepted"]
    assert [bool(each.token) for each in worked] == [False, True, True]
    assert len(town.office.ledger.events()) == 2


async def test_s2_a_commit_that_fails_gives_no_receipt_and_each_is_taken_by_itself(town: Town) -> None:
    town.site.enrol("hub-1")
    failing = Failing(town.office.ledger)
    worker = await worker_of(town, failing)  # type: ignore[arg-type]
    heard = messages(town, "hub-1")
    assert worker._taken_together(heard) == []
    assert town.office.ledger.events() == []
    assert worker.counters == {}
    assert worker._intake is not None
    assert worker._intake.home("hub-1").nonce == ""  # nothing of it was ever here
    worker._waiting.extend(heard)
    done: list[object] = []
    worker._worked = done.extend  # type: ignore[method-assign,assignment]
    worker._loop.call_soon_threadsafe = lambda call, *given: call(*given)  # type: ignore[method-assign]
    worker._work()
    assert failing.tried == 2
    assert [each.outcome.verdict for each in done] == ["status", "accepted", "accepted"]  # type: ignore[attr-defined]
    assert len(town.office.ledger.events()) == 2


async def test_a_bug_in_one_message_stops_no_other(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.site.enrol("hub-1")
    worker = await worker_of(town, town.office.ledger)
    assert worker._intake is not None
    receive = worker._intake.receive

    def trips(name: str, token: bytes, *given: object, **named: object) -> object:
        if token == b"trips":
            raise ZeroDivisionError
        return receive(name, token, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(worker._intake, "receive", trips)
    heard = messages(town, "hub-1")
    bad = Heard(Note(topic("hub-1", "event"), b"trips", False), town.clock.now(), _done)
    assert worker._taken_together([heard[0], bad, *heard[1:]]) == []
    taken = [worker._taken(each) for each in (heard[0], bad, *heard[1:])]
    assert [each.outcome is None for each in taken] == [False, True, False, False]
    assert worker.bugs == 1
    assert len(town.office.ledger.events()) == 2


async def test_s2_an_event_that_came_before_its_hubs_nonce_is_receipted_as_soon_as_that_is_known(town: Town) -> None:
    town.site.enrol("hub-1")
    worker = await worker_of(town, town.office.ledger)
    done: list[Worked] = []
    worker._worked = done.extend  # type: ignore[method-assign,assignment]
    worker._loop.call_soon_threadsafe = lambda call, *given: call(*given)  # type: ignore[method-assign]
    status, first, second = messages(town, "hub-1")
    worker._waiting.extend([first, second])
    worker._work()
    assert [bool(each.token) for each in done] == [False, False]
    worker._waiting.append(status)
    worker._work()
    assert [(each.outcome.verdict, bool(each.token)) for each in done[2:] if each.outcome] == [
        ("status", False),
        ("repeated", True),
        ("repeated", True),
    ]
    assert len(town.office.ledger.events()) == 2
    worker._waiting.append(signed(town, "hub-1", "status", online("m" * 12)))
    worker._work()
    assert len(done) == 6, "each is receipted so once"
