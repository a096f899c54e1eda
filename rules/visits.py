"""Carers' visits: who checks in and out at the visit button, and who did not come by the end of the visit's window."""

from typing import Literal

from msgspec.structs import replace

from rules import calendar, triggers
from rules.events import Sensor
from rules.plan import Visit
from rules.reports import VisitBegan, VisitEnded
from rules.state import House
from rules.turn import Turn
from rules.watched import Expected, Visitor, put

ONE_PRESS_MS = 30_000
"""Presses so close are one: a carer who is not sure that it took must not be checked out by the second."""

EARLY_MS = 60 * 60_000
"""A carer who checked in so long before the window opens, and is still there, has come."""

NEXT_MS = 2 * 3_600_000
"""After so long inside, a press while another visit is awaited is the next carer's: the last forgot to check out."""

FORGOTTEN_MS = 12 * 3_600_000
"""Nobody's visit is so long: whoever is still checked in forgot to check out."""


def pressed(turn: Turn, sensor: Sensor) -> None:
    """A carer pressed the button: in, or out."""
    known = _visitor(turn.house, sensor.id)
    if known.pressed_ms is not None and turn.now.ms - known.pressed_ms < ONE_PRESS_MS:
        return  # S4
    turn.chirp("heard", early=True)
    awaited = _awaited(turn.house, sensor.id)
    next_one = awaited is not None and known.in_ms is not None and turn.now.ms - known.in_ms >= NEXT_MS
    if known.in_ms is not None:
        _end(turn, sensor, known, forgotten=next_one)
    if known.in_ms is None or next_one:
        _begin(turn, sensor, awaited or _missed(turn.house, sensor.id))
    turn.update(visitors=put(turn.house.visitors, replace(_visitor(turn.house, sensor.id), pressed_ms=turn.now.ms)))


def _begin(turn: Turn, sensor: Sensor, expected: Expected | None) -> None:
    visit = expected.visit if expected is not None else ""
    if expected is not None:
        turn.update(visits=put(turn.house.visits, replace(expected, outcome="came")))
    turn.update(visitors=put(turn.house.visitors, Visitor(sensor=sensor.id, visit=visit, in_ms=turn.now.ms)))
    report = VisitBegan(clock=turn.clock, visit=visit, sensor=sensor.id, location=sensor.location, person=sensor.person)
    turn.send(report)


def _end(turn: Turn, sensor: Sensor, known: Visitor, *, forgotten: bool) -> None:
    turn.update(visitors=put(turn.house.visitors, Visitor(sensor=sensor.id, pressed_ms=known.pressed_ms)))
    lasted_ms = None if known.unsure or known.in_ms is None else turn.now.ms - known.in_ms
    turn.send(
        VisitEnded(clock=turn.clock, visit=known.visit, sensor=sensor.id, lasted_ms=lasted_ms, forgotten=forgotten)
    )


def _visitor(house: House, sensor: str) -> Visitor:
    return next((each for each in house.visitors if each.sensor == sensor), Visitor(sensor=sensor))


def _awaited(house: House, sensor: str) -> Expected | None:
    """Give the visit that is awaited at this button now; of several, the one that ends first."""
    waits = [
        (calendar.hours(house, visit.window).until_ms or 0, each)
        for visit in house.plan.visits
        for each in house.visits
        if visit.sensor == sensor and each.visit == visit.name and each.outcome == "awaited"
    ]
    return min(waits, key=lambda each: each[0], default=(0, None))[1]


def _missed(house: House, sensor: str) -> Expected | None:
    """Give the visit that was missed today and whose carer comes late."""
    names = {visit.name for visit in house.plan.visits if visit.sensor == sensor}
    today = calendar.hours(house, calendar.DAY).date
    late = [each for each in house.visits if each.visit in names and each.outcome == "missed" and each.date == today]
    return late[-1] if late else None


# --- expecting --------------------------------------------------------------------------------------


def begin(turn: Turn) -> None:
    """Keep what the plan still expects as it did before: a visit that is put off is not missed."""
    windows = {visit.name: visit.window for visit in turn.house.plan.visits}
    kept = (each for each in turn.house.visits if windows.get(each.visit) == each.window)
    configured = {sensor.id for sensor in turn.house.config.sensors}
    visitors = (each for each in turn.house.visitors if each.sensor in configured)
    turn.update(visits=tuple(kept), visitors=tuple(visitors))


def after_reboot(turn: Turn) -> None:
    """S6: how long whoever is in has been so is unknown now."""
    turn.update(
        visitors=tuple(
            replace(each, pressed_ms=None, unsure=True, in_ms=None if each.in_ms is None else turn.now.ms)
            for each in turn.house.visitors
        )
    )


def follow(turn: Turn) -> None:
    """Follow the windows: a visit that was awaited in one that is not open any more was missed.

    Whether its end came on time, while the hub was off, or because the clock was set: somebody waited for a carer. A
    clock that claims a day before that one claims nothing of the kind.
    """
    today = calendar.hours(turn.house, calendar.DAY).date
    for visit in turn.house.plan.visits:
        window = calendar.hours(turn.house, visit.window)
        known = next((each for each in turn.house.visits if each.visit == visit.name), None)
        if known is not None and known.outcome == "awaited" and window.date != known.date <= today:
            _miss(turn, visit, known)
        if window.open and (known is None or known.date != window.date):
            outcome: Literal["came", "awaited"] = "came" if _is_early(turn, visit) else "awaited"
            expected = Expected(visit=visit.name, date=window.date, window=visit.window, outcome=outcome)
            turn.update(visits=put(turn.house.visits, expected))


def _is_early(turn: Turn, visit: Visit) -> bool:
    known = _visitor(turn.house, visit.sensor)
    return known.in_ms is not None and not known.visit and turn.now.ms - known.in_ms <= EARLY_MS


def _miss(turn: Turn, visit: Visit, known: Expected) -> None:
    turn.update(visits=put(turn.house.visits, replace(known, outcome="missed")))
    sensor = turn.house.config.sensor(visit.sensor)
    if sensor is not None and turn.house.mode != "away":
        triggers.begin(turn, replace(sensor, kind="visit-missed"), visit.name, f"visit.{visit.name}")


def visit_due_ms(house: House) -> int | None:
    """When the next carer who is checked in must have forgotten to check out."""
    return min((each.in_ms + FORGOTTEN_MS for each in house.visitors if each.in_ms is not None), default=None)


def on_visit_due(turn: Turn) -> None:
    """End what nobody ended."""
    for known in turn.house.visitors:
        if known.in_ms is not None and known.in_ms + FORGOTTEN_MS <= turn.now.ms:
            sensor = turn.house.config.sensor(known.sensor) or Sensor(id=known.sensor, kind="visit", location="")
            _end(turn, sensor, known, forgotten=True)
