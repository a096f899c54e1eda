"""What every answer of the console carries, what its cookies are called, and how a forged request is told.

A form is ours if it comes from our own pages (the browser says so) and carries the token of its own cookie: a digest
of it, so that nothing need be kept, and none is good for another session. Sign-in has one as well.
"""

import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal
from urllib.parse import urlsplit

from litestar import Request
from litestar.datastructures import Cookie, FormMultiDict, MutableScopeHeaders
from litestar.exceptions import HTTPException, PermissionDeniedException
from litestar.types import Message, Scope

FIELD = "csrf"
"""The form field of the token; scripts send it as the header."""

HEADER = "x-csrf-token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_CHARS_MAX = 1_000
TOKEN_BYTES = 32

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_OFF = ("camera", "display-capture", "geolocation", "hid", "microphone", "payment", "serial", "usb")

HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    # And not no-referrer: with that, browsers send forms with `Origin: null`, and theirs could not be told from others.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": ", ".join(f"{name}=()" for name in _OFF),
}
HSTS = "max-age=31536000; includeSubDomains"
_STATIC = "/static/"
_STALE = "This page is older than your sign-in: nothing was done. Go back, reload the page, and do it again"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Kind = Literal["session", "before", "desk"]
"""Who is signed in; the forms before anybody is; a browser that somebody has signed in by. `before` is one of its own,
because browsers send none of these (SameSite) where a link from elsewhere leads: it must not replace the session."""


class NotSecureError(HTTPException):
    """Asked for by plain http from elsewhere, or under a name that is not this computer's."""

    status_code = 421
    detail = "Passwords and people's data go by https alone; plain http is for a browser on this computer itself"


async def headers(message: Message, scope: Scope) -> None:
    """Set what every answer carries, errors too: Litestar's `before_send`."""
    if message["type"] != "http.response.start":
        return
    message.setdefault("headers", [])
    sent = MutableScopeHeaders.from_message(message)
    for name, value in HEADERS.items():
        sent[name] = value
    if scope.get("scheme") == "https":
        sent["strict-transport-security"] = HSTS
    if not scope["path"].startswith(_STATIC):
        sent["cache-control"] = "no-store"


def check_way(request: Request[Any, Any, Any]) -> None:
    """Raise NotSecureError unless it came over TLS, or from a browser that calls this computer its own.

    The name counts too: a page from elsewhere whose name was made to lead to loopback (DNS rebinding) is not ours.
    """
    if request.url.scheme == "https":
        return
    try:
        name = urlsplit(f"//{request.headers.get('host', '')}").hostname
    except ValueError:
        name = None
    if name not in _LOOPBACK:
        raise NotSecureError


# --- cookies -----------------------------------------------------------------------------------------


def new_token() -> str:
    """Draw 256 bits."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def cookie_name(kind: Kind, *, secure: bool) -> str:
    """Name a cookie. With `__Host-` a browser takes it over TLS alone, and from nobody but this very host."""
    return f"__Host-hearthline-{kind}" if secure else f"hearthline-{kind}"


def cookie_of(request: Request[Any, Any, Any], kind: Kind) -> str:
    """Give what a browser brought; empty if nothing, or nothing that could be ours."""
    value = request.cookies.get(cookie_name(kind, secure=request.url.scheme == "https"), "")
    return value if len(value) <= FORM_CHARS_MAX and value.isascii() else ""


def cookie(request: Request[Any, Any, Any], kind: Kind, value: str, *, max_age_s: int | None = None) -> Cookie:
    """Make a cookie to be set; an empty value takes it away. Without `max_age_s` it goes with the browser."""
    secure = request.url.scheme == "https"
    return Cookie(
        key=cookie_name(kind, secure=secure),
        value=value,
        max_age=max_age_s if value else 0,
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )


# --- forged requests ---------------------------------------------------------------------------------


def csrf_of(token: str) -> str:
    """Give the token of a cookie's forms. Who knows it does not know the cookie, nor the digest that is stored."""
    return hashlib.sha256(b"hearthline csrf " + token.encode()).hexdigest()


@asynccontextmanager
async def not_forged(request: Request[Any, Any, Any], token: str) -> AsyncIterator[None]:
    """Raise PermissionDeniedException for a request that another site's page made this browser send.

    What was sent as a file is closed at the end, whoever read it.
    """
    if request.method in SAFE:
        yield
        return
    if not _of_own_page(request):
        raise PermissionDeniedException("This came from another site's page: nothing was done")
    if not token:
        raise PermissionDeniedException(_STALE)
    given = request.headers.get(HEADER)
    form = FormMultiDict() if given else await request.form()
    try:
        if not _is(given or form.get(FIELD), csrf_of(token)):
            raise PermissionDeniedException(_STALE)
        yield
    finally:
        await form.close()


def _is(given: object, expected: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _of_own_page(request: Request[Any, Any, Any]) -> bool:
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    return (
        request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
        and request.headers.get("origin", own) == own
    )
