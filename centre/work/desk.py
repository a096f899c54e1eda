"""The desk: the one way a case changes. What changes, its audit, and what hubs are told of it are one commit."""

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import NamedTuple, get_args

import msgspec
import sqlalchemy as sa

from agent.clock import Clock
from agent.wire.messages import CENTRE
from centre.cases.audit import Entry
from centre.cases.case import HELD, Case, WordsError
from centre.cases.effects import AnyEffect, Audit, Command, Resolve
from centre.cases.events import Act, AnyAct, AnyEvent, HandedOver, Heard, Tick
from centre.cases.lifecycle import step
from centre.cases.placing import Word, take_in
from centre.intake import LedgerDownError
from centre.store.cases import AuditRow, CaseRow, Cases, Change, ClashError, Followed
from centre.store.database import Database
from centre.work.bell import Bell
from centre.work.commands import CommandBook

_NEW = "new-"
_PAGE = 1_000
_NO_MORE = "the case has gone on since"
_TOLD_BY = frozenset(str(each.__struct_config__.tag) for each in get_args(AnyEvent))
_DONE_BY = frozenset(str(each.__struct_config__.tag) for each in get_args(AnyAct))


class Told(NamedTuple):
    """A word of or about a hub, for its cases."""

    hub: str
    word: Word


_Known = dict[str, dict[str, Case]]
"""Cases by hub and id."""


class _Changed(NamedTuple):
    """A case after some events, the version it was before them, and what follows."""

    case: Case
    was: int
    effects: tuple[AnyEffect, ...]


class Desk:
    """Cases as they are kept. Calls may come from any thread and process; each is one transaction (or none).

    `roster` says of a reference whether it is an operator's who may act. `changed` is rung when this process has
    changed a case. Every call raises LedgerDownError when the store is down.
    """

    def __init__(
        self, database: Database, cases: Cases, commands: CommandBook, clock: Clock, roster: Callable[[str], bool]
    ) -> None:
        self._database, self._cases, self._commands, self._clock = database, cases, commands, clock
        self._roster = roster
        self.changed = Bell()

    # --- what operators do -----------------------------------------------------------------------------

    def act(self, case_id: str, act: AnyAct) -> Case:
        """Do what an operator does to a case; give it as it is then. Raises CaseError, which says why not; KeyError.

        Of two who do something at once, one is first; the other's is taken to the case as it is then (S4).
        """
        for who in (act.by, *((act.to,) if isinstance(act, HandedOver) else ())):
            if not self._roster(who):
                raise WordsError(f"{who} is no operator here")
        return self._kept(lambda cases: _stepped(cases, case_id, act))[0]

    # --- what homes say and the centre finds -----------------------------------------------------------

    def take_in(self, hub: str, words: Sequence[Word], *, followed: Followed | None = None) -> list[Case]:
        """Take words of or about one hub, in their order; give the cases they changed. See `take_all`."""
        return self.take_all([Told(hub, word) for word in words], followed=followed)

    def take_all(self, told: Sequence[Told], *, followed: Followed | None = None) -> list[Case]:
        """Take words, in their order, in one commit; give the cases they changed or opened.

        With `followed`, having read the events they come from is part of the commit, whether or not any case changes.
        Raises ClashError when somebody else has read on from there already.
        """
        return self._kept(lambda cases: _place(cases, told), followed)

    # --- time ------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Let time act on the cases that somebody has: owners who say nothing, acknowledgements that would lapse.

        S3: a bug at one case keeps no other; it is raised in the end.
        """
        at_ms = self._clock.now().wall_ms
        failed: Exception | None = None
        for case in map(_case, self._cases.open_bodies(states=HELD)):
            try:
                if step(case, Tick(at_ms=at_ms))[1]:
                    self._kept(partial(_stepped, case_id=case.id, event=Tick(at_ms=at_ms)))
            except LedgerDownError:
                raise
            except Exception as error:  # noqa: BLE001 -- whatever it is, and it is raised
                failed = error
        if failed is not None:
            raise failed

    # --- for whoever looks -----------------------------------------------------------------------------

    def get(self, case_id: str) -> Case | None:
        """Give a case as it is now."""
        body = self._cases.body(case_id)
        return None if body is None else _case(body)

    def standing(self) -> list[Case]:
        """Give every open case."""
        return [_case(body) for body in self._cases.open_bodies()]

    def of_home(self, hub: str, *, limit: int = _PAGE) -> list[Case]:
        """Give a home's cases, the one changed last first."""
        return [_case(row.body) for row in self._cases.of_home(hub, limit=limit)]

    def story(self, case_id: str) -> list[Entry]:
        """Give everything that happened to a case, in its order."""
        entries: list[Entry] = []
        after = 0
        while True:
            rows = self._cases.audit(case_id=case_id, after=after, limit=_PAGE)
            # Others, too, may write down something about a case: that somebody looked at it.
            entries += (msgspec.json.decode(row.body, type=Entry) for _, row in rows if row.what in _TOLD_BY)
            if len(rows) < _PAGE:
                return entries
            after = rows[-1][0]

    def latest(self, case_id: str, limit: int) -> list[Entry]:
        """Give the latest that happened to a case: so much at most of what staff did, and so much of all else (S12).

        A hub that never stops talking pushes nobody's note out of sight.
        """
        acts = self._cases.latest_audit(case_id, _DONE_BY, limit)
        others = self._cases.latest_audit(case_id, _TOLD_BY - _DONE_BY, limit)
        return [msgspec.json.decode(row.body, type=Entry) for _, row in sorted((*acts, *others), key=itemgetter(0))]

    # --- keeping ---------------------------------------------------------------------------------------

    def _kept(self, make: Callable[[Cases], list[_Changed]], followed: Followed | None = None) -> list[Case]:
        """Make changes and keep them; if somebody else was first, anew, with nobody else at work meanwhile."""
        try:
            changed = make(self._cases)
            if changed or followed:
                self._keep(self._cases, changed, followed)
        except ClashError:
            with self._cases.alone() as cases:
                changed = make(cases)
                if changed or followed:
                    self._keep(cases, changed, followed)
        if changed:
            self.changed.ring()
        if any(not isinstance(effect, Audit) for one in changed for effect in one.effects):
            self._commands.given.ring()
        return [each.case for each in changed]

    def _keep(self, cases: Cases, changed: list[_Changed], followed: Followed | None) -> None:
        told = [(one, each) for one in changed for each in one.effects if not isinstance(each, Audit)]

        def give(connection: sa.Connection) -> None:
            for one in changed:
                if void := _void(one):
                    self._commands.void(connection, one.case.id, void, _NO_MORE)
            for one, command in told:
                self._give(connection, one, command)

        at_ms = self._clock.now().wall_ms
        cases.keep(
            [Change(_row(one.case, at_ms), one.was) for one in changed],
            [_audit_row(each.entry) for one in changed for each in one.effects if isinstance(each, Audit)],
            followed=followed,
            also=give,
        )

    def _give(self, connection: sa.Connection, one: _Changed, command: Command) -> None:
        acts = [each.entry.by for each in one.effects if isinstance(each, Audit) and isinstance(each.entry.event, Act)]
        by = acts[-1] if acts else one.case.owner or CENTRE
        data = {"alarm": command.alarm}
        if isinstance(command, Resolve):
            data["outcome"] = command.outcome
        kind = "resolve" if isinstance(command, Resolve) else "acknowledge"
        self._commands.give(command.hub, kind, data, by=by, case_id=one.case.id, connection=connection)


