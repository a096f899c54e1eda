"""Inactivity: nobody stirs for longer than the plan allows. The resident is warned, and then help is called.

The warning is the cancel window of the kind; whoever stirs, or presses cancel, ends it.
"""

from msgspec.structs import replace

from rules import calendar, triggers
from rules.events import Sensor
from rules.plan import Inactivity
from rules.state import House
from rules.triggers import HUB_BUTTON
from rules.turn import Turn
from rules.watched import Stillness, put


def begin(turn: Turn, *, anew: bool = False) -> None:
    """Count for every rule of the plan: from now for those not known yet, and `anew` for all."""
    known = {each.rule: each for each in turn.house.still}
    fresh = Stillness(rule="", since_ms=turn.now.ms)
    kept = [replace(known.get(rule.name, fresh), rule=rule.name) for rule in turn.house.plan.inactivity]
    turn.update(still=tuple(replace(each, since_ms=turn.now.ms) if anew else each for each in kept))


def stirred(turn: Turn, sensor: Sensor) -> None:
    """Somebody stirs. Any activity ends a warning; a rule counts anew from what its own sensors tell.

    A press at the hub itself counts for every rule.
    """
    warnings = [each for each in turn.house.alarms if each.kind == "inactivity" and each.stage == "pending"]
    triggers.cancel(turn, warnings)
    for rule in turn.house.plan.inactivity:
        if warnings or sensor.id == HUB_BUTTON.id or not rule.sensors or sensor.id in rule.sensors:
            new = Stillness(rule=rule.name, since_ms=turn.now.ms, last=sensor.id)
            turn.update(still=put(turn.house.still, new))


def inactivity_due_ms(house: House) -> int | None:
    """When nobody has stirred for too long. Nothing is counted while the home is away."""
    if house.mode == "away":
        return None
    dues = (_due_ms(house, rule) for rule in house.plan.inactivity)
    return min((due for due in dues if due is not None), default=None)


def _due_ms(house: House, rule: Inactivity) -> int | None:
    known = next((each for each in house.still if each.rule == rule.name), None)
    if known is None or known.told:
        return None  # S4: as long as nobody stirs it is one stimulus
    return calendar.limit_due_ms(house, rule.window, known.since_ms, rule.limit_ms, from_opening=True)


def on_inactivity_due(turn: Turn) -> None:
    """Warn the resident, and so begin an alarm, where somebody was last seen."""
    for rule in turn.house.plan.inactivity:
        due_ms = _due_ms(turn.house, rule)
        if due_ms is None or due_ms > turn.now.ms:
            continue
        (known,) = [each for each in turn.house.still if each.rule == rule.name]
        turn.update(still=put(turn.house.still, replace(known, told=True)))
        seen = turn.house.config.sensor(known.last) or HUB_BUTTON
        minutes = (turn.now.ms - known.since_ms) // 60_000
        place = replace(seen, kind="inactivity")
        triggers.begin(turn, place, f"nobody has stirred for {minutes} min", f"inactivity.{rule.name}")
