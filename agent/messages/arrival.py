"""Where a message comes in: opened, checked and kept before the rules hear of it, and then without its text (S11).

Nothing waits on it: messages have a few places to wait in, and a part of their own in the daemon.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from agent.messages.keeping import Keeping, Kept
from agent.plan.private import TEXT_CHARS_MAX, sentence
from agent.plan.spoken import language_of
from agent.plan.tables import Language
from agent.wire.envelope import Key
from agent.wire.sealing import SealError, open_message
from rules.commands import KEPT, SayMessage
from rules.events import Commanded
from rules.state import House

SAY = "say"
"""The command that brings a message."""

WAITING_MAX = 32
"""S12: so many may wait to be opened; the centre repeats what finds no place."""

LOOK_EVERY_S = 5.0
"""How often it is looked for texts that nobody needs any more."""

_A_TEXT = f"a message is a text of 1 to {TEXT_CHARS_MAX} characters on one line, and its language, such as en"

Put = Callable[[Commanded], bool]
"""Puts a command before the rules; False when there was no place."""


class UnreadableError(Exception):
    """A message is not to be said; the text says why, and nothing of the message."""


class _Content(msgspec.Struct):
    """What is sealed; without a language it is in that of whom it is for."""

    text: str
    language: Language | None = None


class Messages:
    """Opens messages with the hub's `key` for plans. `text` gives a text of the care plan by its reference.

    `carry` runs what writes to the disk on a thread.
    """

    def __init__(
        self,
        keeping: Keeping,
        key: Key | None,
        *,
        house: Callable[[], House],
        put: Put,
        text: Callable[[str], str | None],
        carry: Callable[..., Awaitable[Any]] = asyncio.to_thread,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self.keeping = keeping
        self._key = key
        self._house = house
        self._put = put
        self._text = text
        self._carry = carry
        self._look_every_s = look_every_s
        self._waiting: dict[str, tuple[Commanded, Put]] = {}
        self._offered: set[str] = set()
        self._needed: frozenset[str] = frozenset()
        self._purged: frozenset[str] | None = None
        self._bell = asyncio.Event()

    # --- coming in -----------------------------------------------------------------------------------

    def at_start(self) -> None:
        """Offer again what was kept and the house has not heard of: the hub stopped in between, or lost its house."""
        house = self._house()
        heard_of = {*house.commands, *(each.id for each in house.messages)}
        for kept in self.keeping.all().values():
            if kept.id not in heard_of:
                say = SayMessage(sealed=KEPT, person=kept.person, hours=kept.hours)
                self._offer(Commanded(kept.id, SAY, _json(say)), self._put)

    def arrived(self, event: Commanded, put: Put) -> None:
        """Take a command that brings a message. One that the rules know is not opened again: they do nothing (S4)."""
        if event.id in self._offered or event.id in self._house().commands:
            put(replace(event, body="{}"))
        elif event.id not in self._waiting and len(self._waiting) < WAITING_MAX:
            self._waiting[event.id] = event, put
            self._bell.set()

    async def run(self) -> None:
        """Open what comes, one at a time, until cancelled."""
        self.at_start()
        while True:
            await self.turn()
            self._bell.clear()
            if not self._waiting:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._look_every_s):
                        await self._bell.wait()

    async def turn(self) -> None:
        """Open what is there now, and let go of what is not needed any more."""
        while self._waiting:
            message, (event, put) = next(iter(self._waiting.items()))
            try:
                self._offer(await self._opened(event), put)
            finally:
                self._waiting.pop(message)
        await self._tidy()

    def _offer(self, event: Commanded, put: Put) -> None:
        self._offered.add(event.id)
        if not put(event):
            self._offered.discard(event.id)  # the centre repeats it until it is done

    async def _tidy(self) -> None:
        """Delete what the house has not named at two looks running: the first may come before the commit (S1)."""
        house = self._house()
        self._offered.difference_update(house.commands)
        needed = frozenset((*self._offered, *(each.id for each in house.messages if each.sealed)))
        keep, self._needed = needed | self._needed, needed
        if keep != self._purged:
            await self._carry(self.keeping.purge, keep)
            self._purged = keep

    # --- opening -------------------------------------------------------------------------------------

    async def _opened(self, event: Commanded) -> Commanded:
        """Give the command as the rules may have it: nothing of what it says is left in it (S11)."""
        bare = replace(event, body="{}")
        try:
            say = self._checked(event.body)
            if say.sealed:
                await self._carry(self.keeping.keep, self._read(event.id, say))
                say = replace(say, sealed=KEPT)
        except (UnreadableError, SealError) as error:
            return replace(bare, refused=str(error))
        except OSError as error:
            return replace(bare, refused=f"it could not be kept: {error.strerror}")
        return replace(event, body=_json(say))

    def _checked(self, body: str) -> SayMessage:
        try:
            say = msgspec.json.decode(body, type=SayMessage)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            expected = "text (a reference) or sealed, person (a reference), hours (1 to 168)"
            raise UnreadableError(f"data of {SAY}: expected {expected}") from None
        if bool(say.text) == bool(say.sealed):
            raise UnreadableError(f"data of {SAY}: expected either text or sealed")
        if say.text and self._text(say.text) is None:
            raise UnreadableError("the care plan in force has no text of that reference")
        house = self._house()
        people = {"", *(each.person for each in house.plan.people), *(each.person for each in house.config.sensors)}
        if say.person not in people:
            raise UnreadableError("nobody of that reference lives here, by the care plan or the hub's configuration")
        return say

    def _read(self, message: str, say: SayMessage) -> Kept:
        try:
            content = msgspec.convert(open_message(say.sealed, self._key), _Content)
        except msgspec.ValidationError:
            raise UnreadableError(_A_TEXT) from None
        text = sentence(content.text)
        if not text:
            raise UnreadableError(_A_TEXT)
        language = content.language or language_of(self._house().plan, say.person)
        return Kept(id=message, text=text, language=language, person=say.person, hours=say.hours)


def _json(say: SayMessage) -> str:
    return msgspec.json.encode(say).decode()
