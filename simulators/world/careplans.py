"""The care plans of the simulated household: whatever a care manager might write, made wholly from a number."""

import random
from typing import Any

from rules.plan import (
    Absence,
    Contact,
    Door,
    Inactivity,
    Ladder,
    Means,
    Plan,
    Reminder,
    Rule,
    Silence,
    Step,
    Supervision,
    Temperature,
    Unless,
    Window,
)

CONTACTS = ("daughter", "son", "neighbour", "friend", "warden")
LANGUAGES = ("en", "de", "tr", "")
SOUNDING = ("pendant", "button", "pull-cord", "fall", "smoke", "carbon-monoxide", "flood")
FOUND = ("inactivity", "bed", "leaving", "cold")
SUPERVISED = ("pendant-1", "cord-bath", "smoke-hall", "bed-1", "room-bed")
ZONES = ("UTC", "Europe/London", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe")

_ALL, _WEEK = (0, 1, 2, 3, 4, 5, 6), (0, 1, 2, 3, 4)
_STEP_S = (0, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1_200, 1_800)
_MEANS: tuple[Means, ...] = ("centre", "sms", "sms", "sms", "siren", "siren", "say", "light", "relay")
_UNLESS: tuple[Unless, ...] = ("received", "acknowledged", "acknowledged", "resolved")
_MINUTES = 24 * 60
_ALARM = 0.4
"""How many of the tablets are called for if they are not taken."""
_MINUTE_MS, _HOUR_MS = 60_000, 3_600_000


def care_plan(number: int, version: int) -> Plan:
    """Make a valid plan."""
    dice = random.Random(f"care plan {number}")
    contacts = tuple(
        Contact(contact=name, language=dice.choice(LANGUAGES), consent="2026-01-01", neighbour=name == "neighbour")
        for name in dice.sample(CONTACTS, dice.randint(1, 4))
    )
    names = tuple(each.contact for each in contacts)
    ladders = tuple(_ladder(dice, name, names) for name in ("default", "urgent", "discreet"))
    return Plan(
        version=version,
        language=dice.choice(LANGUAGES[:3]),
        time_zone=dice.choice(ZONES),
        contacts=contacts,
        ladders=ladders[dice.choice((0, 0, 0, 1)) :],  # some plans leave the default to the hub
        kinds=_kinds(dice),
        night=_window(dice) if dice.random() < 0.6 else None,  # noqa: PLR2004 -- a share
        quiet=_window(dice) if dice.random() < 0.4 else None,  # noqa: PLR2004 -- a share
        supervision=Supervision(silences=_silences(dice)),
        inactivity=_inactivity(dice),
        absences=_absences(dice),
        doors=_doors(dice),
        temperatures=_temperatures(dice),
        reminders=_reminders(random.Random(f"reminders {number}")),
    )


# --- what they are reminded of ----------------------------------------------------------------------


def _reminders(dice: random.Random) -> tuple[Reminder, ...]:
    """Tablets, with a dispenser and without; what there is to drink; an appointment. A plan has some, or none."""
    tablets = Reminder(
        name="tablets", text="tablets", times=_times(dice, 3), alarm=dice.random() < _ALARM, **_hows(dice)
    )
    box = Reminder(
        name="box",
        text="box",
        times=_times(dice, 6),
        days=dice.choice((_ALL, _ALL, _WEEK)),
        sensor="box-1",
        early_ms=dice.choice((30, 60, 120)) * _MINUTE_MS,
        alarm=dice.random() < _ALARM,
        **_hows(dice),
    )
    drink = Reminder(name="drink", kind="drink", text="drink", times=_times(dice, 8), **_hows(dice))
    hospital = Reminder(
        name="hospital",
        kind="appointment",
        text="hospital",
        times=_times(dice, 1),
        evening=dice.choice((None, 1_140, 1_200)),
        leave_ms=dice.choice((30, 60, 90)) * _MINUTE_MS,
        **_hows(dice),
    )
    shares = (tablets, 0.8), (box, 0.8), (drink, 0.6), (hospital, 0.4)
    return tuple(each for each, share in shares if dice.random() < share)


def _times(dice: random.Random, most: int) -> tuple[int, ...]:
    return tuple(sorted(dice.sample(range(0, _MINUTES, 30), dice.randint(1, most))))


def _hows(dice: random.Random) -> dict[str, Any]:
    """Give how often, how long and how late."""
    return {
        "repeat_ms": dice.choice((3, 5)) * _MINUTE_MS,
        "snooze_ms": dice.choice((5, 10)) * _MINUTE_MS,
        "missed_ms": dice.choice((15, 30)) * _MINUTE_MS,
        "late_ms": dice.choice((20, 60, 120)) * _MINUTE_MS,
    }


# --- what is watched --------------------------------------------------------------------------------


def _inactivity(dice: random.Random) -> tuple[Inactivity, ...]:
    """By day, in the morning, and at all hours; a plan has some of these, or none."""
    day = Window(begin=dice.choice((420, 480)), to=dice.choice((1_200, 1_290)))
    morning = Window(begin=dice.choice((360, 420)), to=dice.choice((600, 660)), days=dice.choice((_ALL, _ALL, _WEEK)))
    rules = (
        Inactivity(name="day", limit_ms=dice.choice((120, 180, 300)) * _MINUTE_MS, window=day),
        Inactivity(
            name="morning",
            limit_ms=dice.choice((60, 90, 150)) * _MINUTE_MS,
            window=morning,
            sensors=dice.choice((("bed-1",), ("bed-1", "motion-hall", "motion-kitchen"))),
        ),
        Inactivity(name="long", limit_ms=dice.choice((10, 12, 14)) * _HOUR_MS),
    )
    return tuple(rule for rule in rules if dice.random() < 0.6)  # noqa: PLR2004 -- a share


def _absences(dice: random.Random) -> tuple[Absence, ...]:
    night = Window(begin=dice.choice((1_320, 1_380, 0)), to=dice.choice((300, 360)))
    limit_ms, window = dice.choice((15, 20, 45)) * _MINUTE_MS, dice.choice((night, night, night, night, None))
    bed = Absence(sensor="bed-1", limit_ms=limit_ms, window=window)
    chair = Absence(sensor="chair-1", limit_ms=dice.choice((4, 8)) * _HOUR_MS)
    return tuple(rule for rule, share in ((bed, 0.8), (chair, 0.3)) if dice.random() < share)


def _doors(dice: random.Random) -> tuple[Door, ...]:
    door = Door(
        sensor="door-front",
        open_ms=dice.choice((None, 10 * _MINUTE_MS, 30 * _MINUTE_MS)),
        leaving=dice.choice((None, Window(begin=1_320, to=360), Window(begin=1_380, to=330), Window(begin=0, to=300))),
        back_ms=dice.choice((3, 5, 10)) * _MINUTE_MS,
    )
    return (door,) if dice.random() < 0.85 else ()  # noqa: PLR2004 -- a share


def _temperatures(dice: random.Random) -> tuple[Temperature, ...]:
    rules = (
        Temperature(
            sensor=room,
            low=dice.choice((None, 14.0, 16.0, 17.5)),
            high=dice.choice((None, 27.0, 30.0)),
            hysteresis=dice.choice((0.0, 0.5, 1.0, 2.0)),
        )
        for room in ("room-bed", "room-bath")
    )
    return tuple(rule for rule in rules if dice.random() < 0.8)  # noqa: PLR2004 -- a share


# --- who is called ----------------------------------------------------------------------------------


def _ladder(dice: random.Random, name: str, contacts: tuple[str, ...]) -> Ladder:
    afters = sorted(dice.choices(_STEP_S, k=dice.randint(2, 7)))
    repeat_ms = dice.choice((0, 0, 60, 600, 1_800)) * 1_000
    return Ladder(name=name, steps=tuple(_step(dice, after_s, contacts) for after_s in afters), repeat_ms=repeat_ms)


def _step(dice: random.Random, after_s: int, contacts: tuple[str, ...]) -> Step:
    means = dice.choice(_MEANS)
    return Step(
        after_ms=after_s * 1_000,
        means=means,
        unless=dice.choice(_UNLESS),
        only=dice.choice((None, None, None, "day", "night")),
        to=tuple(dice.sample(contacts, dice.randint(1, len(contacts)))) if means == "sms" else (),
        text="help-is-called" if means == "say" else "",
        for_ms=dice.choice((0, 30_000, 300_000)) if means in ("siren", "light", "relay") else 0,
    )


def _kinds(dice: random.Random) -> tuple[Rule, ...]:
    rules = []
    for kind in SOUNDING:
        if dice.random() < 0.5:  # noqa: PLR2004 -- a share
            cancel_ms = dice.choice((None, None, 0, 5_000, 20_000)) if kind in SOUNDING[:4] else None
            priority = dice.choice((None, None, 3))
            rules.append(Rule(kind=kind, priority=priority, cancel_ms=cancel_ms, ladder=dice.choice(("", "urgent"))))
    rules.append(Rule(kind="door-button", ladder=dice.choice(("", "discreet"))))
    rules += [Rule(kind=kind, ladder="urgent") for kind in FOUND if dice.random() < 0.3]  # noqa: PLR2004 -- a share
    return tuple(rules)


def _silences(dice: random.Random) -> tuple[Silence, ...]:
    hours = {sensor: dice.choice((None, None, 0, 4, 8, 24)) for sensor in SUPERVISED}
    return tuple(
        Silence(sensor=sensor, after_ms=each * 3_600_000) for sensor, each in hours.items() if each is not None
    )


def _window(dice: random.Random) -> Window:
    begin = dice.randrange(0, _MINUTES, 15)
    return Window(begin=begin, to=(begin + dice.randrange(60, 11 * 60, 15)) % _MINUTES)
