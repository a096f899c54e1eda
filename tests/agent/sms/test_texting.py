"""Texting through a real pseudo-terminal with the simulated modem at its other end; and its queue by itself."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.sms import texting
from agent.sms.dialogue import Dialogue
from agent.sms.outcomes import Outcome
from agent.sms.sim import PinFile
from agent.sms.texting import QUEUE_MAX, NoModem, Texting
from rules.actions import SendText, What
from rules.events import Event, PartChanged, Replied, TextDelivered, TextFailed, TextSent
from simulators.modem import Modem
from tests.support.book import Numbers

ANNA, BEN, STRANGER = "+441632960001", "+441632960002", "+441632960099"
WELL, PULLED = PartChanged("modem", ok=True), "it was pulled out, or lost its power"


def asked(text: str = "t1", contact: str = "anna", what: What = "alarm", language: str = "en") -> SendText:
    return SendText(text, contact, 3, language, what, "pendant", test=False, code=42)


class Home:
    """A texting with its inbox, and a modem's port that may or may not be there."""

    def __init__(self, folder: Path, *, drip: bool = False) -> None:
        self.modem = Modem(folder / "modem", drip=drip)
        self.events: list[Event] = []
        self.durables: list[Callable[[], None]] = []
        self.room = True
        self.unwanted: set[str] = set()
        self._put = asyncio.Event()
        self.pauses: list[float] = []
        self.texting = Texting(
            texting.Modem(str(self.modem.line.path), 115_200, PinFile(None, folder / "tried")),
            Numbers({"anna": ANNA, "ben": BEN}),
            self.put,
            SystemClock(),
            lambda text: text not in self.unwanted,
            sleep=self._sleep,
            steady_s=60,
        )

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0.01)

    def put(self, event: Event, durable: Callable[[], None] | None) -> bool:
        if isinstance(event, Replied) and not self.room:
            return False
        self.events.append(event)
        if durable is not None:
            self.durables.append(durable)
        self._put.set()
        return True

    def of(self, *kinds: type) -> list[Event]:
        return [each for each in self.events if isinstance(each, kinds)]

    async def until(self, condition: Callable[[], object], timeout_s: float = 5) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._put.clear()
                await self._put.wait()

    async def told(self, event: Event) -> None:
        await self.until(lambda: event in self.events)

    @contextlib.asynccontextmanager
    async def running(self, *, well: bool = True) -> AsyncIterator["Home"]:
        task = asyncio.create_task(self.texting.run())
        try:
            if well:
                self.modem.plug()
                await self.told(WELL)
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task])
            self.modem.unplug()
            assert task.cancelled(), task.exception()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


# --- through the port ---------------------------------------------------------------------------------


@pytest.mark.parametrize("drip", [False, True])
async def test_a_text_goes_its_delivery_is_told_and_its_reply_comes(tmp_path: Path, drip: bool) -> None:
    async with Home(tmp_path, drip=drip).running() as home:
        home.texting.send(asked(language="ur"))
        await home.told(TextDelivered("t1"))
        (text,) = home.modem.sent
        assert text.number == ANNA
        assert text.body.endswith("\u200e1 42")
        home.modem.receive(ANNA, "\u200e\u06f1 \u06f4\u06f2")
        await home.told(Replied("anna", 1, 42))
        assert home.events == [WELL, TextSent("t1"), TextDelivered("t1"), Replied("anna", 1, 42)]
        assert home.texting.counters["modem: signal, dBm"] == -73


async def test_s1_a_reply_leaves_the_modem_only_when_it_is_committed(home: Home) -> None:
    async with home.running():
        home.modem.receive(ANNA, "1 42")
        await home.told(Replied("anna", 1, 42))
        home.modem.receive(STRANGER, "Hello")
        await home.modem.until(lambda: 1 not in home.modem.stores["SM"])  # what may go goes in order
        assert 0 in home.modem.stores["SM"]
        home.durables[0]()
        await home.modem.until(lambda: not home.modem.stores["SM"])


async def test_a_reply_that_the_inbox_has_no_room_for_stays(home: Home) -> None:
    home.room = False
    async with home.running():
        home.modem.receive(ANNA, "1 42")
        home.texting.send(asked())
        await home.told(TextDelivered("t1"))
        home.modem.receive(STRANGER, "Hello")
        await home.modem.until(lambda: len(home.modem.stores["SM"]) == 1)
        assert home.of(Replied) == []


async def test_an_answer_that_cannot_be_read_is_told_as_none(home: Home) -> None:
    async with home.running():
        home.modem.receive(BEN, "Who is this?")
        await home.told(Replied("ben", 0, 0))


