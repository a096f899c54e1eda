"""A hub's turns, without I/O: what is journalled replays to what was decided."""

import msgspec

from agent.hub import Hub, rank_of
from agent.inbox import Arrival
from rules.actions import Action, Send
from rules.engine import step
from rules.events import AnyEvent, Config, Event, InstallerAsked, Sensor, Started, Tick, Triggered
from rules.reports import AlarmRaised
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


def test_s5_an_installers_test_alarm_never_goes_before_a_real_one() -> None:
    hub = Hub(House())
    events = (Started("boot", "epoch", CONFIG), InstallerAsked("test-alarm"), Triggered("pendant"), Tick())
    ranks = [
        (action.report.test, rank_of(action))
        for second, event in enumerate(events)
        for action in hub.turn([Arrival(Now(20_000 * second, 0), event)]).actions
        if isinstance(action, Send) and isinstance(action.report, AlarmRaised)
    ]
    assert ranks == [(True, 1), (False, 0)]
