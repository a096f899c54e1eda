"""What the home sees and hears as long as it is so: a projection of the state, so that a restart restores it."""

from collections.abc import Sequence
from typing import Literal

from rules.alarm import Alarm
from rules.kinds import TEST
from rules.state import Fault, House
from rules.values import Value

Light = Literal["off", "on", "slow", "fast"]
Tone = Literal["none", "pending", "calling", "no-line", "waiting"]
Alert = Literal["none", "pending", "calling", "no-line", "arrived", "someone", "reminder"]

QUIET_FAULTS = frozenset({"clock", "event-rejected", "conflict", "certificate", "test-missing"})
"""Faults that the centre sees but a resident need not be troubled with."""

URGENT = 1
"""S7: a fault of this priority shows at once. Others wait for the morning; the centre has them all at once."""


class Display(Value, frozen=True, omit_defaults=False):
    """Lights and sustained sounds.

    `call`: slow while the call may still be cancelled, fast while it is going out, on once it has
    arrived. `arrived` and `someone` are on when that is so for every alarm that sounds. `fault`:
    slow when something is unwell. `tone`: `pending` (cancel now if you wish), `calling`, `no-line`
    (trying again), `waiting` (arrived, nobody has it yet). `beacon` and `relay` are what steps of a ladder have
    switched on: a flashing light, a door's release. `prompt`: slow while a reminder waits for an answer, on while only
    a message does. `alert` says the stage of a call, or that there is a reminder, by a flashing lamp or a vibrating pad
    on a relay. `quiet`: people rest. `discreet`: nothing is to be said aloud
    that nobody asked for, as a silent alarm is open (S1).
    """

    call: Light = "off"
    arrived: Light = "off"
    someone: Light = "off"
    fault: Light = "off"
    tone: Tone = "none"
    siren: bool = False
    beacon: Light = "off"
    relay: bool = False
    prompt: Light = "off"
    alert: Alert = "none"
    quiet: bool = False
    discreet: bool = False


def project(house: House) -> Display:
    """Give what the home must see and hear now. Silent alarms show nothing (S1)."""
    alarms = [alarm for alarm in house.alarms if not alarm.silent]
    fault: Light = "slow" if any(_shown(house, each) for each in house.faults) else "off"
    quiet = house.quiet or house.night
    discreet = any(alarm.silent and alarm.kind != TEST.name for alarm in house.alarms)
    prompt = _prompt(house)
    relay = any(alarm.relay_until_ms is not None for alarm in house.alarms)  # makes no sound: a silent one's too
    if not alarms:
        alert: Alert = "reminder" if prompt == "slow" else "none"
        return Display(fault=fault, relay=relay, prompt=prompt, alert=alert, quiet=quiet, discreet=discreet)
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
        prompt=prompt,
        alert=_alert(alarms),
        quiet=quiet,
        discreet=discreet,
    )


def _prompt(house: House) -> Light:
    if any(each.state == "prompting" for each in house.prompts):
        return "slow"
    return "on" if any(each.times for each in house.messages) else "off"


def _shown(house: House, fault: Fault) -> bool:
    if fault.priority > URGENT and (house.quiet or house.night):
        return False
    if fault.fault == "alarm-rejected":
        alarm = house.alarm(fault.subject)
        return alarm is None or not alarm.silent  # S1: silent, whatever fails
    return fault.fault not in QUIET_FAULTS


def _alert(alarms: Sequence[Alarm]) -> Alert:
    """What the centre quietens are sounds: this goes on."""
    news = _news(alarms)
    return "arrived" if news == "waiting" else "someone" if news == "none" else news


def _tone(house: House) -> Tone:
    return _news([each for each in house.alarms if not each.silent and not each.silenced])


def _news(alarms: Sequence[Alarm]) -> Tone:
    """The worst news wins: one alarm without a line is not drowned by another that arrived. None: somebody has all."""
    raised = [alarm for alarm in alarms if alarm.stage == "raised"]
    if any(alarm.late for alarm in raised):
        return "no-line"
    if any(alarm.delivery == "waiting" for alarm in raised):
        return "calling"
    if any(alarm.stage == "pending" for alarm in alarms):
        return "pending"
    return "waiting" if raised else "none"
