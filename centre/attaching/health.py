"""Whether the centre is well, for what supervises it; and counts of what it does, for Prometheus."""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
import sqlalchemy as sa
from litestar import MediaType, Response, Router, get
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from centre.attaching.bearing import PROBLEMS, bearer
from centre.cases.case import Case
from centre.cases.waiting import MARKS_MS, queue
from centre.intake import LedgerDownError
from centre.services import Given
from centre.silence.seen import Seen
from centre.store.database import Database
from centre.store.schema import AUDIT, COMMAND, DELIVERY, EVENT, QUARANTINE, SEEN
from centre.work.keeping import Health, WatchBook
from rules.values import Value

WATCH_MS = 30_000
"""A watch that has not ticked for so long is not watching (it does every 5 s); so with what a worker says of itself."""

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"

Word = Literal["ok", "down", "late", "never"]


class Ready(Value, frozen=True, omit_defaults=False):
    """Whether the centre does its work: `ready` only if all the others are `ok`. None of them says more than it must.

    `store`: it can be read. `line`: some worker is connected to the broker. `watch`: silent homes are being noticed.
    """

    ready: bool
    store: Word
    line: Word
    watch: Word


def readiness(book: WatchBook, now_ms: int) -> Ready:
    """Look."""
    try:
        silence, workers = book.silence(), book.health()
    except LedgerDownError:
        return Ready(ready=False, store="down", line="never", watch="never")
    line = _line(workers, now_ms)
    watch = _beat(None if silence is None else silence.at_ms, now_ms)
    return Ready(ready=line == watch == "ok", store="ok", line=line, watch=watch)


def _beat(at_ms: int | None, now_ms: int) -> Word:
    if at_ms is None:
        return "never"
    return "ok" if now_ms - at_ms <= WATCH_MS else "late"


def _line(workers: Iterable[Health], now_ms: int) -> Word:
    words = [("down" if each.line else "ok") if _beat(each.at_ms, now_ms) == "ok" else "late" for each in workers]
    order: tuple[Word, ...] = ("ok", "down", "late")
    return next((word for word in order if word in words), "never")


@get("/live", media_type=MediaType.TEXT, sync_to_thread=False)
def live() -> str:
    """Say that this process answers."""
    return "ok"


@get("/ready", sync_to_thread=True)
def ready(services: Given) -> Response[Ready]:
    """Say whether the centre does its work: 200, or 503 with what is amiss."""
    found = readiness(WatchBook(services.database), services.now_ms())
    return Response(found, status_code=200 if found.ready else 503)


# --- metrics ---------------------------------------------------------------------------------------


async def loopback_or_token(connection: "ASGIConnection[Any, Any, Any, Any]", handler: BaseRouteHandler) -> None:
    """Let in who asks from this very computer, and by no proxy; else who has a token for metrics."""
    if not _is_own(connection):
        await bearer("metrics")(connection, handler)


