"""A week without a line, lived through in a moment: the real rules make its events, the real store keeps them."""

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from agent.config import load, rules_config
from agent.hub import Hub
from agent.inbox import Arrival
from agent.store.opening import open_store
from rules.events import CancelPressed, Event, Measured, Started, Triggered
from rules.values import Now
from sensors.registry import driver_type

WEEK_MS = 7 * 86_400_000
WEEK_EVENTS = 1_400
"""200 a day: a busy home."""

BOOT, EPOCH = "0123456789ab", "7dayslong0"

_TOGETHER = 32
_PRESS_AT = 100
"""After so many events somebody presses the pendant, and cancels."""


def live_through(config: Path, count: int, wall_ms: int) -> frozenset[str]:
    """Fill the store of a hub that does not run with at least `count` events, up to the wall time given.

    Gives the ids that wait. Raises what the configuration and the store raise.
    """
    settings = load(config)
    rules = rules_config(settings, lambda name: driver_type(name).heartbeat_ms, "demo")
    hub, waiting = Hub.restore(None), set[str]()
    days = _days(count, wall_ms - WEEK_MS)
    with closing(open_store(settings.state_dir / "hub.db").store) as store:
        arrivals = [Arrival(Now(0, wall_ms - WEEK_MS, synced=True), Started(BOOT, EPOCH, rules))]
        while len(waiting) < count:
            turned = hub.turn(arrivals)
            store.commit(turned.batch)
            waiting.update(row.id for row in turned.rows)
            arrivals = list(islice(days, _TOGETHER))
    return frozenset(waiting)


def _days(count: int, wall_ms: int) -> Iterator[Arrival]:
    """Measure this and that, for ever; and once, press and cancel."""
    for number in range(1, 2 * count + _PRESS_AT):
        ms = WEEK_MS * number // count
        for after_ms, event in enumerate(_happens(number)):
            yield Arrival(Now(ms + after_ms, wall_ms + ms + after_ms, synced=True), event)


def _happens(number: int) -> tuple[Event, ...]:
    if number == _PRESS_AT:
        return Triggered("pendant-1", "emergency"), CancelPressed()
    sensor, quantity, value, unit = (
        ("fall-1", "signal", 60 + number % 7, "%"),
        ("water-1", "temperature", 19 + number % 30 / 10, "°C"),
        ("sos-1", "battery", 90 - number % 3, "%"),
    )[number % 3]
    return (Measured(sensor, quantity, value, unit),)
