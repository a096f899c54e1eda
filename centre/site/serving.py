"""`hearthline provision serve`: runs the enrolment service, TLS 1.3 only, until it is told to stop."""

import asyncio
import contextlib
import json
import logging
import signal
import socket
import ssl
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import click
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from agent.clock import Clock, SystemClock
from centre.site.limits import network
from centre.site.service import app
from centre.site.site import Site, SiteError

EXIT_CANNOT = 2
PORT = 443

CONNECTIONS_MAX = 256
EACH_MAX = 32
"""How many connections one address may have at once: none takes them all (S12)."""
CONNECTION_S = 60.0
"""How long one connection may last: far longer than any request of ours, and nobody can hold one for ever (S12)."""

STOP_S = 5
"""How long the last answers may take when the service is stopped."""

HEADERS_BYTES_MAX = 16 * 1024
CERTIFICATE_EVERY_S = 6 * 3_600.0
"""How often the service's own certificate is looked at: it is made anew before it runs out."""

log = logging.getLogger(__name__)


@click.command()
@click.option(
    "--site",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("site"),
    show_default=True,
    help="The site's folder.",
)
@click.option("--host", default="0.0.0.0", show_default=True, help="The address to listen on.")  # noqa: S104 -- boxes come from everywhere
@click.option("--port", type=click.IntRange(0, 65_535), help="The port; the one in site.toml if not given, 0 for any.")
@click.option("--json", "as_json", is_flag=True, help="Tell where it listens as a line of JSON.")
def serve(folder: Path, host: str, port: int | None, *, as_json: bool) -> None:
    """Answer boxes that want to be hubs of this site, and hubs that renew.

    A box that shows an enrolment code (hearthline provision issue) becomes a hub, once. Hubs renew their certificates
    here by themselves, so let it run for good, where the internet reaches it under the name in site.toml. It logs what
    it did to the terminal: hubs by their pseudonyms, never a code, a key, or an address of the internet.

    Stop it with Ctrl-C or SIGTERM: hubs go on without it for months.

    \b
    Exits with
      0  it was told to stop
      2  it cannot run: the text says why
    """  # noqa: D301 -- click's mark for lines kept as they are
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    clock = SystemClock()
    try:
        site = Site.open(folder)
        with contextlib.closing(site):
            listening = listen(host, port_of(site.settings.enrolment) if port is None else port)
            with listening:
                _tell(site, listening, as_json=as_json)
                asyncio.run(run(site, clock, listening))
    except SiteError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CANNOT)
    except OSError as error:
        remedy = "name another --host or --port; ports under 1024 need root"
        click.echo(f"cannot listen on {host}: {error.strerror or error}: {remedy}", err=True)
        sys.exit(EXIT_CANNOT)


def _tell(site: Site, listening: socket.socket, *, as_json: bool) -> None:
    host, port = listening.getsockname()[:2]
    if as_json:
        click.echo(json.dumps({"site": site.settings.name, "host": host, "port": port}))
    else:
        click.echo(f"{site.settings.name}: enrolment at https://{f'[{host}]' if ':' in host else host}:{port}")


def port_of(endpoint: str) -> int:
    """Give the port of an endpoint such as `enrol.example.org:8443`."""
    _, colon, port = endpoint.rpartition(":")
    return int(port) if colon and port.isdecimal() else PORT


def listen(host: str, port: int) -> socket.socket:
    """Listen; the port is taken at once, so that what is told of it is true. Raises OSError."""
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listening = socket.create_server(address, family=family, backlog=CONNECTIONS_MAX)
    listening.set_inheritable(True)
    return listening


async def run(site: Site, clock: Clock, listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT. Raises SiteError."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    answering = asyncio.create_task(answer(site, clock, listening))

    def stop() -> None:
        told.set()
        answering.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await answering
    except asyncio.CancelledError:
        if not told.is_set():
            raise
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def answer(site: Site, clock: Clock, listening: socket.socket) -> None:
    """Serve until cancelled. Raises SiteError."""
    context = _context(site, clock)
    config = uvicorn.Config(
        app(site, clock),
        http=_Impatient,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,  # S11: it would have everybody's address
        server_header=False,
        date_header=False,  # the service tells the time itself, by its own clock
        proxy_headers=False,
        limit_concurrency=CONNECTIONS_MAX,
        h11_max_incomplete_event_size=HEADERS_BYTES_MAX,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=STOP_S,
        ssl_context_factory=lambda *_: context,
    )
    fresh = asyncio.create_task(_keep_fresh(context, site, clock))
    try:
        await serve_until_cancelled(config, listening)
    finally:
        fresh.cancel()


async def serve_until_cancelled(config: uvicorn.Config, listening: socket.socket) -> None:
    """Serve what a configuration says, and let the last answers go out when it is cancelled. Closes the socket.

    Raises RuntimeError when the application does not start.
    """
    server = _Server(config)
    serving = asyncio.create_task(_served(server, listening))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise


async def _served(server: uvicorn.Server, listening: socket.socket) -> None:
    try:
        await server.serve(sockets=[listening])
    except SystemExit:  # uvicorn would end the process, and all that runs in it
        listening.close()
        raise RuntimeError("the application did not start: the log says why") from None


def _context(site: Site, clock: Clock) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    _load(context, site, clock)
    return context


def _load(context: ssl.SSLContext, site: Site, clock: Clock) -> None:
    files = site.server("enrolment", clock.now().wall_ms)
    try:
        context.load_cert_chain(files.certificate, files.key)
    except (OSError, ssl.SSLError) as error:
        raise SiteError(f"{files.certificate} with {files.key}: not a certificate and its key ({error})") from None


async def _keep_fresh(context: ssl.SSLContext, site: Site, clock: Clock) -> None:
    """Have the next connections see the newest certificate, for as long as the service runs."""
    while True:
        await asyncio.sleep(CERTIFICATE_EVERY_S)
        try:
            await asyncio.to_thread(_load, context, site, clock)
        except SiteError as error:
            log.error("the service's certificate could not be looked at: %s", error)  # noqa: TRY400 -- told, not traced


class _Server(uvicorn.Server):
    """Leaves signals to whose process it is: uvicorn would take them, and raise them again at its end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Impatient(H11Protocol):
    """Ends a connection that lasts too long, whether it sends its request by drops or takes its answer so.

    And one too many of the same address.
    """

    _held: ClassVar[Counter[str]] = Counter()
    _end: asyncio.TimerHandle | None = None
    _from = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._end = self.loop.call_later(CONNECTION_S, transport.abort)
        self._from = network(str((transport.get_extra_info("peername") or ("",))[0]))
        self._held[self._from] += 1
        if self._held[self._from] > EACH_MAX:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._end is not None:
            self._end.cancel()
            self._held[self._from] -= 1
            if not self._held[self._from]:
                del self._held[self._from]
        super().connection_lost(exc)
