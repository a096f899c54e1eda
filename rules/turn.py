"""One step under way: the house so far and the actions so far. Lives only inside `engine.step`."""

from bisect import bisect_left
from operator import attrgetter

from msgspec.structs import replace

from rules.actions import Action, Chirp, ChirpName, Send
from rules.alarm import Alarm
from rules.reports import Clock, Report, lane_of
from rules.state import House, SensorLife
from rules.values import Now


class Turn:
    """Gathers what a step changes. Behaviours read `house` and `now`, and change them through here.

    `now` goes through the moments of what was due before; `woken` is the moment of the step itself: nothing can be
    heard in this home before it.
    """

    def __init__(self, house: House, now: Now) -> None:
        self.house = house
        self.now = self.woken = now
        self.actions: list[Action] = []

    @property
    def clock(self) -> Clock:
        """The clock as it reads at this moment, for reports."""
        return Clock.read(self.house.boot, self.now)

    def update(self, **changes: object) -> None:
        """Replace fields of the house."""
        self.house = replace(self.house, **changes)

    def do(self, action: Action) -> None:
        """Ask for an action."""
        self.actions.append(action)

    def chirp(self, name: ChirpName, *, early: bool = False) -> None:
        """Ask for a short sound."""
        self.do(Chirp(name, early=early))

    def number(self, lane: str) -> int:
        """Take the next number of a lane in this epoch. Numbers start at 1 and have no gaps."""
        seq: int = getattr(self.house.counters, lane) + 1
        self.update(counters=replace(self.house.counters, **{lane: seq}))
        return seq

    def send(self, report: Report) -> str:
        """Put a report in the outbox; give the id it has from now on."""
        lane = lane_of(report)
        action = Send(self.house.epoch, lane, self.number(lane), self.now.wall_ms, report)
        self.do(action)
        return action.id

    def put_alarm(self, alarm: Alarm) -> None:
        """Remember an alarm, new or changed. Alarms keep the order they began in."""
        known = any(each.id == alarm.id for each in self.house.alarms)
        alarms = tuple(alarm if each.id == alarm.id else each for each in self.house.alarms)
        self.update(alarms=alarms if known else (*alarms, alarm))

    def drop_alarm(self, alarm: Alarm) -> None:
        """Forget an alarm that has ended. Its events stay in the journal, and in the outbox until receipted."""
        self.update(alarms=tuple(each for each in self.house.alarms if each.id != alarm.id))

    def put_sensor(self, life: SensorLife) -> None:
        """Remember what is known of a sensor."""
        lives = self.house.sensors
        place = bisect_left(lives, life.sensor, key=attrgetter("sensor"))
        known = place < len(lives) and lives[place].sensor == life.sensor
        self.update(sensors=(*lives[:place], life, *lives[place + known :]))
