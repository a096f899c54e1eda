"""The modem of the simulated box, the mobile network behind it, and the contacts, who answer as people do.

Stands in for `agent.sms.texting.Texting`: the same promises towards the rules, without a port.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from agent.sms.texting import PART, NoModem, Put
from rules.actions import SendText
from rules.events import PartChanged, Replied, TextDelivered, TextFailed, TextSent
from rules.replies import YES
from rules.state import House
from sensors.listening import STEADY_S

TAKES_S = (1.5, 6.0)
"""How long the network takes over a text."""

ANSWERS_S = (15, 1_500)
LATE_S = (3_700, 9_000)
"""How soon people answer; and those who find the text hours later."""

REFUSED, UNREPORTED = 0.06, 0.15
"""The share of texts that a good network refuses; and of those taken, that nobody reports as delivered."""

ANSWERS = (
    # what a contact does with a call for help, and how often of a hundred
    ("nothing", 40),
    ("right", 24),
    ("right twice", 7),
    ("wrong code", 7),
    ("yesterday's code", 7),
    ("another's code", 7),
    ("no", 4),
    ("late", 4),
)


class _Reply(msgspec.Struct, eq=False):
    """A contact's text on its way, and which texting was told of it."""

    event: Replied
    told: object = None


class Handed(msgspec.Struct, frozen=True):
    """The network took a text: when, by which process, and whether the hub was told so."""

    action: SendText
    at_ms: int
    process: object
    told: bool


class _Life(Protocol):
    """The process that a texting belongs to."""

    alive: bool


class Contacts:
    """The people who are texted. Each call for help has a chance to be answered, rightly or not."""

    def __init__(self, dice: random.Random, later: Callable[[float, Callable[[], None]], None]) -> None:
        self._dice, self._later = dice, later
        self._codes: dict[str, list[int]] = {}
        self.answer: Callable[[Replied], None] = lambda _: None

    def got(self, action: SendText) -> None:
        """Read a text."""
        if action.what != "alarm":
            return
        known = self._codes.setdefault(action.contact, [])
        what = self._dice.choices([each for each, _ in ANSWERS], [share for _, share in ANSWERS])[0]
        code = self._code(what, action)
        known.append(action.code)
        if what == "nothing" or code is None:
            return
        after_s = self._dice.uniform(*(LATE_S if what == "late" else ANSWERS_S))
        reply = Replied(action.contact, 2 if what == "no" else YES, code)
        for number in range(2 if what == "right twice" else 1):
            self._later(after_s + 40 * number, lambda: self.answer(reply))

    def _code(self, what: str, action: SendText) -> int | None:
        """Give the code that is answered with; None when there is none such."""
        match what:
            case "wrong code":
                return 10 + (action.code + 1) % 90
            case "yesterday's code":
                earlier = self._codes.get(action.contact, [])
                return self._dice.choice(earlier) if earlier else None
            case "another's code":
                others = [codes[-1] for name, codes in sorted(self._codes.items()) if name != action.contact and codes]
                return self._dice.choice(others) if others else None
            case _:
                return action.code


class Modem:
    """The device and its network, whichever process uses it. `down`: pulled; `refusing`, `mute`: a bad network."""

    def __init__(self, dice: random.Random, now_ms: Callable[[], int]) -> None:
        self.dice, self.now_ms = dice, now_ms
        self.down = self.refusing = self.mute = False
        self.well_ms = 0
        """Since when it has been well; only of use while it is."""
        self.handed: Callable[[Handed], None] = lambda _: None
        self.failed: Callable[[SendText], None] = lambda _: None
        self.contacts = Contacts(dice, self._later)
        self.contacts.answer = self._came
        self.texting: WorldTexting | None = None
        self._waiting: list[_Reply] = []
        """Replies that no hub has kept yet: the network, and then the SIM, hold them."""

    @property
    def well(self) -> bool:
        """Whether it does what it is told."""
        return not (self.down or self.refusing or self.mute)

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(seconds, work)

    def mood(self, mood: str, *, on: bool) -> None:
        """Begin or end a bad mood: `down`, `refusing`, `mute`."""
        setattr(self, mood, on)
        self.well_ms = self.now_ms()
        if mood == "down" and self.texting is not None:
            self.texting.pulled() if on else self.texting.plugged()
        self.hear()

    def _came(self, reply: Replied) -> None:
        self._waiting.append(_Reply(reply))
        self.hear()

    def hear(self) -> None:
        """Hand what came to the hub, once to each process that listens; what it has kept is gone from here."""
        texting = self.texting
        for reply in list(self._waiting):
            if texting is not None and not self.down and reply.told is not texting:
                reply.told = texting
                texting.hear(reply.event, lambda reply=reply: self._settled(reply))  # type: ignore[misc]

    def _settled(self, reply: _Reply) -> None:
        if reply in self._waiting:
            self._waiting.remove(reply)


