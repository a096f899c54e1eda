"""Texts out and replies in: keeps the modem open, sends what waits, and tells the rules what became of it."""

import asyncio
import logging
import unicodedata
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from agent.clock import Clock
from agent.config import HubConfig
from agent.sms import phrases
from agent.sms.book import Book
from agent.sms.dialogue import Dialogue, References
from agent.sms.outcomes import Came, Dead, Delivered, Failed, Fit, Outcome, Outgoing, Sent, Unfit, Write
from agent.sms.sim import PinFile, Pins
from rules.actions import SendText
from rules.events import Event, PartChanged, Replied, TextDelivered, TextFailed, TextSent
from rules.replies import read_reply
from rules.state import House
from sensors.listening import BACKOFF_FIRST_S, STEADY_S

log = logging.getLogger(__name__)

PIN_TRIED = "sim-pin-tried"
"""A file of the hub's own directory: see `PinFile`."""

PART = "modem"
"""The subject of its fault."""

QUEUE_MAX = 64
"""S12: as many texts as the rules remember."""

BACKOFF_MAX_S = 5.0
"""The longest pause before a lost modem is looked for again: a call for help may wait for it."""

FALLS, FALLS_WITHIN_S = 3, 300.0
"""S12: a modem that was lost so often in so long is told to be well only once it has stayed so for a while.

One whose power fails whenever it sends comes and goes for ever."""

BODY_CHARS_MAX = 160
_REASON_CHARS_MAX = 200
_CLOSE_S = 2.0

Put = Callable[[Event, Callable[[], None] | None], bool]
OpenPort = Callable[[str, int, asyncio.Protocol], Awaitable[asyncio.Transport]]


async def open_serial(device: str, baud: int, protocol: asyncio.Protocol) -> asyncio.Transport:
    """Open a serial port. Raises OSError (pyserial's exceptions are among them)."""
    from serial_asyncio_fast import create_serial_connection  # noqa: PLC0415 -- only a hub with a modem loads it

    transport, _ = await create_serial_connection(
        asyncio.get_running_loop(), lambda: protocol, device, baudrate=baud, exclusive=True
    )
    return transport


class Modem(msgspec.Struct, frozen=True):
    """How to open the modem: its AT port, the port's speed, who keeps the SIM's PIN, and what opens ports."""

    port: str
    baud: int
    pins: Pins
    open_port: OpenPort = open_serial


def make_texting(
    config: HubConfig,
    book: Book,
    put: Put,
    clock: Clock,
    house: Callable[[], House],
    *,
    open_port: OpenPort = open_serial,
) -> "Texting | NoModem":
    """Make what sends this hub's texts."""
    if config.modem is None:
        return NoModem(put)
    pins = PinFile(config.modem.pin_file, config.state_dir / PIN_TRIED)

    def wanted(text_id: str) -> bool:
        return any(text.id == text_id and text.state == "waiting" for text in house().texts)

    return Texting(Modem(str(config.modem.port), config.modem.baud, pins, open_port), book, put, clock, wanted)


