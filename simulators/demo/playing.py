"""How a scenario is played: its steps are waited for, its times measured, and what does not hold ends it."""

import asyncio
from collections.abc import Iterator, Mapping

from agent.wire.messages import PREFIX, CloudEvent, decode_event, decode_report
from rules.reports import AlarmFacts, AlarmRaised
from simulators.demo.story import Step
from simulators.demo.words import AWAITED
from simulators.demo.world import HUB, World

WINDOW_S = 3
FALL_WINDOW_S = 5
SHORT: Mapping[str, int] = {"pendant": WINDOW_S, "button": WINDOW_S, "pull-cord": WINDOW_S, "fall": FALL_WINDOW_S}
"""Cancel windows while scenarios run, in seconds; at home 10, and 30 for a fall (DESIGN §4)."""

SOON_S = 3.0
"""For what a resident should notice at once: generous, for a machine busy with other things."""

ARRIVE_S = 10.0
"""For an alarm, a receipt or a command to cross a line that works."""

BACK_S = 15.0
"""For an alarm to arrive once the line is there again (DESIGN §5: receipt within 15 s)."""

AGAIN_S = 0.1
"""How often the hub is asked again."""

LATE_S = 1.0
"""How much later than its deadline something may be noticed here, on a machine busy with other things."""

_PAGE = 1_000


class ScenarioError(Exception):
    """It did not go as it should; the message says where."""


