"""Version 2: what the running centre does (commands, plans, its watch), who may use it, and what is attached to it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _doing()
    _staff()
    _attached()
    _consent()


def _words(*names: str) -> "list[sa.Column[str]]":
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _key(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, primary_key=True, nullable=False)


def _bigs(*names: str) -> "list[sa.Column[int]]":
    return [sa.Column(name, _BIG, nullable=False, autoincrement=False) for name in names]


def _blob(name: str) -> "sa.Column[bytes]":
    return sa.Column(name, sa.LargeBinary, nullable=False)


def _table(name: str, *parts: sa.schema.SchemaItem) -> None:
    op.create_table(name, *parts, sqlite_strict=True)


def _numbered(name: str, *parts: sa.schema.SchemaItem) -> None:
    number = sa.Column("number", _BIG, primary_key=True, autoincrement=True)
    op.create_table(name, number, *parts, sqlite_strict=True, sqlite_autoincrement=True)


def _doing() -> None:
    _table(
        "command",
        _key("id"),
        *_words("hub", "type", "by", "case_id", "state", "reason"),
        _blob("data"),
        *_bigs("at_ms", "expires", "changed_ms"),
    )
    op.create_index("command_state", "command", ["state", "at_ms"])
    op.create_index("command_hub", "command", ["hub", "at_ms"])
    _numbered(
        "plan",
        *_words("hub", "version", "by", "state", "reason", "key_id"),
        *_bigs("at_ms", "changed_ms"),
        _blob("sealed"),
    )
    op.create_index("plan_hub", "plan", ["hub", "number"])
    _table("lease", _key("name"), *_words("holder"), *_bigs("until_ms"))
    _table("seen", _key("hub"), _blob("body"))
    _table("kept", _key("name"), _blob("body"))


def _staff() -> None:
    _table("operator", _key("name"), *_words("role"), *_bigs("active", "changed_ms"), _blob("body"))
    _table("session", _key("id"), *_words("operator"), *_bigs("begun_ms", "seen_ms", "ends_ms"), _blob("body"))
    op.create_index("session_operator", "session", ["operator"])
    _table("ticket", _key("id"), *_words("operator", "what"), *_bigs("ends_ms"))
    _table("attempt", _key("name"), *_bigs("count", "since_ms", "until_ms"))


def _attached() -> None:
    _table("token", _key("id"), *_words("name", "by"), *_bigs("at_ms", "ends_ms", "seen_ms"))
    _table("webhook", _key("id"), *_words("url", "state", "by"), *_bigs("at_ms"), *_words("key_id"), _blob("sealed"))
    _numbered(
        "delivery",
        *_words("webhook", "type", "state", "reason"),
        *_bigs("at_ms", "due_ms", "tries"),
        _blob("body"),
    )
    op.create_index("delivery_due", "delivery", ["state", "due_ms"])


def _consent() -> None:
    """The register of consent: nobody changes a row, as with the audit (version 1)."""
    _numbered("consent", *_bigs("at_ms"), *_words("hub", "person", "what", "given", "who", "why"))
    op.create_index("consent_hub", "consent", ["hub", "number"])
    op.execute("INSERT INTO floor (name, before_ms) VALUES ('consent', 0)")
    if op.get_bind().dialect.name == "sqlite":
        refuse = "BEGIN SELECT RAISE(ABORT, 'consent is append-only'); END"
        floor = "(SELECT before_ms FROM floor WHERE name = 'consent')"
        again = "(SELECT 1 FROM consent WHERE number = new.number)"
        op.execute(f"CREATE TRIGGER consent_update BEFORE UPDATE ON consent {refuse}")
        op.execute(f"CREATE TRIGGER consent_delete BEFORE DELETE ON consent WHEN old.at_ms >= {floor} {refuse}")
        op.execute(f"CREATE TRIGGER consent_replace BEFORE INSERT ON consent WHEN EXISTS {again} {refuse}")
    else:
        call = "EXECUTE FUNCTION hearthline_append_only()"
        op.execute(f"CREATE TRIGGER consent_row BEFORE UPDATE OR DELETE ON consent FOR EACH ROW {call}")
        op.execute(f"CREATE TRIGGER consent_all BEFORE TRUNCATE ON consent FOR EACH STATEMENT {call}")
