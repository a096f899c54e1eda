"""Ties what drivers hear to the sensors this home has: observations in, rules' events out. Pure."""

import math
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping

import msgspec

from rules.events import Cleared, Event, Heard, Measured, Triggered, Troubled
from sensors.driver import Observation
from sensors.senses import hears, matters, measures

HEARD_EVERY_MS = 600_000
MEASURED_EVERY_MS = 600_000
ACTIVE_AGAIN_MS = 60_000
"""Thinning (S12): signs of life, readings and a level that stands are told at most this often for each sensor.

Each costs a commit, and cards wear out. Silence is supervised in hours, so ten minutes are near enough; a sensor that
may be silent for less than 100 min is told of more often, see `Roster.supervise`."""

MEASURED_MAX = 10
"""What somebody measures is told at once, so often in ten minutes: a scale tells several before it comes to rest."""

MEASURED_AGAIN_MS = 60 * 60_000
"""The same value is another measurement when nothing was heard of it for so long. Before that it is a repetition:
bridges tell with a battery's level all else they know. (Our own figure.)"""

_HEARD_SHARE = 10
"""A tenth of the time that a sensor may be silent is near enough."""

MOVED_EVERY_MS = 60_000
"""Motion is told at most this often for each sensor: so inactivity, which is watched in quarters of an hour and more,
may be counted from a minute too early. What is told is told at once, never later."""

STUCK_MS = 24 * 3_600_000
"""Nobody moves for so long without a pause: such a sensor is stuck, and proves nobody well (S7). (Our own figure.)"""

_STRANGERS_MAX = 256
_QUANTITIES_MAX = 16
_PARTS_MAX = 16
_SAID_MAX = 8
_SAID_CHARS_MAX = 64


class Place(msgspec.Struct, frozen=True):
    """Where a configured sensor is heard: the configured driver's name, and the address on its medium."""

    driver: str
    address: str
    sensor: str
    kind: str = ""


class Stranger(msgspec.Struct, frozen=True):
    """Something heard that nobody configured: shown, so that an installer finds it, and never an alarm."""

    driver: str
    address: str
    count: int
    heard_ms: int
    signal: int | None = None
    said: tuple[str, ...] = ()


class Vitals(msgspec.Struct, frozen=True):
    """What a sensor told of itself since this process started, for the status: percent, None where it did not.

    It was `presses` times pressed, or began to be active, last at `pressed_ms` (boot-relative).
    """

    signal: int | None = None
    battery: int | None = None
    pressed_ms: int | None = None
    presses: int = 0


class _Measurement:
    """The last of a quantity: its value, when it was last heard, and how often in this span of time it was told."""

    def __init__(self, value: float, at_ms: int) -> None:
        self.value, self.heard_ms = value, at_ms
        self.span_ms, self.told = at_ms, 0


class _Known:
    """What the roster remembers of one sensor."""

    def __init__(self) -> None:
        self.heard_ms: int | None = None  # for the status, as are the vitals
        self.vitals = Vitals()
        self.told_heard_ms: int | None = None
        self.heard_every_ms = HEARD_EVERY_MS
        self.level: bool | None = None
        self.active_ms = 0
        self.moved_ms: int | None = None  # when motion was last told
        self.moves_ms: int | None = None  # since when it says so without a pause
        self.parts: set[str] = set()
        self.troubles: dict[str, bool] = {}
        self.readings: dict[str, tuple[float, int]] = {}
        self.measurements: dict[str, _Measurement] = {}


