"""What can raise an alarm in a home: its sensors, the hub's own button, and what its plan watches."""

from collections.abc import Iterator

from rules.events import Config, Sensor
from rules.kinds import SENSES, SENSOR_KINDS, WATCH_KINDS, Kind
from rules.plan import Plan, kind_of
from rules.proof.values import Finding, Fittings
from rules.triggers import HUB_BUTTON
from rules.values import Value


class Source(Value, frozen=True):
    """One kind of alarm, and what raises it."""

    kind: Kind
    sensor: Sensor


WATCHED = {kind.name for kind in WATCH_KINDS}


def canonical(plan: Plan) -> Config:
    """Give a home with one sensor of each kind, and whatever the plan watches: for a plan without its hub."""
    kinds = [kind.name for kind in SENSOR_KINDS if kind.name != HUB_BUTTON.kind]
    sensors = [Sensor(f"proof-{kind}", kind, "home") for kind in kinds]
    for sensor, sorts in _watched(plan):
        if all(each.id != sensor for each in sensors):
            named = next((sort for sort in sorts if sort in sensor), sorts[0])
            sensors.append(Sensor(sensor, named, "home"))
    return Config(hub="home", sensors=tuple(sensors))


ACTIVITY = ("motion", "door", "bed", "chair")
"""Kinds of sensor that show that somebody stirs."""

MEASURED = ("reading", "temperature")
"""Kinds of sensor that measure something."""


def _watched(plan: Plan) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give each sensor that the plan watches, and the sorts it may be."""
    for absence in plan.absences:
        yield absence.sensor, ("bed", "chair")
    for door in plan.doors:
        yield door.sensor, ("door",)
    for temperature in plan.temperatures:
        yield temperature.sensor, ("temperature",)
    for visit in plan.visits:
        yield visit.sensor, ("visit",)
    for inactivity in plan.inactivity:
        for sensor in inactivity.sensors:
            yield sensor, ACTIVITY
    for reminder in plan.reminders:
        if reminder.sensor:
            yield reminder.sensor, MEASURED if reminder.reading else ("lid",)
    for threshold in plan.thresholds:
        yield threshold.sensor, MEASURED


def sources(plan: Plan, config: Config, fittings: Fittings) -> tuple[Source, ...]:
    """Give one source of each kind of alarm that this home can raise."""
    sensors = {each.kind: each for each in reversed(config.sensors) if each.kind not in SENSES}
    if fittings.call_button:
        sensors.setdefault(HUB_BUTTON.kind, HUB_BUTTON)
    found = [Source(kind_of(plan, config.kinds, name), sensor) for name, sensor in sorted(sensors.items())]
    for name, sensor in _watches(plan, config):
        if all(each.kind.name != name for each in found):
            found.append(Source(kind_of(plan, config.kinds, name), sensor))
    return tuple(found)


def _watches(plan: Plan, config: Config) -> Iterator[tuple[str, Sensor]]:
    kinds = {each.id: each.kind for each in config.sensors}
    found = [
        *(("inactivity", rule.name) for rule in plan.inactivity),
        *((kinds.get(rule.sensor, ""), rule.sensor) for rule in plan.absences),
        *(("door-open", rule.sensor) for rule in plan.doors if rule.open_ms is not None),
        *(("leaving", rule.sensor) for rule in plan.doors if rule.leaving is not None),
        *(("cold", rule.sensor) for rule in plan.temperatures if rule.low is not None),
        *(("heat", rule.sensor) for rule in plan.temperatures if rule.high is not None),
        *(("visit-missed", rule.sensor) for rule in plan.visits),
        *(("reminder-missed", rule.name) for rule in plan.reminders if rule.alarm),
        *(("reading", rule.sensor) for rule in plan.thresholds),
    ]
    for kind, sensor in found:
        if kind in WATCHED:
            yield kind, Sensor(f"{sensor}.{kind}", kind, "home")


def strays(plan: Plan, config: Config) -> Iterator[Finding]:
    """Find watches on sensors that this home does not have, or that are of the wrong sort."""
    kinds = {each.id: each.kind for each in config.sensors}
    for sensor, sorts in _watched(plan):
        wanted = " or ".join(sorts)
        if sensor not in kinds:
            words = f"the plan watches sensor {sensor}, which this hub does not have: configure it, or remove the watch"
            yield Finding("error", "no-such-sensor", sensor, words)
        elif kinds[sensor] not in sorts:
            words = f"the plan watches {sensor} as {wanted}, but it is {kinds[sensor]}"
            yield Finding("error", "wrong-sensor", sensor, words)
    supervised = ((silence.sensor, "supervises") for silence in plan.supervision.silences)
    for sensor, verb in supervised:
        if sensor not in kinds:
            words = f"the plan {verb} sensor {sensor}, which this hub does not have: configure it, or remove the line"
            yield Finding("error", "no-such-sensor", sensor, words)
    if plan.inactivity and not any(kind in ACTIVITY for kind in kinds.values()):
        words = f"no sensor of this hub shows activity: add one ({', '.join(ACTIVITY)}), or remove the watch"
        yield Finding("error", "no-such-sensor", "inactivity", words)
