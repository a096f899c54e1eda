"""The registry of a site's hubs, tokens and certificates over SQLite. Nothing is deleted, every change is audited."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from centre.site.judging import Known, Token
from centre.site.settings import SiteError

VERSION = 1
BUSY_S = 5.0
DAY_MS = 24 * 3_600_000

_TABLES = {
    "hub": "hub TEXT PRIMARY KEY, state TEXT NOT NULL, issued_ms INTEGER NOT NULL, enrolled_ms INTEGER NOT NULL"
    " DEFAULT 0, revoked_ms INTEGER NOT NULL DEFAULT 0, signing TEXT NOT NULL DEFAULT '', kid TEXT UNIQUE,"
    " plan TEXT NOT NULL DEFAULT '', software TEXT NOT NULL DEFAULT ''",
    "token": "token TEXT PRIMARY KEY, hub TEXT NOT NULL, derived BLOB NOT NULL, issued_ms INTEGER NOT NULL,"
    " ends_ms INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'open', request TEXT NOT NULL DEFAULT '',"
    " keys TEXT NOT NULL DEFAULT ''",
    "certificate": "serial TEXT PRIMARY KEY, hub TEXT NOT NULL, request TEXT NOT NULL, keys TEXT NOT NULL,"
    " pem TEXT NOT NULL, issued_ms INTEGER NOT NULL, ends_ms INTEGER NOT NULL, UNIQUE (hub, request)",
    "own": "number INTEGER PRIMARY KEY AUTOINCREMENT, serial TEXT NOT NULL, what TEXT NOT NULL, pem TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL",
    "report": "hub TEXT NOT NULL, file TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (hub, file)",
    "centre_key": "number INTEGER PRIMARY KEY, pem TEXT NOT NULL, added_ms INTEGER NOT NULL,"
    " retired_ms INTEGER NOT NULL DEFAULT 0",
    "word": "version INTEGER PRIMARY KEY, digest TEXT NOT NULL, jws TEXT NOT NULL, at_ms INTEGER NOT NULL",
    "audit": "number INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, what TEXT NOT NULL,"
    " hub TEXT NOT NULL, detail TEXT NOT NULL",
}

_SCHEMA = "".join(f"CREATE TABLE {name} ({columns}) STRICT;\n" for name, columns in _TABLES.items()) + "".join(
    f"CREATE TRIGGER {name}_stays BEFORE DELETE ON {name} BEGIN SELECT RAISE(ABORT, 'nothing is deleted here'); END;\n"
    for name in _TABLES
)

_HUBS = """
SELECT hub, state, issued_ms, enrolled_ms, revoked_ms, signing, plan, software,
    coalesce((SELECT max(ends_ms) FROM token WHERE token.hub = hub.hub AND token.state = 'open'), 0) AS token_ends_ms,
    coalesce((SELECT max(ends_ms) FROM certificate WHERE certificate.hub = hub.hub), 0) AS certificate_ends_ms,
    coalesce((SELECT max(issued_ms) FROM certificate WHERE certificate.hub = hub.hub
        AND issued_ms > enrolled_ms), 0) AS renewed_ms,
    (SELECT count(*) FROM report WHERE report.hub = hub.hub) AS reports
FROM hub
"""


class HubRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a site knows of a hub. Times are Unix ms, 0 for never; keys are public ones in PEM."""

    hub: str
    state: Literal["waiting", "enrolled", "revoked"]
    issued_ms: int
    token_ends_ms: int = 0
    enrolled_ms: int = 0
    renewed_ms: int = 0
    certificate_ends_ms: int = 0
    revoked_ms: int = 0
    signing: str = ""
    plan: str = ""
    software: str = ""
    reports: int = 0


class CentreKey(NamedTuple):
    """A public key of the centre's that hubs believe."""

    number: int
    pem: str
    added_ms: int


