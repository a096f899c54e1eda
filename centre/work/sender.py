"""The sender: commands and care plans go to their hubs, again and again, until they answer or the time is over."""

import asyncio
import logging
from collections.abc import Callable
from typing import NoReturn

from agent.clock import Clock
from agent.wire.topics import topic
from centre.intake import LedgerDownError
from centre.issue import Commands, Issuer, Pending
from centre.site.settings import SiteError
from centre.store.sealing import SealError
from centre.work.bell import Bell, listening
from centre.work.commands import CommandBook, CommandRow
from centre.work.line import Line
from centre.work.members import Members
from centre.work.plans import PlanBook, PlanRow

LOOK_EVERY_S = 0.25
"""How often it looks what other processes have given; for its own it is woken."""

PLAN_AGAIN_MS = 600_000
"""A plan that was not answered is published anew so often, though the broker should have it: it may have lost it."""

DOWN_S = 1.0

log = logging.getLogger(__name__)


class Sender:
    """The leader's sender. `nonce_of` gives a hub's newest nonce while it is online, else an empty text."""

    def __init__(
        self,
        commands: CommandBook,
        plans: PlanBook,
        members: Members,
        issuer: Issuer,
        line: Line,
        nonce_of: Callable[[str], str],
        clock: Clock,
    ) -> None:
        self._commands, self._plans, self._members = commands, plans, members
        self._issuer, self._line, self._nonce_of, self._clock = issuer, line, nonce_of, clock
        self._under_way = Commands(lambda: "")
        self._published: dict[int, tuple[int, str, int]] = {}
        self._tokens: dict[int, bytes] = {}

    async def run(self, arrived: Bell) -> NoReturn:
        """Send until cancelled. A hub that has `arrived` wakes it, as does a command or a plan that is given here."""
        with listening(self._commands.given, self._plans.given, arrived) as ear:
            while True:
                try:
                    await self.turn()
                except LedgerDownError as error:
                    log.warning("the sender waits for the store: %s", error)
                    await asyncio.sleep(DOWN_S)
                await ear.wait(LOOK_EVERY_S)

    async def turn(self) -> None:
        """Send what is due. Raises LedgerDownError."""
        rows = await asyncio.to_thread(self._commands.waiting)
        self._under_way.hold(_pending(each) for each in rows)
        now = self._clock.now()
        over = [each.id for each in self._under_way.expired(now)]
        await asyncio.to_thread(self._commands.mark, over, "unanswered", now.wall_ms)
        if self._line.up:
            await self._send(rows)
            await self._publish()

    async def _send(self, rows: list[CommandRow]) -> None:
        now = self._clock.now()
        new = {each.id for each in rows if each.state == "waiting"}
        sent = []
        for hub, command in self._under_way.due(now, self._nonce_of):
            self._line.send(topic(hub, "command"), self._issuer.seal(command))
            sent.append(command.id)
        await asyncio.to_thread(self._commands.mark, [each for each in sent if each in new], "sent", now.wall_ms)

    # --- plans ---------------------------------------------------------------------------------------

    async def _publish(self) -> None:
        """Have the broker retain the plan of each hub that has not answered; anew on each connection, its and ours."""
        rows = await asyncio.to_thread(self._plans.waiting)
        waiting = {each.number for each in rows}
        self._published = {number: mark for number, mark in self._published.items() if number in waiting}
        self._tokens = {number: token for number, token in self._tokens.items() if number in waiting}
        turn = self._clock.now().ms // PLAN_AGAIN_MS
        for row in rows:
            mark = (self._line.ups, self._nonce_of(row.hub), turn)
            if self._published.get(row.number) == mark:
                continue
            token = await asyncio.to_thread(self._sealed, row)
            if token:
                self._line.send(topic(row.hub, "plan"), token, retain=True)
                self._published[row.number] = mark

    def _sealed(self, row: PlanRow) -> bytes:
        """Seal a plan, once: a hub judges the same bytes once. What cannot be sealed is refused in the hub's stead."""
        if row.number in self._tokens:
            return self._tokens[row.number]
        now = self._clock.now()
        try:
            member = self._members.look().members.get(row.hub)
            document = self._plans.document(row.number)
            token = self._issuer.seal_plan(document, row.hub, now, None if member is None else member.plan)
        except SiteError as error:
            log.warning("a plan waits for the site's registry: %s", error)
            return b""
        except (ValueError, SealError) as error:
            why = f"it could not be sent: {error}"
            self._plans.told(row.hub, row.version, applied=False, reason=why, at_ms=now.wall_ms)
            return b""
        self._tokens[row.number] = token
        return token


def _pending(row: CommandRow) -> Pending:
    return Pending(hub=row.hub, id=row.id, type=row.type, data=row.data, expires=row.expires)
