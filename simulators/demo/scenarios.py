"""The scenarios: each plays a story to its end and fails, with a plain reason, where it does not go as it should."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import msgspec

from agent.wire.messages import PREFIX, decode_event, decode_report
from rules.reports import AlarmCancelled, AlarmFacts, AlarmJoined, AlarmRaised
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

_CUT_S = 3.0
_AGAIN_S = 0.1


class ScenarioError(Exception):
    """It did not go as it should; the message says where."""


class Run:
    """One run of a scenario: waits for its steps, and keeps what was measured, in seconds."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.measured: dict[str, float] = {}
        self._from = len(world.story)

    async def expect(self, key: str, within_s: float, *, after: Step | None = None) -> Step:
        """Wait for a step of this key, or of one below it, not before `after`. Raises ScenarioError."""

        def matches(step: Step) -> bool:
            return f"{step.key}:".startswith(f"{key}:") and (after is None or step.ms >= after.ms)

        try:
            return await self.world.story.wait_for(matches, after=self._from, within_s=within_s)
        except TimeoutError:
            raise ScenarioError(f"{AWAITED.get(key, f'{key} did not come')} within {within_s:g} s") from None

    def measure(self, name: str, until: Step, since: Step) -> float:
        """Keep how long something took, in seconds."""
        seconds = (until.ms - since.ms) / 1000
        self.measured[name] = seconds
        return seconds

    def require(self, holds: object, otherwise: str) -> None:
        """Raise ScenarioError unless it holds."""
        if not holds:
            raise ScenarioError(otherwise)

    def at_centre(self) -> list[AlarmFacts]:
        """Give what the centre's ledger holds of alarms, every event of them, in order."""
        events = [decode_event(entry.body) for _, entry, _ in self.world.centre.ledger.events()]
        reports = (decode_report(event) for event in events if event.type.startswith(f"{PREFIX}alarm."))
        return [report for report in reports if isinstance(report, AlarmFacts)]

    async def answered(self, call: Step) -> None:
        """Play staff: take the alarm, close it; and see that the home is told of both."""
        await self.expect("tone:waiting", SOON_S + 2, after=call)
        self.require(self.world.acknowledge(), "the centre has no alarm to acknowledge")
        await self.expect("centre:alarm.acknowledged", ARRIVE_S)
        someone = await self.expect("lamp:someone:on", SOON_S)
        await self.expect("chirp:someone-has-it", SOON_S, after=someone)
        self.require(self.world.resolve(), "the centre has no alarm to close")
        closing = await self.expect("staff:resolve", SOON_S)
        await self.expect("centre:alarm.resolved", ARRIVE_S)
        await self.expect("dark", SOON_S + 2, after=closing)

    async def arrived(self, since: Step, within_s: float) -> Step:
        """See the alarm at the centre, its receipt, and that the resident is told."""
        came = await self.expect("centre:alarm.raised", within_s)
        receipt = await self.expect("centre:receipt", ARRIVE_S)
        lamp = await self.expect("lamp:arrived:on", ARRIVE_S)
        await self.expect("chirp:arrived", SOON_S)
        self.require(lamp.ms >= receipt.ms, "the ARRIVED lamp came on before the centre had given its receipt")
        self.measure("raised_to_centre_s", came, since)
        self.measure("raised_to_arrived_lamp_s", lamp, since)
        return came

    async def settled(self, *, alarms: int) -> None:
        """See that nothing waits, nothing is missing, and the centre holds so many alarms, each once."""
        await self._nothing_waits()
        lacking = self.world.centre.intake.missing(HUB)
        self.require(not lacking, f"the centre lacks events: {lacking}")
        raised = [report.alarm for report in self.at_centre() if isinstance(report, AlarmRaised)]
        self.require(
            len(raised) == len(set(raised)) == alarms,
            f"the centre holds {len(raised)} raised alarms ({', '.join(raised) or 'none'}), and should hold {alarms}",
        )
        self.require(not any(conflict for *_, conflict in self.world.centre.ledger.events()), "one id, two contents")

    async def _nothing_waits(self) -> None:
        try:
            async with asyncio.timeout(ARRIVE_S):
                while True:
                    status = await self.world.ask()
                    if status is not None and not status.alarms and not any(status.outbox.values()):
                        return
                    await asyncio.sleep(_AGAIN_S)
        except TimeoutError:
            raise ScenarioError(f"after {ARRIVE_S:g} s alarms or events still wait at the hub") from None


