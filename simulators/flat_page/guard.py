"""Who may look and press: this machine, by the address that was printed, from the page itself. No page of the internet.

A web page anywhere can make a browser send requests to loopback, and a name of its own can be made to mean 127.0.0.1
(DNS rebinding). So the host must be ours by name, the address begins with a token that nobody can guess, and whatever
changes something must come from our own page.
"""

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; media-src 'self';"
        " form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
"""Sent with every answer, errors too. No style or script but ours, nothing from elsewhere, in nobody's frame."""

BODY_BYTES_MAX = 1_024
"""Nothing that is pressed has a body."""


class Guard:
    """Lets through to `application` what may come through; 404 tells others that there is nothing."""

    def __init__(self, application: Application, token: str, port: int) -> None:
        self._application = application
        self._prefix = f"/{token}/".encode()
        self._hosts = {f"{host}:{port}".encode() for host in ("127.0.0.1", "localhost")}
        self._origins = {b"http://" + host for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge a request by its head."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        trouble = self._trouble(scope)
        if trouble:
            await _refuse(send, *trouble)
            return
        inner = scope["raw_path"][len(self._prefix) - 1 :]
        scope = {**scope, "path": inner.decode("ascii", "replace"), "raw_path": inner}
        await self._application(scope, receive, _with_headers(send))

    def _trouble(self, scope: Scope) -> tuple[int, str] | None:
        heads: list[tuple[bytes, bytes]] = scope["headers"]
        said = dict(heads)
        path = scope["raw_path"][: len(self._prefix)]
        if said.get(b"host") not in self._hosts or not hmac.compare_digest(path, self._prefix):
            return 404, "There is nothing here. Use the address that the demonstration printed."
        if scope["method"] in ("GET", "HEAD"):
            return None
        ours = said.get(b"origin") in self._origins and said.get(b"sec-fetch-site", b"same-origin") == b"same-origin"
        if not ours or int(said.get(b"content-length", b"0") or 0) > BODY_BYTES_MAX:
            return 403, "Only the demonstration's own page presses its buttons."
        return None


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            names = {name.lower() for name in HEADERS}
            kept = [(name, value) for name, value in message["headers"] if name.decode().lower() not in names]
            message = {**message, "headers": [*kept, *((k.lower().encode(), v.encode()) for k, v in HEADERS.items())]}
        await send(message)

    return sending


async def _refuse(send: Send, status: int, words: str) -> None:
    with_headers = _with_headers(send)
    head = [(b"content-type", b"text/plain; charset=utf-8")]
    await with_headers({"type": "http.response.start", "status": status, "headers": head})
    await with_headers({"type": "http.response.body", "body": words.encode()})
