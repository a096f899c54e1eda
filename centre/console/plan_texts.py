"""The text of each home's care plan as it was last checked, comments and all: so that no hour of work is ever lost.

Sealed, as the plan itself is: it holds numbers and names (S11).
"""

import base64

import msgspec
import sqlalchemy as sa

from centre.store.database import Database
from centre.store.schema import KEPT
from centre.store.sealing import Keyring, Sealed, SealError
from rules.values import Value

PLACE = "plan-text"


class PlanText(Value, frozen=True, kw_only=True):
    """A plan as somebody wrote it, TOML. `by` is an operator's reference, `at_ms` the centre's Unix ms."""

    text: str
    by: str
    at_ms: int


class _Row(Value, frozen=True, kw_only=True):
    key_id: str
    sealed: str


class PlanTexts:
    """The texts of a store, one for each home. LedgerDownError when the store is down."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database, self._keyring = database, keyring

    def keep(self, hub: str, text: PlanText) -> None:
        """Keep a text, in the place of the one before."""
        sealed = self._keyring.seal(msgspec.json.encode(text), PLACE, hub)
        row = _Row(key_id=sealed.key_id, sealed=base64.b64encode(sealed.content).decode())
        values = {"name": _name(hub), "body": msgspec.json.encode(row)}
        with self._database.writing() as connection:
            connection.execute(self._database.upsert(KEPT, values))

    def get(self, hub: str) -> PlanText | None:
        """Give the text; None where there is none, or none that can be opened."""
        with self._database.reading() as connection:
            body = connection.scalar(sa.select(KEPT.c.body).where(KEPT.c.name == _name(hub)))
        if body is None:
            return None
        row = msgspec.json.decode(body, type=_Row)
        try:
            opened = self._keyring.open(Sealed(row.key_id, base64.b64decode(row.sealed)), PLACE, hub)
        except SealError:
            return None
        return msgspec.json.decode(opened, type=PlanText)


def _name(hub: str) -> str:
    return f"{PLACE}:{hub}"
