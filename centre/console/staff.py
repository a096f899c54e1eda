"""The staff, for supervisors: who there is, in which role, and the link by which somebody comes in.

Every change asks for the supervisor's own password: a console that somebody left must not make staff.
"""

from typing import Any

from litestar import Request, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from centre.console.forms import Form, again, base_of
from centre.console.guards import allow, who
from centre.services import Given, Services
from centre.staff.links import LASTS_MS, PATH
from centre.staff.values import NAME_HELP, ROLES, SHOWN_CHARS_MAX, Operator, StaffError

_PAGE = "/staff"
_DONE = {
    "added": "Added. Make their link now: without it they cannot come in.",
    "changed": "Changed.",
    "signed-out": "Signed out everywhere.",
}
_SUPERVISORS = allow("supervisor")


@get(_PAGE, guards=[_SUPERVISORS], sync_to_thread=True)
def page(services: Given) -> Template:
    """Show the staff."""
    return Template("staff.html", context=_staff(services))


@post(_PAGE, guards=[_SUPERVISORS], sync_to_thread=True)
def add(request: Request[Any, Any, Any], services: Given, data: Form) -> Template | Redirect:
    """Add somebody."""
    by, name = who(request).name, data.get("name", "").strip()
    try:
        services.roster.door.confirm(by, data.get("password", ""))
        services.roster.add(by, name, data.get("shown", ""), data.get("role", ""))  # type: ignore[arg-type] # checked
    except StaffError as error:
        return again("staff.html", error, **_staff(services, data))
    return Redirect(f"{_PAGE}/{name}?done=added", status_code=303)


@get(f"{_PAGE}/{{name:str}}", guards=[_SUPERVISORS], sync_to_thread=True)
def one(request: Request[Any, Any, Any], services: Given, name: FromPath[str], done: FromQuery[str] = "") -> Template:
    """Show one of them."""
    context = _one(request, _needed(services, name))
    return Template("staff_one.html", context={**context, "done_text": _DONE.get(done, "")})


@post(f"{_PAGE}/{{name:str}}", guards=[_SUPERVISORS], sync_to_thread=True)
def change(request: Request[Any, Any, Any], services: Given, name: FromPath[str], data: Form) -> Template | Redirect:
    """Change what somebody is."""
    by, found = who(request).name, _needed(services, name)
    try:
        services.roster.door.confirm(by, data.get("password", ""))
        services.roster.change(
            by,
            name,
            shown=data.get("shown"),
            role=data.get("role"),  # type: ignore[arg-type] # checked
            active="active" in data,
        )
    except StaffError as error:
        return again("staff_one.html", error, **_one(request, found, data))
    return Redirect(f"{_PAGE}/{name}?done=changed", status_code=303)


@post(f"{_PAGE}/{{name:str}}/sessions", guards=[_SUPERVISORS], sync_to_thread=True)
def sign_out(request: Request[Any, Any, Any], services: Given, name: FromPath[str], data: Form) -> Template | Redirect:
    """Sign somebody out everywhere: a tablet was left on a bus."""
    by, found = who(request).name, _needed(services, name)
    try:
        services.roster.door.confirm(by, data.get("password", ""))
    except StaffError as error:
        return again("staff_one.html", error, **_one(request, found))
    services.roster.sessions.end_all(name, by=by)
    return Redirect(f"{_PAGE}/{name}?done=signed-out", status_code=303)


@post(f"{_PAGE}/{{name:str}}/link", guards=[_SUPERVISORS], sync_to_thread=True)
def link(request: Request[Any, Any, Any], services: Given, name: FromPath[str], data: Form) -> Template:
    """Make somebody's link, and show it: this once."""
    by, found = who(request).name, _needed(services, name)
    try:
        services.roster.door.confirm(by, data.get("password", ""))
        secret = services.roster.links.make(by, name)
    except StaffError as error:
        return again("staff_one.html", error, **_one(request, found))
    context = {"who": found, "link": base_of(request) + PATH + secret, "minutes": LASTS_MS // 60_000}
    return Template("staff_link.html", context=context)


def _needed(services: Services, name: str) -> Operator:
    if (found := services.roster.get(name)) is None:
        raise NotFoundException("There is nobody of this name")
    return found


def _staff(services: Services, typed: dict[str, str] | None = None) -> dict[str, object]:
    return {
        "problem_text": "",
        "staff": services.roster.everybody(),
        "typed": typed or {},
        "roles": list(ROLES.items()),
        "name_help": NAME_HELP,
        "shown_max": SHOWN_CHARS_MAX,
    }


def _one(request: Request[Any, Any, Any], found: Operator, typed: dict[str, str] | None = None) -> dict[str, object]:
    now = {"shown": found.shown, "role": found.role, "active": "yes" if found.active else ""}
    return {
        "problem_text": "",
        "done_text": "",
        "who": found,
        "mine": found.name == who(request).name,
        "typed": now if typed is None else {"active": "", **typed},
        "roles": list(ROLES.items()),
        "shown_max": SHOWN_CHARS_MAX,
    }


ROUTES = [page, add, one, change, sign_out, link]
