"""What a care plan says that may never leave the hub in the clear: telephone numbers and texts (S11)."""

import re
import unicodedata

import msgspec

from agent.config.strict import Problem, Reader
from agent.plan.tables import PrivateTable
from rules.plan import CONTACTS_MAX

TEXTS_MAX = 64
TEXT_CHARS_MAX = 300
"""S12: longer is no sentence that somebody in need can follow."""

_NO_WORDS = ("Cc", "Cs", "Co", "Cn")
"""Unicode's control characters, and what no keyboard writes."""

REFERENCE = re.compile(r"[a-z0-9-]{1,40}")
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164: at most 15 digits
DIGITS_MAX = 6
"""A reference with more digits than that is a telephone number."""

_NUMBER_LIKE = re.compile(r"\+?(?:[0-9][ ().-]{0,3}){9,}")  # a date has eight
_REFERENCE_WORDS = "a reference of 1 to 40 of a-z, 0-9 and -, never a name or a number"
_NUMBER_WORDS = 'a telephone number in quotes, with + and the country\'s code, such as "+44 7700 900123"'
_TEXT_WORDS = f"a text in quotes of 1 to {TEXT_CHARS_MAX} characters, on one line"


class Private(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers by the contact's reference, as E.164 writes them, and texts by theirs. Shows neither by accident."""

    numbers: dict[str, str] = {}
    texts: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Private({len(self.numbers)} numbers, {len(self.texts)} texts)"


def read_private(reader: Reader, raw: object) -> Private:
    """Read the private table; what is wrong with it is told without repeating any of it."""
    if isinstance(raw, str):
        expected = "a table [private]: this one is encrypted to a hub"
        reader.problems.append(Problem("private", "an encrypted text", expected, "check the plan before it is sealed"))
        return Private()
    if not isinstance(raw, dict):
        reader.problems.append(Problem("private", "another value", "a table [private]", "write it as a table"))
        return Private()
    table = reader.table(raw, PrivateTable, "private")
    if table is None:
        return Private()
    numbers = _entries(reader, table.numbers, "private.numbers", CONTACTS_MAX)
    texts = _entries(reader, table.texts, "private.texts", TEXTS_MAX)
    return Private(
        numbers={key: found for key, value in numbers.items() if (found := _number(reader, key, value))},
        texts={key: found for key, value in texts.items() if (found := _text(reader, key, value))},
    )


def _entries(reader: Reader, raw: object, at: str, most: int) -> dict[str, object]:
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        reader.problems.append(Problem(at, "another value", f"a table [{at}]", "write it as a table"))
        return {}
    if len(raw) > most:  # S12
        reader.problems.append(Problem(at, f"{len(raw)} entries", f"at most {most}", "remove some"))
        return {}
    return {
        key: value for number, (key, value) in enumerate(raw.items(), start=1) if is_reference(reader, key, at, number)
    }


def tellable(key: str) -> bool:
    """Whether a key is a reference, and so may be told: neither a name nor a number (S11)."""
    return REFERENCE.fullmatch(key) is not None and sum(map(str.isdecimal, key)) <= DIGITS_MAX


def is_reference(reader: Reader, key: str, at: str, number: int, digits_max: int = DIGITS_MAX) -> bool:
    """Whether a table's key is a reference; refused by its place, as it may be a name."""
    if REFERENCE.fullmatch(key) and sum(map(str.isdecimal, key)) <= digits_max:
        return True
    found = f"{len(key)} characters (not shown here: they may be a name)"
    reader.problems.append(Problem(f"{at}, entry {number}", found, _REFERENCE_WORDS, "give it another key"))
    return False


def withheld(problem: Problem) -> Problem:
    """Give a problem without what looks like a telephone number: people write those in the wrong place, too (S11)."""
    hidden = (_NUMBER_LIKE.sub("…", each) for each in (problem.key, problem.found, problem.remedy))
    key, found, remedy = hidden
    return Problem(key, found, problem.expected, remedy)


def _number(reader: Reader, key: str, value: object) -> str:
    """Give a number without its spaces."""
    number = value.replace(" ", "") if isinstance(value, str) else ""
    if _NUMBER.fullmatch(number):
        return number
    remedy = "leave out the 0 it begins with at home, and write the country's code before it"
    reader.problems.append(Problem(f"private.numbers.{key}", "something else (not shown here)", _NUMBER_WORDS, remedy))
    return ""


def sentence(value: object) -> str:
    """Give a text that can be said, without the spaces around it; an empty one for what is none."""
    text = value.strip() if isinstance(value, str) else ""
    sayable = 0 < len(text) <= TEXT_CHARS_MAX and not any(unicodedata.category(each) in _NO_WORDS for each in text)
    return text if sayable else ""


def _text(reader: Reader, key: str, value: object) -> str:
    text = sentence(value)
    if text:
        return text
    reader.problems.append(
        Problem(f"private.texts.{key}", "something else (not shown here)", _TEXT_WORDS, "correct it")
    )
    return ""
