"""Gaps: numbers of a hub's lanes that exist and are not held are asked for again; what never comes, somebody sees."""

import asyncio
import logging
from collections.abc import Callable
from typing import NoReturn

from msgspec.structs import replace

from agent.clock import Clock
from centre.cases.events import Ended, Found
from centre.homes import Home
from centre.intake import LedgerDownError, Outcome
from centre.lanes import Missing, missing, position
from centre.store.ledger import StoredLedger
from centre.work.commands import CommandBook, TooManyCommandsError
from centre.work.desk import Desk
from rules.commands import RESEND_ROWS_MAX
from rules.reports import CheckIn

GRACE_MS = 120_000
"""A number that is missing may be on its way: a hub resends until it has a receipt."""

AGAIN_MS = 600_000
"""When the same hub is asked again."""

RANGES_MAX = 8
"""Ranges asked for at once."""

ASKED_MAX = 3
"""When a hub was asked so often and the same is still missing, it is a case."""

SUSPECTS_MAX = 10_000
EVERY_S = 1.0
"""One home a second: to count a home's numbers takes a tenth of a second when it has a hundred thousand."""

log = logging.getLogger(__name__)


class Heads:
    """Notices from what is heard that a hub's lane has a hole, or a head that never came. Pure, and bounded.

    What it misses while nobody leads, the look at every home finds that each check-in asks for after `GRACE_MS`.
    """

    def __init__(self) -> None:
        self._heads: dict[tuple[str, str], tuple[str, int]] = {}
        self.suspects: dict[str, int] = {}

    def heard(self, outcome: Outcome, ms: int) -> None:
        """Take a message at `ms` of the steady clock."""
        if outcome.verdict == "accepted" and isinstance(outcome.report, CheckIn) and outcome.event is not None:
            epoch = outcome.event.id.split("-", 1)[0]
            for lane, last in outcome.report.last.items():
                self._head(outcome.hub, lane, epoch, last, ms, claimed=True)
        elif outcome.verdict == "accepted" and outcome.event is not None:
            place = position(outcome.hub, outcome.event)
            if place is not None:
                self._head(outcome.hub, place.lane, place.epoch, place.seq, ms, claimed=False)

    def _head(self, hub: str, lane: str, epoch: str, seq: int, ms: int, *, claimed: bool) -> None:
        known = self._heads.get((hub, lane))
        if known is None or known[0] != epoch:
            # Not heard from the beginning: the store knows.
            self._suspect(hub, ms)
            self._heads[hub, lane] = (epoch, seq)
        elif seq > known[1]:
            if claimed or seq > known[1] + 1:
                self._suspect(hub, ms)
            self._heads[hub, lane] = (epoch, seq)

    def _suspect(self, hub: str, ms: int) -> None:
        if len(self.suspects) < SUSPECTS_MAX:
            self.suspects.setdefault(hub, ms)


class Gaps:
    """Asks hubs for what is missing. `home_of` says how a hub is connected and what it still has to send."""

    def __init__(
        self,
        ledger: StoredLedger,
        desk: Desk,
        commands: CommandBook,
        heads: Heads,
        home_of: Callable[[str], Home | None],
        clock: Clock,
    ) -> None:
        self._ledger, self._desk, self._commands, self._clock = ledger, desk, commands, clock
        self._heads, self._home_of = heads, home_of
        self._asked: dict[str, int] = {}

    async def run(self) -> NoReturn:
        """Look until cancelled, at one home a second."""
        while True:
            try:
                await self.turn()
            except LedgerDownError as error:
                log.warning("gaps wait for the store: %s", error)
            await asyncio.sleep(EVERY_S)

    async def turn(self) -> None:
        """Look at one home, if one is due. Raises LedgerDownError."""
        ms, suspects = self._clock.now().ms, self._heads.suspects
        hub = next((hub for hub, since in tuple(suspects.items()) if ms - since >= GRACE_MS), None)
        if hub is None:
            return
        again = await asyncio.to_thread(self.look, hub)
        suspects.pop(hub, None)  # it goes to the end of the row
        if again:
            suspects[hub] = ms + AGAIN_MS - GRACE_MS

    def look(self, hub: str) -> bool:
        """Ask a hub for what it lacks here; say whether to look again. Raises LedgerDownError."""
        home = self._home_of(hub)
        if home is None or not home.online:
            return True
        every = missing(self._ledger.lanes(hub))
        lacking = [each for one in every if (each := owed(one, home)) is not None]
        at_ms = self._clock.now().wall_ms
        if not lacking:
            self._asked.pop(hub, None)
            self._desk.take_in(hub, [Ended(at_ms=at_ms, cause="fault", subject="gap", text="all has come")])
            return bool(every)
        asked = self._asked[hub] = self._asked.get(hub, 0) + 1
        if asked > ASKED_MAX:
            count = sum(each.last - each.first + 1 for each in lacking)
            text = f"{count} messages of this hub are missing here, and do not come: tell an engineer"
            self._desk.take_in(hub, [Found(at_ms=at_ms, cause="fault", subject="gap", priority=3, text=text)])
        for each in lacking[:RANGES_MAX]:
            last = min(each.last, each.first + RESEND_ROWS_MAX - 1)
            data = {"epoch": each.epoch, "lane": each.lane, "from": each.first, "to": last}
            try:
                self._commands.give(hub, "resend", data, by="centre")
            except TooManyCommandsError:
                break
        return True


def owed(each: Missing, home: Home) -> Missing | None:
    """Give what of a gap the hub does not have in hand to send by itself; None if it has it all.

    What it still has to send begins at its oldest event without a receipt, as its latest check-in said.
    """
    oldest = home.oldest.get(each.lane)
    if oldest is None:
        return each
    epoch, _, number = oldest.partition(f"-{each.lane}-")
    if epoch == each.epoch and number.isascii() and number.isdecimal():
        return None if int(number) <= each.first else replace(each, last=min(each.last, int(number) - 1))
    # Of epochs nothing says which is older: once its oldest is of the present one, all before is done.
    return each if epoch == home.epoch else None
