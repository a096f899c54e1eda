"""Who lives where, and what helps whoever goes there: sealed by field, shown by role, every look recorded (S11)."""

import contextlib
import logging
from collections import deque
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal, get_args

import msgspec
import sqlalchemy as sa
from msgspec.structs import asdict, replace

from centre.intake import LedgerDownError
from centre.store.cases import PAGE, AuditRow
from centre.store.database import Database
from centre.store.schema import AUDIT, HOME_RECORD, LEAVING, LOOK
from centre.store.sealing import Keyring, Sealed, SealError
from rules.values import Value

_log = logging.getLogger(__name__)

FIELD_BYTES_MAX = 16_384
WHY_CHARS_MAX = 200
FOUND_MAX = 20
_OWED_MAX = 1_000

Role = Literal["operator", "supervisor", "installer", "auditor"]


class Person(Value, frozen=True, kw_only=True):
    """Somebody who lives there. `ref` is what the hub calls them; `language` as in BCP 47, such as `ur`."""

    ref: str
    name: str
    language: str = ""


class Health(Value, frozen=True, kw_only=True):
    """What an ambulance asks about one of them."""

    ref: str
    born: str = ""
    needs: str = ""


class ContactPerson(Value, frozen=True, kw_only=True):
    """Somebody to call. `ref` is what the care plan calls them; `holds_key`: can let people in."""

    ref: str
    name: str
    telephone: str
    relation: str = ""
    holds_key: bool = False


class Record(Value, frozen=True, kw_only=True):
    """All that is known of a home's people. `access` is how to get in, `hazards` what to beware of on going there."""

    persons: tuple[Person, ...] = ()
    address: str = ""
    telephone: str = ""
    access: str = ""
    key_safe: str = ""
    contacts: tuple[ContactPerson, ...] = ()
    hazards: str = ""
    health: tuple[Health, ...] = ()
    notes: str = ""


FIELDS = Record.__struct_fields__
SEARCHED = frozenset({"persons", "address", "telephone", "contacts"})
FOUND = frozenset({"persons", "address"})
"""What a search looks in, and what it shows of a home that it found."""

_INSTALLERS = frozenset({"persons", "address", "telephone", "access", "hazards"})

SHOWN: dict[Role, frozenset[str]] = {
    "operator": frozenset(FIELDS),  # whoever answers an alarm sends somebody through that door
    "supervisor": frozenset(FIELDS),
    "installer": _INSTALLERS,
    "auditor": frozenset(),  # who looked, and not at what
}
CHANGED: dict[Role, frozenset[str]] = {
    "operator": frozenset({"telephone", "contacts", "hazards", "notes"}),
    "supervisor": frozenset(FIELDS),
    "installer": _INSTALLERS,
    "auditor": frozenset(),
}


class NotAllowedError(Exception):
    """This role may not do this, or did not say why; the text says it for staff."""


class Shown(Value, frozen=True):
    """A record as a role sees it. `hidden` names fields that are there and not for this role.

    `damaged` names fields that could not be opened: the rest is shown all the same, somebody may be lying on a floor.
    """

    record: Record
    hidden: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


class Look(Value, frozen=True, kw_only=True):
    """Who looked at a home's record, when (the centre's Unix ms), why, and which fields there were to see."""

    at_ms: int
    hub: str
    who: str
    role: str
    why: str
    fields: str


class Found(Value, frozen=True):
    """What a search found: homes, with what is shown of each; `more`: there are others, say more of whom you seek."""

    homes: tuple[tuple[str, Record], ...] = ()
    more: bool = False


