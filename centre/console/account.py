"""One's own account: password, second factor, recovery codes, sessions, and how the console is to be."""

from typing import Any

from litestar import Request, get, post
from litestar.params import FromQuery
from litestar.response import Redirect, Template

from centre.console.forms import Form, again, same
from centre.console.guards import allow, session_of, who
from centre.services import Given, Services
from centre.staff.auditing import AuditBook
from centre.staff.passwords import LEAST, MOST
from centre.staff.values import StaffError

_LATELY = 20
_DONE = {
    "password": "Your password is changed, and your other sessions are ended.",
    "preferences": "Kept.",
    "sessions": "Those sessions are ended.",
}
_PAGE = "/account"


@get(_PAGE, guards=[allow()], sync_to_thread=True)
def page(request: Request[Any, Any, Any], services: Given, done: FromQuery[str] = "") -> Template:
    """Show the account."""
    return Template("account.html", context=_account(request, services, done=_DONE.get(done, "")))


@post(f"{_PAGE}/password", guards=[allow()], sync_to_thread=True)
def change_password(request: Request[Any, Any, Any], services: Given, data: Form) -> Template | Redirect:
    """Change the password."""
    try:
        new = same(data.get("new", ""), data.get("again", ""))
        services.roster.account.change_password(
            who(request).name, data.get("password", ""), new, session=session_of(request).id
        )
    except StaffError as error:
        return again("account.html", error, **_account(request, services))
    return Redirect(f"{_PAGE}?done=password", status_code=303)


@get(f"{_PAGE}/app", guards=[allow()], sync_to_thread=True)
def app_page(request: Request[Any, Any, Any], services: Given) -> Template:
    """Show a secret for another app."""
    return Template("account_app.html", context={"problem_text": "", "offer": services.roster.offer(who(request).name)})


@post(f"{_PAGE}/app", guards=[allow()], sync_to_thread=True)
def change_app(request: Request[Any, Any, Any], services: Given, data: Form) -> Template:
    """Change the second factor, and show the new recovery codes: this once."""
    name = who(request).name
    try:
        offer = services.roster.offered(name, data.get("carried", ""))
    except StaffError as error:
        return again("account_app.html", error, offer=services.roster.offer(name))
    try:
        recovery = services.roster.account.change_app(
            name, data.get("password", ""), offer, data.get("code", ""), session=session_of(request).id
        )
    except StaffError as error:
        return again("account_app.html", error, offer=offer)
    return Template("recovery_codes.html", context={"recovery": recovery, "first": False})


@post(f"{_PAGE}/recovery", guards=[allow()], sync_to_thread=True)
def renew_recovery(request: Request[Any, Any, Any], services: Given, data: Form) -> Template:
    """Show new recovery codes: this once."""
    try:
        recovery = services.roster.account.renew_recovery(
            who(request).name, data.get("password", ""), session=session_of(request).id
        )
    except StaffError as error:
        return again("account.html", error, **_account(request, services))
    return Template("recovery_codes.html", context={"recovery": recovery, "first": False})


@post(f"{_PAGE}/sessions", guards=[allow()], sync_to_thread=True)
def end_sessions(request: Request[Any, Any, Any], services: Given, data: Form) -> Redirect:
    """End one session, or all but this."""
    name, sessions = who(request).name, services.roster.sessions
    if chosen := data.get("session"):
        sessions.end(name, chosen)
    else:
        sessions.end_all(name, but=session_of(request).id)
    return Redirect(f"{_PAGE}?done=sessions", status_code=303)


@post(f"{_PAGE}/preferences", guards=[allow()], sync_to_thread=True)
def prefer(request: Request[Any, Any, Any], services: Given, data: Form) -> Redirect:
    """Keep how the console is to be."""
    services.roster.prefer(who(request).name, keys="keys" in data, sounds="sounds" in data)
    return Redirect(f"{_PAGE}?done=preferences", status_code=303)


def _account(request: Request[Any, Any, Any], services: Services, *, done: str = "") -> dict[str, object]:
    me = who(request)
    return {
        "problem_text": "",
        "done_text": done,
        "me": me,
        "here": session_of(request).id,
        "sessions": services.roster.sessions.of_operator(me.name),
        "left": services.roster.account.recovery_left(me.name),
        "lately": AuditBook(services.database).done(who=me.name, limit=_LATELY),
        "least": LEAST,
        "most": MOST,
    }


ROUTES = [page, change_password, app_page, change_app, renew_recovery, end_sessions, prefer]
