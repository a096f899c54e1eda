"""What the card of a home says: what is there and nothing else, nothing private, and in the resident's language."""

import re
import string
import subprocess
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any, Literal, get_args

import pytest
import textstat_rs
from babel.messages.pofile import read_po
from click.testing import CliRunner, Result
from msgspec.structs import replace

from agent.config import Buttons, HubConfig, Keys, ModemConfig, OutputPins, SensorConfig, Uplink
from agent.config.tables import Sound
from provisioning.card import command
from provisioning.card.home import Home, Lamp, Means, home_of
from provisioning.card.page import page
from provisioning.card.words import FOLDER, UnknownLanguageError, Words, languages, words_of
from rules.kinds import KINDS
from rules.plan import Ladder, Plan, PowerCut, Reminder, Rule, Step

GRADE_MAX = 4.0
"""Flesch and Kincaid's grade; the reading age is five years more."""

HOUR, MIN = 3_600_000, 60_000
HOSTILE = "<script>alert('+44 7700 900123')</script>\"'&"


def sensor(kind: str, person: str = "") -> SensorConfig:
    return SensorConfig(id=HOSTILE, driver="wires", address=HOSTILE, kind=kind, location=HOSTILE, person=person)


def config(**more: Any) -> HubConfig:
    plain: dict[str, Any] = {
        "path": Path("hub.toml"),
        "hub": HOSTILE,
        "state_dir": Path("state"),
        "socket": Path("sock"),
        "outputs": None,
        "keys": Keys(hub=Path("hub.key"), centre=(Path("centre.pem"),)),
        "uplinks": (Uplink(name=HOSTILE, host=HOSTILE),),
        "pins": None,
        "buttons": Buttons(),
        "drivers": (),
        "sensors": (sensor("pendant"),),
        "kinds": KINDS,
    }
    return HubConfig(**plain | more)


def text(home: Home, language: str = "en") -> str:
    """Give what can be read on the card, line by line."""
    return _Reader.read(page(home, words_of(language), 18))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] not in ("style", "title"):
            self.said.append(data.replace("\u00a0", " "))

    @classmethod
    def read(cls, html: str) -> str:
        reader = cls()
        reader.feed(html)
        return "\n".join(filter(str.strip, reader.said))


# --- what a home has, and nothing else ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "says"), [("pendant", "Press pendant"), ("pull-cord", "Pull the cord"), ("button", "Press button")]
)
def test_each_way_to_call_is_told_where_it_is_there(kind: str, says: str) -> None:
    assert says in text(home_of(config(sensors=(sensor(kind),)), None))
    assert says not in text(home_of(config(sensors=(sensor("motion"),)), None))


def test_the_call_button_is_told_where_it_is_there() -> None:
    assert "Press bell" in text(home_of(config(buttons=Buttons(call=5)), None))
    assert "Press bell" not in text(home_of(config(), None))


@pytest.mark.parametrize("silent", [None, False, True])
def test_s1_a_hidden_button_is_on_no_card_whatever_a_plan_says(silent: bool | None) -> None:
    plan = Plan(kinds=(Rule(kind="door-button", silent=silent),))
    hidden = config(sensors=(sensor("pendant"), sensor("door-button")))
    assert home_of(hidden, plan) == home_of(config(), plan)


def test_s1_a_pendant_that_must_be_silent_is_on_no_card() -> None:
    plan = Plan(kinds=(Rule(kind="pendant", silent=True), Rule(kind="button", silent=True)))
    assert home_of(config(buttons=Buttons(call=5)), plan).calls == ()
    assert "To call for help" not in text(home_of(config(), plan))


@pytest.mark.parametrize(
    ("part", "lamps"),
    [
        ("call", ("cancel", "calling", "through")),
        ("arrived", ("arrived",)),
        ("someone", ("someone",)),
        ("fault", ("fault",)),
        ("prompt", ("prompt",)),
        ("alert", ("flash",)),
        ("siren", ()),
        ("relay", ()),
        ("beacon", ()),
    ],
)
def test_only_the_lights_that_are_there_are_told(part: str, lamps: tuple[Lamp, ...]) -> None:
    home = home_of(config(outputs=OutputPins(**{part: 4}), buttons=Buttons(cancel=5)), None)
    assert home.lamps == lamps
    said = text(home)
    assert ("The lights" in said) == bool(lamps)


