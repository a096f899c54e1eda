"""The day team's page: what stands at the homes, grouped by fault; and what will silence the site one day."""

from typing import Any

from litestar import get
from litestar.response import Template

from centre.console import home_words
from centre.console.guards import allow, who
from centre.console.home_reading import all_known
from centre.console.home_status import Known
from centre.console.homes import HERE, AnyRequest
from centre.services import Given, Services
from centre.silence.seen import Seen
from centre.silence.worklist import worklist
from centre.site.settings import SiteError

HOMES_SHOWN = 50
"""Of one fault; the rest is counted, and found among the homes."""


@get("/worklist", guards=[allow(*HERE)], sync_to_thread=True)
def page(request: AnyRequest, services: Given) -> Template:
    """Show the worklist."""
    return Template("worklist.html", context=_context(services) | {"me": who(request)})


@get("/worklist/part", guards=[allow(*HERE)], sync_to_thread=True)
def part(request: AnyRequest, services: Given) -> Template:
    """Show the part of it that lives."""
    return Template("worklist_part.html", context=_context(services) | {"me": who(request)})


def _context(services: Services) -> dict[str, Any]:
    now_ms = services.now_ms()
    groups = worklist((_seen(each) for each in all_known(services) if _ours(each)), now_ms)
    return {
        "groups": groups,
        "homes": len({work.hub for group in groups for work in group.work}),
        "most": HOMES_SHOWN,
        "home_words": home_words,
        "warnings": _warnings(services, now_ms),
    }


def _ours(known: Known) -> bool:
    return known.left_ms is None and (known.record is None or known.record.state == "enrolled")


def _seen(known: Known) -> Seen:
    """Give what was seen of a home; one that nobody has looked at yet was enrolled and is not heard of."""
    return known.seen or Seen(hub=known.hub, enrolled_ms=known.record.enrolled_ms if known.record else 0)


def _warnings(services: Services, now_ms: int) -> list[str]:
    if services.site is None:
        return []
    try:
        return services.site.warnings(now_ms)
    except SiteError as error:
        return [str(error)]


ROUTES: list[Any] = [page, part]
