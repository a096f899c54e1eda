"""What keys do: each is somebody's hand in the world, and none waits for another."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from centre.issue import TooManyCommandsError
from simulators.demo.world import World

QUIT = frozenset("qQ\x03\x04")
"""q, Ctrl-C, Ctrl-D."""

UNDER_WAY_MAX = 16
"""Keys under way at once: one held down repeats faster than a pendant can be pressed (S12)."""

Work = Callable[[World], Awaitable[None]]


async def _toggle_line(world: World) -> None:
    if world.line_cut:
        world.restore_line()
    else:
        world.cut_line()


async def _toggle_silence(world: World) -> None:
    world.silence_centre(silent=not world.centre.faults.silent)


async def _acknowledge(world: World) -> None:
    if not world.acknowledge():
        world.tell("staff", "staff:idle", "there is no alarm to acknowledge")


async def _resolve(world: World) -> None:
    if not world.resolve():
        world.tell("staff", "staff:idle", "there is no alarm to resolve")


async def _tablets(world: World) -> None:
    """Let the next time of the care plan come; the hub has had none so far. No one turns the real time."""
    if not world.setting.at:
        await world.care.soon()
    elif world.care.planned or await world.care.give_plan():
        await world.care.time_comes()


async def _message(world: World) -> None:
    world.care.send_message()


WORK: Mapping[str, Work] = {
    "p": World.press_pendant,
    "c": World.press_call,
    "u": World.pull_cord,
    "f": World.fall,
    "g": World.get_up,
    "w": World.wet_floor,
    "d": World.dry_floor,
    "x": World.press_cancel,
    "h": World.hold_arrived,
    "y": World.press_answer,
    "n": World.hold_answer,
    "b": World.open_pill_box,
    "t": _tablets,
    "m": _message,
    "l": _toggle_line,
    "s": _toggle_silence,
    "k": World.kill_hub,
    "a": _acknowledge,
    "r": _resolve,
}
"""Every key that does something to the world."""


class Hands:
    """Takes keys from the beginning; before there is a world, only quitting means anything."""

    def __init__(self, quit_: Callable[[], object]) -> None:
        self.quitting = False
        self._quit = quit_
        self._world: World | None = None
        self._ask: Callable[[], None] = lambda: None
        self._under_way: set[asyncio.Task[None]] = set()

    def take(self, world: World, ask: Callable[[], None]) -> None:
        """Take hold of a world. `ask` is for the key `?`."""
        self._world, self._ask = world, ask

    async def drop(self) -> None:
        """Let go of it."""
        self._world = None
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def press(self, keys: str | None) -> None:
        """Take keys as they come; None: the terminal is gone, which is quitting too."""
        if keys is None or QUIT & set(keys):
            if not self.quitting:
                self.quitting = True
                self._quit()
            return
        for key in keys.lower():
            if key == "?":
                self._ask()
            elif self._world is not None and key in WORK and len(self._under_way) < UNDER_WAY_MAX:
                self._begin(self._world, WORK[key])

    def _begin(self, world: World, work: Work) -> None:
        async def run() -> None:
            try:
                await work(world)
            except (TooManyCommandsError, OSError) as error:
                world.tell("hub", "hub:off", f"cannot be reached: {error}")

        task = asyncio.create_task(run())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
