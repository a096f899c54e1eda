"""What senses tell, handed to each behaviour that watches; and what all of them do at a start and with another plan."""

from msgspec.structs import replace

from rules import absence, answers, calendar, doors, inactivity, messages, reminders, thresholds, visits
from rules.events import (
    AnswerHeld,
    AnswerPressed,
    CallPressed,
    CancelPressed,
    Cleared,
    ClockChanged,
    HelpArrived,
    PlanOffered,
    Sensor,
    Started,
    Triggered,
)
from rules.kinds import SENSES
from rules.plan import kind_of
from rules.triggers import HUB_BUTTON
from rules.turn import Turn

PRESSED = frozenset({"pendant", "button", "pull-cord", "visit", "lid"})
"""What a hand does: it shows activity."""

LEVELS = frozenset({"door", "bed", "chair"})
"""Kinds whose change, either way, shows activity; and `motion`, each time it is told."""

OUTSIDE = frozenset({"door", "pendant"})
"""What may be told by somebody who has just gone out: it proves nobody inside."""


def on_triggered(turn: Turn, event: Triggered) -> None:
    """Take what a sensor tells; one that is still as it was tells nothing new. Before an alarm is made of it."""
    sensor = turn.house.config.sensor(event.sensor)
    if sensor is None:
        return
    life = turn.house.sensor(sensor.id)
    changed = not (event.sustained and life.active)
    if sensor.kind in SENSES and event.sustained:
        turn.put_sensor(replace(life, active=True, unsure=False))
    if not changed and sensor.kind != "motion":
        return
    match sensor.kind:
        case "door":
            doors.opened(turn, sensor)
        case "bed" | "chair":
            absence.returned(turn, sensor)
        case "visit":
            visits.pressed(turn, sensor)
        case "lid":
            answers.opened(turn, sensor)
    if sensor.kind in PRESSED or sensor.kind in LEVELS or sensor.kind == "motion":
        _stirred(turn, sensor)


def on_cleared(turn: Turn, event: Cleared) -> None:
    """Take the end of a level, before it is forgotten that it stood."""
    sensor = turn.house.config.sensor(event.sensor)
    if sensor is None or sensor.kind not in LEVELS:
        return
    if sensor.kind == "door":
        doors.closed(turn, sensor)
    if not turn.house.sensor(sensor.id).active:
        return  # the first word after a start: nobody got up
    if sensor.kind != "door":
        absence.left(turn, sensor)
    _stirred(turn, sensor)


def on_pressed(turn: Turn, _event: CallPressed | CancelPressed | HelpArrived | AnswerPressed | AnswerHeld) -> None:
    """Somebody is at the hub."""
    _stirred(turn, HUB_BUTTON)


def _stirred(turn: Turn, sensor: Sensor) -> None:
    if kind_of(turn.house.plan, turn.house.config.kinds, sensor.kind).silent:
        return  # S1: a warning that ends could be heard
    inactivity.stirred(turn, sensor)
    if sensor.kind not in OUTSIDE:
        doors.seen_inside(turn)


# --- time, plans, starts ----------------------------------------------------------------------------


def on_boundary_due(turn: Turn) -> None:
    """A window opens or closes."""
    calendar.on_boundary_due(turn)
    visits.follow(turn)


def on_clock_set(turn: Turn) -> None:
    """Reckon the windows anew, by the time that the wall clock says now."""
    now = turn.now
    turn.update(now_ms=now.ms, wall_offset_ms=now.wall_ms - now.ms, clock_known=now.synced)
    calendar.reckon(turn)
    visits.follow(turn)
    reminders.look_again(turn)


def on_clock_changed(turn: Turn, event: ClockChanged) -> None:
    """A clock that is vouched for is known from then on, until it is set: crystals lose seconds in a day."""
    turn.update(clock_known=turn.house.clock_known or event.synced)
    reminders.look_again(turn)


def on_plan_offered(turn: Turn, _event: PlanOffered) -> None:
    """Watch what the plan says now. What was watched before, and still is, goes on as it was."""
    _begin(turn)


def before_start(turn: Turn, event: Started) -> None:
    """S6: a process restart changes nothing; after a reboot, whose time is unknown, durations begin anew."""
    if event.boot == turn.house.boot:
        return
    absence.after_reboot(turn)
    inactivity.begin(turn, anew=True)
    doors.after_reboot(turn)
    thresholds.after_reboot(turn)
    visits.after_reboot(turn)
    messages.after_reboot(turn)
    reminders.after_reboot(turn)
    turn.update(clock_known=False)


def after_start(turn: Turn, _event: Started) -> None:
    """Watch what the configuration and the plan say, by the wall clock as it is now."""
    known = turn.now.synced or turn.house.clock_known
    turn.update(wall_offset_ms=turn.now.wall_ms - turn.now.ms, clock_known=known, press_used=False)
    _begin(turn)


def _begin(turn: Turn) -> None:
    inactivity.begin(turn)
    absence.begin(turn)
    doors.begin(turn)
    thresholds.begin(turn)
    visits.begin(turn)
    calendar.reckon(turn)
    visits.follow(turn)
    reminders.look_again(turn)


def on_home_again(turn: Turn) -> None:
    """The home is not away any more: what was not watched meanwhile counts from now."""
    inactivity.begin(turn, anew=True)
    absence.forget(turn)
    doors.resume(turn)
