"""Trials of time: the wall clock stepped, no clock at boot, a reboot, a process that stood still (S3, S4, S6, S8)."""

import asyncio
import os
import signal
from functools import partial

from rules.delivery import resend_after_ms
from rules.plan import BUILT_IN
from rules.reports import AlarmEscalated, AlarmJoined, AlarmRaised, FaultCleared
from simulators.trials.accounts import settle
from simulators.trials.clock.home import BOOT, BUTTON, BUTTON_2, DAY_S, NAMES, PENDANT, Home, home
from simulators.trials.eyes import SIREN, Eyes, told, until_told
from simulators.trials.trial import Figures, Round, Trial, Violation
from simulators.watched_pins import boot_ms

LATE_MS = 5_000
"""How late a deadline may be met, on a machine that runs other tests. A clock that moved it would move it by a day."""

EARLY_MS = 5
"""How early: what is measured here begins after what the hub measures, and ends in whole milliseconds."""

WINDOW_MS = 10_000
SIREN_MS = BUILT_IN.steps[0].after_ms
CLOCK_NOTICED_S = 32
"""The hub asks every 30 s whether its clock is trusted now, and then clears the fault."""


def on_time(figures: Figures, name: str, due_ms: int, met_ms: int, rule: str) -> None:
    """Hold a deadline against when it was met. Raises Violation."""
    if met_ms < due_ms - EARLY_MS:
        raise Violation(f"{rule}: {name} came {due_ms - met_ms} ms too soon")
    figures.measure(f"{name}: how late, ms", max(0, met_ms - due_ms), at_most=LATE_MS, rule=rule)


def exactly(report: AlarmRaised) -> None:
    """Hold the hub's own account of a cancel window against the promise: exact, however late it woke."""
    took_ms = report.clock.monotonic_ms - report.triggered.monotonic_ms
    if took_ms != WINDOW_MS or report.rule != "window-ended":
        raise Violation(f"S6: a cancel window of {WINDOW_MS} ms ended after {took_ms} ms ({report.rule})")


async def siren(at: Home, eyes: Eyes, timeout_s: float) -> int:
    """Wait for the siren; give the moment. Raises Violation."""
    try:
        return (await eyes.until(lambda each: each.pin == SIREN and each.value > 0, timeout_s=timeout_s)).ms
    except TimeoutError:
        raise Violation(f"S3 S6: no siren within {timeout_s:g} s: {(await at.rig.status())['alarms']}") from None


# --- the wall clock steps ------------------------------------------------------------------------------------


async def steps(this: Round, *, ladder: bool) -> Figures:
    """Step the wall clock by days while a window, a resend and a ladder run; then reconnect on the wrong day."""
    figures = Figures()
    async with home(this) as at, asyncio.timeout(150):
        trusted = this.number % 2 == 0
        at.trust(trusted=trusted)
        await at.start()
        await at.rig.online()
        at.rig.centre.faults.forged = True  # the centre has every alarm, and the hub cannot know it
        async with Eyes(at.rig.hub.pins) as eyes:
            called_ms, pressed_ms = at.press(BUTTON), at.press(PENDANT)
            ref = (await at.raised(BUTTON)).ref
            await _step_twice(at, figures)
            window = await at.raised(PENDANT)
            on_time(figures, "cancel window of 10 s", pressed_ms + WINDOW_MS, window.ms, "S6")
            exactly(window.report)
            at.check(window.report.clock, trusted=trusted)
            resent_ms = await at.offered(ref, 2, timeout_s=15)
            on_time(figures, "resend", called_ms + resend_after_ms(1), resent_ms, "S3")
            if ladder:
                stepping = asyncio.create_task(_step_on(at, figures))
                on_time(figures, "siren at 60 s", called_ms + SIREN_MS, await siren(at, eyes, 60), "S3 S6")
                await stepping
        at.rig.centre.faults.forged = False
        at.connect_anew()
        await at.receipted()
        await settle(at.rig, figures)
    return figures


