"""Webhooks in the store: who wants to be told, their secrets sealed, and every message until it was received.

Messages are made of the audit, whose numbers rise in the order of commits: how far that was read is kept together with
what was made of it, so that none is lost or made twice, whoever is killed.
"""

import base64
import secrets
from collections.abc import Iterable
from typing import Literal
from urllib.parse import urlsplit

import msgspec
import sqlalchemy as sa
from msgspec.structs import asdict

from centre.attaching.posting import Answer, check
from centre.attaching.telling import Message, messages, pause_ms, trial
from centre.cases.audit import Entry
from centre.cases.case import Case
from centre.store.cases import AuditRow
from centre.store.database import Database
from centre.store.schema import AUDIT, CASE, COUNTER, DELIVERY, WEBHOOK
from centre.store.sealing import Keyring, Sealed
from rules.values import Value

CURSOR = "webhooks"
"""How far the audit was read. Not among the followers: those count events, and hold their deletion back."""

WEBHOOKS_MAX = 20
WAITING_MAX = 10_000
"""Messages that wait for one receiver; what comes then is failed at once, and said to be (S12)."""

KEPT_MS = 7 * 86_400_000
"""How long what was received, or was given up, can be looked up."""

PAGE = 500

_COUNTED = ("heard", "found", "ended", "took", "resolved", "reopened")
_SECRET_BYTES = 32
_PREFIX = "whsec_"

DeliveryState = Literal["waiting", "sent", "failed"]


class HookError(Exception):
    """This cannot be done with a webhook; the text says why, and what to do."""


class Webhook(Value, frozen=True, kw_only=True):
    """Somebody who wants to be told. `state` is `on`, `off` or `gone` (taken away). `at_ms`: when it was made."""

    id: str
    url: str
    state: str
    by: str
    at_ms: int


class Delivery(Value, frozen=True, kw_only=True):
    """One message for one receiver. `reason`: why the last of `tries` attempts failed. `due_ms`: when the next is."""

    number: int
    webhook: str
    type: str
    state: DeliveryState
    reason: str
    at_ms: int
    due_ms: int
    tries: int
    body: bytes

    @property
    def id(self) -> str:
        """What the receiver knows it by, at every attempt."""
        return f"msg_{self.number}"


