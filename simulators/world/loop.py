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
        super().__init__(_Jumping(self._pass))

    def time(self) -> float:
        """Give the virtual seconds."""
        return self._now

    def _pass(self, seconds: float) -> None:
        self._now += seconds


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a virtual loop; give what it gives."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
