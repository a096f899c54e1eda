"""What the store holds of the staff, read and written within a transaction. Secrets are sealed, or digests."""

import msgspec
import sqlalchemy as sa
from msgspec.structs import asdict

from centre.staff import codes
from centre.staff.values import SHELL, Operator, StaffError
from centre.store.cases import AuditRow
from centre.store.database import Database
from centre.store.schema import AUDIT, OPERATOR
from centre.store.sealing import Keyring, Sealed, SealError
from rules.values import Value


class Proof(Value, frozen=True, kw_only=True):
    """By what somebody proves who they are. `step` is the last of the app's that was used: none before it is good."""

    password: str = ""
    key_id: str = ""
    secret: bytes = b""
    step: int = 0
    recovery: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether there is all that is needed."""
        return bool(self.password and self.secret)


class Held(Value, frozen=True, kw_only=True):
    """One of the staff: what all may know, and the proof."""

    operator: Operator
    proof: Proof = Proof()


class _Body(Value, frozen=True, kw_only=True):
    shown: str
    language: str = "en"
    keys: bool = True
    sounds: bool = True
    proof: Proof = Proof()


def held(row: "sa.RowMapping") -> Held:
    """Read a row of the table."""
    body = msgspec.json.decode(row["body"], type=_Body)
    operator = Operator(
        name=row["name"],
        shown=body.shown,
        role=row["role"],
        active=bool(row["active"]),
        language=body.language,
        keys=body.keys,
        sounds=body.sounds,
        ready=body.proof.ready,
    )
    return Held(operator=operator, proof=body.proof)


def get(connection: sa.Connection, name: str) -> Held | None:
    """Read one of the staff."""
    row = connection.execute(sa.select(OPERATOR).where(OPERATOR.c.name == name)).mappings().first()
    return held(row) if row is not None else None


def needed(connection: sa.Connection, name: str) -> Held:
    """Read one of the staff who must be there. Raises StaffError."""
    if (found := get(connection, name)) is None:
        raise StaffError("There is nobody of this name")
    return found


def check_by(connection: sa.Connection, by: str) -> None:
    """Raise StaffError unless this is the server's own shell, or somebody who is a supervisor at this moment."""
    found = get(connection, by)
    if by != SHELL and not (found and found.operator.active and found.operator.role == "supervisor"):
        raise StaffError("A supervisor says who is staff")


def keep(connection: sa.Connection, database: Database, what: Held, at_ms: int) -> None:
    """Write one of the staff."""
    operator = what.operator
    body = _Body(
        shown=operator.shown,
        language=operator.language,
        keys=operator.keys,
        sounds=operator.sounds,
        proof=what.proof,
    )
    values = {
        "name": operator.name,
        "role": operator.role,
        "active": int(operator.active),
        "changed_ms": at_ms,
        "body": msgspec.json.encode(body),
    }
    connection.execute(database.upsert(OPERATOR, values))


def note(connection: sa.Connection, at_ms: int, who: str, what: str, *, hub: str = "", **more: object) -> None:
    """Write into the audit."""
    row = AuditRow(at_ms=at_ms, who=who, what=what, hub=hub, body=msgspec.json.encode(more))
    connection.execute(sa.insert(AUDIT).values(asdict(row)))


def seal(keyring: Keyring, name: str, secret: bytes) -> Sealed:
    """Seal the secret of somebody's app."""
    return keyring.seal(secret, "operator", name, "secret")


def unseal(keyring: Keyring, name: str, sealed: Sealed) -> bytes:
    """Open it. Raises SealError."""
    return keyring.open(sealed, "operator", name, "secret")


def secret_of(keyring: Keyring, what: Held) -> bytes:
    """Give the secret of somebody's app; a new one, that nobody knows, if there is none or it cannot be opened."""
    try:
        return unseal(keyring, what.operator.name, Sealed(what.proof.key_id, what.proof.secret))
    except SealError:
        return codes.new_secret()