def _stepped(cases: Cases, case_id: str, event: AnyEvent) -> list[_Changed]:
    body = cases.body(case_id)
    if body is None:
        raise KeyError(case_id)
    case = _case(body)
    after, effects = step(case, event)
    return [_Changed(after, case.version, effects)] if effects else []


def _place(cases: Cases, told: Sequence[Told]) -> list[_Changed]:
    """Step the cases through the words, with numbers for new ones only once it is known how many there are."""
    known = _known(cases, told)
    names = [f"{_NEW}{place}" for place in range(len(told))]
    changed = _placed(told, known, names)
    new = [each.case.id for each in changed if each.was == 0]
    if not new:
        return changed
    first = cases.new_number(len(new))
    numbered = {name: f"case-{first + place}" for place, name in enumerate(new)}
    return _placed(told, known, [numbered.get(name, name) for name in names])


def _known(cases: Cases, told: Sequence[Told]) -> _Known:
    """Give the cases that the words may belong to."""
    known: _Known = {}
    hubs, alarms = {each.hub for each in told}, {_key(each.word) for each in told}
    for case in map(_case, cases.bodies_about(hubs, alarms) if told else ()):
        known.setdefault(case.hub, {})[case.id] = case
    return known


def _placed(told: Sequence[Told], known: _Known, names: Sequence[str]) -> list[_Changed]:
    """Step the cases through the words, in their order; give those that changed. Pure."""
    now = {hub: dict(cases) for hub, cases in known.items()}
    changed: dict[str, _Changed] = {}
    for each, name in zip(told, names, strict=True):
        mine = now.setdefault(each.hub, {})
        taken = take_in(mine.values(), each.hub, each.word, name)
        if taken is None:
            continue
        case, effects = taken
        before = changed.get(case.id)
        was = before.was if before else mine[case.id].version if case.id in mine else 0
        changed[case.id] = _Changed(case, was, (*(before.effects if before else ()), *effects))
        mine[case.id] = case
    return list(changed.values())


def _void(one: _Changed) -> tuple[str, ...]:
    """Say which commands of a case are so no longer: S3: no home is told that somebody has what nobody has any more."""
    entries = [each.entry for each in one.effects if isinstance(each, Audit)]
    if one.was == 0 or not any(change.field == "state" for entry in entries for change in entry.changes):
        return ()
    return (*(() if one.case.held else ("acknowledge",)), *(("resolve",) if one.case.open else ()))


def _key(word: Word) -> str:
    """What a case that has the alarm of this word is looked up by (`CaseAlarm.key`)."""
    return f"{'alarm' if isinstance(word, Heard) else 'found'}:{word.alarm}"


def _case(body: bytes) -> Case:
    return msgspec.json.decode(body, type=Case)


def _row(case: Case, at_ms: int) -> CaseRow:
    return CaseRow(
        id=case.id,
        hub=case.hub,
        state=case.state,
        priority=case.priority,
        open=case.open,
        version=case.version,
        changed_ms=at_ms,
        body=msgspec.json.encode(case),
        alarms=case.keys,
    )


def _audit_row(entry: Entry) -> AuditRow:
    return AuditRow(
        at_ms=entry.event.at_ms,
        who=entry.by,
        what=str(entry.event.__struct_config__.tag),
        case_id=entry.case,
        hub=entry.hub,
        body=msgspec.json.encode(entry),
    )
