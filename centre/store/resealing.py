"""Changes the key that people's data are sealed with: everything in the store that is sealed is named here, once.

Keys are changed while the centre works: a new one is added, what older ones sealed is sealed anew, a hundred values at
a time, and an old one is forgotten only when it has sealed nothing that is there still.
"""

import base64
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from centre.store.database import Database
from centre.store.schema import HOME_RECORD, KEPT, OPERATOR, PLAN, WEBHOOK
from centre.store.sealing import Keyring, Sealed, SealError
from rules.values import Value

AT_ONCE = 100
SETTLED_MS = 60_000
"""A value that was sealed just before a key was added may be kept just after: longer than any transaction lasts."""

DRAFT = "plan-text"
"""What begins the names of the drafts of care plans among what is kept."""

_Row = sa.RowMapping


class Resealed(Value, frozen=True):
    """How many values were sealed anew, and the places of those that could not be opened."""

    count: int
    damaged: tuple[str, ...] = ()


class Sort(NamedTuple):
    """Values that are sealed: in which rows, for which place, and where in the row."""

    table: sa.Table
    place: Callable[[_Row], tuple[str, ...]]
    read: Callable[[_Row], Sealed | None]
    written: Callable[[_Row, Sealed], dict[str, Any]]
    which: sa.ColumnElement[bool]
    """Which rows may have such a value."""


def _in_columns(table: sa.Table, place: Callable[[_Row], tuple[str, ...]]) -> Sort:
    return Sort(
        table,
        place,
        lambda row: Sealed(row["key_id"], bytes(row["sealed"])),
        lambda _, sealed: {"key_id": sealed.key_id, "sealed": sealed.content},
        sa.true(),
    )


def _in_body(
    table: sa.Table, place: Callable[[_Row], tuple[str, ...]], within: str, name: str, which: sa.ColumnElement[bool]
) -> Sort:
    """Name values that stand in a JSON body: in its part `within` (empty for itself) under `key_id` and `name`."""

    def part(body: dict[str, Any]) -> dict[str, Any]:
        found = body.get(within, {}) if within else body
        return found if isinstance(found, dict) else {}

    def read(row: _Row) -> Sealed | None:
        found = part(msgspec.json.decode(row["body"]))
        return Sealed(found["key_id"], base64.b64decode(found[name])) if found.get(name) else None

    def written(row: _Row, sealed: Sealed) -> dict[str, Any]:
        body = msgspec.json.decode(row["body"])
        part(body).update({"key_id": sealed.key_id, name: base64.b64encode(sealed.content).decode()})
        return {"body": msgspec.json.encode(body)}

    return Sort(table, place, read, written, which)


SEALED: tuple[Sort, ...] = (
    _in_columns(HOME_RECORD, lambda row: (row["hub"], row["field"])),
    _in_columns(PLAN, lambda row: ("plan", row["hub"])),
    _in_columns(WEBHOOK, lambda row: ("webhook", row["id"])),
    _in_body(OPERATOR, lambda row: ("operator", row["name"], "secret"), "proof", "secret", sa.true()),
    _in_body(
        KEPT,
        lambda row: (DRAFT, row["name"].removeprefix(f"{DRAFT}:")),
        "",
        "sealed",
        KEPT.c.name.startswith(f"{DRAFT}:", autoescape=True),
    ),
)


def reseal(database: Database, keyring: Keyring) -> Resealed:
    """Seal everything that older keys sealed with the newest. Raises LedgerDownError.

    Cut off anywhere, it goes on the next time. What cannot be opened stays as it is, and keeps its key.
    """
    count, damaged, newest = 0, [], keyring.newest
    for sort in SEALED:
        last: tuple[Any, ...] = ()
        while True:
            with database.writing() as connection:
                rows = _page(connection, sort, newest, last)
                for row in rows:
                    try:
                        count += _anew(connection, sort, row, keyring, newest)
                    except SealError:
                        damaged.append(_named(sort, row))
            if len(rows) < AT_ONCE:
                break
            last = _key(sort, rows[-1])
    return Resealed(count, tuple(damaged))


def in_use(connection: sa.Connection) -> dict[str, str]:
    """Give the keys by which anything is sealed, and for each a place where."""
    found: dict[str, str] = {}
    for sort in SEALED:
        if "key_id" in sort.table.c:
            for key_id in connection.scalars(sa.select(sort.table.c.key_id).distinct()):
                found.setdefault(key_id, sort.table.name)
        else:
            for row in connection.execute(sa.select(sort.table).where(sort.which)).mappings():
                if (sealed := sort.read(row)) is not None:
                    found.setdefault(sealed.key_id, _named(sort, row))
    return found


def forget(database: Database, keyring: Keyring, now_ms: int) -> tuple[str, ...]:
    """Take every key away but the newest, for good; give their ids. Raises SealError, LedgerDownError.

    None goes while anything that it sealed is there, nor until the newest has been there for a minute.
    """
    with database.writing() as connection:  # nobody keeps what is sealed meanwhile
        old = tuple(sorted(keyring.ids - {keyring.newest}))
        if old and abs(now_ms - keyring.changed_ms) < SETTLED_MS:
            raise SealError("the new key is younger than a minute, and another process may still use the old: wait")
        used = in_use(connection)
        for key_id in old:
            if key_id in used:
                raise SealError(
                    f"key {key_id} has sealed what is there still, such as {used[key_id]}: it cannot be opened or was"
                    " not sealed anew; write that anew in the console, or bring it back from a copy of the store"
                )
        for key_id in old:
            keyring.forget(key_id, used)
    return old


def _page(connection: sa.Connection, sort: Sort, newest: str, last: tuple[Any, ...]) -> list[_Row]:
    """Give what comes next after `last`; without what the database itself can tell is sealed with the newest key."""
    table = sort.table
    asked = sa.select(table).where(sort.which).order_by(*table.primary_key).limit(AT_ONCE)
    if "key_id" in table.c:
        asked = asked.where(table.c.key_id != newest)
    if last:
        asked = asked.where(sa.tuple_(*table.primary_key) > last)
    return list(connection.execute(asked).mappings())


def _anew(connection: sa.Connection, sort: Sort, row: _Row, keyring: Keyring, newest: str) -> bool:
    sealed = sort.read(row)
    if sealed is None or sealed.key_id == newest:
        return False
    place = sort.place(row)
    values = sort.written(row, keyring.seal(keyring.open(sealed, *place), *place))
    mine = (column == value for column, value in zip(sort.table.primary_key, _key(sort, row), strict=True))
    connection.execute(sa.update(sort.table).where(*mine).values(values))
    return True


def _key(sort: Sort, row: _Row) -> tuple[Any, ...]:
    return tuple(row[column.name] for column in sort.table.primary_key)


def _named(sort: Sort, row: _Row) -> str:
    """Name a place, and nothing of what is there (S11)."""
    return " ".join((sort.table.name, *(str(each) for each in _key(sort, row))))
