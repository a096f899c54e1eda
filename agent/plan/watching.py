"""Reads what a plan has watched: stillness, beds and chairs, doors, rooms, visits, and readings."""

from msgspec.structs import replace

from agent.config.strict import Reader
from agent.plan.parts import MIN, lack, maybe_window, window
from agent.plan.tables import (
    AbsenceTable,
    DoorTable,
    InactivityTable,
    TemperatureTable,
    ThresholdTable,
    VisitTable,
)
from rules.plan import (
    THRESHOLDS_MAX,
    WATCHES_MAX,
    Absence,
    Door,
    Inactivity,
    Temperature,
    Threshold,
    Visit,
)


def read_inactivity(reader: Reader, raw: object) -> tuple[Inactivity, ...]:
    """Read `[[inactivity]]`."""
    found = reader.tables(raw, InactivityTable, "inactivity", WATCHES_MAX)
    reader.unique(found, "inactivity", "name", lambda each: each.name)
    return tuple(
        Inactivity(
            name=each.name,
            limit_ms=each.limit_min * MIN,
            window=maybe_window(reader, at, each.begin, each.to, each.days),
            sensors=each.sensors,
        )
        for at, each in found.items()
    )


def read_absences(reader: Reader, raw: object) -> tuple[Absence, ...]:
    """Read `[[absence]]`. Several may be about one bed: its limit by night and by day."""
    found = reader.tables(raw, AbsenceTable, "absence", WATCHES_MAX)
    return tuple(
        Absence(
            sensor=each.sensor,
            limit_ms=each.limit_min * MIN,
            window=maybe_window(reader, at, each.begin, each.to, each.days),
        )
        for at, each in found.items()
    )


def read_doors(reader: Reader, raw: object) -> tuple[Door, ...]:
    """Read `[[door]]`."""
    found = reader.tables(raw, DoorTable, "door", WATCHES_MAX)
    reader.unique(found, "door", "sensor", lambda each: each.sensor)
    doors: list[Door] = []
    for at, each in found.items():
        leaving = maybe_window(reader, at, each.leaving_from, each.leaving_to, each.leaving_days, prefix="leaving_")
        if each.open_min is None and each.leaving_from is None and each.leaving_to is None:
            lack(reader, f"{at}.open_min", "open_min, or leaving_from and leaving_to", "say what is watched")
        if each.back_min is not None and each.leaving_from is None:
            lack(reader, f"{at}.leaving_from", "a time, as back_min is given", "add it, or remove back_min")
        door = Door(sensor=each.sensor, open_ms=None if each.open_min is None else each.open_min * MIN, leaving=leaving)
        doors.append(door if each.back_min is None else replace(door, back_ms=each.back_min * MIN))
    return tuple(doors)


def read_temperatures(reader: Reader, raw: object) -> tuple[Temperature, ...]:
    """Read `[[temperature]]`."""
    found = reader.tables(raw, TemperatureTable, "temperature", WATCHES_MAX)
    reader.unique(found, "temperature", "sensor", lambda each: each.sensor)
    for at, each in found.items():
        if each.low is None and each.high is None:
            lack(reader, f"{at}.low", "low, high or both", "say what is watched")
        elif each.low is not None and each.high is not None and each.high - each.low < 2 * each.hysteresis:
            expected = f"{each.low + 2 * each.hysteresis:g} or more: low and twice the hysteresis"
            reader.refuse(f"{at}.high", each.high, expected, "set them further apart")
    return tuple(
        Temperature(sensor=each.sensor, low=each.low, high=each.high, hysteresis=each.hysteresis)
        for each in found.values()
    )


def read_visits(reader: Reader, raw: object) -> tuple[Visit, ...]:
    """Read `[[visit]]`."""
    found = reader.tables(raw, VisitTable, "visit", WATCHES_MAX)
    reader.unique(found, "visit", "name", lambda each: each.name)
    return tuple(
        Visit(name=each.name, sensor=each.sensor, window=window(each.begin, each.to, each.days))
        for each in found.values()
    )


def read_thresholds(reader: Reader, raw: object) -> tuple[Threshold, ...]:
    """Read `[[threshold]]`."""
    found = reader.tables(raw, ThresholdTable, "threshold", THRESHOLDS_MAX)
    reader.unique(found, "threshold", "name", lambda each: each.name)
    reader.unique(found, "threshold", "quantity", lambda each: (each.sensor, each.quantity))
    for at, each in found.items():
        if each.low is None and each.high is None:
            lack(reader, f"{at}.low", "low, high or both", "say what is an alarm")
        elif each.low is not None and each.high is not None and each.high <= each.low:
            reader.refuse(f"{at}.high", each.high, f"more than {each.low:g}, which is low", "set them apart")
    return tuple(
        Threshold(name=each.name, sensor=each.sensor, quantity=each.quantity, low=each.low, high=each.high)
        for each in found.values()
    )
