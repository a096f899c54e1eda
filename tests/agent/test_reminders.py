"""What the hub tells of its reminders: what is kept and what is open, in bounds, and never in an alarm's way."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent import reminders as module
from agent.ask import AskServer, ask
from agent.clock import SystemClock
from agent.reminders import Reminders
from agent.status import OpenReminder, RemindersStatus
from agent.store.opening import open_store
from agent.store.rows import IMPORTANT, RAISED, TELEMETRY, Batch, Row
from agent.store.store import Store
from agent.store.writer import Writer
from agent.wire.adherence import adherence
from agent.wire.messages import decode_event, decode_report, encode_event
from rules.actions import Send
from rules.events import Config
from rules.plan import Plan, Reminder
from rules.reports import FaultRaised, Report, lane_of
from rules.state import House
from rules.values import Now, utc
from rules.watched import Occasion, Prompt
from simulators.disk import DISK, VFS, available
from simulators.rig import Rig
from tests.agent.store.writing import SOON_S, Told, soon, stalled, writing
from tests.support.reminders import missed, prompted, taken
from tests.support.voice import CLOCK, READING

NOW_MS = 1_791_931_500_000  # 2026-10-13T22:45:00Z: in London the same day still, in India the next
ABOUT = {"reminder": "morning", "kind": "medication", "person": "p1"}
FAULT = FaultRaised(clock=CLOCK, fault="link", subject="main", priority=1, reason="no line", again=0)


class StoppedClock:
    boot = "boot-1"

    def now(self) -> Now:
        return Now(5_000, NOW_MS, synced=True)


def row(seq: int, report: Report, wall_ms: int = NOW_MS) -> Row:
    lane = lane_of(report)
    body = encode_event("hub-1", Send("e1", lane, seq, wall_ms, report))
    rank = IMPORTANT if lane == "a" else TELEMETRY
    return Row(f"e1-{lane}-{seq}", "e1", lane, seq, rank, body, hashlib.sha256(body).hexdigest())


def kept(*reports: Report, settled: tuple[int, ...] = ()) -> Batch:
    rows = tuple(row(seq, report, NOW_MS - 60_000 * (len(reports) - seq)) for seq, report in enumerate(reports))
    return Batch((), b"{}", rows, tuple(rows[seq].id for seq in settled))


def home(**more: Any) -> House:
    plan = Plan(time_zone="Europe/London", reminders=(Reminder(name="morning", person="p1", text="tablets"),))
    return House(config=Config(hub="hub-1"), plan=plan, **more)


def told(answer: bytes) -> RemindersStatus:
    return msgspec.json.decode(answer, type=RemindersStatus)


def reports(status: RemindersStatus) -> list[Report | None]:
    return [decode_report(decode_event(bytes(each))) for each in status.events]


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[Writer]:
    async with writing(open_store(tmp_path / "hub.db").store, Told()) as writer:
        yield writer


async def answered(writer: Writer, house: House | None = None) -> RemindersStatus:
    return told(await soon(Reminders(lambda: house or home(), writer, StoppedClock()).answer()))


# --- what is told -------------------------------------------------------------------------------------


async def test_the_socket_gives_what_is_kept_newest_first_and_what_is_open(tmp_path: Path, writer: Writer) -> None:
    events = [prompted(13), taken(13), FAULT, READING, prompted(14)]
    await writer.submit(kept(*events, settled=(0, 1, 3)))
    occasion = Occasion(reminder="morning", date="2026-10-14", slot="08:00")
    open_now = Prompt(occasion=occasion, due_wall_ms=NOW_MS - 60_000, prompts=2, missed_ms=0)
    reminders = Reminders(lambda: home(prompts=(open_now,)), writer, StoppedClock())
    server = AskServer(tmp_path / "s", {"reminders": reminders.answer})
    await server.start()
    status = told(await asyncio.to_thread(ask, tmp_path / "s", question="reminders"))
    await server.close()
    assert (status.hub, status.wall, status.synced) == ("hub-1", utc(NOW_MS), True)
    assert (status.zone, status.today, status.days) == ("Europe/London", "2026-10-13", 14)
    assert (status.since, status.trouble) == (utc(NOW_MS - 300_000), "")
    assert reports(status) == [prompted(14), taken(13), prompted(13)]
    due = utc(NOW_MS - 60_000)
    assert status.open == (
        OpenReminder(**ABOUT, date="2026-10-14", slot="08:00", due=due, state="prompting", why="", prompts=2),
    )


async def test_s11_no_text_and_no_name_of_the_plan_is_told(writer: Writer) -> None:
    await writer.submit(kept(taken(13)))
    assert b"tablets" not in await Reminders(home, writer, StoppedClock()).answer()


async def test_only_the_days_that_are_told_of(writer: Writer) -> None:
    old = taken(1, date="2026-09-29")
    first, tomorrow = taken(1, date="2026-09-30"), prompted(14, "evening")
    await writer.submit(kept(old, first, tomorrow))
    assert reports(await answered(writer)) == [tomorrow, first]


async def test_a_zone_that_this_hub_does_not_know_is_read_as_utc(writer: Writer) -> None:
    house = msgspec.structs.replace(home(), plan=Plan(time_zone="Atlantic/Atlantis"))
    assert (await answered(writer, house)).zone == "UTC"
    zoned = msgspec.structs.replace(home(), plan=Plan(time_zone="Asia/Kolkata"))
    assert (await answered(writer, zoned)).today == "2026-10-14"


async def test_what_the_store_let_go_is_not_claimed_to_be_kept(writer: Writer) -> None:
    await writer.submit(kept(FAULT, taken(13), taken(14), settled=(1,)))
    assert (await answered(writer)).since == utc(NOW_MS - 120_000)


async def test_of_an_empty_store_nothing_is_told_from_now_on(writer: Writer) -> None:
    status = await answered(writer)
    assert (status.events, status.open, status.since, status.trouble) == ((), (), utc(NOW_MS), "")


async def test_the_centres_function_counts_what_is_told(writer: Writer) -> None:
    await writer.submit(kept(prompted(13), taken(13), missed(12), taken(12, "20:00", how="lid")))
    status = await answered(writer)
    last = date.fromisoformat(status.today)
    found = adherence(filter(None, reports(status)), first=last, last=last, wall_ms=NOW_MS)
    assert found.reminders[0].tally.percent == 100


# --- within bounds ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bound", "value"), [("EVENTS_MAX", 3), ("BYTES_MAX", 1_700)])
async def test_s12_the_newest_are_told_and_since_when(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    await writer.submit(kept(*(taken(13, f"{hour:02d}:00") for hour in range(10))))
    monkeypatch.setattr(module, bound, value)
    status = await answered(writer)
    assert [each.slot for each in filter(None, reports(status)) if hasattr(each, "slot")] == ["09:00", "08:00", "07:00"]
    assert (status.since, status.trouble) == (utc(NOW_MS - 180_000), "")


async def test_s12_no_more_rows_are_looked_through_than_the_bound_says(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await writer.submit(kept(taken(12), *[FAULT] * 50, taken(13), *[FAULT] * 9))
    monkeypatch.setattr(module, "STEP_ROWS", 10)
    monkeypatch.setattr(module, "ROWS_MAX", 40)
    assert reports(await answered(writer)) == [taken(13)]
    monkeypatch.setattr(module, "ROWS_MAX", 70)
    assert reports(await answered(writer)) == [taken(13), taken(12)]


async def test_an_event_that_is_not_as_stored_is_left_out_and_said(writer: Writer) -> None:
    await writer.submit(kept(taken(12), taken(13)))
    damage = "UPDATE outbox SET body = CAST(replace(CAST(body AS TEXT), 'button', 'lidlid') AS BLOB) WHERE seq = 0"
    await writer.read(lambda store: store.connection.execute(damage))
    status = await answered(writer)
    assert reports(status) == [taken(13)]
    assert "1 events are not as they were stored" in status.trouble


# --- a disk in trouble, and alarms --------------------------------------------------------------------


async def test_s1_a_commit_does_not_wait_until_all_is_looked_through(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await writer.submit(kept(*[FAULT] * 2_000))
    monkeypatch.setattr(module, "STEP_ROWS", 1)
    looked: list[object] = []
    look_back = Store.look_back

    def watched(store: Store, **given: Any) -> Any:
        looked.append(given)
        return look_back(store, **given)

    monkeypatch.setattr(Store, "look_back", watched)
    looking = asyncio.create_task(answered(writer))
    while len(looked) < 5:
        await asyncio.sleep(0)
    alarm = Row("e2-a-0", "e2", "a", 0, RAISED, b"{}", hashlib.sha256(b"{}").hexdigest())
    commit = writer.submit(Batch((), b"{}", (alarm,)))
    begun = len(looked)
    await soon(commit)
    assert len(looked) <= begun + 2
    assert not looking.done()
    await looking


@pytest.fixture
def frail(tmp_path: Path) -> Iterator[Store]:
    if not available():
        pytest.skip("this Python's sqlite3 is not linked to the shared libsqlite3: its disk cannot be wrapped")
    DISK.heal()
    yield open_store(tmp_path / "hub.db", vfs=VFS).store
    DISK.heal()


async def test_s1_a_disk_that_hangs_keeps_nobody_waiting_and_what_is_in_memory_is_told(
    frail: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.1)
    async with writing(frail, Told()) as writer:
        await writer.submit(kept(taken(12)))
        reminders = Reminders(home, writer, StoppedClock())
        DISK.stall()
        hanging = writer.submit(Batch((), b"{}", (row(5, taken(13)),)))
        await stalled(DISK)
        later = writer.submit(Batch((), b"{}", (row(6, taken(14)),)))
        first = told(await soon(reminders.answer()))
        again = await soon(asyncio.gather(*(reminders.answer() for _ in range(16))))
        for status in (first, *map(told, again)):
            assert reports(status) == [taken(14), taken(13)]
            assert status.trouble == "the disk did not answer in time"
        assert writer._reads == 1  # S12: questions do not pile up behind a disk that hangs
        DISK.heal()
        await soon(asyncio.gather(hanging, later))
        monkeypatch.setattr(module, "LOOK_S", SOON_S)
        status = told(await soon(reminders.answer()))
        assert reports(status) == [taken(14), taken(13), taken(12)]
        assert status.trouble == ""


async def test_without_a_store_what_is_in_memory_is_told_and_why_it_is_not_all() -> None:
    writer = Writer(None, Told())
    await writer.start()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(writer.submit(Batch((), b"{}", (row(5, taken(13)),))), 0.01)
    status = await answered(writer)
    assert reports(status) == [taken(13)]
    assert status.trouble == "the store could not be opened"
    await writer.close(1)


async def test_many_that_ask_at_once_are_all_told_all(writer: Writer) -> None:
    await writer.submit(kept(taken(12), taken(13)))
    reminders = Reminders(home, writer, StoppedClock())
    answers = await soon(asyncio.gather(*(reminders.answer() for _ in range(16))))
    assert {len(told(each).events) for each in answers} == {2}
    assert {told(each).trouble for each in answers} == {""}


# --- the whole hub ------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_the_running_hub_answers_from_the_store_it_finds(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "")
    rig.write_config()
    store = open_store(rig.state_dir / "hub.db").store
    today = row(0, taken(date=utc(SystemClock().now().wall_ms)[:10]))
    store.commit(Batch((), msgspec.json.encode(House()), (row(0, READING), today)))
    store.close()
    try:
        await rig.hub.start()
        status = told(await asyncio.to_thread(ask, tmp_path / "ask", question="reminders"))
    finally:
        await rig.hub.kill()
    assert (status.hub, status.open, status.trouble) == ("hub-test", (), "")
    assert [bytes(each) for each in status.events] == [today.body]
