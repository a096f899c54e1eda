"""The store's tables as they are now. How they came to be is in `migrations/`; a test holds the two together."""

import sqlalchemy as sa


class Words(sa.TypeDecorator[str]):
    """Text from anywhere. What PostgreSQL or UTF-8 cannot hold (NUL, half a surrogate pair) reads as U+FFFD.

    Or one hub's odd byte would be a store that is down, and be offered again for ever. Bodies keep the true bytes.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002 -- SQLAlchemy's
        """Make a text storable."""
        if value is None:
            return None
        return value.replace("\0", "\ufffd").encode("utf-8", "surrogatepass").decode("utf-8", "replace")


Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""64 bits; SQLite numbers rows by itself only in a column called INTEGER, and has 64 bits in it."""

METADATA = sa.MetaData()


def _words(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, Words, primary_key=key, nullable=False)


def _big(name: str, *, key: bool = False) -> sa.Column[int]:
    return sa.Column(name, Big, primary_key=key, nullable=False, autoincrement=False)


def _blob(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


def _number() -> sa.Column[int]:
    return sa.Column("number", Big, primary_key=True, autoincrement=True)


def _table(name: str, *parts: sa.schema.SchemaItem) -> sa.Table:
    return sa.Table(name, METADATA, *parts, sqlite_strict=True)


def _numbered(name: str, *parts: sa.schema.SchemaItem) -> sa.Table:
    return sa.Table(name, METADATA, _number(), *parts, sqlite_strict=True, sqlite_autoincrement=True)


# --- what the intake keeps -------------------------------------------------------------------------

EVENT = _numbered(
    "event",
    *(_words("hub"), _words("id"), _words("digest"), _words("type")),
    *(sa.Column("epoch", Words), sa.Column("lane", Words), sa.Column("seq", Big)),
    *(_big("at_ms"), _big("conflict"), _blob("body")),
    sa.UniqueConstraint("hub", "id", "digest", name="event_once"),
    sa.Index("event_lane", "hub", "epoch", "lane", "seq"),
    sa.Index("event_age", "type", "at_ms"),
)
DROPPED = _table(
    "dropped",
    *(_words("hub", key=True), _words("epoch", key=True), _words("lane", key=True)),
    *(_big("first", key=True), _big("last", key=True)),
)
"""Numbers of lanes that are accounted for without an event: the hub dropped them, or retention deleted them."""

CLAIM = _table("claim", _words("hub", key=True), _words("epoch", key=True), _words("lane", key=True), _big("last"))
HOME = _table("home", _words("hub", key=True), _blob("body"))
STATE = _table("state", _words("hub", key=True), _blob("body"))
QUARANTINE = _numbered(
    "quarantine",
    *(_big("at_ms"), _words("hub"), _words("topic"), _blob("token"), _words("reason")),
    sa.Index("quarantine_hub", "hub", "number"),
)

# --- what staff do ---------------------------------------------------------------------------------

CASE = _table(
    "case",
    *(_words("id", key=True), _words("hub"), _words("state"), _big("priority"), _big("open")),
    *(_big("version"), _big("changed_ms"), _blob("body")),
    sa.Index("case_queue", "open", "priority"),
    sa.Index("case_hub", "hub", "changed_ms"),
    sa.Index("case_changed", "changed_ms"),
)
CASE_ALARM = _table(
    "case_alarm",
    *(_words("case_id", key=True), _words("alarm", key=True), _words("hub"), _big("open")),
    sa.ForeignKeyConstraint(["case_id"], ["case.id"], name="case_alarm_case", ondelete="CASCADE"),
)
sa.Index(
    "case_alarm_once",
    *(CASE_ALARM.c.hub, CASE_ALARM.c.alarm),
    unique=True,
    sqlite_where=CASE_ALARM.c.open == 1,
    postgresql_where=CASE_ALARM.c.open == 1,
)
"""No alarm is in two open cases, whoever writes."""

FOLLOWER = _table("follower", _words("name", key=True), _big("number"))
"""How far somebody has read in the events: moved in the transaction that keeps what was made of them."""

COUNTER = _table("counter", _words("name", key=True), _big("value"))
AUDIT = _numbered(
    "audit",
    *(_big("at_ms"), _words("who"), _words("what"), _words("case_id"), _words("hub"), _blob("body")),
    sa.Index("audit_case", "case_id", "number"),
    sa.Index("audit_hub", "hub", "number"),
)

# --- what the centre does ----------------------------------------------------------------------------

COMMAND = _table(
    "command",
    *(_words("id", key=True), _words("hub"), _words("type"), _blob("data"), _words("by"), _words("case_id")),
    *(_words("state"), _words("reason"), _big("at_ms"), _big("expires"), _big("changed_ms")),
    sa.Index("command_state", "state", "at_ms"),
    sa.Index("command_hub", "hub", "at_ms"),
)
"""What is to be told to hubs, kept in the commit of what made it so, and repeated until the hub has answered."""

PLAN = _numbered(
    "plan",
    *(_words("hub"), _words("version"), _words("by"), _words("state"), _words("reason")),
    *(_words("key_id"), _blob("sealed"), _big("at_ms"), _big("changed_ms")),
    sa.Index("plan_hub", "hub", "number"),
)
"""Care plans as they were sent: sealed, for they hold numbers and names (S11)."""

LEASE = _table("lease", _words("name", key=True), _words("holder"), _big("until_ms"))
"""Which worker does what only one may do, and until when if it says nothing more."""

SEEN = _table("seen", _words("hub", key=True), _blob("body"))
KEPT = _table("kept", _words("name", key=True), _blob("body"))
"""What one part of the centre keeps for itself, whole: the watch's silence, settings."""

# --- who may, and what is attached ------------------------------------------------------------------

OPERATOR = _table(
    "operator", *(_words("name", key=True), _words("role"), _big("active"), _big("changed_ms"), _blob("body"))
)
SESSION = _table(
    "session",
    *(_words("id", key=True), _words("operator"), _big("begun_ms"), _big("seen_ms"), _big("ends_ms"), _blob("body")),
    sa.Index("session_operator", "operator"),
)
"""`id` is a digest: who reads the table cannot sign in by it. So with tickets and tokens."""

TICKET = _table("ticket", *(_words("id", key=True), _words("operator"), _words("what"), _big("ends_ms")))
ATTEMPT = _table("attempt", *(_words("name", key=True), _big("count"), _big("since_ms"), _big("until_ms")))
TOKEN = _table(
    "token",
    *(_words("id", key=True), _words("name"), _words("by"), _big("at_ms"), _big("ends_ms"), _big("seen_ms")),
)
WEBHOOK = _table(
    "webhook",
    *(_words("id", key=True), _words("url"), _words("state"), _words("by"), _big("at_ms")),
    *(_words("key_id"), _blob("sealed")),
)
DELIVERY = _numbered(
    "delivery",
    *(_words("webhook"), _words("type"), _words("state"), _words("reason")),
    *(_big("at_ms"), _big("due_ms"), _big("tries"), _blob("body")),
    sa.Index("delivery_due", "state", "due_ms"),
)

# --- people ----------------------------------------------------------------------------------------

HOME_RECORD = _table(
    "home_record",
    *(_words("hub", key=True), _words("field", key=True), _words("key_id"), _blob("sealed"), _big("changed_ms")),
    sa.Index("home_record_key", "key_id"),
)
LEAVING = _table("leaving", _words("hub", key=True), _big("at_ms"))
"""When a home left the service: its record is kept so long after that."""

LOOK = _numbered(
    "look",
    *(_big("at_ms"), _words("hub"), _words("who"), _words("role"), _words("why"), _words("fields")),
    sa.Index("look_hub", "hub", "number"),
)
CONSENT = _numbered(
    "consent",
    *(_big("at_ms"), _words("hub"), _words("person"), _words("what"), _words("given"), _words("who"), _words("why")),
    sa.Index("consent_hub", "hub", "number"),
)
FLOOR = _table("floor", _words("name", key=True), _big("before_ms"))
"""Rows of an append-only table go only once its floor was raised above them, and floors only rise."""

APPEND_ONLY = ("audit", "look", "consent")
