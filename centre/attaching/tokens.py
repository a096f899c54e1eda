"""Bearer tokens of machines: made for one use, shown once, kept as digests, and good until a day that is known."""

import hashlib
import hmac
import re
import secrets
from typing import Literal

import msgspec
import sqlalchemy as sa
from msgspec.structs import asdict

from centre.store.cases import AuditRow
from centre.store.database import Database
from centre.store.schema import AUDIT, TOKEN
from rules.values import Value

Use = Literal["read", "metrics"]
USES: dict[Use, str] = {
    "read": "Read API: cases, homes, events and reports, without personal data",
    "metrics": "Metrics: counts alone, for Prometheus",
}

NAME_CHARS_MAX = 80
DAYS_MAX = 366
TOKENS_MAX = 100
"""How many may be good at a time (S12)."""

SEEN_EVERY_MS = 60_000
"""How often it is noted that a token was used."""

_BYTES = 32
_PREFIX = "hearthline-"
_SHAPE = re.compile(_PREFIX + r"[A-Za-z0-9_-]{43}")
_DAY_MS = 86_400_000


class TokenError(Exception):
    """No such token can be made; the text says why, and what to do."""


class Token(Value, frozen=True, kw_only=True):
    """What is known of a token. `id` says its use and is a digest: nobody can ask anything by it. Times are Unix ms.

    `seen_ms` is when it was last used, to the minute; 0 for never.
    """

    id: str
    name: str
    by: str
    at_ms: int
    ends_ms: int
    seen_ms: int = 0

    @property
    def use(self) -> Use:
        """What it is good for."""
        return "metrics" if self.id.startswith("metrics:") else "read"


class Tokens:
    """The tokens of a store. LedgerDownError when the store is down."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def make(self, name: str, use: Use, days: int, by: str, at_ms: int) -> tuple[str, Token]:
        """Make a token; give it, once and never again, and what is kept of it. Raises TokenError."""
        name = " ".join(name.split())
        if not name or len(name) > NAME_CHARS_MAX or not name.isprintable():
            raise TokenError(f"Say in 1 to {NAME_CHARS_MAX} characters what the token is for")
        if use not in USES or not 1 <= days <= DAYS_MAX:
            raise TokenError(f"A token is for one of {', '.join(USES)}, and good for 1 to {DAYS_MAX} days")
        secret = _PREFIX + secrets.token_urlsafe(_BYTES)
        token = Token(id=_id(secret, use), name=name, by=by, at_ms=at_ms, ends_ms=at_ms + days * _DAY_MS)
        with self._database.writing() as connection:
            good = connection.scalar(sa.select(sa.func.count()).where(TOKEN.c.ends_ms > at_ms))
            if (good or 0) >= TOKENS_MAX:
                raise TokenError(f"{TOKENS_MAX} tokens are good already: revoke one that nobody uses")
            connection.execute(sa.insert(TOKEN).values(asdict(token)))
            _note(connection, "token-made", token, by, at_ms)
        return secret, token

    def revoke(self, token_id: str, by: str, at_ms: int) -> bool:
        """End a token now. False if there is none, or it has ended. It stays in the list: nothing is hidden."""
        mine = (TOKEN.c.id == token_id, TOKEN.c.ends_ms > at_ms)
        with self._database.writing() as connection:
            change = sa.update(TOKEN).where(*mine).values(ends_ms=at_ms).returning(TOKEN)
            row = connection.execute(change).mappings().first()
            if row is None:
                return False
            _note(connection, "token-revoked", Token(**row), by, at_ms)
        return True

    def all(self) -> list[Token]:
        """Give every token that was made, the newest first."""
        with self._database.reading() as connection:
            asked = sa.select(TOKEN).order_by(TOKEN.c.at_ms.desc(), TOKEN.c.id)
            return [Token(**row) for row in connection.execute(asked).mappings()]

    def find(self, secret: str, use: Use, at_ms: int) -> Token | None:
        """Give the token that this is, if it is good for this use now."""
        if _SHAPE.fullmatch(secret) is None:
            return None
        name = _id(secret, use)
        with self._database.reading() as connection:
            row = connection.execute(sa.select(TOKEN).where(TOKEN.c.id == name)).mappings().first()
        if row is None or not hmac.compare_digest(row["id"], name) or not row["at_ms"] <= at_ms < row["ends_ms"]:
            return None
        return Token(**row)

    def used(self, token: Token, at_ms: int) -> None:
        """Note that it was used, once a minute at most."""
        if at_ms - token.seen_ms >= SEEN_EVERY_MS:
            with self._database.writing() as connection:
                connection.execute(sa.update(TOKEN).where(TOKEN.c.id == token.id).values(seen_ms=at_ms))


def _id(secret: str, use: Use) -> str:
    # 256 random bits: nothing is gained by a slow digest.
    return f"{use}:{hashlib.sha256(secret.encode()).hexdigest()}"


def _note(connection: sa.Connection, what: str, token: Token, by: str, at_ms: int) -> None:
    body = msgspec.json.encode({"name": token.name, "use": token.use, "ends_ms": token.ends_ms})
    row = AuditRow(at_ms=at_ms, who=by, what=what, body=body)
    connection.execute(sa.insert(AUDIT).values(asdict(row)))
