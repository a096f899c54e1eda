"""Care plans nobody wrote, for Hypothesis: every one is a plan that the reader would let through."""

from typing import Any, get_args

from hypothesis import strategies as st

from rules.kinds import SENSOR_KINDS
from rules.plan import (
    Contact,
    Information,
    Ladder,
    Means,
    Person,
    Plan,
    Reminder,
    ReminderKind,
    Rule,
    Step,
    Threshold,
    Unless,
    Window,
)

CONTACTS = tuple(
    Contact(contact=name, consent="2026-10-01", neighbour=name == "neighbour")
    for name in ("daughter", "neighbour", "warden")
)

MINUTE_MS = 60_000

AFTERS = st.sampled_from([0, 1_000, 5_000, 30_000, MINUTE_MS, MINUTE_MS, 90_000, 2 * MINUTE_MS, 40 * MINUTE_MS]) | (
    st.integers(0, 2 * 60 * MINUTE_MS)
)
MEANS: tuple[Means, ...] = ("centre", "sms", "sms", "siren", "say", "light", "relay")
UNLESS: st.SearchStrategy[Unless] = st.sampled_from(["received", "acknowledged", "acknowledged", "resolved"])
DURATIONS = st.sampled_from([0, 10_000, 5 * MINUTE_MS])


@st.composite
def steps(draw: st.DrawFn) -> Step:
    means = draw(st.sampled_from(MEANS))
    return Step(
        after_ms=draw(AFTERS),
        means=means,
        unless=draw(UNLESS),
        only=draw(st.sampled_from([None, None, None, "day", "night"])),
        to=tuple(draw(st.sets(st.sampled_from([each.contact for each in CONTACTS]), min_size=1)))
        if means == "sms"
        else (),
        text="come-back" if means == "say" else "",
        for_ms=draw(DURATIONS) if means in ("siren", "light", "relay") else 0,
    )


@st.composite
def ladders(draw: st.DrawFn, name: str, most: int = 6) -> Ladder:
    taken = sorted(draw(st.lists(steps(), max_size=most)), key=lambda step: step.after_ms)
    repeat_ms = draw(st.sampled_from([0, 0, MINUTE_MS, 15 * MINUTE_MS]))
    return Ladder(name=name, steps=tuple(taken), repeat_ms=repeat_ms if taken else 0)


@st.composite
def rules(draw: st.DrawFn, kind: str, names: list[str]) -> Rule:
    silent = draw(st.sampled_from([None, None, False, True]))
    return Rule(
        kind=kind,
        priority=draw(st.sampled_from([None, None, 1, 2, 3, 4])),
        cancel_ms=0 if silent else draw(st.sampled_from([None, None, 0, 5_000, 300_000])),
        silent=silent,
        ladder=draw(st.sampled_from(["", *names])),
    )


def windows() -> st.SearchStrategy[Window]:
    days = st.sets(st.integers(0, 6), min_size=1).map(sorted).map(tuple)
    return st.builds(Window, begin=st.integers(0, 1_439), to=st.integers(0, 1_439), days=days)


PEOPLE = (Person(person="p1", language="cy"), Person(person="p2", needs=("hearing",)))

TIMES = st.lists(st.sampled_from([1, 180, 450, 720, 1_080, 1_231]), min_size=1, max_size=3, unique=True)
"""Two hours and a half apart, and more. Days here are short, and begin at midnight, which is half past eight at St
John's: the first minute of each is among them."""

DAYS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {},
        {},
        {"days": (0, 2, 4)},
        {"dates": ("2025-12-31", "2026-01-01", "2026-01-02")},
        {"rule": "FREQ=DAILY;INTERVAL=2", "begin": "2025-12-01", "skipped": ("2026-01-02",)},
        {"begin": "2026-01-02"},
        {"until": "2026-01-02"},
    ]
)


@st.composite
def reminders(draw: st.DrawFn, name: str) -> Reminder:
    """Any that the reader lets through, near the days that homes here begin on. Lid and scales are `reminded`'s."""
    kind = draw(st.sampled_from(get_args(ReminderKind)))
    days = draw(DAYS)
    person, text = draw(st.sampled_from(["", "p1", "p2"])), draw(st.sampled_from(["", name]))
    if kind == "appointment":
        evening, leave_ms = draw(st.sampled_from([None, 19 * 60])), draw(st.sampled_from([0, 45, 1_439])) * MINUTE_MS
        at = (draw(TIMES)[0],)
        return Reminder(
            name=name, kind=kind, person=person, text=text, times=at, evening=evening, leave_ms=leave_ms, **days
        )
    answers: list[dict[str, Any]] = [{}, {"sensor": "lid-1"}, {"sensor": "scales-1", "reading": "weight"}]
    return Reminder(
        name=name,
        kind=kind,
        person=person,
        text=text,
        times=tuple(draw(TIMES)),
        repeat_ms=draw(st.sampled_from([1, 3, 60])) * MINUTE_MS,
        snooze_ms=draw(st.sampled_from([1, 10, 60])) * MINUTE_MS,
        missed_ms=draw(st.sampled_from([5, 30, 240])) * MINUTE_MS,
        late_ms=draw(st.sampled_from([0, 60, 75])) * MINUTE_MS,
        early_ms=draw(st.sampled_from([0, 60])) * MINUTE_MS,
        alarm=draw(st.booleans()),
        **draw(st.sampled_from(answers)),
        **days,
    )


@st.composite
def plans(draw: st.DrawFn, version: int = 1, kinds: tuple[str, ...] = (), *, reminds: bool = True) -> Plan:
    """A plan with up to three ladders. But for reminders it watches nothing: alarms are what somebody pressed for."""
    found = tuple(draw(ladders(name)) for name in draw(st.sets(st.sampled_from(["default", "one", "two"]))))
    names = [each.name for each in found]
    chosen = kinds or tuple(draw(st.sets(st.sampled_from([kind.name for kind in SENSOR_KINDS]), max_size=4)))
    return Plan(
        version=version,
        time_zone=draw(st.sampled_from(["UTC", "Europe/London", "America/St_Johns"])),
        contacts=CONTACTS,
        kinds=tuple(draw(rules(kind, names)) for kind in sorted(chosen)),
        ladders=found,
        night=draw(st.none() | windows()),
        quiet=draw(st.none() | windows()),
        **(draw(reminding()) if reminds else {}),
    )


@st.composite
def reminding(draw: st.DrawFn) -> dict[str, Any]:
    """What a plan has said, and to whom; and a reading that is an alarm."""
    names = draw(st.lists(st.sampled_from(["tablets", "drink", "clinic", "scales"]), max_size=3, unique=True))
    heavy = Threshold(name="heavy", sensor="scales-1", quantity="weight", low=50, high=70)
    return {
        "people": PEOPLE,
        "reminders": tuple(draw(reminders(name)) for name in names),
        "information": draw(st.sampled_from([(), (Information(name="bins", text="bins"),)])),
        "thresholds": draw(st.sampled_from([(), (heavy,)])),
    }
