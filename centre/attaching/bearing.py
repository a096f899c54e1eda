"""Lets machines in by their bearer tokens, and tells them what went wrong as problem documents (RFC 9457)."""

import logging
import math
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException
from litestar.handlers.base import BaseRouteHandler
from litestar.types import AnyCallable

from centre.attaching.pace import Pace
from centre.attaching.tokens import Token, Tokens, Use
from centre.intake import LedgerDownError
from centre.reporting.gathering import BusyError
from centre.services import Services

log = logging.getLogger(__name__)

PROBLEM = "application/problem+json"
BURST, EVERY_MS = 60, 100
"""A token may ask 60 times at once, and ten times a second for ever."""

_SCHEME = "bearer "
_PACE = "attaching_pace"
_TITLES = {
    400: "Not understood",
    401: "A token is needed",
    403: "Not for this token",
    404: "There is nothing here",
    405: "Not to be asked in this way",
    429: "Too many requests",
    503: "Not now",
}


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, and what to do."""

    title: str
    status: int
    detail: str


class NeedsTokenError(HTTPException):
    """No token came, or none that is good for this."""

    status_code = 401
    detail = "Send `Authorization: Bearer …` with a token for this, made under Integrations, that is not over"


class TooFastError(HTTPException):
    """A token asked too often."""

    status_code = 429
    detail = "This token asks too often: wait for as long as Retry-After says"


def services_of(connection: "ASGIConnection[Any, Any, Any, Any]") -> Services:
    """Give what the application stands on: a guard gets nothing handed to it."""
    found: Services = connection.app.state["services"]
    return found


def bearer(use: Use) -> AnyCallable:
    """Make a guard that lets in who brings a token for this use. Raises NeedsTokenError, TooFastError."""

    async def guard(connection: "ASGIConnection[Any, Any, Any, Any]", _: BaseRouteHandler) -> None:
        services = services_of(connection)
        now = services.clock.now()
        given = connection.headers.get("authorization", "")
        if not given.lower().startswith(_SCHEME):
            raise NeedsTokenError(headers={"www-authenticate": "Bearer"})
        token = await sync_to_thread(_found, services, given[len(_SCHEME) :].strip(), use, now.wall_ms)
        if token is None:
            raise NeedsTokenError(headers={"www-authenticate": 'Bearer error="invalid_token"'})
        pace: Pace = connection.app.state.setdefault(_PACE, Pace(BURST, EVERY_MS))
        if wait_ms := pace.take(token.id, now.ms):
            raise TooFastError(headers={"retry-after": str(math.ceil(wait_ms / 1000))})

    return guard


def _found(services: Services, secret: str, use: Use, at_ms: int) -> Token | None:
    tokens = Tokens(services.database)
    token = tokens.find(secret, use, at_ms)
    if token is not None:
        try:
            tokens.used(token, at_ms)
        except LedgerDownError as error:  # it can be read: whoever may ask is answered
            log.warning("that a token was used is not noted: %s", error)
    return token


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response[bytes]:
    """Make an answer of what went wrong."""
    body = Problem(title=_TITLES.get(status, "It went wrong"), status=status, detail=detail)
    return Response(msgspec.json.encode(body), status_code=status, media_type=PROBLEM, headers=headers)


def _refused(_request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    detail = error.detail
    if error.status_code == 400 and isinstance(error.extra, list):  # noqa: PLR2004 -- HTTP's
        parts = (f"{each.get('key', '?')}: {each.get('message', '')}" for each in error.extra if isinstance(each, dict))
        detail = "; ".join(parts) or detail
    return problem(error.status_code, detail, error.headers)


def _store_down(_request: Request[Any, Any, Any], error: LedgerDownError) -> Response[bytes]:
    return problem(503, f"{error}. Alarms wait at the hubs, and are offered again", {"retry-after": "5"})


def _busy(_request: Request[Any, Any, Any], error: BusyError) -> Response[bytes]:
    return problem(503, str(error), {"retry-after": "60"})


def _broken(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    log.error("%s failed", request.scope.get("path_template", "a request"), exc_info=error)
    return problem(500, "This is a fault of the centre's: tell whoever runs it. Its log says more")


PROBLEMS: dict[int | type[Exception], Any] = {
    HTTPException: _refused,
    LedgerDownError: _store_down,
    BusyError: _busy,
    Exception: _broken,
}
"""Exception handlers of routes for machines."""
