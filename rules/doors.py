"""Doors: one left open for too long; and one opened at night by somebody who is then not seen in the home again."""

from msgspec.structs import replace

from rules import calendar, triggers
from rules.events import Sensor
from rules.plan import Door
from rules.state import House
from rules.turn import Turn
from rules.watched import OpenDoor, put

STEP_OUT_MS = 30_000
"""For so long after the door last moved, what stirs in the hall may be the one who goes: it proves nobody inside."""

VISITOR_MS = 10 * 60_000
"""For so long after a carer pressed the visit button, it is the carer who goes through the door."""


def opened(turn: Turn, sensor: Sensor) -> None:
    """A door was opened. At night somebody may be leaving: until one is seen inside again, the time runs."""
    rule = _rule(turn.house, sensor.id)
    if rule is None:
        return
    known = _door(turn.house, sensor.id)
    gone_ms = known.gone_ms
    if gone_ms is None and _is_watched(turn, rule):
        gone_ms = turn.now.ms + rule.back_ms
    door = replace(known, open_ms=turn.now.ms, moved_ms=turn.now.ms, gone_ms=gone_ms, told=False)
    turn.update(doors=put(turn.house.doors, door))


def _is_watched(turn: Turn, rule: Door) -> bool:
    pressed = (each.pressed_ms for each in turn.house.visitors if each.pressed_ms is not None)
    visitor = any(turn.now.ms - pressed_ms < VISITOR_MS for pressed_ms in pressed)
    return calendar.is_open(turn.house, rule.leaving) and turn.house.mode != "away" and not visitor


def closed(turn: Turn, sensor: Sensor) -> None:
    """A door was closed; whoever opened it may have closed it behind them."""
    for known in turn.house.doors:
        if known.sensor == sensor.id:
            turn.update(doors=put(turn.house.doors, replace(known, open_ms=None, moved_ms=turn.now.ms, told=False)))


def seen_inside(turn: Turn) -> None:
    """Somebody stirs inside: nobody has left, or has come back."""
    for known in turn.house.doors:
        if known.gone_ms is not None and turn.now.ms - known.moved_ms >= STEP_OUT_MS:
            turn.update(doors=put(turn.house.doors, replace(known, gone_ms=None)))


def begin(turn: Turn) -> None:
    """Keep what the plan still has watched; a door that stands open when a rule begins is open from then on."""
    known = {each.sensor: each for each in turn.house.doors}
    sensors = dict.fromkeys(rule.sensor for rule in turn.house.plan.doors)
    turn.update(doors=tuple(known.get(sensor) or _standing(turn, sensor) for sensor in sensors))


def _standing(turn: Turn, sensor: str) -> OpenDoor:
    is_open = turn.house.sensor(sensor).active
    return OpenDoor(sensor=sensor, open_ms=turn.now.ms if is_open else None, moved_ms=turn.now.ms)


def after_reboot(turn: Turn) -> None:
    """S6: the time lost is unknown: who was awaited counts as gone now, and a door that is open as just opened."""
    now_ms = turn.now.ms
    turn.update(
        doors=tuple(
            replace(
                each,
                open_ms=None if each.open_ms is None else now_ms,
                moved_ms=now_ms,
                gone_ms=None if each.gone_ms is None else now_ms,
            )
            for each in turn.house.doors
        )
    )


def resume(turn: Turn) -> None:
    """The home is not away any more: a door that is open counts from now."""
    now_ms = turn.now.ms
    doors = (replace(each, open_ms=None if each.open_ms is None else now_ms) for each in turn.house.doors)
    turn.update(doors=tuple(doors))


def door_due_ms(house: House) -> int | None:
    """When a door has been open for too long, or somebody out of it. Not while the home is away."""
    if house.mode == "away":
        return None
    dues = (due for known in house.doors for due in (known.gone_ms, _left_open_ms(house, known)) if due is not None)
    return min(dues, default=None)


def _left_open_ms(house: House, known: OpenDoor) -> int | None:
    rule = _rule(house, known.sensor)
    if rule is None or rule.open_ms is None or known.open_ms is None or known.told:
        return None  # S4: until it was closed
    return known.open_ms + rule.open_ms


def on_door_due(turn: Turn) -> None:
    """Call: first for whoever has gone out, then for what is open."""
    for known in turn.house.doors:
        if known.gone_ms is not None and known.gone_ms <= turn.now.ms:
            turn.update(doors=put(turn.house.doors, replace(known, gone_ms=None)))
            _call(turn, known, "leaving", "opened, and nobody has been seen inside since")
    for known in turn.house.doors:
        due_ms = _left_open_ms(turn.house, known)
        if due_ms is not None and due_ms <= turn.now.ms:
            turn.update(doors=put(turn.house.doors, replace(known, told=True)))
            _call(turn, known, "door-open", f"open for {(turn.now.ms - (known.open_ms or 0)) // 60_000} min")


def _call(turn: Turn, known: OpenDoor, kind: str, detail: str) -> None:
    sensor = turn.house.config.sensor(known.sensor)
    if sensor is not None:
        triggers.begin(turn, replace(sensor, kind=kind), detail, f"door.{sensor.id}")


def _rule(house: House, sensor: str) -> Door | None:
    return next((each for each in house.plan.doors if each.sensor == sensor), None)


def _door(house: House, sensor: str) -> OpenDoor:
    return next((each for each in house.doors if each.sensor == sensor), OpenDoor(sensor=sensor))
