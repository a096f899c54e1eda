"""A home's consent register: what stands, what was entered when, and acting against it in an emergency."""

from typing import Any

from litestar import Request, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from agent.wire.topics import HUB_ID
from centre.console.forms import Form, again
from centre.console.guards import allow, who
from centre.services import Given, Services
from centre.staff.consent import GIVENS, TEXT_CHARS_MAX, WHATS
from centre.staff.values import StaffError

_CHOOSE = ("", "Choose")
"""First in each list: an answer that somebody merely left as it stood is nobody's consent."""

_DONE = {
    "entered": "Entered.",
    "override": "Entered: for four hours this may be done for this home. It stands at the top of the audit.",
}


@get("/consent/{hub:str}", guards=[allow()], sync_to_thread=True)
def page(request: Request[Any, Any, Any], services: Given, hub: FromPath[str], done: FromQuery[str] = "") -> Template:
    """Show a home's register."""
    return Template("consent.html", context=_register(request, services, hub, done=_DONE.get(done, "")))


@post("/consent/{hub:str}", guards=[allow("operator", "supervisor", "installer")], sync_to_thread=True)
def enter(request: Request[Any, Any, Any], services: Given, hub: FromPath[str], data: Form) -> Template | Redirect:
    """Enter that somebody agreed, or did not."""
    try:
        services.consents.enter(
            hub,
            data.get("person", ""),
            data.get("what", ""),
            data.get("given", ""),
            by=who(request).name,
            how=data.get("how", ""),
        )
    except StaffError as error:
        return again("consent.html", error, **_register(request, services, hub, data))
    return Redirect(f"/consent/{hub}?done=entered", status_code=303)


@post("/consent/{hub:str}/emergency", guards=[allow("operator", "supervisor")], sync_to_thread=True)
def override(request: Request[Any, Any, Any], services: Given, hub: FromPath[str], data: Form) -> Template | Redirect:
    """Act without consent in an emergency."""
    try:
        services.consents.override(hub, data.get("purpose", ""), by=who(request), why=data.get("why", ""))
    except StaffError as error:
        return again("consent.html", error, **_register(request, services, hub, data))
    return Redirect(f"/consent/{hub}?done=override", status_code=303)


def _register(
    request: Request[Any, Any, Any],
    services: Services,
    hub: str,
    typed: dict[str, str] | None = None,
    *,
    done: str = "",
) -> dict[str, object]:
    if not HUB_ID.fullmatch(hub):
        raise NotFoundException("There is no such home")
    return {
        "problem_text": "",
        "done_text": done,
        "hub": hub,
        "me": who(request),
        "typed": typed or {},
        "whats": [_CHOOSE, *WHATS.items()],
        "what_words": WHATS,
        "givens": [_CHOOSE, *GIVENS.items()],
        "given_words": GIVENS,
        "standing": services.consents.standing(hub),
        "overrides": services.consents.overrides(hub),
        "history": services.consents.history(hub),
        "text_max": TEXT_CHARS_MAX,
    }


ROUTES = [page, enter, override]
