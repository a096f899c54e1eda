"""What `plan explain` says is what the hub does, in words a nine-year-old can read, and a picture that can be read."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree as ET

import pytest
import textstat_rs
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from agent.plan.reading import read_plan
from provisioning.plan.explain import explain, show
from provisioning.plan.explain_words import sentences
from provisioning.plan.groups import groups
from provisioning.plan.page import page
from provisioning.plan.phrases import CASES, KINDS, hours_of, long_time, named, short_time
from provisioning.plan.picture import svg, timelines
from provisioning.plan.svg import COLOURS, SIGNS, width
from rules.kinds import KIND_NAMES
from rules.plan import (
    Absence,
    Contact,
    Door,
    Inactivity,
    Information,
    Ladder,
    Means,
    Need,
    Person,
    Plan,
    PowerCut,
    Reminder,
    ReminderKind,
    Rule,
    Silence,
    Step,
    Supervision,
    Temperature,
    Threshold,
    Visit,
    Voice,
    Window,
)
from rules.proof import cases
from rules.reports import AlarmEscalated
from tests.rules.home import Home
from tests.support.examples import examples
from tests.support.house import ROOT

MIN, HOUR = 60_000, 3_600_000
EXAMPLES = sorted((ROOT / "provisioning" / "examples").glob("*.toml"))
GRADE_MAX = 4.0
"""Flesch and Kincaid's grade; the reading age is five years more."""

FULL = Plan(
    version=3,
    language="en-GB",
    time_zone="Europe/London",
    contacts=(
        Contact(contact="daughter", consent="2026-05-03"),
        Contact(contact="neighbour", consent="2026-05-04", neighbour=True, language="cy"),
        Contact(contact="son", consent="2026-05-05"),
    ),
    kinds=(
        Rule(kind="door-button", ladder="door"),
        Rule(kind="visit-missed", ladder="soft"),
        Rule(kind="chair", ladder="soft"),
    ),
    ladders=(
        Ladder(
            name="default",
            repeat_ms=10 * MIN,
            steps=(
                Step(after_ms=0, means="light", unless="resolved"),
                Step(after_ms=MIN, means="siren", unless="received", for_ms=5 * MIN),
                Step(after_ms=2 * MIN, means="sms", to=("daughter",)),
                Step(after_ms=5 * MIN, means="sms", to=("neighbour", "son")),
                Step(after_ms=5 * MIN, means="relay", unless="resolved", for_ms=10 * MIN, only="night"),
            ),
        ),
        Ladder(name="door", steps=(Step(after_ms=MIN, means="sms", to=("daughter",)),)),
        Ladder(
            name="soft",
            steps=(
                Step(after_ms=0, means="say", text="are-you-well"),
                Step(after_ms=15 * MIN, means="sms", to=("daughter",), only="day"),
            ),
        ),
    ),
    night=Window(begin=22 * 60, to=7 * 60),
    quiet=Window(begin=21 * 60, to=8 * 60),
    inactivity=(Inactivity(name="day", limit_ms=4 * HOUR, window=Window(begin=8 * 60, to=22 * 60)),),
    absences=(Absence(sensor="bed", limit_ms=30 * MIN, window=Window(begin=23 * 60, to=6 * 60)),),
    doors=(Door(sensor="front-door", open_ms=10 * MIN, leaving=Window(begin=23 * 60, to=6 * 60)),),
    temperatures=(Temperature(sensor="kitchen", low=16, high=30),),
    visits=(Visit(name="lunch", sensor="hall-button", window=Window(begin=720, to=780, days=(0, 1, 2, 3, 4))),),
    people=(Person(person="mrs-a", needs=("sight", "memory")), Person(person="mr-a", language="pl")),
    reminders=(
        Reminder(name="tablets", person="mrs-a", times=(480, 1200), sensor="lid", alarm=True, repeat_ms=5 * MIN),
        Reminder(name="scales", kind="weigh", times=(465,), days=(0, 2), sensor="scales", reading="weight"),
        Reminder(
            name="clinic",
            kind="appointment",
            person="mr-a",
            times=(630,),
            rule="FREQ=MONTHLY;BYDAY=2TU",
            begin="2026-01-01",
            skipped=("2026-02-10",),
        ),
        Reminder(name="eye-drops", times=(600,), begin="2026-05-01", until="2026-05-14", missed_ms=15 * MIN),
        Reminder(name="party", kind="other", times=(900,), dates=("2026-05-03", "2027-05-03")),
    ),
    information=(Information(name="bins", text="bins"), Information(name="chemist", text="chemist")),
    thresholds=(Threshold(name="heavy", sensor="scales", quantity="weight", low=50, high=68.5),),
    voice=Voice(volume=80, quiet_volume=30),
    supervision=Supervision(
        silences=(Silence(sensor="fridge", after_ms=12 * HOUR), Silence(sensor="cord", after_ms=0))
    ),
    power_cut=PowerCut(router_ms=2 * HOUR),
    accepted_gaps=("pendant/no-line+modem-down", "*/mains-off"),
)


