"""What the hub says: complete in every language, understood by everybody, and honest about who has read it."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest
import textstat_rs
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from agent.voice.catalogue import FOLDER, catalogue_of, read
from agent.voice.espeak import clean
from agent.voice.phrases import EMERGENCY, LANGUAGES, PHRASES, PROMPTS, REVIEWED, primary, text_key
from rules.actions import PromptName

GRADE_MAX = 4.0
"""Flesch and Kincaid's grade: a reading age of nine."""

WORDS_MAX = 10
"""In a sentence of English: what somebody who is frightened can hold on to."""

ENGLISH = "English: "


def messages(language: str) -> dict[str, Message]:
    with (FOLDER / f"{language}.po").open("rb") as file:
        return {str(each.id): each for each in read_po(file, abort_invalid=True) if each.id}


def words(language: str) -> dict[str, str]:
    return {key: str(message.string) for key, message in messages(language).items()}


def grade(text: str) -> float:
    return textstat_rs.flesch_kincaid_grade(text, lang="en_GB")


def test_the_languages_are_those_that_there_are_files_of() -> None:
    assert sorted(LANGUAGES) == sorted(path.stem for path in FOLDER.iterdir())
    assert {"en", "cy", "pl", "ur"} <= set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_catalogue_misses_a_phrase(language: str) -> None:
    found = messages(language)
    assert list(found) == list(PHRASES)
    assert [key for key, message in found.items() if not str(message.string).strip() or message.fuzzy] == []
    assert set(read(FOLDER / f"{language}.po").words) == set(PHRASES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_placeholder_is_lost(language: str) -> None:
    """There are none: nothing is ever put into a phrase, as it is spoken ahead of time."""
    english = words(REVIEWED)
    for key, said in words(language).items():
        assert re.findall(r"[{}%]", said) == re.findall(r"[{}%]", english[key]) == [], key


@pytest.mark.parametrize("language", LANGUAGES)
def test_gettexts_own_check_finds_nothing(language: str, tmp_path: Path) -> None:
    msgfmt = shutil.which("msgfmt")
    assert msgfmt, "apt install gettext"
    command = [msgfmt, "-c", "--statistics", "-o", str(tmp_path / "out.mo"), str(FOLDER / f"{language}.po")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"LC_ALL": "C"})
    assert done.stderr.strip() == f"{len(PHRASES)} translated messages."


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translator_is_told_when_each_phrase_is_said(language: str) -> None:
    for key, message in messages(language).items():
        told = [line for line in message.auto_comments if not line.startswith(ENGLISH)]
        assert len(" ".join(told)) > 15, key


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != REVIEWED])
def test_a_translation_is_of_the_english_as_it_is_now(language: str) -> None:
    english = words(REVIEWED)
    for key, message in messages(language).items():
        assert f"{ENGLISH}{english[key]}" in message.auto_comments, f"{key}: translate it anew"


def test_only_english_was_reviewed_and_the_others_say_so() -> None:
    reviewed = {language: read(FOLDER / f"{language}.po").reviewed for language in LANGUAGES}
    assert reviewed == {language: language == REVIEWED for language in LANGUAGES}
    drafted = [language for language in LANGUAGES if "MACHINE-DRAFTED" in (FOLDER / f"{language}.po").read_text()]
    assert [language for language, done in reviewed.items() if not done] == drafted


@pytest.mark.parametrize("mark", ["", '"X-Reviewed: no\\n"\n', '"X-Reviewed: maybe\\n"\n', '#"X-Reviewed: yes\\n"\n'])
def test_nobody_is_taken_to_have_read_a_catalogue_that_does_not_say_so(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "xx.po"
    path.write_text(f'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n{mark}')
    assert not read(path).reviewed


def test_what_is_in_doubt_in_a_catalogue_is_not_said(tmp_path: Path) -> None:
    path = tmp_path / "xx.po"
    path.write_text(
        '#, fuzzy\nmsgid "locate"\nmsgstr "Hm."\n\nmsgid "test"\nmsgstr ""\n\nmsgid "power.back"\nmsgstr "Ja."\n'
    )
    assert read(path).words == {"power.back": "Ja."}


def test_english_is_understood_at_nine() -> None:
    assert grade("Notwithstanding supervisory configuration, escalation commences after acknowledgement.") > 15
    assert grade("\n".join(words(REVIEWED).values())) <= GRADE_MAX
    for group in ("call.", "fault.", "reminder.", "message.", "power."):
        assert grade("\n".join(said for key, said in words(REVIEWED).items() if key.startswith(group))) <= GRADE_MAX


def test_a_sentence_is_short() -> None:
    for key, said in words(REVIEWED).items():
        for sentence in re.split(r"[.?!,]", said):
            assert len(sentence.split()) <= WORDS_MAX, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_can_be_spoken_as_it_stands(language: str) -> None:
    for key, said in words(language).items():
        assert clean(said) == said, key
        assert not re.search(r"[0-9/<>&\[\]]", said), key
        assert said[-1] in ".\u06d4", key


def test_an_emergency_promises_nothing_that_is_not_known() -> None:
    for key in EMERGENCY:
        assert not re.search(r"on (its|the) way|coming|soon|minutes|do not worry", words(REVIEWED)[key], re.IGNORECASE)


def test_a_missed_medicine_is_never_told_to_be_taken() -> None:
    assert not re.search(r"\b(take|medicine|tablet|now take)\b", words(REVIEWED)["reminder.missed"])


def test_every_prompt_has_its_phrase() -> None:
    assert set(PROMPTS) == set(get_args(PromptName))
    assert set(PROMPTS.values()) <= set(PHRASES)


def test_an_emergency_is_what_a_call_says() -> None:
    assert {"call.heard", "call.no-line", "nothing-to-cancel"} <= EMERGENCY
    assert "reminder.medication" not in EMERGENCY


@pytest.mark.parametrize(
    ("tag", "language"), [("en-GB", "en"), ("pl_PL", "pl"), ("UR", "ur"), ("de", None), ("", None)]
)
def test_a_language_is_found_by_its_tag(tag: str, language: str | None) -> None:
    found = catalogue_of(tag)
    assert (found.language if found else None) == language
    assert primary(tag) == tag[:2].lower()


def test_the_key_of_a_text_gives_nothing_of_it_away() -> None:
    assert re.fullmatch(r"text\.[0-9a-f]{64}", text_key("Take two of the blue ones."))
    assert text_key("one") != text_key("two")
