"""Readings beyond a plan's bounds: rooms too cold or too hot, and what somebody measures. One alarm a day each way.

A room's spell lasts until it is well within its bound again, and is one alarm; a second one of a day is told at
midnight, if it still lasts. What somebody measures is over when it is measured: another one of that day tells nothing
new, and tomorrow's is judged anew. None of it is diagnosis.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from rules import calendar, triggers
from rules.events import Measured
from rules.plan import Plan
from rules.state import House
from rules.turn import Turn
from rules.values import Value
from rules.watched import Spell, put

DAY_MS = 24 * 3_600_000
"""A day on a hub whose wall clock is not known."""

COLDEST, HOTTEST = -40.0, 80.0
"""°C. What is beyond is a broken sensor (a cut wire reads as -127 °C or 85 °C), not a room or a person."""


class Bound(Value, frozen=True, kw_only=True):
    """One side of a rule of the plan. `spell` is how it begins: nothing is beyond it, nor was."""

    spell: Spell
    quantity: str
    limit: float
    hysteresis: float = 0.0

    def beyond(self, value: float) -> float:
        """Give by how much a value lies beyond the bound; negative within."""
        return self.limit - value if self.spell.kind in ("cold", "low") else value - self.limit


def _bounds(plan: Plan) -> Iterator[Bound]:
    for room in plan.temperatures:
        cold, heat = (Spell(sensor=room.sensor, kind=kind, lasts=False) for kind in ("cold", "heat"))
        for spell, limit in ((cold, room.low), (heat, room.high)):
            if limit is not None:
                yield Bound(spell=spell, quantity="temperature", limit=limit, hysteresis=room.hysteresis)
    for rule in plan.thresholds:
        low, high = (Spell(sensor=rule.sensor, kind=kind, rule=rule.name, lasts=False) for kind in ("low", "high"))
        for spell, limit in ((low, rule.low), (high, rule.high)):
            if limit is not None:
                yield Bound(spell=spell, quantity=rule.quantity, limit=limit)


def on_measured(turn: Turn, event: Measured) -> None:
    """Judge a reading by the plan's bounds."""
    if event.quantity == "temperature" and not COLDEST < event.value < HOTTEST:
        return
    for bound in _bounds(turn.house.plan):
        if (bound.spell.sensor, bound.quantity) == (event.sensor, event.quantity):
            turn.update(spells=put(turn.house.spells, _judged(turn, bound, event.value)))


def _judged(turn: Turn, bound: Bound, value: float) -> Spell:
    """Give the spell after a reading: it begins beyond the bound, and a room's ends a hysteresis within it."""
    known = next((each for each in turn.house.spells if _key(each) == _key(bound.spell)), bound.spell)
    beyond = bound.beyond(value)
    if known.rule:
        known = replace(known, lasts=beyond > 0)
        return replace(known, told=_may_ms(turn.house, known) > turn.now.ms)
    if not known.lasts:
        return replace(known, lasts=beyond > 0, told=False, value=value)
    return replace(known, lasts=beyond > -bound.hysteresis, value=value)


def _key(spell: Spell) -> tuple[str, str, str]:
    return spell.sensor, spell.kind, spell.rule


def begin(turn: Turn) -> None:
    """Keep what the plan still has watched."""
    watched = {_key(bound.spell) for bound in _bounds(turn.house.plan)}
    turn.update(spells=tuple(each for each in turn.house.spells if _key(each) in watched))


def after_reboot(turn: Turn) -> None:
    """S6: how long ago the last alarm was is unknown; its date is not. A second one is better than none."""
    turn.update(spells=tuple(replace(each, alarm_ms=None) for each in turn.house.spells))


def spell_due_ms(house: House) -> int | None:
    """When a spell that lasts may become an alarm: at once, unless there was one today."""
    untold = (each for each in house.spells if each.lasts and not each.told)
    return min((_may_ms(house, each) for each in untold), default=None)


def _may_ms(house: House, spell: Spell) -> int:
    today = calendar.hours(house, calendar.DAY)
    if house.clock_known and spell.alarm_date:
        tomorrow_ms = today.until_ms if today.until_ms is not None else house.now_ms
        return tomorrow_ms if spell.alarm_date == today.date else house.now_ms
    return house.now_ms if spell.alarm_ms is None else spell.alarm_ms + DAY_MS


def on_spell_due(turn: Turn) -> None:
    """Call because of a reading beyond its bound."""
    for spell in turn.house.spells:
        if not spell.lasts or spell.told or _may_ms(turn.house, spell) > turn.now.ms:
            continue
        date = calendar.hours(turn.house, calendar.DAY).date if turn.house.clock_known else ""
        told = replace(spell, told=True, alarm_date=date, alarm_ms=turn.now.ms)
        turn.update(spells=put(turn.house.spells, told))
        _call(turn, spell)


def _call(turn: Turn, spell: Spell) -> None:
    sensor = turn.house.config.sensor(spell.sensor)
    if sensor is None:
        return
    if not spell.rule:
        triggers.begin(turn, replace(sensor, kind=spell.kind), f"{spell.value:.1f} °C", f"temperature.{sensor.id}")
        return
    rule = next(each for each in turn.house.plan.thresholds if each.name == spell.rule)
    triggers.begin(turn, replace(sensor, kind="reading"), rule.quantity, f"threshold.{rule.name}")
