"""Days nobody planned: sequences of events for Hypothesis, and the accounts that must balance after each of them."""

from collections import Counter, defaultdict
from typing import Any

import msgspec
from hypothesis import strategies as st

from rules.actions import Action, Restart, Send, SendCheckIn
from rules.engine import DEADLINES
from rules.events import (
    AnswerHeld,
    AnswerPressed,
    AnyEvent,
    CallPressed,
    ClockChanged,
    DriverFailed,
    DriverRecovered,
    Dropped,
    Event,
    InstallerAsked,
    Measured,
    PartChanged,
    Receipted,
    RestartWanted,
    Started,
    StorageChanged,
    Triggered,
    Troubled,
    Verb,
    Why,
)
from rules.faults import standing
from rules.kinds import SENSES, TEST, WATCH_KINDS
from rules.maintenance import LATEST_MS, SOON_MS, UNDELIVERED_MS
from rules.plan import Absence, Door, Inactivity, Information, Temperature, Threshold, Visit
from rules.projection import project
from rules.reports import TYPE_OF, AlarmCancelled, AlarmFacts, AlarmRaised, AlarmResolved
from rules.triggers import REPEAT_MS
from tests.rules.home import ROOMS, SENSORS, Home, through_json, window
from tests.rules.reminded import LID, SCALES

HOUSE_BYTES_MAX = 64 * 1024

Op = tuple[int, bool, str, int]
"""How long after the one before (ms), whether the hub wakes on time meanwhile, what happens, and to which."""

PAUSES = st.one_of(
    st.integers(-2_000, 5_000),
    st.sampled_from([0, 1, 1_999, 2_000, 2_001, 9_990, 9_999, 10_000, 10_001, 30_000, 59_999, 60_000, 120_000]),
    st.integers(0, 40 * 60_000),
    st.integers(0, 26 * 3_600_000),
)
WATCHED: dict[str, Any] = {
    "night": window("22:00", "07:00"),
    "quiet": window("21:00", "08:00"),
    "inactivity": (
        Inactivity(name="morning", limit_ms=3_600_000, window=window("07:00", "11:00")),
        Inactivity(name="always", limit_ms=12 * 3_600_000),
    ),
    "absences": (
        Absence(sensor="bed-1", limit_ms=1_800_000, window=window("22:00", "07:00")),
        Absence(sensor="chair-1", limit_ms=7_200_000),
    ),
    "doors": (Door(sensor="front", open_ms=600_000, leaving=window("22:00", "06:00")),),
    "temperatures": (Temperature(sensor="lounge", low=16.0, high=28.0),),
    "visits": (
        Visit(name="noon", sensor="carer", window=window("11:00", "13:00")),
        Visit(name="tea", sensor="carer", window=window("16:00", "17:00")),
    ),
    "information": (Information(name="bins", text="bins"),),
    "thresholds": (Threshold(name="heavy", sensor="scales-1", quantity="weight", low=50, high=70),),
}
"""A plan that has everything watched. Reminders are in those of `plans`: they go by when the hub is awake."""

FOUND = {kind.name for kind in WATCH_KINDS} | {TEST.name}
"""Kinds of alarm that nobody asked for by a press or a level."""

RESULTS = ("accepted", "accepted", "retry", "rejected", "conflict")


OFTEN = ("press", "press", "press_again", "level", "cleared", "acknowledge", "alarm_receipt", "link")
"""What makes a day interesting happens more often than chance would have it."""


def ops(names: list[str]) -> st.SearchStrategy[list[Op]]:
    each = st.tuples(PAUSES, st.booleans(), st.sampled_from([*names, *OFTEN]), st.integers(0, 400))
    return st.lists(each, min_size=15, max_size=60)