class Roster:
    """Maps (driver, address) to a sensor and thins what it says.

    An observation's address may be narrowed by `/part`: it goes to the sensor configured with exactly that address,
    else to the one configured without the part. What a device says of itself (life, battery, tamper) goes to every
    sensor configured as one of its parts.

    `strange` counts, for each driver, the observations of devices that nobody configured.

    Raises:
        ValueError: two sensors share an address of one driver, or one sensor has two.

    """

    def __init__(self, places: Iterable[Place]) -> None:
        self._exact: dict[tuple[str, str], str] = {}
        self._parts: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self._known: dict[str, _Known] = {}
        self._places: dict[str, Place] = {}
        self._strangers: OrderedDict[tuple[str, str], Stranger] = OrderedDict()
        self.strange: Counter[str] = Counter()
        for place in places:
            self._add(place)

    def _add(self, place: Place) -> None:
        key = (place.driver, place.address)
        if key in self._exact:
            raise ValueError(
                f"sensors {self._exact[key]!r} and {place.sensor!r} share address {place.address!r} of driver"
                f" {place.driver!r}: give each its own"
            )
        if place.sensor in self._known:
            raise ValueError(f"sensor {place.sensor!r} is configured twice: give each its own id")
        self._exact[key] = place.sensor
        self._places[place.sensor] = place
        self._known[place.sensor] = _Known()
        device, slash, _ = place.address.rpartition("/")
        if slash:
            self._parts[(place.driver, device)].append(place.sensor)

    def supervise(self, silences: Mapping[str, int]) -> None:
        """Have signs of life told often enough for these silences, in ms by sensor; of others every ten minutes."""
        for sensor, known in self._known.items():
            known.heard_every_ms = min(
                HEARD_EVERY_MS, silences.get(sensor, HEARD_EVERY_MS * _HEARD_SHARE) // _HEARD_SHARE
            )

    # --- hearing -----------------------------------------------------------------------------------

    def translate(self, driver: str, seen: Observation, at_ms: int) -> list[Event]:
        """Turn an observation into events for the inbox; alarms come first."""
        sensors = self._sensors(driver, seen)
        if not sensors:
            self._strange(driver, seen, at_ms)
        events: list[Event] = []
        for sensor in sensors:
            self._note(self._known[sensor], seen, at_ms)
            tell = _alive if self._is_deaf(sensor, seen) else self._teller(sensor, seen)
            events += tell(sensor, self._known[sensor], seen, at_ms)
            events += self._life(sensor, seen, at_ms)
        return events

    def _sensors(self, driver: str, seen: Observation) -> list[str]:
        exact = self._exact.get((driver, seen.address))
        if exact is not None:
            return [exact]
        device, slash, _ = seen.address.rpartition("/")
        if slash and (whole := self._exact.get((driver, device))) is not None:
            return [whole]
        if seen.what in {"trigger", "active", "clear"}:
            return []
        return self._parts.get((driver, seen.address), [])

    def _is_deaf(self, sensor: str, seen: Observation) -> bool:
        """Say whether this is a level of a part, or a quantity, that means nothing to this kind of sensor."""
        place = self._places[sensor]
        if seen.what == "reading":
            return not measures(place.kind, seen.quantity)
        if seen.what not in {"active", "clear"} or seen.address == place.address:
            return False
        return not hears(place.kind, seen.address.rpartition("/")[2])

    def _teller(self, sensor: str, seen: Observation) -> "_Tell":
        kind = self._places[sensor].kind
        if seen.what == "reading" and matters(kind, seen.quantity):
            return _measured
        moves = kind == "motion"
        return _MOVES.get(seen.what, _TELL[seen.what]) if moves else _TELL[seen.what]

    def _life(self, sensor: str, seen: Observation, at_ms: int) -> list[Event]:
        """S7: any observation proves life, but what a broker kept from before, or says in a device's absence."""
        if seen.kept or seen.what == "unavailable":
            return []
        known = self._known[sensor]
        known.heard_ms = at_ms
        if known.told_heard_ms is not None and at_ms - known.told_heard_ms < known.heard_every_ms:
            return []
        known.told_heard_ms = at_ms
        return [Heard(sensor)]

    def _note(self, known: _Known, seen: Observation, at_ms: int) -> None:
        """Note what only the status shows. A level that stands already is not pressed again, nor is one of before."""
        vitals, pressed = known.vitals, seen.what == "trigger" or (seen.what == "active" and not known.level)
        signal = vitals.signal if seen.signal is None else seen.signal
        battery = vitals.battery if seen.battery is None else seen.battery
        if pressed and not seen.kept:
            known.vitals = Vitals(signal, battery, at_ms, vitals.presses + 1)
        elif (signal, battery) != (vitals.signal, vitals.battery):
            known.vitals = Vitals(signal, battery, vitals.pressed_ms, vitals.presses)

    def _strange(self, driver: str, seen: Observation, at_ms: int) -> None:
        self.strange[driver] += 1  # S12: also of those that no longer find a place below
        key = (driver, seen.address)
        before = self._strangers.pop(key, None) or Stranger(driver, seen.address, 0, at_ms)
        signal, said = before.signal if seen.signal is None else seen.signal, before.said
        if (words := _words(seen)) not in said and words and len(said) < _SAID_MAX:
            said = (*said, words)
        self._strangers[key] = Stranger(driver, seen.address, before.count + 1, at_ms, signal, said)
        if len(self._strangers) > _STRANGERS_MAX:
            self._strangers.popitem(last=False)

    # --- for the status ----------------------------------------------------------------------------

    @property
    def last_heard_ms(self) -> dict[str, int | None]:
        """When each configured sensor last gave a sign of life since this process started."""
        return {sensor: known.heard_ms for sensor, known in self._known.items()}

    @property
    def vitals(self) -> dict[str, Vitals]:
        """What each configured sensor told of itself."""
        return {sensor: known.vitals for sensor, known in self._known.items()}

    @property
    def strangers(self) -> list[Stranger]:
        """The unconfigured addresses heard, most recent first; at most 256."""
        return list(reversed(self._strangers.values()))


