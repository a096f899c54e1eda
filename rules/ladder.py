"""The ladder: what else is done, and when, while nobody has an alarm. Every alarm finishes by the one it began (S9)."""

from msgspec.structs import replace

from rules import texts
from rules.actions import Say
from rules.alarm import Alarm
from rules.plan import SIREN_MS, Step
from rules.reports import AlarmEscalated
from rules.state import House
from rules.triggers import facts
from rules.turn import Turn

FAR_MS = 1 << 53
"""Until somebody ends it."""

NIGHTLESS_PRIORITY = 2
"""From this priority on up, quiet hours quieten nothing: the home must hear that help is called."""


def step_due_ms(alarm: Alarm) -> int | None:
    """Give when the alarm's next step is due, on the boot-relative clock; None when none waits for its time alone."""
    due = _next(alarm)
    return None if due is None else due[0]


def _next(alarm: Alarm) -> tuple[int, int] | None:
    """Give the next step's time and its place. A step that waits while somebody has the alarm has no time."""
    if alarm.ladder_from_ms is None or alarm.stage == "pending":
        return None
    held = alarm.stage == "acknowledged"
    dues = [
        (_due_ms(alarm, step), place)
        for place, step in enumerate(alarm.steps)
        if place not in alarm.taken and (step.unless == "resolved" or not held)
    ]
    return min(dues, default=None)


def _due_ms(alarm: Alarm, step: Step) -> int:
    from_ms = alarm.steady_from_ms if step.unless == "resolved" else alarm.ladder_from_ms
    return (from_ms or 0) + step.after_ms


def ladder_due_ms(house: House) -> int | None:
    """When the next step of any ladder is due. It runs whether the link is up, down or lying (S3)."""
    dues = (due for alarm in house.alarms for due in (step_due_ms(alarm), _round_due_ms(alarm)) if due is not None)
    return min(dues, default=None)


def on_ladder_due(turn: Turn) -> None:
    """Take every step that is due, in the order of time, those of one moment in the plan's order."""
    for alarm in turn.house.alarms:
        if (due_ms := _round_due_ms(alarm)) is not None and due_ms <= turn.now.ms:
            turn.put_alarm(_anew(turn, alarm))
    due = [(*found, alarm) for alarm in turn.house.alarms if (found := _next(alarm)) and found[0] <= turn.now.ms]
    for _, place, alarm in sorted(due, key=lambda each: each[0]):
        _take(turn, alarm, place)


def _round_due_ms(alarm: Alarm) -> int | None:
    """When the ladder begins anew: nobody had the alarm through all of it (S3)."""
    if not alarm.repeat_ms or alarm.stage != "raised" or alarm.ladder_from_ms is None:
        return None
    lasts_ms = [step.after_ms for step in alarm.steps if step.unless != "resolved"]
    return alarm.ladder_from_ms + max(lasts_ms) + alarm.repeat_ms if lasts_ms else None


def _anew(turn: Turn, alarm: Alarm) -> Alarm:
    kept = tuple(place for place in alarm.taken if alarm.steps[place].unless == "resolved")
    return replace(alarm, round=alarm.round + 1, taken=kept, ladder_from_ms=turn.now.ms)


def _take(turn: Turn, alarm: Alarm, place: int) -> None:
    """Take a step, unless the alarm has got so far already, or the step is not for this hour."""
    step = alarm.steps[place]
    alarm = replace(alarm, taken=(*alarm.taken, place))
    turn.put_alarm(alarm)
    if _spared(turn, alarm, step):
        return
    report = AlarmEscalated(
        **facts(turn, alarm), step=place + 1, means=step.means, to=step.to, text=step.text, round=alarm.round
    )
    turn.send(report)
    _do(turn, alarm, step)


def _spared(turn: Turn, alarm: Alarm, step: Step) -> bool:
    if alarm.silent and step.means in ("siren", "say", "light"):
        return True  # S1: silent, whatever a plan says
    if step.unless == "received" and alarm.delivery == "received":
        return True
    if step.only is not None and (step.only == "night") is not turn.house.night:
        return True
    if step.means == "centre" and step.after_ms == 0 and alarm.round == 1:
        return True  # it was told at the raise
    audible = step.means in ("siren", "say")
    return audible and turn.house.quiet and alarm.priority > NIGHTLESS_PRIORITY


def _do(turn: Turn, alarm: Alarm, step: Step) -> None:
    until_ms = turn.now.ms + step.for_ms if step.for_ms else FAR_MS
    match step.means:
        case "siren":
            turn.put_alarm(replace(alarm, siren_until_ms=turn.now.ms + (step.for_ms or SIREN_MS)))
        case "light":
            turn.put_alarm(replace(alarm, light_until_ms=until_ms))
        case "relay":
            turn.put_alarm(replace(alarm, relay_until_ms=until_ms))
        case "say":
            turn.do(Say(step.text))
        case "sms":
            texts.call(turn, alarm, step.to, steady=step.unless == "resolved")
        case "centre":
            pass  # the report itself is the call


def switched_due_ms(house: House) -> int | None:
    """When the next thing that a step switched on has been on long enough."""
    return min((due for alarm in house.alarms for due in _untils(alarm)), default=None)


def _untils(alarm: Alarm) -> list[int]:
    ends = (alarm.siren_until_ms, alarm.light_until_ms, alarm.relay_until_ms)
    return [until for until in ends if until is not None and until < FAR_MS]


def on_switched_due(turn: Turn) -> None:
    """Switch off what has been on long enough. The alarm itself goes on."""
    for alarm in turn.house.alarms:
        if any(until <= turn.now.ms for until in _untils(alarm)):
            turn.put_alarm(
                replace(
                    alarm,
                    siren_until_ms=_still(turn, alarm.siren_until_ms),
                    light_until_ms=_still(turn, alarm.light_until_ms),
                    relay_until_ms=_still(turn, alarm.relay_until_ms),
                )
            )


def _still(turn: Turn, until_ms: int | None) -> int | None:
    return None if until_ms is None or until_ms <= turn.now.ms else until_ms


def after_reboot(turn: Turn, alarm: Alarm) -> Alarm:
    """S6: how long the machine was off is unknown: the next step is due at once, and later ones keep their spacing."""
    before_ms = turn.house.now_ms  # on the old boot's clock, as the alarm's own moments are
    held_from_ms = alarm.held_ms if alarm.held_ms is not None else before_ms
    ladder_ms = (alarm.ladder_from_ms or 0) - held_from_ms
    steady_ms = (alarm.steady_from_ms or 0) - before_ms
    moved = replace(alarm, stage="raised", ladder_from_ms=ladder_ms, steady_from_ms=steady_ms)
    waits = [due for due in (step_due_ms(moved), _round_due_ms(moved)) if due is not None]
    at_once_ms = turn.now.ms - min(waits, default=0)
    far = alarm.light_until_ms is not None and alarm.light_until_ms >= FAR_MS
    return replace(
        alarm,
        ladder_from_ms=at_once_ms + ladder_ms,
        steady_from_ms=at_once_ms + steady_ms,
        siren_until_ms=None if alarm.siren_until_ms is None else turn.now.ms + SIREN_MS,
        light_until_ms=None if alarm.light_until_ms is None else FAR_MS if far else turn.now.ms + SIREN_MS,
        relay_until_ms=alarm.relay_until_ms if alarm.relay_until_ms == FAR_MS else None,
    )
