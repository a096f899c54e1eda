"""The ladder: what else is done, and when, while nobody has an alarm. Built in for now; care plans bring others."""

from typing import Literal

from msgspec.structs import replace

from rules.alarm import Alarm
from rules.reports import AlarmEscalated
from rules.state import House
from rules.triggers import facts
from rules.turn import Turn
from rules.values import Value

SIREN_MS = 5 * 60_000
"""How long the siren sounds: neighbours must hear it, and the box's battery must outlast it."""


class Step(Value, frozen=True):
    """One step: `after_ms` from the raise, by this means, unless the alarm has got so far by then."""

    after_ms: int
    means: Literal["siren"]
    unless: Literal["received"]


LADDER: tuple[Step, ...] = (Step(60_000, "siren", unless="received"),)
"""The built-in ladder. The centre itself is called at the raise and for ever after (S3), which is no step."""


def ladder_due_ms(house: House) -> int | None:
    """When the next step of any ladder is due. It runs whether the link is up, down or lying (S3)."""
    return min((due for alarm in house.alarms if (due := _step_due_ms(alarm)) is not None), default=None)


def _step_due_ms(alarm: Alarm) -> int | None:
    if alarm.stage != "raised" or alarm.ladder_from_ms is None or alarm.step_taken >= len(LADDER):
        return None
    return alarm.ladder_from_ms + LADDER[alarm.step_taken].after_ms


def on_ladder_due(turn: Turn) -> None:
    """Take every step that is due."""
    for alarm in turn.house.alarms:
        due_ms = _step_due_ms(alarm)
        if due_ms is not None and due_ms <= turn.now.ms:
            _take(turn, alarm)


def _take(turn: Turn, alarm: Alarm) -> None:
    taken = replace(alarm, step_taken=alarm.step_taken + 1)
    if alarm.delivery != "received" and not alarm.silent:  # S1: a siren is no step for a silent kind
        step = LADDER[alarm.step_taken]
        turn.send(AlarmEscalated(**facts(turn, alarm), step=taken.step_taken, means=step.means))
        taken = replace(taken, siren_until_ms=turn.now.ms + SIREN_MS)
    turn.put_alarm(taken)


def siren_due_ms(house: House) -> int | None:
    """When the next siren has sounded long enough."""
    return min((each.siren_until_ms for each in house.alarms if each.siren_until_ms is not None), default=None)


def on_siren_due(turn: Turn) -> None:
    """Stop sirens that have sounded long enough. The alarm itself goes on."""
    for alarm in turn.house.alarms:
        if alarm.siren_until_ms is not None and alarm.siren_until_ms <= turn.now.ms:
            turn.put_alarm(replace(alarm, siren_until_ms=None))