def test_a_beacon_is_told_where_a_ladder_switches_it() -> None:
    plan = Plan(ladders=(Ladder(name="default", steps=(Step(after_ms=0, means="light"),)),))
    assert home_of(config(outputs=OutputPins(beacon=4)), plan).lamps == ("flash",)


def test_the_shortest_time_to_cancel_is_promised() -> None:
    plan = Plan(kinds=(Rule(kind="pull-cord", cancel_ms=5_000),))
    home = home_of(config(sensors=(sensor("pendant"), sensor("pull-cord")), buttons=Buttons(cancel=5)), plan)
    assert "within 5 seconds" in text(home)
    assert "cross" not in text(home_of(config(), plan))


def test_where_there_is_no_time_to_cancel_none_is_promised() -> None:
    plan = Plan(kinds=(Rule(kind="pendant", cancel_ms=0),))
    home = home_of(config(buttons=Buttons(cancel=5), outputs=OutputPins(call=6)), plan)
    assert "Someone will ring you" in text(home)
    assert "within" not in text(home)
    assert "still cancel" not in text(home)


REMINDED = Plan(reminders=(Reminder(name="tablets", person="mrs-a", text=HOSTILE),))


def test_reminders_are_told_with_the_button_that_answers_them() -> None:
    assert home_of(config(buttons=Buttons(answer=5, cancel=6)), REMINDED).answer == "answer"
    assert home_of(config(buttons=Buttons(cancel=6)), REMINDED).answer == "cancel"
    assert home_of(config(), REMINDED).answer is None
    assert "Reminder?" in text(home_of(config(buttons=Buttons(cancel=6)), REMINDED))
    assert "Reminder?" not in text(home_of(config(buttons=Buttons(cancel=6)), Plan()))
    assert "Message?" in text(home_of(config(buttons=Buttons(answer=6)), Plan()))


def test_a_persons_card_tells_what_is_theirs() -> None:
    both = config(sensors=(sensor("pendant", "mrs-a"), sensor("pull-cord", "mr-b"), sensor("button")))
    assert home_of(both, REMINDED, "mr-b").calls == ("pull-cord", "button")
    assert home_of(both, REMINDED, "mrs-a").reminders
    assert not home_of(both, REMINDED, "mr-b").reminders
    assert home_of(both, REMINDED).calls == ("pendant", "pull-cord", "button")


def test_sounds_are_told_where_there_are_any() -> None:
    assert "pip" not in text(home_of(config(), None))
    assert "pip" in text(home_of(config(outputs=OutputPins(sounder=4)), None))
    assert "pip" in text(home_of(config(sound=Sound(device="default")), None))


def test_the_test_waits_for_what_this_home_can_show() -> None:
    deaf = text(home_of(config(), None))
    assert "Someone will ring you" in deaf
    assert "Wait for this" not in deaf
    assert "Wait for this" in text(home_of(config(outputs=OutputPins(arrived=4)), None))
    assert "Monthly test" not in text(home_of(config(sensors=()), None))


ROUTER, MODEM, OWN_LINE = "router", "modem", "own line"
TEXTS = Ladder(name="default", steps=(Step(after_ms=0, means="sms", to=("son",)),))


