"""Integrations, for supervisors: tokens for machines that read, webhooks for those that are told.

A secret is shown once, on the page that answers its making, and never again. Making one asks for the supervisor's own
password: a console that somebody left must not open the centre to a machine.
"""

from typing import Any

from litestar import Request, Router, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from centre.attaching.hooks import HookBook, HookError
from centre.attaching.posting import AddressError
from centre.attaching.tokens import NAME_CHARS_MAX, USES, TokenError, Tokens
from centre.console.forms import Form
from centre.console.guards import allow, who
from centre.services import Given, Services
from centre.staff.values import StaffError

_PAGE = "/integrations"
_SUPERVISORS = [allow("supervisor")]
_DAYS = {"30": "30 days", "90": "90 days", "365": "a year"}
_STATES = {"on": "on", "off": "off", "remove": "gone"}
_DONE = {
    "revoked": "The token is void from now on.",
    "on": "The webhook is on.",
    "off": "The webhook is off: nothing is sent, and nothing new is kept for it.",
    "removed": "The webhook is taken away.",
    "tried": "A test message is on its way: see below what came of it.",
    "again": "It is tried again.",
}


@get("/", guards=_SUPERVISORS, sync_to_thread=True)
def page(services: Given, done: FromQuery[str] = "") -> Template:
    """Show what is attached."""
    return Template("integrations.html", context={**_context(services), "done_text": _DONE.get(done, "")})


@post("/tokens", guards=_SUPERVISORS, sync_to_thread=True)
def make_token(request: Request[Any, Any, Any], services: Given, data: Form) -> Template:
    """Make a token, and show it: this once."""
    by = who(request).name
    days = data.get("days", "")
    try:
        services.roster.door.confirm(by, data.get("password", ""))
        tokens = Tokens(services.database)
        secret, token = tokens.make(
            data.get("name", ""),
            data.get("use", ""),  # type: ignore[arg-type] # checked
            int(days) if days in _DAYS else 0,
            by,
            services.now_ms(),
        )
    except (StaffError, TokenError) as error:
        return _again(services, error, data)
    return Template("integrations_token.html", context={"secret": secret, "token": token, "uses": USES})


@post("/tokens/revoke", guards=_SUPERVISORS, sync_to_thread=True)
def revoke_token(request: Request[Any, Any, Any], services: Given, data: Form) -> Redirect:
    """End a token."""
    if not Tokens(services.database).revoke(data.get("token", ""), who(request).name, services.now_ms()):
        raise NotFoundException("There is no such token, or it has ended")
    return _back("revoked")


@post("/webhooks", guards=_SUPERVISORS, sync_to_thread=True)
def add_webhook(request: Request[Any, Any, Any], services: Given, data: Form) -> Template:
    """Add a webhook, and show its secret: this once."""
    by = who(request).name
    try:
        services.roster.door.confirm(by, data.get("password", ""))
        secret, hook = _book(services).add(
            data.get("url", "").strip(), by, services.now_ms(), allow_private=services.settings.private_webhooks
        )
    except (StaffError, AddressError, HookError) as error:
        return _again(services, error, data)
    return Template("integrations_webhook.html", context={"secret": secret, "hook": hook})


@post("/webhooks/{hook:str}", guards=_SUPERVISORS, sync_to_thread=True)
def change_webhook(request: Request[Any, Any, Any], services: Given, hook: FromPath[str], data: Form) -> Redirect:
    """Switch a webhook on or off, try it, or take it away."""
    what, by, now_ms = data.get("what", ""), who(request).name, services.now_ms()
    if what == "try":
        found = _book(services).try_out(hook, now_ms)
    elif what in _STATES:
        found = _book(services).set_state(hook, _STATES[what], by, now_ms)  # type: ignore[arg-type] # of the table
    else:
        found = False
    if not found:
        raise NotFoundException("There is no such webhook, or it is so already")
    return _back({"try": "tried", "remove": "removed"}.get(what, what))


@post("/messages/{number:int}/again", guards=_SUPERVISORS, sync_to_thread=True)
def send_again(services: Given, number: FromPath[int]) -> Redirect:
    """Begin anew with a message that was given up."""
    if not 0 < number < 2**53 or not _book(services).again(number, services.now_ms()):
        raise NotFoundException("There is no message of this number that was given up")
    return _back("again")


def _back(done: str) -> Redirect:
    return Redirect(f"{_PAGE}?done={done}", status_code=303)


def _again(services: Services, error: Exception, typed: dict[str, str]) -> Template:
    context = {**_context(services), "problem_text": str(error), "typed": typed}
    return Template("integrations.html", context=context, status_code=403 if isinstance(error, StaffError) else 422)


def _book(services: Services) -> HookBook:
    return HookBook(services.database, services.keyring)


def _context(services: Services) -> dict[str, object]:
    book = _book(services)
    hooks = book.all()
    return {
        "problem_text": "",
        "done_text": "",
        "typed": {},
        "now": services.now_ms(),
        "tokens": Tokens(services.database).all(),
        "uses": list(USES.items()),
        "days": list(_DAYS.items()),
        "name_max": NAME_CHARS_MAX,
        "hooks": hooks,
        "counts": book.counts(),
        "messages": book.latest(),
        "urls": {each.id: each.url for each in hooks},
    }


ROUTES: list[Any] = [
    Router(
        _PAGE,
        route_handlers=[page, make_token, revoke_token, add_webhook, change_webhook, send_again],
    )
]
