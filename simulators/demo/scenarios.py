"""What can be played: each scenario plays its story, and fails with a plain reason where it goes otherwise."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import msgspec

from simulators.demo import hardships, residents, stories
from simulators.demo.playing import SHORT, Run, ScenarioError
from simulators.demo.story import Step
from simulators.demo.week import WEEK_EVENTS
from simulators.demo.world import Setting, World


class Scenario(NamedTuple):
    """A scenario: its story in a line, how it is played, and what is otherwise than usual from the beginning.

    `sirens`: it waits for the siren, which may be hastened.
    """

    story: str
    play: Callable[[Run], Awaitable[None]]
    setting: Setting = Setting()
    sirens: bool = False


SCENARIOS: Mapping[str, Scenario] = {
    "press": Scenario(
        "somebody presses the pendant: the call travels to the centre, and a person takes it", stories.press
    ),
    "fall-cancelled": Scenario(
        "a fall is noticed, but all is well: cancel in time, and nobody is called", stories.fall_cancelled
    ),
    "flood": Scenario("the sink runs over: the centre is called at once, and only once", stories.flood),
    "line-cut": Scenario(
        "the line is cut: the home says so, and the call arrives once the line is back", stories.line_cut
    ),
    "hub-killed": Scenario(
        "the hub is killed right after a press: the call arrives all the same, exactly once", stories.hub_killed
    ),
    "tablet-taken": Scenario(
        "it is time for the tablets: the home says so, and hears that they are taken, by a button or the pill box",
        residents.tablet_taken,
        Setting(at="07:55"),
    ),
    "tablet-missed": Scenario(
        "it is time for the tablets and nobody answers: it is said again, the centre hears of it and is called",
        residents.tablet_missed,
        Setting(at="07:55", minute_ms=residents.MINUTE_MS),
    ),
    "reminder-during-alarm": Scenario(
        "the tablets are due while a call for help is open: nothing breaks into it, and nothing is forgotten",
        residents.reminder_during_alarm,
        Setting(at="07:55"),
    ),
    "family-message": Scenario(
        "the daughter sends a few words: the home says them, and she hears that they were heard",
        residents.family_message,
        Setting(at="10:00"),
    ),
    "no-line-feedback": Scenario(
        "somebody calls and the line is cut: every stage is heard, seen, felt and said",
        residents.no_line_feedback,
        Setting(at="10:00"),
    ),
    "half-open": Scenario(
        "the line looks open and carries nothing: the hub finds out, and the call arrives soon after it is mended",
        hardships.half_open,
    ),
    "centre-silent": Scenario(
        "the line is fine and nobody answers: the home says so, the siren sounds, and the call goes on till they wake",
        hardships.centre_silent,
        sirens=True,
    ),
    "disk-full": Scenario(
        "the hub's disk is full: the call is heard and arrives all the same, and nothing is lost when there is room",
        hardships.disk_full,
        Setting(full_disk=True),
    ),
    "clock-step": Scenario(
        "the hub's clock jumps a day ahead, then a day back: no call is early or late, and none lies about the time",
        hardships.clock_step,
        Setting(trusted_clock=True),
        sirens=True,
    ),
    "forged-receipt": Scenario(
        "somebody pretends to be the centre: the hub believes none of it, and calls on until the real one answers",
        hardships.forged_receipt,
        Setting(forger=True),
        sirens=True,
    ),
    "week-of-backlog": Scenario(
        "a week's events wait for the line, and the hub is killed meanwhile: a call passes them all, and all arrive",
        hardships.week_of_backlog,
        Setting(backlog=WEEK_EVENTS, line_ms=60),
    ),
}
"""What can be played, by name."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How a run went. Times in `measured` are in seconds, and `promised` says what some had to be.

    `steps` are in the order in which they happened.
    """

    scenario: str
    story: str
    ok: bool
    reason: str
    cancel_windows_s: dict[str, int]
    siren_s: int
    measured: dict[str, float]
    promised: dict[str, str]
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
        siren_s=world.setting.siren_s,
        measured=run.measured,
        promised=run.promised,
        steps=[step for step in steps if step.key],
    )
