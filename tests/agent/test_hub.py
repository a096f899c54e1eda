"""A hub's turns, without I/O: what is journalled replays to what was decided."""

import msgspec

from agent.hub import Hub
from agent.inbox import Arrival
from rules.actions import Action
from rules.engine import step
from rules.events import AnyEvent, Config, Event, Sensor, Started, Tick, Triggered
from rules.state import House
from rules.values import Now

CONFIG = Config(hub="hub-1", sensors=(Sensor("pendant", "pendant", "worn"),))


def test_s6_a_deadline_met_before_a_crash_replays_before_the_next_start() -> None:
    """The cancel window ends while the process lives: the alarm has an id of the old epoch, also when replayed."""
    hub = Hub(House())
    story: list[tuple[int, Event]] = [
        (0, Started("boot", "old", CONFIG)),
        (1_000, Triggered("pendant")),
        (11_000, Tick()),
        (20_000, Started("boot", "new", CONFIG)),
    ]
    turns = [hub.turn([Arrival(Now(ms, ms), event)]) for ms, event in story]
    live = [action for turned in turns for action in turned.actions]
    house, replayed = House(), list[Action]()
    for entry in (entry for turned in turns for entry in turned.batch.entries):
        house, actions = step(house, entry.now, msgspec.json.decode(entry.event, type=AnyEvent))
        replayed.extend(actions)
    assert replayed == live
    assert house == hub.house
    assert house.alarms[0].raised_ref == "old-a-2"
