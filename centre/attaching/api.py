"""The read API by which an existing platform is attached: cases, homes, events and reports, without personal data."""

from functools import cache
from typing import Annotated, Any, Literal

import msgspec
import sqlalchemy as sa
from litestar import Litestar, MediaType, Response, Router, get
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.exceptions import ClientException, NotFoundException
from litestar.handlers.base import BaseRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Components, SecurityScheme
from litestar.params import Parameter, QueryParameter

from centre.attaching.bearing import PROBLEM, PROBLEMS, Problem, bearer
from centre.attaching.views import (
    CasePage,
    EventPage,
    EventView,
    HomePage,
    HomeState,
    HomeView,
    WholeCase,
    case_view,
    story_view,
)
from centre.cases.case import Case
from centre.homes import Home
from centre.reporting import gathering
from centre.reporting.answering import Answering
from centre.reporting.faring import Faring
from centre.services import Given, Services
from centre.silence.seen import Seen
from centre.store.schema import CASE, EVENT, HOME, SEEN
from centre.work.keeping import WatchBook
from rules.values import utc

PATH = "/api/v1"
PAGE, PAGE_MAX = 100, 500
NUMBER_MAX = 2**53 - 1
"""No number here is higher: JSON's readers keep them exactly up to this."""

Limit = Annotated[int, Parameter(ge=1, le=PAGE_MAX, description="How many at most")]
Hub = Annotated[str, Parameter(pattern="^[a-z0-9-]{3,40}$", description="A hub's pseudonym")]
HubOrAll = Annotated[str | None, Parameter(pattern="^[a-z0-9-]{3,40}$", description="Of this hub alone")]
AfterHub = Annotated[
    str | None, QueryParameter(name="cursor", pattern="^[a-z0-9-]{3,40}$", description="`next` of the page before")
]
CaseId = Annotated[str, Parameter(pattern="^[a-z0-9-]{1,60}$", description="A case's id")]
EventType = Annotated[
    str | None,
    QueryParameter(name="type", pattern="^[a-z.-]{1,60}$", description="Of this type alone: `hearthline.alarm.raised`"),
]
Which = Annotated[Literal["open", "resolved", "any"], QueryParameter(name="state", description="Which of them")]
Cursor = Annotated[
    str | None, Parameter(pattern=r"^[0-9]{1,15}\.[a-z0-9-]{1,60}$", description="`next` of the page before")
]
Day = Annotated[str | None, Parameter(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="A day, like 2026-11-22")]
After = Annotated[int, Parameter(ge=0, le=NUMBER_MAX, description="`last` of the page before; 0 from the beginning")]


def _responses(*statuses: int) -> dict[int, ResponseSpec]:
    said = {
        400: "A parameter is not as it should be",
        401: "No token, or none that is good for this",
        404: "There is no such thing",
        429: "This token asks too often; Retry-After says how long to wait",
        503: "The store cannot be read just now, or a report is being made",
    }
    return {
        each: ResponseSpec(Problem, description=said[each], generate_examples=False, media_type=PROBLEM)
        for each in (*statuses, 401, 429, 503)
    }


# --- cases -----------------------------------------------------------------------------------------


