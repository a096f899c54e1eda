"""Care plans nobody wrote, for Hypothesis: every one is a plan that the reader would let through."""

from hypothesis import strategies as st

from rules.kinds import SENSOR_KINDS
from rules.plan import Contact, Ladder, Means, Plan, Rule, Step, Unless, Window

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


@st.composite
def plans(draw: st.DrawFn, version: int = 1, kinds: tuple[str, ...] = ()) -> Plan:
    """A plan with up to three ladders. It watches nothing: every alarm of a day is one that somebody pressed for."""
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
    )