async def _step_twice(at: Home, figures: Figures) -> None:
    """Step a day one way and then to the other side, within the cancel window."""
    days = at.rng.sample([-DAY_S, DAY_S], 2)
    for ahead_s in days:
        await asyncio.sleep(at.rng.uniform(0.5, 4.0))
        at.step(ahead_s)
        figures.count("steps of the wall clock")
        await at.moved()


async def _step_on(at: Home, figures: Figures) -> None:
    for _ in range(3):
        await asyncio.sleep(at.rng.uniform(5, 14))
        at.step(-at.ahead_s)
        figures.count("steps of the wall clock")


# --- no clock at boot ---------------------------------------------------------------------------------------


async def unset(this: Round, *, patient: bool) -> Figures:
    """Boot without a clock: alarms leave all the same, and say so. Then the clock becomes right."""
    figures = Figures()
    async with home(this) as at, asyncio.timeout(120):
        at.trust(trusted=False)
        at.step((-at.since_1970_s, -2 * 365 * DAY_S, 400 * DAY_S)[this.number % 3])
        await at.start()
        await at.online()
        pressed_ms = at.press(BUTTON)
        first = await at.raised(BUTTON)
        figures.measure("without a clock: press to centre, ms", first.ms - pressed_ms, at_most=LATE_MS, rule="S3")
        at.check(first.report.clock, trusted=False)
        await at.receipted()
        await at.moved()

        at.step(0)
        at.trust(trusted=True)
        await at.rig.until_status(lambda status: bool(status["clock"]["synced"]))
        at.press(BUTTON_2)
        at.check((await at.raised(BUTTON_2)).report.clock, trusted=True)
        at.connect_anew()
        await at.receipted()
        if patient:
            await until_told(at.rig, FaultCleared, lambda each: each.fault == "clock", timeout_s=CLOCK_NOTICED_S)
        await settle(at.rig, figures)
    return figures


# --- a reboot ----------------------------------------------------------------------------------------------


async def reboot(this: Round, *, ladder: bool) -> Figures:
    """Reboot with one alarm pending and one undelivered, and wake up on another day."""
    figures = Figures()
    async with home(this) as at, asyncio.timeout(150):
        trusted = this.number % 2 == 0
        at.trust(trusted=trusted)
        await at.start()
        await at.online()
        at.line.cut()
        at.press(BUTTON)
        at.press(PENDANT)
        await at.rig.until_status(lambda status: {each["stage"] for each in status["alarms"]} == {"raised", "pending"})
        await asyncio.sleep(at.rng.uniform(0, 4))
        await at.rig.hub.kill()
        at.step(at.rng.choice([-DAY_S, DAY_S, 0]))
        await at.start("b00700000002", ago_ms=3_000)
        armed_ms = boot_ms()
        async with Eyes(at.rig.hub.pins) as eyes:
            figures.measure("armed to siren, ms", await siren(at, eyes, 10) - armed_ms, at_most=LATE_MS, rule="S6")
            status = await at.rig.status()
            if [each["stage"] for each in status["alarms"]] != ["raised", "raised"]:
                raise Violation(f"S6: after a reboot alarms were not all raised: {status['alarms']}")
            if ladder:
                await asyncio.sleep(SIREN_MS / 1000 + 2)
        at.line.forward()
        await at.receipted()
        await settle(at.rig, figures)
        await _check_boots(at, trusted=trusted, ladder=ladder)
    return figures


async def _check_boots(at: Home, *, trusted: bool, ladder: bool) -> None:
    """Hold what the events say of their boots against what happened. Raises Violation."""
    before, after = await at.raised(BUTTON), await at.raised(PENDANT)
    at.check(after.report.clock, boot="b00700000002", trusted=trusted)
    boots = before.report.clock.boot, after.report.triggered.boot, after.report.rule
    if boots != (BOOT, BOOT, "reboot"):
        raise Violation(f"S6: an alarm of the first boot, one that was pending, and why it was raised: {boots}")
    taken = {each.report.sensor: each.report for each in told(at.rig, AlarmEscalated)}
    if taken[NAMES[BUTTON]].clock.boot != "b00700000002":
        raise Violation(f"S6: the next step of a ladder was not taken in the next boot: {taken[NAMES[BUTTON]]}")
    if ladder:
        apart_ms = taken[NAMES[PENDANT]].clock.monotonic_ms - after.report.clock.monotonic_ms
        if apart_ms != SIREN_MS:
            raise Violation(f"S6: a later ladder did not keep its spacing: {apart_ms} ms")


