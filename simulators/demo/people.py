"""What somebody who lives in the demonstration's home can do: press, pull, fall, answer."""

import asyncio
from collections.abc import Awaitable, Callable

from simulators.demo.desk import Desk
from simulators.demo.senses import Senses
from simulators.demo.story import Story, Who
from simulators.flat import Flat
from simulators.pins import PinsSocketError

_CORD_S = 1.0


class People:
    """The part of a world that is its people; the other part makes what these are."""

    flat: Flat
    story: Story
    senses: Senses
    desk: Desk
    wet: bool
    smoky: bool
    _called: asyncio.Event

    def now_ms(self) -> int:
        """Tell the boot-relative time, in ms."""
        raise NotImplementedError

    def tell(self, who: Who, key: str, text: str) -> None:
        """Tell a step that happens now."""
        self.story.add(who, key, text, ms=self.now_ms())

    async def press_pendant(self) -> None:
        """Press the pendant: a dozen radio frames over a second."""
        self._call("press the pendant")
        await self.flat.press_pendant()

    async def fall(self) -> None:
        """Fall, under the radar in the bathroom."""
        self._call("fall in the bathroom")
        await self.flat.fall()

    async def get_up(self) -> None:
        """Get up again."""
        self.tell("you", "you:up", "get up again")
        await self.flat.get_up()

    async def wet_floor(self) -> None:
        """Let the kitchen sink run over."""
        self._call("let the kitchen sink run over: the floor is wet")
        self.wet = True
        await self.flat.wet_floor()

    async def dry_floor(self) -> None:
        """Mop it up."""
        self.tell("you", "you:dry", "dry the floor")
        self.wet = False
        await self.flat.dry_floor()

    async def report_water(self) -> None:
        """Have the water sensor report, unasked, that it is as it was."""
        self.tell("home", "home:report", "the water sensor reports, as it does now and then: still wet")
        await self.flat.water.report()

    async def burn_toast(self) -> None:
        """Burn the toast, under the smoke alarm in the kitchen."""
        self._call("burn the toast: there is smoke in the kitchen")
        self.smoky = True
        await self.flat.burn_toast()

    async def open_window(self) -> None:
        """Let the smoke out."""
        self.tell("you", "you:aired", "open the window: the smoke is gone")
        self.smoky = False
        await self.flat.open_window()

    async def press_sos(self) -> None:
        """Press the button beside the bed."""
        self._call("press the button beside the bed")
        await self.flat.press_sos()

    async def pull_cord(self) -> None:
        """Pull the cord in the hall, and let it spring back."""
        self._call("pull the cord in the hall")
        await self._at_the_box(self.flat.pull_cord)
        await asyncio.sleep(_CORD_S)
        await self._at_the_box(self.flat.reset_cord)

    async def press_call(self) -> None:
        """Press the box's call button."""
        self._call("press CALL on the box")
        await self._at_the_box(self.flat.press_call)

    async def press_cancel(self) -> None:
        """Press the box's cancel button."""
        self.tell("you", "you:cancel", "press CANCEL on the box")
        await self._at_the_box(self.flat.press_cancel)

    async def hold_arrived(self) -> None:
        """Hold the box's button "help has arrived"."""
        self.tell("you", "you:hold", "hold HELP HAS ARRIVED, for three seconds")
        await self._at_the_box(self.flat.hold_arrived)

    async def press_answer(self) -> None:
        """Press the box's button with the tick."""
        self.tell("you", "you:answer", "press the button with the tick: yes")
        await self._at_the_box(self.flat.press_answer)

    async def hold_answer(self) -> None:
        """Hold it."""
        self.tell("you", "you:later", "hold the button with the tick, for three seconds: later")
        await self._at_the_box(self.flat.hold_answer)

    async def open_pill_box(self) -> None:
        """Open the pill box, and shut it again."""
        self.tell("you", "you:lid", "open the pill box")
        await self._at_the_box(self.flat.open_pill_box)
        await asyncio.sleep(_CORD_S)
        await self._at_the_box(self.flat.shut_pill_box)

    async def _at_the_box(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except PinsSocketError:
            self.tell("hub", "hub:off", "does not run just now: nobody hears the button")

    def _call(self, text: str) -> None:
        """Begin to count, unless a call is under way."""
        self._called.set()
        if self.senses.quiet and not self.desk.cases:
            self.story.begin(self.now_ms())
        self.tell("you", "you:call", text)
        if not self.flat.hub.running:
            self.tell("hub", "hub:off", "does not run just now: nobody hears it")
