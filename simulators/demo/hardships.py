"""The scenarios of harder days: parts that lie, fill up, jump, are forged, or have a week to catch up with."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from agent.status import HubStatus
from agent.wire.messages import PREFIX, decode_report
from rules.reports import AlarmEscalated, AlarmRaised, Clock, FaultRaised, Report, TestReport
from simulators.demo.forger import NOTHING_WAITS, PLANTED
from simulators.demo.playing import (
    AGAIN_S,
    ARRIVE_S,
    BACK_S,
    SOON_S,
    WINDOW_S,
    Run,
    ScenarioError,
    heard,
    window_ended,
)
from simulators.demo.story import Step
from simulators.demo.week import EPOCH
from simulators.demo.world import HUB

NOTICED_S = 10
"""Within this a line that lies, or a centre that is silent, is noticed while an alarm waits (DESIGN §5)."""

RESENT_S = 30
"""The longest pause between two sendings on an open line (DESIGN §5)."""

OVERTAKES_S = 1.5
"""For an alarm to pass a backlog on a slow line."""

HEALED_S = 12
"""For the hub to try its disk again: at the latest every 10 s (`agent.store.writer`)."""

R = TypeVar("R", bound=Report)

_DAY_S = 86_400
_LIES_S = 3.0
_DRAIN_PER_S = 20


async def half_open(run: Run) -> None:
    """See a line that lies be found out, and the call arrive as soon as it carries again."""
    run.world.luck.half_open()
    await run.world.press_pendant()
    call = await heard(run)
    raised = await window_ended(run, call)
    await run.expect("tone:calling", SOON_S)
    busy = await run.expect("tone:no-line", NOTICED_S + SOON_S, after=raised)
    run.measure("lie_noticed_s", busy, raised, within_s=NOTICED_S)
    await run.expect("hub:link-down", SOON_S)
    await asyncio.sleep(_LIES_S)
    run.require(not run.at_centre(), "something arrived at the centre over a line that carries nothing")
    run.world.restore_line()
    restored = await run.expect("line:restored", SOON_S)
    await run.arrived(raised, BACK_S + SOON_S)
    receipt = await run.expect("lamp:arrived:on", SOON_S)
    run.measure("restored_to_receipt_s", receipt, restored, within_s=BACK_S)
    await run.answered(restored)
    run.require(not run.seen("siren:on"), "the siren sounded for a call that arrived within the minute")
    await run.settled(alarms=1)


async def centre_silent(run: Run) -> None:
    """See a centre that is silent behind a live broker be noticed, and the call go on until it wakes."""
    world, connections = run.world, run.world.luck.connections
    world.silence_centre(silent=True)
    await world.press_pendant()
    raised = await window_ended(run, await heard(run))
    await run.expect("tone:calling", SOON_S)
    await _unanswered(run, raised)
    run.require(not run.at_centre(), "the centre was to lose everything")
    same = world.luck.connections == connections and not run.seen("hub:link-down")
    run.require(same, "the hub gave up a line that works, because nobody answered on it")
    world.tell("hub", "hub:same-line", "has kept its line all the while: it is not the line's fault")
    world.silence_centre(silent=False)
    awake = await run.expect("centre:awake", SOON_S)
    await run.arrived(raised, RESENT_S + SOON_S)
    receipt = await run.expect("lamp:arrived:on", SOON_S)
    run.measure("awake_to_receipt_s", receipt, awake, within_s=RESENT_S)
    await run.expect("siren:off", SOON_S)
    await run.expect("lamp:fault:off", SOON_S)
    await run.answered(awake)
    await run.settled(alarms=1)


async def _unanswered(run: Run, raised: Step) -> None:
    """See that a call without a receipt is told at home after 10 s, and to the neighbours after 60."""
    busy = await run.expect("tone:no-line", NOTICED_S + SOON_S, after=raised)
    run.measure("silence_noticed_s", busy, raised, at_s=NOTICED_S)
    await run.expect("lamp:fault:lit", SOON_S)
    siren = await run.expect("siren:on", run.world.setting.siren_s, after=raised)
    run.measure("siren_s", siren, raised, at_s=run.world.setting.siren_s)


async def disk_full(run: Run) -> None:
    """See a call be heard and arrive though nothing can be written, and nothing be lost when something can."""
    world = run.world
    run.require(world.luck.disk_can_fill, "not here: this Python's SQLite is not Debian's, and lets no disk be filled")
    world.luck.fill_disk()
    await world.press_pendant()
    call = await run.expect("you:call", SOON_S)
    run.measure("heard_you_s", await run.expect("chirp:heard", SOON_S), call, within_s=1)
    run.measure("call_lamp_s", await run.expect("lamp:call:lit", SOON_S), call, within_s=1)
    await run.expect("lamp:fault:lit", SOON_S)
    await run.expect("tone:pending", SOON_S)
    arrived = await run.arrived(call, WINDOW_S + SOON_S)
    run.measure("called_to_centre_s", arrived, call, at_s=WINDOW_S)
    await run.expect("centre:fault.raised", ARRIVE_S)
    told = any(each.fault == "storage" for each in _reports(run, "fault.raised", FaultRaised))
    run.require(told, "the centre should know that the disk is the trouble")
    run.require(not run.seen("hub:durable"), "the disk was not full")
    world.luck.free_disk()
    freed = await run.expect("hub:disk-freed", SOON_S)
    durable = await run.expect("hub:durable", HEALED_S + SOON_S)
    run.measure("freed_to_durable_s", durable, freed, within_s=HEALED_S)
    await world.kill_hub()
    killed = await run.expect("hub:killed", SOON_S)
    run.measure("killed_to_armed_s", await run.expect("hub:armed", ARRIVE_S), killed)
    await run.expect("centre:fault.cleared", ARRIVE_S)  # by itself it would wait a minute: a disk must prove itself
    await _status(run, lambda status: status.storage.ok, "a disk that is well")
    await run.answered(await run.expect("lamp:arrived:on", SOON_S, after=killed))
    await run.settled(alarms=1)


async def clock_step(run: Run) -> None:
    """See no deadline move though the wall clock jumps by days, and every event say what it knew."""
    world, siren_s = run.world, run.world.setting.siren_s
    world.luck.slow_centre(siren_s + 2)
    await world.press_pendant()
    call = await heard(run)
    world.luck.step_clock(+1)
    raised = await window_ended(run, call)
    ringing = await run.expect("tone:calling", SOON_S)
    run.measure("call_to_ringing_s", ringing, call, at_s=WINDOW_S)
    world.luck.step_clock(-1)
    await _unanswered(run, raised)
    await run.arrived(raised, ARRIVE_S)
    world.luck.slow_centre(0)
    await run.expect("siren:off", SOON_S)
    await run.answered(call)
    await run.settled(alarms=1, within_s=RESENT_S + SOON_S)  # what was sent while the centre was slow, once more
    reports = run.at_centre()
    first = next(each for each in reports if isinstance(each, AlarmRaised))
    last = next(each for each in reports if isinstance(each, AlarmEscalated))
    _honest(run, first.triggered, first.clock, days=+1, after_s=WINDOW_S)
    _honest(run, first.clock, last.clock, days=-2, after_s=siren_s)


def _honest(run: Run, before: Clock, after: Clock, *, days: int, after_s: int) -> None:
    """See that an event says when it was by the clock that nobody can set, and that it did not trust the other."""
    passed_s = (after.monotonic_ms - before.monotonic_ms) / 1000
    jumped_s = (_moment(after) - _moment(before)) - days * _DAY_S
    told = f"tells the centre: {passed_s:.3f} s passed; its clock says {after.wall}, and is not to be trusted"
    run.world.tell("hub", "hub:honest", told)
    run.require(not after.synced, "an event vouched for a clock that had jumped")
    run.require(passed_s == after_s, f"{passed_s:.3f} s passed by the hub's own count, and it should be {after_s} s")
    run.require(abs(jumped_s - after_s) < 1, f"its clock did not jump by {days} days: nothing would be proven")


def _moment(clock: Clock) -> float:
    return datetime.fromisoformat(clock.wall).timestamp()


async def forged_receipt(run: Run) -> None:
    """See that nobody but the centre can say that a call has arrived, or make the hub do anything."""
    world, siren_s = run.world, run.world.setting.siren_s
    planted = await _status(run, lambda status: PLANTED in status.counters, "the command left on the broker")
    world.tell("hub", "hub:refused", "finds a command on the broker that has lain there for a week: refused")
    run.require(planted.mode == "home", "it was carried out")
    world.centre.command(HUB, "test")
    await run.expect("centre:command.done", ARRIVE_S)
    world.luck.slow_centre(siren_s + 2)
    await world.press_pendant()
    raised = await window_ended(run, await heard(run))
    await run.expect("centre:alarm.raised", SOON_S)
    await _forge_all(run)
    await _unanswered(run, raised)
    await _forge_all(run)
    untouched = not any(run.seen(key) for key in ("lamp:arrived:on", "lamp:someone:on", "chirp:arrived", "siren:off"))
    run.require(untouched, "somebody who is not the centre has put the resident's mind at rest")
    await run.arrived(raised, ARRIVE_S)
    world.luck.slow_centre(0)
    await run.expect("siren:off", SOON_S)
    await run.answered(raised)
    await run.settled(alarms=1, within_s=RESENT_S + SOON_S)
    asked = [report for report in _reports(run, "test.report", TestReport) if report.why == "command"]
    run.require(len(asked) == 1, "a command that was replayed was carried out again")


async def _forge_all(run: Run) -> None:
    """Send every forgery there is, and see that each is counted and none changes anything."""
    world = run.world
    before = await _status(run, lambda _: True, "anything")
    wanted = dict(before.counters)
    for forgery in world.forger.forgeries():
        await world.forger.send(forgery)
        if forgery.counted:
            wanted[forgery.counted] = wanted.get(forgery.counted, 0) + 1
        world.tell("line", f"line:forged:{forgery.channel}", f"somebody sends a {forgery.channel} {forgery.said}")
    after = await _status(
        run,
        lambda status: all(status.counters.get(name, 0) >= count for name, count in wanted.items()),
        ", ".join(f"{count} times {name}" for name, count in wanted.items()),
    )
    told = sum(count for name, count in after.counters.items() if name.startswith("refused") or name == NOTHING_WAITS)
    world.tell("hub", "hub:refused", f"believes none of it: {told} refused so far, as `hearthline status` shows")
    alarms = [(each.stage, each.delivery) for each in after.alarms]
    run.require(alarms == [("raised", "waiting")], f"a forgery changed the alarm: {alarms}")
    run.require((after.mode, _names(after)) == (before.mode, _names(before)), "a forgery changed the hub")


async def week_of_backlog(run: Run) -> None:
    """See a week's events drain slowly, the hub die in the middle, a press pass them all, and each come once."""
    world, total = run.world, len(run.world.backlog)
    world.tell("hub", "hub:backlog", f"has {total} events of a week without a line on its disk, and a slow line now")
    allowed_s = ARRIVE_S + total / _DRAIN_PER_S
    await _drained(run, total // 3, allowed_s)
    world.tell("centre", "centre:third", "has a third of them")
    await world.kill_hub()
    killed = await run.expect("hub:killed", SOON_S)
    armed = await run.expect("hub:armed", ARRIVE_S)
    run.measure("killed_to_armed_s", armed, killed)
    await run.expect("centre:online", ARRIVE_S, after=armed)
    await world.press_pendant()
    call = await heard(run)
    raised = await window_ended(run, call)
    came = await run.arrived(raised, ARRIVE_S)
    left = total - _of_the_week(run)
    run.measure("overtakes_s", came, raised, within_s=OVERTAKES_S)
    run.require(left > 0, "nothing was left to overtake: nothing would be proven")
    world.tell("centre", "centre:overtaken", f"has the call, and {left} older events are still on their way")
    await run.answered(call)
    await _drained(run, total, allowed_s)
    world.tell("centre", "centre:drained", f"has all {total}, each once")
    await run.settled(alarms=1)
    held = [event.id for event, _ in run.events() if event.id in world.backlog]
    run.require(len(held) == len(set(held)) == total, f"of {total} events {len(held)} are there")


async def _drained(run: Run, count: int, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            while _of_the_week(run) < count:
                await asyncio.sleep(AGAIN_S)
    except TimeoutError:
        held = _of_the_week(run)
        raise ScenarioError(f"after {within_s:.0f} s the centre has {held} of the week's events, not {count}") from None


# --- looking at the hub and at the centre's ledger ---------------------------------------------------


async def _status(run: Run, holds: Callable[[HubStatus], bool], what: str) -> HubStatus:
    """Ask the hub how it is, until this holds. Raises ScenarioError."""
    try:
        async with asyncio.timeout(ARRIVE_S):
            while (status := await run.world.ask()) is None or not holds(status):
                await asyncio.sleep(AGAIN_S)
            return status
    except TimeoutError:
        raise ScenarioError(f"after {ARRIVE_S:g} s the hub does not tell of {what}") from None


def _names(status: HubStatus) -> list[tuple[str, str]]:
    return [(each.fault, each.subject) for each in status.faults]


def _reports(run: Run, kind: str, report: type[R]) -> list[R]:
    """Give what the centre holds of one type."""
    found = (decode_report(event) for event, _ in run.events() if event.type == f"{PREFIX}{kind}")
    return [each for each in found if isinstance(each, report)]


def _of_the_week(run: Run) -> int:
    """Count what the centre holds of the week's events."""
    lanes = (lane for lane in run.world.centre.ledger.lanes(HUB) if lane.epoch == EPOCH)
    return sum(span.last - span.first + 1 for lane in lanes for span in lane.accounted)
