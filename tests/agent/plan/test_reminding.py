"""Reading reminders, people, information, readings and the voice: what is read, and every refusal with its remedy."""

import datetime as dt
import tomllib
from time import process_time

import pytest

from agent.plan.reading import PlanDocument, PlanError, read_plan
from agent.plan.recurring import flaw
from agent.plan.spoken import language_of, spoken
from rules.events import Config, Sensor
from rules.plan import REMINDERS_MAX, Information, Person, Reminder, Threshold, Voice

WELL = """
language = "en-GB"
[person.mrs-a]
language = "cy"
needs = ["sight", "memory"]
[person.mr-a]
[[reminder]]
name = "tablets"
kind = "medication"
person = "mrs-a"
at = ["08:00", "20:00"]
text = "tablets"
from = 2026-05-01
until = 2026-05-31
skipped = [2026-05-25, 2026-05-04]
repeat_min = 5
snooze_min = 20
missed_min = 15
late_min = 90
early_min = 30
sensor = "lid-1"
alarm = true
[[reminder]]
name = "scales"
kind = "weigh"
at = ["07:45"]
days = ["wed", "mon"]
sensor = "scales-1"
reading = "weight"
[[reminder]]
name = "clinic"
kind = "appointment"
at = ["10:30"]
rule = "FREQ=MONTHLY;BYDAY=2TU"
from = 2026-01-01
evening = "18:30"
leave_min = 45
[[reminder]]
name = "hairdresser"
kind = "appointment"
at = ["14:00"]
dates = [2026-06-03, 2026-05-06]
evening = false
[[information]]
name = "bins"
text = "bins"
[[threshold]]
name = "heavy"
sensor = "scales-1"
quantity = "weight"
low = 45
high = 60.5
[voice]
volume = 90
quiet_volume = 30
rate = 120
[private.texts]
tablets = "Mae hi'n amser cymryd eich tabledi."
bins = "The bins go out on Wednesday."
"""

HUB = Config(
    hub="hub-1",
    sensors=(
        Sensor("lid-1", "lid", "kitchen"),
        Sensor("scales-1", "reading", "bathroom"),
        Sensor("hall", "motion", "hall"),
    ),
)


def toml(text: str, config: Config | None = None) -> PlanDocument:
    return read_plan(tomllib.loads(text), config)


def problems(text: str, config: Config | None = None) -> list[str]:
    with pytest.raises(PlanError) as caught:
        toml(text, config)
    return [str(problem) for problem in caught.value.problems]


def test_every_table_is_read_in_the_units_of_the_rules() -> None:
    plan = toml(WELL, HUB).plan
    assert plan.people == (
        Person(person="mrs-a", language="cy", needs=("sight", "memory")),
        Person(person="mr-a"),
    )
    assert plan.reminders == (
        Reminder(
            name="tablets",
            person="mrs-a",
            text="tablets",
            times=(480, 1200),
            skipped=("2026-05-04", "2026-05-25"),
            begin="2026-05-01",
            until="2026-05-31",
            repeat_ms=300_000,
            snooze_ms=1_200_000,
            missed_ms=900_000,
            late_ms=5_400_000,
            early_ms=1_800_000,
            sensor="lid-1",
            alarm=True,
        ),
        Reminder(name="scales", kind="weigh", times=(465,), days=(0, 2), sensor="scales-1", reading="weight"),
        Reminder(
            name="clinic",
            kind="appointment",
            times=(630,),
            rule="FREQ=MONTHLY;BYDAY=2TU",
            begin="2026-01-01",
            evening=18 * 60 + 30,
            leave_ms=2_700_000,
        ),
        Reminder(
            name="hairdresser", kind="appointment", times=(840,), dates=("2026-05-06", "2026-06-03"), evening=None
        ),
    )
    assert plan.information == (Information(name="bins", text="bins"),)
    assert plan.thresholds == (Threshold(name="heavy", sensor="scales-1", quantity="weight", low=45, high=60.5),)
    assert plan.voice == Voice(volume=90, quiet_volume=30, rate=120)