def _words(seen: Observation) -> str:
    """Say in a few words what a stranger said; "" of a trouble that it has not."""
    return f"{seen.what} {seen.quantity or seen.detail}".strip()[:_SAID_CHARS_MAX] if seen.on else ""


def _trigger(sensor: str, _known: _Known, seen: Observation, _at_ms: int) -> list[Event]:
    return [Triggered(sensor, seen.detail)]


def _active(sensor: str, known: _Known, seen: Observation, at_ms: int) -> list[Event]:
    if len(known.parts) < _PARTS_MAX:
        known.parts.add(seen.address)
    if known.level and at_ms - known.active_ms < ACTIVE_AGAIN_MS:
        return []
    known.level, known.active_ms = True, at_ms
    return [Triggered(sensor, seen.detail, sustained=True)]


def _moved(sensor: str, known: _Known, seen: Observation, at_ms: int) -> list[Event]:
    """Tell motion as a moment: that it stands tells nothing, and that it ends is only a timer's word."""
    if seen.kept:
        return []  # somebody moved before we listened
    if seen.what == "active":
        known.moves_ms = at_ms if known.moves_ms is None else known.moves_ms
        if at_ms - known.moves_ms >= STUCK_MS:
            reason = f"motion without a pause for {STUCK_MS // 3_600_000} h: it is stuck"
            return _trouble(sensor, known, Observation(seen.address, "unavailable", reason), at_ms)
    if known.moved_ms is not None and at_ms - known.moved_ms < MOVED_EVERY_MS:
        return []
    known.moved_ms = at_ms
    return [Triggered(sensor, seen.detail)]


def _rested(sensor: str, known: _Known, seen: Observation, at_ms: int) -> list[Event]:
    stuck = known.moves_ms is not None and at_ms - known.moves_ms >= STUCK_MS
    known.moves_ms = None
    return _trouble(sensor, known, Observation(seen.address, "unavailable", on=False), at_ms) if stuck else []


def _clear(sensor: str, known: _Known, seen: Observation, _at_ms: int) -> list[Event]:
    """Clear a sensor once none of its parts is active: no smoke does not end carbon monoxide."""
    known.parts.discard(seen.address)
    if known.parts or known.level is False:
        return []
    known.level = False
    return [Cleared(sensor)]


def _trouble(sensor: str, known: _Known, seen: Observation, _at_ms: int) -> list[Event]:
    """Tell a trouble when it changes, and once at the start: the rules may remember one from before a restart."""
    if seen.what not in {"tamper", "battery-low", "unavailable"} or known.troubles.get(seen.what) == seen.on:
        return []
    known.troubles[seen.what] = seen.on
    return [Troubled(sensor, seen.what, seen.on)]


def _reading(sensor: str, known: _Known, seen: Observation, at_ms: int) -> list[Event]:
    if not math.isfinite(seen.value):
        return []  # no journal can hold it
    before = known.readings.get(seen.quantity)
    if before is None and len(known.readings) >= _QUANTITIES_MAX:
        return []
    if before is not None and (before[0] == seen.value or at_ms - before[1] < MEASURED_EVERY_MS):
        return []
    known.readings[seen.quantity] = (seen.value, at_ms)
    return [Measured(sensor, seen.quantity, seen.value, seen.unit)]


def _measured(sensor: str, known: _Known, seen: Observation, at_ms: int) -> list[Event]:
    """Tell what somebody measured: a reminder may wait for it. What a broker kept was measured another time."""
    if not math.isfinite(seen.value):
        return []
    last = known.measurements.get(seen.quantity)
    if last is None and len(known.measurements) >= _QUANTITIES_MAX:
        return []
    again = last is not None and last.value == seen.value and at_ms - last.heard_ms < MEASURED_AGAIN_MS
    last = known.measurements.setdefault(seen.quantity, _Measurement(seen.value, at_ms))
    last.value, last.heard_ms = seen.value, at_ms
    if seen.kept or again:
        return []
    if at_ms - last.span_ms >= MEASURED_EVERY_MS:
        last.span_ms, last.told = at_ms, 0
    last.told += 1
    return [Measured(sensor, seen.quantity, seen.value, seen.unit)] if last.told <= MEASURED_MAX else []


def _alive(_sensor: str, _known: _Known, _seen: Observation, _at_ms: int) -> list[Event]:
    return []


_Tell = Callable[[str, _Known, Observation, int], list[Event]]

_MOVES: dict[str, _Tell] = {"trigger": _moved, "active": _moved, "clear": _rested}

_TELL: dict[str, _Tell] = {
    "trigger": _trigger,
    "active": _active,
    "clear": _clear,
    "alive": _alive,
    "tamper": _trouble,
    "battery-low": _trouble,
    "unavailable": _trouble,
    "reading": _reading,
}