# --- a process that stands still -----------------------------------------------------------------------------


async def stopped(this: Round, *, ladder: bool) -> Figures:
    """Stop the process for longer than its deadlines (SIGSTOP): each is met once, as if it had been in time."""
    figures = Figures()
    async with home(this) as at, asyncio.timeout(180):
        at.trust(trusted=True)
        await at.start()
        await at.online()
        at.rig.centre.faults.forged = True
        async with Eyes(at.rig.hub.pins) as eyes:
            at.press(BUTTON)
            at.press(PENDANT)
            called = await at.raised(BUTTON)
            await asyncio.sleep(at.rng.uniform(1, 3))
            os.kill(at.rig.hub.pid, signal.SIGSTOP)
            at.step(at.rng.choice([-DAY_S, DAY_S]))
            await asyncio.sleep(at.rng.uniform(62, 70) if ladder else at.rng.uniform(9.5, 12))
            at.press(PENDANT)  # while it hears nothing: it is late for the window, and must not end it
            os.kill(at.rig.hub.pid, signal.SIGCONT)
            woken_ms = boot_ms()
            window = await at.raised(PENDANT)
            figures.measure("woken to raised, ms", window.ms - woken_ms, at_most=LATE_MS, rule="S6")
            exactly(window.report)
            await until_told(at.rig, AlarmJoined, lambda each: each.sensor == NAMES[PENDANT])
            if ladder:
                figures.measure("woken to siren, ms", await siren(at, eyes, 10) - woken_ms, at_most=LATE_MS, rule="S6")
            else:
                await at.offered(called.ref, 2, timeout_s=5)
        at.rig.centre.faults.forged = False
        at.connect_anew()
        await at.receipted()
        await settle(at.rig, figures)
        if len(told(at.rig, AlarmJoined)) != 1:
            raise Violation(f"S4: one press in vain was told {len(told(at.rig, AlarmJoined))} times")
        if ladder:
            _check_steps(at, called.report.alarm)
    return figures


def _check_steps(at: Home, called: str) -> None:
    """Hold every step of a ladder against its alarm: taken once, and dated as if it had been in time."""
    raised = {each.report.alarm: each.report.clock.monotonic_ms for each in told(at.rig, AlarmRaised)}
    steps = [each.report for each in told(at.rig, AlarmEscalated)]
    if called not in {each.alarm for each in steps} or len({each.alarm for each in steps}) != len(steps):
        raise Violation(f"S4: steps of ladders were taken for {[each.alarm for each in steps]}; {called} was due")
    dated_ms = [each.clock.monotonic_ms - raised[each.alarm] for each in steps]
    if set(dated_ms) != {SIREN_MS}:
        raise Violation(f"S6: steps of ladders were dated {dated_ms} ms after their raises")


TRIALS: tuple[Trial, ...] = (
    Trial(
        "clock-steps",
        "S3 S4 S6",
        "The wall clock steps by a day: no window, resend or ladder moves; the line is made anew on the wrong day",
        12,
        partial(steps, ladder=True),
    ),
    Trial(
        "clock-unset",
        "S3 S6 S8",
        "A hub without a clock delivers its alarms at once, and says that it does not know the time",
        12,
        partial(unset, patient=True),
    ),
    Trial(
        "clock-reboot",
        "S1 S4 S6",
        "After a reboot pending alarms are raised, the next step of a ladder is taken at once, later ones keep apart",
        12,
        partial(reboot, ladder=True),
    ),
    Trial(
        "clock-stopped",
        "S3 S4 S6",
        "A process that stood still past its deadlines meets each once, dated as if it had been in time",
        12,
        partial(stopped, ladder=True),
    ),
)
