"""A resident's monthly test: the centre announces it, and the next press of that device is recognised as one.

Nobody may be left on the floor because of it. The test goes to the centre as any alarm does, but troubles nobody else;
if nobody has acknowledged it after `ANSWER_MS` it is followed by a real alarm of its own (`rules.triggers`). Smoke and
carbon monoxide are never a test.
"""

from rules.events import Sensor
from rules.faults import clear_fault, raise_fault
from rules.kinds import SENSES
from rules.plan import Step, kind_of
from rules.state import Expecting, House
from rules.turn import Turn

MINUTES_MAX = 120
MINUTES = 30
"""How long an announced test is waited for, at most and unless the centre says."""

ANSWER_MS = 5 * 60_000
"""How long a test may go unacknowledged before it is taken for a real call."""


def matches(expect: str, sensor: Sensor) -> bool:
    """Whether an announcement speaks of this sensor: by its id or its kind."""
    return expect in (sensor.id, sensor.kind)


def expect(turn: Turn, what: str, minutes: int, sensors: tuple[Sensor, ...]) -> str:
    """Expect a test from now on, in place of one expected before; give the reason if that cannot be, else "".

    `sensors` are those there are, the hub's own button among them.
    """
    house = turn.house
    named = [each for each in sensors if matches(what, each) and each.kind not in SENSES]
    if not named:
        return f"nothing here is {what!r}: name the id or the kind of a sensor that calls for help"
    if any(kind_of(house.plan, house.config.kinds, each.kind).always_real for each in named):
        return f"{what!r} is never a test: use its own test button, and tell the centre before"
    turn.update(expecting=Expecting(expect=what, until_ms=turn.now.ms + minutes * 60_000))
    return ""


def take(turn: Turn, sensor: Sensor) -> bool:
    """Whether this press is the announced test, which is over with it. Any press shows that the device works."""
    expecting = turn.house.expecting
    for missing in (sensor.id, sensor.kind):
        clear_fault(turn, "test-missing", missing)
    if expecting is None or not matches(expecting.expect, sensor):
        return False
    turn.update(expecting=None)
    return True


def steps(all_of: tuple[Step, ...]) -> tuple[Step, ...]:
    """Give the steps of a ladder that a test takes: those that reach the centre; no siren, no door, nobody's sleep."""
    return tuple(step for step in all_of if step.means == "centre")


def expecting_due_ms(house: House) -> int | None:
    """When an announced test counts as missing."""
    return None if house.expecting is None else house.expecting.until_ms


def on_expecting_due(turn: Turn) -> None:
    """Nobody pressed: the centre must know, and from now on every press is real again."""
    expecting = turn.house.expecting
    turn.update(expecting=None)
    if expecting is not None:
        raise_fault(turn, "test-missing", expecting.expect, 4, "the announced test did not come")
