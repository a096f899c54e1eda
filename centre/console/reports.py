"""Reports: how soon people were answered, and how homes fared; as pages with plots, as tables and as documents."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import msgspec
from litestar import Response, Router, get
from litestar.exceptions import HTTPException
from litestar.params import FromQuery
from litestar.response import Template

from centre.cases.outcomes import OUTCOMES
from centre.console.guards import allow
from centre.reporting import gathering
from centre.reporting.answering import Answered, Answering
from centre.reporting.faring import Faring, HomeFigures
from centre.reporting.gathering import BusyError, Span, SpanError
from centre.services import Given, Services

HOMES_SHOWN = 500
"""More homes are in the files alone: a page of thousands helps nobody."""

_READERS = [allow("supervisor", "auditor")]
_CSV = "text/csv; charset=utf-8"
_SPANS = (7, 28, 91, 365)


@get("/", guards=_READERS, sync_to_thread=True)
def page(services: Given, first: FromQuery[str] = "", last: FromQuery[str] = "") -> Template:
    """Show how soon people were answered."""
    of, problem = _span(services, first, last)
    context = {**_common(services, of, problem, first, last), "report": _answering(services, of), "outcomes": OUTCOMES}
    return Template("reports.html", context=context, status_code=422 if problem else 200)


@get("/homes", guards=_READERS, sync_to_thread=True)
def homes_page(services: Given, first: FromQuery[str] = "", last: FromQuery[str] = "") -> Template:
    """Show how homes fared: those with the least uptime first."""
    of, problem = _span(services, first, last)
    report = _faring(services, of)
    shown = sorted(report.homes, key=_worst)[:HOMES_SHOWN]
    context = {**_common(services, of, problem, first, last), "report": report, "homes": shown}
    return Template("reports_homes.html", context=context, status_code=422 if problem else 200)


@get("/answering.json", guards=_READERS, sync_to_thread=True)
def answering_json(services: Given, first: FromQuery[str] = "", last: FromQuery[str] = "") -> Response[bytes]:
    """Give the figures as one document."""
    of = _needed(services, first, last)
    return _file(msgspec.json.encode(_answering(services, of)), "application/json", "answering.json", of)


@get("/answering.csv", guards=_READERS, sync_to_thread=True)
def answering_csv(services: Given, first: FromQuery[str] = "", last: FromQuery[str] = "") -> Response[bytes]:
    """Give the figures as a table."""
    of = _needed(services, first, last)
    return _file(table(_answering_rows(_answering(services, of))), _CSV, "answering.csv", of)


@get("/homes.json", guards=_READERS, sync_to_thread=True)
def homes_json(services: Given, first: FromQuery[str] = "", last: FromQuery[str] = "") -> Response[bytes]:
    """Give how every home fared as one document."""
    of = _needed(services, first, last)
    return _file(msgspec.json.encode(_faring(services, of)), "application/json", "homes.json", of)


@get("/homes.csv", guards=_READERS, sync_to_thread=True)
def homes_csv(services: Given, first: FromQuery[str] = "", last: FromQuery[str] = "") -> Response[bytes]:
    """Give how every home fared as a table."""
    of = _needed(services, first, last)
    return _file(table(_home_rows(_faring(services, of).homes)), _CSV, "homes.csv", of)


# --- spans -----------------------------------------------------------------------------------------


def _span(services: Services, first: str, last: str) -> tuple[Span, str]:
    """Read the days asked for; if they are none, say why, and take those that are shown unasked."""
    now_ms = services.now_ms()
    try:
        return gathering.span(first, last, services.zone, now_ms), ""
    except SpanError as error:
        return gathering.span("", "", services.zone, now_ms), f"{error}. Shown are the last 28 days".capitalize()


def _needed(services: Services, first: str, last: str) -> Span:
    of, problem = _span(services, first, last)
    if problem:
        raise HTTPException(status_code=422, detail=problem)
    return of


def _common(services: Services, of: Span, problem: str, first: str, last: str) -> dict[str, object]:
    today = gathering.span("", "", services.zone, services.now_ms()).last
    return {
        "problem_text": problem,
        "typed": {"first": first or str(of.first), "last": last or str(of.last)},
        "span": of,
        "spans": [(days, str(today - timedelta(days - 1)), str(today)) for days in _SPANS],
        "query": f"first={of.first}&last={of.last}",
        "edges": [gathering.day_of(each, services.zone) for each in of.edges],
        "by_weeks": len(of.edges) - 1 < (of.last - of.first).days + 1,
    }


def _answering(services: Services, of: Span) -> Answering:
    try:
        return gathering.answering(services.database, of, services.now_ms())
    except BusyError as error:
        raise HTTPException(status_code=503, detail=str(error)) from None


def _faring(services: Services, of: Span) -> Faring:
    try:
        return gathering.homes(services.database, of, services.now_ms())
    except BusyError as error:
        raise HTTPException(status_code=503, detail=str(error)) from None


def _worst(home: HomeFigures) -> tuple[float, int, str]:
    percent = home.uptime.percent
    return 101.0 if percent is None else percent, -home.faults, home.hub


# --- files -----------------------------------------------------------------------------------------


def table(rows: Iterable[dict[str, object]]) -> bytes:
    """Write rows as CSV (RFC 4180), the columns' names first. No cell is a formula to a spreadsheet."""
    out = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(out, list(row))
            writer.writeheader()
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return out.getvalue().encode()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"  # a hub names its kinds and faults, and whoever opens the file trusts it
    return "" if value is None else value


def _answering_rows(report: Answering) -> Iterator[dict[str, object]]:
    for about, several in (
        ("all", (report.total,)),
        ("priority", report.priorities),
        ("kind", report.kinds),
        ("found by the centre", report.found),
    ):
        for each in several:
            yield {"about": about, **_answered_row(each)}


def _answered_row(each: Answered) -> dict[str, object]:
    row: dict[str, object] = {"name": each.name, "alarms": each.alarms}
    for name in ("receipt", "taken", "resolved"):
        took = getattr(each, name)
        row |= {f"{name}_{field}": getattr(took, field) for field in took.__struct_fields__}
    for share in each.within:
        place = f"within_{share.within_ms // 1000}_s"
        row |= {f"{place}_met": share.met, f"{place}_of": share.of, f"{place}_percent": share.percent}
    row |= {"waiting": each.waiting, "open": each.open}
    return row | {"false_alarms": each.false_alarms, "false_percent": each.false_percent}


def _home_rows(homes: Iterable[HomeFigures]) -> Iterator[dict[str, object]]:
    for each in homes:
        row: dict[str, object] = {"hub": each.hub, "alarms": each.alarms, "false_alarms": each.false_alarms}
        for name in ("reminders", "uptime"):
            part = getattr(each, name)
            row |= {f"{name}_{field}": getattr(part, field) for field in part.__struct_fields__}
        yield row | {"faults": each.faults, "oldest_fault_ms": each.oldest_fault_ms}


def _file(body: bytes, media_type: str, name: str, of: Span) -> Response[bytes]:
    headers = {"content-disposition": f'attachment; filename="{of.first}-to-{of.last}-{name}"'}
    return Response(body, media_type=media_type, headers=headers)


ROUTES: list[Any] = [
    Router("/reports", route_handlers=[page, homes_page, answering_json, answering_csv, homes_json, homes_csv])
]
