"""Reads what the pages of homes show: the registry, the store, and the watch's word. Nothing of people (S11)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

import msgspec
import sqlalchemy as sa
from litestar.exceptions import HTTPException, NotFoundException

from agent.wire.messages import State, UnreadableError, decode_event, decode_report, read
from centre.console.home_status import Known
from centre.homes import Home
from centre.services import Services
from centre.silence.seen import Seen
from centre.silence.troubles import Trouble
from centre.site.registry import HubRecord
from centre.site.settings import SiteError
from centre.store.cases import AuditRow
from centre.store.database import Database
from centre.store.schema import EVENT, HOME, LEAVING, SEEN
from rules.reports import AlarmCancelled, Report

T = TypeVar("T")

EVENTS_MAX = 2_000
"""The most events of one home that a page looks at."""

NO_HOME = "There is no home of this name: the list of homes has them all"


def known(services: Services, hub: str) -> Known:
    """Give all that there is about one home. Raises NotFoundException for a name that nobody has."""
    found = _known(services, hub)
    if not found:
        raise NotFoundException(NO_HOME)
    return found[0]


def all_known(services: Services) -> list[Known]:
    """Give all homes, by name."""
    return _known(services, None)


def _known(services: Services, hub: str | None) -> list[Known]:
    records = {each.hub: each for each in _records(services, hub)}
    with services.database.reading() as connection:
        homes = {each.hub: each for each in _bodies(connection, HOME, Home, hub)}
        seen = {each.hub: each for each in _bodies(connection, SEEN, Seen, hub)}
        leaving = sa.select(LEAVING.c.hub, LEAVING.c.at_ms)
        if hub is not None:
            leaving = leaving.where(LEAVING.c.hub == hub)
        left: dict[str, int] = {name: at_ms for name, at_ms in connection.execute(leaving).all()}  # noqa: C416 -- rows, not pairs
    troubles = _troubles(services)
    # A site, where there is one, says who is ours; of hubs that are not there is no page.
    names = sorted(records if services.site is not None else {*homes, *seen, *left})
    return [
        Known(
            hub=name,
            record=records.get(name),
            home=homes.get(name),
            seen=seen.get(name),
            troubles=troubles.get(name, ()),
            left_ms=left.get(name),
        )
        for name in names
    ]


def _records(services: Services, hub: str | None) -> Sequence[HubRecord]:
    if services.site is None:
        return ()
    try:
        if hub is None:
            return services.site.hubs()
        one = services.site.hub(hub)
    except SiteError as error:
        raise HTTPException(status_code=503, detail=site_down(error)) from None
    return () if one is None else (one,)


def _bodies(connection: sa.Connection, table: sa.Table, kind: type[T], hub: str | None) -> Iterable[T]:
    asked = sa.select(table.c.body)
    if hub is not None:
        asked = asked.where(table.c.hub == hub)
    return [msgspec.json.decode(body, type=kind) for body in connection.scalars(asked)]


def _troubles(services: Services) -> dict[str, tuple[Trouble, ...]]:
    silence = services.pulse.view.silence
    return {} if silence is None else silence.troubles


def state_of(services: Services, hub: str) -> State | None:
    """Give a hub's newest state document; None while it has said nothing that can be read."""
    body = services.ledger.state(hub)
    if body is None:
        return None
    try:
        return read(body, State)
    except UnreadableError:
        return None


def in_force(services: Services, hub: str, state: State | None) -> int | None:
    """Give the version of the plan that a hub goes by, 0 for none; None while it has said nothing.

    Its state document may be older than its word on the newest plan. Versions only rise: a wiped box has a new name.
    """
    taken = [each.version for each in services.plans.of_home(hub) if each.state == "applied"]
    return max((*taken, *((state.plan_version,) if state else ())), default=None)


class Told(NamedTuple):
    """One report of a hub, and when it came (the centre's Unix ms)."""

    hub: str
    at_ms: int
    report: Report


def told(database: Database, types: Iterable[str], since_ms: int, hub: str | None = None) -> list[Told]:
    """Give reports of some types (as in `rules.reports.REPORTS`) since a moment, the newest first, so many at most."""
    names = [f"hearthline.{each}" for each in types]
    c = EVENT.c
    asked = sa.select(c.hub, c.at_ms, c.body).where(c.type.in_(names), c.at_ms >= since_ms, c.conflict == 0)
    if hub is not None:
        asked = asked.where(c.hub == hub)
    with database.reading() as connection:
        rows = connection.execute(asked.order_by(c.at_ms.desc()).limit(EVENTS_MAX)).all()
    found = []
    for name, at_ms, body in rows:
        try:
            report = decode_report(decode_event(bytes(body)))
        except UnreadableError:
            continue
        if report is not None:
            found.append(Told(name, at_ms, report))
    return found


def taken_back(database: Database, since_ms: int) -> list[Told]:
    """Give the presses that residents took back before anybody was called, the newest first."""
    cancelled = told(database, ["alarm.cancelled"], since_ms)
    return [each for each in cancelled if isinstance(each.report, AlarmCancelled) and each.report.stage == "pending"]


def note(services: Services, who: str, what: str, hub: str, body: dict[str, object] | None = None) -> None:
    """Write into the audit what somebody did with a home. Nothing of people may be in `body` (S11)."""
    row = AuditRow(at_ms=services.now_ms(), who=who, what=what, hub=hub, body=msgspec.json.encode(body or {}))
    services.cases.keep((), (row,))


def site_down(error: SiteError) -> str:
    """Say that the site's folder cannot be used."""
    return f"The register of hubs cannot be used: {error}"
