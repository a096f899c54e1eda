"""The PostgreSQL of the store's tests: one server for all of them, each with a store that has no rows."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psycopg

from centre.store.database import VERSION, Database
from centre.store.schema import METADATA
from simulators import postgres
from simulators.postgres import READY_S, WHERE, binaries

__all__ = ["READY_S", "WHERE", "Postgres", "binaries", "running"]


class Postgres(postgres.Postgres):
    """A server whose stores are used again."""

    _store = ""

    def store(self) -> str:
        """Give the address of a store without a row: the one of the last test, unless that broke it."""
        if not self._store or not self._emptied(self._store):
            self._store = self.new()
            Database(self._store).close()
        return self._store

    def _emptied(self, url: str) -> bool:
        names = [f'"{table.name}"' for table in reversed(METADATA.sorted_tables) if table.name != "floor"]
        empty = [
            *("SET session_replication_role = replica", "SET lock_timeout = 1000"),  # no triggers, and no patience
            *(f"DELETE FROM {name}" for name in names),  # noqa: S608 -- names of ours
            *("UPDATE floor SET before_ms = 0", "SELECT 1 / count(*) FROM floor WHERE name IN ('audit', 'look')"),
            *(f"ALTER SEQUENCE {name}_number_seq RESTART" for name in ("event", "quarantine", "audit", "look")),
            f"SELECT 1 / count(*) FROM alembic_version WHERE version_num = '{VERSION}'",  # noqa: S608 -- likewise
        ]
        try:
            with psycopg.connect(url) as connection:
                connection.execute(";".join(empty).encode())
        except psycopg.Error:
            return False
        return True


@contextlib.contextmanager
def running(programs: Path) -> Iterator[Postgres]:
    """Run a server for as long as this lasts."""
    with postgres.running(programs, Postgres) as server:
        yield server
