"""Pages that let a home in and shut one out: an enrolment code, shown once; a hub revoked."""

import base64
import io
from collections.abc import Callable
from typing import Any

import segno
from litestar import Response, get, post
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.response import Redirect, Template

from agent.wire.enrolment import Code
from centre.console.guards import allow, who
from centre.console.home_reading import known, note, site_down
from centre.console.home_record import line
from centre.console.homes import AnyRequest, Form
from centre.services import Given, Services
from centre.site.settings import SiteError
from centre.site.site import TOKEN_S, TOKEN_S_MAX, Site

_HOUR_S = 3_600
HOURS = tuple(
    (str(hours), words)
    for hours, words in (
        (24, "1 day"),
        (TOKEN_S // _HOUR_S, "3 days"),
        (168, "1 week"),
        (TOKEN_S_MAX // _HOUR_S, "2 weeks"),
    )
)
NOT_NAMES = frozenset({"new", "find"})
"""Pages stand there."""

NO_SITE = "This console has no register of hubs: homes are added at the centre that has the site's folder"


@get("/homes/new", guards=[allow("supervisor")], sync_to_thread=True)
def new(services: Given) -> Template:
    """Ask for how long a new box's code is to be good. The name is drawn now: sent twice, the form makes one home."""
    return _asking(_site(services).new_name())


@get("/homes/{hub:str}/code", guards=[allow("supervisor")], sync_to_thread=True)
def another(services: Given, hub: FromPath[str]) -> Template:
    """Ask the same for a home whose box has not come: the code before is void then."""
    known(services, hub)
    _site(services)
    return _asking(hub, again=True)


@post("/homes/new", guards=[allow("supervisor")], status_code=200, sync_to_thread=True)
def issue(request: AnyRequest, services: Given, data: Form) -> Template:
    """Issue a code, and show it this once: it is kept nowhere."""
    site, hub, hours = _site(services), line(data, "hub"), line(data, "hours")
    if hours not in dict(HOURS):
        return _asking(hub, "Say for how long the code is to be good")
    if hub in NOT_NAMES:
        return _asking(hub, f"No home can be called {hub}: choose another name")
    now_ms = services.now_ms()
    again = site.hub(hub) is not None
    try:
        code = site.issue_token(hub, int(hours) * _HOUR_S, now_ms)
    except SiteError as error:
        return _asking(hub, str(error))
    note(services, who(request).name, "code-issued", hub, {"hours": int(hours), "again": again})
    context = {
        "hub": hub,
        "code": str(code),
        "picture": _picture(code),
        "again": again,
        "ends_ms": now_ms + int(hours) * _HOUR_S * 1000,
        "at": site.settings.enrolment,
    }
    return Template("enrol_code.html", context=context)


def _asking(hub: str, problem: str = "", *, again: bool = False) -> Template:
    context = {"again": again, "hub": hub, "hours": HOURS, "chosen": str(TOKEN_S // _HOUR_S), "problem": problem}
    return Template("enrol_new.html", context=context, status_code=422 if problem else 200)


def _picture(code: Code) -> str:
    """Draw a code as a picture for the page itself: it has no address of its own that somebody could come by."""
    drawn = io.BytesIO()
    segno.make(str(code), error="m", micro=False).save(drawn, kind="svg", scale=6, border=4, light="#fff", dark="#000")
    return "data:image/svg+xml;base64," + base64.b64encode(drawn.getvalue()).decode()


@get("/homes/{hub:str}/revoke", guards=[allow("supervisor")], sync_to_thread=True)
def ask(services: Given, hub: FromPath[str]) -> Template:
    """Ask whether a hub is really to be shut out: it cannot be undone."""
    there = known(services, hub)
    _site(services)
    return Template("enrol_revoke.html", context={"hub": hub, "known": there, "problem": ""})


@post("/homes/{hub:str}/revoke", guards=[allow("supervisor")], status_code=200, sync_to_thread=True)
def revoke(request: AnyRequest, services: Given, hub: FromPath[str], data: Form) -> Response[Any]:
    """Shut a hub out."""
    there, site = known(services, hub), _site(services)
    if line(data, "name") != hub:
        problem = f"Write the hub's name, {hub}, to say that you mean it: this cannot be undone"
        context = {"hub": hub, "known": there, "problem": problem}
        return Template("enrol_revoke.html", context=context, status_code=422)
    _told(lambda: site.revoke(hub, services.now_ms()))
    note(services, who(request).name, "revoked", hub)
    return Redirect(f"/homes/{hub}?said=revoked", status_code=303)


def _site(services: Services) -> Site:
    if services.site is None:
        raise HTTPException(status_code=404, detail=NO_SITE)
    return services.site


def _told(act: Callable[[], object]) -> None:
    try:
        act()
    except SiteError as error:
        raise HTTPException(status_code=503, detail=site_down(error)) from None


ROUTES: list[Any] = [new, another, issue, ask, revoke]
