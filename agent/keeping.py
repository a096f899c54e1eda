"""Keeps a part of the hub running: one that dies is a fault, is started again, and harms no other (S7)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn

from rules.events import PartChanged

log = logging.getLogger(__name__)

RESTART_S = 1.0
"""Pause before a part that died is started again."""

STEADY_S = 30.0
"""A part that was started again must live this long before its fault is cleared."""

_REASON_CHARS_MAX = 200


async def keep(
    part: str,
    run: Callable[[], Awaitable[None]],
    tell: Callable[[PartChanged], None],
    *,
    restart_s: float = RESTART_S,
    steady_s: float = STEADY_S,
) -> NoReturn:
    """Run a part until cancelled; a part is not meant to end by itself."""
    failed = False
    while True:
        task = asyncio.ensure_future(run())
        try:
            done, _ = await asyncio.wait([task], timeout=steady_s if failed else None)
            if not done:
                failed = False
                tell(PartChanged(part, ok=True))
                await asyncio.wait([task])
        finally:
            task.cancel()  # when we are, it is, and what it began has ended when we have
            await asyncio.wait([task])
        error = None if task.cancelled() else task.exception()
        reason = "ended by itself" if error is None else f"{type(error).__name__}: {error}"
        log.error("%s: %s", part, reason)
        tell(PartChanged(part, ok=False, reason=reason[:_REASON_CHARS_MAX]))
        failed = True
        await asyncio.sleep(restart_s)