class HookBook:
    """The webhooks of a store, and their messages. LedgerDownError when the store is down."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database, self._keyring = database, keyring

    # --- who wants to be told --------------------------------------------------------------------------

    def add(self, url: str, by: str, at_ms: int, *, allow_private: bool = False) -> tuple[str, Webhook]:
        """Add a receiver; give the secret that its messages are signed with, once. Raises AddressError, HookError."""
        check(url, allow_private=allow_private)
        secret = secrets.token_bytes(_SECRET_BYTES)
        hook = Webhook(id=secrets.token_hex(8), url=url, state="on", by=by, at_ms=at_ms)
        sealed = self._keyring.seal(secret, "webhook", hook.id)
        with self._database.writing() as connection:
            there = connection.scalar(sa.select(sa.func.count()).where(WEBHOOK.c.state != "gone"))
            if (there or 0) >= WEBHOOKS_MAX:
                raise HookError(f"There are {WEBHOOKS_MAX} webhooks already: take one away that nobody needs")
            row = {**asdict(hook), "key_id": sealed.key_id, "sealed": sealed.content}
            connection.execute(sa.insert(WEBHOOK).values(row))
            _note(connection, "webhook-added", hook, by, at_ms)
        return _PREFIX + base64.b64encode(secret).decode(), hook

    def set_state(self, hook_id: str, state: Literal["on", "off", "gone"], by: str, at_ms: int) -> bool:
        """Switch a webhook on or off, or take it away. False if there is none. What waits for one taken away fails."""
        mine = (WEBHOOK.c.id == hook_id, WEBHOOK.c.state != "gone", WEBHOOK.c.state != state)
        with self._database.writing() as connection:
            change = sa.update(WEBHOOK).where(*mine).values(state=state).returning(*_HOOK)
            row = connection.execute(change).mappings().first()
            if row is None:
                return False
            if state == "gone":
                _give_up(connection, hook_id, "the webhook was taken away")
            _note(connection, f"webhook-{state}", Webhook(**row), by, at_ms)
        return True

    def all(self) -> list[Webhook]:
        """Give the webhooks there are."""
        asked = sa.select(*_HOOK).where(WEBHOOK.c.state != "gone").order_by(WEBHOOK.c.at_ms, WEBHOOK.c.id)
        with self._database.reading() as connection:
            return [Webhook(**row) for row in connection.execute(asked).mappings()]

    def secret(self, hook_id: str) -> bytes:
        """Give what a webhook's messages are signed with. Raises SealError, KeyError."""
        c = WEBHOOK.c
        with self._database.reading() as connection:
            row = connection.execute(sa.select(c.key_id, c.sealed).where(c.id == hook_id)).first()
        if row is None:
            raise KeyError(hook_id)
        return self._keyring.open(Sealed(row.key_id, row.sealed), "webhook", hook_id)

    # --- what is to be told ----------------------------------------------------------------------------

    def read_on(self, at_ms: int) -> int:
        """Make messages of the audit's next page; give how many entries were read. Two who do it at once do it once."""
        with self._database.reading() as connection:  # most times there is nothing: nobody waits for us to see that
            if _cursor(connection) == _newest(connection):
                return 0
        with self._database.writing() as connection:
            was = _cursor(connection)
            if was is None:  # from now on: what was before there was anybody to be told is no news
                newest = _newest(connection)
                connection.execute(sa.insert(COUNTER).values(name=CURSOR, value=newest))
                return 0
            c = AUDIT.c
            asked = sa.select(c.number, c.what, c.case_id, c.body).where(c.number > was).order_by(c.number).limit(PAGE)
            rows = connection.execute(asked).all()
            if not rows:
                return 0
            receivers = connection.scalars(sa.select(WEBHOOK.c.id).where(WEBHOOK.c.state == "on")).all()
            if receivers:
                entries = [msgspec.json.decode(row.body, type=Entry) for row in rows if row.case_id and _told(row.what)]
                found = _messages(connection, entries)
                for receiver in receivers:
                    _queue(connection, receiver, found, at_ms)
            moved = sa.update(COUNTER).where(COUNTER.c.name == CURSOR).values(value=rows[-1].number)
            connection.execute(moved)
        return len(rows)

    def try_out(self, hook_id: str, at_ms: int) -> bool:
        """Send a message that says it is a test. False if there is no such webhook."""
        if not any(each.id == hook_id for each in self.all()):
            return False
        with self._database.writing() as connection:
            _queue(connection, hook_id, [trial(at_ms)], at_ms)
        return True

    def due(self, at_ms: int, limit: int) -> list[tuple[Webhook, list[Delivery]]]:
        """Give what is to be sent now, by receiver, the oldest first; so many for each at most."""
        found = []
        d = DELIVERY.c
        with self._database.reading() as connection:
            hooks = connection.execute(sa.select(*_HOOK).where(WEBHOOK.c.state == "on").order_by(WEBHOOK.c.id))
            for hook in [Webhook(**row) for row in hooks.mappings()]:
                asked = sa.select(DELIVERY).where(d.state == "waiting", d.due_ms <= at_ms, d.webhook == hook.id)
                rows = connection.execute(asked.order_by(d.number).limit(limit)).mappings().all()
                if rows:
                    found.append((hook, [Delivery(**row) for row in rows]))
        return found

    def tried(self, delivery: Delivery, answer: Answer, at_ms: int) -> DeliveryState:
        """Note what came of an attempt. One who says `410 Gone` is switched off."""
        tries = delivery.tries + 1
        pause = pause_ms(tries)
        state: DeliveryState = "sent" if not answer.reason else "failed" if pause is None or answer.gone else "waiting"
        # `due_ms` of what is over is when it was: `tidy` counts from there.
        due_ms = at_ms + (pause or 0) if state == "waiting" else at_ms
        mine = (DELIVERY.c.number == delivery.number, DELIVERY.c.tries == delivery.tries)
        values = {"state": state, "reason": answer.reason, "tries": tries, "due_ms": due_ms}
        with self._database.writing() as connection:
            connection.execute(sa.update(DELIVERY).where(*mine).values(values))
            if answer.gone:
                hook = sa.update(WEBHOOK).where(WEBHOOK.c.id == delivery.webhook, WEBHOOK.c.state == "on")
                row = connection.execute(hook.values(state="off").returning(*_HOOK)).mappings().first()
                if row is not None:
                    _give_up(connection, delivery.webhook, "the receiver said that it wants no more (410)")
                    _note(connection, "webhook-off", Webhook(**row), "centre", at_ms)
        return state

    def again(self, number: int, at_ms: int) -> bool:
        """Begin anew with a message that was given up. False if there is none."""
        mine = (DELIVERY.c.number == number, DELIVERY.c.state == "failed")
        values = {"state": "waiting", "tries": 0, "due_ms": at_ms}
        with self._database.writing() as connection:
            row = connection.execute(
                sa.update(DELIVERY).where(*mine).values(values).returning(DELIVERY.c.number)
            ).first()
        return row is not None

    def latest(self, limit: int = 50) -> list[Delivery]:
        """Give the latest messages, those given up first."""
        d = DELIVERY.c
        asked = sa.select(DELIVERY).order_by(sa.case((d.state == "failed", 0), else_=1), d.number.desc()).limit(limit)
        with self._database.reading() as connection:
            return [Delivery(**row) for row in connection.execute(asked).mappings()]

    def counts(self) -> dict[str, dict[str, int]]:
        """Count messages, by webhook and state."""
        d = DELIVERY.c
        found: dict[str, dict[str, int]] = {}
        with self._database.reading() as connection:
            for hook, state, count in connection.execute(
                sa.select(d.webhook, d.state, sa.func.count()).group_by(d.webhook, d.state)
            ):
                found.setdefault(hook, {})[state] = count
        return found

    def tidy(self, at_ms: int) -> int:
        """Forget what was over long ago; give how many."""
        d = DELIVERY.c
        old = sa.select(d.number).where(d.state.in_(("sent", "failed")), d.due_ms < at_ms - KEPT_MS).limit(PAGE)
        with self._database.writing() as connection:
            return len(connection.execute(sa.delete(DELIVERY).where(d.number.in_(old)).returning(d.number)).all())