@pytest.mark.parametrize(
    ("plan", "more", "says"),
    [
        (None, {}, ["The box may stop.", "Use a mobile phone."]),
        (Plan(power_cut=PowerCut(hub_ms=0)), {}, ["The box may stop.", "Use a mobile phone."]),
        (Plan(), {}, ["The box lasts 8 hours.", "It cannot call for help.", "Use a mobile phone."]),
        (
            Plan(power_cut=PowerCut(router_ms=90 * MIN, hub_ms=HOUR * 11 // 2)),
            {},
            ["The box lasts 5 hours.", "It can call for help for 90 minutes.", "Then use a mobile phone."],
        ),
        (
            Plan(power_cut=PowerCut(router_ms=9 * HOUR)),
            {},
            ["The box lasts 8 hours.", "You can still call for help.", "Then use a mobile phone."],
        ),
        (
            Plan(ladders=(TEXTS,)),
            {"modem": ModemConfig(port=Path("tty"))},
            ["The box lasts 8 hours.", "You can still call for help.", "Then use a mobile phone."],
        ),
        (
            Plan(),
            {"modem": ModemConfig(port=Path("tty"))},  # which nobody is texted by
            ["The box lasts 8 hours.", "It cannot call for help.", "Use a mobile phone."],
        ),
        (
            Plan(),
            {"uplinks": (Uplink(name="main", host="a"), Uplink(name="4g", host="b", interface="wwan0", address="::1"))},
            ["The box lasts 8 hours.", "You can still call for help.", "Then use a mobile phone."],
        ),
    ],
)
def test_a_power_cut_is_told_as_it_will_be(plan: Plan | None, more: dict[str, Any], says: list[str]) -> None:
    said = text(home_of(config(**more), plan))
    assert "\n".join(["Power cut", *says]) in said


# --- nothing private, nothing hostile ----------------------------------------------------------------


def test_s11_nothing_of_the_configuration_or_the_plan_is_printed_but_durations() -> None:
    plan = replace(REMINDED, language=HOSTILE, time_zone=HOSTILE, ladders=(replace(TEXTS, name=HOSTILE),))
    full = config(
        sensors=(sensor("pendant", HOSTILE), sensor("pull-cord", HOSTILE)), buttons=Buttons(call=4, cancel=5, arrived=6)
    )
    html = page(home_of(full, plan, HOSTILE), words_of("en"), 18)
    assert "script" not in html
    assert re.findall(r"\d+", text(home_of(full, plan, HOSTILE))) == ["10", "3", "8"]


def test_a_phrase_is_never_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    home = home_of(config(buttons=Buttons(cancel=5)), REMINDED)
    honest = _Reader()
    honest.feed(page(home, words_of("ur"), 18))
    monkeypatch.setattr(Words, "say", lambda *_, **__: HOSTILE)
    html = page(home, words_of("ur"), 18)
    assert "<script" not in html
    reader = _Reader()
    reader.feed(html)
    assert set(reader.tags) <= set(honest.tags)
    assert not "".join(reader.said).replace(HOSTILE, "").split()


def test_numbers_keep_their_order_in_urdu() -> None:
    html = page(home_of(config(buttons=Buttons(cancel=5)), Plan()), words_of("ur"), 18)
    assert '<bdi dir="ltr">10</bdi>' in html
    assert '<html lang="ur" dir="rtl">' in html
    assert "bdi" not in page(home_of(config(buttons=Buttons(cancel=5)), Plan()), words_of("pl"), 18)


def test_a_telephone_number_in_urdu_is_isolated_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Words, "say", lambda *_, **__: "فون +44 7700 900123 پر")
    assert '<bdi dir="ltr">+44 7700 900123</bdi>' in page(home_of(config(), None), words_of("ur"), 18)


ANSWERS: tuple[Literal["answer", "cancel"] | None, ...] = (None, "answer", "cancel")


# --- words -------------------------------------------------------------------------------------------


def phrases(language: str) -> dict[str, tuple[str, ...]]:
    """Read a catalogue: the forms of each phrase, more than one only for what is counted."""
    with (FOLDER / f"{language}.po").open("rb") as file:
        found = read_po(file)
    assert not any(message.fuzzy for message in found if message.id)
    return {_one(message.id): _all(message.string) for message in found if message.id}


def _all(strings: object) -> tuple[str, ...]:
    return (strings,) if isinstance(strings, str) else tuple(map(str, strings)) if isinstance(strings, Sequence) else ()


def _one(strings: object) -> str:
    return _all(strings)[0]


def left_open(phrase: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(phrase) if name is not None)


@pytest.mark.parametrize("language", languages())
def test_no_catalogue_misses_a_phrase_or_loses_what_it_leaves_open(language: str) -> None:
    source, said = phrases("en"), phrases(language)
    assert said.keys() == source.keys()
    for key, forms in said.items():
        assert forms, key
        assert all(form.strip() and left_open(form) == left_open(source[key][0]) for form in forms), key


@pytest.mark.parametrize("language", languages())
def test_gettexts_own_check_finds_nothing(language: str, tmp_path: Path) -> None:
    checked = ["msgfmt", "--check", "--output-file", str(tmp_path / "out.mo"), str(FOLDER / f"{language}.po")]
    try:
        ran = subprocess.run(checked, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("gettext's tools are not installed")
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("language", languages())
def test_whatever_a_home_has_there_are_words_for_it_and_no_word_is_for_nothing(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: set[str] = set()

    def noted(method: Callable[..., str]) -> Callable[..., str]:
        def note(words: Words, key: str, *values: int, **more: str) -> str:
            if words.language == language:
                used.add(key)
            return method(words, key, *values, **more)

        return note

    monkeypatch.setattr(Words, "say", noted(Words.say))
    monkeypatch.setattr(Words, "_counted", noted(Words._counted))
    truths = (True, False)
    for cancel_s, answer, yes, hub_min, line_min in product(
        (None, 0, 10), ANSWERS, truths, (None, 0, 40, 480), (None, 0, 30)
    ):
        home = Home(
            calls=get_args(Means),
            cancel_s=cancel_s,
            answer=answer,
            reminders=yes,
            helper=True,
            lamps=get_args(Lamp) if yes else (),
            sound=yes,
            hub_min=hub_min,
            line_min=line_min,
        )
        assert page(home, words_of(language), 18)
    unreviewed_only = {"draft"} if words_of(language).reviewed else set()
    assert used == phrases(language).keys() - unreviewed_only


def test_english_is_for_nine_year_olds() -> None:
    said = [forms[-1].format(time="ten minutes", n="8") for forms in phrases("en").values()]
    assert textstat_rs.flesch_kincaid_grade(" ".join(phrase.rstrip(".") + "." for phrase in said)) <= GRADE_MAX


@pytest.mark.parametrize("language", languages())
def test_what_no_speaker_has_read_has_english_beside_what_matters_most(language: str) -> None:
    home = home_of(config(buttons=Buttons(cancel=5), outputs=OutputPins(call=6, fault=7)), Plan())
    said = text(home, language)
    english = ["Press pendant", "To call for help", "Mistake? Press the cross within 10 seconds.", "Calling for help."]
    assert all(line in said for line in english)
    assert ("Machine-drafted" in said) == (not words_of(language).reviewed)
    assert ("Tell a helper" in said) == words_of(language).reviewed  # a fault can wait for whoever reads it
    assert words_of(language).reviewed == (language == "en")


@pytest.mark.parametrize(
    ("language", "seconds", "says"),
    [
        ("en", 1, "1 second"),
        ("en", 59, "59 seconds"),
        ("en", 60, "1 minute"),
        ("en", 90, "90 seconds"),
        ("en", 5_400, "90 minutes"),
        ("en", 3_600, "1 hour"),
        ("en", 7_199, "119 minutes"),
        ("en", 9_000, "2 hours"),
        ("pl", 22 * 3_600, "22 godziny"),
        ("pl", 8 * 3_600, "8 godzin"),
        ("cy", 120, "2 funud"),
        ("ur", 3_600, "1 گھنٹہ"),
    ],
)
def test_times_are_said_as_people_say_them_and_never_rounded_up(language: str, seconds: int, says: str) -> None:
    assert words_of(language).time(seconds).replace("\u00a0", " ") == says


def test_a_language_without_words_is_named_with_those_there_are() -> None:
    assert words_of("cy-GB").language == "cy"
    with pytest.raises(UnknownLanguageError, match="cy, en, pl, ur"):
        words_of("de")
    with pytest.raises(UnknownLanguageError):
        words_of("../phrases/en")


# --- the command -------------------------------------------------------------------------------------


@pytest.fixture
def hub_toml(tmp_path: Path) -> Path:
    for name in ("hub.key", "centre.pem"):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "state" / "plans").mkdir(parents=True)
    path = tmp_path / "hub.toml"
    path.write_text(
        'hub = "hub-1"\nstate_dir = "state"\noutputs = "log"\n[keys]\nhub = "hub.key"\ncentre = ["centre.pem"]\n'
        '[[uplink]]\nname = "main"\nhost = "localhost"\n[driver.wires]\ntype = "gpio"\n[pins]\nfactory = "mock"\n'
        '[[sensor]]\nid = "p"\ndriver = "wires"\naddress = "GPIO17"\nkind = "pendant"\nlocation = "flat"\n'
        'person = "mrs-a"\n'
    )
    return path


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the page instead of the PDF, which takes long and has its own tests."""
    monkeypatch.setattr(command, "print_pdf", lambda page: page(18).encode())


def run(hub_toml: Path, *more: str) -> tuple[Result, str]:
    out = hub_toml.with_name("card.pdf")
    ran = CliRunner().invoke(command.card, ["--config", str(hub_toml), "--out", str(out), *more])
    return ran, out.read_text(encoding="utf-8", errors="replace") if out.exists() else ""


def test_the_command_makes_a_pdf(hub_toml: Path) -> None:
    ran, made = run(hub_toml)
    assert ran.exit_code == 0, ran.output
    assert "by no care plan" in ran.output
    assert made.startswith("%PDF-")


@pytest.mark.usefixtures("drawn")
def test_the_hubs_newest_plan_is_taken_and_its_language(hub_toml: Path) -> None:
    plans = hub_toml.parent / "state" / "plans"
    (plans / "9.json").write_text('{"version": 9, "language": "cy"}')
    (plans / "10.json").write_text('{"version": 10, "language": "pl-PL", "power_cut": {"hub_h": 5}}')
    (plans / "new").write_text("half")
    ran, made = run(hub_toml)
    assert ran.exit_code == 0, ran.output
    assert "in pl, by version 10" in ran.output
    assert "No speaker of pl" in ran.output
    assert "5\u00a0godzin" in made


@pytest.mark.usefixtures("drawn")
def test_a_persons_own_language_comes_first_and_what_was_asked_for_before_all(hub_toml: Path) -> None:
    plan = hub_toml.with_name("plan.toml")
    plan.write_text('version = 1\nlanguage = "en-GB"\n[person.mrs-a]\nlanguage = "ur"\n')
    assert "in en," in run(hub_toml, "--plan", str(plan))[0].output
    assert "in ur," in run(hub_toml, "--plan", str(plan), "--person", "mrs-a")[0].output
    assert "in cy," in run(hub_toml, "--plan", str(plan), "--person", "mrs-a", "--language", "cy")[0].output


@pytest.mark.usefixtures("drawn")
def test_a_plans_language_without_words_gives_english_and_says_so(hub_toml: Path) -> None:
    plan = hub_toml.with_name("plan.toml")
    plan.write_text('version = 1\nlanguage = "de"\n')
    ran, made = run(hub_toml, "--plan", str(plan))
    assert ran.exit_code == 0
    assert "no words in de yet" in ran.output
    assert "Press pendant" in made


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--language", "de"], "choose one of cy, en, pl, ur"),
        (["--person", "mr-z"], "there is mrs-a"),
        (["--plan", "nowhere.toml"], "name the file with the care plan"),
        (["--config", "nowhere.toml"], "name the right file"),
        (["--out", "/nowhere/card.pdf"], "name another file with --out"),
    ],
)
def test_what_cannot_be_made_is_told_with_its_remedy(hub_toml: Path, more: list[str], says: str) -> None:
    ran, _ = run(hub_toml, *more)
    assert ran.exit_code == 2
    assert says in ran.output


@pytest.mark.usefixtures("drawn")
def test_a_plan_that_may_not_be_read_is_no_home_without_one(hub_toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)  # whoever runs the tests may be root
    ran, made = run(hub_toml)
    assert ran.exit_code == 2
    assert "as root or as the hub's user" in ran.output
    assert not made
