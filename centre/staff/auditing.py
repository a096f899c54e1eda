"""The audit for who reads it: who did what, and who looked at whose record, the newest first and a page at a time.

Of what was done only what is known to be no personal data is given: notes and texts of cases stay in the case.
"""

import msgspec
import sqlalchemy as sa

from centre.staff.consent import OVERRIDE
from centre.store.database import Database
from centre.store.records import Look
from centre.store.schema import AUDIT, LOOK
from rules.values import Value

PAGE = 100
TOLD = frozenset({"after", "before", "by", "count", "fields", "kind", "name", "purpose", "role", "sessions"})
"""What of an entry's body is told. Texts that staff typed are not in it."""

_TOLD_CHARS_MAX = 80
_WORD = (str, int, bool)


class Done(Value, frozen=True, kw_only=True):
    """Something that was done. `more` are words and figures, none of them personal."""

    number: int
    at_ms: int
    who: str
    what: str
    case_id: str
    hub: str
    more: tuple[tuple[str, str], ...] = ()


class AuditBook:
    """The audit of a store. LedgerDownError when it is down."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def done(
        self, *, who: str = "", hub: str = "", case_id: str = "", before: int = 0, limit: int = PAGE
    ) -> list[Done]:
        """Give what was done, the newest first: by somebody, with a home or with a case, before a number."""
        asked = sa.select(AUDIT).order_by(AUDIT.c.number.desc()).limit(limit)
        for column, value in ((AUDIT.c.who, who), (AUDIT.c.hub, hub), (AUDIT.c.case_id, case_id)):
            if value:
                asked = asked.where(column == value)
        if before:
            asked = asked.where(AUDIT.c.number < before)
        with self._database.reading() as connection:
            rows = connection.execute(asked).mappings().all()
        fields = ("number", "at_ms", "who", "what", "case_id", "hub")
        return [Done(**{name: row[name] for name in fields}, more=_told(row["body"], row["who"])) for row in rows]

    def looks(
        self, *, who: str = "", hub: str = "", before: int = 0, emergencies: bool = False, limit: int = PAGE
    ) -> list[tuple[int, Look]]:
        """Give who looked, the newest first. `emergencies`: only what was done against what people consented to."""
        asked = sa.select(LOOK).order_by(LOOK.c.number.desc()).limit(limit)
        for column, value in ((LOOK.c.who, who), (LOOK.c.hub, hub)):
            if value:
                asked = asked.where(column == value)
        if before:
            asked = asked.where(LOOK.c.number < before)
        if emergencies:
            asked = asked.where(LOOK.c.why.like(f"{OVERRIDE}%"))
        with self._database.reading() as connection:
            rows = connection.execute(asked).mappings().all()
        return [(row["number"], Look(**{name: row[name] for name in Look.__struct_fields__})) for row in rows]


def _told(body: bytes, who: str) -> tuple[tuple[str, str], ...]:
    try:
        held = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ()
    if not isinstance(held, dict):
        return ()
    told = ((key, _word(value)) for key, value in held.items() if key in TOLD and _is_word(value))
    return tuple(each for each in told if each != ("by", who))  # which a case's entries say twice


def _is_word(value: object) -> bool:
    each = value if isinstance(value, list) else [value]
    return all(isinstance(one, _WORD) for one in each)


def _word(value: object) -> str:
    words = value if isinstance(value, list) else [value]
    return ", ".join("yes" if one is True else "no" if one is False else str(one) for one in words)[:_TOLD_CHARS_MAX]
