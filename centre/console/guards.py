"""Who asks, and whether they may.

Each handler of the console says whose it is; one that does not is refused when the console starts:

    @get("/homes", guards=[allow("operator", "supervisor")], sync_to_thread=True)
    def homes(services: Services, request: Request[Any, Any, Any]) -> Template:
        me = who(request)

`allow()` without a role is for everybody who is signed in, `ANYBODY` (`guards=[ANYBODY]`) for whoever comes.
`opt={"public": True}` is for what is the same for all and needs no session (style sheets); `opt={"machines": "..."}`
for what is not for browsers and proves who asks in its own way, which it names: no cookie is looked at there.

A form needs `{{ csrf() }}` of macros.html within it; a script sends `request.scope["state"]["csrf"]` as the header
`x-csrf-token`. What streams for long asks `await still(request)` now and then, and ends when it is False.

The application takes `middleware=[SignedIn(roster)]`, `before_send=[security.headers]`,
`exception_handlers={SignInNeededError: to_sign_in, ...}`, and calls `check_declared(app)`.
"""

import logging
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from litestar import Litestar, Request, Response
from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.exceptions import (
    HTTPException,
    ImproperlyConfiguredException,
    NotFoundException,
    PermissionDeniedException,
)
from litestar.handlers.base import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.response import Redirect
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from centre.console import security
from centre.intake import LedgerDownError
from centre.staff.roster import Roster
from centre.staff.values import ROLES, Operator, Session
from centre.store.records import Role

SIGN_IN = "/sign-in"
_log = logging.getLogger(__name__)

_OWN_PATH = re.compile(r"/(?:(?!/)[!-\[\]-~]{0,500})?")
"""A slash and no second one, which would begin another host's name; nothing that browsers take for a slash or skip."""


class SignInNeededError(HTTPException):
    """Nobody is signed in, or no longer."""

    status_code = 401
    detail = "Sign in first"


class Allow:
    """A guard: lets in who is signed in with one of its roles. Without a role, everybody who is."""

    def __init__(self, roles: frozenset[Role]) -> None:
        self.roles = roles

    async def __call__(self, connection: "ASGIConnection[Any, Any, Any, Any]", _: BaseRouteHandler) -> None:
        """Raise SignInNeededError or PermissionDeniedException."""
        user = connection.scope.get("user")
        if not isinstance(user, Operator):
            raise SignInNeededError
        if user.role not in self.roles:
            _log.warning("%s (%s) was refused %s", user.name, user.role, connection.scope["path_template"])
            raise PermissionDeniedException(f"This is not for the role of {user.role}: ask a supervisor")


class Anybody:
    """A guard that lets in whoever comes."""

    async def __call__(self, connection: "ASGIConnection[Any, Any, Any, Any]", handler: BaseRouteHandler) -> None:
        """Do nothing."""


ANYBODY = Anybody()


def allow(*roles: Role) -> Allow:
    """Give the guard for some roles, or for everybody who is signed in."""
    return Allow(frozenset(roles) or frozenset(ROLES))


def who(request: "ASGIConnection[Any, Any, Any, Any]") -> Operator:
    """Give who asks. Raises SignInNeededError."""
    user = request.scope.get("user")
    if not isinstance(user, Operator):
        raise SignInNeededError
    return user


def session_of(request: "ASGIConnection[Any, Any, Any, Any]") -> Session:
    """Give the session by which somebody asks. Raises SignInNeededError."""
    session = request.scope.get("auth")
    if not isinstance(session, Session):
        raise SignInNeededError
    return session


async def still(request: "ASGIConnection[Any, Any, Any, Any]") -> bool:
    """Say whether who asked is still signed in, in the same role: for what goes on after the request."""
    middleware: SignedIn = request.scope["state"]["signed_in"]
    session = await sync_to_thread(middleware.roster.sessions.get, session_of(request).id)
    return session is not None and session.operator.role == who(request).role


def own_path(path: str) -> str:
    """Give where to go next, if it is a place of this console; else its first page: anybody can make such a link."""
    return path if _OWN_PATH.fullmatch(path) and not path.startswith(SIGN_IN) else "/"


