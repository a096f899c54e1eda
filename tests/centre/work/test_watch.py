"""The watch, with a broker and a store: silent homes, outages, our own deafness, and what a home says that it has open.

The clock is the tests'; hubs' words are real, and said by hand.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from msgspec.structs import replace
from paho.mqtt.reasoncodes import ReasonCode

from agent.wire.messages import AlarmNote
from centre.cases.case import Case
from centre.intake import Intake
from centre.work.desk import Desk, Told
from centre.work.watch import Watch
from rules.reports import FaultCleared, FaultRaised
from rules.values import Now, utc
from sensors.mqtt_link import MqttLink
from tests.centre.work.town import Town, names, running, until
from tests.support.voice import CHECK_IN, CLOCK, WALL_MS, Voice

TICK_S = 0.01
LONG_S = 50.0
"""Steps of time that are not yet taken for a watch that slept."""


class Stepped:
    """A clock that a test moves on."""

    boot = "boot-1"

    def __init__(self) -> None:
        self.passed_ms = self.off_ms = 0

    def now(self) -> Now:
        return Now(self.passed_ms, WALL_MS + self.passed_ms + self.off_ms, synced=True)


class Post:
    """A watch, its clock, and a line over which hubs are made to speak."""

    def __init__(self, town: Town, link: MqttLink) -> None:
        self.town, self._link = town, link
        self.clock = Stepped()
        self.voices: dict[str, Voice] = {}
        self._seqs: dict[str, int] = {}

    def watch(self, name: str = "watch-1") -> Watch:
        office = self.town.office
        return Watch(
            self.town.line(), name, office.ledger, self.town.site, office.desk, office.book, self.clock, tick_s=TICK_S
        )

    def voice(self, hub: str) -> Voice:
        if hub not in self.voices:
            self.voices[hub] = Voice(hub, key=self.town.site.enrol(hub))
        return self.voices[hub]

    async def say(self, hub: str, channel: str, token: bytes) -> None:
        answer: ReasonCode = await self._link.publish(self.voice(hub).topic(channel), token, retain=channel != "event")
        assert not answer.is_failure

    async def comes(self, hub: str, nonce: str = "nonce-0001") -> None:
        """A hub connects, and checks in."""
        voice = self.voice(hub)
        await self.say(hub, "status", voice.status(nonce, monotonic_ms=self.clock.passed_ms))
        await self.checks_in(hub)

    async def checks_in(self, hub: str) -> None:
        self._seqs[hub] = self._seqs.get(hub, 0) + 1
        right = replace(CLOCK, wall=utc(WALL_MS + self.clock.passed_ms))
        await self.say(hub, "event", self.voice(hub).event(replace(CHECK_IN, clock=right), self._seqs[hub]))

    async def stays(self, hub: str, seconds: float) -> None:
        """Let time pass while a hub checks in as it does."""
        for _ in range(int(seconds // 200)):
            await self.wait(200, LONG_S)
            await self.checks_in(hub)

    async def goes(self, hub: str, nonce: str = "nonce-0001") -> None:
        """Its will is said."""
        await self.say(hub, "status", self.voice(hub).status(nonce, online=False, reason="lost"))

    async def seen(self, hub: str, *, online: bool) -> None:
        def holds() -> bool:
            return any(each.online == online for each in self.town.office.book.seen(hub))

        await until(holds, f"{hub} seen {'online' if online else 'gone'}")

    async def wait(self, seconds: float, step_s: float = 5.0) -> None:
        """Let time pass, tick by tick, each of them kept."""
        while seconds > 0:
            self.clock.passed_ms += int(min(step_s, seconds) * 1000)
            seconds -= step_s
            await self.ticked()

    async def ticked(self) -> None:
        at_ms = self.clock.now().wall_ms

        def kept() -> bool:
            silence = self.town.office.book.silence()
            return silence is not None and silence.at_ms == at_ms

        await until(kept, "a tick that is kept")

    def cases(self) -> list[Case]:
        return self.town.office.desk.standing()


@pytest.fixture
async def post(town: Town) -> AsyncIterator[Post]:
    async with speaking(town) as link:
        yield Post(town, link)


@contextlib.asynccontextmanager
async def speaking(town: Town) -> AsyncIterator[MqttLink]:
    link = MqttLink("hubs", lambda _: None)
    await link.connect("127.0.0.1", town.broker.port)
    try:
        yield link
    finally:
        await link.close()


@contextlib.asynccontextmanager
async def watching(post: Post, name: str = "watch-1") -> AsyncIterator[Watch]:
    watch = post.watch(name)
    async with running(watch.run()):
        await until(lambda: watch.line.up, "the watch hears")
        yield watch


async def test_s7_a_silent_home_is_a_case_within_90_s_and_over_when_it_was_back_for_ten_minutes(post: Post) -> None:
    async with watching(post):
        await post.comes("hub-1")
        await post.seen("hub-1", online=True)
        await post.wait(120)
        assert not post.cases()
        await post.goes("hub-1")
        await post.seen("hub-1", online=False)
        await post.wait(15)  # 75 s at most for keepalive and will have passed before
        (case,) = post.cases()
        assert (case.hub, case.cause, case.priority) == ("hub-1", "silence", 2)
        assert case.alarms[0].text == "its line was lost"
        await post.comes("hub-1", "nonce-0002")
        await post.seen("hub-1", online=True)
        await post.stays("hub-1", 800)
        assert not post.cases()
        closed = post.town.office.desk.get(case.id)
        assert closed is not None
        assert closed.outcome == "came-back"


async def test_s7_what_we_fail_at_of_one_home_keeps_no_other_from_being_told(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = Desk.take_all

    def failing(self: Desk, told: Sequence[Told], **more: Any) -> list[Case]:
        if any(each.hub == "hub-1" for each in told):
            raise ZeroDivisionError
        return keep(self, told, **more)

    monkeypatch.setattr(Desk, "take_all", failing)
    async with watching(post) as watch:
        for hub in ("hub-1", "hub-2"):
            await post.comes(hub)
            await post.seen(hub, online=True)
        await post.wait(120, LONG_S)
        for hub in ("hub-1", "hub-2"):
            await post.goes(hub)
            await post.seen(hub, online=False)
        await post.wait(15)
        assert [(case.hub, case.cause) for case in post.cases()] == [("hub-2", "silence")]
        assert watch.bugs


async def test_s6_a_clock_of_ours_that_the_hubs_speak_against_is_a_case_until_it_is_set_right(post: Post) -> None:
    def ours() -> list[Case]:
        return [case for case in post.cases() if case.alarms[0].alarm == "outage:clock"]

    async with watching(post):
        for hub in names(3):
            await post.comes(hub)
            await post.seen(hub, online=True)
        await post.wait(10)
        assert not ours()
        post.clock.off_ms = -2 * 3_600_000
        await post.wait(5)
        for hub in names(3):
            await post.checks_in(hub)
        case = await until(lambda: next(iter(ours()), None), "a case of the clock")
        assert "clock is 120 min behind the network time" in case.alarms[0].text
        post.clock.off_ms = 0
        for hub in names(3):
            await post.checks_in(hub)
        await until(lambda: not ours(), "it is over")


async def test_s7_the_next_leader_goes_on_where_the_last_stood(post: Post) -> None:
    async with watching(post):
        for hub in ("hub-1", "hub-2"):
            await post.comes(hub)
            await post.seen(hub, online=True)
        await post.wait(120, LONG_S)
        await post.goes("hub-1")
        await post.seen("hub-1", online=False)
        await post.wait(15)
        assert [case.hub for case in post.cases()] == ["hub-1"]
    # Nobody leads: a worker hears of it and keeps it, and the broker remembers.
    worker = Intake(post.town.office.ledger, {"hub-2": [post.voice("hub-2").public]})
    await post.goes("hub-2")
    for token in (post.voice("hub-2").status(), post.voice("hub-2").status(online=False, reason="lost")):
        assert worker.receive(post.voice("hub-2").topic("status"), token, post.clock.now()).verdict == "status"
    post.clock.passed_ms += 10_000
    async with watching(post, "watch-2") as watch:
        await post.seen("hub-2", online=False)
        await post.wait(100)
        assert sorted(case.hub for case in post.cases()) == ["hub-1", "hub-2"]
        assert len(post.town.office.desk.story(post.cases()[0].id)) == 1
        assert watch.nonce_of("hub-2") == ""


async def test_s7_many_homes_lost_at_once_are_one_case(post: Post) -> None:
    hubs = list(names(12))
    async with watching(post):
        for hub in hubs:
            await post.comes(hub)
        for hub in hubs:
            await post.seen(hub, online=True)
        await post.wait(120, LONG_S)
        for hub in hubs:
            await post.goes(hub)
        for hub in hubs:
            await post.seen(hub, online=False)
        await post.wait(90)
        (case,) = post.cases()
        assert (case.hub, case.cause, case.priority) == ("", "outage", 2)
        assert case.alarms[0].text.startswith("12 homes are silent")


async def test_s7_a_centre_that_hears_nobody_says_so_and_calls_no_home_silent(post: Post) -> None:
    async with watching(post) as watch:
        await post.comes("hub-1")
        await post.seen("hub-1", online=True)
        await post.wait(60, LONG_S)
        post.town.broker.stop()
        await until(lambda: not watch.line.up, "the line is gone")
        await post.wait(70)
        (case,) = post.cases()
        assert (case.hub, case.cause, case.priority) == ("", "outage", 1)
        assert "hears nobody" in case.alarms[0].text
        post.town.broker.start()
        await until(lambda: watch.line.up, "the line is back")
        await post.wait(80)
        assert not post.cases()


async def test_s7_silence_is_judged_while_the_store_is_down_and_told_when_it_is_back(post: Post) -> None:
    async with watching(post):
        await post.comes("hub-1")
        await post.seen("hub-1", online=True)
        await post.wait(120, LONG_S)
        blocker = sqlite3.connect(post.town.folder / "store.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        try:
            await post.goes("hub-1")
            for _ in range(10):
                post.clock.passed_ms += 5_000
                await asyncio.sleep(3 * TICK_S)
        finally:
            blocker.execute("ROLLBACK")
            blocker.close()
        case = await post.town.case()
        assert case.cause == "silence"
        lost_ms = case.opened_ms - WALL_MS - 120_000
        assert 10_000 <= lost_ms <= 50_000, "it was judged when it was, not when it could be told"


async def test_an_alarm_that_only_the_state_tells_of_opens_a_case_once(post: Post) -> None:
    voice = post.voice("hub-1")
    note = AlarmNote(alarm="alarm-9", kind="fall", priority=1, stage="raised", delivery="waiting", test=False)
    pending = AlarmNote(alarm="alarm-8", kind="pendant", priority=1, stage="pending", delivery="waiting", test=False)
    async with watching(post):
        await post.comes("hub-1")
        for _ in range(2):
            await post.say("hub-1", "state", voice.state(alarms=(note, pending)))
            case = await post.town.case()
            await post.wait(10)
        assert [each.kind for each in case.alarms] == ["fall"]
        assert post.cases() == [case]


async def test_s7_a_home_about_to_fall_silent_is_a_case_at_once(post: Post) -> None:
    voice = post.voice("hub-1")
    battery = FaultRaised(clock=CLOCK, fault="battery", subject="hub", priority=1, reason="9 minutes left", again=0)
    async with watching(post):
        await post.comes("hub-1")
        await post.say("hub-1", "event", voice.event(battery, 1))
        await post.seen("hub-1", online=True)
        case = await post.town.case()
        assert (case.cause, case.priority, case.alarms[0].text) == ("fault", 1, "hub 9 minutes left")
        cleared = FaultCleared(clock=CLOCK, fault="battery", subject="hub", lasted_ms=1)
        await post.say("hub-1", "event", voice.event(cleared, 2))
        await until(lambda: not post.town.office.book.seen("hub-1")[0].faults, "cleared")
        await post.stays("hub-1", 800)
        assert not post.cases()


async def test_a_home_that_is_not_ours_any_more_is_missed_no_more(post: Post) -> None:
    async with watching(post):
        await post.comes("hub-1")
        await post.seen("hub-1", online=True)
        await post.wait(120, LONG_S)
        await post.goes("hub-1")
        await post.seen("hub-1", online=False)
        await post.wait(15)
        assert len(post.cases()) == 1
        post.town.site.revoke("hub-1")
        await post.wait(5)
        assert not post.cases()
