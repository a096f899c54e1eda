"""Home, away, engineer. Engineer mode marks alarms as tests and ends by itself; it suppresses nothing.

Away pauses what is watched of people; a cry for help always alarms, and ends it.
"""

from msgspec.structs import replace

from rules import supervision, watch
from rules.events import CallPressed, Mode, Triggered
from rules.state import House
from rules.turn import Turn

ENGINEER_MS = 60 * 60_000
"""How long engineer mode lasts (DESIGN §4)."""

CRIES = frozenset({"pendant", "button", "pull-cord", "fall"})
"""Kinds of sensor by which somebody calls: so somebody is at home."""


def set_mode(turn: Turn, mode: Mode) -> None:
    """Change the mode."""
    was_away = turn.house.mode == "away"
    if turn.house.mode == "engineer" != mode:
        _take_levels_anew(turn)
    turn.update(mode=mode, mode_until_ms=turn.now.ms + ENGINEER_MS if mode == "engineer" else None)
    if was_away and mode != "away":
        watch.on_home_again(turn)
        supervision.on_home_again(turn)


def _take_levels_anew(turn: Turn) -> None:
    """S4: a floor that got wet while everything was a test, and still is, has called nobody: told again, it is real."""
    turn.update(
        sensors=tuple(
            replace(life, unsure=life.unsure or (life.active and life.tested), tested=False)
            for life in turn.house.sensors
        )
    )


def on_triggered(turn: Turn, event: Triggered) -> None:
    """Somebody who calls is at home. A contact that is still closed is no new call."""
    sensor = turn.house.config.sensor(event.sensor)
    again = event.sustained and turn.house.sensor(event.sensor).active
    if sensor is not None and sensor.kind in CRIES and not again:
        _back_home(turn)


def on_call_pressed(turn: Turn, _event: CallPressed) -> None:
    """Somebody calls at the hub."""
    _back_home(turn)


def _back_home(turn: Turn) -> None:
    if turn.house.mode == "away":
        set_mode(turn, "home")


def mode_due_ms(house: House) -> int | None:
    """When engineer mode ends."""
    return house.mode_until_ms


def on_mode_due(turn: Turn) -> None:
    """Engineer mode has lasted long enough: a forgotten one must not hide real alarms."""
    set_mode(turn, "home")
