"""An event loop whose clock jumps to the next timer instead of waiting: days of a home in seconds, exactly."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Jumping(selectors.DefaultSelector):
    """Never asks the kernel: nothing outside the loop can be waited for, so nothing can be ready there."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing is ready and no timer runs: this would wait for ever")
        if timeout > 0:
            self._jump(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """For code that waits on timers only: nothing outside the loop can be waited for."""

    def __init__(self) -> None:
        self._now = 1_000.0
        self.failed: list[Exception] = []
        """What was raised in callbacks, where nobody waits for it: the world itself is broken, and must not go on."""
        super().__init__(_Jumping(self._pass))
        self.set_exception_handler(_raised)

    def time(self) -> float:
        """Give the virtual seconds."""
        return self._now

    def _pass(self, seconds: float) -> None:
        if self.failed:
            raise self.failed[0]
        self._now += seconds


def _raised(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if isinstance(loop, VirtualLoop) and "handle" in context and isinstance(error, Exception):
        loop.failed.append(error)
    loop.default_exception_handler(context)


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a virtual loop; give what it gives."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