class WorldTexting(NoModem):
    """What the daemon has: sends texts, and tells what became of them. See `agent.sms.texting.Texting`."""

    def __init__(self, modem: Modem, process: _Life, put: Put, house: Callable[[], House]) -> None:
        super().__init__(put)
        self._world, self._process, self._house = modem, process, house
        self._queue: deque[SendText] = deque()
        self._at_work: SendText | None = None
        self._up: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Open the modem."""
        self._world.texting = self
        self._told(ok=not self._world.down)
        self._world.hear()
        await asyncio.Event().wait()

    def send(self, action: SendText) -> None:
        """Send a text; asked again meanwhile, it is sent once."""
        if any(each.text == action.text for each in (*self._queue, *([self._at_work] if self._at_work else []))):
            return
        if self._world.down:
            self._fail(action, "there is no modem")
            return
        self._queue.append(action)
        self._next()

    def _next(self) -> None:
        while self._at_work is None and self._queue and self._process.alive:
            action = self._queue.popleft()
            if any(text.id == action.text and text.state == "waiting" for text in self._house().texts):
                self._at_work = action
                asyncio.get_running_loop().call_later(self._world.dice.uniform(*TAKES_S), self._done, action)

    def _done(self, action: SendText) -> None:
        """The network has taken it, or not; what a dead process began goes its way all the same."""
        modem, draw = self._world, self._world.dice.random()
        if modem.down:
            return
        mine = self._at_work is action
        self._at_work = None
        if modem.refusing or draw < REFUSED:
            if mine:
                self._fail(action, "error 41: a passing trouble of the network")
        elif not modem.mute or draw < 0.5:  # noqa: PLR2004 -- half of what gets no answer is sent all the same
            told = mine and not modem.mute and self._process.alive
            modem.handed(Handed(action, modem.now_ms(), self._process, told))
            modem.contacts.got(action)
            if told:
                self._tell(TextSent(action.text))
                if draw > REFUSED + UNREPORTED:
                    asyncio.get_running_loop().call_later(20 * draw, self._tell, TextDelivered(action.text))
        self._next()

    def _fail(self, action: SendText, reason: str) -> None:
        self._world.failed(action)
        self._tell(TextFailed(action.text, reason))

    def _tell(self, event: TextSent | TextDelivered | TextFailed) -> None:
        if self._process.alive:
            self._put(event, None)

    def hear(self, reply: Replied, settled: Callable[[], None]) -> None:
        """Put a reply into the inbox."""
        if self._process.alive:
            self._put(reply, settled)

    def pulled(self) -> None:
        """The modem is gone: whatever waits has failed, and somebody must know."""
        if not self._process.alive:
            return
        waiting = [*([self._at_work] if self._at_work else []), *self._queue]
        self._at_work = None
        self._queue.clear()
        if self._up is not None:
            self._up.cancel()
        self._told(ok=False)
        for action in waiting:
            self._fail(action, "it was pulled out")

    def plugged(self) -> None:
        """It is back; it must stay a while before it counts as well."""
        if self._process.alive:
            self._up = asyncio.get_running_loop().call_later(STEADY_S, lambda: self._told(ok=True))

    def _told(self, *, ok: bool) -> None:
        if self._process.alive:
            self._put(PartChanged(PART, ok, "" if ok else "it was pulled out"), None)
