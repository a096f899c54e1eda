"""The intake: every message of a hub is proven, kept, and only then receipted. No I/O but through a ledger.

What it makes are values. Whoever carries the messages signs and publishes the receipt of an `Outcome`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, Protocol

import msgspec
from msgspec.structs import replace

from agent.wire.envelope import DOCUMENT_BYTES_MAX, EVENT_BYTES_MAX, HUB_ALGORITHM, EnvelopeError, Key, Verifier
from agent.wire.messages import (
    CENTRE,
    CloudEvent,
    Id,
    Receipt,
    State,
    Status,
    UnreadableError,
    decode_event,
    decode_report,
    digest,
    read,
)
from agent.wire.topics import ROOT, hub_of
from centre import homes
from centre.homes import Home
from centre.lanes import SEQ_MAX, Lane, Missing, Position, missing, position
from rules.events import ReceiptResult
from rules.reports import CheckIn, Gap, Report
from rules.values import Now, Value

RETRY_AFTER_S = 10.0
"""When a hub is asked to offer an event again while the ledger is down."""

REASON_CHARS_MAX = 200
TOPIC_CHARS_MAX = 200

TYPE_CHARS_MAX = 200
EPOCH_CHARS_MAX = 64
"""What is looked up by must fit an index, or one hub's long word would be a store that is down (S12)."""

Kept = Literal["new", "same", "conflict"]
Verdict = Literal[
    "accepted", "repeated", "conflict", "retry", "rejected", "quarantined", "status", "state", "stale", "lost"
]
"""What became of a message. `lost`: it belonged in quarantine, and the ledger was down."""


class LedgerDownError(Exception):
    """The ledger cannot keep anything just now; the text says why."""


class Entry(Value, frozen=True):
    """An event as it is kept: the committed bytes, where it stands, and when it came (the centre's Unix time, ms)."""

    hub: str
    id: str
    digest: str
    type: str
    body: bytes
    at_ms: int
    position: Position | None = None
    dropped: tuple[Position, int] | None = None
    """What a `gap` event names: the first number, and the last."""


class Aside(Value, frozen=True):
    """A message that cannot be taken, kept for an engineer to see, and why."""

    hub: str
    topic: str
    token: bytes
    reason: str
    at_ms: int


class Ledger(Protocol):
    """Where the intake keeps things. Each call is one commit, done when it returns, or LedgerDownError."""

    def take(self, entry: Entry) -> Kept:
        """Keep an event, once; a second content under the same id is kept beside the first."""

    def keep_home(self, home: Home, claims: Mapping[str, int]) -> None:
        """Keep what is known of a hub, and the lane heads it claims for its present epoch."""

    def keep_state(self, home: Home, body: bytes, claims: Mapping[str, int]) -> None:
        """Keep a hub's newest state document."""

    def put_aside(self, aside: Aside) -> None:
        """Keep a message in the bounded quarantine."""

    def homes(self) -> Iterable[Home]:
        """Give every hub known."""

    def lanes(self, hub: str) -> list[Lane]:
        """Give a hub's lanes."""


class Outcome(Value, frozen=True, kw_only=True):
    """What a message was, what became of it, and the receipt to send, if any."""

    verdict: Verdict
    hub: str = ""
    channel: str = ""
    reason: str = ""
    receipt: Receipt | None = None
    event: CloudEvent | None = None
    report: Report | None = None
    status: Status | None = None
    state: State | None = None


class _Named(msgspec.Struct):
    """All that is needed to refuse an event by its id."""

    id: Id


