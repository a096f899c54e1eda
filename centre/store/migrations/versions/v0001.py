"""Version 1: the intake's ledger, cases with their audit, and people's data."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_APPEND_ONLY = ("audit", "look")


def upgrade() -> None:
    """Make the tables."""
    _intake()
    _cases()
    _people()
    for name in _APPEND_ONLY:
        op.execute(f"INSERT INTO floor (name, before_ms) VALUES ('{name}', 0)")  # noqa: S608 -- a name of ours
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgresql()


def _words(name: str, *, key: bool = False, nullable: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, primary_key=key, nullable=nullable)


def _big(name: str, *, key: bool = False, nullable: bool = False) -> "sa.Column[int]":
    return sa.Column(name, _BIG, primary_key=key, nullable=nullable, autoincrement=False)


def _blob(name: str) -> "sa.Column[bytes]":
    return sa.Column(name, sa.LargeBinary, nullable=False)


def _table(name: str, *parts: sa.schema.SchemaItem) -> None:
    op.create_table(name, *parts, sqlite_strict=True)


def _numbered(name: str, *parts: sa.schema.SchemaItem) -> None:
    number = sa.Column("number", _BIG, primary_key=True, autoincrement=True)
    op.create_table(name, number, *parts, sqlite_strict=True, sqlite_autoincrement=True)


def _intake() -> None:
    _numbered(
        "event",
        *(_words("hub"), _words("id"), _words("digest"), _words("type")),
        *(_words("epoch", nullable=True), _words("lane", nullable=True), _big("seq", nullable=True)),
        *(_big("at_ms"), _big("conflict"), _blob("body")),
        sa.UniqueConstraint("hub", "id", "digest", name="event_once"),
    )
    op.create_index("event_lane", "event", ["hub", "epoch", "lane", "seq"])
    op.create_index("event_age", "event", ["type", "at_ms"])
    lane = ("hub", "epoch", "lane")
    _table("dropped", *(_words(name, key=True) for name in lane), _big("first", key=True), _big("last", key=True))
    _table("claim", *(_words(name, key=True) for name in lane), _big("last"))
    _table("home", _words("hub", key=True), _blob("body"))
    _table("state", _words("hub", key=True), _blob("body"))
    _numbered("quarantine", _big("at_ms"), _words("hub"), _words("topic"), _blob("token"), _words("reason"))
    op.create_index("quarantine_hub", "quarantine", ["hub", "number"])


def _cases() -> None:
    _table(
        "case",
        *(_words("id", key=True), _words("hub"), _words("state"), _big("priority"), _big("open")),
        *(_big("version"), _big("changed_ms"), _blob("body")),
    )
    op.create_index("case_queue", "case", ["open", "priority"])
    op.create_index("case_hub", "case", ["hub", "changed_ms"])
    op.create_index("case_changed", "case", ["changed_ms"])
    _table(
        "case_alarm",
        *(_words("case_id", key=True), _words("alarm", key=True), _words("hub"), _big("open")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name="case_alarm_case", ondelete="CASCADE"),
    )
    standing = sa.text("open = 1")
    op.create_index(
        "case_alarm_once",
        "case_alarm",
        ["hub", "alarm"],
        unique=True,
        sqlite_where=standing,
        postgresql_where=standing,
    )
    _table("follower", _words("name", key=True), _big("number"))
    _table("counter", _words("name", key=True), _big("value"))
    _numbered(
        "audit",
        *(_big("at_ms"), _words("who"), _words("what"), _words("case_id"), _words("hub"), _blob("body")),
    )
    op.create_index("audit_case", "audit", ["case_id", "number"])
    op.create_index("audit_hub", "audit", ["hub", "number"])


def _people() -> None:
    _table(
        "home_record",
        *(_words("hub", key=True), _words("field", key=True)),
        *(_words("key_id"), _blob("sealed"), _big("changed_ms")),
    )
    op.create_index("home_record_key", "home_record", ["key_id"])
    _table("leaving", _words("hub", key=True), _big("at_ms"))
    _numbered(
        "look",
        *(_big("at_ms"), _words("hub"), _words("who"), _words("role"), _words("why"), _words("fields")),
    )
    op.create_index("look_hub", "look", ["hub", "number"])
    _table("floor", _words("name", key=True), _big("before_ms"))


def _guard_sqlite() -> None:
    """Let nobody change a row, nor delete one above its table's floor. INSERT OR REPLACE deletes, too."""
    for name in _APPEND_ONLY:
        refuse = f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
        floor = f"(SELECT before_ms FROM floor WHERE name = '{name}')"  # noqa: S608 -- a name of ours
        again = f"(SELECT 1 FROM {name} WHERE number = new.number)"  # noqa: S608 -- likewise
        op.execute(f"CREATE TRIGGER {name}_update BEFORE UPDATE ON {name} {refuse}")
        op.execute(f"CREATE TRIGGER {name}_delete BEFORE DELETE ON {name} WHEN old.at_ms >= {floor} {refuse}")
        op.execute(f"CREATE TRIGGER {name}_replace BEFORE INSERT ON {name} WHEN EXISTS {again} {refuse}")
    refuse = "BEGIN SELECT RAISE(ABORT, 'a floor only rises'); END"
    sinks = "new.before_ms < old.before_ms OR new.name <> old.name"
    op.execute(f"CREATE TRIGGER floor_update BEFORE UPDATE ON floor WHEN {sinks} {refuse}")
    op.execute(f"CREATE TRIGGER floor_delete BEFORE DELETE ON floor {refuse}")


def _guard_postgresql() -> None:
    """Do likewise. Neither holds against who may change the tables themselves."""
    op.execute("""
        CREATE FUNCTION hearthline_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF TG_OP = 'DELETE' THEN
                IF OLD.at_ms < (SELECT before_ms FROM floor WHERE name = TG_TABLE_NAME) THEN RETURN OLD; END IF;
            END IF;
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
        END $$""")
    op.execute("""
        CREATE FUNCTION hearthline_floor() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF TG_OP = 'UPDATE' THEN
                IF NEW.before_ms >= OLD.before_ms AND NEW.name = OLD.name THEN RETURN NEW; END IF;
            END IF;
            RAISE EXCEPTION 'a floor only rises';
        END $$""")
    for name, function in [*((each, "append_only") for each in _APPEND_ONLY), ("floor", "floor")]:
        call = f"EXECUTE FUNCTION hearthline_{function}()"
        op.execute(f"CREATE TRIGGER {name}_row BEFORE UPDATE OR DELETE ON {name} FOR EACH ROW {call}")
        op.execute(f"CREATE TRIGGER {name}_all BEFORE TRUNCATE ON {name} FOR EACH STATEMENT {call}")
