"""Signing in and out, and the page of a link by which somebody sets password and second factor."""

from typing import Annotated, Any

from litestar import Request, get, post
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Redirect, Template

from centre.console import security
from centre.console.forms import Form, address_of, again, browser_of, desk_cookie, same
from centre.console.guards import ANYBODY, SIGN_IN, allow, own_path, session_of, who
from centre.services import Given, Services
from centre.staff.door import Entered, Try
from centre.staff.passwords import LEAST, MOST
from centre.staff.values import StaffError

_HOME = "/"
_BODY_BYTES_MAX = 16 * 1024
"""What is read of somebody unknown: a name, two passwords, a code; a form of a megabyte takes the loop a second."""


@get(SIGN_IN, guards=[ANYBODY], sync_to_thread=True)
def page(
    request: Request[Any, Any, Any],
    services: Given,
    goal: Annotated[str, QueryParameter(name="next")] = "",
    lost: FromQuery[str] = "",
) -> Template | Redirect:
    """Ask for name, password and code."""
    token = security.cookie_of(request, "session")
    if token and services.roster.sessions.of(token) is not None:
        return Redirect(own_path(goal), status_code=303)
    return Template(
        "sign_in.html", context={"problem_text": "", "name": "", "next": own_path(goal), "lost": bool(lost)}
    )


@post(SIGN_IN, guards=[ANYBODY], request_max_body_size=_BODY_BYTES_MAX, sync_to_thread=True)
def sign_in(request: Request[Any, Any, Any], services: Given, data: Form) -> Template | Redirect:
    """Let somebody in, by a new session."""
    brought = Try(
        name=data.get("name", ""),
        password=data.get("password", ""),
        code=data.get("code", ""),
        address=address_of(request),
        desk=security.cookie_of(request, "desk"),
        browser=browser_of(request),
        before=security.cookie_of(request, "session"),
    )
    going = own_path(data.get("next", ""))
    try:
        entered = services.roster.door.sign_in(brought)
    except StaffError as error:
        return again("sign_in.html", error, name=brought.name, next=going, lost=False)
    return _in(request, going, entered)


@post("/sign-out", guards=[allow()], sync_to_thread=True)
def sign_out(request: Request[Any, Any, Any], services: Given) -> Redirect:
    """End this session."""
    services.roster.sessions.end(who(request).name, session_of(request).id)
    gone = [security.cookie(request, "session", "")]
    return Redirect(SIGN_IN, status_code=303, cookies=gone, headers={"clear-site-data": '"cache"'})


@get("/welcome/{secret:str}", guards=[ANYBODY], sync_to_thread=True)
def welcome(services: Given, secret: FromPath[str]) -> Template:
    """Show what is to be set by a link. Nothing is used up."""
    try:
        operator, signs_in = services.roster.links.of(secret)
    except StaffError as error:
        return again("link_gone.html", error)
    return Template("welcome.html", context=_welcome(services, operator.name, operator.shown, signs_in=signs_in))


@post("/welcome/{secret:str}", guards=[ANYBODY], request_max_body_size=_BODY_BYTES_MAX, sync_to_thread=True)
def set_up(request: Request[Any, Any, Any], services: Given, secret: FromPath[str], data: Form) -> Template | Redirect:
    """Set password and second factor, and show the recovery codes: this once."""
    links, door = services.roster.links, services.roster.door
    try:
        operator, signs_in = links.of(secret)
    except StaffError as error:
        return again("link_gone.html", error)
    if signs_in:
        token = links.enter(secret, browser_of(request))
        return _in(request, _HOME, Entered(operator, token, door.know()))
    carried = data.get("carried", "")
    try:
        offer = services.roster.offered(operator.name, carried)
        password = same(data.get("password", ""), data.get("again", ""))
        recovery = links.set_up(secret, password, offer, data.get("code", ""))
    except StaffError as error:
        context = _welcome(services, operator.name, operator.shown, carried=carried)
        return again("welcome.html", error, **context)
    context = {"recovery": recovery, "first": True}
    known = desk_cookie(request, door.know(security.cookie_of(request, "desk")))
    return Template("recovery_codes.html", context=context, cookies=[known])


def _welcome(
    services: Services, name: str, shown: str, *, carried: str = "", signs_in: bool = False
) -> dict[str, object]:
    try:
        offer = services.roster.offered(name, carried)
    except StaffError:
        offer = services.roster.offer(name)
    return {
        "problem_text": "",
        "name": name,
        "shown": shown,
        "offer": offer,
        "signs_in": signs_in,
        "least": LEAST,
        "most": MOST,
    }


def _in(request: Request[Any, Any, Any], going: str, entered: Entered) -> Redirect:
    cookies = [
        security.cookie(request, "session", entered.token),
        security.cookie(request, "before", ""),
        desk_cookie(request, entered.desk),
    ]
    return Redirect(going, status_code=303, cookies=cookies)


ROUTES = [page, sign_in, sign_out, welcome, set_up]
