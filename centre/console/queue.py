"""The queue: who needs somebody, the most urgent first; and the status that every page of the desk carries."""

from typing import Any

from litestar import Request, get
from litestar.params import FromQuery
from litestar.response import Template

from centre.cases import waiting
from centre.cases.case import Case
from centre.cases.waiting import MARKS_MS, Waiting
from centre.console import words
from centre.console.guards import allow, who
from centre.pulse import View
from centre.services import Given, Services
from centre.staff.values import Operator
from rules.values import Value

DIGITS = 9
"""So many cases have a digit for a key."""

ROWS_MAX = 200
"""A longer queue is cut, and says so (S12): it is sorted, and who is cut waits behind all of these."""


class Row(Value, frozen=True, kw_only=True):
    """A line of the queue as it is shown. It holds no personal data: a home is its box, a place is a place.

    `since_ms` is since when somebody waits, None if nobody does. `digit` is the key that opens it, 0 for none.
    """

    case: Case
    digit: int
    heading: str
    more: str
    since_ms: int | None
    waited_ms: int
    mark: int
    needed: bool
    asked: bool
    owner: str
    mine: bool


class Need(Value, frozen=True, kw_only=True):
    """Something to be heard: `key` is new whenever somebody must look anew."""

    key: str
    words: str


class Outage(Value, frozen=True, kw_only=True):
    """Many homes with one trouble, in one line."""

    since_ms: int
    words: str


class Status(Value, frozen=True, kw_only=True):
    """What every page of the desk shows above itself: whether all is well with us, and who waits."""

    view: View
    now_ms: int
    needed: int
    urgent: int
    since_ms: int | None
    mark: int
    title: str
    needs: tuple[Need, ...]
    outages: tuple[Outage, ...]


@get("/", guards=[allow(*words.DESK)], sync_to_thread=True)
def queue_page(
    services: Given, request: Request[Any, Any, Any], did: FromQuery[str] = "", case: FromQuery[str] = ""
) -> Template:
    """Show the queue."""
    view = services.pulse.look()
    done = f"{words.bounded(case, 40)}: {words.DONE[did]}" if did in words.DONE else ""
    return Template("queue.html", context={**_context(services, view, who(request)), "done_text": done})


@get("/queue/part", guards=[allow(*words.DESK)], sync_to_thread=True)
def queue_part(services: Given, request: Request[Any, Any, Any]) -> Template:
    """Give the part of the queue's page that lives."""
    return Template("queue_part.html", context=_context(services, services.pulse.view, who(request)))


@get("/status/part", guards=[allow()], sync_to_thread=True)
def status_part(services: Given) -> Template:
    """Give what every page shows above itself."""
    services.pulse.view  # noqa: B018 -- looked at here, and not on the event loop that renders
    return Template("status_part.html", context={})


def _context(services: Services, view: View, me: Operator) -> dict[str, object]:
    now_ms = services.now_ms()
    lines = waiting.queue(view.cases, now_ms)
    rows = [_row(line, place, view, me) for place, line in enumerate(lines[:ROWS_MAX], 1)]
    return {
        "rows_needed": [row for row in rows if row.needed],
        "rows_held": [row for row in rows if not row.needed],
        "cut": len(lines) - len(rows),
        "tests": len(waiting.tests(view.cases, now_ms)),
    }


def _row(line: Waiting, place: int, view: View, me: Operator) -> Row:
    case = line.case
    return Row(
        case=case,
        digit=place if place <= DIGITS else 0,
        heading=words.heading(case),
        more=words.others(case),
        since_ms=since(line),
        waited_ms=line.waited_ms,
        mark=line.mark,
        needed=line.needed,
        asked=line.asked,
        owner=view.names.get(case.owner, case.owner),
        mine=case.owner == me.name,
    )


def since(line: Waiting) -> int | None:
    """Since when somebody waits for it."""
    return (line.case.ask_ms if line.case.held else line.case.since_ms) if line.needed else None


def status(view: View, now_ms: int) -> Status:
    """Sum up what every page shows. Pure."""
    needed = [line for line in waiting.queue(view.cases, now_ms) if line.needed]
    urgent = sum(line.case.priority == 1 for line in needed)
    longest = min((since(line) or now_ms for line in needed), default=None)
    mark = 0 if longest is None else sum(now_ms - longest >= each for each in MARKS_MS)
    counted = f"({len(needed)}{f', {urgent} URGENT' if urgent else ''}) " if needed else ""
    return Status(
        view=view,
        now_ms=now_ms,
        needed=len(needed),
        urgent=urgent,
        since_ms=longest,
        mark=mark,
        title=("NOBODY IS WATCHING " if view.unwatched or view.deaf or view.down else "") + counted,
        needs=tuple(_need(line) for line in needed[:ROWS_MAX]),
        outages=_outages(view),
    )


def _need(line: Waiting) -> Need:
    case = line.case
    unseen = max((each.version for each in case.alarms if each.unseen), default=0)
    return Need(
        key=f"{case.id}:{unseen}:{since(line)}", words=f"{words.priority(case.priority)}: {words.heading(case)}"
    )


def _outages(view: View) -> tuple[Outage, ...]:
    if view.silence is None:
        return ()
    return tuple(Outage(since_ms=each.first_ms, words=words.outage(each)) for each in view.silence.announced())


ROUTES: list[Any] = [queue_page, queue_part, status_part]
