"""What the home sees and hears as long as it is so: a projection of the state, so that a restart restores it."""

from typing import Literal

from rules.state import Fault, House
from rules.values import Value

Light = Literal["off", "on", "slow", "fast"]
Tone = Literal["none", "pending", "calling", "no-line", "waiting"]

QUIET_FAULTS = frozenset({"clock", "event-rejected", "conflict", "certificate", "test-missing"})
"""Faults that the centre sees but a resident need not be troubled with."""


class Display(Value, frozen=True, omit_defaults=False):
    """Lights and sustained sounds.

    `call`: slow while the call may still be cancelled, fast while it is going out, on once it has
    arrived. `arrived` and `someone` are on when that is so for every alarm that sounds. `fault`:
    slow when something is unwell. `tone`: `pending` (cancel now if you wish), `calling`, `no-line`
    (trying again), `waiting` (arrived, nobody has it yet). `beacon` and `relay` are what steps of a ladder have
    switched on: a flashing light, a door's release.
    """

    call: Light = "off"
    arrived: Light = "off"
    someone: Light = "off"
    fault: Light = "off"
    tone: Tone = "none"
    siren: bool = False
    beacon: Light = "off"
    relay: bool = False


def project(house: House) -> Display:
    """Give what the home must see and hear now. Silent alarms show nothing (S1)."""
    alarms = [alarm for alarm in house.alarms if not alarm.silent]
    fault: Light = "slow" if any(_shown(house, each) for each in house.faults) else "off"
    relay = any(alarm.relay_until_ms is not None for alarm in house.alarms)  # makes no sound: a silent one's too
    if not alarms:
        return Display(fault=fault, relay=relay)
    arrived = all(alarm.delivery == "received" for alarm in alarms)
    someone = all(alarm.stage == "acknowledged" for alarm in alarms)
    pending = all(alarm.stage == "pending" for alarm in alarms)
    call: Light = "on" if arrived or someone else "slow" if pending else "fast"
    return Display(
        call=call,
        arrived="on" if arrived else "off",
        someone="on" if someone else "off",
        fault=fault,
        tone=_tone(house),
        siren=any(alarm.siren_until_ms is not None for alarm in alarms),
        beacon="fast" if any(alarm.light_until_ms is not None for alarm in alarms) else "off",
        relay=relay,
    )


def _shown(house: House, fault: Fault) -> bool:
    if fault.fault == "alarm-rejected":
        alarm = house.alarm(fault.subject)
        return alarm is None or not alarm.silent  # S1: silent, whatever fails
    return fault.fault not in QUIET_FAULTS


def _tone(house: House) -> Tone:
    """The worst news wins: one alarm without a line is not drowned by another that arrived."""
    heard = [each for each in house.alarms if not each.silent and not each.silenced and each.stage != "acknowledged"]
    raised = [alarm for alarm in heard if alarm.stage == "raised"]
    if any(alarm.late for alarm in raised):
        return "no-line"
    if any(alarm.delivery == "waiting" for alarm in raised):
        return "calling"
    if any(alarm.stage == "pending" for alarm in heard):
        return "pending"
    return "waiting" if raised else "none"
