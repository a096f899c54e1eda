"""Looks at what the hub has on its disk while it runs: which calls are kept, which alarms are raised. Reads only."""

import sqlite3
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from agent.wire.messages import UnreadableError, decode_event, decode_report
from rules.reports import AlarmRaised
from simulators.flat import WATCHED

_CALLS = frozenset({"triggered", "call-pressed"})
_ROWS_MAX = 200
_SKIPS_MAX = 1_000
_UNSEEN = -1


class Found(NamedTuple):
    """What is new: the stamps of calls for help (boot-relative ms), and alarms raised."""

    calls_ms: list[int]
    raised: list[AlarmRaised]


class _Tag(msgspec.Struct):
    event: str
    sensor: str = ""


class Disk:
    """The hub's store, seen from another process: what is found here has been committed."""

    def __init__(self, path: Path) -> None:
        self._uri = f"file:{quote(str(path))}?mode=ro"
        self._connection: sqlite3.Connection | None = None
        self._version = _UNSEEN
        self._entry = self._row = 0

    def skip(self) -> None:
        """Pass over what is there already: of a home that was lived in before."""
        for _ in range(_SKIPS_MAX):
            self.look()
            if self._version != _UNSEEN or self._connection is None:
                return

    def look(self) -> Found:
        """Give what was committed since the last look. A store that cannot be read just now has nothing new."""
        try:
            return self._look()
        except (sqlite3.Error, msgspec.MsgspecError, UnreadableError):
            self.close()
            return Found([], [])

    def close(self) -> None:
        """Let go of it."""
        if self._connection is not None:
            self._connection.close()
            self._connection, self._version = None, _UNSEEN

    def _look(self) -> Found:
        if self._connection is None:
            self._connection = sqlite3.connect(self._uri, uri=True, timeout=0.1)
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return Found([], [])
        before = self._entry, self._row
        found = Found(self._calls(self._connection), self._alarms(self._connection))
        if max(self._entry - before[0], self._row - before[1]) < _ROWS_MAX:  # else there may be more
            self._version = version
        return found

    def _calls(self, connection: sqlite3.Connection) -> list[int]:
        rows = connection.execute(
            "SELECT number, ms, event FROM journal WHERE number > ? ORDER BY number LIMIT ?", (self._entry, _ROWS_MAX)
        ).fetchall()
        self._entry = rows[-1][0] if rows else self._entry
        tags = ((ms, msgspec.json.decode(event, type=_Tag)) for _, ms, event in rows)
        return [ms for ms, tag in tags if tag.event in _CALLS and tag.sensor not in WATCHED]

    def _alarms(self, connection: sqlite3.Connection) -> list[AlarmRaised]:
        rows = connection.execute(
            "SELECT number, body FROM outbox WHERE number > ? ORDER BY number LIMIT ?", (self._row, _ROWS_MAX)
        ).fetchall()
        self._row = rows[-1][0] if rows else self._row
        reports = (decode_report(decode_event(body)) for _, body in rows)
        return [report for report in reports if isinstance(report, AlarmRaised)]