def said(plan: Plan) -> str:
    return "\n".join(point for section in sentences(plan) for point in section.points)


def point(plan: Plan, about: str) -> str:
    (found,) = [each for section in sentences(plan) for each in section.points if about in each]
    return found


# --- plans of all kinds ------------------------------------------------------------------------------

NAMES = ("daughter", "son", "neighbour", "friend", "nurse", "sister", "brother")
SENSORS = ("bed", "front-door", "kitchen", "hall", "chair")

windows = st.builds(
    Window,
    begin=st.integers(0, 1439),
    to=st.integers(0, 1439),
    days=st.lists(st.integers(0, 6), min_size=1, unique=True).map(tuple),
)
maybe_windows = st.none() | windows
limits = st.integers(1, 5_940).map(lambda minutes: minutes * MIN)


def steps(names: st.SearchStrategy[str], last_ms: int = 24 * HOUR) -> st.SearchStrategy[Step]:
    return st.builds(
        Step,
        after_ms=st.sampled_from([0, 1_000, 30_000, MIN, 90_000, 5 * MIN]) | st.integers(0, last_ms),
        means=st.sampled_from(get_args(Means)),
        unless=st.sampled_from(["received", "acknowledged", "resolved"]),
        only=st.sampled_from([None, None, "day", "night"]),
        to=st.lists(names, min_size=1, max_size=5, unique=True).map(tuple),
        text=names,
        for_ms=st.sampled_from([0, 0, 60_000, 90_000]) | st.integers(0, 24 * HOUR),
    )


