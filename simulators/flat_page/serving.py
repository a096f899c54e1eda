"""Serves the page on loopback, on this event loop, until the block ends."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from typing import cast

import uvicorn

from simulators.broker import HOST
from simulators.flat_page.app import Stage, application
from simulators.flat_page.guard import Application, Guard

TOKEN_BYTES = 16
_GRACE_S = 1
"""Streams of events never end by themselves."""


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the demonstration."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@contextlib.asynccontextmanager
async def serving(stage: Stage, port: int = 0) -> AsyncIterator[str]:
    """Serve while the block runs; give the page's address. Port 0 takes a free one. Raises OSError."""
    listening = socket.create_server((HOST, port))
    with listening:
        port = listening.getsockname()[1]
        token = secrets.token_urlsafe(TOKEN_BYTES)
        config = uvicorn.Config(
            Guard(cast("Application", application(stage)), token, port),
            log_config=None,
            access_log=False,  # the address is the key
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
        server = _Server(config)
        running = asyncio.create_task(server.serve([listening]))
        try:
            yield f"http://{HOST}:{port}/{token}/"
        finally:
            server.should_exit = True
            await asyncio.gather(running, return_exceptions=True)