async def _heard(run: Run) -> Step:
    """See that a press of the pendant is heard and kept."""
    call = await run.expect("you:call", SOON_S)
    heard = await run.expect("chirp:heard", SOON_S)
    durable = await run.expect("hub:durable", SOON_S)
    lamp = await run.expect("lamp:call:lit", SOON_S)
    run.measure("heard_you_s", heard, call)
    run.measure("durable_s", durable, call)
    run.measure("call_lamp_s", lamp, call)
    return call


async def _raised(run: Run, call: Step) -> Step:
    await run.expect("tone:pending", SOON_S)
    await run.expect("lamp:call:slow", SOON_S)
    run.require(not run.at_centre(), "the centre was called while the resident could still cancel")
    raised = await run.expect("hub:raised:window-ended", WINDOW_S + SOON_S)
    waited_s = run.measure("cancel_window_s", raised, call)
    run.require(waited_s >= WINDOW_S - 0.001, f"the resident had {waited_s:g} s to cancel, of {WINDOW_S}")
    return raised


async def _press(run: Run) -> None:
    await run.world.press_pendant()
    call = await _heard(run)
    raised = await _raised(run, call)
    await run.arrived(raised, ARRIVE_S)
    await run.answered(call)
    await run.settled(alarms=1)


async def _fall_cancelled(run: Run) -> None:
    await run.world.fall()
    call = await run.expect("you:call", SOON_S)
    run.measure("heard_you_s", await run.expect("chirp:heard", SOON_S), call)
    await run.expect("tone:pending", SOON_S)
    await run.expect("lamp:call:slow", SOON_S)
    await run.world.get_up()
    await run.world.press_cancel()
    cancelled = await run.expect("chirp:cancelled", SOON_S)
    run.measure("cancelled_s", cancelled, call)
    await run.expect("dark", SOON_S)
    await run.expect("centre:alarm.cancelled", ARRIVE_S)
    # Had it not been cancelled, it would be raised by now.
    until_ms = call.ms + (FALL_WINDOW_S + 1) * 1000
    await asyncio.sleep((until_ms - run.world.now_ms()) / 1000)
    run.world.story.add("hub", "hub:quiet", "would have called by now, and has not", ms=run.world.now_ms())
    await run.settled(alarms=0)
    reports = run.at_centre()
    run.require(
        len(reports) == 1 and isinstance(reports[0], AlarmCancelled) and reports[0].stage == "pending",
        "the centre should hold one cancelled alarm and nothing else",
    )


async def _flood(run: Run) -> None:
    await run.world.wet_floor()
    call = await run.expect("you:call", SOON_S)
    raised = await run.expect("hub:raised:immediate", SOON_S)
    run.measure("wet_to_raised_s", raised, call)
    run.measure("heard_you_s", await run.expect("chirp:heard", SOON_S), call)
    await run.arrived(raised, ARRIVE_S)
    for _ in range(3):
        await run.world.report_water()
    await run.world.dry_floor()
    await _floor_known_dry(run)  # it came after the reports, on the same line: they have been heard
    await run.answered(call)
    await run.settled(alarms=1)
    run.require(
        not any(isinstance(report, AlarmJoined) for report in run.at_centre()),
        "reports of the same wet floor were counted as new calls",
    )