async def test_s11_neither_numbers_nor_words_reach_the_log_or_an_event(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with home.running():
        home.modem.receive(STRANGER, "gossip about the neighbour")
        home.modem.receive(ANNA, "1 42 gossip about the neighbour")
        home.texting.send(asked())
        await home.told(Replied("anna", 1, 42))
        await home.told(TextDelivered("t1"))
        home.durables[0]()
        await home.modem.until(lambda: not home.modem.stores["SM"])
        home.modem.when("PDU", home.modem.unplug)
        home.texting.send(asked("t2"))
        await home.told(TextFailed("t2", PULLED))
    said = caplog.text + repr(home.events) + repr(home.texting.counters)
    assert not any(secret in said for secret in ("44163296", "61442369", "gossip", "called for help"))
    assert home.texting.counters["modem: texts from strangers"] == 1


async def test_s7_a_modem_pulled_over_a_text_fails_all_that_waits_at_once(home: Home) -> None:
    async with home.running():
        home.modem.when("PDU", home.modem.unplug)
        for number in range(3):
            home.texting.send(asked(f"t{number}"))
        await home.until(lambda: len(home.of(TextFailed)) == 3, timeout_s=2)
        assert home.of(TextFailed) == [TextFailed(f"t{number}", PULLED) for number in range(3)]
        assert home.of(PartChanged) == [WELL, PartChanged("modem", ok=False, reason=PULLED)]
        home.texting.send(asked("t3"))
        assert isinstance(home.events[-1], TextFailed)  # before anything is waited for
        home.modem.plug()
        await home.until(lambda: home.of(PartChanged)[-1] == WELL)
        assert len(home.of(PartChanged)) == 3
        home.texting.send(asked("t4"))
        await home.told(TextSent("t4"))


async def test_s7_a_modem_that_is_not_there_is_told_once_and_tried_again_ever_slower(home: Home) -> None:
    async with home.running(well=False):
        home.texting.send(asked())
        await home.until(lambda: home.of(TextFailed))
        async with asyncio.timeout(5):
            while len(home.pauses) < 8:
                await asyncio.sleep(0.01)
        assert home.pauses[:8] == [1, 2, 4, 5, 5, 5, 5, 5]
        (told,) = home.of(PartChanged)
        assert isinstance(told, PartChanged)
        assert told.reason.startswith("it cannot be opened")
        home.modem.plug()
        await home.told(WELL)


async def test_s12_a_modem_that_comes_and_goes_is_not_well_before_it_stays(home: Home) -> None:
    async with home.running():
        for number in range(3):
            home.modem.when("PDU", home.modem.unplug)
            home.texting.send(asked(f"t{number}"))
            await home.told(TextFailed(f"t{number}", PULLED))
            await home.until(lambda: home.events[-1] == PartChanged("modem", ok=False, reason=PULLED))
            home.modem.plug()
            async with asyncio.timeout(5):
                while home.texting._trouble:
                    await asyncio.sleep(0.01)
        told = [each.ok for each in home.of(PartChanged) if isinstance(each, PartChanged)]
        assert told == [True, False, True, False, True, False]
        home.texting._steady()
        assert home.events[-1] == WELL


async def test_s7_a_dialogue_that_breaks_is_a_fault_and_is_begun_anew(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with home.running():
        feed = Dialogue.feed

        def broken(self: Dialogue, data: bytes, now_ms: int) -> list[Outcome]:
            monkeypatch.setattr(Dialogue, "feed", feed)
            raise ValueError(f"cannot understand {data!r}")

        monkeypatch.setattr(Dialogue, "feed", broken)
        home.texting.send(asked())
        await home.told(PartChanged("modem", ok=False, reason="its dialogue broke: ValueError"))
        assert home.of(TextFailed) == [TextFailed("t1", "its dialogue broke: ValueError")]
        await home.until(lambda: home.of(PartChanged)[-1] == WELL)
    assert "understand" not in caplog.text


async def test_garbage_on_the_line_is_survived_and_counted(home: Home) -> None:
    async with home.running():
        home.modem.urgent(b"\xff\x00garbage\r\n" * 50)
        home.texting.send(asked())
        await home.told(TextSent("t1"))
        assert home.texting.counters["modem: noise"] >= 50


# --- the queue ------------------------------------------------------------------------------------------


async def test_a_text_asked_for_again_while_it_waits_is_sent_once(home: Home) -> None:
    for _ in range(3):
        home.texting.send(asked())
    async with home.running():
        home.modem.when("PDU", lambda: home.texting.send(asked()))
        await home.told(TextDelivered("t1"))
        home.texting.send(asked("t2"))
        await home.told(TextDelivered("t2"))
        assert len(home.modem.sent) == 2


async def test_s5_calls_for_help_go_before_everything_else(home: Home) -> None:
    home.texting.send(asked("over", "anna", "over"))
    home.texting.send(asked("call", "ben"))
    async with home.running():
        await home.told(TextSent("over"))
        assert home.of(TextSent) == [TextSent("call"), TextSent("over")]


async def test_what_nobody_wants_any_more_is_not_sent(home: Home) -> None:
    home.texting.send(asked("t1"))
    home.texting.send(asked("t2"))
    home.unwanted.add("t1")
    async with home.running():
        await home.told(TextSent("t2"))
        assert len(home.modem.sent) == 1
        assert home.texting.counters["modem: texts not wanted any more"] == 1


async def test_a_contact_without_a_number_fails_by_itself(home: Home) -> None:
    home.texting.send(asked("t1", "carol"))
    home.texting.send(asked("t2"))
    async with home.running():
        await home.told(TextSent("t2"))
        assert home.of(TextFailed) == [TextFailed("t1", "no number for this contact")]


def test_s12_the_queue_is_bounded_and_a_call_for_help_finds_a_place(home: Home) -> None:
    for number in range(QUEUE_MAX):
        home.texting.send(asked(f"o{number}", what="over"))
    assert home.events == []
    home.texting.send(asked("more", what="taken"))
    home.texting.send(asked("call"))
    assert home.events == [
        TextFailed("more", "too many texts wait"),
        TextFailed(f"o{QUEUE_MAX - 1}", "too many texts wait"),
    ]
    assert len(home.texting._alarms) + len(home.texting._others) == QUEUE_MAX


def test_a_hub_without_a_modem_fails_every_text() -> None:
    events: list[Event] = []

    def put(event: Event, _durable: object) -> bool:
        events.append(event)
        return True

    NoModem(put).send(asked())
    assert events == [TextFailed("t1", "this hub has no modem")]