class Run:
    """One run of a scenario: waits for its steps, keeps what was measured, in seconds, and what had been promised."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.measured: dict[str, float] = {}
        self.promised: dict[str, str] = {}
        self._from = len(world.story)

    async def expect(self, key: str, within_s: float, *, after: Step | None = None) -> Step:
        """Wait for a step of this key, or of one below it, not before `after`. Raises ScenarioError."""

        def matches(step: Step) -> bool:
            return f"{step.key}:".startswith(f"{key}:") and (after is None or step.ms >= after.ms)

        try:
            return await self.world.story.wait_for(matches, after=self._from, within_s=within_s)
        except TimeoutError:
            said = key.removeprefix("says:")
            otherwise = f"{key} did not come" if said == key else f"the hub did not say {said}"
            raise ScenarioError(f"{AWAITED.get(key, otherwise)} within {within_s:g} s") from None

    def seen(self, key: str) -> bool:
        """Whether there was a step of this key, or of one below it, since the scenario began."""
        return any(f"{step.key}:".startswith(f"{key}:") for step in self.world.story.steps(self._from))

    def measure(
        self, name: str, until: Step, since: Step, *, within_s: float | None = None, at_s: float | None = None
    ) -> float:
        """Keep how long something took, in seconds. Raises ScenarioError when it was promised otherwise.

        `within_s` is the longest it may take; `at_s` is a deadline, which neither comes early nor is missed.
        """
        seconds = (until.ms - since.ms) / 1000
        self.measured[name] = seconds
        what = name.removesuffix("_s").replace("_", " ")
        if within_s is not None:
            self.promised[name] = f"at most {within_s:g} s"
            self.require(seconds <= within_s, f"{what}: {seconds:.3f} s, promised at most {within_s:g} s")
        if at_s is not None:
            self.promised[name] = f"after {at_s:g} s"
            held = at_s - 0.001 <= seconds <= at_s + LATE_S
            self.require(held, f"{what}: {seconds:.3f} s, promised after {at_s:g} s")
        return seconds

    def require(self, holds: object, otherwise: str) -> None:
        """Raise ScenarioError unless it holds."""
        if not holds:
            raise ScenarioError(otherwise)

    def events(self) -> Iterator[tuple[CloudEvent, bool]]:
        """Give what the centre's ledger holds, in the order in which it came, and whether it conflicts with another."""
        number = 0
        while page := self.world.centre.ledger.events(after=number, limit=_PAGE):
            for number, entry, conflict in page:  # noqa: B007 -- the last one is where the next page begins
                yield decode_event(entry.body), conflict

    def at_centre(self) -> list[AlarmFacts]:
        """Give what the centre's ledger holds of alarms, every event of them, in order."""
        reports = (decode_report(event) for event, _ in self.events() if event.type.startswith(f"{PREFIX}alarm."))
        return [report for report in reports if isinstance(report, AlarmFacts)]

    async def answered(self, call: Step) -> None:
        """Play staff: take the alarm, close it; and see that the home is told of both."""
        await self.expect("tone:waiting", SOON_S + 2, after=call)
        self.require(self.world.acknowledge(), "the centre has no alarm to acknowledge")
        taking = await self.expect("staff:acknowledge", SOON_S)
        await self.expect("centre:alarm.acknowledged", ARRIVE_S)
        await self.expect("lamp:someone:on", SOON_S, after=taking)
        await self.expect("chirp:someone-has-it", SOON_S, after=taking)
        self.require(self.world.resolve(), "the centre has no alarm to close")
        closing = await self.expect("staff:resolve", SOON_S)
        await self.expect("centre:alarm.resolved", ARRIVE_S)
        await self.expect("dark", SOON_S + 2, after=closing)

    async def arrived(self, since: Step, within_s: float, *, receipt_s: float = ARRIVE_S) -> Step:
        """See the alarm at the centre, its receipt, and that the resident is told."""
        came = await self.expect("centre:alarm.raised", within_s)
        receipt = await self.expect("centre:receipt", receipt_s)
        lamp = await self.expect("lamp:arrived:on", ARRIVE_S)
        await self.expect("chirp:arrived", SOON_S)
        self.require(lamp.ms >= receipt.ms, "the ARRIVED lamp came on before the centre had given its receipt")
        self.measure("raised_to_centre_s", came, since)
        self.measure("raised_to_arrived_lamp_s", lamp, since)
        return came

    async def settled(self, *, alarms: int, within_s: float = ARRIVE_S) -> None:
        """See that nothing waits, nothing is missing, and the centre holds so many alarms, each once."""
        await self._nothing_waits(within_s)
        lacking = self.world.centre.intake.missing(HUB)
        self.require(not lacking, f"the centre lacks events: {lacking}")
        raised = [report.alarm for report in self.at_centre() if isinstance(report, AlarmRaised)]
        self.require(
            len(raised) == len(set(raised)) == alarms,
            f"the centre holds {len(raised)} raised alarms ({', '.join(raised) or 'none'}), and should hold {alarms}",
        )
        self.require(not any(conflict for _, conflict in self.events()), "one id, two contents")

    async def _nothing_waits(self, within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                while True:
                    status = await self.world.ask()
                    if status is not None and not status.alarms and not any(status.outbox.values()):
                        return
                    await asyncio.sleep(AGAIN_S)
        except TimeoutError:
            raise ScenarioError(f"after {within_s:g} s alarms or events still wait at the hub") from None


async def heard(run: Run) -> Step:
    """See that a press of the pendant is heard and kept."""
    call = await run.expect("you:call", SOON_S)
    heard = await run.expect("chirp:heard", SOON_S)
    durable = await run.expect("hub:durable", SOON_S)
    lamp = await run.expect("lamp:call:lit", SOON_S)
    run.measure("heard_you_s", heard, call)
    run.measure("durable_s", durable, call)
    run.measure("call_lamp_s", lamp, call)
    return call


async def window_ended(run: Run, call: Step) -> Step:
    """See that the resident can cancel, for as long as promised, before the centre is called."""
    await run.expect("tone:pending", SOON_S)
    await run.expect("lamp:call:slow", SOON_S)
    called = any(isinstance(report, AlarmRaised) for report in run.at_centre())
    run.require(not called, "the centre was called while the resident could still cancel")
    raised = await run.expect("hub:raised:window-ended", WINDOW_S + SOON_S)
    run.measure("cancel_window_s", raised, call, at_s=WINDOW_S)
    return raised
