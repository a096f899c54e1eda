"""The virtual loop: its clock jumps, and what breaks in it is loud."""

import asyncio

import pytest

from simulators.world.loop import run_virtual


def test_time_passes_without_waiting() -> None:
    async def day() -> float:
        loop = asyncio.get_running_loop()
        before_s = loop.time()
        await asyncio.sleep(86_400)
        return loop.time() - before_s

    assert run_virtual(day()) == 86_400


def test_an_exception_that_nobody_waits_for_stops_the_world() -> None:
    def breaks() -> None:
        raise ZeroDivisionError

    async def day() -> None:
        asyncio.get_running_loop().call_later(1, breaks)
        await asyncio.sleep(86_400)

    with pytest.raises(ZeroDivisionError):
        run_virtual(day())