class Records:
    """The records of a store. LedgerDownError when the store is down."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database, self._keyring = database, keyring
        self._owed: deque[Look] = deque(maxlen=_OWED_MAX)

    def record(self, hub: str, role: Role, operator: str, why: str, at_ms: int) -> Shown:
        """Show a home's record to a role. The look is on the disk before anything is shown. Raises NotAllowedError.

        A store that can be read and not written (its disk is full) shows it nevertheless: nobody is left lying for want
        of a log. The look is logged, and recorded before the next one that can be.
        """
        allowed = SHOWN[_role(role)]
        if not allowed:
            raise NotAllowedError(f"the role of {role} does not see people's data")
        _check_why(operator, why)
        asked = sa.select(HOME_RECORD).where(HOME_RECORD.c.hub == hub).order_by(HOME_RECORD.c.field)
        owed = self._owed_now()
        look = Look(at_ms=at_ms, hub=hub, who=operator, role=role, why=why, fields="")
        try:
            with self._database.writing() as connection:
                rows = connection.execute(asked).mappings().all()
                for each in (*owed, _saw(look, rows, allowed)):
                    connection.execute(sa.insert(LOOK).values(asdict(each)))
        except LedgerDownError:
            self._owed.extendleft(reversed(owed))
            with self._database.reading() as connection:
                rows = connection.execute(asked).mappings().all()
            self._owed.append(_saw(look, rows, allowed))
            _log.warning("%s (%s) looked at the record of %s, and it could not be recorded yet", operator, role, hub)
        return self._opened(hub, rows, allowed)

    def find(self, words: str, role: Role, operator: str, at_ms: int) -> Found:
        """Find homes by name, address or telephone number: those in which every word stands. Raises NotAllowedError.

        All that may be searched is opened for it, and nobody sees that; that there was a search, and each home that it
        shows, is recorded as a look before it is shown. What was sought is not: it may be a name.
        """
        allowed = SHOWN[_role(role)] & SEARCHED
        sought = [each.casefold() for each in words.split()]
        if not allowed or not operator:
            raise NotAllowedError(f"the role of {role} does not see people's data")
        if not sought or len(words) > WHY_CHARS_MAX:
            raise NotAllowedError("say whom you seek: a part of a name, an address or a telephone number")
        with self._database.reading() as connection:
            asked = sa.select(HOME_RECORD).where(HOME_RECORD.c.field.in_(allowed)).order_by(HOME_RECORD.c.hub)
            rows = connection.execute(asked).mappings().all()
        found = []
        for hub, its in groupby(rows, key=itemgetter("hub")):
            record = self._opened(hub, list(its), allowed).record
            if all(each in _searchable(record) for each in sought):
                found.append((hub, Record(persons=record.persons, address=record.address)))
        shown = tuple(found[:FOUND_MAX])
        fields = " ".join(sorted(FOUND & allowed))
        look = Look(at_ms=at_ms, hub="", who=operator, role=role, why="search", fields="")
        with self._database.writing() as connection:
            looks = [look, *(replace(look, hub=hub, fields=fields) for hub, _ in shown)]
            connection.execute(sa.insert(LOOK), [asdict(each) for each in looks])
        return Found(shown, len(found) > FOUND_MAX)

    def keep(self, hub: str, record: Record, role: Role, operator: str, at_ms: int) -> None:
        """Keep what a role knows of a home; fields that it cannot see stay as they were, whatever `record` says.

        Raises NotAllowedError for a change that is not the role's to make, and for a field that is too large.
        """
        allowed, seen = CHANGED[_role(role)], SHOWN[role]
        if not operator:
            raise NotAllowedError("say who you are")
        with self._database.writing() as connection:
            asked = sa.select(HOME_RECORD).where(HOME_RECORD.c.hub == hub)
            before = self._opened(hub, connection.execute(asked).mappings().all(), frozenset(FIELDS))
            changed = [
                name
                for name in FIELDS
                if name in seen and (name in before.damaged or getattr(record, name) != getattr(before.record, name))
            ]
            if refused := sorted(set(changed) - allowed):
                raise NotAllowedError(f"the role of {role} does not change {', '.join(refused)}")
            for name in changed:
                connection.execute(self._sealing(hub, name, getattr(record, name), at_ms))
            if changed:  # which fields, and never what is in them
                self._note(connection, hub, operator, "record-changed", at_ms, {"fields": changed, "role": role})

    def left(self, hub: str, role: Role, operator: str, at_ms: int, *, gone: bool = True) -> None:
        """Note that a home has left the service, or is back: retention counts from here. Raises NotAllowedError."""
        if _role(role) != "supervisor" or not operator:
            raise NotAllowedError("a supervisor says that a home has left")
        with self._database.writing() as connection:
            connection.execute(
                self._database.upsert(LEAVING, {"hub": hub, "at_ms": at_ms})
                if gone
                else sa.delete(LEAVING).where(LEAVING.c.hub == hub)
            )
            self._note(connection, hub, operator, "left" if gone else "returned", at_ms, {"role": role})

    def looks(self, *, hub: str = "", after: int = 0, limit: int = PAGE) -> list[tuple[int, Look]]:
        """Give who looked, of a home or of all, in the order of their numbers."""
        asked = sa.select(LOOK).where(LOOK.c.number > after).order_by(LOOK.c.number).limit(limit)
        if hub:
            asked = asked.where(LOOK.c.hub == hub)
        with self._database.reading() as connection:
            rows = connection.execute(asked).mappings().all()
        return [(row["number"], Look(**{name: row[name] for name in Look.__struct_fields__})) for row in rows]

    def _owed_now(self) -> list[Look]:
        """Take what is owed, so that of two threads one pays it."""
        owed = []
        with contextlib.suppress(IndexError):
            while True:
                owed.append(self._owed.popleft())
        return owed

    def _sealing(self, hub: str, name: str, value: object, at_ms: int) -> sa.Insert:
        plain = msgspec.json.encode(value)
        if len(plain) > FIELD_BYTES_MAX:
            raise NotAllowedError(f"{name} is longer than {FIELD_BYTES_MAX} bytes: shorten it")
        sealed = self._keyring.seal(plain, hub, name)
        values = {"hub": hub, "field": name, "key_id": sealed.key_id, "sealed": sealed.content, "changed_ms": at_ms}
        return self._database.upsert(HOME_RECORD, values)

    def _opened(self, hub: str, rows: "Any", allowed: frozenset[str]) -> Shown:  # noqa: ANN401 -- SQLAlchemy's rows
        record, hidden, damaged = Record(), [], []
        for row in rows:
            name = row["field"]
            if name not in allowed:
                hidden.append(name)
                continue
            try:
                plain = self._keyring.open(Sealed(row["key_id"], row["sealed"]), hub, name)
                whole = msgspec.json.decode(b'{"%s":%s}' % (name.encode(), plain), type=Record)
                record = replace(record, **{name: getattr(whole, name)})
            except (SealError, msgspec.DecodeError) as error:
                if isinstance(error, SealError):
                    _log.error("%s", error)  # which field, and nothing of it
                damaged.append(name)
        return Shown(record, tuple(hidden), tuple(damaged))

    def _note(
        self, connection: sa.Connection, hub: str, who: str, what: str, at_ms: int, body: dict[str, object]
    ) -> None:
        row = AuditRow(at_ms=at_ms, who=who, what=what, hub=hub, body=msgspec.json.encode(body))
        connection.execute(sa.insert(AUDIT).values(asdict(row)))


def _searchable(record: Record) -> str:
    """Write what is sought in; numbers also without what people put between their digits."""
    numbers = [record.telephone, *(each.telephone for each in record.contacts)]
    plain = ("".join(sign for sign in each if sign.isdigit() or sign == "+") for each in numbers)
    names = (*(each.name for each in record.persons), *(each.name for each in record.contacts))
    return "\n".join((*names, record.address, *numbers, *plain)).casefold()


def _role(role: Role) -> Role:
    if role not in get_args(Role):  # it comes from a session or a form, whatever its type says
        raise NotAllowedError(f"there is no role {role!r}")
    return role


def _check_why(operator: str, why: str) -> None:
    if not operator or not why.strip() or len(why) > WHY_CHARS_MAX:
        raise NotAllowedError(f"say who you are, and why you look, in at most {WHY_CHARS_MAX} characters")


def _saw(look: Look, rows: "Any", allowed: frozenset[str]) -> Look:  # noqa: ANN401 -- SQLAlchemy's rows
    return replace(look, fields=" ".join(row["field"] for row in rows if row["field"] in allowed))
