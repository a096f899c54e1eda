"""What is told to open pages: that something changed, and never what. Each asks for what it may see."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request, get
from litestar.exceptions import HTTPException
from litestar.response import ServerSentEvent, ServerSentEventMessage

from centre.console.guards import allow, still, who
from centre.intake import LedgerDownError
from centre.pulse import EACH_STREAMS_MAX, STREAMS_MAX
from centre.services import Given, Services

_log = logging.getLogger(__name__)


@get("/live", guards=[allow()])
async def live(services: Given, request: Request[Any, Any, Any]) -> ServerSentEvent:
    """Tell a page that something changed, until who looks is no longer signed in."""
    if services.pulse.streams >= STREAMS_MAX:
        raise HTTPException(status_code=503, detail=f"{STREAMS_MAX} pages are open already: close some")
    if services.pulse.streams_of[who(request).name] >= EACH_STREAMS_MAX:
        raise HTTPException(status_code=503, detail=f"{EACH_STREAMS_MAX} pages of yours are open already: close some")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return ServerSentEvent(_words(services, request), headers=headers, retry_duration=1_000)


async def _words(services: Services, request: Request[Any, Any, Any]) -> AsyncIterator[ServerSentEventMessage]:
    async def allowed() -> bool:
        try:
            return await still(request)
        except LedgerDownError:
            return True  # nobody can say; nothing is told but a number, and the parts are refused

    async for what, number in services.pulse.follow(who(request).name, allowed):
        yield ServerSentEventMessage(event=what, data=str(number))


@asynccontextmanager
async def beating(app: Litestar) -> AsyncIterator[None]:
    """Run the pulse for as long as the application runs."""
    services: Services = app.state.services
    task = asyncio.create_task(services.pulse.run())
    task.add_done_callback(_ended)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _ended(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and task.exception() is not None:  # and every page says that it is stale
        _log.error("the pulse has ended", exc_info=task.exception())


ROUTES: list[Any] = [live]
