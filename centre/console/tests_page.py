"""The page of tests: those that installers make, those that were announced, and presses that residents took back."""

from typing import Any

import msgspec
import sqlalchemy as sa
from litestar import get
from litestar.response import Template

from centre.cases.waiting import tests as waiting_tests
from centre.console.guards import allow, who
from centre.console.home_reading import taken_back
from centre.console.homes import HERE, AnyRequest
from centre.services import Given, Services
from centre.store.schema import COMMAND
from rules.commands import Test
from rules.values import Value

BACK_MS = 7 * 86_400_000
ANNOUNCED_MS = 24 * 3_600_000
SHOWN = 100


class Announced(Value, frozen=True, kw_only=True):
    """A test that was announced to a hub: `expect` is a kind or a sensor, until `ends_ms`. `state` is the command's."""

    hub: str
    expect: str
    by: str
    at_ms: int
    ends_ms: int
    state: str
    reason: str


@get("/tests", guards=[allow(*HERE)], sync_to_thread=True)
def page(request: AnyRequest, services: Given) -> Template:
    """Show the tests."""
    return Template("tests.html", context=_context(services) | {"me": who(request)})


@get("/tests/part", guards=[allow(*HERE)], sync_to_thread=True)
def part(request: AnyRequest, services: Given) -> Template:
    """Show the part of it that lives."""
    return Template("tests_part.html", context=_context(services) | {"me": who(request)})


def _context(services: Services) -> dict[str, Any]:
    now_ms = services.now_ms()
    return {
        "lines": waiting_tests(services.desk.standing(), now_ms),
        "announced": announced(services, now_ms),
        "taken_back": taken_back(services.database, now_ms - BACK_MS)[:SHOWN],
        "now": now_ms,
    }


def announced(services: Services, now_ms: int) -> list[Announced]:
    """Give the tests announced of late, the newest first."""
    c = COMMAND.c
    asked = sa.select(c.hub, c.data, c.by, c.at_ms, c.state, c.reason)
    asked = asked.where(c.type == "test", c.at_ms >= now_ms - ANNOUNCED_MS).order_by(c.at_ms.desc()).limit(SHOWN)
    with services.database.reading() as connection:
        rows = connection.execute(asked).all()
    found = []
    for hub, data, by, at_ms, state, reason in rows:
        test = msgspec.json.decode(bytes(data), type=Test)
        if test.expect:
            ends_ms = at_ms + test.minutes * 60_000
            more = {"by": by, "at_ms": at_ms, "ends_ms": ends_ms, "state": state, "reason": reason}
            found.append(Announced(hub=hub, expect=test.expect, **more))
    return found


ROUTES: list[Any] = [page, part]
