"""Keeps the parts of a process going: one that dies of a bug is started again, counted, and shown."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NoReturn

from msgspec.structs import replace

from agent.clock import Clock
from centre.work.keeping import PartHealth

AGAIN_S = (0.1, 1.0, 5.0)
"""Pauses before a part is started again; the last holds until it has lived for STEADY_MS."""

STEADY_MS = 60_000
WHY_CHARS_MAX = 200

log = logging.getLogger(__name__)

Part = Callable[[], Coroutine[Any, Any, object]]


class Parts:
    """Parts by name, and how each is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.health: dict[str, PartHealth] = {}

    async def run(self, parts: Mapping[str, Part]) -> NoReturn:
        """Keep these going until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, part in parts.items():
                group.create_task(self._keep(name, part), name=name)
        raise AssertionError("unreachable")

    async def _keep(self, name: str, part: Part) -> NoReturn:
        self.health.setdefault(name, PartHealth())
        failures = 0
        while True:
            begun_ms = self._clock.now().ms
            try:
                await part()
                why = "ended by itself"
            except Exception as error:  # whatever it is: the others go on, and so must this one
                log.exception("the part %s died", name)
                why = _why(error)
            now = self._clock.now()
            failures = 0 if now.ms - begun_ms >= STEADY_MS else failures + 1
            was = self.health[name]
            self.health[name] = replace(was, restarts=was.restarts + 1, why=why[:WHY_CHARS_MAX], at_ms=now.wall_ms)
            await asyncio.sleep(AGAIN_S[min(failures, len(AGAIN_S)) - 1])


def _why(error: BaseException) -> str:
    """Name what went wrong first, where several parts of a part ended together."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
