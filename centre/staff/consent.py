"""The consent register: who in a home has agreed to what, who took it down and how; nothing in it is ever changed.

In an emergency staff may act against it: that is entered with its reason, holds for four hours for one purpose in one
home, and stands at the top of the audit. Whoever does it need ask nobody first: somebody may be lying on a floor.
"""

import sqlalchemy as sa
from msgspec.structs import asdict

from agent.clock import Clock
from agent.wire.topics import HUB_ID
from centre.staff.held import note
from centre.staff.values import Operator, StaffError
from centre.store.database import Database
from centre.store.records import Look
from centre.store.schema import CONSENT, LOOK
from rules.values import Value

WHATS: dict[str, str] = {
    "record-kept": "What helps in an emergency is kept here: health, needs, how to get in",
    "share-contacts": "Contacts are told what has happened",
    "share-emergency-services": "The emergency services are told what the record says",
    "share-care-provider": "The care provider is told of alarms and reminders",
    "listen-in": "Staff listen by the home's voice path once an alarm has opened it",
    "daily-pattern": "Signs of daily life are watched, and their absence told",
}

GIVEN, WITHDRAWN = "given", "withdrawn"
GIVENS = {GIVEN: "Agreed", WITHDRAWN: "Refused, or withdrew it"}
OVERRIDE = "emergency: "
"""How the reason of a look begins that is an override."""

OVERRIDE_MS = 4 * 3_600_000
TEXT_CHARS_MAX = 200
REASON_CHARS_LEAST = 10
_REF_CHARS_MAX = 64
_PAGE = 1_000


class Consent(Value, frozen=True, kw_only=True):
    """One entry. `person` is a reference as the hub has it; `why` how it was given or why withdrawn, without names."""

    at_ms: int
    hub: str
    person: str
    what: str
    given: str
    who: str
    why: str


class Consents:
    """The register of a store. LedgerDownError when it is down, StaffError for what cannot be entered."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def give(self, hub: str, person: str, what: str, *, by: str, how: str) -> None:
        """Enter that somebody has agreed, and how they said so."""
        self.enter(hub, person, what, GIVEN, by=by, how=how)

    def withdraw(self, hub: str, person: str, what: str, *, by: str, how: str) -> None:
        """Enter that somebody has withdrawn their consent, or refused it."""
        self.enter(hub, person, what, WITHDRAWN, by=by, how=how)

    def enter(self, hub: str, person: str, what: str, given: str, *, by: str, how: str) -> None:
        """Enter either."""
        _check_hub(hub)
        _check_what(what)
        person, how = person.strip(), how.strip()
        if given not in GIVENS:
            raise StaffError("Say whether they agreed or not")
        if not 0 < len(person) <= _REF_CHARS_MAX or not person.isprintable() or " " in person:
            raise StaffError("A person is given by the short word that stands in their record, such as resident-1")
        if not 0 < len(how) <= TEXT_CHARS_MAX:
            raise StaffError(f"Say how they told it, in 1 to {TEXT_CHARS_MAX} characters, without names")
        at_ms = self._clock.now().wall_ms
        entry = Consent(at_ms=at_ms, hub=hub, person=person, what=what, given=given, who=by, why=how)
        with self._database.writing() as connection:
            connection.execute(sa.insert(CONSENT).values(asdict(entry)))
            note(connection, at_ms, by, f"consent-{given}", hub=hub, purpose=what)

    def standing(self, hub: str) -> list[Consent]:
        """Give what holds in a home: the newest entry for each person and purpose."""
        newest = {(each.person, each.what): each for each in reversed(self.history(hub))}
        return [newest[key] for key in sorted(newest)]

    def history(self, hub: str, limit: int = _PAGE) -> list[Consent]:
        """Give the entries of a home, the newest first."""
        asked = sa.select(CONSENT).where(CONSENT.c.hub == hub).order_by(CONSENT.c.number.desc()).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(asked).mappings().all()
        return [Consent(**{name: row[name] for name in Consent.__struct_fields__}) for row in rows]

    def override(self, hub: str, what: str, *, by: Operator, why: str) -> None:
        """Enter that somebody acts without consent in an emergency, for one purpose, from now on for four hours."""
        _check_hub(hub)
        _check_what(what)
        why = why.strip()
        most = TEXT_CHARS_MAX - len(OVERRIDE)
        if not REASON_CHARS_LEAST <= len(why) <= most:
            raise StaffError(f"Say what has happened, in {REASON_CHARS_LEAST} to {most} characters, without names")
        at_ms = self._clock.now().wall_ms
        look = Look(at_ms=at_ms, hub=hub, who=by.name, role=by.role, why=OVERRIDE + why, fields=what)
        with self._database.writing() as connection:
            connection.execute(sa.insert(LOOK).values(asdict(look)))
            note(connection, at_ms, by.name, "emergency-override", hub=hub, purpose=what)

    def overrides(self, hub: str) -> list[Look]:
        """Give the overrides that hold in a home at this moment, the newest first."""
        at_ms = self._clock.now().wall_ms
        which = (LOOK.c.hub == hub, LOOK.c.at_ms > at_ms - OVERRIDE_MS, LOOK.c.why.like(f"{OVERRIDE}%"))
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(LOOK).where(*which).order_by(LOOK.c.number.desc())).mappings().all()
        return [Look(**{name: row[name] for name in Look.__struct_fields__}) for row in rows]

    def allows(self, hub: str, person: str, what: str) -> bool:
        """Say whether something may be done: it was agreed to, or an emergency stands. Nothing said is not agreed."""
        agreed = any((each.person, each.what, each.given) == (person, what, GIVEN) for each in self.standing(hub))
        return agreed or any(each.fields == what for each in self.overrides(hub))


def _check_hub(hub: str) -> None:
    if not HUB_ID.fullmatch(hub):
        raise StaffError("There is no such home")


def _check_what(what: str) -> None:
    if what not in WHATS:
        raise StaffError("Choose to what")