def to_sign_in(request: Request[Any, Any, Any], error: SignInNeededError) -> Response[Any]:
    """Send a browser's page to sign in and come back; tell scripts and machines that they must."""
    if request.headers.get("sec-fetch-mode", "navigate") != "navigate" or "text/html" not in _accepted(request):
        return Response(error.detail, status_code=401, media_type="text/plain")
    if request.method not in security.SAFE:
        return Redirect(f"{SIGN_IN}?lost=1", status_code=303)
    came_for = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    where = f"?next={quote(own_path(came_for), safe='/')}" if came_for != "/" else ""
    return Redirect(SIGN_IN + where, status_code=303)


def _accepted(request: Request[Any, Any, Any]) -> str:
    accept = request.headers.get("accept", "text/html")
    return "text/html" if accept == "*/*" else accept


class SignedIn(ASGIMiddleware):
    """Finds who asks by their cookie, and refuses what another site's page made their browser send."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, roster: Roster) -> None:
        self.roster = roster

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Set `user` and `auth`, and the token of the page's forms."""
        scope["user"] = scope["auth"] = None
        if "\0" in scope["path"]:  # no page and no file is called so, and the file system would fail at it
            raise NotFoundException
        if scope["route_handler"].opt.keys() & {"public", "machines"}:
            await next_app(scope, receive, send)
            return
        request: Request[Any, Any, Any] = Request(scope, receive)
        security.check_way(request)
        if any(isinstance(each, Anybody) for each in _guards(scope["route_handler"])):  # Litestar copies them
            token = security.cookie_of(request, "before")
            if not token and request.method in security.SAFE:
                token = security.new_token()
                send = _with_cookie(send, security.cookie(request, "before", token).to_header(header=""))
        else:
            token = security.cookie_of(request, "session")
            if token and (session := await self._session(request, token)):
                scope["user"], scope["auth"] = session.operator, session
            elif token and request.method not in security.SAFE:
                raise SignInNeededError  # here: of nobody unknown is a form read (S12)
        scope["state"] |= {"csrf": security.csrf_of(token), "signed_in": self}
        async with security.not_forged(request, token):
            await next_app(scope, receive, send)

    async def _session(self, request: Request[Any, Any, Any], token: str) -> Session | None:
        # What a page fetches by itself is no sign of anybody at the desk.
        by_hand = request.method == "POST" or request.headers.get("sec-fetch-mode", "navigate") == "navigate"
        try:
            return await sync_to_thread(self.roster.sessions.of, token, by_hand=by_hand)
        except LedgerDownError as error:
            raise HTTPException(
                status_code=503, detail=f"{error}: see to the database; alarms wait at the hubs"
            ) from None


def _with_cookie(send: Send, cookie: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableScopeHeaders.from_message(message).add("set-cookie", cookie)
        await send(message)

    return sending


# --- declared, or refused ----------------------------------------------------------------------------


def declared(handler: BaseRouteHandler) -> str:
    """Say for whom a handler is, in words; empty if it does not say."""
    for name in ("public", "machines"):
        if handler.opt.get(name):
            return name
    found = [guard for guard in _guards(handler) if isinstance(guard, Allow | Anybody)]
    return " or ".join(sorted(found[-1].roles) if isinstance(found[-1], Allow) else ["anybody"]) if found else ""


def handlers_of(app: Litestar) -> Iterator[tuple[str, BaseRouteHandler]]:
    """Give every route's path and handler, but for what Litestar answers by itself."""
    for route in app.routes:
        found = getattr(route, "route_handlers", None) or [route.route_handler]  # type: ignore[union-attr]
        for handler in found:
            if getattr(handler, "http_methods", None) != {"OPTIONS"}:
                yield route.path, handler


def check_declared(app: Litestar) -> None:
    """Raise ImproperlyConfiguredException if some handler does not say whose it is."""
    if missing := sorted(f"{path} ({handler})" for path, handler in handlers_of(app) if not declared(handler)):
        raise ImproperlyConfiguredException(f"whose is {', '.join(missing)}? Say so by guards=[allow(...)]")


def _guards(handler: BaseRouteHandler) -> list[object]:
    return [guard for layer in handler.ownership_layers for guard in layer.guards or ()]
