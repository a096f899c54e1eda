"""Reading a care plan: every refusal names the key and the remedy, and TOML and JSON say the same."""

import datetime as dt
import json
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.plan.building import default_ladder
from agent.plan.reading import PlanDocument, PlanError, parse, read_plan
from agent.wire.envelope import DOCUMENT_BYTES_MAX
from rules.events import Config, Sensor
from rules.kinds import KINDS
from rules.plan import (
    BUILT_IN,
    CONTACTS_MAX,
    SILENT,
    STEPS_MAX,
    Contact,
    Door,
    Inactivity,
    Plan,
    PowerCut,
    Silence,
    Step,
    Temperature,
    Window,
    kind_of,
    ladder_of,
)
from tests.support.examples import examples

EXAMPLES = sorted((Path(__file__).parents[3] / "provisioning" / "examples").glob("*.toml"))

WELL = """
version = 7
language = "en-GB"
time_zone = "Europe/London"
accepted_gaps = ["door-button/line-down"]
[contact.daughter]
language = "pl"
consent = 2026-10-01
[contact.friend]
consent = 2026-10-02
neighbour = true
[kind.pendant]
cancel_s = 5
ladder = "help"
[ladder.help]
repeat_min = 15
[[ladder.help.step]]
after_s = 30
do = "say"
text = "called"
unless = "resolved"
[[ladder.help.step]]
after_s = 60
do = "siren"
unless = "received"
only = "night"
for_s = 90
[[ladder.help.step]]
after_s = 120
do = "sms"
to = ["daughter", "friend"]
[night]
from = "22:00"
to = "06:30"
[quiet]
from = "21:00"
to = "07:00"
days = ["sun", "mon"]
[[inactivity]]
name = "morning"
limit_min = 15
from = "07:00"
to = "12:00"
sensors = ["hall"]
[[absence]]
sensor = "bed"
limit_min = 30
days = ["sat"]
[[door]]
sensor = "front"
open_min = 10
leaving_from = "22:00"
leaving_to = "06:00"
back_min = 3
[[temperature]]
sensor = "kitchen"
low = 16
[[visit]]
name = "breakfast"
sensor = "carer"
from = "08:00"
to = "09:00"
[supervision]
mains_s = 90
[supervision.silent_after_h]
front = 24
carer = "never"
[power_cut]
router_min = 30
hub_h = 7.5
[private.numbers]
daughter = "+48 600 000 000"
friend = "+44 7700 900123"
[private.texts]
called = "Help is called."
"""


def toml(text: str, config: Config | None = None) -> PlanDocument:
    return read_plan(tomllib.loads(text), config)


def problems(text: str, config: Config | None = None) -> list[str]:
    with pytest.raises(PlanError) as caught:
        toml(text, config)
    return [str(problem) for problem in caught.value.problems]


def test_an_empty_document_is_the_empty_plan() -> None:
    assert toml("").plan == Plan()


def test_every_table_is_read_in_the_units_of_the_rules() -> None:
    plan = toml(WELL).plan
    assert (plan.version, plan.language, plan.time_zone) == (7, "en-GB", "Europe/London")
    assert plan.contacts == (
        Contact(contact="daughter", language="pl", consent="2026-10-01"),
        Contact(contact="friend", consent="2026-10-02", neighbour=True),
    )
    pendant = kind_of(plan, KINDS, "pendant")
    assert pendant.cancel_ms == 5_000
    assert ladder_of(plan, pendant).repeat_ms == 15 * 60_000
    assert ladder_of(plan, pendant).steps == (
        Step(after_ms=30_000, means="say", unless="resolved", text="called"),
        Step(after_ms=60_000, means="siren", unless="received", only="night", for_ms=90_000),
        Step(after_ms=120_000, means="sms", to=("daughter", "friend")),
    )
    assert plan.night == Window(begin=22 * 60, to=6 * 60 + 30)
    assert plan.quiet == Window(begin=21 * 60, to=7 * 60, days=(0, 6))
    assert plan.inactivity == (
        Inactivity(name="morning", limit_ms=900_000, window=Window(begin=420, to=720), sensors=("hall",)),
    )
    assert plan.absences[0].window == Window(begin=0, to=0, days=(5,))
    assert plan.doors == (Door(sensor="front", open_ms=600_000, leaving=Window(begin=1320, to=360), back_ms=180_000),)
    assert plan.temperatures == (Temperature(sensor="kitchen", low=16.0),)
    assert plan.visits[0].window == Window(begin=480, to=540)
    assert plan.supervision.mains_ms == 90_000
    assert plan.supervision.silences == (
        Silence(sensor="front", after_ms=86_400_000),
        Silence(sensor="carer", after_ms=0),
    )
    assert plan.power_cut == PowerCut(router_ms=1_800_000, hub_ms=27_000_000)
    assert plan.accepted_gaps == ("door-button/line-down",)


