"""The care plans of the simulated household: whatever a care manager might write, made wholly from a number."""

import random

from rules.plan import Contact, Ladder, Means, Plan, Rule, Silence, Step, Supervision, Unless, Window

CONTACTS = ("daughter", "son", "neighbour", "friend", "warden")
LANGUAGES = ("en", "de", "tr", "")
SOUNDING = ("pendant", "button", "pull-cord", "fall", "smoke", "carbon-monoxide", "flood")
SUPERVISED = ("pendant-1", "cord-bath", "smoke-hall")
ZONES = ("UTC", "Europe/London", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe")

_STEP_S = (0, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1_200, 1_800)
_MEANS: tuple[Means, ...] = ("centre", "sms", "sms", "sms", "siren", "siren", "say", "light", "relay")
_UNLESS: tuple[Unless, ...] = ("received", "acknowledged", "acknowledged", "resolved")
_MINUTES = 24 * 60


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
    )


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
    return tuple(rules)


def _silences(dice: random.Random) -> tuple[Silence, ...]:
    hours = {sensor: dice.choice((None, None, 0, 4, 8, 24)) for sensor in SUPERVISED}
    return tuple(
        Silence(sensor=sensor, after_ms=each * 3_600_000) for sensor, each in hours.items() if each is not None
    )


def _window(dice: random.Random) -> Window:
    begin = dice.randrange(0, _MINUTES, 15)
    return Window(begin=begin, to=(begin + dice.randrange(60, 11 * 60, 15)) % _MINUTES)