class Intake:
    """Takes messages of registered hubs. `counters` counts verdicts."""

    def __init__(self, ledger: Ledger, hubs: Mapping[str, Iterable[Key]]) -> None:
        """Take the ledger, and each hub's public keys (two while it rotates). Raises LedgerDownError, KeyFileError."""
        self._ledger = ledger
        self._homes = {home.hub: home for home in ledger.homes()}
        self._verifiers: dict[str, Verifier] = {}
        self._unkept: set[tuple[str, str]] = set()
        self.counters: Counter[Verdict] = Counter()
        for hub, keys in hubs.items():
            self.register(hub, keys)

    def register(self, hub: str, keys: Iterable[Key]) -> None:
        """Let a hub speak with these keys, instead of those it had before. Raises KeyFileError."""
        self._verifiers[hub] = Verifier(keys, HUB_ALGORITHM)
        self._homes.setdefault(hub, Home(hub=hub))

    def forget(self, hub: str) -> None:
        """Let a hub speak no more: what comes under its name is put aside."""
        self._verifiers.pop(hub, None)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Take several messages as one: if what is done within raises, none of them was ever here."""
        homes, unkept, counters = dict(self._homes), set(self._unkept), Counter(self.counters)
        try:
            yield
        except BaseException:
            # A hub that was registered meanwhile stays.
            self._homes, self._unkept, self.counters = {**self._homes, **homes}, unkept, counters
            raise

    def home(self, hub: str) -> Home:
        """Give what is known of a hub. Raises KeyError for one never registered."""
        return self._homes[hub]

    def missing(self, hub: str) -> list[Missing]:
        """Name the numbers this hub gave out that are not held and not named as dropped. Raises LedgerDownError."""
        return missing(self._ledger.lanes(hub))

    def receive(self, topic: str, token: bytes, at: Now, *, retained: bool = False) -> Outcome:
        """Take one message. `retained` says that the broker had it from before we subscribed. Never raises."""
        hub = hub_of(topic)
        channel = topic.rpartition("/")[2] if hub else ""
        raw = Aside(hub, topic[:TOPIC_CHARS_MAX], token, "", at.wall_ms)
        outcome = self._received(hub, channel, raw, at, retained=retained)
        self.counters[outcome.verdict] += 1
        return replace(outcome, hub=hub, channel=channel)

    def _received(self, hub: str, channel: str, raw: Aside, at: Now, *, retained: bool) -> Outcome:
        verifier = self._verifiers.get(hub)
        if verifier is None:
            return self._quarantine(raw, f"no hub is registered for a topic under {ROOT} of this name")
        try:
            # S8: only the keys of the topic's own hub are tried: a hub can only speak as itself.
            payload = verifier.open(raw.token, DOCUMENT_BYTES_MAX if channel == "state" else EVENT_BYTES_MAX)
        except EnvelopeError as error:
            return self._quarantine(raw, f"not proven to be this hub's: {error}")
        match channel:
            case "event":
                return self._event(hub, payload, raw, at)
            case "status":
                return self._status(hub, payload, raw, at, retained=retained)
            case "state":
                return self._state(hub, payload, raw)
            case _:
                return self._quarantine(raw, "a hub does not speak on this channel")

    # --- events ------------------------------------------------------------------------------------

    def _event(self, hub: str, payload: bytes, raw: Aside, at: Now) -> Outcome:
        try:
            event = decode_event(payload)
        except UnreadableError as error:
            return self._refuse_unread(hub, payload, raw, str(error))
        fault = _addressing_fault(hub, event)
        report: Report | None = None
        if not fault:
            try:
                report = decode_report(event)
            except UnreadableError as error:
                fault = str(error)
        if fault:
            return self._refuse(event.id, hub, payload, raw, fault)
        try:
            result, verdict = self._keep(hub, event, report, payload, at)
        except LedgerDownError as error:
            result, verdict = "retry", "retry"
            reason = str(error)
        else:
            reason = ""
        # S2: the receipt is made here, after the commit, and nowhere before.
        receipt = self._receipt(hub, event.id, payload, result, at, reason)
        return Outcome(verdict=verdict, receipt=receipt, event=event, report=report, reason=reason)

    def _keep(
        self, hub: str, event: CloudEvent, report: Report | None, payload: bytes, at: Now
    ) -> tuple[ReceiptResult, Verdict]:
        place = position(hub, event)
        if isinstance(report, CheckIn):
            return self._check_in(hub, report, place, at)
        kind = event.type[:TYPE_CHARS_MAX]  # the body has it whole
        entry = Entry(hub, event.id, digest(payload), kind, payload, at.wall_ms, place, _dropped(report))
        match self._ledger.take(entry):
            case "new":
                self._homes[hub] = replace(self._homes[hub], heard_ms=at.wall_ms)
                return "accepted", "accepted"
            case "same":
                return "accepted", "repeated"  # S4: receipted again, and nothing else
            case "conflict":
                return "conflict", "conflict"

    def _check_in(self, hub: str, report: CheckIn, place: Position | None, at: Now) -> tuple[ReceiptResult, Verdict]:
        home = self._homes[hub]
        epoch, seq = ("", 0) if place is None else (place.epoch, place.seq)
        newer = homes.on_check_in(home, epoch, seq, report.oldest_unreceipted, at)
        if newer == "stale":
            return "accepted", "repeated"
        self._ledger.keep_home(newer, _claims(report.last))
        self._homes[hub] = newer
        return "accepted", "accepted"

    def _receipt(
        self, hub: str, ref: str, payload: bytes, result: ReceiptResult, at: Now, reason: str
    ) -> Receipt | None:
        """Make a receipt; None before the hub's first status: without its nonce the hub would not believe it."""
        nonce = self._homes[hub].nonce
        if not nonce:
            return None
        return Receipt(
            aud=hub,
            iat=at.wall_ms // 1000,
            ref=ref,
            digest=digest(payload),
            nonce=nonce,
            result=result,
            retry_after=RETRY_AFTER_S if result == "retry" else 0,
            reason=reason[:REASON_CHARS_MAX],
        )

    # --- status and state --------------------------------------------------------------------------

    def _status(self, hub: str, payload: bytes, raw: Aside, at: Now, *, retained: bool) -> Outcome:
        try:
            status = read(payload, Status)
        except UnreadableError as error:
            return self._quarantine(raw, str(error))
        if status.aud != CENTRE:
            return self._quarantine(raw, "addressed to somebody else")
        newer = homes.on_status(self._homes[hub], status, at, retained=retained)
        if newer == "stale":
            return Outcome(verdict="stale", status=status)
        reason = self._keep_known(newer, "status", lambda: self._ledger.keep_home(newer, {}))
        return Outcome(verdict="status", status=status, reason=reason)

    def _state(self, hub: str, payload: bytes, raw: Aside) -> Outcome:
        try:
            state = read(payload, State)
        except UnreadableError as error:
            return self._quarantine(raw, str(error))
        if state.aud != CENTRE:
            return self._quarantine(raw, "addressed to somebody else")
        home = self._homes[hub]
        newer = homes.on_state(home, state)
        if newer == "stale":
            return Outcome(verdict="stale", state=state)
        named = state.epoch == home.epoch and len(state.epoch) <= EPOCH_CHARS_MAX
        claims = _claims({lane: note.last for lane, note in state.lanes.items()}) if named else {}
        reason = self._keep_known(newer, "state", lambda: self._ledger.keep_state(newer, payload, claims))
        return Outcome(verdict="state", state=state, reason=reason)

    def _keep_known(self, newer: Home, channel: str, keep: Callable[[], None]) -> str:
        """Keep what a hub said of itself; give why that failed, if it did.

        What is kept already is not written again: each connection of ours brings the retained words of every hub.
        """
        hub = newer.hub
        if self._homes[hub] == newer and (hub, channel) not in self._unkept:
            return ""
        self._homes[hub] = newer  # before the ledger: receipts need the nonce, ledger or not
        self._unkept.add((hub, channel))
        try:
            keep()
        except LedgerDownError as error:
            return str(error)
        self._unkept.discard((hub, channel))
        return ""

    # --- what cannot be taken ----------------------------------------------------------------------

    def _quarantine(self, raw: Aside, reason: str) -> Outcome:
        """Put a message aside that nobody can be told about."""
        try:
            self._put_aside(raw, reason)
        except LedgerDownError:
            return Outcome(verdict="lost", reason=reason)
        return Outcome(verdict="quarantined", reason=reason)

    def _put_aside(self, raw: Aside, reason: str) -> None:
        self._ledger.put_aside(replace(raw, token=raw.token[:DOCUMENT_BYTES_MAX], reason=reason[:REASON_CHARS_MAX]))

    def _refuse_unread(self, hub: str, payload: bytes, raw: Aside, reason: str) -> Outcome:
        """Refuse an event that does not read; if not even its id does, there is nothing to send a receipt for."""
        try:
            ref = read(payload, _Named).id
        except UnreadableError:
            return self._quarantine(raw, reason)
        return self._refuse(ref, hub, payload, raw, reason)

    def _refuse(self, ref: str, hub: str, payload: bytes, raw: Aside, reason: str) -> Outcome:
        """Refuse a proven message for ever. It is put aside first: what staff cannot see is not refused."""
        at = Now(0, raw.at_ms)
        try:
            self._put_aside(raw, reason)
        except LedgerDownError as error:
            receipt = self._receipt(hub, ref, payload, "retry", at, str(error))
            return Outcome(verdict="retry", reason=reason, receipt=receipt)
        return Outcome(
            verdict="rejected", reason=reason, receipt=self._receipt(hub, ref, payload, "rejected", at, reason)
        )


def _addressing_fault(hub: str, event: CloudEvent) -> str:
    if event.aud != CENTRE:
        return "addressed to somebody else"
    if not event.source.startswith(f"/{ROOT}/{hub}/"):
        return "its source names another hub"
    return ""


def _claims(last: Mapping[str, int]) -> dict[str, int]:
    """Take the lane heads a hub claims, as far as they can be numbers of lanes that are kept."""
    return {lane: seq for lane, seq in last.items() if lane in ("a", "t") and 0 < seq <= SEQ_MAX}


def _dropped(report: Report | None) -> tuple[Position, int] | None:
    if not isinstance(report, Gap) or len(report.epoch) > EPOCH_CHARS_MAX:
        return None
    if 0 < report.first <= report.last <= SEQ_MAX:
        return Position(report.epoch, report.lane, report.first), report.last
    return None