@get("/cases", responses=_responses(400), sync_to_thread=True, operation_id="listCases")
def cases(
    services: Given,
    which: Which = "any",
    hub: HubOrAll = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> CasePage:
    """List cases, the one changed longest ago first."""
    c = CASE.c
    asked = sa.select(c.id, c.changed_ms, c.body).order_by(c.changed_ms, c.id).limit(limit)
    if which != "any":
        asked = asked.where(c.open == int(which == "open"))
    if hub:
        asked = asked.where(c.hub == hub)
    if cursor:
        place = _place(cursor)
        asked = asked.where(sa.tuple_(c.changed_ms, c.id) > sa.tuple_(*place), c.changed_ms >= place[0])
    with services.database.reading() as connection:
        rows = connection.execute(asked).all()
    shown = [case_view(msgspec.json.decode(row.body, type=Case)) for row in rows]
    more = len(rows) == limit
    return CasePage(cases=shown, next=_cursor(rows[-1].changed_ms, rows[-1].id) if more else None)


@get("/cases/{case_id:str}", responses=_responses(400, 404), sync_to_thread=True, operation_id="getCase")
def case(services: Given, case_id: CaseId) -> WholeCase:
    """Give a case and all its changes."""
    found = services.desk.get(case_id)
    if found is None:
        raise NotFoundException("There is no case of this id")
    return WholeCase(case=case_view(found), story=story_view(services.desk.story(case_id)))


def _cursor(ms: int, name: str) -> str:
    return f"{ms}.{name}"


def _place(cursor: str) -> tuple[int, str]:
    ms, _, name = cursor.partition(".")
    return int(ms), name


# --- homes -----------------------------------------------------------------------------------------


@get("/homes", responses=_responses(400), sync_to_thread=True, operation_id="listHomes")
def homes(services: Given, limit: Limit = PAGE, after: AfterHub = None) -> HomePage:
    """List homes that were heard of, by hub. The cursor of a page is the last hub of the one before."""
    asked = sa.select(HOME.c.hub, HOME.c.body).order_by(HOME.c.hub).limit(limit)
    if after:
        asked = asked.where(HOME.c.hub > after)
    shown = _homes(services, asked)
    return HomePage(homes=shown, next=shown[-1].hub if len(shown) == limit else None)


@get("/homes/{hub:str}", responses=_responses(400, 404), sync_to_thread=True, operation_id="getHome")
def home(services: Given, hub: Hub) -> HomeView:
    """Give one home."""
    for each in _homes(services, sa.select(HOME.c.hub, HOME.c.body).where(HOME.c.hub == hub)):
        return each
    raise NotFoundException("No hub of this name was ever heard of")


@get("/homes/{hub:str}/state", responses=_responses(400, 404), sync_to_thread=True, operation_id="getHomeState")
def home_state(services: Given, hub: Hub) -> HomeState:
    """Give the state document that a hub sent last: sensors, links, faults, open alarms."""
    body = services.ledger.state(hub)
    if body is None:
        raise NotFoundException("No state of this hub is here")
    state = msgspec.json.decode(body, type=dict[str, Any])
    return HomeState(hub=hub, state={name: value for name, value in state.items() if name not in ("aud", "iat")})


def _homes(services: Services, asked: "sa.Select[tuple[str, bytes]]") -> list[HomeView]:
    silence = WatchBook(services.database).silence()
    silent = set() if silence is None else {each.hub for each in silence.cases() if each.what == "silence"}
    with services.database.reading() as connection:
        rows = connection.execute(asked).all()
        hubs = [row.hub for row in rows]
        looked = connection.execute(sa.select(SEEN.c.hub, SEEN.c.body).where(SEEN.c.hub.in_(hubs)))
        seen = {hub: msgspec.json.decode(body, type=Seen) for hub, body in looked}
        counted = sa.select(CASE.c.hub, sa.func.count()).where(CASE.c.open == 1, CASE.c.hub.in_(hubs))
        open_cases: dict[str, int] = {hub: count for hub, count in connection.execute(counted.group_by(CASE.c.hub))}  # noqa: C416 -- of rows
    shown = []
    for row in rows:
        known = msgspec.json.decode(row.body, type=Home)
        faults = seen[row.hub].faults if row.hub in seen else ()
        shown.append(
            HomeView(
                hub=row.hub,
                online=known.online,
                silent=row.hub in silent,
                heard_at=None if known.heard_ms is None else utc(known.heard_ms),
                open_cases=open_cases.get(row.hub, 0),
                faults=len(faults),
            )
        )
    return shown


# --- events ----------------------------------------------------------------------------------------


@get("/events", responses=_responses(400), sync_to_thread=True, operation_id="listEvents")
def events(
    services: Given,
    after: After = 0,
    hub: HubOrAll = None,
    event_type: EventType = None,
    limit: Limit = PAGE,
) -> EventPage:
    """List events of hubs in the order in which they were kept. Check-ins are not kept."""
    e = EVENT.c
    asked = sa.select(e.number, e.hub, e.id, e.type, e.at_ms, e.conflict, e.body).where(e.number > after)
    if hub:
        asked = asked.where(e.hub == hub)
    if event_type:
        asked = asked.where(e.type == event_type)
    with services.database.reading() as connection:
        rows = connection.execute(asked.order_by(e.number).limit(limit)).all()
        newest = 0 if len(rows) == limit else connection.scalar(sa.select(sa.func.max(e.number))) or 0
    shown = [
        EventView(
            number=row.number,
            hub=row.hub,
            id=row.id,
            type=row.type,
            came_at=utc(row.at_ms),
            conflict=bool(row.conflict),
            data=msgspec.json.decode(row.body, type=_Data).data,
        )
        for row in rows
    ]
    # What does not fit the filter need not be looked through again.
    return EventPage(events=shown, last=rows[-1].number if len(rows) == limit else max(after, newest))


class _Data(msgspec.Struct):
    data: Any = None


# --- reports ---------------------------------------------------------------------------------------


@get("/reports/answering", responses=_responses(400), sync_to_thread=True, operation_id="reportAnswering")
def answering(services: Given, first: Day = None, last: Day = None) -> Answering:
    """Report how soon alarms were answered, from the day `first` to the day `last`; the last 28 days if not said."""
    of = _span(services, first, last)
    return gathering.answering(services.database, of, services.now_ms())


@get("/reports/homes", responses=_responses(400), sync_to_thread=True, operation_id="reportHomes")
def fared(services: Given, first: Day = None, last: Day = None) -> Faring:
    """Report how homes fared: alarms, reminders, uptime, faults."""
    of = _span(services, first, last)
    return gathering.homes(services.database, of, services.now_ms())


def _span(services: Services, first: str | None, last: str | None) -> gathering.Span:
    try:
        return gathering.span(first or "", last or "", services.zone, services.now_ms())
    except gathering.SpanError as error:
        raise ClientException(str(error)) from None


# --- its document ----------------------------------------------------------------------------------


@get("/openapi.json", media_type=MediaType.JSON, include_in_schema=False, sync_to_thread=True)
def openapi() -> Response[bytes]:
    """Give the document of this API: OpenAPI 3.1. It is the same for everybody, and needs no token."""
    return Response(_document(), media_type="application/vnd.oai.openapi+json;version=3.1")


READ = (cases, case, homes, home, home_state, events, answering, fared)


@cache
def _document() -> bytes:
    config = OpenAPIConfig(
        title="Hearthline response centre",
        version="1",
        description="Cases, homes, events and reports, to be read by other systems. No names, addresses or numbers.",
        components=Components(security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}),
        security=[{"token": []}],
        use_handler_docstrings=True,
    )
    services = {"services": Provide(lambda: None, sync_to_thread=False)}
    # No logging of its own: it would take over that of the whole process.
    made = Litestar(
        [Router(PATH, route_handlers=READ)], openapi_config=config, dependencies=services, logging_config=None
    )
    document = made.openapi_schema.to_schema()
    for path in document["paths"].values():
        for parameter in path["get"].get("parameters", ()):
            # One that may be left out is a text all the same: nobody can write null into an address.
            for kind in parameter["schema"].pop("oneOf", ()):
                if kind != {"type": "null"}:
                    parameter["schema"].update(kind)
    return msgspec.json.encode(document)


@cache
def _queries() -> dict[object, frozenset[str]]:
    """Give the names that each operation may be asked with."""
    gets = [each["get"] for each in msgspec.json.decode(_document())["paths"].values()]
    named = {each["operationId"]: each.get("parameters", ()) for each in gets}
    return {
        name: frozenset(each["name"] for each in several if each["in"] == "query") for name, several in named.items()
    }


def known_only(connection: "ASGIConnection[Any, Any, Any, Any]", handler: BaseRouteHandler) -> None:
    """Refuse a name that is none of the document's: who misspells a filter must not be given everything."""
    known = _queries().get(getattr(handler, "operation_id", ""), frozenset())
    unknown = connection.query_params.keys() - known
    if unknown:
        raise ClientException(f"there is no {', '.join(sorted(unknown))} here; known: {', '.join(sorted(known))}")


ROUTES = [
    Router(
        PATH,
        route_handlers=READ,
        guards=[bearer("read"), known_only],
        opt={"machines": "bearer tokens, made under Integrations"},
        exception_handlers=PROBLEMS,
    ),
    Router(PATH, route_handlers=[openapi], opt={"public": True}),
]
