"""What texts say: each fits one message in its language, keeps its code whole, and gives nobody away."""

import re
from typing import get_args

import pytest

from agent.sms import gsm7, pdu
from agent.sms.phrases import PHRASES, say
from agent.sms.texting import legible
from rules.actions import SendText, What
from rules.kinds import KINDS
from rules.replies import read_reply

LANGUAGES = sorted(PHRASES)
KIND_NAMES = [kind.name for kind in KINDS]


def text(
    what: What = "alarm", kind: str = "pendant", language: str = "en", *, test: bool = False, code: int = 42
) -> str:
    return say(SendText("t1", "contact-1", 3, language, what, kind, test, code))


def every(language: str, *, test: bool) -> list[str]:
    whats: tuple[What, ...] = get_args(What)
    return [text(what, kind, language, test=test, code=99) for what in whats for kind in (*KIND_NAMES, "unheard-of")]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("test", [False, True])
def test_s12_every_phrase_fits_one_message(language: str, test: bool) -> None:
    for phrase in every(language, test=test):
        septets = gsm7.encode(phrase)
        fits = (
            len(septets) <= pdu.GSM7_MAX if septets is not None else len(phrase.encode("utf-16-be")) <= 2 * pdu.UCS2_MAX
        )
        assert fits, phrase
        pdu.submit("+441632960001", phrase)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_test_says_so_first(language: str) -> None:
    assert all(phrase.startswith("TEST. ") for phrase in every(language, test=True))
    assert not any("TEST" in phrase for phrase in every(language, test=False))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KIND_NAMES)
def test_a_call_carries_its_code_and_its_answer_is_understood(language: str, kind: str) -> None:
    phrase = text(kind=kind, language=language, code=7)
    asked = re.search(r"(\u200e?1 \d\d)\s*$", phrase)
    assert asked is not None, phrase
    assert read_reply(legible(asked[1])) == (1, 7)


@pytest.mark.parametrize("language", LANGUAGES)
def test_s11_a_text_names_no_illness_no_room_and_no_reference(language: str) -> None:
    forbidden = re.compile(r"\b(fall|fell|bed|chair|medic|pill|ill|hub|contact-1|t1|http)|\+\d", re.IGNORECASE)
    for phrase in every(language, test=False):
        assert forbidden.search(phrase) is None, phrase
        assert not re.search(r"\d{3}", phrase), phrase


def test_only_a_call_for_help_asks_for_an_answer_with_a_code() -> None:
    for language in LANGUAGES:
        for what in ("taken", "yours", "over", "not-understood"):
            assert "42" not in text(what, language=language), language


def test_every_language_says_everything_and_no_two_the_same() -> None:
    for language in LANGUAGES:
        assert PHRASES[language].keys() == PHRASES["en"].keys()
        assert len(set(PHRASES[language].values())) == len(PHRASES["en"])


@pytest.mark.parametrize(("asked", "used"), [("cy-GB", "cy"), ("UR", "ur"), ("de", "en"), ("", "en"), ("x" * 50, "en")])
def test_any_other_language_falls_back_to_english(asked: str, used: str) -> None:
    assert text(language=asked) == text(language=used)


def test_who_goes_to_a_smoke_alarm_is_told_so() -> None:
    said = {text(kind=kind).lower() for kind in ("pendant", "smoke", "carbon-monoxide", "flood", "door-button", "fall")}
    assert len(said) == 6
    assert text(kind="fall") == text(kind="inactivity")


@pytest.mark.parametrize(
    "body",
    [
        "1 42",
        "\u200e1 42",
        "\u06f1 \u06f4\u06f2",
        "\u0661 \u0664\u0662",
        "\u2067 1\u2069 42",
        "1, 42 ok",
        " 1-42. On my way!",
    ],
)
def test_answers_as_people_s_telephones_write_them(body: str) -> None:
    assert read_reply(legible(body)) == (1, 42)


@pytest.mark.parametrize("body", ["", "yes", "42", "1 421", "142", "1 42 or 1 43", "²1 42", "x" * 5_000])
def test_what_is_no_answer_is_none(body: str) -> None:
    assert read_reply(legible(body)) is None
