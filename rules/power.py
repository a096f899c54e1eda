"""Power: a mains failure is reported after a while that differs from home to home, a dying battery at once (S7)."""

import zlib

from msgspec.structs import replace

from rules.events import PowerChanged
from rules.faults import clear_fault, raise_fault, standing
from rules.state import House, Power
from rules.turn import Turn

LATEST_MS = 170_000
"""A mains failure is reported by then; the rest of DESIGN §5's 180 s is for noticing it, and for the way to the centre.

Each home waits a time of its own: a cut that takes the whole town must not have every hub call in the same second.
"""

LOW_PERCENT, LOW_HOURS = 15, 1.0
"""A battery with so little left is critical: somebody must know while the hub can still say so."""

WELL_PERCENT = 25
"""And well again from here, so that a charge at the limit is one fault and not many."""

_HOUR_MS = 3_600_000


def on_power_changed(turn: Turn, event: PowerChanged) -> None:
    """Note what the hub runs on. The mains coming back ends the fault at once, with how long it was away."""
    before = turn.house.power
    since_ms = before.since_ms if event.mains is before.mains else turn.now.ms
    turn.update(
        power=Power(
            mains=event.mains,
            battery=event.battery,
            hours_left=event.hours_left,
            since_ms=since_ms,
            due_ms=_report_ms(turn, since_ms) if event.mains is False else None,
        )
    )
    if event.mains is not False:
        clear_fault(turn, "mains", "")
    _judge_battery(turn, event)


def _report_ms(turn: Turn, since_ms: int) -> int | None:
    house = turn.house
    if standing(house, "mains", ""):
        return None
    earliest_ms = min(house.plan.supervision.mains_ms, LATEST_MS)
    dice = zlib.crc32(f"{house.config.hub} {house.boot}".encode())
    return since_ms + earliest_ms + dice % (LATEST_MS - earliest_ms + 1)


def _judge_battery(turn: Turn, event: PowerChanged) -> None:
    low = (
        event.critical
        or (event.battery is not None and event.battery <= LOW_PERCENT)
        or (event.mains is False and event.hours_left is not None and event.hours_left <= LOW_HOURS)
    )
    if low:
        raise_fault(turn, "battery", "", 1, said(turn.house))
    elif event.battery is None or event.battery >= WELL_PERCENT:
        clear_fault(turn, "battery", "")


def power_due_ms(house: House) -> int | None:
    """When a mains failure is reported. Whoever answers an alarm of this home must know it at once."""
    due_ms = house.power.due_ms
    if due_ms is not None and any(_answered(alarm.stage, alarm.test, alarm.silent) for alarm in house.alarms):
        return house.power.since_ms
    return due_ms


def _answered(stage: str, test: bool, silent: bool) -> bool:  # noqa: FBT001 -- an alarm's own
    return stage != "pending" and not test and not silent  # S1: no lamp comes on because of a silent alarm


def on_power_due(turn: Turn) -> None:
    """Report that the mains has been off since when, and how long the hub can go on."""
    power = turn.house.power
    turn.update(power=replace(power, due_ms=None))
    raise_fault(turn, "mains", "", 2, said(turn.house), since_ms=power.since_ms)


def hours_left(house: House) -> float | None:
    """Give how long the hub can go on without mains: the battery's word, else what the care plan knows of this box."""
    power = house.power
    if power.mains is not False:
        return None
    if power.hours_left is not None:
        return round(power.hours_left, 1)
    whole = house.plan.power_cut.hub_ms / _HOUR_MS
    if power.battery is not None:
        return round(whole * power.battery / 100, 1)
    return round(max(0.0, whole - (house.now_ms - power.since_ms) / _HOUR_MS), 1)


def said(house: House) -> str:
    """Say what there is left, for people: `on battery, 80 %, 6.5 h left`."""
    power, left = house.power, hours_left(house)
    parts = ["on battery" if power.mains is False else "on mains"]
    if power.battery is not None:
        parts.append(f"{power.battery} %")
    if left is not None:
        guess = "" if power.hours_left is not None else "about "
        parts.append(f"{guess}{left:g} h left")
    return ", ".join(parts)


def after_reboot(turn: Turn) -> None:
    """S6: what it runs on is told anew; a mains failure that was reported stands until the mains is seen again."""
    turn.update(power=Power(since_ms=turn.now.ms))