def test_numbers_and_texts_are_not_in_what_the_rules_get() -> None:
    document = toml(WELL)
    assert document.private.numbers == {"daughter": "+48600000000", "friend": "+447700900123"}
    assert document.private.texts == {"called": "Help is called."}
    assert b"900123" not in msgspec.json.encode(document.plan)
    assert "900123" not in repr(document)
    assert "900123" not in f"{document.private}"


# --- refusals ----------------------------------------------------------------------------------------

REFUSALS = {
    "an unknown key": ("verzion = 1", "verzion", 'did you mean "version"?'),
    "a version": ("version = -1", "version", "from 1 to"),
    "a language": ('language = "english"', "language", "BCP 47"),
    "a zone by shape": ('time_zone = "../../etc/passwd"', "time_zone", "IANA"),
    "a zone by name": ('time_zone = "Europe/Londn"', "time_zone", "name a city"),
    "a folder of zones": ('time_zone = "Europe"', "time_zone", "name a city"),
    "a name as a reference": ('[contact."Mary Ann"]', "contact, entry 1", "never a name"),
    "a contact's key": ("[contact.son]\nphone = '1'", "contact.son.phone", "one of language, channels"),
    "a consent": ('[contact.son]\nconsent = "yes"', "contact.son.consent", "2026-10-01"),
    "an unknown kind": ("[kind.pendent]", "kind.pendent", 'did you mean "pendant"?'),
    "a cancel window": ("[kind.pendant]\ncancel_s = 301", "kind.pendant.cancel_s", "from 0 to 300"),
    "an unknown ladder": ('[kind.pendant]\nladder = "x"', "kind.pendant.ladder", "add [ladder.x]"),
    "a silent smoke alarm": ("[kind.smoke]\nsilent = true", "kind.smoke.silent", "a home must hear this"),
    "a smoke alarm that may wait": ("[kind.smoke]\npriority = 3", "kind.smoke.priority", "quiet hours"),
    "a silent window": ("[kind.fall]\nsilent = true", "kind.fall.cancel_s", "set cancel_s = 0"),
    "a ladder without steps": ("[ladder.a]\nstep = []", "ladder.a.step", "at least one table"),
    "an unknown means": ('[[ladder.a.step]]\nafter_s = 1\ndo = "phone"', "ladder.a.step[1].do", "one of"),
    "a text to nobody": ('[[ladder.a.step]]\nafter_s = 1\ndo = "sms"', "ladder.a.step[1].to", "the contacts to text"),
    "a text to a stranger": (
        '[[ladder.a.step]]\nafter_s = 1\ndo = "sms"\nto = ["son"]',
        "ladder.a.step[1].to",
        "add [contact.son]",
    ),
    "nothing to say": ('[[ladder.a.step]]\nafter_s = 1\ndo = "say"', "ladder.a.step[1].text", "private.texts"),
    "a text that is not there": (
        '[[ladder.a.step]]\nafter_s = 1\ndo = "say"\ntext = "hi"',
        "ladder.a.step[1].text",
        'add hi = "…"',
    ),
    "a siren with a text": (
        '[[ladder.a.step]]\nafter_s = 1\ndo = "siren"\ntext = "hi"',
        "ladder.a.step[1].text",
        "remove it",
    ),
    "a text that lasts": (
        '[[ladder.a.step]]\nafter_s = 1\ndo = "centre"\nfor_s = 9',
        "ladder.a.step[1].for_s",
        "remove it",
    ),
    "no night": (
        '[[ladder.a.step]]\nafter_s = 1\ndo = "siren"\nonly = "night"',
        "ladder.a.step[1].only",
        "add [night]",
    ),
    "steps out of order": (
        '[[ladder.a.step]]\nafter_s = 9\ndo = "siren"\n[[ladder.a.step]]\nafter_s = 8\ndo = "siren"',
        "ladder.a.step[2].after_s",
        "put the steps in order",
    ),
    "a time": ('[night]\nfrom = "24:00"\nto = "06:00"', "night.from", '"22:00"'),
    "a day": ('[night]\nfrom = "22:00"\nto = "06:00"\ndays = ["monday"]', "night.days", "a list of at least one"),
    "half a window": (
        '[[inactivity]]\nname = "a"\nlimit_min = 20\nfrom = "07:00"',
        "inactivity[1].to",
        "add it",
    ),
    "an impatient watch": ('[[inactivity]]\nname = "a"\nlimit_min = 14', "inactivity[1].limit_min", "from 15 to 5940"),
    "two of one name": (
        '[[inactivity]]\nname = "a"\nlimit_min = 20\n[[inactivity]]\nname = "a"\nlimit_min = 30',
        "inactivity[2].name",
        "give each its own",
    ),
    "a door not watched": ('[[door]]\nsensor = "front"', "door[1].open_min", "say what is watched"),
    "half of leaving": (
        '[[door]]\nsensor = "front"\nleaving_to = "06:00"',
        "door[1].leaving_from",
        "add it",
    ),
    "a room not watched": ('[[temperature]]\nsensor = "hall"', "temperature[1].low", "say what is watched"),
    "a room never well": (
        '[[temperature]]\nsensor = "hall"\nlow = 20\nhigh = 21',
        "temperature[1].high",
        "further apart",
    ),
    "two doors on one sensor": (
        '[[door]]\nsensor = "front"\nopen_min = 5\n[[door]]\nsensor = "front"\nopen_min = 9',
        "door[2].sensor",
        "give each its own",
    ),
    "two rooms on one sensor": (
        '[[temperature]]\nsensor = "hall"\nlow = 5\n[[temperature]]\nsensor = "hall"\nlow = 9',
        "temperature[2].sensor",
        "give each its own",
    ),
    "two visits of one name": (
        '[[visit]]\nname = "a"\nsensor = "b"\nfrom = "08:00"\nto = "09:00"\n' * 2,
        "visit[2].name",
        "give each its own",
    ),
    "a silence": ("[supervision.silent_after_h]\nfront = 0", "supervision.silent_after_h.front", '"never"'),
    "a battery": ("[power_cut]\nhub_h = 100", "power_cut.hub_h", "from 0 (no battery) to 72"),
    "a gap": ('accepted_gaps = ["It is fine"]', "accepted_gaps[1]", "copy it from there"),
    "a number of nobody": ('[private.numbers]\nson = "+447700900123"', "private.numbers.son", "add [contact.son]"),
    "a sealed private part": ('private = "eyJ"', "private", "before it is sealed"),
    "tables in single brackets": ("[inactivity]\nname = 'a'", "inactivity", "in double brackets"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_names_the_key_and_the_remedy(name: str) -> None:
    text, key, remedy = REFUSALS[name]
    told = [problem for problem in problems(text) if problem.startswith(f"{key}: ")]
    assert any(remedy in problem for problem in told), problems(text)


def test_every_problem_is_told_at_once() -> None:
    text = (
        'language = "x"\n[contact.son]\nconsent = 3\n[night]\nto = "25:00"\n[[ladder.a.step]]\nafter_s = -1\ndo = "say"'
    )
    keys = {problem.partition(": ")[0] for problem in problems(text)}
    assert {"language", "contact.son.consent", "night.from", "night.to", "ladder.a.step[1].after_s"} <= keys


CALLED = '[contact.son]\nconsent = 2026-01-01\n[private.numbers]\nson = "+447700900123"\n'
CALLS = '[[ladder.default.step]]\nafter_s = 1\ndo = "sms"\nto = ["son"]\n'


@pytest.mark.parametrize(
    ("gone", "key", "remedy"),
    [
        ("consent = 2026-01-01", "contact.son.consent", "ask them"),
        ('son = "+447700900123"', "private.numbers.son", "add son ="),
    ],
)
@pytest.mark.parametrize("calls", [CALLS, ""], ids=["its own ladder", "the default ladder"])
def test_nobody_is_called_who_did_not_agree_or_cannot_be(gone: str, key: str, remedy: str, calls: str) -> None:
    assert toml(CALLED + calls).plan.contacts
    assert any(each.startswith(f"{key}: ") and remedy in each for each in problems(CALLED.replace(gone, "") + calls))


def test_a_contact_without_the_channel_is_not_texted() -> None:
    text = CALLED.replace("consent", "channels = []\nconsent")
    assert any(each.startswith("contact.son.channels: ") for each in problems(text + CALLS))


def test_a_reply_must_show_who_it_is_from() -> None:
    twice = (
        CALLED.replace("[private", "[contact.niece]\nconsent = 2026-01-01\n[private") + 'niece = "+44 7700 900123"\n'
    )
    assert any("stands here twice" in each for each in problems(twice))


@pytest.mark.parametrize("means", ["siren", "light", "say"])
def test_s1_a_silent_kind_has_no_step_that_sounds_or_shines(means: str) -> None:
    text = 'text = "hi"\n' if means == "say" else ""
    ladder = f'[[ladder.a.step]]\nafter_s = 1\ndo = "{means}"\n{text}[kind.door-button]\nladder = "a"\n'
    ladder += '[private.texts]\nhi = "Hello."\n'
    assert any(each.startswith("kind.door-button.ladder: ") for each in problems(ladder))
    assert toml(ladder.replace("door-button", "flood")).plan.ladders, "a kind that is not silent may have it"


NUMBERS = [
    '"07700 900123"',
    "447700900123",
    '"+44 (0)7700 900123"',
    '"+4"',
    "true",
    '["+447700900123"]',
    '{ a = "07700900123" }',
]


@pytest.mark.parametrize("number", NUMBERS)
def test_s11_a_number_that_cannot_be_used_is_not_repeated(number: str) -> None:
    told = "\n".join(problems(f"[contact.son]\n[private.numbers]\nson = {number}"))
    assert "private.numbers.son: " in told
    assert "with + and the country's code" in told
    assert "900123" not in told.replace("+44 7700 900123", ""), "but for the example in the words"


@pytest.mark.parametrize(
    "text",
    [
        'private = [["0770"]]',
        '[private]\nnumbers = "0770"',
        "[private.texts]\nhi = 770",
        '[private.texts]\nhi = "0770\\u0007"',
        '[private.texts]\n"Mary 0770" = "x"',
        '[contact."Mary 0770"]',
        '[contact."Mary 0770"]\n[[ladder.a.step]]\nafter_s = 1\ndo = "sms"\nto = ["son"]',
        '[ladder."Mary 0770"]\nstep = []\n[kind.pendant]\nladder = "b"',
        '[kind."Mary 0770"]',
        '[[inactivity]]\nname = "Mary 0770"\nlimit_min = 20',
        '[[ladder.a.step]]\nafter_s = 1\ndo = "sms"\nto = ["Mary 0770"]',
        '[[ladder.a.step]]\nafter_s = 1\ndo = "say"\ntext = "Mary 0770"',
    ],
)
def test_s11_what_may_be_a_name_a_number_or_a_text_is_not_repeated(text: str) -> None:
    assert "770" not in "\n".join(problems(text)).replace("7700 900123", "")


# --- against a hub -----------------------------------------------------------------------------------

HUB = Config(
    hub="hub-1",
    sensors=(
        Sensor("hall", "motion", "hall"),
        Sensor("bed", "bed", "bedroom"),
        Sensor("front", "door", "hall"),
        Sensor("kitchen", "temperature", "kitchen"),
        Sensor("carer", "visit", "hall"),
    ),
)


def test_a_plan_fits_the_hub_it_is_for() -> None:
    assert toml(WELL, HUB).plan.version == 7


@pytest.mark.parametrize(
    ("was", "now", "key", "remedy"),
    [
        ('sensors = ["hall"]', 'sensors = ["hal"]', "inactivity[1].sensors", 'did you mean "hall"?'),
        ('sensor = "bed"', 'sensor = "front"', "absence[1].sensor", "of kind bed or chair"),
        ('sensor = "front"', 'sensor = "porch"', "door[1].sensor", "front"),
        ('sensor = "kitchen"', 'sensor = "bed"', "temperature[1].sensor", "of kind temperature"),
        ('sensor = "carer"', 'sensor = "hall"', "visit[1].sensor", "of kind visit"),
        ("\nfront = 24", "\nfrunt = 24", "supervision.silent_after_h.frunt", 'did you mean "front"?'),
    ],
)
def test_what_is_watched_must_be_there_and_able_to_tell(was: str, now: str, key: str, remedy: str) -> None:
    assert was in WELL
    told = problems(WELL.replace(was, now), HUB)
    assert any(each.startswith(f"{key}: ") and remedy in each for each in told), told


# --- the default ladder ------------------------------------------------------------------------------


def test_contacts_without_a_ladder_are_texted_in_their_order() -> None:
    more = CALLED.replace("[private", "[contact.friend]\nconsent = 2026-01-02\n[private") + 'friend = "+447700900124"\n'
    plan = toml(more).plan
    ladder = ladder_of(plan, kind_of(plan, KINDS, "pendant"))
    assert [(step.after_ms, step.means, step.to) for step in ladder.steps] == [
        (60_000, "siren", ()),
        (120_000, "sms", ("son",)),
        (300_000, "sms", ("friend",)),
    ]
    assert ladder_of(plan, kind_of(plan, KINDS, "door-button")) == SILENT


def test_without_contacts_the_built_in_ladder_stays() -> None:
    assert ladder_of(toml("version = 1").plan, KINDS[0]) == BUILT_IN


@pytest.mark.parametrize("count", [1, STEPS_MAX - 2, STEPS_MAX - 1, CONTACTS_MAX])
def test_s12_however_many_contacts_there_are_the_default_ladder_calls_them_all(count: int) -> None:
    contacts = tuple(Contact(contact=f"c{number}") for number in range(count))
    steps = default_ladder(contacts).steps
    assert len(steps) <= STEPS_MAX
    assert [name for step in steps for name in step.to] == [each.contact for each in contacts]


# --- files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_valid_and_say_the_same_as_json(path: Path, tmp_path: Path) -> None:
    document = read_plan(path)
    copy = tmp_path / "plan.json"
    copy.write_bytes(document.to_json())
    again = read_plan(copy)
    assert (again.plan, again.private) == (document.plan, document.private)
    assert document.plan.version > 0
    numbers = document.private.numbers.values()
    assert all(number.startswith("+447700900") for number in numbers), "Ofcom's numbers for stories"


def test_there_are_four_examples() -> None:
    assert [path.stem for path in EXAMPLES] == ["alone", "couple", "dementia", "no-modem"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("plan.toml", b"version = ", "not valid TOML"),
        ("plan.toml", b"# caf\xe9", "line 1 is not UTF-8"),
        ("plan.toml", b"#" * (DOCUMENT_BYTES_MAX + 1), "larger than 64 KiB"),
        ("plan.json", b"[]", "not an object"),
        ("plan.json", b"{", "not valid JSON"),
        ("plan.json", b'{"version":' * 40_000, "64 KiB"),
        ("plan.json", b'{"version":' * 5_000, "plan.json"),
    ],
)
def test_a_file_that_is_no_plan_says_so(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(PlanError, match=told):
        read_plan(path)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"No such file.*name the file"):
        read_plan(tmp_path / "plan.toml")


def test_a_reason_is_one_line_however_much_is_wrong() -> None:
    with pytest.raises(PlanError) as caught:
        read_plan({f"key-{number}": number for number in range(50)})
    assert "and 45 more" in caught.value.reason
    assert "\n" not in caught.value.reason


# --- any plan ----------------------------------------------------------------------------------------

references = st.from_regex(r"[a-z][a-z0-9-]{0,6}", fullmatch=True)  # at most six digits
times = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59))
days = st.lists(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1, unique=True)
window = st.fixed_dictionaries({"from": times, "to": times}, optional={"days": days})


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Any valid document."""
    contacts = draw(st.lists(references, max_size=4, unique=True))
    texts = draw(st.dictionaries(references, st.from_regex(r"[A-Za-zäß'\"\\]{1,20}", fullmatch=True), max_size=3))
    night = draw(st.none() | window)
    names = draw(st.lists(references, max_size=3, unique=True))
    ladders = {name: draw(ladder(contacts, sorted(texts), night=night is not None)) for name in names}
    loud = ["pendant", "fall", "flood", "smoke", "inactivity"]
    rules = draw(st.dictionaries(st.sampled_from(loud), rule(names), max_size=3))
    sensors = st.lists(references, min_size=1, max_size=3, unique=True)
    people = draw(st.lists(references, max_size=2, unique=True))
    reminder = reminders(people, sorted(texts))
    inactivity = st.fixed_dictionaries(
        {"name": references, "limit_min": st.integers(15, 5940)}, optional={"sensors": sensors}
    )
    temperature = st.fixed_dictionaries(
        {"sensor": references, "low": st.integers(-30, 20)}, optional={"high": st.integers(25, 60)}
    )
    return {
        "version": draw(st.integers(1, 9_999_999_999)),
        "language": draw(st.sampled_from(["en", "en-GB", "zh-Hant", "es-419"])),
        "time_zone": draw(st.sampled_from(["UTC", "Europe/London", "America/Argentina/Buenos_Aires"])),
        "contact": {
            name: {
                "consent": draw(st.dates(dt.date(2020, 1, 1), dt.date(2040, 1, 1))),
                "neighbour": draw(st.booleans()),
            }
            for name in contacts
        },
        "ladder": ladders,
        "kind": rules,
        **({"night": night} if night else {}),
        "inactivity": draw(st.lists(inactivity, max_size=3, unique_by=lambda each: each["name"])),
        "temperature": draw(st.lists(temperature, max_size=3, unique_by=lambda each: each["sensor"])),
        "visit": [{"name": "a-visit", "sensor": draw(references), **draw(window)}],
        "person": {name: {"needs": ["sight"]} for name in people},
        "reminder": draw(st.lists(reminder, max_size=3, unique_by=lambda each: each["name"])),
        "information": [{"name": name, "text": name} for name in texts],
        "threshold": [{"name": "heavy", "sensor": "scales", "quantity": "weight", "high": draw(st.floats(0, 300))}],
        "voice": {"volume": draw(st.integers(10, 100))},
        "private": {"numbers": {name: f"+4477009{place:05d}" for place, name in enumerate(contacts)}, "texts": texts},
    }


@st.composite
def reminders(draw: st.DrawFn, people: list[str], texts: list[str]) -> dict[str, Any]:
    day = st.dates(dt.date(2026, 1, 1), dt.date(2030, 1, 1))
    rule = {"rule": "FREQ=MONTHLY;BYDAY=-1FR", "from": draw(day)}
    listed = {"dates": draw(st.lists(day, min_size=1, max_size=3, unique=True))}
    maybe: list[dict[str, Any]] = [{}, {"missed_min": 15, "repeat_min": 5, "late_min": 0}]
    answered: list[dict[str, Any]] = [{}, {"sensor": "lid", "early_min": 30, "alarm": True}]
    return {
        "name": draw(references),
        "kind": draw(st.sampled_from(["medication", "drink", "weigh", "other"])),
        "at": draw(st.lists(times, min_size=1, max_size=1)),
        **draw(st.sampled_from([rule, listed, {"days": draw(days)}, {}])),
        **draw(st.sampled_from(maybe)),
        **draw(st.sampled_from(answered)),
        **draw(one_of("person", people)),
        **draw(one_of("text", texts)),
    }


def one_of(key: str, values: list[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.sampled_from([{}, *({key: value} for value in values)])


@st.composite
def ladder(draw: st.DrawFn, contacts: list[str], texts: list[str], *, night: bool) -> dict[str, Any]:
    moments = sorted(draw(st.lists(st.integers(0, 86_400), min_size=1, max_size=5)))
    means = ["centre", "siren", "light", "relay", *(["sms"] if contacts else []), *(["say"] if texts else [])]
    steps = []
    for moment in moments:
        step: dict[str, Any] = {"after_s": moment, "do": draw(st.sampled_from(means))}
        match step["do"]:
            case "sms":
                step["to"] = draw(st.lists(st.sampled_from(contacts), min_size=1, unique=True))
            case "say":
                step["text"] = draw(st.sampled_from(texts))
            case "siren":
                step["for_s"] = draw(st.integers(1, 86_400))
        if night and draw(st.booleans()):
            step["only"] = draw(st.sampled_from(["day", "night"]))
        steps.append(step)
    return {"step": steps, **({"repeat_min": draw(st.integers(1, 1440))} if draw(st.booleans()) else {})}


def rule(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    optional: dict[str, st.SearchStrategy[Any]] = {"priority": st.integers(1, 2), "cancel_s": st.integers(0, 300)}
    if names:
        optional["ladder"] = st.sampled_from(names)
    return st.fixed_dictionaries({}, optional=optional)


def as_toml(value: Any) -> str:
    """Write a document as TOML, tables inline: enough for these."""

    def inline(value: Any) -> str:
        match value:
            case dict():
                return "{" + ", ".join(f"{json.dumps(key)} = {inline(each)}" for key, each in value.items()) + "}"
            case list():
                return "[" + ", ".join(map(inline, value)) + "]"
            case dt.date():
                return value.isoformat()
            case _:
                return json.dumps(value)

    return "\n".join(f"{key} = {inline(each)}" for key, each in value.items())


@settings(max_examples=examples(60), deadline=None)
@given(documents())
def test_any_plan_says_the_same_as_toml_as_json_and_after_it_was_kept(document: dict[str, Any]) -> None:
    from_toml = read_plan(parse(as_toml(document).encode(), "it", json=False))
    from_json = read_plan(parse(msgspec.json.encode(document), "it", json=True))
    assert (from_toml.plan, from_toml.private) == (from_json.plan, from_json.private)
    kept = read_plan(parse(from_toml.to_json(), "it", json=True))
    assert (kept.plan, kept.private) == (from_toml.plan, from_toml.private)
    assert msgspec.json.decode(msgspec.json.encode(kept.plan), type=Plan) == kept.plan, "as the journal has it"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("+447700900123"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | references, inner, max_size=3),
    max_leaves=12,
)
KEYS = [
    "version",
    "contact",
    "kind",
    "ladder",
    "night",
    "inactivity",
    "door",
    "person",
    "reminder",
    "information",
    "threshold",
    "voice",
    "supervision",
    "accepted_gaps",
    "private",
]


@settings(max_examples=examples(150), deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), json_values, max_size=4))
def test_any_document_is_read_or_refused_and_nothing_else(raw: dict[str, Any]) -> None:
    try:
        document = read_plan(raw)
    except PlanError as error:
        told = str(error)
    else:
        told = repr(document)
    assert told
    assert "7700900123" not in told, "S11: wherever it stood"


@settings(max_examples=examples(150), deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read_or_refused_and_nothing_else(content: bytes, json: bool) -> None:
    try:
        told = repr(read_plan(parse(content, "it", json=json)))
    except PlanError as error:
        told = str(error)
    assert told
