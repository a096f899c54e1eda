"""S7: a part that dies is told, started again, and told well once it has lived for a while."""

import asyncio

from agent.keeping import RESTART_S, STEADY_S, keep
from rules.events import PartChanged
from simulators.world.loop import run_virtual


def test_s7_a_part_that_dies_is_a_fault_and_is_started_again() -> None:
    async def story() -> None:
        told: list[tuple[float, PartChanged]] = []
        loop = asyncio.get_running_loop()
        began = loop.time()
        lives = iter([5.0, 5.0, 1_000.0])

        async def part() -> None:
            await asyncio.sleep(next(lives))
            raise RuntimeError("a thread died")

        task = asyncio.create_task(keep("uplink", part, lambda event: told.append((loop.time() - began, event))))
        await asyncio.sleep(100)
        dead = PartChanged("uplink", ok=False, reason="RuntimeError: a thread died")
        assert told == [
            (5.0, dead),
            (5.0 + RESTART_S + 5.0, dead),
            (5.0 + RESTART_S + 5.0 + RESTART_S + STEADY_S, PartChanged("uplink", ok=True)),
        ]
        task.cancel()
        await asyncio.wait([task])

    run_virtual(story())


def test_s7_a_part_that_ends_by_itself_is_a_fault_too() -> None:
    async def story() -> None:
        told: list[PartChanged] = []

        async def part() -> None:
            return

        task = asyncio.create_task(keep("sensors", part, told.append))
        await asyncio.sleep(RESTART_S / 2)
        assert [event.ok for event in told] == [False]
        task.cancel()
        await asyncio.wait([task])

    run_virtual(story())


def test_cancelling_ends_the_part_and_waits_for_its_end() -> None:
    async def story() -> None:
        ended = asyncio.Event()

        async def part() -> None:
            try:
                await asyncio.sleep(1_000)
            finally:
                await asyncio.sleep(1)  # as long as a process of its own takes to die
                ended.set()

        task = asyncio.create_task(keep("clock", part, lambda _: None))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert ended.is_set()

    run_virtual(story())
