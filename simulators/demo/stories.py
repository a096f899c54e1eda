"""The scenarios of an ordinary day, and of the two commonest mishaps."""

import asyncio

from rules.reports import AlarmCancelled, AlarmJoined
from simulators.demo.playing import (
    AGAIN_S,
    ARRIVE_S,
    BACK_S,
    FALL_WINDOW_S,
    SOON_S,
    WINDOW_S,
    Run,
    ScenarioError,
    heard,
    window_ended,
)
from simulators.demo.world import HUB

_CUT_S = 3.0


async def press(run: Run) -> None:
    """See a call travel to the centre, and be taken and closed there."""
    await run.world.press_pendant()
    call = await heard(run)
    raised = await window_ended(run, call)
    await run.arrived(raised, ARRIVE_S)
    await run.answered(call)
    await run.settled(alarms=1)


async def fall_cancelled(run: Run) -> None:
    """See a fall that was none be cancelled in time."""
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


async def flood(run: Run) -> None:
    """See a wet floor call at once, and only once."""
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
                await asyncio.sleep(AGAIN_S)
    except TimeoutError:
        raise ScenarioError(f"the hub did not hear within {ARRIVE_S:g} s that the floor is dry") from None


async def line_cut(run: Run) -> None:
    """See a call wait for a line that is cut, and arrive when it is mended."""
    run.world.cut_line()
    await run.expect("hub:link-down", SOON_S + 2)
    await run.world.press_pendant()
    call = await heard(run)
    raised = await window_ended(run, call)
    busy = await run.expect("tone:no-line", SOON_S)
    run.measure("raised_to_no_line_tone_s", busy, raised)
    await run.expect("lamp:call:fast", SOON_S)
    await asyncio.sleep(_CUT_S)
    run.require(not run.at_centre(), "something arrived at the centre over a line that is cut")
    run.world.restore_line()
    restored = await run.expect("line:restored", SOON_S)
    came = await run.arrived(raised, BACK_S)
    run.require(came.ms >= restored.ms, "the alarm arrived before the line was there again")
    run.measure("restored_to_centre_s", came, restored, within_s=BACK_S)
    await run.answered(restored)
    await run.settled(alarms=1)


async def hub_killed(run: Run) -> None:
    """See a call survive the hub's own death."""
    pressing = asyncio.create_task(run.world.press_pendant())
    try:
        call = await heard(run)
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