class NoModem:
    """What a hub without a modem has instead: every text fails at once."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self.counters: dict[str, int] = {}

    def send(self, action: SendText) -> None:
        """Tell that it cannot be sent."""
        self._put(TextFailed(action.text, "this hub has no modem"), None)

    async def run(self) -> None:
        """Have nothing to do, until cancelled."""
        await asyncio.Event().wait()


class Texting:
    """Sends texts and hears replies through one modem. Used from the event loop's thread only.

    `put` is the inbox's. `wanted` tells whether the rules still want a text sent (by its id): somebody may have taken
    the alarm while it waited here.
    """

    def __init__(
        self,
        modem: Modem,
        book: Book,
        put: Put,
        clock: Clock,
        wanted: Callable[[str], bool],
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        steady_s: float = STEADY_S,
    ) -> None:
        self._modem, self._book, self._put, self._clock, self._wanted = modem, book, put, clock, wanted
        self._sleep, self._steady_s = sleep, steady_s
        self._alarms: deque[SendText] = deque()
        self._others: deque[SendText] = deque()
        self._sending = ""
        self._references: References = {}
        self._session: _Session | None = None
        self._trouble = ""
        self._told: bool | None = None
        self._falls: deque[float] = deque(maxlen=FALLS)
        self._clearing: asyncio.TimerHandle | None = None
        self._counted = dict.fromkeys(("openings", "noise", "texts from strangers", "texts not wanted any more"), 0)

    def send(self, action: SendText) -> None:
        """Send a text as soon as it can be. Its outcome comes as an event; asked again meanwhile, it is sent once."""
        waiting = (*self._alarms, *self._others)
        if action.text == self._sending or any(each.text == action.text for each in waiting):
            return
        if self._trouble:
            self._fail(action.text, self._trouble)
            return
        if len(waiting) >= QUEUE_MAX:
            spare = self._others.pop() if action.what == "alarm" and self._others else action  # S5
            self._fail(spare.text, "too many texts wait")
            if spare is action:
                return
        (self._alarms if action.what == "alarm" else self._others).append(action)
        if self._session is not None:
            self._session.nudge()

    async def run(self) -> None:
        """Keep the modem open until cancelled."""
        loop, backoff_s = asyncio.get_running_loop(), BACKOFF_FIRST_S
        try:
            while True:
                opened = loop.time()
                self._unwell(await self._one_session())
                if loop.time() - opened >= STEADY_S:
                    backoff_s = BACKOFF_FIRST_S
                await self._sleep(backoff_s)
                backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
        finally:
            self._stop_clearing()

    @property
    def counters(self) -> dict[str, int]:
        """What is counted, and the signal in dBm when it is known."""
        counted = {f"{PART}: {what}": count for what, count in self._counted.items() if count}
        session = self._session
        if session is not None:
            noise = self._counted["noise"] + session.dialogue.noise
            counted |= {f"{PART}: noise": noise} if noise else {}
            signal = session.dialogue.signal_dbm
            counted |= {} if signal is None else {f"{PART}: signal, dBm": signal}
        return counted

    # --- one opening -------------------------------------------------------------------------------

    async def _one_session(self) -> str:
        """Open the modem and talk to it until that ends; give why it did."""
        self._counted["openings"] += 1
        session = _Session(Dialogue(self._modem.pins, self._next, self._references), self._clock, self._came_of)
        try:
            transport = await self._modem.open_port(self._modem.port, self._modem.baud, session)
        except Exception as problem:  # noqa: BLE001 -- S7: whatever it is, it is told, and tried again
            return f"it cannot be opened: {getattr(problem, 'strerror', None) or type(problem).__name__}"
        self._session = session
        try:
            return await session.over
        finally:
            self._session = None
            self._counted["noise"] += session.dialogue.noise
            session.stop()
            if not transport.is_closing():  # a second close would fail within pyserial-asyncio-fast
                transport.abort()
            await asyncio.wait([session.gone], timeout=_CLOSE_S)  # the port is locked while it is open

    def _next(self) -> Outgoing | None:
        """Give the next text, those that call for help first."""
        while waiting := self._alarms or self._others:
            action = waiting.popleft()
            if not self._wanted(action.text):
                self._counted["texts not wanted any more"] += 1
                continue
            number = self._book.number(action.contact, action.plan_version)
            if number is None:
                self._fail(action.text, "no number for this contact")
                continue
            self._sending = action.text
            return Outgoing(action.text, number, phrases.say(action))
        self._sending = ""
        return None

    def _came_of(self, outcome: Outcome) -> None:
        match outcome:
            case Fit():
                self._well()
            case Unfit(reason):
                self._unwell(reason)
            case Sent(text):
                self._done(text)
                self._put(TextSent(text), None)
            case Delivered(text):
                self._put(TextDelivered(text), None)
            case Failed(text, reason):
                self._done(text)
                self._fail(text, reason)
            case Came():
                self._replied(outcome)

    def _done(self, text: str) -> None:
        if self._sending == text:
            self._sending = ""

    def _replied(self, came: Came) -> None:
        """S11: what a contact's text says besides its answer goes no further, and a stranger's goes nowhere."""
        contact = self._book.contact(came.sender)
        session = self._session
        if contact is None:
            self._counted["texts from strangers"] += 1
            if session is not None:
                session.settle(came, kept=True)
            return
        answer, code = read_reply(legible(came.body)) or (0, 0)

        def durable() -> None:
            if session is not None:
                session.settle(came, kept=True)

        if not self._put(Replied(contact, answer, code), durable) and session is not None:
            session.settle(came, kept=False)

    # --- how it is ---------------------------------------------------------------------------------

    def _well(self) -> None:
        self._trouble = ""
        loop = asyncio.get_running_loop()
        if self._told or self._clearing is not None:
            return
        if len(self._falls) == FALLS and loop.time() - self._falls[0] < FALLS_WITHIN_S:
            self._clearing = loop.call_later(self._steady_s, self._steady)
        else:
            self._tell(ok=True)

    def _steady(self) -> None:
        self._clearing = None
        self._tell(ok=True)

    def _unwell(self, reason: str) -> None:
        """S7: tell it once; and no text waits for a modem that may never come: the rules try it again."""
        self._stop_clearing()
        self._trouble = reason[:_REASON_CHARS_MAX]
        if self._told is not False:
            self._falls.append(asyncio.get_running_loop().time())
            self._tell(ok=False, reason=self._trouble)
        for waiting in (self._alarms, self._others):
            while waiting:
                self._fail(waiting.popleft().text, self._trouble)

    def _stop_clearing(self) -> None:
        if self._clearing is not None:
            self._clearing.cancel()
            self._clearing = None

    def _tell(self, *, ok: bool, reason: str = "") -> None:
        self._told = ok
        log.log(logging.INFO if ok else logging.WARNING, "modem: %s", "well" if ok else reason)
        self._put(PartChanged(PART, ok, reason), None)

    def _fail(self, text: str, reason: str) -> None:
        self._put(TextFailed(text, reason[:_REASON_CHARS_MAX]), None)


class _Session(asyncio.Protocol):
    """Carries bytes and time to one dialogue, and its outcomes away. `over` becomes why it ended."""

    def __init__(self, dialogue: Dialogue, clock: Clock, came_of: Callable[[Outcome], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self.dialogue, self._clock, self._came_of = dialogue, clock, came_of
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.over: asyncio.Future[str] = self._loop.create_future()
        self.gone: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 -- asyncio's own signature says BaseTransport
        """Begin."""
        self._transport = transport
        self._loop.call_soon(self._tell, self.dialogue.start)  # once whoever opened it knows that it is open

    def data_received(self, data: bytes) -> None:
        """Take what the modem said."""
        self._tell(lambda now_ms: self.dialogue.feed(data, now_ms))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- it says nothing that helps
        """Learn that it was pulled, or closed by us."""
        self._tell(lambda now_ms: self.dialogue.pulled("it was pulled out, or lost its power", now_ms))
        if not self.gone.done():
            self.gone.set_result(None)

    def nudge(self) -> None:
        """There is a text to send."""
        self._tell(self.dialogue.nudge)

    def settle(self, came: Came, *, kept: bool) -> None:
        """A text that came is kept elsewhere now, or had no place there."""
        stored = came.stored
        if stored is not None:  # not from within the dialogue that is just telling of it
            self._loop.call_soon(self._tell, lambda now_ms: self.dialogue.settled(stored, now_ms, kept=kept))

    def stop(self) -> None:
        """Talk no more: what was being sent has failed."""
        self._tell(lambda now_ms: self.dialogue.pulled("it is being closed", now_ms))

    def _tell(self, what: Callable[[int], list[Outcome]]) -> None:
        try:
            self._carry(what(self._clock.now().ms))
        except Exception as problem:  # noqa: BLE001 -- S7: a dialogue that breaks is a modem that fails, never silence
            reason = f"its dialogue broke: {type(problem).__name__}"  # S11: not what it says
            log.error("modem: %s", reason)  # noqa: TRY400 -- likewise
            self._carry(self.dialogue.pulled(reason, self._clock.now().ms))
        self._set_timer()

    def _carry(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Write):
                if self._transport is not None:
                    self._transport.write(outcome.data)
            elif not isinstance(outcome, Dead):
                self._came_of(outcome)
            elif not self.over.done():
                self.over.set_result(outcome.reason)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due_ms = self.dialogue.due()
        self._timer = None
        if due_ms is not None:
            wait_s = max(due_ms - self._clock.now().ms, 0) / 1_000
            self._timer = self._loop.call_later(wait_s, self._tell, self.dialogue.settle)


def legible(body: str) -> str:
    """Write a reply's digits as 0 to 9, whatever script they are in, without the marks that set its direction."""
    plain = (str(unicodedata.decimal(each)) if each.isdecimal() else each for each in body[:BODY_CHARS_MAX])
    return "".join(each for each in plain if unicodedata.category(each) != "Cf")
