"""Somebody has it: acknowledging, renewing, lapsing (S3), resolving."""

from typing import Literal

from msgspec.structs import replace

from rules import texts
from rules.alarm import Alarm, Holder, moved
from rules.events import HelpArrived
from rules.faults import clear_fault
from rules.reports import AlarmAcknowledged, AlarmLapsed, AlarmResolved
from rules.state import House
from rules.triggers import facts
from rules.turn import Turn

HOLD_MS: dict[Holder, int] = {"centre": 30 * 60_000, "contact": 45 * 60_000, "home": 45 * 60_000}
"""How long an acknowledgement lasts unless renewed (DESIGN §3 S3); a helper at home counts as a contact."""


def acknowledge(turn: Turn, alarm: Alarm, by: Holder, contact: str = "") -> None:
    """Give an alarm to somebody, or renew that. The first to acknowledge owns it; others are told.

    Raises IllegalTransitionError for an alarm that is still pending.
    """
    stage = moved(alarm.stage, "acknowledge")
    renewed = alarm.stage == "acknowledged"
    lapse_at_ms = max(turn.now.ms + HOLD_MS[by], alarm.lapse_at_ms or 0)
    turn.put_alarm(
        replace(
            alarm,
            stage=stage,
            holder=alarm.holder if renewed else by,
            contact=alarm.contact if renewed else contact,
            held_ms=alarm.held_ms if renewed else turn.now.ms,
            lapse_at_ms=lapse_at_ms,
            siren_until_ms=None,
            real_at_ms=None,
        )
    )
    lapses_in_ms = lapse_at_ms - turn.now.ms
    report = AlarmAcknowledged(**facts(turn, alarm), by=by, renewed=renewed, lapses_in_ms=lapses_in_ms, contact=contact)
    turn.send(report)
    texts.settle(turn, alarm, "taken", spare=alarm.contact if renewed else contact)  # whoever owns it goes on
    if not alarm.silent and (by == "home" or not renewed):  # whoever holds the button must hear that it took
        turn.chirp("someone-has-it")


def on_help_arrived(turn: Turn, _event: HelpArrived) -> None:
    """A responder stands at the hub: every sounding alarm that was raised is theirs. Delivery goes on."""
    for alarm in turn.house.alarms:
        if alarm.stage in ("raised", "acknowledged") and not alarm.silent:
            acknowledge(turn, alarm, "home")


def lapse_due_ms(house: House) -> int | None:
    """When the next acknowledgement runs out."""
    return min((each.lapse_at_ms for each in house.alarms if each.lapse_at_ms is not None), default=None)


def on_lapse_due(turn: Turn) -> None:
    """Take up every alarm whose acknowledgement ran out."""
    for alarm in turn.house.alarms:
        if alarm.lapse_at_ms is not None and alarm.lapse_at_ms <= turn.now.ms:
            lapse(turn, alarm, "time")


def lapse(turn: Turn, alarm: Alarm, why: str) -> None:
    """S3: never abandon. The alarm is raised again and its ladder goes on from where it was held."""
    stage = moved(alarm.stage, "lapse")
    held_ms = turn.now.ms - (alarm.held_ms if alarm.held_ms is not None else turn.now.ms)
    ladder_from_ms = (alarm.ladder_from_ms or 0) + held_ms
    report = AlarmLapsed(**facts(turn, alarm), by=alarm.holder or "centre", why="reboot" if why == "reboot" else "time")
    turn.put_alarm(
        replace(
            alarm,
            stage=stage,
            holder=None,
            contact="",
            held_ms=None,
            lapse_at_ms=None,
            ladder_from_ms=ladder_from_ms,
            silenced=False,
        )
    )
    turn.send(report)
    texts.resume(turn, alarm)
    if not alarm.silent:
        turn.chirp("lapsed")


def resolve(turn: Turn, alarm: Alarm, outcome: str, by: Literal["centre", "hub"] = "centre") -> None:
    """Close an alarm, as only the centre may unless it is a test. Raises IllegalTransitionError for a pending one."""
    moved(alarm.stage, "resolve")
    turn.drop_alarm(alarm)
    turn.send(AlarmResolved(**facts(turn, alarm), by=by, outcome=outcome))
    clear_fault(turn, "alarm-rejected", alarm.id)
    texts.settle(turn, alarm, "over")
    if not alarm.silent:
        turn.chirp("resolved")
