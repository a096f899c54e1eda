"""A bed or a chair that is left and not returned to within the plan's time.

It counts when it is left while the window is open: who has not gone to bed yet has not left it.
"""

from msgspec.structs import replace

from rules import calendar, triggers
from rules.events import Sensor
from rules.plan import Absence
from rules.state import House
from rules.turn import Turn
from rules.watched import Left, put


def left(turn: Turn, sensor: Sensor) -> None:
    """The bed or the chair was in use, and is not any more."""
    if turn.house.mode != "away":
        turn.update(left=put(turn.house.left, Left(sensor=sensor.id, since_ms=turn.now.ms)))


def returned(turn: Turn, sensor: Sensor) -> None:
    """Somebody is in it."""
    turn.update(left=tuple(each for each in turn.house.left if each.sensor != sensor.id))


def begin(turn: Turn) -> None:
    """Keep what the plan still has watched."""
    watched = {rule.sensor for rule in turn.house.plan.absences}
    turn.update(left=tuple(each for each in turn.house.left if each.sensor in watched))


def forget(turn: Turn) -> None:
    """The home was away: whoever comes back has to have been in bed again before that can be left."""
    turn.update(left=())


def after_reboot(turn: Turn) -> None:
    """S6: the time lost is unknown: what counted counts anew. Before the windows are read on the new boot's clock."""
    counted = [each for each in turn.house.left if each.told or any(_dues(turn.house, each))]
    turn.update(left=tuple(replace(each, since_ms=turn.now.ms) for each in counted))


def absence_due_ms(house: House) -> int | None:
    """When somebody has been up for too long. Nothing is counted while the home is away."""
    if house.mode == "away":
        return None
    return min((due for known in house.left for due, _ in _dues(house, known)), default=None)


def _dues(house: House, known: Left) -> list[tuple[int, Absence]]:
    if known.told:
        return []  # S4: until somebody was in it again
    rules = (rule for rule in house.plan.absences if rule.sensor == known.sensor)
    dues = [
        (calendar.limit_due_ms(house, rule.window, known.since_ms, rule.limit_ms, from_opening=False), rule)
        for rule in rules
    ]
    return [(due, rule) for due, rule in dues if due is not None]


def on_absence_due(turn: Turn) -> None:
    """Call for whoever did not come back."""
    for known in turn.house.left:
        if any(due <= turn.now.ms for due, _ in _dues(turn.house, known)):
            turn.update(left=put(turn.house.left, replace(known, told=True)))
            sensor = turn.house.config.sensor(known.sensor)
            if sensor is not None:
                minutes = (turn.now.ms - known.since_ms) // 60_000
                triggers.begin(turn, sensor, f"left {minutes} min ago", f"absence.{sensor.id}")