_HOOK = tuple(WEBHOOK.c[name] for name in Webhook.__struct_fields__)


def _cursor(connection: sa.Connection) -> int | None:
    return connection.scalar(sa.select(COUNTER.c.value).where(COUNTER.c.name == CURSOR))


def _newest(connection: sa.Connection) -> int:
    return connection.scalar(sa.select(sa.func.max(AUDIT.c.number))) or 0


def _told(what: str) -> bool:
    return what in _COUNTED


def _messages(connection: sa.Connection, entries: Iterable[Entry]) -> list[Message]:
    entries = list(entries)
    ids = {each.case for each in entries}
    rows = connection.execute(sa.select(CASE.c.id, CASE.c.body).where(CASE.c.id.in_(ids)))
    cases = {row.id: msgspec.json.decode(row.body, type=Case) for row in rows}
    return [message for each in entries for message in messages(each, cases.get(each.case))]


def _queue(connection: sa.Connection, hook: str, found: list[Message], at_ms: int) -> None:
    d = DELIVERY.c
    waiting = connection.scalar(sa.select(sa.func.count()).where(d.webhook == hook, d.state == "waiting")) or 0
    rows = []
    for place, message in enumerate(found):
        full = waiting + place >= WAITING_MAX
        rows.append(
            {
                "webhook": hook,
                "type": message.type,
                "state": "failed" if full else "waiting",
                "reason": f"{WAITING_MAX} messages wait for this receiver already" if full else "",
                "at_ms": at_ms,
                "due_ms": at_ms,
                "tries": 0,
                "body": msgspec.json.encode(message),
            }
        )
    if rows:
        connection.execute(sa.insert(DELIVERY), rows)


def _give_up(connection: sa.Connection, hook: str, reason: str) -> None:
    waiting = (DELIVERY.c.webhook == hook, DELIVERY.c.state == "waiting")
    connection.execute(sa.update(DELIVERY).where(*waiting).values(state="failed", reason=reason))


def _note(connection: sa.Connection, what: str, hook: Webhook, by: str, at_ms: int) -> None:
    # Of an address only the machine: what follows is often a secret between us and the receiver.
    body = msgspec.json.encode({"webhook": hook.id, "host": urlsplit(hook.url).hostname})
    row = AuditRow(at_ms=at_ms, who=by, what=what, body=body)
    connection.execute(sa.insert(AUDIT).values(asdict(row)))
