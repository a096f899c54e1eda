"""The console, served: TLS where other computers reach it, bounded, and without a log of who looked from where."""

import asyncio
import logging
import math
import socket
import ssl
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from centre.running.settings import ConsoleChoice, SetUpError
from centre.site.limits import network
from centre.site.serving import listen, serve_until_cancelled

CONNECTIONS_MAX = 512
"""Pages open at once, each with its stream, and what they ask for besides (S12)."""

HEADERS_BYTES_MAX = 16 * 1024
EACH_MAX = CONNECTIONS_MAX // 2
"""Of one address: a whole office behind one, and yet nobody takes all. Behind a proxy it is the proxy's to say."""

FIRST_S = 20.0
"""A connection that has not brought a request by then is ended, nor a form's end in as long: none is held by drops."""

STOP_S = 2
CERTIFICATE_EVERY_S = 3_600.0
"""How often the certificate is read again: whoever renews it need not restart anything."""

log = logging.getLogger(__name__)


class Listening:
    """A place to listen on that stays ours from one start of a part to its next; the port is real from the first."""

    def __init__(self, host: str, port: int, what: str) -> None:
        """Raises SetUpError."""
        self.host, self._what = host, what
        try:
            self._socket: socket.socket | None = listen(host, port)
        except OSError as error:
            raise SetUpError(
                f"{what}: cannot listen on {host}:{port}: {error.strerror or error}: is another centre running? Name"
                " another address or port; ports under 1024 need root"
            ) from None
        self.port: int = self._socket.getsockname()[1]

    def take(self) -> socket.socket:
        """Give the socket, to be closed by whoever serves on it. Raises OSError."""
        taken, self._socket = self._socket, None
        return taken or listen(self.host, self.port)

    def close(self) -> None:
        """Give the place up, if nobody serves there."""
        if self._socket is not None:
            self._socket.close()


async def serve_console(app: Any, choice: ConsoleChoice, listening: Listening) -> None:  # noqa: ANN401 -- any ASGI application
    """Serve an application until cancelled. Raises SetUpError, OSError, RuntimeError."""
    context = _context(choice)
    config = uvicorn.Config(
        app,
        http=_Proxied if choice.proxy else _Impatient,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,  # S11: it would have who looked at which home
        server_header=False,
        proxy_headers=choice.proxy,
        forwarded_allow_ips="127.0.0.1,::1",
        limit_concurrency=CONNECTIONS_MAX,
        h11_max_incomplete_event_size=HEADERS_BYTES_MAX,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=STOP_S,
        ssl_context_factory=None if context is None else lambda *_: context,
    )
    fresh = asyncio.create_task(_keep_fresh(context, choice))
    try:
        await serve_until_cancelled(config, listening.take())
    finally:
        fresh.cancel()


def _context(choice: ConsoleChoice) -> ssl.SSLContext | None:
    if not choice.certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(context, choice)
    return context


def check_certificate(choice: ConsoleChoice) -> None:
    """Refuse certificate files that cannot be used, before anything is started. Raises SetUpError."""
    _context(choice)


def _load(context: ssl.SSLContext, choice: ConsoleChoice) -> None:
    certificate, key = Path(choice.certificate), Path(choice.key)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise SetUpError(
            f"[console] {certificate} with {key}: not a certificate and its key in PEM that we can read ({error})"
        ) from None


async def _keep_fresh(context: ssl.SSLContext | None, choice: ConsoleChoice) -> None:
    while context is not None:
        await asyncio.sleep(CERTIFICATE_EVERY_S)
        try:
            await asyncio.to_thread(_load, context, choice)
        except SetUpError as error:
            log.error("the console goes on with the certificate it has: %s", error)  # noqa: TRY400 -- told, not traced


class _Impatient(H11Protocol):
    """Ends a connection that brings no request, or one by drops. And one too many of the same address."""

    each_max: ClassVar[float] = EACH_MAX
    _held: ClassVar[Counter[str]] = Counter()
    _end: asyncio.TimerHandle | None = None
    _unfinished: object = None
    _from = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._end = self.loop.call_later(FIRST_S, self._look)
        self._from = network(str((transport.get_extra_info("peername") or ("",))[0]))
        self._held[self._from] += 1
        if self._held[self._from] > self.each_max:
            transport.abort()

    def _look(self) -> None:
        """End it unless a whole request has come: one that streams its answer may go on for as long as it likes."""
        if self.cycle is None or (self.cycle is self._unfinished and self.cycle.more_body):
            self.transport.abort()
            return
        self._unfinished = self.cycle
        self._end = self.loop.call_later(FIRST_S, self._look)

    def shutdown(self) -> None:
        """End what streams as well: a page that follows the queue would follow it for ever, and be cut by force."""
        super().shutdown()
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._end is not None:
            self._end.cancel()
            self._held[self._from] -= 1
            if not self._held[self._from]:
                del self._held[self._from]
        super().connection_lost(exc)


class _Proxied(_Impatient):
    each_max = math.inf
