"""Reception: while a receiver is jammed the home is told every minute, for a call might not be heard.

The local warning each minute is EN 50134-3's (DESIGN §5). That interference has lasted 30 s is `sensors.interference`'s
to find.
"""

from rules.events import PartChanged
from rules.state import House
from rules.turn import Turn

WARN_EVERY_MS = 60_000


def on_part_changed(turn: Turn, _event: PartChanged) -> None:
    """Begin to warn when a receiver is jammed (after `supervision`), and stop when none is."""
    jammed = any(each.fault == "part" and each.subject.startswith("reception-") for each in turn.house.faults)
    if jammed != (turn.house.warn_at_ms is not None):
        turn.update(warn_at_ms=turn.now.ms if jammed else None)


def warning_due_ms(house: House) -> int | None:
    """When the home is warned next."""
    return house.warn_at_ms


def on_warning_due(turn: Turn) -> None:
    """Warn, unless people rest or an alarm has the home's ear."""
    turn.update(warn_at_ms=turn.now.ms + WARN_EVERY_MS)
    sounding = any(not alarm.silent for alarm in turn.house.alarms)
    if not (turn.house.quiet or turn.house.night or sounding):
        turn.chirp("attention")