class Day(Home):
    """A home that plays `Op`s. What an op is about is looked up when it is played, so any list is a valid day."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.seqs: Counter[tuple[str, str]] = Counter()
        self.clocks: dict[str, int] = {}
        self.triggers: dict[str, int] = {}
        self.ends: Counter[str] = Counter()
        self.raises: Counter[str] = Counter()
        self.stimuli = 0
        self.last_ms: dict[str, int] = {}
        self.wet_now: dict[str, bool] = defaultdict(bool)
        self.unsure: set[str] = set()
        self.tests: set[str] = set()
        self.found: set[str] = set()
        senses = [sensor for sensor in ROOMS if sensor.kind in SENSES]
        super().__init__(*SENSORS, *senses, LID, SCALES, uplinks=("main", "backup"))
        self.answers_check_ins = False
        self.watches(**WATCHED)

    def play(self, op: Op) -> None:
        pause_ms, wakes, name, which = op
        if wakes and pause_ms > 0:
            self.after(pause_ms / 1000)
        else:
            self.ms = max(0, self.ms + pause_ms)
        getattr(self, f"do_{name}")(which)

    @classmethod
    def names(cls) -> list[str]:
        return sorted(each.removeprefix("do_") for each in dir(cls) if each.startswith("do_"))

    # --- what may happen ---

    def do_press(self, which: int) -> None:
        self.press(SENSORS[which % len(SENSORS)].id)

    def do_press_again(self, which: int) -> None:
        self.press(SENSORS[which % 3].id)

    def do_level(self, which: int) -> None:
        self.wet(("flood-1", "flood-2", "pendant-2")[which % 3])

    def do_cleared(self, which: int) -> None:
        self.dry(("flood-1", "flood-2", "pendant-2")[which % 3])

    def do_sense(self, which: int) -> None:
        sensor = ("hall", "kitchen", "front", "bed-1", "chair-1", "carer")[which % 6]
        how = (self.enters, self.leaves, self.moves)[which // 6 % 3]
        how(sensor)

    def do_temperature(self, which: int) -> None:
        self.measures(which % 40 - 5.0)

    def do_plan(self, which: int) -> None:
        names = list(WATCHED)
        self.watches(**{name: WATCHED[name] for name in names if name != names[which % (2 * len(names)) % len(names)]})
        if which % 2:
            self.watches(**WATCHED)

    def do_answer(self, which: int) -> None:
        self.happens(AnswerHeld() if which % 4 == 0 else AnswerPressed())

    def do_lid(self, _which: int) -> None:
        self.happens(Triggered(LID.id, "opened"))

    def do_weigh(self, which: int) -> None:
        self.happens(Measured(SCALES.id, "weight", 40.0 + which / 10, "kg"))

    def do_call(self, _which: int) -> None:
        self.call()

    def do_cancel(self, _which: int) -> None:
        self.cancel()

    def do_help(self, _which: int) -> None:
        self.help_arrives()

    def do_heard(self, which: int) -> None:
        self.heard(SENSORS[which % len(SENSORS)].id)

    def do_link(self, which: int) -> None:
        uplink = ("main", "backup", "unknown")[which % 3]
        if which % 2:
            self.link_up(uplink)
        else:
            self.link_down(uplink)

    def do_receipt(self, which: int) -> None:
        refs = [each.id for each in self.history if isinstance(each, Send | SendCheckIn)][-12:]
        if refs:
            result: Any = RESULTS[which // 12 % len(RESULTS)]
            self.happens(Receipted(refs[which % len(refs)], result, which * 1000, "because"))

    def do_alarm_receipt(self, which: int) -> None:
        refs = [each.raised_ref for each in self.house.alarms if each.raised_ref]
        if refs:
            result: Any = RESULTS[which // 12 % len(RESULTS)]
            self.happens(Receipted(refs[which % len(refs)], result, which * 1000, "because"))

    def do_acknowledge(self, which: int) -> None:
        self._command_alarm("acknowledge", which)

    def do_resolve(self, which: int) -> None:
        self._command_alarm("resolve", which)

    def _command_alarm(self, kind: str, which: int) -> None:
        ids = [each.id for each in self.house.alarms] or ["none"]
        self.command(kind, f"c-{which}", alarm=ids[which % len(ids)])

    def do_command(self, which: int) -> None:
        kinds: list[tuple[str, dict[str, object]]] = [
            ("set-mode", {"mode": "engineer"}),
            ("set-mode", {"mode": "home"}),
            ("set-mode", {"mode": 3}),
            ("silence", {}),
            ("test", {}),
            ("report", {}),
            ("resend", {"epoch": "e1", "lane": "a", "from": 1, "to": which}),
            ("say", {"text": "hello"}),
            ("set-mode", {"mode": "away"}),
        ]
        kind, data = kinds[which % len(kinds)]
        self.command(kind, f"d-{which}-{len(self.journal)}", **data)

    def do_part(self, which: int) -> None:
        events: list[AnyEvent] = [
            DriverFailed("rfx", "unplugged"),
            DriverRecovered("rfx"),
            StorageChanged(ok=bool(which % 2), reason="full"),
            ClockChanged(synced=bool(which % 2)),
            PartChanged("buttons", ok=bool(which % 2)),
            Troubled("co-1", ("tamper", "battery-low", "unavailable")[which % 3], bool(which % 2)),
            Measured("flood-1", "battery", float(which), "%"),
            Dropped("e1", "t", 1, 1 + which, 1 + which),
        ]
        self.happens(events[which // 2 % len(events)])

    def do_installer(self, which: int) -> None:
        verbs: tuple[Verb, ...] = ("test-alarm", "end-tests", "test-alarm", "engineer", "home", "self-test")
        self.happens(InstallerAsked(verbs[which % len(verbs)]))

    def do_wanted(self, which: int) -> None:
        whys: tuple[Why, ...] = ("certificate", "configuration", "software")
        self.happens(RestartWanted(whys[which % len(whys)]))

    def do_wall(self, which: int) -> None:
        self.wall_from_boot_ms += (which - 200) * 86_400_000 * (1 if which % 7 else 20_000)
        self.synced = bool(which % 2)

    def do_restart(self, which: int) -> None:
        self.restart(which / 4)

    def do_reboot(self, which: int) -> None:
        self.reboot(which / 4)

    # --- what must be true after each ---

    def happens(self, event: AnyEvent) -> list[Action]:
        tested = self.house.mode == "engineer"
        if tested and not self._engineer_is_here:
            self._tests_are_over()
        self._count_stimulus(event)
        actions = super().happens(event)
        if tested and self.house.mode != "engineer":
            self._tests_are_over()
        self._check(actions)
        if Restart() in actions:
            self._judge_restart()
        return actions

    def _judge_restart(self) -> None:
        """S10: nobody needs the hub now; or delivery needs it anew; or it has waited long enough."""
        house, wish = self.house, self.house.restart
        assert wish is not None
        assert wish.going
        real = any(not alarm.test for alarm in house.alarms)
        storage = standing(house, "storage", "") is not None
        assert not (real and storage)  # S3
        if house.now_ms - wish.since_ms >= LATEST_MS:
            return
        down = [link for link in house.links if not link.up and house.now_ms - link.since_ms >= UNDELIVERED_MS]
        overdue = any(alarm.delivery == "waiting" for alarm in house.alarms)
        if "certificate" in wish.whys and (overdue or len(down) == len(house.links)):
            return
        assert not real
        assert not storage
        if house.mode != "engineer":
            assert not house.prompts
            assert not house.messages
            assert house.remind_at_ms is None or house.remind_at_ms - house.now_ms > SOON_MS

    @property
    def _engineer_is_here(self) -> bool:
        until_ms = self.house.mode_until_ms
        return until_ms is not None and until_ms > max(self.now.ms, self.house.now_ms)

    def _tests_are_over(self) -> None:
        """A level that began as a test, and stands, has called nobody; one that called before engineer mode has."""
        self.unsure |= {sensor for sensor in self.tests if self.wet_now[sensor]}
        self.tests.clear()

    def _count_stimulus(self, event: Event) -> None:
        """Count the triggers that ask for help, from the words of the design and not from the code."""
        now_ms = max(self.now.ms, self.house.now_ms)
        match event:
            case Started():
                self.unsure = {sensor for sensor, wet in self.wet_now.items() if wet}
                if event.boot != self.house.boot:
                    self.last_ms.clear()
            case CallPressed():
                self._stimulus("hub", now_ms)
            case Triggered(sensor=sensor) if sensor not in {each.id for each in SENSORS}:
                pass  # it asks for nothing
            case Triggered(sensor=sensor, sustained=False):
                self._stimulus(sensor, now_ms)
            case Triggered(sensor=sensor) if not self.wet_now[sensor] or self._nobody_knows(sensor):
                if self._stimulus(sensor, now_ms):
                    self.wet_now[sensor] = True
                    self.unsure.discard(sensor)
                    (self.tests.add if self._engineer_is_here else self.tests.discard)(sensor)
            case Triggered(sensor=sensor):
                self.unsure.discard(sensor)
            case _ if hasattr(event, "sensor") and type(event).__name__ == "Cleared":
                self.wet_now[event.sensor] = False

    def _stimulus(self, sensor: str, now_ms: int) -> bool:
        if now_ms - self.last_ms.get(sensor, -REPEAT_MS) < REPEAT_MS:
            return False
        self.last_ms[sensor] = now_ms
        self.stimuli += 1
        return True

    def _nobody_knows(self, sensor_id: str) -> bool:
        """A level whose end may have been missed, in a place for which no alarm stands."""
        (sensor,) = [each for each in SENSORS if each.id == sensor_id]
        place = (sensor.kind, sensor.person, sensor.location)
        speaking = [a for a in self.house.alarms if self._engineer_is_here or a.announced or not a.test]
        return sensor_id in self.unsure and not any((a.kind, a.person, a.location) == place for a in speaking)

    def _check(self, actions: list[Action]) -> None:
        for action in actions:
            self._check_action(action)
        for alarm in self.house.alarms:
            self.triggers[alarm.id] = alarm.triggers
            self.found |= {alarm.id} if alarm.kind in FOUND else set()
            assert self.raises[alarm.id] == (alarm.stage != "pending")
            assert not self.ends[alarm.id]
        open_ids = {alarm.id for alarm in self.house.alarms}
        assert all(self.ends[each] == 1 for each in self.triggers if each not in open_ids)
        asked = [count for alarm, count in self.triggers.items() if alarm not in self.found]
        assert sum(asked) == self.stimuli  # none lost, none doubled
        faults = [(each.fault, each.subject) for each in self.house.faults]
        assert len(faults) == len(set(faults))
        assert "engine" not in {fault for fault, _ in faults}  # a rule raised
        dues = [due for due_ms, _ in DEADLINES if (due := due_ms(self.house)) is not None]
        assert all(due > self.house.now_ms for due in dues)  # a pump has nothing to spin on
        assert through_json(self.house) == self.house
        assert len(msgspec.json.encode(self.house)) < HOUSE_BYTES_MAX
        project(self.house)

    def _check_action(self, action: Action) -> None:
        if isinstance(action, Send | SendCheckIn):
            assert action.id not in self.ids
            self.ids.add(action.id)
            lane = (action.epoch, action.lane) if isinstance(action, Send) else (action.id.split("-")[0], "c")
            self.seqs[lane] += 1
            assert action.seq == self.seqs[lane]
            assert lane[0] == self.house.epoch
            clock = action.report.clock
            assert clock.boot == self.house.boot
            assert clock.monotonic_ms >= self.clocks.get(clock.boot, 0)
            self.clocks[clock.boot] = clock.monotonic_ms
            assert len(msgspec.json.encode(action.report)) < 4096
            assert type(action.report) in TYPE_OF
            self._count_alarm(action)

    def _count_alarm(self, action: Send | SendCheckIn) -> None:
        report = action.report
        if not isinstance(report, AlarmFacts):
            return
        ended = isinstance(report, AlarmResolved) or (isinstance(report, AlarmCancelled) and report.stage == "pending")
        self.ends[report.alarm] += ended
        self.raises[report.alarm] += isinstance(report, AlarmRaised)
        if report.silent:
            assert not self.house.alarm(report.alarm) or not project(self.house).siren or self._another_sounds()

    def _another_sounds(self) -> bool:
        return any(alarm.siren_until_ms is not None and not alarm.silent for alarm in self.house.alarms)


def played(day: list[Op]) -> Day:
    home = Day()
    for op in day:
        home.play(op)
    return home