def _is_own(connection: "ASGIConnection[Any, Any, Any, Any]") -> bool:
    headers = connection.headers
    if any(name in headers for name in ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")):
        return False
    try:
        named = urlsplit(f"//{headers.get('host', '')}").hostname
        address = ipaddress.ip_address(connection.client.host if connection.client else "")
    except ValueError:
        return False
    return address.is_loopback and named in ("localhost", "127.0.0.1", "::1")


@get("/metrics", guards=[loopback_or_token], sync_to_thread=True)
def metrics(services: Given) -> Response[bytes]:
    """Give the counts, as Prometheus reads them. A store that is down is one of them."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(_Counts(services.database, services.now_ms()))
    return Response(generate_latest(registry), media_type=EXPOSITION)


class _Counts(Collector):
    """Counts what is in the store, at the moment of asking."""

    def __init__(self, database: Database, now_ms: int) -> None:
        self._database, self._now_ms = database, now_ms

    def describe(self) -> Iterable[Metric]:
        """Say nothing beforehand: nothing is read but when asked."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Read the store once; if it cannot be read, that is all there is to say."""
        try:
            found = self._counted()
        except LedgerDownError:
            return [_gauge("store_up", "1 while the store can be read", 0)]
        return [_gauge("store_up", "1 while the store can be read", 1), *found]

    def _counted(self) -> list[Metric]:
        book = WatchBook(self._database)
        silence, workers = book.silence(), book.health()
        with self._database.reading() as connection:
            cases = [msgspec.json.decode(body, type=Case) for body in connection.scalars(_STANDING)]
            seen = [msgspec.json.decode(body, type=Seen) for body in connection.scalars(sa.select(SEEN.c.body))]
            numbers = {name: connection.scalar(asked) or 0 for name, asked in _NUMBERS.items()}
            counted = {
                name: {str(state): int(count) for state, count in connection.execute(asked)}
                for name, asked in _BY_STATE.items()
            }
        watch_s = -1.0 if silence is None or silence.at_ms is None else (self._now_ms - silence.at_ms) / 1000
        silent = set() if silence is None else {each.hub for each in silence.cases() if each.what == "silence"}
        alive = [each for each in workers if _beat(each.at_ms, self._now_ms) == "ok"]
        return [
            *_of_cases(cases, self._now_ms),
            _gauges("homes", "Homes by how they are", "state", {**_presence(seen), "silent": len(silent)}),
            _gauge("faults_standing", "Faults that stand at homes", sum(len(each.faults) for each in seen)),
            _counter("events", "Events kept, by the highest number given", numbers["events"]),
            _counter("audit_entries", "Entries of the audit, by the highest number given", numbers["audit"]),
            _gauge("quarantined", "Messages put aside because they could not be taken", numbers["quarantined"]),
            _gauges("commands", "Commands to hubs by state, as far as they are kept", "state", counted["commands"]),
            _gauges("webhook_messages", "Webhooks' messages by state", "state", counted["deliveries"]),
            _gauge("watch_age_seconds", "Since the watch last looked for silent homes; -1 before the first", watch_s),
            _gauge("watch_deaf", "1 while the centre itself hears nobody", int(silence is not None and silence.deaf)),
            _gauge("workers", "Workers that said within 30 s how they are", len(alive)),
            _gauge("workers_connected", "Workers connected to the broker", sum(not each.line for each in alive)),
            _gauge("workers_leading", "Workers that lead; 1 when all is well", sum(each.leading for each in alive)),
            _counter("part_restarts", "Parts of workers that died of a bug", _restarts(alive)),
        ]


_STANDING = sa.text('SELECT body FROM "case" WHERE open = 1')
_NUMBERS: dict[str, "sa.Select[Any]"] = {
    "events": sa.select(sa.func.max(EVENT.c.number)),
    "audit": sa.select(sa.func.max(AUDIT.c.number)),
    "quarantined": sa.select(sa.func.count()).select_from(QUARANTINE),
}
_BY_STATE: dict[str, "sa.Select[Any]"] = {
    "commands": sa.select(COMMAND.c.state, sa.func.count()).group_by(COMMAND.c.state),
    "deliveries": sa.select(DELIVERY.c.state, sa.func.count()).group_by(DELIVERY.c.state),
}


def _of_cases(cases: Iterable[Case], now_ms: int) -> list[Metric]:
    lines = queue(cases, now_ms)
    by_priority = {str(number): 0 for number in (1, 2, 3, 4)}
    for line in lines:
        by_priority[str(line.case.priority)] += 1
    needed = [line for line in lines if line.needed]
    late = {str(mark_ms // 1000): sum(line.waited_ms >= mark_ms for line in needed) for mark_ms in MARKS_MS}
    longest_s = max((line.waited_ms for line in needed), default=0) / 1000
    return [
        _gauges("cases_open", "Open cases by priority, tests left out", "priority", by_priority),
        _gauge("cases_needed", "Open cases that need somebody now", len(needed)),
        _gauges("cases_waiting_over", "Cases that need somebody, and have for so many seconds", "seconds", late),
        _gauge("case_longest_wait_seconds", "How long the longest of these has waited", longest_s),
    ]


def _presence(seen: Iterable[Seen]) -> dict[str, int]:
    found = {"online": 0, "offline": 0, "never-heard": 0}
    for each in seen:
        found["online" if each.online else "offline" if each.known else "never-heard"] += 1
    return found


def _restarts(workers: Iterable[Health]) -> int:
    return sum(part.restarts for each in workers for part in each.parts.values())


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"hearthline_{name}", about, value=value)


def _counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(f"hearthline_{name}", about, value=value)


def _gauges(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"hearthline_{name}", about, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family


ROUTES = [
    Router("/health", route_handlers=[live, ready], opt={"machines": "says whether it lives and works, no more"}),
    Router(
        "/",
        route_handlers=[metrics],
        opt={"machines": "a bearer token, or this very computer"},
        exception_handlers=PROBLEMS,
    ),
]
