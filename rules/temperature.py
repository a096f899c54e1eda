"""Rooms too cold or too hot: one alarm for a spell, and at most one a day each way for each sensor."""

from msgspec.structs import replace

from rules import calendar, triggers
from rules.events import Measured
from rules.plan import Temperature
from rules.state import House
from rules.turn import Turn
from rules.watched import Spell, put

DAY_MS = 24 * 3_600_000
"""A day on a hub whose wall clock is not known."""

COLDEST, HOTTEST = -40.0, 80.0
"""°C. What is beyond is a broken sensor (a cut wire reads as -127 °C or 85 °C), not a room."""


def on_measured(turn: Turn, event: Measured) -> None:
    """Take a room's temperature, in °C."""
    if event.quantity != "temperature" or not COLDEST < event.value < HOTTEST:
        return
    for rule in turn.house.plan.temperatures:
        if rule.sensor == event.sensor:
            for spell in _spells(turn.house, rule, event.value):
                turn.update(spells=put(turn.house.spells, spell))


def _spells(house: House, rule: Temperature, value: float) -> list[Spell]:
    found = []
    if rule.low is not None:
        found.append(_spell(house, Spell(sensor=rule.sensor, kind="cold"), rule.low - value, rule.hysteresis))
    if rule.high is not None:
        found.append(_spell(house, Spell(sensor=rule.sensor, kind="heat"), value - rule.high, rule.hysteresis))
    return [replace(each, value=value) for each in found]


def _spell(house: House, fresh: Spell, beyond: float, hysteresis: float) -> Spell:
    """Give the spell: it begins beyond the bound, and ends a hysteresis within it."""
    known = next((each for each in house.spells if (each.sensor, each.kind) == (fresh.sensor, fresh.kind)), None)
    if known is None or not known.lasts:
        return replace(known or fresh, lasts=beyond > 0, told=False)
    return replace(known, lasts=beyond > -hysteresis)


def begin(turn: Turn) -> None:
    """Keep what the plan still has watched."""
    rules = turn.house.plan.temperatures
    watched = {(rule.sensor, "cold") for rule in rules if rule.low is not None}
    watched |= {(rule.sensor, "heat") for rule in rules if rule.high is not None}
    turn.update(spells=tuple(each for each in turn.house.spells if (each.sensor, each.kind) in watched))


def after_reboot(turn: Turn) -> None:
    """S6: how long ago the last alarm was is unknown; its date is not. A second one is better than none."""
    turn.update(spells=tuple(replace(each, alarm_ms=None) for each in turn.house.spells))


def temperature_due_ms(house: House) -> int | None:
    """When a spell that lasts may become an alarm: at once, unless there was one today."""
    untold = (each for each in house.spells if each.lasts and not each.told)
    return min((_may_ms(house, each) for each in untold), default=None)


def _may_ms(house: House, spell: Spell) -> int:
    today = calendar.hours(house, calendar.DAY)
    if house.clock_known and spell.alarm_date:
        tomorrow_ms = today.until_ms if today.until_ms is not None else house.now_ms
        return tomorrow_ms if spell.alarm_date == today.date else house.now_ms
    return house.now_ms if spell.alarm_ms is None else spell.alarm_ms + DAY_MS


def on_temperature_due(turn: Turn) -> None:
    """Call because of a room that is too cold or too hot."""
    for spell in turn.house.spells:
        if not spell.lasts or spell.told or _may_ms(turn.house, spell) > turn.now.ms:
            continue
        date = calendar.hours(turn.house, calendar.DAY).date if turn.house.clock_known else ""
        told = replace(spell, told=True, alarm_date=date, alarm_ms=turn.now.ms)
        turn.update(spells=put(turn.house.spells, told))
        sensor = turn.house.config.sensor(spell.sensor)
        if sensor is not None:
            place = replace(sensor, kind=spell.kind)
            triggers.begin(turn, place, f"{spell.value:.1f} °C", f"temperature.{sensor.id}")