class Registry:
    """The registry, in one file of its owner's alone. Calls may come from any thread; each writes whole or not."""

    def __init__(self, path: Path, *, make: bool = False) -> None:
        """Open the registry, or make it. Raises SiteError."""
        self._path = path
        self._turn = threading.RLock()
        try:
            if make:
                with suppress(FileExistsError):  # SQLite's log and index take their mode from it
                    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_S,
                check_same_thread=False,
            )  # fmt: skip
        except (OSError, sqlite3.Error) as error:
            raise SiteError(f"{path}: {error}: it is the site's memory: bring it back from the last copy") from None
        try:
            self._prepare(make=make)
        except sqlite3.Error as error:
            self._connection.close()
            raise SiteError(f"{path}: {error}: not a registry, or damaged: bring back the last copy") from None
        self._connection.row_factory = sqlite3.Row

    def _prepare(self, *, make: bool) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version != VERSION and not (make and version == 0):
            self._connection.close()
            what = f"version {version} of a registry, this is {VERSION}" if version else "empty"
            raise SiteError(f"{self._path}: {what}: use the software that wrote it, or bring back the last copy")
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")  # a certificate is given only once its row is on the disk
        if version == 0:
            self._connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def change(self) -> Iterator[None]:
        """Do what is done inside whole or not at all, with no other process between. Raises SiteError."""
        with self._turn:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield
                    self._connection.execute("COMMIT")
                except BaseException:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise SiteError(f"{self._path}: {error}: is the disk full, or another command at work?") from error

    def _ask(self, sql: str, *values: object) -> list[sqlite3.Row]:
        with self._turn:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise SiteError(f"{self._path}: {error}: is it readable, and the disk well?") from error

    def _write(self, sql: str, *values: object) -> None:
        assert self._connection.in_transaction, "only inside `change`"  # noqa: S101
        self._connection.execute(sql, values)

    def _audit(self, at_ms: int, what: str, hub: str = "", detail: str = "") -> None:
        self._write("INSERT INTO audit (at_ms, what, hub, detail) VALUES (?, ?, ?, ?)", at_ms, what, hub, detail)

    def audit(self) -> list[tuple[int, str, str, str]]:
        """Give every change, oldest first: when (Unix ms), what, which hub, details."""
        return [tuple(row) for row in self._ask("SELECT at_ms, what, hub, detail FROM audit ORDER BY number")]

    # --- hubs and tokens ---------------------------------------------------------------------------

    def hubs(self, hub: str | None = None) -> list[HubRecord]:
        """Give every hub there ever was, by name, or one."""
        where = "" if hub is None else "WHERE hub = ?"
        rows = self._ask(f"{_HUBS} {where} ORDER BY hub", *(() if hub is None else (hub,)))
        return [HubRecord(**row) for row in rows]

    def known(self, hub: str, wall_ms: int) -> Known | None:
        """Give what judging needs of a hub."""
        rows = self._ask(
            "SELECT state, signing, plan, (SELECT count(*) FROM certificate WHERE certificate.hub = hub.hub"
            " AND issued_ms > ?) AS renewals FROM hub WHERE hub = ?",
            *(wall_ms - DAY_MS, hub),
        )
        return Known(**rows[0]) if rows else None

    def owner(self, kid: str) -> str:
        """Name the hub whose signing key has this thumbprint; nothing for none."""
        rows = self._ask("SELECT hub FROM hub WHERE kid = ?", kid)
        return rows[0]["hub"] if rows else ""

    def token(self, token: str) -> Token | None:
        """Give what is kept of an enrolment code."""
        rows = self._ask("SELECT hub, derived, ends_ms, state, request, keys FROM token WHERE token = ?", token)
        return Token(**rows[0]) if rows else None

    def add_token(self, token: str, hub: str, derived: bytes, at_ms: int, ends_ms: int) -> None:
        """Keep a new code for a hub, which makes every earlier one void."""
        self._write("INSERT OR IGNORE INTO hub (hub, state, issued_ms) VALUES (?, 'waiting', ?)", hub, at_ms)
        self._write("UPDATE token SET state = 'void' WHERE hub = ? AND state = 'open'", hub)
        self._write(
            "INSERT INTO token (token, hub, derived, issued_ms, ends_ms) VALUES (?, ?, ?, ?, ?)",
            *(token, hub, derived, at_ms, ends_ms),
        )
        self._audit(at_ms, "issued", hub, token)

    def use_token(self, token: str, request: str, keys: str) -> None:
        """Note by whom a code was used."""
        self._write(
            "UPDATE token SET state = 'used', request = ?, keys = ? WHERE token = ? AND state = 'open'",
            *(request, keys, token),
        )

    def enrolled(self, hub: str, at_ms: int, *, signing: str, kid: str, plan: str, software: str) -> None:
        """Note a hub's keys."""
        self._write(
            "UPDATE hub SET state = 'enrolled', enrolled_ms = ?, signing = ?, kid = ?, plan = ?, software = ?"
            " WHERE hub = ? AND state = 'waiting'",
            *(at_ms, signing, kid, plan, software, hub),
        )
        self._audit(at_ms, "enrolled", hub, kid)

    def revoke(self, hub: str, at_ms: int) -> None:
        """Note that a hub is none any more."""
        self._write("UPDATE hub SET state = 'revoked', revoked_ms = ? WHERE hub = ?", at_ms, hub)
        self._write("UPDATE token SET state = 'void' WHERE hub = ? AND state = 'open'", hub)
        self._audit(at_ms, "revoked", hub)

    # --- certificates ------------------------------------------------------------------------------

    def certificate(self, hub: str, request: str) -> tuple[str, str] | None:
        """Give the certificate (PEM) that answered a request, and for which keys."""
        rows = self._ask("SELECT pem, keys FROM certificate WHERE hub = ? AND request = ?", hub, request)
        return (rows[0]["pem"], rows[0]["keys"]) if rows else None

    def add_certificate(
        self, serial: int, hub: str, request: str, keys: str, pem: str, at_ms: int, ends_ms: int
    ) -> None:
        """Keep a certificate before anybody gets it."""
        self._write(
            "INSERT INTO certificate VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(f"{serial:x}", hub, request, keys, pem, at_ms, ends_ms),
        )
        self._audit(at_ms, "certified", hub, f"{serial:x}")

    def add_own(self, serial: int, what: str, pem: str, at_ms: int) -> None:
        """Note a certificate of the site's own, and its public key: those for an earlier key are revoked."""
        self._write("INSERT INTO own (serial, what, pem, at_ms) VALUES (?, ?, ?, ?)", f"{serial:x}", what, pem, at_ms)
        self._audit(at_ms, "certified", what, f"{serial:x}")

    def revoked(self) -> dict[int, int]:
        """Give every certificate that is revoked, by serial number, and since when (Unix ms)."""
        hubs = self._ask("SELECT serial, revoked_ms FROM certificate JOIN hub USING (hub) WHERE state = 'revoked'")
        own = self._ask(
            "SELECT own.serial, newest.at_ms FROM own JOIN own AS newest USING (what) WHERE newest.number ="
            " (SELECT max(number) FROM own AS last WHERE last.what = own.what) AND newest.pem != own.pem"
        )
        return {int(serial, 16): at_ms for serial, at_ms in (*hubs, *own)}

    # --- the centre's keys, the word, reports ------------------------------------------------------

    def centre_keys(self) -> list[CentreKey]:
        """Give the centre's keys that are valid, oldest first."""
        rows = self._ask("SELECT number, pem, added_ms FROM centre_key WHERE retired_ms = 0 ORDER BY number")
        return [CentreKey(*row) for row in rows]

    def retired_keys(self) -> list[int]:
        """Give the numbers of the centre's keys that are not valid any more."""
        return [number for (number,) in self._ask("SELECT number FROM centre_key WHERE retired_ms > 0")]

    def add_centre_key(self, number: int, pem: str, at_ms: int) -> None:
        """Have hubs believe another key of the centre's."""
        self._write("INSERT INTO centre_key (number, pem, added_ms) VALUES (?, ?, ?)", number, pem, at_ms)
        self._audit(at_ms, "centre key added", detail=str(number))

    def retire_centre_key(self, number: int, at_ms: int) -> None:
        """Have no hub believe a key of the centre's any more."""
        self._write("UPDATE centre_key SET retired_ms = ? WHERE number = ?", at_ms, number)
        self._audit(at_ms, "centre key retired", detail=str(number))

    def word(self) -> tuple[int, str, str] | None:
        """Give the newest word: its version, the digest of what it says, the JWS."""
        rows = self._ask("SELECT version, digest, jws FROM word ORDER BY version DESC LIMIT 1")
        return (rows[0]["version"], rows[0]["digest"], rows[0]["jws"]) if rows else None

    def add_word(self, version: int, digest: str, jws: str, at_ms: int) -> None:
        """Keep a new word."""
        self._write("INSERT INTO word VALUES (?, ?, ?, ?)", version, digest, jws, at_ms)
        self._audit(at_ms, "word", detail=str(version))

    def reports(self, hub: str) -> list[str]:
        """Name a hub's reports."""
        return [row["file"] for row in self._ask("SELECT file FROM report WHERE hub = ? ORDER BY at_ms", hub)]

    def add_report(self, hub: str, file: str, at_ms: int) -> None:
        """Note a report that is on the disk."""
        self._write("INSERT INTO report VALUES (?, ?, ?)", hub, file, at_ms)
        self._audit(at_ms, "report", hub, file)
