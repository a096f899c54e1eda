"""Follows the real centre from beside it: what it has kept and what its staff do become steps of the story."""

import asyncio
from typing import Final, NoReturn

from centre.cases.outcomes import OUTCOMES
from centre.intake import Entry, LedgerDownError
from centre.services import Services
from centre.store.cases import AuditRow
from simulators.demo.world import World

LOOK_S: Final = 0.1

DID: Final = {
    "took": "take the case",
    "began": "work on the case",
    "waits": "wait for somebody, and will look again",
    "noted": "write a note",
    "handed-over": "hand the case over",
    "let-go": "put the case back into the queue",
    "reopened": "open the case again",
}
"""What staff did, by the name of the audit's entry."""

_RESOLVED = "resolved"


class _Fetched:
    """What was read of the ledger on another thread, an event at a time, for the desk to take up on this one."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, Entry, bool]] = []

    def events(self, *, after: int = 0, limit: int = 1_000) -> list[tuple[int, Entry, bool]]:
        """Give them."""
        return [row for row in self.rows if row[0] > after][:limit]


async def follow(world: World, services: Services) -> NoReturn:
    """Follow until cancelled. A store that cannot be read just now is read later."""
    fetched = _Fetched()
    world.desk.ledger = fetched
    event = audit = 0
    while True:
        try:
            rows = await asyncio.to_thread(services.ledger.events, after=event)
            done = await asyncio.to_thread(services.cases.audit, after=audit)
        except LedgerDownError:
            rows, done = [], []
        for kept in rows:
            event, fetched.rows = kept[0], [kept]
            world.desk.read(_boot_ms(world, kept[1].at_ms))
        for number, row in done:
            audit = number
            _tell(world, row)
        await asyncio.sleep(LOOK_S)


def _boot_ms(world: World, wall_ms: int) -> int:
    """Give a moment of the centre's on the demonstration's clock: they are on one machine."""
    now = world.clock.now()
    return now.ms - max(0, now.wall_ms - wall_ms)


def _tell(world: World, row: AuditRow) -> None:
    """Tell what somebody did to a case. What the centre did by itself is seen by what becomes of it."""
    if not row.case_id or row.who in ("hub", "centre"):
        return
    if row.what == _RESOLVED:
        body = row.body.decode()
        outcome = next((words for name, words in OUTCOMES.items() if f'"outcome":"{name}"' in body), "")
        told = "staff:resolve", f"close the case: {outcome}".rstrip(": ")
    elif row.what in DID:
        told = f"staff:{row.what}", DID[row.what]
    else:
        return
    world.story.add("staff", *told, ms=_boot_ms(world, row.at_ms))