async def _floor_known_dry(run: Run) -> None:
    try:
        async with asyncio.timeout(ARRIVE_S):
            while True:
                status = await run.world.ask()
                if status is not None and not any(each.active for each in status.sensors if each.kind == "flood"):
                    return
                await asyncio.sleep(_AGAIN_S)
    except TimeoutError:
        raise ScenarioError(f"the hub did not hear within {ARRIVE_S:g} s that the floor is dry") from None


async def _line_cut(run: Run) -> None:
    run.world.cut_line()
    await run.expect("hub:link-down", SOON_S + 2)
    await run.world.press_pendant()
    call = await _heard(run)
    raised = await _raised(run, call)
    busy = await run.expect("tone:no-line", SOON_S)
    run.measure("raised_to_no_line_tone_s", busy, raised)
    await run.expect("lamp:call:fast", SOON_S)
    await asyncio.sleep(_CUT_S)
    run.require(not run.at_centre(), "something arrived at the centre over a line that is cut")
    run.world.restore_line()
    restored = await run.expect("line:restored", SOON_S)
    came = await run.arrived(raised, BACK_S)
    back_s = run.measure("restored_to_centre_s", came, restored)
    run.require(0 <= back_s <= BACK_S, f"the alarm arrived {back_s:g} s after the line was there again")
    await run.answered(restored)
    await run.settled(alarms=1)


async def _hub_killed(run: Run) -> None:
    pressing = asyncio.create_task(run.world.press_pendant())
    try:
        call = await _heard(run)
        await run.world.kill_hub()  # while the pendant still repeats itself
    finally:
        await pressing
    killed = await run.expect("hub:killed", SOON_S)
    run.require(not run.at_centre(), "the centre was called before the hub was killed: nothing would be proven")
    armed = await run.expect("hub:armed", ARRIVE_S)
    run.measure("killed_to_armed_s", armed, killed)
    raised = await run.expect("hub:raised:window-ended", WINDOW_S + ARRIVE_S)
    run.measure("cancel_window_s", raised, call)
    await run.arrived(raised, BACK_S)
    await run.answered(killed)
    await run.settled(alarms=1)
    epochs = {lane.epoch for lane in run.world.centre.ledger.lanes(HUB)}
    run.require(len(epochs) == 2, f"the hub should have counted in two epochs, not in {len(epochs)}")  # noqa: PLR2004


class Scenario(NamedTuple):
    """A scenario: its story in a line, and how it is played."""

    story: str
    play: Callable[[Run], Awaitable[None]]


SCENARIOS: Mapping[str, Scenario] = {
    "press": Scenario("somebody presses the pendant: the call travels to the centre, and a person takes it", _press),
    "fall-cancelled": Scenario(
        "a fall is noticed, but all is well: cancel in time, and nobody is called", _fall_cancelled
    ),
    "flood": Scenario("the sink runs over: the centre is called at once, and only once", _flood),
    "line-cut": Scenario("the line is cut: the home says so, and the call arrives once the line is back", _line_cut),
    "hub-killed": Scenario(
        "the hub is killed right after a press: the call arrives all the same, exactly once", _hub_killed
    ),
}
"""What can be played, by name."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How a run went. Times in `measured` are in seconds; `steps` are in the order in which they happened."""

    scenario: str
    story: str
    ok: bool
    reason: str
    cancel_windows_s: dict[str, int]
    measured: dict[str, float]
    steps: list[Step]


async def play(name: str, world: World) -> Result:
    """Play a scenario in a world that has just begun."""
    scenario, begun, run = SCENARIOS[name], len(world.story), Run(world)
    reason = ""
    try:
        await scenario.play(run)
    except ScenarioError as error:
        reason = str(error)
    reason = world.broken() or reason
    steps = sorted(world.story.steps(begun), key=lambda step: step.ms)
    return Result(
        scenario=name,
        story=scenario.story,
        ok=not reason,
        reason=reason,
        cancel_windows_s=dict(SHORT),
        measured=run.measured,
        steps=[step for step in steps if step.key],
    )
