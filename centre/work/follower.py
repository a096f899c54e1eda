"""The follower: makes cases of what was kept, once, in the order it came; and takes hubs' answers.

How far it has read is kept in the commit of what it made: killed in between, it makes it again; two make it once.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

import sqlalchemy as sa

from centre.intake import Aside, Entry, LedgerDownError
from centre.site.settings import SiteError
from centre.store.cases import Cases, ClashError, Followed
from centre.store.database import Database
from centre.store.ledger import StoredLedger
from centre.store.schema import QUARANTINE
from centre.work.bell import Bell, listening
from centre.work.commands import CommandBook
from centre.work.desk import Desk, Told
from centre.work.members import Members, Roll
from centre.work.plans import PlanBook
from centre.work.reading import Answer, AsideReader, Read, failed, read_event
from rules.reports import CommandDone, CommandRefused, PlanApplied, PlanRefused

CASES, ASIDE = "cases", "aside"
"""The names under which it is kept how far events, and what was put aside, were read."""

LOOK_EVERY_S = 0.25
"""How often it looks what other processes have kept; for its own it is woken."""

BATCH = 50
"""In one commit: it may last a tenth of a second on a slow disk, and receipts wait for it."""

DOWN_S = 1.0

log = logging.getLogger(__name__)


class _One(NamedTuple):
    """A message that was read: its number, what was made of it, and whose and which it was."""

    number: int
    told: tuple[Told, ...]
    hub: str
    ref: str
    at_ms: int


class Follower:
    """Follows the store. One follows at a time (the leader's); a second does no harm."""

    def __init__(
        self,
        database: Database,
        ledger: StoredLedger,
        cases: Cases,
        desk: Desk,
        commands: CommandBook,
        plans: PlanBook,
        members: Members,
    ) -> None:
        self._database, self._ledger, self._cases = database, ledger, cases
        self._desk, self._commands, self._plans, self._members = desk, commands, plans, members
        self._asides = AsideReader()
        self._read: dict[str, int] = {}
        self._roll = Roll(0, {}, frozenset())
        self.bugs = 0

    async def run(self, kept: Bell) -> NoReturn:
        """Follow until cancelled; `kept` wakes it."""
        with listening(kept) as ear:
            while True:
                try:
                    while await asyncio.to_thread(self.turn):
                        pass
                except LedgerDownError as error:
                    log.warning("the follower waits for the store: %s", error)
                    await asyncio.sleep(DOWN_S)
                await ear.wait(LOOK_EVERY_S)

    def turn(self) -> int:
        """Read on; give how much there was. Raises LedgerDownError."""
        return self._events() + self._put_aside()

    # --- events ------------------------------------------------------------------------------------

    def _events(self) -> int:
        was = self._cursor(CASES)
        rows = self._ledger.events(after=was, limit=BATCH)
        read = [(number, entry, self._understood(entry, conflict=conflict)) for number, entry, conflict in rows]
        answers = [(entry, each.answer) for _, entry, each in read if each.answer is not None]
        if answers:
            self._take_answers(answers)
        ones = [_One(number, each.told, entry.hub, entry.id, entry.at_ms) for number, entry, each in read]
        self._take(CASES, was, ones)
        return len(rows)

    def _understood(self, entry: Entry, *, conflict: bool) -> Read:
        try:
            return read_event(entry, conflict=conflict)
        except Exception as error:  # one event must not hold up all that come after it
            self.bugs += 1
            log.exception("event %s of %s could not be read", entry.id, entry.hub)
            return Read((failed(entry.hub, entry.id, error, entry.at_ms),))

    def _take_answers(self, answers: Sequence[tuple[Entry, Answer]]) -> None:
        """Keep what hubs answered; one that we fail at must not hold up the alarms that come after it."""
        try:
            with self._database.writing() as connection:
                for entry, answer in answers:
                    self._answered(connection, entry, answer)
        except LedgerDownError:
            raise
        except Exception:
            self.bugs += 1
            log.exception("what %s answered could not be taken", answers[0][0].hub if len(answers) == 1 else "hubs")
            if len(answers) > 1:
                for each in answers:
                    self._take_answers([each])

    def _answered(self, connection: sa.Connection, entry: Entry, answer: Answer) -> None:
        hub, at_ms = entry.hub, entry.at_ms
        match answer:
            case CommandDone():
                self._commands.answered(hub, answer.command, "done", "", at_ms, connection=connection)
            case CommandRefused():
                self._commands.answered(hub, answer.command, "refused", answer.reason, at_ms, connection=connection)
            case PlanApplied():
                self._plans.told(hub, answer.version, applied=True, reason="", at_ms=at_ms, connection=connection)
            case PlanRefused():
                why = answer.reason
                self._plans.told(hub, answer.version, applied=False, reason=why, at_ms=at_ms, connection=connection)

    # --- what was put aside --------------------------------------------------------------------------

    def _put_aside(self) -> int:
        was = self._cursor(ASIDE)
        rows = self._asides_after(was)
        if rows:
            try:
                self._roll = self._members.look()
            except SiteError as error:
                log.warning("whose hubs these are cannot be read: %s", error)
        ones = []
        for number, aside in rows:
            word = self._word(number, aside)
            ones.append(_One(number, () if word is None else (word,), aside.hub, f"aside-{number}", aside.at_ms))
        self._take(ASIDE, was, ones)
        return len(rows)

    def _word(self, number: int, aside: Aside) -> Told | None:
        try:
            return self._asides.read(aside, self._roll.members.keys(), self._roll.revoked)
        except Exception as error:  # likewise
            self.bugs += 1
            log.exception("message %d that was put aside could not be read", number)
            return failed(aside.hub, f"aside-{number}", error, aside.at_ms)

    def _asides_after(self, after: int) -> list[tuple[int, Aside]]:
        c = QUARANTINE.c
        asked = sa.select(c.number, c.hub, c.topic, c.token, c.reason, c.at_ms).where(c.number > after)
        with self._database.reading() as connection:
            rows = connection.execute(asked.order_by(c.number).limit(BATCH)).all()
        return [(number, Aside(*rest)) for number, *rest in rows]

    # --- keeping -------------------------------------------------------------------------------------

    def _cursor(self, name: str) -> int:
        if name not in self._read:
            self._read[name] = self._cases.followed(name)
        return self._read[name]

    def _take(self, name: str, was: int, read: Sequence[_One]) -> None:
        """Keep what was made of all that was read, and that it was; if that fails of a bug, one after the other."""
        if not read:
            return
        now = read[-1].number
        told = [each for one in read for each in one.told]
        try:
            self._desk.take_all(told, followed=Followed(name, was, now))
        except ClashError as error:
            del self._read[name]  # another leader has read on: so do we, from there
            log.warning("%s", error)
            return
        except LedgerDownError:
            raise
        except Exception as error:
            self.bugs += 1
            log.exception("what %s said could not be taken", read[0].hub if len(read) == 1 else f"{len(read)} messages")
            if len(read) > 1:
                for one in read:
                    if one.number > self._cursor(name):  # else another leader was there meanwhile
                        self._take(name, self._cursor(name), [one])
                return
            self._give_up(name, was, read[0], error)
        self._read[name] = now

    def _give_up(self, name: str, was: int, one: _One, error: Exception) -> None:
        """Make a case of what could not be made a case of; if not even that can be, go on all the same."""
        followed = Followed(name, was, one.number)
        try:
            self._desk.take_all([failed(one.hub, one.ref, error, one.at_ms)], followed=followed)
        except (LedgerDownError, ClashError):
            raise
        except Exception:
            log.exception("message %s of %s is in the store, and in no case", one.ref, one.hub)
            self._desk.take_all([], followed=followed)
