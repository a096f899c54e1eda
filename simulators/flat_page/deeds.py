"""What can be done on the page: each a button with a key, and somebody's hand in the world. None waits for another."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from centre.issue import TooManyCommandsError
from simulators.demo.hands import UNDER_WAY_MAX, WORK, Work
from simulators.demo.people import People
from simulators.demo.world import World

Place = Literal["home", "box", "day", "luck", "staff"]
"""Where its button is."""


class Deed(NamedTuple):
    """A button. `when` names what must be so for it to be there: a field of the page's state, `!` before it for not.

    `hint` says what to expect, in a few words. `ours`: only where the centre is the flat's own, for it is done to the
    centre, or in its place.
    """

    name: str
    key: str
    place: Place
    label: str
    hint: str
    work: Work
    when: str = ""
    ours: bool = False


def _at_once(does: Callable[[World], object]) -> Work:
    async def work(world: World) -> None:
        does(world)

    return work


DEEDS: tuple[Deed, ...] = (
    Deed("press-pendant", "p", "home", "Press the pendant", "a call for help", WORK["p"]),
    Deed("fall", "f", "home", "Fall in the bathroom", "the radar notices", WORK["f"], "!fallen"),
    Deed("get-up", "g", "home", "Get up again", "all is well", WORK["g"], "fallen"),
    Deed("wet-floor", "w", "home", "Let the sink run over", "calls at once", WORK["w"], "!wet"),
    Deed("dry-floor", "d", "home", "Dry the floor", "mop in hand", WORK["d"], "wet"),
    Deed("burn-toast", "e", "home", "Burn the toast", "smoke calls at once", People.burn_toast, "!smoky"),
    Deed("open-window", "v", "home", "Open the window", "the smoke goes", People.open_window, "smoky"),
    Deed("pull-cord", "u", "home", "Pull the cord", "in the hall", WORK["u"]),
    Deed("press-sos", "i", "home", "Press the bedside button", "a wireless one", People.press_sos),
    Deed("press-call", "c", "box", "Call", "call for help", WORK["c"]),
    Deed("press-cancel", "x", "box", "Cancel", "while it ticks", WORK["x"]),
    Deed("press-answer", "y", "box", "Yes, done", "answers it", WORK["y"]),
    Deed("hold-answer", "n", "box", "Not now", "hold for 3 s", WORK["n"]),
    Deed("hold-arrived", "h", "box", "Help has arrived", "hold for 3 s", WORK["h"]),
    Deed("tablets", "t", "day", "Time for the tablets", "the box reminds", WORK["t"], ours=True),
    Deed("pill-box", "b", "day", "Open the pill box", "that is an answer", WORK["b"]),
    Deed("message", "m", "day", "The daughter writes", "the box reads it out", WORK["m"], "simulated"),
    Deed("cut-line", "l", "luck", "Cut the line", "calls wait, none is lost", _at_once(World.cut_line), "!line_cut"),
    Deed("mend-line", "l", "luck", "Mend the line", "what waits goes out", _at_once(World.restore_line), "line_cut"),
    Deed(
        "pull-plug",
        "o",
        "luck",
        "Pull the plug",
        "the battery takes over",
        _at_once(lambda w: w.luck.pull_plug()),
        "plugged",
    ),
    Deed(
        "push-plug", "o", "luck", "Put the plug in", "mains again", _at_once(lambda w: w.luck.push_plug()), "!plugged"
    ),
    Deed("kill-hub", "k", "luck", "Kill the box", "it starts again by itself", WORK["k"]),
    Deed(
        "silence-centre",
        "s",
        "luck",
        "Freeze the centre",
        "the line is fine, nobody answers",
        _at_once(lambda w: w.silence_centre(silent=True)),
        "!silent",
        ours=True,
    ),
    Deed(
        "wake-centre",
        "s",
        "luck",
        "Wake the centre",
        "it answers again",
        _at_once(lambda w: w.silence_centre(silent=False)),
        "silent",
        ours=True,
    ),
    Deed("acknowledge", "a", "staff", "Take the alarm", "a person has it", WORK["a"], "simulated"),
    Deed("resolve", "r", "staff", "Close the case", "it is over", WORK["r"], "simulated"),
)

NAMED: Mapping[str, Deed] = {deed.name: deed for deed in DEEDS}


class TooBusyError(Exception):
    """So much is under way that no more can begin just now."""


class Doing:
    """Does deeds in a world, several at once and no more than people have hands (S12)."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._under_way: set[asyncio.Task[None]] = set()

    def begin(self, deed: Deed) -> None:
        """Begin one. Raises TooBusyError."""
        if len(self._under_way) >= UNDER_WAY_MAX:
            raise TooBusyError("too much at once: wait a moment")
        task = asyncio.create_task(self._run(deed))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def stop(self) -> None:
        """End what is under way."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _run(self, deed: Deed) -> None:
        try:
            await deed.work(self._world)
        except (TooManyCommandsError, OSError) as error:
            self._world.tell("hub", "hub:off", f"cannot be reached: {error}")


def offered(deed: Deed, world: World) -> bool:
    """Whether this can be done in a world: real staff work at a console, and nobody plays with a centre elsewhere."""
    if deed.when == "simulated":
        return world.far_end is None
    return not deed.ours or world.far_end is None or world.far_end.ours


def placed(place: Place, world: World) -> list[Deed]:
    """Give the deeds of a place, in their order."""
    return [deed for deed in DEEDS if deed.place == place and offered(deed, world)]
