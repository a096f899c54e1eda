"""What can still be read of a store that SQLite will not read: the house, and the rows that the centre still lacks."""

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from agent.store.pages import Pages, Value
from agent.store.rows import ALARM, IMPORTANT, RAISED, TELEMETRY, Row

WAITING, REJECTED = 0, 2

_HOUSE_PAGES = 64  # its table is made first and stays where it is, so it is looked for where it can be
_COLUMNS = 8


class Rescued(NamedTuple):
    """A row whose bytes are proven by its digest. `rejected`: the centre has refused it for good."""

    row: Row
    rejected: bool


class Rescue:
    """Reads a store's file and log without SQLite, without a lock and without writing. Raises nothing for damage.

    What it may give besides is harmless: a row of a transaction that was under way when the power went (it has the
    bytes its id stands for, S1), or one that the centre has receipted meanwhile (it will say so again, S4).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.unreadable = 0
        """Rows that were there and whose bytes are not those committed."""

    def house(self) -> bytes | None:
        """Give the house; None when it cannot be read. Looks at few pages: the hub waits for it."""
        with Pages(self._path) as pages:
            first = range(1, min(pages.count, _HOUSE_PAGES) + 1)
            for number, older in [*((number, False) for number in first), *((number, True) for number in first)]:
                for _, values in pages.records(number, older=older):
                    if (house := _house(values)) is not None:
                        return house
        return None

    def rows(self, ranks: Collection[int]) -> Iterator[Rescued]:
        """Give the rows of some ranks that wait or were rejected, page by page. Counts what is unreadable."""
        known: set[int] = set()  # by the rows' numbers
        damaged: set[int] = set()
        with Pages(self._path) as pages:
            for number, older in _newest_first(pages):
                for place, values in pages.records(number, older=older):
                    if len(values) != _COLUMNS or values[4] not in ranks or place in known:
                        continue
                    row = _row(values)
                    if row is None:
                        damaged.add(place)
                        pages.torn.add(number)
                        continue
                    known.add(place)
                    if values[5] in (WAITING, REJECTED):
                        yield Rescued(row, rejected=values[5] == REJECTED)
        self.unreadable += len(damaged - known)


def _newest_first(pages: Pages) -> Iterator[tuple[int, bool]]:
    """Give every page, then once more those of which an older image may have what the newest lost."""
    yield from ((number, False) for number in range(1, pages.count + 1))
    yield from ((number, True) for number in sorted(pages.torn))


ALARMS_FIRST: tuple[Collection[int], ...] = ((RAISED, ALARM), (IMPORTANT,), (TELEMETRY,))
"""The order in which rows are taken over (S5)."""


def _house(values: tuple[Value, ...]) -> bytes | None:
    """Give the house's JSON, if this is its row: an empty place for the row's number, and bytes."""
    if len(values) != 2 or values[0] is not None or not isinstance(values[1], bytes):  # noqa: PLR2004 -- two columns
        return None
    try:
        msgspec.json.decode(values[1], type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return None
    return values[1]


def _row(values: tuple[Value, ...]) -> Row | None:
    """Make a row of its columns; None unless its bytes are proven to be those committed."""
    _, epoch, lane, seq, rank, _, digest, body = values
    if not isinstance(body, bytes) or hashlib.sha256(body).hexdigest() != digest:
        return None
    try:
        return msgspec.convert(
            {
                "id": "-".join(str(part) for part in (epoch, lane, seq)),
                "epoch": epoch,
                "lane": lane,
                "seq": seq,
                "rank": rank,
                "body": body,
                "digest": digest,
            },
            Row,
        )
    except msgspec.ValidationError:
        return None
