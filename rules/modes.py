"""Home, away, engineer. Engineer mode marks alarms as tests and ends by itself; it suppresses nothing."""

from rules.events import Mode
from rules.state import House
from rules.turn import Turn

ENGINEER_MS = 60 * 60_000
"""How long engineer mode lasts (DESIGN §4)."""


def set_mode(turn: Turn, mode: Mode) -> None:
    """Change the mode."""
    turn.update(mode=mode, mode_until_ms=turn.now.ms + ENGINEER_MS if mode == "engineer" else None)


def mode_due_ms(house: House) -> int | None:
    """When engineer mode ends."""
    return house.mode_until_ms


def on_mode_due(turn: Turn) -> None:
    """Engineer mode has lasted long enough: a forgotten one must not hide real alarms."""
    set_mode(turn, "home")