def plans(names: st.SearchStrategy[str], sensors: st.SearchStrategy[str]) -> st.SearchStrategy[Plan]:
    ladders = st.builds(
        Ladder,
        name=st.sampled_from(["default", "soft", "door"]),
        steps=st.lists(steps(names), max_size=8).map(tuple),
        repeat_ms=st.sampled_from([0, MIN, 15 * MIN]),
    )
    rules = st.builds(
        Rule,
        kind=st.sampled_from(sorted(KIND_NAMES)),
        priority=st.none() | st.integers(1, 4),
        cancel_ms=st.none() | st.sampled_from([0, 5_000, 300_000]),
        silent=st.none() | st.booleans(),
        ladder=st.sampled_from(["", "soft", "door"]),
    )

    def some(each: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
        return st.lists(each, max_size=3).map(tuple)

    dates = st.lists(st.sampled_from(["2026-05-03", "2027-11-30"]), unique=True, max_size=2).map(tuple)
    reminders = st.builds(
        Reminder,
        name=names,
        kind=st.sampled_from(get_args(ReminderKind)),
        person=st.just("") | names,
        times=st.lists(st.integers(0, 1439), min_size=1, max_size=4, unique=True).map(tuple),
        days=st.lists(st.integers(0, 6), min_size=1, unique=True).map(tuple),
        dates=dates,
        skipped=dates,
        rule=st.sampled_from(["", "FREQ=MONTHLY;BYDAY=-1FR", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29"]),
        begin=st.sampled_from(["2026-01-01", "2027-03-28"]),
        until=st.sampled_from(["", "2028-01-01"]),
        evening=st.none() | st.just(1140),
        leave_ms=limits,
        repeat_ms=limits,
        missed_ms=limits,
        sensor=st.just("") | sensors,
        reading=st.just("") | names,
        alarm=st.booleans(),
    )
    needs = st.lists(st.sampled_from(get_args(Need)), unique=True, max_size=4).map(tuple)
    return st.builds(
        Plan,
        people=some(st.builds(Person, person=names, language=st.sampled_from(["", "pl", "ur"]), needs=needs)),
        reminders=some(reminders),
        information=some(st.builds(Information, name=names, text=names)),
        thresholds=some(
            st.builds(
                Threshold,
                name=names,
                sensor=sensors,
                quantity=names,
                low=st.none() | st.just(-2.5),
                high=st.just(140.0),
            )
        ),
        version=st.integers(0, 9_999_999_999),
        language=st.sampled_from(["en", "de", "cy"]),
        time_zone=st.sampled_from(["UTC", "Europe/London", "Europe/Berlin"]),
        contacts=some(
            st.builds(
                Contact,
                contact=names,
                consent=st.sampled_from(["", "2026-05-03"]),
                neighbour=st.booleans(),
                language=st.sampled_from(["", "fr"]),
            )
        ),
        kinds=some(rules),
        ladders=some(ladders),
        night=maybe_windows,
        quiet=maybe_windows,
        inactivity=some(
            st.builds(Inactivity, name=names, limit_ms=limits, window=maybe_windows, sensors=some(sensors))
        ),
        absences=some(st.builds(Absence, sensor=sensors, limit_ms=limits, window=maybe_windows)),
        doors=some(st.builds(Door, sensor=sensors, open_ms=st.none() | limits, leaving=maybe_windows)),
        temperatures=some(st.builds(Temperature, sensor=sensors, low=st.just(16.5), high=st.none() | st.just(30.0))),
        visits=some(st.builds(Visit, name=names, sensor=sensors, window=windows)),
        supervision=st.builds(Supervision, silences=some(st.builds(Silence, sensor=sensors, after_ms=limits))),
        power_cut=st.builds(PowerCut, router_ms=limits, hub_ms=st.integers(0, 72).map(lambda hours: hours * HOUR)),
        accepted_gaps=st.lists(st.sampled_from(["pendant/line-down", "*/mains-off", "fall/*"]), max_size=3).map(tuple),
    )


plain_plans = plans(st.sampled_from(NAMES), st.sampled_from(SENSORS))
any_text = st.text(max_size=60) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        "a\"'&<b>",
        "]]>",
        "[bold]x[/]",
        "\x1b[2J\x07",
        "\u202edlrow",
        "\ud800",
        "中" * 50,
        "",
    ]
)
hostile_plans = plans(any_text, any_text)


# --- the reading age ---------------------------------------------------------------------------------

SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def spelled(number: int) -> str:
    if number < 20:
        return SMALL[number]
    if number < 100:
        return f"{TENS[number // 10 - 2]} {spelled(number % 10) if number % 10 else ''}"
    if number < 1000:
        return f"{SMALL[number // 100]} hundred {spelled(number % 100)}"
    return " ".join(SMALL[int(digit)] for digit in str(number))


def grade(text: str) -> float:
    """The measure, with every number in words as it is read aloud: it would count "45" as one syllable."""
    words = re.sub(r"\d+", lambda found: f" {spelled(int(found[0]))} ", text.replace("\u00a0", " "))
    return textstat_rs.flesch_kincaid_grade(words, lang="en_GB")


def test_the_measure_knows_easy_from_hard() -> None:
    assert grade("The cat sat on the mat. It was a sunny day.") < 1
    hard = "Notwithstanding the aforementioned supervisory configuration, escalation commences after acknowledgement."
    assert grade(hard) > 15
    assert grade("It takes 45 minutes.") == grade("It takes forty five minutes.")


def test_four_examples_are_shipped() -> None:
    assert len(EXAMPLES) == 4


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_explained_for_a_reading_age_of_nine(path: Path) -> None:
    assert grade(said(read_plan(path).plan)) <= GRADE_MAX


@settings(max_examples=examples(60), deadline=None)
@given(plain_plans)
def test_any_plan_is_explained_for_a_reading_age_of_nine(plan: Plan) -> None:
    assert grade(said(plan)) <= GRADE_MAX


def test_each_part_of_it_can_be_read_alone() -> None:
    """A long part may not hide among short ones; a year is left for parts of very few words."""
    for section in (*sentences(FULL), *sentences(Plan())):
        assert grade("\n".join(section.points)) <= GRADE_MAX + 1, section.title


# --- what is said is what is done ----------------------------------------------------------------------


GOES_ON = {
    "nobody": {"received", "acknowledged", "resolved"},
    "received": {"acknowledged", "resolved"},
    "acknowledged": {"resolved"},
}
"""How far an alarm has got, and which steps are then still taken, as the sentences say it."""


@pytest.mark.parametrize("far", GOES_ON)
@settings(max_examples=examples(20), deadline=None)
@given(st.lists(steps(st.sampled_from(NAMES), 10 * MIN), min_size=1, max_size=8))
def test_s3_what_is_said_of_a_ladder_is_what_the_engine_does(far: str, ladder: list[Step]) -> None:
    """By day: every step said is taken at its time, and no other."""
    plan = Plan(
        version=1,
        contacts=tuple(Contact(contact=name, consent="2026-05-03") for name in NAMES),
        kinds=(Rule(kind="door-button", ladder="default"),),
        ladders=(Ladder(name="default", steps=tuple(ladder)),),
    )
    for sensor, kind in (("smoke-1", "smoke"), ("door-1", "door-button")):
        home = Home(line=far != "nobody")
        home.plan(plan)
        home.forget()
        home.press(sensor)
        began_ms = home.ms
        done = [(0, each.means, each.to) for each in home.sent(AlarmEscalated)]
        if far == "received":
            home.receipt()
        elif far == "acknowledged":
            home.acknowledge()
        for at_ms in sorted({step.after_ms for step in ladder} - {0}):
            home.forget()
            home.after((began_ms + at_ms - home.ms) / 1000)
            done += [(at_ms, each.means, each.to) for each in home.sent(AlarmEscalated)]
        (group,) = [each for each in groups(plan) if kind in {of.name for of in each.kinds}]
        told = [each for each in group.steps if each.after_ms == 0 or each.unless in GOES_ON[far]]
        assert sorted(done) == sorted((each.after_ms, each.means, each.to) for each in told)


def test_a_ladder_is_told_in_the_order_of_time() -> None:
    section = next(each for each in sentences(FULL) if "pendant" in each.title)
    assert section.points[-6:] == (
        "At once, the light flashes until the alarm is closed.",
        "If the centre does not have the call after 1 minute, the siren sounds for 5 minutes.",
        "If nobody has it after 2 minutes, the hub sends a text to daughter.",
        "If nobody has it after 5 minutes, the hub sends a text to neighbour and son.",
        (
            "At night only: after 5 minutes, even if somebody has it, the hub turns its switch on for 10 minutes "
            "(such as a lock on the door)."
        ),
        "If nobody has it 10 minutes after the last step, the steps start again.",
    )


def test_kinds_that_do_the_same_are_told_together_and_each_kind_once() -> None:
    names = [kind.name for group in groups(FULL) for kind in group.kinds]
    assert sorted(names) == sorted(KIND_NAMES)
    assert {"visit-missed", "chair"} in [{kind.name for kind in group.kinds} for group in groups(FULL)]
    assert "inactivity" not in {kind.name for group in groups(Plan()) for kind in group.kinds}


def test_the_empty_plan_says_what_a_new_hub_does() -> None:
    text = said(Plan())
    assert "When somebody presses the pendant, there are 10 seconds to press cancel." in text
    assert "When there is smoke, the hub calls at once." in text
    assert "the siren sounds for 5 minutes" in text
    assert "This plan asks nobody but the centre." in text
    assert "No text is sent to anybody." in text


def test_what_is_watched_is_told_with_its_times() -> None:
    assert "4 hours" in point(FULL, "signs of life. It")
    assert "from 08:00 to 22:00" in point(FULL, "signs of life. It")
    assert "30 minutes" in point(FULL, "leaves bed")
    assert "10 minutes" in point(FULL, "watches front-door")
    assert "from 23:00 to 06:00" in point(FULL, "go out by front-door")
    assert "16 degrees" in point(FULL, "fall below")
    assert "30 degrees" in point(FULL, "rise above")
    assert "from 12:00 to 13:00, on Monday to Friday" in point(FULL, "lunch")
    assert "12 hours" in point(FULL, "fridge")
    assert "test it by hand" in point(FULL, "cord still works")


def test_reminders_are_told_with_their_times_days_and_answers() -> None:
    assert "mrs-a to take tablets. This is at 08:00 and 20:00, each day." in point(FULL, "take tablets")
    again = point(FULL, "To open lid")
    assert "every 5 minutes" in again
    assert "for 30 minutes, it is missed. That is an alarm." in again
    assert "at 07:45, on Monday and Wednesday" in point(FULL, "get on the scales")
    assert "scales is an answer" in point(FULL, "To be measured by")
    assert point(FULL, "of clinic") == (
        "The hub reminds mr-a of clinic. It is at 10:30, on some days. The first are 13 January 2026, 10 March 2026 "
        "and 14 April 2026. The hub speaks on the day before at 19:00, and 1 hour before."
    )
    assert "from 1 May 2026 on, up to 14 May 2026" in point(FULL, "eye-drops")
    assert "on 3 May 2026 and 3 May 2027" in point(FULL, "party")
    assert "The hub reminds of nothing." in said(Plan())


def test_who_lives_there_what_may_be_asked_and_what_is_measured_are_told() -> None:
    assert "mrs-a can not see well and forgets things" in point(FULL, "to mrs-a.")
    assert "speaks Polish to mr-a" in said(FULL)
    assert "80 out of 100" in point(FULL, "In quiet hours it is 30")
    assert point(FULL, "in turn").endswith("bins and chemist.")
    assert "below 50 or above 68.5" in point(FULL, "the weight at scales")
    assert "is no doctor" in said(FULL)
    assert "is no doctor" not in said(Plan())


def test_messages_are_told_with_the_hours_that_the_rules_keep() -> None:
    assert "That is from 08:00 to 21:00." in said(Plan())
    assert "That is not at night, and not in quiet hours." in said(FULL)
    assert "15 minutes" in point(FULL, "till somebody presses")


def test_a_power_cut_and_the_hours_are_told() -> None:
    assert "8 hours" in point(FULL, "battery")
    assert "2 hours" in point(FULL, "router is")
    assert "It stops at once." in point(Plan(), "router is")
    assert "It stops at once." in point(Plan(power_cut=PowerCut(hub_ms=0)), "no battery")
    assert point(FULL, "Night is") == "Night is from 22:00 to 07:00."
    assert "missed visit" in point(FULL, "small things")


def test_s1_a_silent_alarm_is_said_to_be_silent_and_steps_that_would_sound_are_left_out() -> None:
    siren = Ladder(name="loud", steps=(Step(after_ms=MIN, means="siren"), Step(after_ms=MIN, means="relay")))
    plan = Plan(kinds=(Rule(kind="door-button", ladder="loud"),), ladders=(siren,))
    section = next(each for each in sentences(plan) if "hidden button" in each.title)
    assert "Nobody in the home sees or hears a thing. That is on purpose." in section.points
    assert not [each for each in section.points if "siren sounds" in each and "left out" not in each]
    assert [each for each in section.points if "siren" in each and "left out" in each]
    (drawn,) = [each for each in timelines(plan) if "Hidden" in each]
    assert "siren" not in drawn
    assert "no sound" in drawn


def test_a_step_of_the_night_is_left_out_when_there_is_no_night() -> None:
    ladder = Ladder(name="default", steps=(Step(after_ms=MIN, means="light", only="night"),))
    text = said(Plan(ladders=(ladder,)))
    assert "One step is left out, as this plan has no night: the light flashes until the alarm is closed." in text


def test_whoever_gave_no_consent_or_is_unknown_is_named() -> None:
    ladder = Ladder(name="default", steps=(Step(after_ms=MIN, means="sms", to=("son", "nobody-known")),))
    plan = Plan(contacts=(Contact(contact="son"),), ladders=(ladder,))
    assert "There is no yes yet." in point(plan, "A text may go to son")
    assert "does not say who that is" in point(plan, "a text for nobody-known")
    assert "given on 3 May 2026" in point(FULL, "may go to daughter")


def test_accepted_gaps_are_told_in_words() -> None:
    assert point(FULL, "presses the pendant: ") == (
        "When somebody presses the pendant: if no line is up and the part for texts is broken, "
        "it may be that no person hears of it. This is known, and was agreed to."
    )
    assert point(FULL, "If the power is cut").startswith("If the power is cut, and the router with it, it may be")
    assert said(Plan()).endswith("No gap has been agreed to.")


def test_there_are_words_for_every_kind_and_every_case() -> None:
    assert KINDS.keys() == KIND_NAMES
    assert {part for name in cases.WORDS for part in name.split("+")} <= CASES.keys()


def test_durations_are_said_exactly() -> None:
    assert long_time(MIN) == "1 minute"
    assert long_time(90_000) == "1 minute and 30 seconds"
    assert long_time(99 * HOUR + 61_500) == "99 hours, 1 minute and 1.5 seconds"
    assert long_time(0) == "0 seconds"
    assert short_time(5_400_000) == "1\u00a0h 30\u00a0min"


def test_windows_are_said_with_their_days() -> None:
    assert hours_of(Window(begin=0, to=0)) == "all day and all night"
    assert hours_of(Window(begin=1320, to=420, days=(5, 6))) == "from 22:00 to 07:00, on Saturday and Sunday"
    assert hours_of(Window(begin=480, to=540, days=(4, 0, 1, 3, 2))) == "from 08:00 to 09:00, on Monday to Friday"


# --- the picture -----------------------------------------------------------------------------------------

Rect = tuple[float, float, float, float]
SVG = "{http://www.w3.org/2000/svg}"
TAGS = {SVG + tag for tag in ("svg", "title", "desc", "g", "rect", "line", "path", "circle", "text")}


def elements(root: ET.Element, x: float = 0, y: float = 0) -> Iterator[tuple[ET.Element, float, float]]:
    """Every element with where it is moved to."""
    for each in root:
        moved = re.fullmatch(r"translate\((\S+) (\S+)\)", each.get("transform", ""))
        there = (x + float(moved[1]), y + float(moved[2])) if moved else (x, y)
        yield each, *there
        yield from elements(each, *there)


def text_rect(element: ET.Element, x: float, y: float) -> Rect:
    size = float(element.get("font-size", "0"))
    wide = width(element.text or "", size, bold=element.get("font-weight") == "bold")
    left = (
        x + float(element.get("x", "0")) - {"start": 0, "middle": wide / 2, "end": wide}[element.get("text-anchor", "")]
    )
    base = y + float(element.get("y", "0"))
    return left, base - 0.75 * size, left + wide, base + 0.2 * size


def rects(drawn: str) -> tuple[Rect, list[tuple[str, Rect]]]:
    """The picture's own box, and that of every text and sign in it."""
    root = ET.fromstring(drawn)  # noqa: S314 -- our own
    found = []
    for element, x, y in elements(root):
        if element.tag == SVG + "text":
            found.append((element.text or "", text_rect(element, x, y)))
        elif element.get("class") == "sign":
            found.append(("a sign", (x - 10, y - 10, x + 10, y + 10)))
    left, top, wide, high = map(float, root.get("viewBox", "").split())
    return (left, top, left + wide, top + high), found


def overlap(one: Rect, other: Rect) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def must_be_well_drawn(drawn: str) -> None:
    frame, found = rects(drawn)
    for number, (words, rect) in enumerate(found):
        assert frame[0] <= rect[0], words
        assert frame[1] <= rect[1], words
        assert rect[2] <= frame[2], words
        assert rect[3] <= frame[3], words
        for others, other in found[number + 1 :]:
            assert not overlap(rect, other), (words, others)


def test_a_picture_has_no_two_things_in_one_place() -> None:
    for plan in (FULL, Plan(), *(read_plan(path).plan for path in EXAMPLES)):
        must_be_well_drawn(svg(plan))


@settings(max_examples=examples(40), deadline=None)
@given(plain_plans | hostile_plans)
def test_no_plan_makes_a_picture_overlap_or_overflow(plan: Plan) -> None:
    must_be_well_drawn(svg(plan))


def test_a_picture_is_text_with_a_title_and_a_description() -> None:
    root = ET.fromstring(svg(FULL))  # noqa: S314 -- our own
    assert root.findtext(SVG + "title") == "Care plan 3"
    told = root.findtext(SVG + "desc") or ""
    shown = " ".join(each.text or "" for each in root.iter(SVG + "text"))
    for words in ("daughter", "neighbour", "son", "if nobody has it yet", "siren", "2\u00a0min", "15\u00a0min"):
        assert words in told
        assert words in shown
    assert min(float(each.get("font-size", "0")) for each in root.iter(SVG + "text")) >= 11


def test_nothing_is_told_by_colour_alone() -> None:
    """Every means has a sign of another shape, and every sign has words under it."""
    assert COLOURS.keys() == SIGNS.keys() == set(get_args(Means))
    assert len(set(SIGNS.values())) == len(set(COLOURS.values())) == len(SIGNS)
    _, found = rects(svg(FULL))
    signs = [rect for words, rect in found if words == "a sign"]
    assert signs
    for sign in signs:
        below = (sign[0], sign[3], sign[2], sign[3] + 16)
        assert any(overlap(below, rect) for words, rect in found if words != "a sign")


def test_a_bar_ends_after_what_begins_before_its_end() -> None:
    """A siren of five minutes from half a minute on is still drawn when another begins at two, and ends before it."""
    steps = (
        Step(after_ms=30_000, means="siren", for_ms=5 * MIN),
        Step(after_ms=2 * MIN, means="light", for_ms=5 * MIN),
    )
    drawn = timelines(Plan(ladders=(Ladder(name="default", steps=steps),)))[0]
    bars = {}
    for element, _, y in elements(ET.fromstring(drawn)):  # noqa: S314 -- our own
        if element.tag == SVG + "rect" and element.get("width") == "6":
            top = y + float(element.get("y", ""))
            bars[element.get("fill")] = (top, top + float(element.get("height", "")))
    siren, light = bars[COLOURS["siren"]], bars[COLOURS["light"]]
    assert siren[0] < light[0] < siren[1] - 5
    assert siren[1] < light[1]


def test_people_who_do_not_fit_beside_each_other_are_drawn_in_a_further_time_line() -> None:
    names = tuple(f"pal{number}" for number in range(20))
    plan = Plan(ladders=(Ladder(name="default", steps=(Step(after_ms=MIN, means="sms", to=names),)),))
    drawn = svg(plan)
    assert "(more people)" in drawn
    assert all(f">{name}<" in drawn for name in names)


@settings(max_examples=examples(40), deadline=None)
@given(hostile_plans)
def test_s11_nothing_in_a_plan_is_markup(plan: Plan) -> None:
    for drawn in (svg(plan), *timelines(plan)):
        for each in drawn.split("</svg>\n")[:-1]:
            root = ET.fromstring(each + "</svg>")  # noqa: S314 -- what is tested
            assert {element.tag for element in root.iter()} <= TAGS
            names = {name for element in root.iter() for name in element.attrib}
            assert not [name for name in names if name.startswith("on") or "href" in name]

    tags: set[str] = set()
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.add(tag)  # type: ignore[method-assign]
    parser.feed(page(plan))
    own = {"html", "meta", "title", "style", "main", "h1", "h2", "section", "ul", "li", "figure"}
    assert tags <= own | {tag.removeprefix(SVG) for tag in TAGS}

    page(plan).encode()
    written = StringIO()
    show(plan, Console(file=written, force_terminal=True, color_system=None, width=80))
    assert not re.search(r"[\x00-\x09\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", written.getvalue())
    assert re.findall(r"\x1b(?!\[[0-9;]*m)", written.getvalue()) == []


def test_a_terminal_shows_marks_in_a_plan_as_they_stand() -> None:
    ladder = Ladder(name="default", steps=(Step(after_ms=MIN, means="sms", to=("[bold]x[/bold]",)),))
    written = StringIO()
    show(Plan(ladders=(ladder,)), Console(file=written, width=200))
    assert "the hub sends a text to [bold]x[/bold]." in written.getvalue()
    assert re.search(r"centre +text \[bold\]x\[/bold\]", written.getvalue())


def test_a_reference_is_shown_on_one_line_and_cut() -> None:
    assert named("a\n\x1b[2Jb\u202e") == "a[2Jb"
    assert named("x" * 60) == "x" * 39 + "…"


# --- the command ---------------------------------------------------------------------------------------


@pytest.fixture
def plan_toml(tmp_path: Path) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(
        """
version = 7
[contact.daughter]
consent = 2026-05-03
[[ladder.default.step]]
after_s = 120
do = "sms"
to = ["daughter"]
[private.numbers]
daughter = "+441632960001"
"""
    )
    return path


def test_explain_prints_sentences_and_a_time_line(plan_toml: Path) -> None:
    done = CliRunner(env={"COLUMNS": "200"}).invoke(explain, [str(plan_toml)])
    assert done.exit_code == 0
    assert "If nobody has it after 2 minutes, the hub sends a text to daughter." in done.output
    assert re.search(r"call +2\smin *\n +centre +text daughter", done.output)
    assert "960001" not in done.output  # S11


def test_explain_writes_a_picture_and_a_page(plan_toml: Path, tmp_path: Path) -> None:
    picture, written = tmp_path / "plan.svg", tmp_path / "plan.html"
    done = CliRunner().invoke(explain, [str(plan_toml), "--picture", str(picture), "--page", str(written)])
    assert (done.exit_code, done.output) == (0, "")
    assert picture.read_text() == svg(read_plan(plan_toml).plan)
    assert written.read_text().count("<svg") == len(groups(read_plan(plan_toml).plan))
    assert "960001" not in picture.read_text() + written.read_text()  # S11


def test_explain_refuses_what_is_no_plan_and_a_place_it_cannot_write(plan_toml: Path, tmp_path: Path) -> None:
    refused = CliRunner().invoke(explain, [str(plan_toml), "--picture", str(tmp_path / "none" / "plan.svg")])
    assert refused.exit_code == 1
    assert "No such file or directory" in refused.stderr
    plan_toml.write_text("versoin = 1")
    refused = CliRunner().invoke(explain, [str(plan_toml)])
    assert refused.exit_code == 2
    assert "versoin" in refused.stderr
    missing = CliRunner().invoke(explain, [str(tmp_path / "gone.toml")])
    assert missing.exit_code == 2
    assert "gone.toml" in missing.stderr