def test_every_text_is_spoken_in_the_language_of_whom_it_is_for() -> None:
    ladder = '[[ladder.default.step]]\nafter_s = 5\ndo = "say"\ntext = "stay"\n'
    plan = toml(WELL.replace("[voice]", ladder + "[voice]") + 'stay = "Help is coming."').plan
    assert spoken(plan) == {"tablets": "cy", "bins": "en-GB", "stay": "en-GB"}
    assert (language_of(plan, "mr-a"), language_of(plan, ""), language_of(plan, "mrs-a")) == ("en-GB", "en-GB", "cy")


# --- refusals ----------------------------------------------------------------------------------------

TABLETS = '[[reminder]]\nname = "a"\nkind = "medication"\nat = ["08:00"]\n'
CLINIC = TABLETS.replace("medication", "appointment")
TWICE = TABLETS.replace('["08:00"]', '["08:00", "09:00"]')

REFUSALS = {
    "a name as a reference": ('[person."Mary Ann"]', "person, entry 1", "never a name"),
    "a need": ('[person.a]\nneeds = ["love"]', "person.a.needs", "what they do poorly"),
    "no kind": (TABLETS.replace('kind = "medication"\n', ""), "reminder[1].kind", "add it"),
    "a kind": (TABLETS.replace("medication", "medicine"), "reminder[1].kind", 'did you mean "medication"?'),
    "no time": (TABLETS.replace('["08:00"]', "[]"), "reminder[1].at", "a list of 1 to 12 times"),
    "a time twice": (TABLETS.replace('["08:00"]', '["08:00", "08:00"]'), "reminder[1].at", "each time once"),
    "one name twice": (TABLETS * 2, "reminder[2].name", "give each its own"),
    "a name of digits": (TABLETS.replace('"a"', '"07700900123"'), "reminder[1].name", "at most 6 digits"),
    "a stranger": (TABLETS + 'person = "b"\n[person.c]', "reminder[1].person", "add [person.b]"),
    "a text that is not there": (TABLETS + 'text = "b"', "reminder[1].text", 'add b = "…"'),
    "information that is not there": (
        '[[information]]\nname = "a"\ntext = "b"',
        "information[1].text",
        'add b = "…"',
    ),
    "a day that says nothing": (TABLETS + "dates = []", "reminder[1].dates", "a list of 1 to 400 dates"),
    "a date in quotes that is none": (TABLETS + 'dates = ["3 May"]', "reminder[1].dates", "such as [2026-12-01]"),
    "a moment for a date": (TABLETS + "from = 2026-05-01T10:00:00", "reminder[1].from", "a date, such as"),
    "a date twice": (TABLETS + "dates = [2026-05-01, 2026-05-01]", "reminder[1].dates", "each date once"),
    "a day beyond all plans": (TABLETS + "dates = [1926-05-01]", "reminder[1].dates", "from 2000 to 2099"),
    "days said twice over": (TABLETS + 'days = ["mon"]\ndates = [2026-05-01]', "reminder[1].days", "remove it"),
    "an end before the beginning": (
        TABLETS + "from = 2026-05-02\nuntil = 2026-05-01",
        "reminder[1].until",
        "correct one of them",
    ),
    "no day of the week between them": (
        TABLETS + 'from = 2026-05-02\nuntil = 2026-05-03\ndays = ["mon"]',
        "reminder[1].days",
        "no day that ever comes",
    ),
    "every day skipped": (
        TABLETS + "dates = [2026-05-01]\nskipped = [2026-05-01]",
        "reminder[1].dates",
        "or remove the reminder",
    ),
    "30 February": (
        TABLETS + 'from = 2026-05-01\nrule = "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"',
        "reminder[1].rule",
        "no day that ever comes",
    ),
    "a rule after its end": (
        TABLETS + 'from = 2026-05-01\nuntil = 2026-05-31\nrule = "FREQ=YEARLY;BYMONTH=6"',
        "reminder[1].rule",
        "no day that ever comes",
    ),
    "a rule from no day": (TABLETS + 'rule = "FREQ=DAILY"', "reminder[1].from", "the day from which"),
    "no rule": (TABLETS + 'from = 2026-05-01\nrule = "on Tuesdays"', "reminder[1].rule", "FREQ=WEEKLY;BYDAY=MO"),
    "an appointment at two times": (
        TWICE.replace("medication", "appointment"),
        "reminder[1].at",
        "a reminder for each",
    ),
    "an evening that is true": (CLINIC + "evening = true", "reminder[1].evening", "or false"),
    "tablets on the evening before": (TABLETS + 'evening = "19:00"', "reminder[1].evening", "remove it"),
    "tablets to leave for": (TABLETS + "leave_min = 5", "reminder[1].leave_min", "remove it"),
    "an appointment with a lid": (CLINIC + 'sensor = "lid-1"', "reminder[1].sensor", "remove it"),
    "an appointment that may be late": (CLINIC + "late_min = 5", "reminder[1].late_min", "remove it"),
    "early with no lid": (TABLETS + "early_min = 5", "reminder[1].sensor", "or remove early_min"),
    "a reading of nothing": (TABLETS + 'reading = "weight"', "reminder[1].sensor", "or remove reading"),
    "two doses at once": (TWICE, "reminder[1].late_min", "set late_min = 30"),
    "two doses over midnight": (
        TABLETS.replace('["08:00"]', '["23:30", "00:30"]'),
        "reminder[1].late_min",
        "set late_min = 30",
    ),
    "one lid for two": (TWICE + 'late_min = 30\nsensor = "lid-1"', "reminder[1].early_min", "set early_min = 30"),
    "missed too soon": (TABLETS + "missed_min = 4", "reminder[1].missed_min", "from 5 to 240"),
    "a threshold of nothing": (
        '[[threshold]]\nname = "a"\nsensor = "b"\nquantity = "weight"',
        "threshold[1].low",
        "low, high or both",
    ),
    "a threshold that all are beyond": (
        '[[threshold]]\nname = "a"\nsensor = "b"\nquantity = "weight"\nlow = 5\nhigh = 5',
        "threshold[1].high",
        "set them apart",
    ),
    "a threshold of no number": (
        '[[threshold]]\nname = "a"\nsensor = "b"\nquantity = "weight"\nlow = nan',
        "threshold[1].low",
        "from -100000",
    ),
    "two thresholds of one reading": (
        '[[threshold]]\nname = "a"\nsensor = "b"\nquantity = "weight"\nlow = 5\n' * 2,
        "threshold[2].quantity",
        "give each its own",
    ),
    "a whisper": ("[voice]\nvolume = 0", "voice.volume", "from 10 to 100"),
    "a voice of its own": ('[voice]\nname = "Mary"', "voice.name", "one of volume, quiet_volume, rate"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_names_the_key_and_the_remedy(name: str) -> None:
    text, key, remedy = REFUSALS[name]
    told = [problem for problem in problems(text) if problem.startswith(f"{key}: ")]
    assert any(remedy in problem for problem in told), problems(text)


@pytest.mark.parametrize(
    ("was", "now", "key"),
    [
        ('name = "scales"', 'name = "scales"\ntext = "tablets"', "reminder[2].text"),
        ('text = "bins"', 'text = "tablets"', "information[1].text"),
        (
            "[voice]",
            '[[ladder.default.step]]\nafter_s = 5\ndo = "say"\ntext = "tablets"\n[voice]',
            "ladder.default.step[1].text",
        ),
    ],
)
def test_a_text_is_not_said_in_two_languages(was: str, now: str, key: str) -> None:
    told = problems(WELL.replace(was, now))
    assert any(each.startswith(f"{key}: ") and "write one for each language" in each for each in told), told
    assert toml(WELL.replace(was, now).replace('person = "mrs-a"', "")), "of one language it may be"


@pytest.mark.parametrize(
    ("was", "now", "key", "remedy"),
    [
        ('sensor = "lid-1"', 'sensor = "lid-2"', "reminder[1].sensor", 'did you mean "lid-1"?'),
        ('sensor = "lid-1"', 'sensor = "hall"', "reminder[1].sensor", "of kind lid"),
        ('"scales-1"\nreading', '"lid-1"\nreading', "reminder[2].sensor", "of kind reading or temperature"),
        ('"scales-1"\nquantity', '"hall"\nquantity', "threshold[1].sensor", "of kind reading or temperature"),
    ],
)
def test_what_answers_and_measures_must_be_there_and_able_to_tell(was: str, now: str, key: str, remedy: str) -> None:
    assert was in WELL
    told = problems(WELL.replace(was, now), HUB)
    assert any(each.startswith(f"{key}: ") and remedy in each for each in told), told


def test_s12_there_is_an_end_to_them() -> None:
    many = "".join(TABLETS.replace('"a"', f'"a-{number}"') for number in range(REMINDERS_MAX + 1))
    assert problems(many)[0].startswith("reminder: ")


# --- rules (RFC 5545) ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;WKST=SU",
        "FREQ=MONTHLY;BYDAY=2TU,-1FR",
        "FREQ=MONTHLY;BYMONTHDAY=1,-1;COUNT=999",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "FREQ=YEARLY;BYMONTH=12,1;BYMONTHDAY=25;UNTIL=20991231",
        "FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO",
        "FREQ=YEARLY;BYYEARDAY=366",
    ],
)
def test_a_rule_of_days_is_taken(rule: str) -> None:
    assert flaw(rule) == ""
    assert toml(TABLETS + f'from = 2026-05-01\nrule = "{rule}"').plan.reminders[0].rule == rule


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=HOURLY", "FREQ=DAILY, WEEKLY, MONTHLY or YEARLY"),
        ("INTERVAL=2", "FREQ=DAILY, WEEKLY, MONTHLY or YEARLY"),
        ("FREQ=DAILY;BYHOUR=9", "of FREQ, INTERVAL, COUNT"),
        ("FREQ=DAILY;INTERVAL=0", "a number from 1 to 999"),
        ("FREQ=DAILY;COUNT=1000000", "a number from 1 to 999"),
        ("FREQ=DAILY;UNTIL=20261231T235959Z", "a date without a time"),
        ("FREQ=DAILY;UNTIL=20260231", "a rule of RFC 5545"),
        ("FREQ=DAILY;COUNT=5;UNTIL=20261231", "COUNT or UNTIL"),
        ("FREQ=WEEKLY;BYDAY=2TU", "BYDAY without numbers"),
        ("FREQ=MONTHLY;BYDAY=21TU", "a rule of RFC 5545"),
        ("FREQ=YEARLY;BYEASTER=0", "of FREQ, INTERVAL, COUNT"),
        ("RSCALE=GREGORIAN;FREQ=YEARLY", "of FREQ, INTERVAL, COUNT"),
        ("RRULE:FREQ=DAILY", "each once, in capitals"),
        ("freq=daily", "in capitals"),
        ("FREQ=DAILY;FREQ=DAILY", "each once"),
        ("FREQ=DAILY;", "each once"),
        ("FREQ=DAILY\\nRRULE:FREQ=DAILY", "FREQ=DAILY, WEEKLY, MONTHLY or YEARLY"),
    ],
)
def test_a_rule_that_other_software_would_read_otherwise_or_not_at_all_is_refused(rule: str, expected: str) -> None:
    assert expected in flaw(rule.replace("\\n", "\n"))


def test_s12_rules_that_never_come_about_do_not_keep_the_hub() -> None:
    """The library alone would look for each of them for seconds, to the year 9999."""
    never = TABLETS + 'from = 2026-05-01\nrule = "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"\n'
    numbers = range(REMINDERS_MAX)
    many = (never.replace('"a"', f'"a-{number}"').replace("05-01", f"05-{number % 28 + 1:02}") for number in numbers)
    began = process_time()
    assert len(problems("".join(many))) == 1
    assert process_time() - began < 2


def test_json_has_its_dates_in_quotes() -> None:
    table = {"name": "a", "kind": "other", "at": ["08:00"], "dates": ["2026-05-01"]}
    assert (
        read_plan({"reminder": [table]}).plan
        == read_plan({"reminder": [{**table, "dates": [dt.date(2026, 5, 1)]}]}).plan
    )
